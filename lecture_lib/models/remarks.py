"""Remarks of the library, as warnings that point at the reader's own line.

One of them says that a result is less than was asked for, as somebody has interrupted the kernel.
"""

import contextlib
import traceback
import warnings
from collections.abc import Iterator
from contextvars import ContextVar
from pathlib import Path

LIBRARY = str(Path(__file__).parents[1])


class Interrupted(UserWarning):
    """That what is returned was reached before an interrupt, and is less than was asked for."""


_are_passed_on: ContextVar[bool] = ContextVar("interrupts are passed on", default=False)


@contextlib.contextmanager
def interrupts_passed_on() -> Iterator[None]:
    """Within this block of this thread let an interrupt end all that would return a part.

    A map that was cut short would be graded, an attack that was cut short would look weak, and what
    is kept on a disk would be taken for the whole the next time.
    """
    before = _are_passed_on.set(True)
    try:
        yield
    finally:
        _are_passed_on.reset(before)


def say_interrupted(remark: str) -> None:
    """Warn that what is returned was cut short by an interrupt.

    Args:
        remark: how far it came.

    Raises:
        KeyboardInterrupt: where `interrupts_passed_on`.

    Warns:
        Interrupted: elsewhere.
    """
    if _are_passed_on.get():
        raise KeyboardInterrupt
    say(remark, category=Interrupted)


def say(remark: str, *, category: type[Warning] = UserWarning) -> None:
    """Warn, at the line of the reader's that called the library; an empty text says nothing."""
    if not remark:
        return
    frames = traceback.walk_stack(None)
    outside = [
        not frame.f_code.co_filename.startswith((LIBRARY, contextlib.__file__))
        for frame, _ in frames
    ]
    warnings.warn(remark, category, stacklevel=outside.index(True) + 1)
