"""Servers that a test starts, and waiting for them."""

import contextlib
import os
import socket
import subprocess
import sys
import urllib.error
import urllib.request

import psutil
from course_files import ROOT
from waiting import wait_until


def free_port():
    """A port of this computer that nobody uses now."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return free.getsockname()[1]


def status_of(url, data=None):
    """The number that a server answers with, None for no answer."""
    request = urllib.request.Request(url, data=data)
    try:
        return urllib.request.urlopen(request, timeout=60).status
    except urllib.error.HTTPError as error:
        return error.code
    except OSError:
        return None


def own_folders(folder):
    """Variables that give Jupyter its settings, data and runtime files in a folder of its own."""
    kinds = ("CONFIG", "DATA", "RUNTIME")
    return {f"JUPYTER_{kind}_DIR": str(folder / kind.lower()) for kind in kinds}


def still_running(processes, *, seconds):
    """Those of the processes that are neither over after a while nor wait to be collected."""
    running = []
    for process in psutil.wait_procs(processes, timeout=seconds)[1]:
        with contextlib.suppress(psutil.NoSuchProcess):
            if process.status() != psutil.STATUS_ZOMBIE:
                running.append(process)
    return running


@contextlib.contextmanager
def logged(command, log, **options):
    """A process without input that writes into a log; its `options` are those of Popen."""
    with open(log, "w") as file:
        streams = {"stdin": subprocess.DEVNULL, "stdout": file, "stderr": file}
        yield subprocess.Popen(command, **streams, **options)


def kill(process):
    """Kill a process with all that it has started: there is nothing that it should keep."""
    with contextlib.suppress(psutil.NoSuchProcess):
        started = psutil.Process(process.pid).children(recursive=True)
        process.kill()
        for one in started:
            with contextlib.suppress(psutil.NoSuchProcess):
                one.kill()
    process.wait(90)


@contextlib.contextmanager
def served(command, url, *, folder, cwd, **variables):
    """While a server runs: a module of Python with its options, until the url answers.

    Its settings and its log are in a folder of its own.
    """
    own = {"JUPYTER_PREFER_ENV_PATH": "1", "PYTHONPATH": str(ROOT), **own_folders(folder)}
    environment = {**os.environ, **own, **variables}
    command = [sys.executable, "-m", *command]
    with logged(command, folder / "server.log", cwd=cwd, env=environment) as server:
        try:
            wait_until(lambda: status_of(url) == 200, f"{command[2]} answers", seconds=90)
            yield
        finally:
            kill(server)
