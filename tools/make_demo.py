"""Make the pages of the demonstration out of the notebooks: python tools/make_demo.py FOLDER

Each page is a notebook's title, its question, what to try (from docs/teaching.md) and its own
panels. Which of the notebook's statements the panels need is worked out from the names that each
statement gives and needs, so nothing is copied by hand and nothing is marked.
"""

import ast
import base64
import dis
import io
import json
import re
import shutil
import sys
from pathlib import Path
from types import CodeType

import film_player
from cells import course_notebooks, source_of, statements_of
from PIL import Image

ROOT = Path(__file__).resolve().parent.parent
PANELS = {
    "explore",
    "explore_channels",
    "explore_map",
    "explore_tiles",
    "judge_channels",
    "live_camera",
    "real_or_changed",
    "run_live",
    "teach_two_classes",
}


def names_in(code):
    """The global names of compiled code.

    Returns (given at once, needed at once, needed when a function in it is called).
    """
    steps = list(dis.get_instructions(code))
    given = {step.argval for step in steps if step.opname in ("STORE_NAME", "STORE_GLOBAL")}
    needed = {step.argval for step in steps if step.opname in ("LOAD_NAME", "LOAD_GLOBAL")}
    later = set().union(
        *(needed_inside(part) for part in code.co_consts if isinstance(part, CodeType))
    )
    return given, needed, later


def needed_inside(code):
    given, needed, later = names_in(code)
    return needed | later


def changed_in(statement):
    """Names whose objects a statement changes.

    They are x of x[0] = ..., x.y = ... and x.method(...) as a line of its own.
    """
    lines = [
        part
        for part in ast.walk(statement)
        if isinstance(part, (ast.Assign, ast.AugAssign, ast.Expr))
    ]
    places = [
        place
        for line in lines
        for place in getattr(
            line, "targets", [getattr(line, "target", getattr(line, "value", None))]
        )
    ]
    for place in places:
        place = place.func if isinstance(place, ast.Call) else place
        while isinstance(place, (ast.Attribute, ast.Subscript)):
            place = place.value
            if isinstance(place, ast.Name):
                yield place.id


def with_stored_start(statement, picture):
    """A live panel beginning with the picture that its notebook stores for it.

    So no page has to run an ascent before it opens.
    """
    if is_panel(statement) and _name_of(statement.value.func) == "run_live":
        for argument in statement.value.keywords:
            if argument.arg == "first":
                loader = "__import__('lecture_lib.datasets').datasets.load_image"
                stored = f"{loader}('pictures/{picture}')"
                argument.value = ast.parse(stored, mode="eval").body
    return statement


def is_panel(statement):
    call = (
        getattr(statement, "value", None) if isinstance(statement, (ast.Expr, ast.Assign)) else None
    )
    return isinstance(call, ast.Call) and _name_of(call.func) in PANELS


def _name_of(function):
    """The name of a function that is called, also as an attribute: panels.explore."""
    return getattr(function, "id", None) or getattr(function, "attr", None)


def binds(statement):
    """Whether a statement gives its names in any case: what they were before does not matter."""
    return isinstance(statement, (ast.Assign, ast.FunctionDef, ast.Import, ast.ImportFrom))


def counted_by(statement):
    """The names that a loop gives before it reads them: those it counts with, and others."""
    if not isinstance(statement, ast.For):
        return set()
    found = names_among(statement.target, ast.Store)
    read = names_among(statement.iter, ast.Load)
    for line in statement.body:
        read |= names_among(line, ast.Load) - found - counted_by(line)
        given = names_among(line, ast.Store) if isinstance(line, ast.Assign) else counted_by(line)
        found |= given - read
    return found


def names_among(part, use):
    """The names in a part of a statement that are read (ast.Load), or given (ast.Store)."""
    names = (name for name in ast.walk(part) if isinstance(name, ast.Name))
    return {name.id for name in names if isinstance(name.ctx, use)}


def holds_function(statement):
    """Whether some of a statement's code runs later, when a function is called."""
    return any(isinstance(part, (ast.FunctionDef, ast.Lambda)) for part in ast.walk(statement))


def kept(statements):
    """The panels among the statements of a notebook and what they need, in order.

    They need the statements before them that give or change a name they use.
    """
    compiled = [
        names_in(compile(ast.Module([line], []), "notebook", "exec")) for line in statements
    ]
    imported = set()  # names of modules, which no statement changes
    late = {}  # {function: names it needs when it is called}
    for line, (given, _, later) in zip(statements, compiled, strict=True):
        if isinstance(line, (ast.Import, ast.ImportFrom)):
            imported |= given
        if holds_function(line):
            late.update({name: late.get(name, set()) | later for name in given})
    # From the last statement to the first: is it a panel, or does it give what is needed below?
    needed = set()
    lines = []
    for line, (given, needed_now, later) in zip(
        reversed(statements), reversed(compiled), strict=True
    ):
        if is_panel(line) or (given | set(changed_in(line)) - imported) & needed:
            lines.insert(0, line)
            counted = counted_by(line)
            bound = given if binds(line) else counted
            needed = needed - bound | with_late(needed_now - counted | later, late)
    return lines


def with_late(names, late):
    """The names, and what the functions among them will need when they are called."""
    found = set()
    new = set(names)
    while new:
        found |= new
        new = set().union(*(late.get(name, set()) for name in new)) - found
    return found


def title_and_question(notebook):
    """The heading of a notebook and the bold words under it."""
    first = source_of(notebook["cells"][0])
    title = re.match(r"# (.+)", first)
    question = re.search(r"\*\*(.+?)\*\*", first, re.DOTALL)
    return title.group(1), question.group(1)


def page_of(notebook, name, tries=""):
    """The cells of a page: words and code in turn.

    A panel among several keeps the words that stand over it.
    """
    title, question = title_and_question(notebook)
    captions = captions_of(notebook, name)
    lines = kept(list(captions))
    several = sum(map(is_panel, lines)) > 1
    pages = [("markdown", f"# {title}\n\n**{question}**\n\n{tries}")]
    before = []  # the code since the last panel
    for line in lines:
        if not is_panel(line):
            before.append(line)
            continue
        pages += [("code", before)] if before else []
        pages += [("markdown", re.sub(r"^#.*\n+", "", captions[line]))] if several else []
        pages.append(("code", [line]))
        before = []
    return pages


def captions_of(notebook, name):
    """{statement: the words over its cell} for all statements of a notebook, in order."""
    words = ""
    captions = {}
    panels = 0  # so far
    for cell in notebook["cells"]:
        if cell["cell_type"] == "markdown":
            words = source_of(cell)
            continue
        for line in statements_of(cell):
            panels += is_panel(line)
            captions[with_stored_start(line, first_picture(name, panels))] = words
    return captions


def first_picture(name, number):
    """The name of the file with the first picture of a notebook's panel, counted from 1."""
    return f"{name}_panel{number}.png"


def save_first_pictures(notebook, name, folder):
    """Write the first picture of each panel of a notebook; all panels store one."""
    for number, encoded in enumerate(pictures_of_panels(notebook), start=1):
        save(encoded, folder / first_picture(name, number))


def notebook_of(pages, notebook):
    cells = []
    for number, (kind, content) in enumerate(pages):
        source = content if kind == "markdown" else "\n".join(map(ast.unparse, content))
        extra = {} if kind == "markdown" else {"outputs": [], "execution_count": None}
        cells.append(
            {"id": f"page-{number}", "cell_type": kind, "metadata": {}, "source": source, **extra}
        )
    title = pages[0][1].splitlines()[0].removeprefix("# ")
    return {
        "cells": cells,
        "metadata": notebook["metadata"] | {"title": title},
        "nbformat": 4,
        "nbformat_minor": 5,
    }


def pictures_of_panels(notebook):
    """Every picture, encoded, that a panel shows in a notebook as it is stored."""
    for cell in notebook["cells"]:
        for output in cell.get("outputs", []):
            data = output.get("data", {})
            if "application/vnd.jupyter.widget-view+json" in data:
                yield from re.findall(
                    r'<img [^>]*base64,([^"]+)"', "".join(data.get("text/html", ""))
                )


def save(encoded, path):
    Image.open(io.BytesIO(base64.b64decode(encoded))).convert("RGB").save(path)


def tries_of(teaching):
    """{notebook: what to try} from the lines of the teacher's page that begin with "Try:"."""
    return dict(
        re.findall(
            r"^## .*?\(\.\./notebooks/(\w+)\.ipynb\).*?^(\*\*Try:\*\*.+?)\n\n",
            teaching,
            re.DOTALL | re.MULTILINE,
        )
    )


def make(folder):
    """Write a page for every notebook, the films and first pictures, and the list of tiles."""
    (folder / "pictures").mkdir(parents=True, exist_ok=True)
    shutil.copytree(film_player.FOLDER, folder / "films", dirs_exist_ok=True)
    tries = tries_of((ROOT / "docs" / "teaching.md").read_text(encoding="utf-8"))
    tiles = []
    for path in course_notebooks(ROOT / "notebooks"):
        notebook = json.loads(path.read_text(encoding="utf-8"))
        pages = page_of(notebook, path.stem, tries.get(path.stem, ""))
        (folder / path.name).write_text(json.dumps(notebook_of(pages, notebook)), encoding="utf-8")
        save_first_pictures(notebook, path.stem, folder / "pictures")
        title, question = title_and_question(notebook)
        tiles.append(
            {
                "name": path.stem,
                "title": title,
                "question": " ".join(re.sub(r"[*`]", "", question).split()),
                "number": path.stem[:2],
                "seen": film_player.words_of(path.stem[:2])[1],
            }
        )
    (folder / "tiles.json").write_text(json.dumps(tiles), encoding="utf-8")


if __name__ == "__main__":
    make(Path(sys.argv[1]))
