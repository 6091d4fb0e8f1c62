"""Every check of every exercise: plausible wrong answers get a hint, right ones pass.

The answers lie in tests/answers/, one file for each exercise, each answer under a line such
as "# %% task 2, wrong: no bias". The same run compares what a right solution shows with the
pictures that the exercises show as expected.

A check computes for every answer what it compares with, and many answers ask the library for the
same. The slow functions among them therefore compute once for the same arguments.
"""

import re
import sys
from collections.abc import Callable
from copy import deepcopy
from functools import wraps
from hashlib import sha256
from typing import Any, NamedTuple

import numpy as np
import pytest
from course_files import ROOT
from PIL import Image
from scipy.spatial.distance import cdist
from small_nets import assert_same_numbers, linear_net, normal, numbers_of, random

from lecture_lib.adversarial import make_adversarial
from lecture_lib.class_visualization import visualize_class
from lecture_lib.course.exercises import NotYet
from lecture_lib.inversion import invert
from lecture_lib.microscope import switched_off
from lecture_lib.models.backend import keras
from lecture_lib.models.inference import class_scores
from lecture_lib.saliency import integrated_gradients_map
from lecture_lib.style_transfer import stylize

sys.path.insert(0, str(ROOT / "tools"))

import exercise_pictures

SOURCES = sorted((ROOT / "exercises" / "source").glob("*.ipynb"))
ANSWER = re.compile(r"^# %% task (\d+), (wrong|right)(.*)\n", re.MULTILINE)
SOLUTION = re.compile(r"^( *)### BEGIN SOLUTION.*?### END SOLUTION", re.DOTALL | re.MULTILINE)
STUB = r'\1raise NotYet("this task is still to be written.")'
SLOW = (
    cdist,
    class_scores,
    integrated_gradients_map,
    invert,
    make_adversarial,
    stylize,
    switched_off,
    visualize_class,
)


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


def key_of(given: Any) -> Any:
    """What is the same for the same arguments; a network or a function counts as itself."""
    if isinstance(given, np.ndarray):
        return given.dtype.str, given.shape, sha256(given.tobytes()).digest()
    if isinstance(given, list | tuple):
        return type(given), *map(key_of, given)
    if isinstance(given, dict):
        return tuple((name, key_of(value)) for name, value in given.items())
    return type(given), given


class Memory:
    """What slow functions of the library returned, and the networks that they were given."""

    def __init__(self) -> None:
        self.results = {}
        self.networks = {}
        self.functions = {function.__name__: (function, self.kept(function)) for function in SLOW}

    def kept(self, function: Callable) -> Callable:
        """The function, which returns a copy of what it returned before for the same arguments."""

        @wraps(function)
        def remembered(*arguments: Any, **options: Any) -> Any:
            key = function, key_of(arguments), key_of(options)
            if key not in self.results:
                self.note_networks([*arguments, *options.values()])
                self.results[key] = function(*arguments, **options)
            return deepcopy(self.results[key])

        return remembered

    def note_networks(self, arguments: list) -> None:
        for net in arguments:
            if isinstance(net, keras.Model) and net not in self.networks:
                self.networks[net] = numbers_of(net)

    def serve(self, names: dict) -> None:
        """Put what remembers in the place of the functions that were imported."""
        for name, (function, remembered) in self.functions.items():
            if names.get(name) is function:
                names[name] = remembered

    def check_networks(self) -> None:
        """A network that had changed would have been given results that are not its own."""
        for net, numbers in self.networks.items():
            assert_same_numbers(net, numbers)


def copied(names, *, into):
    """The names as they are now; what an answer paints on a picture stays with that answer.

    Args:
        names: {name: value}.
        into: {name: array} of an earlier copy that is not needed any more, to be written over: to
            fetch new memory for thousands of pictures takes ten times as long.
    """
    copies = dict(names)
    for name, value in names.items():
        if isinstance(value, np.ndarray):
            place = into.get(name)
            if place is None or (place.shape, place.dtype) != (value.shape, value.dtype):
                place = into[name] = np.empty_like(value)
            np.copyto(place, value)
            copies[name] = place
    return copies


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
    before_task, before_answer = {}, {}  # arrays to write over
    memory = Memory()
    for task in exercise_pictures.tasks_of(path):
        exercise_pictures.run(task.before, names)
        memory.serve(names)
        if task.task:
            before = copied(names, into=before_task)
            check_stub(task, copied(names, into=before_answer))
            run_solution(path, task, names)
            said.update(said_of_answers(task, answers, before, into=before_answer))
    memory.check_networks()
    assert {name: text for name, text in said.items() if text} == {}


def check_stub(task, names):
    """An untouched task is told so."""
    assert SOLUTION.search(task.task) and task.after, "a marked solution and its check"
    stub = SOLUTION.sub(STUB, task.task)
    assert says_not_yet([stub, *task.after], names), "an untouched stub"


def run_solution(path, task, names):
    """Its solution passes, and shows the picture that is expected."""
    with exercise_pictures.pictures_shown() as shown:
        exercise_pictures.run([task.task, *task.after], names)
    compare(path, task.number, shown)


def said_of_answers(task, answers, before, *, into):
    """{answer: what the checks of its task do wrong with it, or None}."""
    own = [answer for answer in answers if answer.task == task.number]
    kinds = [answer.is_right for answer in own]
    assert kinds.count(False) >= 2 and True in kinds, f"answers to task {task.number}"
    return {
        answer.name: complaint(
            [task.task, answer.source, *task.after],
            copied(before, into=into),
            is_right=answer.is_right,
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


# What is copied, and what remembers


def test_what_one_answer_paints_on_a_picture_the_next_one_does_not_see():
    names, into = {"image": random(4, 4, 1), "count": 3}, {}
    wanted = names["image"].copy()
    for _ in range(2):
        given = copied(names, into=into)
        np.testing.assert_array_equal(given["image"], wanted)
        given["image"][...] = 0
    names["image"] = random(2, 3)  # of another shape in the next task
    np.testing.assert_array_equal(copied(names, into=into)["image"], random(2, 3))
    np.testing.assert_array_equal(names["image"], random(2, 3))


def test_what_is_remembered_is_right_for_other_arguments_and_cannot_be_painted_on():
    memory, names = Memory(), {"class_scores": class_scores}
    memory.serve(names)
    net, images = linear_net(normal(4, 4, 1, 2)), random(2, 4, 4, 1)
    for given in (images[0], images[1], images[0], images):
        scores = names["class_scores"](net, given)
        np.testing.assert_array_equal(scores, class_scores(net, given))
        scores[...] = 0
    assert len(memory.results) == 3


def test_a_network_that_changes_in_an_exercise_is_noticed():
    memory, names = Memory(), {"class_scores": class_scores}
    memory.serve(names)
    net = linear_net(normal(4, 4, 1, 2))
    names["class_scores"](net, random(4, 4, 1))
    memory.check_networks()
    net.set_weights([2 * weight for weight in net.get_weights()])
    with pytest.raises(AssertionError):
        memory.check_networks()
