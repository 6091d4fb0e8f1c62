"""The teacher's page is executed: every position it names is set in the panel it is about.

Under "At the panel" each section of docs/teaching.md has a table: the minute, the controls to move
with their values, and what is then seen. A value that is not among a control's options fails here,
and so does a reading in `code` that the panel's status line does not give. A live panel is started
only where a reading is given. Panels that the tables leave out are not made here, but in the
browser, with all pages.
"""

import ast
import json
import pkgutil
import re
import sys
from importlib import import_module

import pytest
from course_files import NOTEBOOKS, ROOT
from waiting import wait_until

from lecture_lib import panels as panel_modules
from lecture_lib.panels import interactive, microscope, runs

sys.path.insert(0, str(ROOT / "tools"))

import make_demo

ROW = re.compile(r"^\| *(\d+) *\| *(?:panel (\d), )?(.+?) *\| *(.*?) *\|$", re.MULTILINE)
SETTING = re.compile(r"([a-z][a-z ]*) `([^`]+)`")
READING = re.compile(r"`([^`]+)`")
each_notebook = pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)


def section_of(path):
    """What the teacher's page says of a notebook."""
    notes = (ROOT / "docs" / "teaching.md").read_text(encoding="utf-8")
    return notes.partition(f"notebooks/{path.name})\n")[2].partition("\n## ")[0]


def rows_of(section):
    """(number of the panel, {control: value}, readings, whether it is started) of each row."""
    for _, number, settings, seen in ROW.findall(section):
        positions = [(name.strip(), value) for name, value in SETTING.findall(settings)]
        yield int(number or 1), positions, READING.findall(seen), "Start" in settings


@pytest.fixture
def shown(monkeypatch):
    """The panels that are shown, in order, and {panel: what it does when a control has moved}."""
    panels = []
    works = {}
    for found in pkgutil.iter_modules(panel_modules.__path__):
        module = import_module(f"{panel_modules.__name__}.{found.name}")
        if hasattr(module, "display_panel"):
            monkeypatch.setattr(module, "display_panel", lambda panel, **note: panels.append(panel))
    monkeypatch.setattr(microscope, "coalesce", lambda work: lambda: None)
    for module in (interactive, runs):
        monkeypatch.setattr(
            module,
            "when_a_control_moves",
            lambda panel, work: works.update({id(panel): work}) or bool,  # nothing newer is asked
        )
    return panels, works


def run_page(path, folder, *, asked):
    """Run those statements of a notebook that the panels asked for need, by their numbers."""
    notebook = json.loads(path.read_text(encoding="utf-8"))
    (folder / "pictures").mkdir()
    make_demo.save_first_pictures(notebook, path.stem, folder / "pictures")
    statements = list(make_demo.captions_of(notebook, path.stem))
    panels = enumerate(filter(make_demo.is_panel, statements), start=1)
    left_out = [panel for number, panel in panels if number not in asked]
    lines = make_demo.kept([line for line in statements if line not in left_out])
    exec(compile(ast.Module(lines, []), path.name, "exec"), {"__name__": "page"})


def move(panel, label, value):
    """Set the control that is labeled so; say why where it does not take the value."""
    sources = [source for control in panel.controls.values() for source in control.sources]
    by_label = {getattr(source, "description", ""): source for source in sources}
    assert label in by_label, f"no control {label!r} among {list(by_label)}"
    widget = by_label[label]
    if hasattr(widget, "options"):
        widget.value = option_of(widget, value)
    else:
        check_range(widget, float(value))
        widget.value = type(widget.value)(float(value))


def option_of(widget, text):
    """The value of a list's entry."""
    options = {str(one[0] if isinstance(one, tuple) else one): one for one in widget.options}
    assert text in options, f"{widget.description} has no {text!r}; it has {list(options)[:40]}"
    chosen = options[text]
    return chosen[1] if isinstance(chosen, tuple) else chosen


def check_range(widget, number):
    """A slider can stand at a number: between its ends, and at one of its steps."""
    is_log = hasattr(widget, "base")
    low, high = (10**end if is_log else end for end in (widget.min, widget.max))
    assert low <= number <= high, f"{widget.description} goes from {low} to {high}"
    steps = 0 if is_log else (number - widget.min) / widget.step
    assert abs(steps - round(steps)) < 1e-6, f"{widget.description} moves by {widget.step}"


def answer(panel, works, *, started):
    """Let the panel answer to its controls, and give its status line without tags."""
    if started:
        panel.buttons["Start"].click()
        wait_until(lambda: re.search("Done|alert", panel.status.value), seconds=300)
    else:
        works[id(panel)]()
    return re.sub("<[^>]*>", "", panel.status.value)


@each_notebook
def test_each_position_exists_and_each_reading_is_what_the_panel_says(
    path, shown, tmp_path, monkeypatch
):
    rows = list(rows_of(section_of(path)))
    assert rows, "a table of positions under “At the panel”"
    monkeypatch.chdir(tmp_path)
    numbers = sorted({number for number, *_ in rows})
    run_page(path, tmp_path, asked=numbers)
    panels, works = shown
    by_number = dict(zip(numbers, panels, strict=True))
    for number, positions, readings, started in rows:
        panel = by_number[number]
        for label, value in positions:
            move(panel, label, value)
        if readings:
            status = answer(panel, works, started=started)
            assert [one for one in readings if one not in status] == [], status
