"""`make lab`: the server answers this computer alone and only with its token; whatever ends it frees its port and its processes."""

import json
import os
import re
import shlex
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from types import SimpleNamespace

import psutil
import pytest
from course_files import ROOT
from test_browser import free_port

make = pytest.mark.skipif(
    sys.platform == "win32" or not (ROOT / "Makefile").is_file(), reason="needs make"
)


@pytest.fixture
def lab(tmp_path):
    """`make lab` in the environment of the tests, with one kernel: its process, port, token and all processes."""
    (tmp_path / "bin").mkdir()
    python = tmp_path / "bin" / "python"
    python.write_text(f'#!/bin/sh\nexec {shlex.quote(sys.executable)} "$@"\n')
    python.chmod(0o755)
    (tmp_path / "course").write_text(f"{ROOT}\n")  # as after an installation
    port = free_port()
    own = {
        f"JUPYTER_{kind}_DIR": str(tmp_path / kind.lower())
        for kind in ("CONFIG", "DATA", "RUNTIME")
    }
    flags = f"--no-browser --allow-root --ServerApp.port={port} --ServerApp.port_retries=0"
    command = ["make", "lab", f"VENV={tmp_path}", f"OWN={tmp_path / 'own'}", f"LAB_FLAGS={flags}"]
    environment = {**os.environ, **own, "PYTHONPATH": str(ROOT)}
    with open(tmp_path / "log", "w") as log:
        options = {
            "cwd": ROOT,
            "env": environment,
            "stdin": subprocess.DEVNULL,
            "stdout": log,
            "stderr": log,
        }
        process = subprocess.Popen(command, start_new_session=True, **options)
    everything = []
    try:
        wait_until(lambda: answers(port) or process.poll() is not None)
        (settings,) = (tmp_path / "runtime").glob("jpserver-*.json")
        token = json.loads(settings.read_text())["token"]
        assert answers(port, f"/api/kernels?token={token}", data=b"{}") == 201
        everything += [
            psutil.Process(process.pid),
            *psutil.Process(process.pid).children(recursive=True),
        ]
        assert len(everything) >= 3, "make, the server, the kernel"
        yield SimpleNamespace(
            process=process, port=port, token=token, everything=everything, log=tmp_path / "log"
        )
    finally:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
        for one in everything:
            if one.is_running():
                one.kill()
        process.wait(10)


def wait_until(condition, *, seconds=90):
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, f"waited {seconds} s in vain"
        time.sleep(0.1)


def answers(port, path="/api", data=None):
    """The number that a server answers with, None for none."""
    try:
        return urllib.request.urlopen(
            urllib.request.Request(f"http://127.0.0.1:{port}{path}", data=data), timeout=5
        ).status
    except urllib.error.HTTPError as error:
        return error.code
    except OSError:
        return None


def is_over(lab):
    gone, alive = psutil.wait_procs(lab.everything, timeout=15)
    alive = [process for process in alive if process.status() != psutil.STATUS_ZOMBIE]
    return alive == [] and answers(lab.port) is None


@make
def test_the_server_listens_to_this_computer_alone_and_wants_its_token(lab):
    addresses = {
        listening.laddr.ip
        for process in lab.everything
        for listening in connections(process)
        if listening.status == "LISTEN"
    }
    assert addresses and addresses <= {"127.0.0.1", "::1"}
    assert (
        len(lab.token) >= 32
        and answers(lab.port, "/api/kernels")
        == answers(lab.port, "/api/contents?token=guess")
        == 403
    )
    assert answers(lab.port, f"/api/kernels?token={lab.token}") == 200
    assert re.search(
        rf"http://localhost:{lab.port}/lab/tree/my-notebooks/notebooks/00_start_here.ipynb\?token={lab.token}",
        lab.log.read_text(),
    )


@pytest.fixture
def demo(tmp_path):
    """The demonstration with a token and one empty page: its process and port."""
    pytest.importorskip("voila", reason="the demonstration needs Voila")
    (tmp_path / "tiles.json").write_text("[]")
    (tmp_path / "page.ipynb").write_text(
        json.dumps({"cells": [], "metadata": {}, "nbformat": 4, "nbformat_minor": 5})
    )
    port = free_port()
    settings = ROOT / "tools" / "demo"
    own = {
        "JUPYTER_PATH": str(settings),
        "JUPYTER_RUNTIME_DIR": str(tmp_path / "runtime"),
        "LECTURE_DEMO": str(tmp_path),
    }
    command = [
        sys.executable,
        "-m",
        "voila",
        "--no-browser",
        f"--port={port}",
        "--Voila.port_retries=0",
        "--Voila.config_file_paths=settings",
        "--WarmKernels.spare=0",
    ]
    with open(tmp_path / "log", "w") as log:
        environment = {**os.environ, **own, "LECTURE_DEMO_TOKEN": "secret"}
        process = subprocess.Popen(
            command, cwd=settings, env=environment, stdin=subprocess.DEVNULL, stdout=log, stderr=log
        )
    try:
        wait_until(lambda: answers(port, "/") or process.poll() is not None)
        yield SimpleNamespace(process=psutil.Process(process.pid), port=port)
    finally:
        process.terminate()
        process.wait(30)


def test_the_demonstration_listens_to_this_computer_alone_and_wants_its_token(demo):
    addresses = {
        listening.laddr.ip
        for listening in connections(demo.process)
        if listening.status == "LISTEN"
    }
    assert addresses and addresses <= {"127.0.0.1", "::1"}
    assert "/login" in opened(demo.port, "/") and "/login" in opened(
        demo.port, "/voila/render/page.ipynb"
    )
    assert "/login" not in opened(demo.port, "/?token=secret") and "/login" in opened(
        demo.port, "/?token=guess"
    )


def opened(port, path):
    """The address that a browser ends at."""
    return urllib.request.urlopen(f"http://127.0.0.1:{port}{path}", timeout=10).geturl()


def connections(process):
    return (
        process.net_connections() if hasattr(process, "net_connections") else process.connections()
    )


@make
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
