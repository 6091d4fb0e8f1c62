"""Panels of runs that can be watched and stopped: `run_live` shows a gradient ascent step by step.

The work is done in the background, so that the page goes on listening.
"""

import time
from collections.abc import Callable, Mapping
from threading import Event, Lock, Thread
from typing import Any

import numpy as np

from lecture_lib.datasets.saving import encode_jpeg
from lecture_lib.datasets.shapes import ImageOrImages
from lecture_lib.figures.html import curve_svg
from lecture_lib.panels.background import (
    ANY_ERROR,
    image_and_text,
    images_of,
    is_same,
    name_of,
    when_a_control_moves,
)
from lecture_lib.panels.panel import (
    Panel,
    build,
    choices_of,
    display_panel,
    set_status,
    show_error,
    show_image,
    shown_image,
    values_of,
    words_for,
)


def run_live(
    function: Callable,
    *,
    alt: str | Callable,
    first: ImageOrImages | tuple | None = None,
    hand_on: Mapping[str, str] | None = None,
    **controls: Any,
) -> None:
    """Show a panel that runs a gradient ascent on Start, shows its steps, and ends it on Stop.

    Args:
        function: is called as function(**values, watch=watch). It calls watch(step, steps, ascent)
            after each step, ends when that returns True, and returns an Ascent or an image, or
            (image, text). watch(..., counted="octaves × steps") says what the steps are made of.
        alt: what is to be seen in words, or a function of the values.
        first: the image or Ascent shown before Start; `alt` is true of it, too.
        hand_on: {text: notebook}, buttons that hand the picture that was made, of a batch the
            first, on to the panel of another notebook.
        controls: one per argument, the same as in `explore`.

    Raises:
        ValueError: for a control that cannot be made, and where there are no words.
    """
    display_panel(run_live_panel(function, alt=alt, first=first, hand_on=hand_on, **controls))


def run_live_panel(
    function: Callable,
    *,
    alt: str | Callable,
    first: ImageOrImages | tuple | None = None,
    hand_on: Mapping[str, str] | None = None,
    **controls: Any,
) -> Panel:
    """Return the Panel of `run_live`, not yet shown.

    Args:
        function: see `run_live`.
        alt: see `run_live`.
        first: see `run_live`.
        hand_on: see `run_live`.
        **controls: see `run_live`.

    Returns:
        Panel, for a test to press its buttons.
    """
    panel = build(
        controls,
        name=name_of(function),
        buttons=["Start", "Stop"],
        live=True,
        hand_on=hand_on,
        image_of=shown_image,
    )
    if first is not None:
        show_image(panel, images_of(first), _words_before(panel, alt), choices=("start",))
    runs = _Runs(panel, function, alt)
    runs.connect_buttons()
    when_a_control_moves(panel, runs.look_at_choice)
    return panel


def _words_before(panel: Panel, alt: str | Callable) -> str:
    """What `alt` says of the values as they stand, also where one of them cannot be used."""
    try:
        return words_for(alt, values_of(panel))
    except ANY_ERROR:
        return alt if isinstance(alt, str) else "The picture before the gradient ascent"


class _Runs:
    """The runs of a live panel, one at a time: Start begins one in the background, Stop ends it."""

    def __init__(self, panel: Panel, function: Callable, alt: str | Callable) -> None:
        self.panel = panel
        self.function = function
        self.alt = alt
        self.running = Lock()
        self.stopped = Event()
        self.picture = self._chosen_picture()
        self.refused = False  # whether the status line says why a choice cannot be used

    def connect_buttons(self) -> None:
        self.panel.buttons["Start"].button_style = "primary"
        self.panel.buttons["Start"].on_click(self._start)
        self.panel.buttons["Stop"].on_click(self._stop)
        self._enable(start=True)

    def _enable(self, *, start: bool) -> None:
        """Let either Start or Stop be pressed."""
        self.panel.buttons["Start"].disabled = not start
        self.panel.buttons["Stop"].disabled = start

    def _chosen_picture(self) -> Any:
        try:
            return self.panel.controls["picture"].read()
        except (KeyError, *ANY_ERROR):  # there is no such list, or no such picture
            return None

    def look_at_choice(self) -> None:
        """Show a picture when it is chosen, and say at once why a choice cannot be used."""
        if self.running.locked():
            return
        try:
            values = values_of(self.panel)
        except ANY_ERROR as error:
            self.refused = True
            show_error(self.panel, error)
            return
        if self.refused:
            self.refused = False
            set_status(self.panel, "")
        self._show_picture(values.get("picture"))

    def _show_picture(self, picture: Any) -> None:
        if picture is not None and not is_same(picture, self.picture):
            self.picture = picture
            words = "The chosen picture, before the gradient ascent"
            show_image(self.panel, picture, words, choices=("start",))
            set_status(self.panel, "")

    def _start(self, button: Any) -> None:
        if self.running.acquire(blocking=False):  # a second click finds it taken
            self.stopped.clear()
            self._enable(start=False)
            Thread(target=self._work, daemon=True).start()

    def _stop(self, button: Any) -> None:
        if self.running.locked():
            set_status(self.panel, "Stopping after this step …")
            self.stopped.set()

    def _work(self) -> None:
        self._run()
        self._enable(start=True)
        self.running.release()

    def _run(self) -> None:
        """One run from its beginning to its end, seen in the panel."""
        self.panel.progress.value = 0
        self.panel.curve.value = ""
        set_status(self.panel, "Getting ready …")
        try:
            preview = _Preview(self.panel, self.alt, self.stopped)
            result, text = image_and_text(self.function(**preview.values, watch=preview.watch))
            preview.show(images_of(result))
            set_status(self.panel, f"{preview.ending()}{_summary(result)} {text}".strip())
        except ANY_ERROR as error:
            show_error(self.panel, error)


class _Preview:
    """Shows a run while it lasts: at most ten pictures a second."""

    def __init__(self, panel: Panel, alt: str | Callable, stopped: Event) -> None:
        self.panel = panel
        self.stopped = stopped
        self.choices = choices_of(panel)
        self.values = values_of(panel)
        self.words = words_for(alt, self.values)
        self.step: int | None = None  # the last one, if there was any
        self.steps: int | None = None  # of how many
        self.due = 0.0  # when the next picture may be shown

    def watch(self, step: int, steps: int, ascent: Any, *, counted: str = "") -> bool:
        """Show what was reached, if it is time, and say whether the run shall end."""
        self.step = step
        self.steps = steps
        began = time.monotonic()
        if began >= self.due or step == steps or self.stopped.is_set():
            self._show_step(step, steps, ascent, counted)
            # At most ten pictures a second, and about a twentieth of the time.
            now = time.monotonic()
            self.due = now + min(max(0.1, 20 * (now - began)), 1.0)
        return self.stopped.is_set()

    def _show_step(self, step: int, steps: int, ascent: Any, counted: str) -> None:
        self.panel.progress.max = steps
        self.panel.progress.value = step
        self.show(ascent.images, encode=encode_jpeg)
        self.panel.curve.value = curve_svg(ascent.values)
        if not self.stopped.is_set():
            score = np.mean(ascent.values[-1])
            of_what = f" ({counted})" if counted else ""
            set_status(self.panel, f"Step {step} of {steps}{of_what}, score {score:.3g}")

    def show(self, images: ImageOrImages, **options: Any) -> None:
        """Put images into the panel, with the choices and the step that made them."""
        step = () if self.step is None else (f"step-{self.step}",)
        show_image(self.panel, images, self.words, choices=(*self.choices, *step), **options)

    def ending(self) -> str:
        """How the run ended, with its last step where that is not the one it was to end with."""
        if self.stopped.is_set():
            return f"Stopped at step {self.step or 0}"
        return "Done" if self.step == self.steps else f"Done after {self.step} steps"


def _summary(result: Any) -> str:
    """How the score went, if the run says so."""
    values = getattr(result, "values", ())
    if not len(values):
        return "."
    first = np.mean(values[0])
    last = np.mean(values[-1])
    return f"; the score went from {first:.3g} to {last:.3g}."
