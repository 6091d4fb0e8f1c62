"""JupyterLab for tests: a server of its own, notebooks made of cells, and running them by hand."""

import contextlib
import json
import secrets

from course_files import ROOT, code_cells
from servers import free_port, served
from waiting import wait_until


def cell(source):
    return {
        "cell_type": "code",
        "execution_count": None,
        "id": secrets.token_hex(4),
        "metadata": {},
        "outputs": [],
        "source": source,
    }


def write(content, path):
    path.write_text(json.dumps(content), encoding="utf-8")


def notebook_of(cells):
    kernel = {"display_name": "Python 3 (ipykernel)", "language": "python", "name": "python3"}
    return {
        "cells": list(cells),
        "metadata": {"kernelspec": kernel},
        "nbformat": 4,
        "nbformat_minor": 5,
    }


@contextlib.contextmanager
def started_lab(folder):
    """The address of a running JupyterLab, as a format for the name of a notebook.

    The notebooks lie in `notebooks` in the folder.
    """
    # The corner where JupyterLab announces its news is where buttons are; a browser test must not
    # fetch them either.
    (folder / "config" / "labconfig").mkdir(parents=True)
    switched_off = {"disabledExtensions": {"@jupyterlab/apputils-extension:announcements": True}}
    write(switched_off, folder / "config" / "labconfig" / "page_config.json")
    port = free_port()
    token = secrets.token_hex(16)
    command = ["jupyterlab", "--no-browser", "--allow-root", "--ip=127.0.0.1", f"--port={port}"]
    command += [f"--IdentityProvider.token={token}", "--ServerApp.port_retries=0"]
    url = f"http://127.0.0.1:{port}/api/status?token={token}"
    slides = str(ROOT / "tools" / "slides")
    variables = {"JUPYTER_PATH": slides, "JUPYTER_CONFIG_PATH": slides}
    with served(command, url, folder=folder, cwd=folder, **variables):
        yield f"http://127.0.0.1:{port}/lab/tree/notebooks/{{}}.ipynb?reset&token={token}"


def run_all_cells(page, path):
    # Before the status bar says that the kernel is idle, and a moment longer, the menu's command
    # does nothing.
    page.get_by_text("| Idle").wait_for(timeout=180_000)
    page.wait_for_timeout(2500)
    page.get_by_role("menuitem", name="Run", exact=True).click()
    page.get_by_role("menuitem", name="Run All Cells", exact=True).click()
    wait_until(lambda: finished(page, path), f"{path.stem} has run", seconds=600)
    page.wait_for_timeout(1000)


def finished(page, path):
    """True when every code cell has run or one has failed, as the saved notebook tells."""
    page.wait_for_timeout(1000)
    page.keyboard.press("Control+s")
    page.wait_for_timeout(500)
    try:
        return all(cell["execution_count"] for cell in code_cells(path)) or errors_in(path)
    except json.JSONDecodeError:
        return False  # it is being written at this very moment


def errors_in(path):
    outputs = [output for cell in code_cells(path) for output in cell["outputs"]]
    return [
        f"{output['ename']}: {output['evalue']}"
        for output in outputs
        if output["output_type"] == "error"
    ]
