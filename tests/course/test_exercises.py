"""The exercises: each task says what it asks of you, the students' copies are up to date.

What their checks refuse and let pass stands in test_exercise_checks.py.
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


LABEL = re.compile(
    r"^## \d+\. .+\n\n"
    r"Difficulty (●{1,5}○{0,4}) \(\d of 5\) · importance (●{1,5}○{0,4}) \(\d of 5\) · "
    r"about \d+ minutes\n\n",
    re.MULTILINE,
)
HINT = re.compile(r"\n\n<details>\n<summary>A hint</summary>\n\n.{20,}?\n\n</details>")


@each_source
def test_each_task_says_how_hard_and_how_important_it_is_and_folds_a_hint(path):
    words = [
        "".join(cell["source"])
        for cell in json.loads(path.read_text(encoding="utf-8"))["cells"]
        if cell["cell_type"] == "markdown"
    ]
    tasks = [text for text in words if re.search(r"^## \d+\.", text, re.MULTILINE)]
    assert 3 <= len(tasks) <= 6
    for text in tasks:
        dots = LABEL.search(text)
        assert dots and all(len(row) == 5 for row in dots.groups()), text[:60]
        assert HINT.search(text), f"no hint: {text[:60]}"


@each_source
def test_the_students_copy_is_the_source_without_its_solutions(path):
    copy = ROOT / "exercises" / path.name
    wanted = [SOLUTION.sub(STUB, source) for _, source in cells(path)]
    assert copy.is_file(), "make exercises writes it"
    assert [source for _, source in cells(copy)] == wanted, "make exercises writes it anew"


@each_source
def test_the_quiz_has_as_many_questions_as_it_says_and_says_why(path):
    questions = json.loads(
        (ROOT / "exercises" / "quiz" / f"{path.stem}.json").read_text(encoding="utf-8")
    )
    said = re.search(r"(\w+) questions; a click", path.read_text(encoding="utf-8"))
    assert len(questions) == {"Five": 5, "Six": 6}[said[1]]
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
