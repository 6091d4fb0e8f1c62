"""Mark the cells of the notebooks as slides, from their rhythm: python docs/mark_slides.py [NOTEBOOK ...]

A heading begins a slide, a caption a slide below it, and what the caption is about stays with it: code and pictures. Imports, the
functions behind a panel, and their captions are left out. Running it again changes nothing; outputs and words stay as they are.
"""

import ast
import json
import re
import sys
from pathlib import Path

NOTEBOOKS = sorted((Path(__file__).resolve().parent.parent / "notebooks").glob("*.ipynb"))
# Settings of jupyterlab-rise: what is higher than the screen can be scrolled, and nothing flies about.
SETTINGS = {"scroll": True, "transition": "none", "center": False, "enable_chalkboard": False}


def source_of(cell):
    return "".join(cell["source"])


def is_helper(cell):
    """Whether a code cell only imports or defines, and shows nothing."""
    if cell["cell_type"] != "code" or cell["outputs"]:
        return False
    lines = ast.parse(re.sub(r"^%.*", "", source_of(cell), flags=re.MULTILINE)).body
    return all(isinstance(line, (ast.Import, ast.ImportFrom, ast.FunctionDef)) for line in lines)


def marks(cells):
    """The slide type of each cell: slide, subslide, skip, or "-" for what stays on the slide before it."""
    types = []
    for number, cell in enumerate(cells):
        after = cells[number + 1] if number + 1 < len(cells) else None
        if cell["cell_type"] == "code":
            types.append("skip" if is_helper(cell) else "-")
        elif re.search(r"^#{1,2} ", source_of(cell), re.MULTILINE):
            types.append("slide")
        elif after and is_helper(after):
            types.append("skip")
        else:
            types.append("subslide")
    return types


def mark(notebook):
    """The notebook with its marks, a new one."""
    cells = [{**cell, "metadata": {**cell["metadata"], "slideshow": {"slide_type": kind}}}
             for cell, kind in zip(notebook["cells"], marks(notebook["cells"]), strict=True)]  # fmt: skip
    return {**notebook, "cells": cells, "metadata": dict(sorted({**notebook["metadata"], "rise": SETTINGS}.items()))}


if __name__ == "__main__":
    for path in [Path(name) for name in sys.argv[1:]] or NOTEBOOKS:
        before = path.read_text(encoding="utf-8")
        after = json.dumps(mark(json.loads(before)), indent=1, ensure_ascii=False) + "\n"
        if after != before:
            path.write_text(after, encoding="utf-8")
            print("marked", path.name)
