"""What a panel shows while an answer takes longer than a moment, and when it leaves that answer."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from threading import Timer
from typing import Any

from lecture_lib.datasets.saving import encode_jpeg
from lecture_lib.models.parts import Left, told_between_parts
from lecture_lib.panels.background import image_and_text, images_of
from lecture_lib.panels.panel import Panel, set_status

SLOW_AFTER = 0.3  # seconds
LOOKS_EVERY = 0.1  # seconds, whether something newer is chosen
WAITING = "lecture-waiting"  # the dimmed picture


class Computing:
    """An answer while it is computed.

    Attributes:
        has_drawn: whether what was reached so far is on view.

    Args:
        panel: whose answer it is.
        show: puts images, (H, W, C) or (N, H, W, C), into the panel.
        is_outdated: () -> whether something newer is chosen.
    """

    def __init__(self, panel: Panel, show: Callable, is_outdated: Callable) -> None:
        self.panel = panel
        self.show = show
        self.is_outdated = is_outdated
        self.has_drawn = False
        self.began = time.monotonic()
        self.due = self.began + SLOW_AFTER

    def tell(self, done: int, total: int | None) -> None:
        """Between two parts: leave the answer for a newer one, or say how far it is.

        An answer that is nearly there is finished, so that a picture follows a slider that is
        moved on and on.

        Raises:
            Left: where something newer is chosen.
        """
        now = time.monotonic()
        if now < self.due:
            return
        self.due = now + LOOKS_EVERY
        if self.is_outdated() and _seconds_left(now - self.began, done, total) > SLOW_AFTER:
            raise Left
        if total:
            # Too often to be read aloud.
            set_status(self.panel, f"Computing … {done} of {total}", role="group")

    def watch(self, step: int, steps: int, reached: Any, **options: Any) -> bool:
        """Show what was reached after a step, as a `watch` of the course's functions.

        Args:
            step, steps: how far it is.
            reached: an Ascent, an image, or (image, text).

        Returns:
            False: an answer that is not wanted any more ends by Left.
        """
        is_due = time.monotonic() >= self.due
        self.tell(step, steps)
        if is_due and step < steps:
            images, _ = image_and_text(reached)
            self.show(images_of(images), encode=encode_jpeg)
            self.panel.picture.remove_class(WAITING)
            self.has_drawn = True
        return False


def _seconds_left(since: float, done: int, total: int | None) -> float:
    """How long an answer will take from now, if it goes on as it did."""
    return since * (total - done) / max(done, 1) if total else float("inf")


@contextmanager
def seen_to_compute(computing: Computing) -> Iterator[None]:
    """Say "Computing …" over the dimmed picture while an answer takes longer than a moment.

    Args:
        computing: which answer; it is told of the parts of what is computed in this block.
    """
    timer = Timer(SLOW_AFTER, _say, [computing])
    timer.daemon = True
    timer.start()
    try:
        with told_between_parts(computing.tell):
            yield
    finally:
        timer.cancel()
        timer.join()  # what it has begun to say is said before the answer


def _say(computing: Computing) -> None:
    set_status(computing.panel, "Computing …")
    if not computing.has_drawn:
        computing.panel.picture.add_class(WAITING)
