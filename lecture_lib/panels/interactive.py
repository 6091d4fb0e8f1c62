"""Panels to play with: `explore` for functions that answer at once, `run_live` for climbs that can be watched and stopped.

Both take a function and one control per argument. The work is done in the background, so that the page goes on listening.
"""

import time
from threading import Event, Lock, Thread

import numpy as np

from lecture_lib.datasets.images import encode_jpeg
from lecture_lib.figures.html import curve_svg
from lecture_lib.panels import panel as panels
from lecture_lib.panels.controls import (
    class_box,
    layer_dropdown,
    learning_rate_slider,
    net_dropdown,
    power_slider,
)
from lecture_lib.panels.image_picker import picture_dropdown

__all__ = [
    "explore",
    "run_live",
    "class_box",
    "layer_dropdown",
    "learning_rate_slider",
    "net_dropdown",
    "picture_dropdown",
    "power_slider",
]


def explore(function, *, alt, hand_on=None, **controls):
    """Show a panel that calls function(**values) whenever a control moves, and shows the picture it returns.

    function: returns an image (H, W, 3) in [0, 1], or (image, text). alt: what is to be seen in words, or a function of the values.
    controls: one per argument: a control of this module, a widget, (low, high) or (low, high, step), a list of options, or a constant.
    hand_on: {text: notebook}, buttons that hand the chosen picture on to the panel of another notebook; where there is no list of
    pictures, the one on view. A ValueError or FileNotFoundError of the function is shown as its sentence, and the picture before it stays.
    """
    panels.publish(explore_panel(function, alt=alt, hand_on=hand_on, **controls))


def run_live(function, *, alt, first=None, hand_on=None, **controls):
    """Show a panel that runs function(**values, watch=watch) on Start, shows pictures and values as it climbs, and ends it on Stop.

    function: a climb that calls watch(step, steps, ascent) after each step, ends when that returns True, and returns an Ascent or an image,
    or (image, text).
    first: the image or Ascent shown before Start. hand_on: {text: notebook}, as in explore, for the picture that was made (of a batch the
    first). alt and controls: as in explore.
    """
    panels.publish(run_live_panel(function, alt=alt, first=first, hand_on=hand_on, **controls))


def explore_panel(function, *, alt, hand_on=None, **controls):
    """The Panel of explore with its first answer, not yet shown."""
    panel = panels.build(controls, name=_name(function), hand_on=hand_on, picture_of=panels.chosen)

    def answer():
        try:
            values = panels.values_of(panel)
            result = function(**values)
            image, text = result if isinstance(result, tuple) else (result, "")
            panels.show(panel, image, panels.words_for(alt, values))
            panels.say(panel, text)
        except (Exception, SystemExit) as error:
            panels.say(panel, panels.sentence(error), role="alert")

    answer()
    request = latest(answer)
    for control in panel.controls.values():
        for source in control.sources:
            source.observe(lambda change: request(), names="value")
    return panel


def latest(work):
    """A function that asks for work() in the background; however often it is asked meanwhile, work runs once more, on the newest values."""
    lock, wanted, busy = Lock(), Event(), Event()

    def run():
        while True:
            with lock:
                if not wanted.is_set():
                    return busy.clear()
                wanted.clear()
            work()

    def request():
        with lock:
            wanted.set()
            idle = not busy.is_set()
            busy.set()
        if idle:
            Thread(target=run, daemon=True).start()

    return request


def run_live_panel(function, *, alt, first=None, hand_on=None, **controls):
    """The Panel of run_live, not yet shown."""
    panel = panels.build(
        controls,
        name=_name(function),
        buttons=["Start", "Stop"],
        hand_on=hand_on,
        picture_of=panels.made,
    )
    start, stop, running, stopped = panel.buttons["Start"], panel.buttons["Stop"], Lock(), Event()
    start.button_style, stop.disabled = "primary", True
    if first is not None:
        panels.show(
            panel,
            getattr(first, "images", first),
            alt if isinstance(alt, str) else "The picture before the climb",
        )

    def climb():
        _climb(panel, function, alt, stopped=stopped)
        start.disabled, stop.disabled = False, True
        running.release()

    def on_start(button):
        if running.acquire(blocking=False):  # a second click finds it taken
            stopped.clear()
            start.disabled, stop.disabled = True, False
            Thread(target=climb, daemon=True).start()

    def on_stop(button):
        if running.locked():
            panels.say(panel, "Stopping after this step …")
            stopped.set()

    start.on_click(on_start)
    stop.on_click(on_stop)
    return panel


def _climb(panel, function, alt, *, stopped):
    panel.progress.value, panel.curve.value = 0, ""
    panels.say(panel, "Getting ready …")
    try:
        values = panels.values_of(panel)
        words = panels.words_for(alt, values)
        result = function(**values, watch=_watcher(panel, words, stopped))
        result, text = (
            result if type(result) is tuple else (result, "")
        )  # an Ascent is a tuple too, of another type
        panels.show(panel, getattr(result, "images", result), words)
        panels.say(panel, f"{_summary(panel, result, stopped.is_set())} {text}".strip())
    except (Exception, SystemExit) as error:
        panels.say(panel, panels.sentence(error), role="alert")


def _watcher(panel, words, stopped):
    due = 0.0

    def watch(step, steps, ascent):
        nonlocal due
        began = time.monotonic()
        if began >= due or step == steps or stopped.is_set():
            panel.progress.max, panel.progress.value = steps, step
            panels.show(panel, ascent.images, words, encode=encode_jpeg)
            panel.curve.value = curve_svg(ascent.values)
            if not stopped.is_set():
                panels.say(panel, f"Step {step} of {steps}, score {np.mean(ascent.values[-1]):.3g}")
            now = time.monotonic()
            due = now + min(
                max(0.1, 20 * (now - began)), 1.0
            )  # at most ten pictures a second, and about a twentieth of the time
        return stopped.is_set()

    return watch


def _summary(panel, result, stopped):
    ended = f"Stopped at step {panel.progress.value}" if stopped else "Done"
    values = getattr(result, "values", ())
    return (
        f"{ended}; the score went from {np.mean(values[0]):.3g} to {np.mean(values[-1]):.3g}."
        if len(values)
        else f"{ended}."
    )


def _name(function):
    name = getattr(getattr(function, "func", function), "__name__", "picture")
    return "picture" if name == "<lambda>" else name
