"""Run notebooks and say how long each takes and how large its kernel gets: python docs/measure_notebooks.py [NOTEBOOK ...]

The table in README.md is made of these numbers: minutes from start to end, TensorFlow's import included, and the most memory that the
kernel held. The notebooks in the folder stay as they are.

Whether the table's minutes are still true: python docs/measure_notebooks.py --check REPORT, the XML report of a run of all notebooks as
tests. How fast its machine was and what else ran there cancels out, for shares of the whole are compared: each notebook's part of the
table's minutes with its part of the report's, which may differ by a factor of two, or by half a minute: starting a kernel is in the
table and not in the report, and TensorFlow wakes more slowly beside another notebook than alone. Memory is not in the report and
not checked.
"""

import contextlib
import re
import sys
import tempfile
import time
from pathlib import Path
from xml.etree import ElementTree

import psutil

ROOT = Path(__file__).parent.parent
NOTEBOOKS = sorted((ROOT / "notebooks").glob("*.ipynb"))
STARTING = 30  # seconds that the start of a notebook may take more or less than on another day


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


def minutes_of(readme):
    """{notebook: minutes} as the table of the README says."""
    rows = re.findall(r"^\|.*notebooks/(\w+)\.ipynb\).*\| ([\d.]+) \| [\d.]+ GB \|$", readme, re.MULTILINE)
    return {name: float(minutes) for name, minutes in rows}


def seconds_of(report):
    """{notebook: seconds} in the XML report of a run of the notebooks as tests, their cells added up."""
    seconds = {}
    for case in ElementTree.fromstring(report).iter("testcase"):
        name = case.get("classname").removesuffix(".ipynb").split(".")[-1]
        seconds[name] = seconds.get(name, 0) + float(case.get("time"))
    return seconds


def outdated(said, measured):
    """A sentence for each notebook whose share of the time measured is beyond twice or half its share of what is said."""
    for name in sorted(said.keys() | measured.keys()):
        if name not in said or name not in measured:
            yield f"{name} is only in the {'table' if name in said else 'report'}."
            continue
        expected = said[name] / sum(said.values()) * sum(measured.values())
        if not expected / 2 <= measured[name] <= expected * 2 and abs(measured[name] - expected) > STARTING:
            yield f"{name} took {measured[name]:.0f} s where the table in README.md, at this machine's speed, lets expect {expected:.0f} s."


def check(report):
    """Ends with an error that names what is outdated, if anything is."""
    said = minutes_of((ROOT / "README.md").read_text(encoding="utf-8"))
    wrong = list(outdated(said, seconds_of(Path(report).read_text(encoding="utf-8"))))
    sys.exit("\n".join([*wrong, "Measure anew: python docs/measure_notebooks.py"]) if wrong else 0)


if __name__ == "__main__" and sys.argv[1:2] == ["--check"]:
    check(sys.argv[2])
elif __name__ == "__main__":
    with tempfile.TemporaryDirectory() as folder:
        for path in [Path(name) for name in sys.argv[1:]] or NOTEBOOKS:
            minutes, memory = measure(path, folder)
            print(f"{path.stem:24} {minutes:.1f} min  {memory:.1f} GB", flush=True)
