"""`make lab` and the demonstration: they answer this computer alone and only with their token.

Whatever ends `make lab` frees its port and its processes.
"""

import contextlib
import json
import os
import re
import shlex
import signal
import sys
import time
import urllib.request
from types import SimpleNamespace

import psutil
import pytest
from course_files import ROOT
from servers import free_port, logged, own_folders, status_of, still_running
from waiting import wait_until

needs_make = pytest.mark.skipif(
    sys.platform == "win32" or not (ROOT / "Makefile").is_file(), reason="needs make"
)


@pytest.fixture
def environment(tmp_path):
    """A folder that `make` takes for an environment with the course: that of the tests."""
    (tmp_path / "bin").mkdir()
    python = tmp_path / "bin" / "python"
    python.write_text(f'#!/bin/sh\nexec {shlex.quote(sys.executable)} "$@"\n')
    python.chmod(0o755)
    (tmp_path / "course").write_text(f"{ROOT}\n")  # as after an installation
    return tmp_path


@pytest.fixture
def lab(environment):
    """`make lab` with one kernel: its process, port, token and all processes."""
    port = free_port()
    everything = []
    with started_lab(port, environment) as process:
        try:
            token = token_of(port, process, environment)
            everything += with_children(process)
            assert len(everything) >= 3, "make, the server, the kernel"
            about = {"process": process, "port": port, "token": token, "folder": environment}
            yield SimpleNamespace(everything=everything, **about)
        finally:
            end_all(process, everything)


def started_lab(port, environment):
    """`make lab` on a port, as a process with a log; what it writes lies in the environment."""
    flags = f"--no-browser --allow-root --ServerApp.port={port} --ServerApp.port_retries=0"
    own = f"OWN={environment / 'own'}"
    command = ["make", "lab", f"VENV={environment}", own, f"LAB_FLAGS={flags}"]
    variables = {**os.environ, **own_folders(environment), "PYTHONPATH": str(ROOT)}
    options = {"cwd": ROOT, "env": variables, "start_new_session": True}
    return logged(command, environment / "log", **options)


def token_of(port, process, folder):
    """The token of a server that has just been started, and that starts a kernel with it."""
    wait_until(lambda: answers(port) or process.poll() is not None)
    (settings,) = (folder / "runtime").glob("jpserver-*.json")
    token = json.loads(settings.read_text())["token"]
    assert answers(port, f"/api/kernels?token={token}", data=b"{}") == 201
    return token


def with_children(process):
    return [psutil.Process(process.pid), *psutil.Process(process.pid).children(recursive=True)]


def end_all(process, everything):
    """Kill what a test has left running."""
    if process.poll() is None:
        os.killpg(process.pid, signal.SIGKILL)
    for one in everything:
        with contextlib.suppress(psutil.NoSuchProcess):
            one.kill()
    process.wait(90)


def answers(port, path="/api", data=None):
    """The number that a server answers with, None for none."""
    return status_of(f"http://127.0.0.1:{port}{path}", data)


def is_over(lab):
    return still_running(lab.everything, seconds=90) == [] and answers(lab.port) is None


@needs_make
def test_the_server_listens_to_this_computer_alone_and_wants_its_token(lab):
    assert addresses_of(*lab.everything) <= {"127.0.0.1", "::1"}
    assert len(lab.token) >= 32
    assert answers(lab.port, "/api/kernels") == 403
    assert answers(lab.port, "/api/contents?token=guess") == 403
    assert answers(lab.port, f"/api/kernels?token={lab.token}") == 200
    first = "lab/tree/my-notebooks/notebooks/00_start_here.ipynb"
    address = rf"http://localhost:{lab.port}/{first}\?token={lab.token}"
    log = (lab.folder / "log").read_text()
    assert re.search(address, log)
    above_the_address = log.partition("To access the server")[0]
    assert not re.search("warning|deprecated", above_the_address, re.IGNORECASE)


def addresses_of(*processes):
    """The addresses that processes listen to, at least one; what has ended listens to none."""
    found = set()
    for process in processes:
        with contextlib.suppress(psutil.NoSuchProcess):
            for connection in connections(process):
                if connection.status == "LISTEN":
                    found.add(connection.laddr.ip)
    assert found
    return found


@pytest.fixture
def demo(tmp_path):
    """The demonstration with a token and one empty page: its process and port."""
    pytest.importorskip("voila", reason="the demonstration needs Voila")
    (tmp_path / "tiles.json").write_text("[]")
    empty = {"cells": [], "metadata": {}, "nbformat": 4, "nbformat_minor": 5}
    (tmp_path / "page.ipynb").write_text(json.dumps(empty))
    port = free_port()
    with started_demo(port, tmp_path) as process:
        try:
            wait_until(lambda: answers(port, "/") or process.poll() is not None)
            yield SimpleNamespace(process=psutil.Process(process.pid), port=port)
        finally:
            process.terminate()
            process.wait(90)


def started_demo(port, folder):
    """Voila with the pages of a folder on a port, as a process with a log."""
    settings = ROOT / "tools" / "demo"
    command = [sys.executable, "-m", "voila", "--no-browser", f"--port={port}"]
    command += ["--Voila.port_retries=0", "--Voila.config_file_paths=settings"]
    command += ["--WarmKernels.spare=0"]
    own = {
        "JUPYTER_PATH": str(settings),
        "JUPYTER_RUNTIME_DIR": str(folder / "runtime"),
        "LECTURE_DEMO": str(folder),
        "LECTURE_DEMO_TOKEN": "secret",
    }
    return logged(command, folder / "log", cwd=settings, env={**os.environ, **own})


def test_the_demonstration_listens_to_this_computer_alone_and_wants_its_token(demo):
    assert addresses_of(demo.process) <= {"127.0.0.1", "::1"}
    assert "/login" in opened(demo.port, "/")
    assert "/login" in opened(demo.port, "/voila/render/page.ipynb")
    assert "/login" in opened(demo.port, "/?token=guess")
    assert "/login" not in opened(demo.port, "/?token=secret")


def opened(port, path):
    """The address that a browser ends at."""
    return urllib.request.urlopen(f"http://127.0.0.1:{port}{path}", timeout=60).geturl()


def connections(process):
    return (
        process.net_connections() if hasattr(process, "net_connections") else process.connections()
    )


@needs_make
@pytest.mark.parametrize(
    "how", ["ctrl-c twice", "the terminal is closed", "terminated", "the server is killed"]
)
def test_whatever_ends_make_lab_frees_its_port_and_processes(lab, how):
    if how == "ctrl-c twice":
        for _ in range(2):
            os.killpg(lab.process.pid, signal.SIGINT)
            time.sleep(0.5)
    elif how == "the terminal is closed":
        os.killpg(lab.process.pid, signal.SIGHUP)
    elif how == "terminated":
        lab.process.terminate()
    else:
        lab.everything[1].kill()
    assert is_over(lab)
