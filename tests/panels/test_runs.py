"""Runs that are started and stopped: what is chosen for them is seen and judged before Start."""

import threading

import numpy as np
from panel_tools import GRAY, ascent_of_steps, upload
from waiting import wait_until

from lecture_lib.core.ascent import Ascent
from lecture_lib.datasets.saving import encode_png
from lecture_lib.panels.controls import class_box
from lecture_lib.panels.image_picker import picture_dropdown
from lecture_lib.panels.runs import run_live_panel


def test_a_mistyped_class_is_named_at_once_and_the_sentence_goes_when_it_is_mended():
    classes = class_box(["goldfish", "great white shark"])
    shown = run_live_panel(lambda class_name, watch: GRAY, alt="gray", class_name=classes)
    classes.view.value = "goldfihs"
    wait_until(lambda: "alert" in shown.status.value and "goldfihs" in shown.status.value)
    classes.view.value = "goldfish"
    wait_until(lambda: "goldfihs" not in shown.status.value)


def test_an_uploaded_picture_is_seen_at_once():
    pictures = picture_dropdown(["cat"], size=32)
    shown = run_live_panel(lambda picture, watch: picture, alt="gray", picture=pictures)
    upload(pictures, "gray.png", encode_png(GRAY[:32, :32]))
    wait_until(lambda: np.abs(shown.shown["image"] - 0.5).max() < 0.01)


def test_memory_that_runs_out_in_a_step_is_a_sentence_that_says_what_to_do():
    run = ascent_of_steps([], fails_at=3, error=MemoryError())
    shown = run_live_panel(run, alt="gray", first=GRAY)
    shown.buttons["Start"].click()
    wait_until(lambda: "There was not enough memory for this" in shown.status.value)
    assert "Shut Down All Kernels" in shown.status.value
    wait_until(lambda: not shown.buttons["Start"].disabled)


def test_the_panel_counts_the_steps_of_a_run_that_ends_before_its_last():
    def ascend(watch):
        for step in range(1, 4):
            watch(step, 300, Ascent(GRAY, np.ones(step), []))
        return GRAY, "A change of length 2."

    shown = run_live_panel(ascend, alt="gray", first=GRAY)
    shown.buttons["Start"].click()
    wait_until(lambda: "Done after 3 steps. A change of length 2." in shown.status.value)


def test_a_stopped_run_says_once_at_which_step():
    go_on = threading.Event()

    def ascend(watch):
        watch(1, 300, Ascent(GRAY, np.ones(1), []))
        go_on.wait(60)
        assert watch(2, 300, Ascent(GRAY, np.ones(2), []))
        return GRAY, "A change of length 2."

    shown = run_live_panel(ascend, alt="gray", first=GRAY)
    shown.buttons["Start"].click()
    wait_until(lambda: "Step 1 of 300" in shown.status.value)
    shown.buttons["Stop"].click()
    go_on.set()
    wait_until(lambda: "Stopped at step 2. A change of length 2." in shown.status.value)
