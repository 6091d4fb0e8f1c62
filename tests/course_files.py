"""Where the parts of the course lie, for the tests of its structure."""

import json
import re
import subprocess
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
LIBRARY = ROOT / "lecture_lib"
NOTEBOOKS = sorted((ROOT / "notebooks").glob("[0-9][0-9]_*.ipynb"))


def topics():
    """What the notebooks from 01 on are about: their names without the number."""
    return [path.stem[3:] for path in NOTEBOOKS if not path.stem.startswith("00_")]


def modules():
    """The files of lecture_lib, as paths below it."""
    return sorted(path.relative_to(LIBRARY) for path in LIBRARY.rglob("*.py"))


def tracked_text_files():
    """Every text file that git knows; outside a clone, the files of the course's own folders."""
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True)
    paths = [ROOT / name for name in listed.stdout.split("\0") if name]
    paths = paths or [*ROOT.glob("*.*"), *ROOT.glob("[a-z]*/*.*")]
    return [path for path in paths if path.is_file() and b"\0" not in path.read_bytes()[:8000]]


def cells_of(path):
    """The cells of a notebook."""
    return json.loads(path.read_text(encoding="utf-8"))["cells"]


def code_cells(path):
    """The code cells of a notebook that hold any code."""
    return [
        cell
        for cell in cells_of(path)
        if cell["cell_type"] == "code" and "".join(cell["source"]).strip()
    ]


def prose_of(path):
    """The words of a notebook, or of a page."""
    if path.suffix != ".ipynb":
        return path.read_text(encoding="utf-8")
    prose = [cell for cell in cells_of(path) if cell["cell_type"] == "markdown"]
    return "\n".join("".join(cell["source"]) for cell in prose)


def images_of(path):
    """The words (or None) of every picture in the stored outputs of a notebook.

    A picture is stored as a file or within HTML.
    """
    for cell in code_cells(path):
        for output in cell["outputs"]:
            yield from _words_of_images(output)


def _words_of_images(output):
    for kind in output.get("data", {}):
        if kind.startswith("image/"):
            yield output["metadata"].get(kind, {}).get("alt")
    page = "".join(output.get("data", {}).get("text/html", []))
    for tag in re.findall(r"<img\b[^>]*>", page):
        words = re.search(r'\balt="([^"]*)"', tag)
        yield words and words.group(1)
