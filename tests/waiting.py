"""Patience, for tests of what happens in the background."""

import time


def wait_until(condition, what="it is so", *, seconds=90):
    """What the condition gives once it is true; fails with what was waited for."""
    end = time.monotonic() + seconds
    while not (result := condition()):
        assert time.monotonic() < end, f"waited {seconds} seconds in vain until {what}"
        time.sleep(0.02)
    return result
