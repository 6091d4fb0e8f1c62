"""Run notebooks and say what each costs: python tools/measure_notebooks.py [NOTEBOOK ...]

The table in README.md is made of these numbers: minutes from start to end and seconds to the first
picture, TensorFlow's import included, the most memory that the kernel held, and what the notebook
is better with. The notebooks in the folder stay as they are.

Whether the table's minutes are still true: python tools/measure_notebooks.py --check REPORT, the
XML report of a run of all notebooks as
tests. How fast its machine was and what else ran there cancels out, for shares of the whole are
compared: each notebook's part of the table's minutes with its part of the report's, which may
differ by a factor of two, or by half a minute: starting a kernel is in the table and not in the
report, and TensorFlow wakes more slowly beside another notebook than alone. Memory and the first
picture are not in the report and not checked.
"""

import contextlib
import csv
import json
import re
import sys
import tempfile
import time
from datetime import datetime
from pathlib import Path
from typing import NamedTuple
from xml.etree import ElementTree

import psutil
from cells import course_notebooks

ROOT = Path(__file__).parent.parent
NOTEBOOKS = course_notebooks(ROOT / "notebooks")
# what a notebook's code says that looks for it, what it is, and its file in
# data/tables/downloads.tsv
EXTRAS = (
    ('"squeezenet"', "SqueezeNet", "squeezenet1.1/squeezenet1.1.bin"),
    ("tiny_imagenet_is_here()", "Tiny ImageNet", "tiny-imagenet-200.zip"),
)
STARTING = 30  # seconds that the start of a notebook may take more or less than on another day


class Cost(NamedTuple):
    """What one run costs.

    minutes: from start to end. first_picture: seconds until it is there. memory: the most gigabytes
    of the kernel.
    """

    minutes: float
    first_picture: float
    memory: float


def measure(path, folder):
    """The Cost of one run of a notebook, its outputs written to another folder."""
    command = [
        sys.executable,
        "-m",
        "nbconvert",
        "--to",
        "notebook",
        "--execute",
        "--log-level",
        "ERROR",
        "--output-dir",
        folder,
        path,
    ]
    start = time.monotonic()
    begun = time.time()
    largest = 0
    process = psutil.Popen(command)
    while process.poll() is None:
        for child in process.children(recursive=True):  # the kernel and what it starts
            with contextlib.suppress(psutil.NoSuchProcess):
                largest = max(largest, child.memory_info().rss)
        time.sleep(0.2)
    if process.returncode:
        sys.exit(f"{path.name} ended with an error.")
    minutes = (time.monotonic() - start) / 60
    return Cost(
        minutes,
        first_picture(json.loads((Path(folder) / path.name).read_text(encoding="utf-8"))) - begun,
        largest / 1e9,
    )


def first_picture(notebook):
    """When the first cell that shows a picture ended, in seconds since 1970, as recorded."""
    for cell in notebook["cells"]:
        pages = [
            "".join(output.get("data", {}).get("text/html", ""))
            for output in cell.get("outputs", [])
        ]
        if any("<img" in page for page in pages):
            return datetime.fromisoformat(
                cell["metadata"]["execution"]["shell.execute_reply"].replace("Z", "+00:00")
            ).timestamp()


def better_with(notebook):
    """What a notebook looks for, and does without where it is not: "SqueezeNet, 2 MB", or a dash.

    Sizes are those of data/tables/downloads.tsv.
    """
    with open(ROOT / "data" / "tables" / "downloads.tsv", encoding="utf-8", newline="") as table:
        sizes = {
            row["name"]: int(row["bytes"])
            for row in csv.DictReader(table, delimiter="\t")
            if row["bytes"]
        }
    code = "".join(
        "".join(cell["source"]) for cell in notebook["cells"] if cell["cell_type"] == "code"
    )
    found = [f"{what}, {sizes[file] / 1e6:.0f} MB" for word, what, file in EXTRAS if word in code]
    return "; ".join(found) or "–"


def minutes_of(readme):
    """{notebook: minutes} as the table of the README says."""
    return {name: float(minutes) for name, minutes, _ in rows_of(readme)}


def rows_of(readme):
    """(notebook, minutes, what it is better with) of each row of the table, as texts."""
    return re.findall(
        r"^\|.*notebooks/(\w+)\.ipynb\).*\| ([\d.]+) \| [\d.]+ s \| [\d.]+ GB \| (.*) \|$",
        readme,
        re.MULTILINE,
    )


def seconds_of(report):
    """{notebook: seconds} in the XML report of the notebooks' tests, their cells added up."""
    seconds = {}
    for case in ElementTree.fromstring(report).iter("testcase"):
        name = case.get("classname").removesuffix(".ipynb").split(".")[-1]
        seconds[name] = seconds.get(name, 0) + float(case.get("time"))
    return seconds


def outdated(said, measured):
    """A sentence for each notebook whose share of the time is not within a factor of two."""
    for name in sorted(said.keys() | measured.keys()):
        if name not in said or name not in measured:
            yield f"{name} is only in the {'table' if name in said else 'report'}."
            continue
        expected = said[name] / sum(said.values()) * sum(measured.values())
        if (
            not expected / 2 <= measured[name] <= expected * 2
            and abs(measured[name] - expected) > STARTING
        ):
            yield (
                f"{name} took {measured[name]:.0f} s where the table in README.md, at this "
                f"machine's speed, lets expect {expected:.0f} s."
            )


def check(report):
    """Ends with an error that names what is outdated, if anything is."""
    said = minutes_of((ROOT / "README.md").read_text(encoding="utf-8"))
    wrong = list(outdated(said, seconds_of(Path(report).read_text(encoding="utf-8"))))
    sys.exit("\n".join([*wrong, "Measure anew: python tools/measure_notebooks.py"]) if wrong else 0)


if __name__ == "__main__" and sys.argv[1:2] == ["--check"]:
    check(sys.argv[2])
elif __name__ == "__main__":
    with tempfile.TemporaryDirectory() as folder:
        for path in [Path(name) for name in sys.argv[1:]] or NOTEBOOKS:
            minutes, first, memory = measure(path, folder)
            extras = better_with(json.loads(path.read_text(encoding="utf-8")))
            print(
                f"{path.stem:24} | {minutes:.1f} | {first:.0f} s | {memory:.1f} GB | {extras} |",
                flush=True,
            )
