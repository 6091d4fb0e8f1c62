"""Panels of functions that answer at once: `explore` calls them whenever a control moves.

The work is done in the background, so that the page goes on listening.
"""

from collections.abc import Callable, Mapping
from functools import partial
from inspect import signature
from typing import Any

from lecture_lib.datasets.saving import encode_jpeg, encode_png
from lecture_lib.models.parts import Left
from lecture_lib.panels.background import (
    ANY_ERROR,
    are_same,
    image_and_text,
    images_of,
    name_of,
    when_a_control_moves,
)
from lecture_lib.panels.camera import cameras_of
from lecture_lib.panels.computing import WAITING, Computing, seen_to_compute
from lecture_lib.panels.panel import (
    Panel,
    build,
    choices_of,
    chosen_image,
    display_panel,
    log_error,
    set_status,
    show_error,
    show_image,
    values_of,
    words_for,
)


def explore(
    function: Callable,
    *,
    alt: str | Callable,
    hand_on: Mapping[str, str] | None = None,
    **controls: Any,
) -> None:
    """Show a panel that calls function(**values) whenever a control moves, and shows its answer.

    A ValueError or FileNotFoundError of the function is shown as its sentence, and the picture
    before it stays. From a list of pictures the camera can be chosen; live, each of its frames is a
    picture that is answered, as many of a second as the function allows.

    An answer that takes long says how far it is. When a control moves it is left for a newer one,
    between two steps, batches or masks of the course's functions; one part, such as one call of
    TensorFlow, runs to its end.

    Args:
        function: returns an image (H, W, 3) in [0, 1], or (image, text); a list of guesses, as
            `top_classes` returns it, in place of the text is drawn as bars. One with an argument
            `watch` gets a function for it, as in `run_live`, and what that is told is shown.
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
    answers.newer_is_asked_for = when_a_control_moves(panel, answers.give)
    return panel


class _Answers:
    """What a panel's function answers to the values of its controls."""

    def __init__(self, panel: Panel, function: Callable, alt: str | Callable) -> None:
        self.panel = panel
        self.function = function
        self.alt = alt
        self.asked: dict | None = None  # the values that are answered now; None while unusable
        self.answered: dict | None = None  # the values of the answer on view; None after an error
        self.said = ""  # the status line with that answer
        self.was_left = False  # whether the panel still waits, for another answer than it began
        self.newer_is_asked_for: Callable = bool  # before the panel is seen, nothing is
        self.cameras = cameras_of(panel.controls.values())
        for camera in self.cameras:
            camera.offers_live = True

    def give(self) -> None:
        """Call the function with the values that the controls have now, and show its answer.

        Where this answer is on view already, the status line keeps what it says.
        """
        try:
            self._give()
        except Left:
            self.was_left = True
        except ANY_ERROR as error:
            self._complain(error)
        finally:
            for camera in self.cameras:
                camera.answered(self.panel.shown["text"])

    def _give(self) -> None:
        self.asked = None
        choices = choices_of(self.panel)
        self.asked = values = values_of(self.panel)
        if self.answered is not None and are_same(values, self.answered):
            self._come_back()
            return
        words = words_for(self.alt, values)
        show = partial(show_image, self.panel, words=words, choices=choices)
        is_live = any(camera.is_live for camera in self.cameras)
        result = self._call(values, _unwatched) if is_live else self._computed(values, show)
        image, text = image_and_text(result)
        show(images_of(image), encode=encode_jpeg if is_live else encode_png)
        # Ten answers a second are too many to be read aloud; the camera says some of them.
        set_status(self.panel, text, role="group" if is_live else "status")
        self._end_waiting()
        self.answered = values
        self.said = self.panel.status.value

    def _call(self, values: dict, watch: Callable) -> Any:
        if _takes_watch(self.function):
            values = {"watch": watch} | values
        return self.function(**values)

    def _computed(self, values: dict, show: Callable) -> Any:
        """The answer, which is seen to be computed and may be left."""
        computing = Computing(self.panel, show, self._is_outdated)
        try:
            with seen_to_compute(computing):
                return self._call(values, computing.watch)
        finally:
            if computing.has_drawn:
                self.answered = None

    def _is_outdated(self) -> bool:
        """Whether something else is chosen now, which will be answered."""
        if self.asked is None or not self.newer_is_asked_for():
            return False
        try:
            return not are_same(values_of(self.panel), self.asked)
        except ANY_ERROR:  # what is chosen cannot be used: its sentence follows
            return True

    def _come_back(self) -> None:
        """Say again what is said of the picture on view, where a newer one was left."""
        if self.was_left:
            self.panel.status.value = self.said
            self._end_waiting()

    def _complain(self, error: BaseException) -> None:
        self.answered = None
        if self._is_outdated():  # nobody waits for this answer any more
            log_error(error)
            return
        self._end_waiting()
        show_error(self.panel, error)

    def _end_waiting(self) -> None:
        self.was_left = False
        self.panel.picture.remove_class(WAITING)


def _takes_watch(function: Callable) -> bool:
    try:
        return "watch" in signature(function).parameters
    except ValueError:  # some functions written in C do not say what they take
        return False


def _unwatched(*progress: Any, **options: Any) -> bool:
    return False
