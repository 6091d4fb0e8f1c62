"""Whoever waits for work in parts, and leaves it after some."""

from contextlib import contextmanager

import pytest

from lecture_lib.models.parts import Left, told_between_parts


@contextmanager
def left_after(count):
    """Within this block work is left after so many parts; gives what was told of them, a list."""
    told = []

    def tell(done, total):
        told.append((done, total))
        if done == count:
            raise Left

    with pytest.raises(Left), told_between_parts(tell):
        yield told
