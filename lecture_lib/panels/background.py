"""Work in the background of a panel: asked for when a control moves, done on the newest values."""

import time
from collections.abc import Callable, Mapping
from threading import Lock, Thread
from typing import Any

import numpy as np

from lecture_lib.panels.panel import Panel

# An unexpected SystemExit in a background thread would end only that thread, without a word.
ANY_ERROR = (Exception, SystemExit)
SETTLED_AFTER = 0.01  # seconds: by then lists that follow a choice have made theirs


def when_a_control_moves(panel: Panel, work: Callable) -> Callable:
    """Let work() be done in the background when a reader has moved a control.

    A list that gets new entries chooses another one for a moment, and comes back. So the work waits
    for a moment too, and finds the values as they were.

    Returns:
        () -> whether a control was moved since the work that is being done has begun.
    """

    def settled_work() -> None:
        time.sleep(SETTLED_AFTER)
        work()

    requests = _Coalesced(settled_work)
    for control in panel.controls.values():
        for source in control.sources:
            source.observe(lambda change: requests.request(), names="value")
    return lambda: requests.wanted


def coalesce(work: Callable) -> Callable:
    """Return a function that asks for work() in the background and returns at once.

    However often it is asked while work runs, work runs only once more, on the newest values.

    Args:
        work: () -> anything.
    """
    return _Coalesced(work).request


class _Coalesced:
    """Work that may be asked for while it runs."""

    def __init__(self, work: Callable) -> None:
        self.work = work
        self.lock = Lock()
        self.wanted = False
        self.busy = False

    def request(self) -> None:
        """Let the thread that works run once more, or start one."""
        with self.lock:
            self.wanted = True
            idle = not self.busy
            self.busy = True
        if idle:
            Thread(target=self._run, daemon=True).start()

    def _run(self) -> None:
        while self._take_request():
            self.work()

    def _take_request(self) -> bool:
        """Whether there is a request; where there is none, the thread ends."""
        with self.lock:
            self.busy = self.wanted
            self.wanted = False
            return self.busy


# What a panel's function is called, and what it gives


def name_of(function: Callable) -> str:
    """Return the name of a function, also of a partial; a lambda has none."""
    name = getattr(getattr(function, "func", function), "__name__", "picture")
    return "picture" if name == "<lambda>" else name


def image_and_text(result: Any) -> tuple[Any, Any]:
    """Return what a function gave as (image, text), with no text where it gave none."""
    # An Ascent is a tuple too, of another type, and an answer by itself.
    return result if type(result) is tuple else (result, "")


def images_of(result: Any) -> Any:
    """Return the images of an Ascent, or anything else as it is."""
    return getattr(result, "images", result)


def is_same(value: Any, other: Any) -> bool:
    """Say whether two values of a control are equal, also those that are arrays."""
    if isinstance(value, np.ndarray) or isinstance(other, np.ndarray):
        return np.array_equal(value, other)
    return value is other or bool(value == other)


def are_same(values: Mapping[str, Any], others: Mapping[str, Any]) -> bool:
    """Say whether all values of controls, by their names, are the same as others."""
    return all(is_same(value, others[name]) for name, value in values.items())
