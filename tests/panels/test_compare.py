"""Two pictures with their maps: one scale, the same values for both, and nothing more for one."""

import time
from functools import partial

import numpy as np
import pytest
from panel_tools import Reached, upload
from waiting import wait_until

from lecture_lib.datasets.saving import encode_png
from lecture_lib.figures.images import heat, overlay
from lecture_lib.panels.color_scale import SCALE
from lecture_lib.panels.compare import another_picture, compared
from lecture_lib.panels.image_picker import picture_dropdown
from lecture_lib.panels.interactive import explore_panel
from lecture_lib.panels.runs import run_live_panel

DARK = np.full((32, 32, 3), 0.25, np.float32)
BRIGHT = np.full((32, 32, 3), 0.75, np.float32)
RAMP = np.linspace(0, 1, 32, dtype=np.float32)[None].repeat(32, axis=0)


def ramp_of(picture, factor=1.0):
    """A map as high as a picture is bright."""
    height = float(picture.mean())
    return (picture, RAMP * height * factor), f"up to {height * factor:.2f}"


in_heat = compared(ramp_of, draw=heat)


def test_one_picture_stands_beside_its_map():
    drawn, text = in_heat(DARK, 2.0)
    assert drawn.shape == (256 + SCALE, 512, 3) and text == "up to 0.50"
    np.testing.assert_allclose(drawn[:256, :256], 0.25, atol=1 / 255)
    np.testing.assert_allclose(drawn[128, [262, 505]], heat(np.array([[0.0, 1]]))[0], atol=0.1)


def test_a_color_means_the_same_number_in_both_maps():
    drawn, text = in_heat(picture=DARK, compare_with=BRIGHT)
    assert drawn.shape == (512 + SCALE, 512, 3)
    np.testing.assert_allclose(
        drawn[:256, [0, 300]].mean(axis=0), [[0.25] * 3, [0.75] * 3], atol=0.01
    )
    dark_map, bright_map = drawn[384, :256], drawn[384, 256:]
    # A third of the bright one's map is as high as the whole of the other.
    np.testing.assert_allclose(dark_map[248], bright_map[248 // 3], atol=0.06)
    np.testing.assert_allclose(bright_map[-4], heat(np.array([[0.0, 1]]))[0, 1], atol=0.06)
    assert text.splitlines() == [
        "Left: up to 0.25",
        "Right: up to 0.75",
        "Same colors in both maps, 0 to 0.75.",
    ]


def test_by_default_the_colors_lie_over_the_picture():
    drawn, _ = compared(ramp_of)(DARK)
    np.testing.assert_allclose(drawn[128, 256 + 132], overlay(DARK, RAMP / 4)[0, 16], atol=0.03)


@pytest.mark.parametrize("second", [None, BRIGHT])
def test_under_a_map_lie_its_colors_between_two_numbers(second):
    drawn, _ = in_heat(DARK, compare_with=second)
    strip = drawn[-SCALE:, 256:] if second is None else drawn[-SCALE:]
    middle = strip.shape[1] // 2
    bar = strip[12, middle - 60 : middle + 60]
    np.testing.assert_allclose(bar, heat(np.linspace(0, 1, 120)[None])[0], atol=1 / 255)
    for beside in (strip[:, : middle - 64], strip[:, middle + 64 :]):
        assert 0.001 < np.mean(beside < 0.5) < 0.2  # a few pixels of ink
    assert (drawn[-SCALE:, :2] == 1).all()


def test_the_scale_of_signed_numbers_ends_at_the_lowest_and_at_the_highest():
    def signed(picture):
        return (picture, RAMP - 0.25), "from -0.25 to 0.75"

    drawn, _ = compared(signed, draw=partial(heat, signed=True))(DARK)
    bar = drawn[-SCALE + 12, 256 + 128 - 60 : 256 + 128 + 60]
    wanted = heat(np.linspace(-0.25, 0.75, 120)[None], signed=True)[0]
    np.testing.assert_allclose(bar, wanted, atol=1 / 255)
    assert bar[0, 2] > bar[0, 0] and bar[-1, 0] > bar[-1, 2]  # blue, and red


def test_maps_with_channels_share_what_draws_them_and_have_no_scale():
    def colorful(picture):
        return (picture, picture - 0.5), "a gradient"

    drawn, text = compared(colorful, draw=lambda values: values + 0.5)(DARK, compare_with=BRIGHT)
    np.testing.assert_allclose(drawn[:256], drawn[256:], atol=1 / 255)
    assert text == "Left: a gradient\nRight: a gradient"


@pytest.fixture
def panel():
    """A panel whose calls are noted, with (picture, compare with) to choose."""
    picture = picture_dropdown(["cat", "coffee"], size=32)
    calls = []

    def answer(picture, factor):
        calls.append(factor)
        return ramp_of(picture, factor)

    shown = explore_panel(
        compared(answer),
        alt="a map",
        picture=picture,
        compare_with=another_picture(picture),
        factor=(1.0, 3.0),
    )
    return shown, calls


def test_the_second_picture_is_none_until_it_is_chosen_and_can_be_left(panel):
    shown, calls = panel
    first = shown.picture.value
    assert len(calls) == 1 and shown.shown["choices"] == ("cat", "factor-2")
    second = shown.controls["compare_with"].sources[0]
    assert (second.description, second.label) == ("compare with", "none")
    second.value = "coffee"
    wait_until(lambda: "Right: up to" in shown.status.value)
    assert 'alt="a map; on its right those of a second picture"' in shown.picture.value
    assert calls == [2.0] * 3 and shown.shown["image"].shape == (512 + SCALE, 512, 3)
    second.value = ""
    wait_until(lambda: shown.picture.value == first)
    assert len(calls) == 4


def test_what_is_uploaded_can_be_compared_too(panel):
    shown, _ = panel
    second = shown.controls["compare_with"].sources[0]
    second.value = "coffee"
    upload(shown.controls["picture"], "a.png", encode_png(BRIGHT))
    assert second.value == "coffee"
    second.value = "a.png (uploaded)"
    wait_until(lambda: "Right: up to 1.50" in shown.status.value)


def test_a_map_that_grows_is_drawn_beside_the_one_that_is_done():
    steps = []

    def grow(picture, watch):
        for step in (1, 2):
            pair, text = ramp_of(picture, step / 2)
            if watch(step, 2, Reached(pair, np.array([float(step)]), [])):
                break
        return pair, text

    def watch(step, count, reached):
        steps.append((step, reached.images.shape))
        return False

    picture, _ = compared(grow)(DARK, watch, compare_with=BRIGHT)
    one, two = (256 + SCALE, 512, 3), (512 + SCALE, 512, 3)
    assert steps == [(1, one), (2, one), (1, two), (2, two)] and picture.shape == two


def test_a_live_panel_compares_and_stops():
    def grow(picture, watch):
        for step in range(1, 101):
            pair, text = ramp_of(picture)
            if watch(step, 100, Reached(pair, np.array([float(step)]), [])):
                break
            time.sleep(0.01)
        return pair, text

    pictures = picture_dropdown(["cat", "coffee"], size=32)
    shown = run_live_panel(
        compared(grow), alt="a map", picture=pictures, compare_with=another_picture(pictures)
    )
    shown.controls["compare_with"].sources[0].value = "coffee"
    shown.buttons["Start"].click()
    wait_until(lambda: shown.shown["image"].shape == (512 + SCALE, 512, 3))
    shown.buttons["Stop"].click()
    wait_until(lambda: shown.status.value.count("Stopped at"))
    assert "Right: up to" in shown.status.value
