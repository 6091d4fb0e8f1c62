"""Panels of functions that answer at once: `explore` calls them whenever a control moves.

The work is done in the background, so that the page goes on listening.
"""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, nullcontext
from threading import Timer
from typing import Any

from lecture_lib.datasets.images import encode_jpeg, encode_png
from lecture_lib.panels.background import (
    ANY_ERROR,
    image_and_text,
    is_same,
    name_of,
    when_a_control_moves,
)
from lecture_lib.panels.camera import cameras_of
from lecture_lib.panels.panel import (
    Panel,
    build,
    choices_of,
    chosen_image,
    display_panel,
    set_status,
    show_error,
    show_image,
    values_of,
    words_for,
)

SLOW_AFTER = 0.3  # seconds


def explore(
    function: Callable,
    *,
    alt: str | Callable,
    hand_on: Mapping[str, str] | None = None,
    **controls: Any,
) -> None:
    """Show a panel that calls function(**values) whenever a control moves, and shows its answer.

    A ValueError or FileNotFoundError of the function is shown as its sentence, and the picture
    before it stays. From a list of pictures the camera can be chosen; live, each of its frames is
    a picture that is answered, as many of a second as the function allows.

    Args:
        function: returns an image (H, W, 3) in [0, 1], or (image, text); a list of guesses, as
            `top_classes` returns it, in place of the text is drawn as bars.
        alt: what is to be seen in words, or a function of the values.
        hand_on: {text: notebook}, buttons that hand the chosen picture on to the panel of another
            notebook; where there is no list of pictures, the one on view.
        controls: one per argument: a control of this folder, a widget, (low, high) or (low, high,
            step), a list of options, or a constant.

    Raises:
        ValueError: for a control that cannot be made, and where there are no words.
    """
    display_panel(explore_panel(function, alt=alt, hand_on=hand_on, **controls))


def explore_panel(
    function: Callable,
    *,
    alt: str | Callable,
    hand_on: Mapping[str, str] | None = None,
    **controls: Any,
) -> Panel:
    """Return the Panel of `explore` with its first answer, not yet shown.

    Args:
        function: see `explore`.
        alt: see `explore`.
        hand_on: see `explore`.
        **controls: see `explore`.

    Returns:
        Panel, for a test to move its controls.
    """
    panel = build(controls, name=name_of(function), hand_on=hand_on, image_of=chosen_image)
    answers = _Answers(panel, function, alt)
    answers.give()
    when_a_control_moves(panel, answers.give)
    return panel


class _Answers:
    """What a panel's function answers to the values of its controls."""

    def __init__(self, panel: Panel, function: Callable, alt: str | Callable) -> None:
        self.panel = panel
        self.function = function
        self.alt = alt
        self.answered: dict | None = None  # the values of the answer on view; None after an error
        self.cameras = cameras_of(panel.controls.values())
        for camera in self.cameras:
            camera.offers_live = True

    def _is_on_view(self, values: dict) -> bool:
        return self.answered is not None and all(
            is_same(value, self.answered[name]) for name, value in values.items()
        )

    def give(self) -> None:
        """Call the function with the values that the controls have now, and show its answer.

        Where this answer is on view already, the status line keeps what it says.
        """
        try:
            self._give()
        except ANY_ERROR as error:
            self.answered = None
            show_error(self.panel, error)
        finally:
            for camera in self.cameras:
                camera.answered(self.panel.shown["text"])

    def _give(self) -> None:
        choices = choices_of(self.panel)
        values = values_of(self.panel)
        if self._is_on_view(values):
            return
        is_live = any(camera.is_live for camera in self.cameras)
        with nullcontext() if is_live else _saying_when_slow(self.panel):
            result = self.function(**values)
        image, text = image_and_text(result)
        words = words_for(self.alt, values)
        encode = encode_jpeg if is_live else encode_png
        show_image(self.panel, image, words, choices=choices, encode=encode)
        # Ten answers a second are too many to be read aloud; the camera says some of them.
        set_status(self.panel, text, role="group" if is_live else "status")
        self.answered = values


@contextmanager
def _saying_when_slow(panel: Panel) -> Iterator[None]:
    """Say "Computing …" and dim the picture while an answer takes longer than a moment."""
    timer = Timer(SLOW_AFTER, _say_computing, [panel])
    timer.daemon = True
    timer.start()
    try:
        yield
    finally:
        timer.cancel()
        timer.join()  # what it has begun to say is said before the answer
        panel.picture.remove_class("lecture-waiting")


def _say_computing(panel: Panel) -> None:
    panel.picture.add_class("lecture-waiting")
    set_status(panel, "Computing …")
