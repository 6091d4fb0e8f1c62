"""Check the exercises: one sentence of praise, or one hint, and no wall of red."""

from typing import Any

import numpy as np


class NotYet(AssertionError):  # noqa: N818 - a hint is no error
    """An answer that is not right yet; in a notebook it shows as its hint alone."""

    def _render_traceback_(self):
        return [f"Not yet: {self}"]


def check(right: bool, hint: str, *, praise: str = "Right.") -> None:
    """Print the praise when `right` is true, else raise NotYet with the hint.

    Args:
        right: one truth, or an array of them that must all be true.
        hint: where to look, not what to write.
        praise: printed when all is right.

    Raises:
        NotYet: when anything is not right; a notebook shows its hint alone.
    """
    if not np.all(right):
        raise NotYet(hint)
    print(praise)


def close(yours: Any, wanted: Any, *, tolerance: float = 1e-4) -> bool:
    """Say whether two arrays are equal but for rounding.

    Args:
        yours: the student's answer, of any kind.
        wanted: the right answer.
        tolerance: the largest difference, as a share of the largest number wanted.

    Returns:
        True when they have one shape and differ by no more; False for what is no array at all.
    """
    try:
        yours = np.asarray(yours, float)
        wanted = np.asarray(wanted, float)
    except (TypeError, ValueError):
        return False
    return yours.shape == wanted.shape and bool(
        np.abs(yours - wanted).max(initial=0) <= tolerance * np.abs(wanted).max(initial=1e-12)
    )
