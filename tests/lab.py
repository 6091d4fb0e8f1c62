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
    command += ["--LabApp.expose_app_in_browser=True"]  # as window.jupyterapp
    url = f"http://127.0.0.1:{port}/api/status?token={token}"
    slides = str(ROOT / "tools" / "slides")
    variables = {"JUPYTER_PATH": slides, "JUPYTER_CONFIG_PATH": slides}
    with served(command, url, folder=folder, cwd=folder, **variables):
        yield f"http://127.0.0.1:{port}/lab/tree/notebooks/{{}}.ipynb?reset&token={token}"


# The notebook in front: its kernel is connected and idle, and the menu's command is enabled.
IS_READY = """() => {
    const front = window.jupyterapp?.shell.currentWidget;
    const context = front?.context?.sessionContext;
    const kernel = context?.isReady && context.session?.kernel;
    return Boolean(
        kernel &&
        kernel.connectionStatus === "connected" &&
        kernel.status === "idle" &&
        front.content.activeCell &&
        jupyterapp.commands.isEnabled("runmenu:run-all")
    );
}"""
# Of each code cell that holds any code: its count, and whether it is running or waits for its turn.
PROGRESS = """jupyterapp.shell.currentWidget.content.widgets
    .map((cell) => cell.model)
    .filter((cell) => cell.type === "code" && cell.sharedModel.source.trim())
    .map((cell) => [cell.executionCount, cell.executionState === "running"])"""
HAS_BEGUN = f"(before) => JSON.stringify({PROGRESS}) !== JSON.stringify(before)"
IS_OVER = f"() => !{PROGRESS}.some(([_, isRunning]) => isRunning)"
# Each widget of the notebook in front has been drawn, and each picture of it.
IS_DRAWN = """() => {
    const front = jupyterapp.shell.currentWidget.node;
    const pictures = [...front.querySelectorAll(".jp-OutputArea img")];
    return (
        !front.innerText.includes("Loading widget...") && pictures.every((one) => one.complete)
    );
}"""


def run_all_cells(page, path):
    """Run the notebook in front by the menu, save it by its keys, and wait for its panels."""
    wait_in(page, IS_READY, seconds=180)
    before = page.evaluate(PROGRESS)
    page.get_by_role("menuitem", name="Run", exact=True).click()
    page.get_by_role("menuitem", name="Run All Cells", exact=True).click()
    wait_in(page, HAS_BEGUN, before)
    wait_in(page, IS_OVER, seconds=600)
    save(page, path)
    wait_in(page, IS_DRAWN)


def wait_in(page, condition, given=None, *, seconds=90):
    """Wait until a page finds a condition of JavaScript to be true, given a value."""
    page.wait_for_function(condition, arg=given, timeout=1000 * seconds, polling=100)


def save(page, path):
    """Save the notebook in front, and wait until the file holds what has run."""
    before = path.stat().st_mtime_ns
    counts = [count for count, _ in page.evaluate(PROGRESS)]
    page.keyboard.press("Control+s")
    wait_until(lambda: is_saved(path, counts, before), f"{path.stem} is saved", seconds=90)


def is_saved(path, counts, before):
    """Whether a file has been written since a moment and holds these counts of its cells."""
    if path.stat().st_mtime_ns == before:
        return False
    try:
        return [cell["execution_count"] for cell in code_cells(path)] == counts
    except json.JSONDecodeError:
        return False  # it is being written at this very moment


def errors_in(path):
    outputs = [output for cell in code_cells(path) for output in cell["outputs"]]
    return [
        f"{output['ename']}: {output['evalue']}"
        for output in outputs
        if output["output_type"] == "error"
    ]
