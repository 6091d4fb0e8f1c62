"""Run notebooks and say how long each takes and how large its kernel gets: python docs/measure_notebooks.py [NOTEBOOK ...]

The table in README.md is made of these numbers: minutes from start to end, TensorFlow's import included, and the most memory that the
kernel held. The notebooks in the folder stay as they are.
"""

import contextlib
import sys
import tempfile
import time
from pathlib import Path

import psutil

NOTEBOOKS = sorted((Path(__file__).parent.parent / "notebooks").glob("*.ipynb"))


def measure(path, folder):
    """(minutes, gigabytes) of one run of a notebook, its outputs written to another folder."""
    command = [sys.executable, "-m", "nbconvert", "--to", "notebook", "--execute", "--log-level", "ERROR", "--output-dir", folder, path]
    start, largest = time.monotonic(), 0
    process = psutil.Popen(command)
    while process.poll() is None:
        for child in process.children(recursive=True):  # the kernel and what it starts
            with contextlib.suppress(psutil.NoSuchProcess):
                largest = max(largest, child.memory_info().rss)
        time.sleep(0.2)
    if process.returncode:
        sys.exit(f"{path.name} ended with an error.")
    return (time.monotonic() - start) / 60, largest / 1e9


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as folder:
        for path in [Path(name) for name in sys.argv[1:]] or NOTEBOOKS:
            minutes, memory = measure(path, folder)
            print(f"{path.stem:24} {minutes:.1f} min  {memory:.1f} GB", flush=True)
