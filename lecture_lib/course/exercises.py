"""What the exercises are checked with: one sentence of praise, or one hint, and no wall of red."""

from typing import Any

import numpy as np


class NotYet(AssertionError):  # noqa: N818 - a hint is no error
    """An answer that is not right yet; in a notebook it shows as its hint alone."""

    def _render_traceback_(self):
        return [f"Not yet: {self}"]


def check(right: bool, hint: str, *, praise: str = "Right.") -> None:
    """Print the praise when `right` is true.

    Else raise NotYet with the hint, which says where to look and not what to write.
    """
    if not np.all(right):
        raise NotYet(hint)
    print(praise)


def close(yours: Any, wanted: Any, *, tolerance: float = 1e-4) -> bool:
    """Say whether two arrays are equal but for rounding.

    They have one shape and differ by at most `tolerance` of the largest number wanted; False for
    what is no array at all.
    """
    try:
        yours = np.asarray(yours, float)
        wanted = np.asarray(wanted, float)
    except (TypeError, ValueError):
        return False
    return yours.shape == wanted.shape and bool(
        np.abs(yours - wanted).max(initial=0) <= tolerance * np.abs(wanted).max(initial=1e-12)
    )
