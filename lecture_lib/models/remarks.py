"""Remarks of the library, as warnings that point at the reader's own line.

One of them says that a result is less than was asked for, as somebody has interrupted the kernel.
"""

import contextlib
import traceback
import warnings
from collections.abc import Iterator
from pathlib import Path

LIBRARY = str(Path(__file__).parents[1])


class Interrupted(UserWarning):
    """That what is returned was reached before an interrupt, and is less than was asked for."""


@contextlib.contextmanager
def interrupts_passed_on() -> Iterator[None]:
    """Within this block let an interrupt end all, where a part of a result would do harm.

    A map that was cut short would be graded, an attack that was cut short would look weak, and what
    is kept on a disk would be taken for the whole the next time.

    Raises:
        KeyboardInterrupt: where something in the block would return less than was asked for.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("error", Interrupted)
        try:
            yield
        except Interrupted:
            raise KeyboardInterrupt from None


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
