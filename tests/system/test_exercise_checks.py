"""Every check of every exercise: plausible wrong answers get a hint, right ones pass.

The answers lie in tests/answers/, one file for each exercise, each answer under a line such
as "# %% task 2, wrong: no bias". The same run compares what a right solution shows with the
pictures that the exercises show as expected.
"""

import re
import sys
from typing import NamedTuple

import numpy as np
import pytest
from course_files import ROOT
from PIL import Image

from lecture_lib.course.exercises import NotYet

sys.path.insert(0, str(ROOT / "tools"))

import exercise_pictures

SOURCES = sorted((ROOT / "exercises" / "source").glob("*.ipynb"))
ANSWER = re.compile(r"^# %% task (\d+), (wrong|right)(.*)\n", re.MULTILINE)
SOLUTION = re.compile(r"^( *)### BEGIN SOLUTION.*?### END SOLUTION", re.DOTALL | re.MULTILINE)
STUB = r'\1raise NotYet("this task is still to be written.")'


class Answer(NamedTuple):
    task: int
    is_right: bool
    name: str
    source: str


def answers_to(path):
    text = (ROOT / "tests" / "answers" / f"{path.stem}.py").read_text(encoding="utf-8")
    _, *parts = ANSWER.split(text)
    for number, kind, name, source in zip(*[iter(parts)] * 4, strict=True):
        yield Answer(int(number), kind == "right", f"task {number}, {kind}{name}", source)


def copied(names):
    """The names as they are now; what an answer paints on a picture stays with that answer."""
    return {
        name: value.copy() if isinstance(value, np.ndarray) else value
        for name, value in names.items()
    }


def complaint(sources, names, *, is_right):
    """What the checks do wrong with an answer, or None."""
    try:
        with exercise_pictures.pictures_shown():
            exercise_pictures.run(sources, names)
    except NotYet as hint:
        return f"refused: {hint}" if is_right else None
    except Exception as error:
        return f"{type(error).__name__}: {error}"
    return None if is_right else "accepted"


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: path.stem)
def test_checks_tell_right_answers_from_wrong_ones(path, monkeypatch):
    monkeypatch.chdir(ROOT / "exercises")
    answers = list(answers_to(path))
    names = {"__name__": "exercise"}
    said = {}
    for task in exercise_pictures.tasks_of(path):
        exercise_pictures.run(task.before, names)
        if task.task:
            before = copied(names)
            run_solution(path, task, names)
            said.update(said_of_answers(task, answers, before))
    assert {name: text for name, text in said.items() if text} == {}


def run_solution(path, task, names):
    """An untouched task is told so; its solution passes, and shows the picture that is expected."""
    assert SOLUTION.search(task.task) and task.after, "a marked solution and its check"
    stub = SOLUTION.sub(STUB, task.task)
    assert says_not_yet([stub, *task.after], copied(names)), "an untouched stub"
    with exercise_pictures.pictures_shown() as shown:
        exercise_pictures.run([task.task, *task.after], names)
    compare(path, task.number, shown)


def said_of_answers(task, answers, before):
    """{answer: what the checks of its task do wrong with it, or None}."""
    own = [answer for answer in answers if answer.task == task.number]
    kinds = [answer.is_right for answer in own]
    assert kinds.count(False) >= 2 and True in kinds, f"answers to task {task.number}"
    return {
        answer.name: complaint(
            [task.task, answer.source, *task.after], copied(before), is_right=answer.is_right
        )
        for answer in own
    }


def says_not_yet(sources, names):
    """Whether one of the cells, run in order with all of them tried, raises NotYet."""
    said = False
    for source in sources:
        try:
            exercise_pictures.run([source], names)
        except NotYet:
            said = True
    return said


def compare(path, number, shown):
    """The last picture of a task is the one that its page shows as expected."""
    stored = exercise_pictures.place_of(path, number)
    assert stored.is_file() == bool(shown), "run: python tools/exercise_pictures.py"
    if shown:
        wanted = np.asarray(Image.open(stored).convert("RGB"), float)
        drawn = np.asarray(shown[-1][1], float)
        assert drawn.shape == wanted.shape and np.abs(drawn - wanted).mean() < 10, stored.name
