"""Where the parts of the course lie, for the tests of its structure."""

import json
import re
import subprocess
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
NOTEBOOKS = sorted((ROOT / "notebooks").glob("*.ipynb"))
# What every topic may use; whatever else is in lecture_lib is a topic with a notebook and a test of its own.
SHARED = {
    "backend",
    "models",
    "zoo",
    "surgery",
    "nets",
    "drawing_nets",
    "downloads",
    "images",
    "pictures",
    "digits",
    "scores",
    "gradients",
    "transforms",
    "ascent",
    "page",
    "plots",
    "charts",
    "widgets",
    "panel",
    "controls",
    "setup_check",
    "picture_sets",
    "exercises",
    "feature_cache",
    "picture_map",
    "receptive_field",
    "touched",
    "batches",
    "attacks",
    "sweeps",
    "octaves",
    "painted_styles",
    "priors",
    "painted",
    "certificates",
    "survival",
    "quiz_panel",
    "exchange",
    "picture_list",
}


def modules():
    """The files of lecture_lib."""
    return sorted((ROOT / "lecture_lib").glob("*.py"))


def topics():
    """What the notebooks from 01 on are about: their names without the number."""
    return [path.stem[3:] for path in NOTEBOOKS if not path.stem.startswith("00_")]


def tracked_text_files():
    """Every text file that git knows; outside a clone, the files of the course's own folders."""
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True)
    paths = [ROOT / name for name in listed.stdout.split("\0") if name] or [
        *ROOT.glob("*.*"),
        *ROOT.glob("[a-z]*/*.*"),
    ]
    return [path for path in paths if path.is_file() and b"\0" not in path.read_bytes()[:8000]]


def code_cells(path):
    """The code cells of a notebook that hold any code."""
    cells = json.loads(path.read_text(encoding="utf-8"))["cells"]
    return [
        cell for cell in cells if cell["cell_type"] == "code" and "".join(cell["source"]).strip()
    ]


def images_of(path):
    """The words (or None) of every picture in the stored outputs of a notebook, whether stored as a file or within HTML."""
    for output in (output for cell in code_cells(path) for output in cell["outputs"]):
        for kind in output.get("data", {}):
            if kind.startswith("image/"):
                yield output["metadata"].get(kind, {}).get("alt")
        for tag in re.findall(
            r"<img\b[^>]*>", "".join(output.get("data", {}).get("text/html", []))
        ):
            words = re.search(r'\balt="([^"]*)"', tag)
            yield words and words.group(1)
