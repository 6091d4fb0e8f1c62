"""The scale under a map: its colors, room for its numbers, and that the same one is drawn once."""

import numpy as np
import pytest

from lecture_lib.figures.images import heat
from lecture_lib.panels.color_scale import BAR, NARROWEST, SCALE, with_scale

RAMP = np.linspace(0, 3.14159, 224, dtype=np.float32)[None].repeat(8, axis=0)


def ink(part):
    """The share of dark pixels."""
    return np.mean(part.max(axis=-1) < 0.5)


def test_the_colors_lie_between_the_two_numbers():
    drawn = with_scale(heat(RAMP), RAMP)
    assert drawn.shape == (8 + SCALE, 224, 3)
    np.testing.assert_array_equal(drawn[:8], heat(RAMP))
    left = (224 - BAR) // 2
    bar = drawn[8 + 12, left : left + BAR]
    np.testing.assert_allclose(bar, heat(np.linspace(0, 3.1, BAR)[None])[0], atol=1 / 255)
    for beside in (drawn[8:, : left - 2], drawn[8:, left + BAR + 2 :]):
        assert 0.01 < ink(beside) < 0.2


@pytest.mark.parametrize("side", [1, 7, 64, 199])
def test_both_numbers_have_room_under_a_small_picture(side):
    heatmap = -1234.5 - np.ones((side, side), np.float32)
    drawn = with_scale(heat(heatmap), heatmap)
    assert drawn.shape[1] >= NARROWEST and drawn.shape[1] % side == 0
    strip = drawn[-SCALE:]
    assert ink(strip[:, :2]) == ink(strip[:, -2:]) == 0  # no digit is cut off
    np.testing.assert_array_equal(drawn[0, 0], heat(heatmap)[0, 0])


def test_the_same_numbers_are_drawn_once_however_many_answers_have_them():
    calls = []

    def counted(heatmap):
        calls.append(heatmap.shape)
        return heat(heatmap)

    for _ in range(12):
        with_scale(heat(RAMP), RAMP, draw=counted)
    with_scale(heat(RAMP), RAMP * 1.0001, draw=counted)  # the same two digits
    assert calls == [(1, BAR)]
    with_scale(heat(RAMP), RAMP * 2, draw=counted)
    assert len(calls) == 2
