"""Mark the cells of the notebooks as slides, from their rhythm.

    python tools/mark_slides.py [NOTEBOOK ...]

A heading begins a slide, a caption a slide below it, and what the caption is about stays with it:
code and pictures, unless both together are higher than a screen. Imports, the functions behind a
panel, and their captions are left out. Bars of progress, which stop in the middle of a stored page,
go away. Running it again changes nothing; other outputs and words stay as they are.

The ten minutes of docs/teaching.md become the notebook's speaker's notes. They lie in its metadata,
so that the page is read without them; on slides S shows them in a window of their own.
"""

import ast
import base64
import io
import json
import re
import sys
from pathlib import Path

from cells import course_notebooks, source_of, statements_of, without_progress_bars
from PIL import Image

ROOT = Path(__file__).resolve().parent.parent
NOTEBOOKS = course_notebooks(ROOT / "notebooks")
TEACHING = ROOT / "docs" / "teaching.md"
# Settings of jupyterlab-rise: what is higher than the screen can be scrolled, and nothing flies
# about.
SCREEN = 640  # pixels of a slide at 1280 × 720, less what the estimates of heights miss
SETTINGS = {"scroll": True, "transition": "none", "center": False, "enable_chalkboard": False}


def is_helper(cell):
    """Whether a code cell only imports or defines, and shows nothing."""
    if cell["cell_type"] != "code" or cell["outputs"]:
        return False
    return all(
        isinstance(line, (ast.Import, ast.ImportFrom, ast.FunctionDef))
        for line in statements_of(cell)
    )


def picture_height(width, encoded):
    """How high a picture is that is shown `width` pixels wide."""
    picture = Image.open(io.BytesIO(base64.b64decode(encoded)))
    return int(width) * picture.height // picture.width


def height(cell):
    """About how many pixels a cell is high on a screen 1280 wide, as measured in a browser."""
    if cell["cell_type"] == "markdown":
        paragraphs = source_of(cell).split("\n\n")
        return sum(
            26 * -(-len(part) // 145)
            + (42 if part.startswith("#") else 66 if part.startswith("$$") else 16)
            for part in paragraphs
        )
    shown = 0
    for output in cell["outputs"]:
        text = "".join(output.get("text", [])) + "".join(
            output.get("data", {}).get("text/html", [])
        )
        pictures = re.findall(r'<img [^>]*?width="(\d+)"[^>]*?base64,([^"]+)"', text)
        table = "".join(output.get("data", {}).get("text/markdown", []))
        shown += 30 * (table.count("\n") + 1) if table else 0
        shown += (
            sum(map(picture_height, *zip(*pictures, strict=True))) + 20
            if pictures
            else 18 * text.count("\n")
        )
    return 18 * (source_of(cell).count("\n") + 1) + 24 + shown


def marks(cells):
    """The type of each cell: slide, subslide, skip, or "-" for what stays on the slide before."""
    types = []
    filled = 0
    for number, cell in enumerate(cells):
        after = cells[number + 1] if number + 1 < len(cells) else None
        if cell["cell_type"] == "code":
            types.append(
                "skip" if is_helper(cell) else "-" if filled + height(cell) < SCREEN else "subslide"
            )
        elif re.search(r"^#{1,2} ", source_of(cell), re.MULTILINE):
            types.append("slide")
        elif after and is_helper(after):
            types.append("skip")
        else:
            types.append("subslide")
        filled = height(cell) + (filled if types[-1] == "-" else 0)
    return types


def notes_for(name, teaching):
    """What the teacher's page says of a notebook: a line for each minute, then the panel."""
    section = teaching.partition(f"notebooks/{name}.ipynb)\n")[2].partition("\n## ")[0]
    minutes = re.search(r"\*\*Ten minutes\.\*\* (.*?)\n\n", section, re.DOTALL)
    words = " ".join(minutes.group(1).split()) if minutes else ""
    lines = re.sub(r" (?=\(\d\) )", "\n", words).splitlines()
    rows = re.findall(r"^\| (\d+) \| (.*?) \| (.*?) \|$", section, re.MULTILINE)
    lines += ["", "At the panel:"] if rows else []
    lines += [
        f"({minute}) {moved}" + f": {seen}" * bool(seen.strip()) for minute, moved, seen in rows
    ]
    return re.sub(r"[*`]", "", "\n".join(lines))


def mark(notebook, notes=""):
    """The notebook with its marks and the speaker's notes, a new one."""
    shown = [without_progress_bars(cell) for cell in notebook["cells"]]
    cells = [
        {**cell, "metadata": {**cell["metadata"], "slideshow": {"slide_type": kind}}}
        for cell, kind in zip(shown, marks(shown), strict=True)
    ]
    return {
        **notebook,
        "cells": cells,
        "metadata": dict(
            sorted({**notebook["metadata"], "rise": SETTINGS, "speaker_notes": notes}.items())
        ),
    }


if __name__ == "__main__":
    teaching = TEACHING.read_text(encoding="utf-8")
    for path in [Path(name) for name in sys.argv[1:]] or NOTEBOOKS:
        before = path.read_text(encoding="utf-8")
        marked = mark(json.loads(before), notes_for(path.stem, teaching))
        after = json.dumps(marked, indent=1, ensure_ascii=False) + "\n"
        if after != before:
            path.write_text(after, encoding="utf-8")
            print("marked", path.name)
