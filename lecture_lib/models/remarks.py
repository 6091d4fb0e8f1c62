"""Remarks of the library, as warnings that point at the reader's own line."""

import contextlib
import traceback
import warnings
from pathlib import Path

LIBRARY = str(Path(__file__).parents[1])


def say(remark: str) -> None:
    """Warn, at the line of the reader's that called the library; an empty text says nothing."""
    if not remark:
        return
    frames = traceback.walk_stack(None)
    outside = [
        not frame.f_code.co_filename.startswith((LIBRARY, contextlib.__file__))
        for frame, _ in frames
    ]
    warnings.warn(remark, stacklevel=outside.index(True) + 1)
