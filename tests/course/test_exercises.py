"""The exercises: every solution passes its own checks, every untouched stub is told so, the
students' copies are up to date.
"""

import json
import re

import numpy as np
import pytest
from course_files import ROOT

from lecture_lib.course.exercises import NotYet, check, close

SOURCES = sorted((ROOT / "exercises" / "source").glob("*.ipynb"))
each_source = pytest.mark.parametrize("path", SOURCES, ids=lambda path: path.stem)
SOLUTION = re.compile(r"^( *)### BEGIN SOLUTION.*?### END SOLUTION", re.DOTALL | re.MULTILINE)
STUB = r'\1raise NotYet("this task is still to be written.")  # your code here'


def cells(path):
    """(role, source) of each code cell: role is "task", "check" or None."""
    for cell in json.loads(path.read_text(encoding="utf-8"))["cells"]:
        if cell["cell_type"] == "code":
            grader = cell["metadata"].get("nbgrader", {})
            yield (
                ("task" if grader.get("solution") else "check" if grader.get("grade") else None),
                "".join(cell["source"]),
            )


@each_source
def test_never_three_code_cells_in_a_row(path):
    kinds = "".join(
        cell["cell_type"][0] for cell in json.loads(path.read_text(encoding="utf-8"))["cells"]
    )
    assert "ccc" not in kinds


def run(source, names):
    exec(compile(source, "exercise", "exec"), names)


def says_not_yet(sources, names):
    """Whether one of the cells, run in order with all of them tried, raises NotYet."""
    said = False
    for source in sources:
        try:
            run(source, names)
        except NotYet:
            said = True
    return said


@each_source
def test_solutions_pass_and_stubs_are_told_so(path, monkeypatch):
    monkeypatch.chdir(ROOT / "exercises")
    names, tasks = {"__name__": "exercise"}, []
    for role, source in cells(path):
        if role == "task":
            tasks.append((source, dict(names), []))
        elif role == "check":
            tasks[-1][2].append(source)
        run(source, names)
    assert 3 <= len(tasks) <= 6
    for source, before, checks in tasks:
        assert SOLUTION.search(source), "a task without a marked solution"
        assert checks, "a task without a check"
        assert says_not_yet([SOLUTION.sub(STUB, source), *checks], before)


@each_source
def test_the_students_copy_is_the_source_without_its_solutions(path):
    copy = ROOT / "exercises" / path.name
    wanted = [SOLUTION.sub(STUB, source) for _, source in cells(path)]
    assert copy.is_file(), "make exercises writes it"
    assert [source for _, source in cells(copy)] == wanted, "make exercises writes it anew"


@each_source
def test_the_quiz_has_five_questions_and_says_why(path):
    questions = json.loads(
        (ROOT / "exercises" / "quiz" / f"{path.stem}.json").read_text(encoding="utf-8")
    )
    assert len(questions) == 5
    for question in questions:
        answers = question["answers"]
        assert len(answers) >= 3 and sum(answer["correct"] for answer in answers) == 1
        assert all(len(answer["feedback"].split()) >= 3 for answer in answers)
        assert len({answer["answer"] for answer in answers}) == len(answers)


def test_close_compares_shape_and_size():
    assert (
        close([1, 2], [1, 2.0001])
        and not close([1, 2], [1, 2.1])
        and not close([1, 2], [[1, 2]])
        and not close(None, [1, 2])
    )


def test_check_praises_or_hints(capsys):
    check(np.array([True, True]), "a hint")
    assert capsys.readouterr().out == "Right.\n"
    with pytest.raises(NotYet, match="a hint"):
        check(False, "a hint")
    assert NotYet("a hint")._render_traceback_() == ["Not yet: a hint"]
