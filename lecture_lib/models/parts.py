"""Long work in parts: between two of them, whoever waits is told how far it is, and may leave it.

A panel waits in this way for its answers. Nobody else is told anything, and one part, such as one
call of TensorFlow, always runs to its end.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar

_told: ContextVar[Callable | None] = ContextVar("told", default=None)


class Left(BaseException):
    """Raised between two parts of work for which nobody waits any more."""


@contextmanager
def told_between_parts(tell: Callable) -> Iterator[None]:
    """Within this block of this thread, let tell(done, total) be called between parts of work.

    Args:
        tell: it may raise Left. The total is None where it is not known.
    """
    before = _told.set(tell)
    try:
        yield
    finally:
        _told.reset(before)


def between_parts(done: int, total: int | None = None) -> None:
    """Say that some parts of long work are done, if anybody wants to know.

    Args:
        done: how many.
        total: how many there are, None where it is not known.

    Raises:
        Left: when nobody waits for the work any more.
    """
    tell = _told.get()
    if tell is not None:
        tell(done, total)
