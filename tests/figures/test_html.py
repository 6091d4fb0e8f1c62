"""Sizes on the page: tiles in their order, small images enlarged by whole factors."""

import numpy as np
import pytest

from lecture_lib.figures import html


def test_tiles_keep_their_order():
    batch = np.arange(6, dtype=np.float32).reshape(6, 1, 1, 1).repeat(3, axis=3) / 10
    np.testing.assert_array_equal(
        html.tile(batch, gap=1)[::2, ::2, 0], batch[:, 0, 0, 0].reshape(2, 3)
    )


def test_tiles_stand_in_columns_and_are_enlarged_to_a_width():
    batch = np.linspace(0, 1, 6, dtype=np.float32)[:, None, None, None] * np.ones(
        (1, 2, 2, 1), np.float32
    )
    tiled = html.tile(batch, columns=2, gap=1, width=12)
    assert tiled.shape == (3 * 6 + 2, 2 * 6 + 1, 1)
    np.testing.assert_array_equal(tiled[::7, ::7, 0], batch[:, 0, 0, 0].reshape(3, 2))


@pytest.mark.parametrize(
    "width, shown",
    [(64, (384, True)), (28, (364, True)), (224, (384, False)), (1000, (640, False))],
)
def test_small_pictures_grow_by_whole_factors(width, shown):
    assert html.width_on_page(width) == shown


def test_tiles_without_a_gap_touch():
    batch = np.arange(4, dtype=np.float32).reshape(4, 1, 1, 1) / 10
    np.testing.assert_array_equal(html.tile(batch, columns=2, gap=0)[..., 0], batch.reshape(2, 2))


def test_a_curve_is_drawn_from_its_lowest_to_its_highest_value():
    svg = html.curve_svg(np.array([2.0, 4.0, 3.0]), width=106, height=26)
    assert 'points="3.0,23.0 53.0,3.0 103.0,13.0"' in svg
    assert 'aria-label="score from 2 to 4"' in svg
