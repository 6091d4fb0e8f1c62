"""Scores taken apart: what a compiled graph is built around, and the numbers that go into it.

The structure of a score is its function, the structures of its parts (None for a number), and what
is fixed: networks, names of layers. Two scores of one structure share one graph.
"""

import contextlib
import inspect
from collections.abc import Callable, Iterator
from numbers import Number
from types import CodeType
from typing import Any

import numpy as np

from lecture_lib.core.scores import Score
from lecture_lib.datasets.shapes import Network, Tensor
from lecture_lib.models.backend import keras, tf

MOST_NUMBERS = 1_000_000  # of an array that is compared number by number


def structure_of(score: Score) -> tuple:
    """Return what a graph is built around: functions and fixed things, None for each number."""
    parts = [structure_of(part) if isinstance(part, Score) else None for part in score.parts]
    return score.function, tuple(parts), tuple(sorted(score.fixed.items()))


def numbers_of(score: Score) -> list:
    """Return the numbers of a score and of the scores in it, in order, as tensors."""
    numbers = []
    for part in score.parts:
        if isinstance(part, Score):
            numbers += numbers_of(part)
        else:
            numbers.append(tf.nest.map_structure(_as_tensor, part))
    return numbers


def _as_tensor(number: Any) -> Tensor:
    # Double precision is what numpy computes in; images and networks have single precision.
    tensor = tf.convert_to_tensor(number)
    return tf.cast(tensor, tf.float32) if tensor.dtype == tf.float64 else tensor


def rebuilt(structure: tuple, numbers: Iterator) -> Score:
    """Return the score of a structure around other numbers, taken from an iterator in order."""
    function, parts, fixed = structure
    filled = [rebuilt(part, numbers) if part else next(numbers) for part in parts]
    return Score(function, *filled, **dict(fixed))


def networks_in(structure: tuple) -> Iterator[Network]:
    """Yield the networks that a score is built around."""
    _, parts, fixed = structure
    yield from (thing for _, thing in fixed if isinstance(thing, keras.Model))
    for part in parts:
        if part:
            yield from networks_in(part)


# What a function of somebody's own reads, other than its arguments


def read_outside(structure: tuple) -> tuple:
    """Return what the functions in a score read from outside of them, such as a weight.

    A graph holds such a number as it was when it was compiled. When the number is another one, the
    graph has to be another one, too.
    """
    function, parts, fixed = structure
    functions = [function, *(thing for _, thing in fixed)]
    read = [_read_by(one, ()) for one in functions if _is_somebodys_own(one)]
    return tuple(read), tuple(read_outside(part) for part in parts if part)


def _is_somebodys_own(thing: Any) -> bool:
    return inspect.isfunction(thing) and not str(thing.__module__).startswith("lecture_lib.")


def _read_by(function: Callable, above: tuple) -> tuple:
    """The names that a function reads and what they hold, also through functions beside it."""
    names = set(_names_in(function.__code__))
    held = {name: function.__globals__[name] for name in names & set(function.__globals__)}
    for name, cell in zip(function.__code__.co_freevars, function.__closure__ or (), strict=True):
        with contextlib.suppress(ValueError):  # nothing is in it yet
            held[name] = cell.cell_contents
    return tuple((name, _content(held[name], (*above, function))) for name in sorted(held))


def _names_in(code: CodeType) -> Iterator[str]:
    """The names in a function, and in the functions and comprehensions inside it."""
    yield from code.co_names
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            yield from _names_in(constant)


def _content(value: Any, above: tuple) -> Any:
    """Something to compare: numbers and arrays by what they hold, all else by what it is."""
    if isinstance(value, Number | str | None):
        return value
    if isinstance(value, np.ndarray | tf.Tensor) and np.size(value) <= MOST_NUMBERS:
        array = np.asarray(value)
        return array.shape, str(array.dtype), array.tobytes()
    if isinstance(value, tuple):
        return tuple(_content(item, above) for item in value)
    is_beside = inspect.isfunction(value) and value.__module__ == above[0].__module__
    if is_beside and value not in above:
        return value, _read_by(value, above)
    return _Itself(value)


class _Itself:
    """A thing that equals itself alone; while it is kept, nothing else can get its place."""

    def __init__(self, thing: Any) -> None:
        self.thing = thing

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Itself) and other.thing is self.thing

    def __hash__(self) -> int:
        return id(self.thing)
