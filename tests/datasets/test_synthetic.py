"""Painted images: masks are exact, patterns are their formulas."""

import numpy as np
import pytest
from small_nets import random

from lecture_lib.datasets.synthetic import (
    checks,
    cross,
    dots,
    on_background,
    paint_badges,
    paint_color,
    paint_pattern,
    ring,
    stripes,
)

PHOTOS = random(6, 64, 64, 3)


def test_patterns_are_above_zero_where_their_ink_is():
    half = np.pi / 2
    assert stripes(half, 3.0) > 0 > stripes(-half, 3.0)
    assert dots(0.0, 2 * np.pi) > 0 > dots(np.pi, 0.0)
    assert checks(half, half) > 0 and checks(-half, -half) > 0 > checks(half, -half)


@pytest.mark.parametrize(
    "paint",
    [
        lambda images, seed: paint_pattern(images, (stripes, dots), seed=seed),
        lambda images, seed: paint_color(images, seed=seed),
    ],
)
def test_painting_repeats_itself_and_leaves_the_photographs_alone(paint):
    kept = PHOTOS.copy()
    one, same, other = paint(PHOTOS, 1), paint(PHOTOS, 1), paint(PHOTOS, 2)
    np.testing.assert_array_equal(one, same)
    np.testing.assert_array_equal(PHOTOS, kept)
    assert not np.allclose(one, other) and one.dtype == np.float32 and one.shape == PHOTOS.shape
    assert 0 <= one.min() and one.max() <= 1 and paint(PHOTOS[0], 1).shape == PHOTOS[0].shape


@pytest.mark.parametrize("pattern, share", [(stripes, 0.5), (checks, 0.5), (dots, 0.17)])
def test_ink_covers_its_share_and_the_rest_is_the_photograph(pattern, share):
    white = np.ones((12, 64, 64, 3), np.float32)
    painted = paint_pattern(white, pattern)
    assert (painted.mean(axis=-1) < 0.9).mean() == pytest.approx(share, abs=0.07)
    assert (painted == 1).all(axis=-1).mean() > 0.6 * (1 - share)


def test_a_color_keeps_the_order_of_light_and_dark():
    grays = np.repeat(np.linspace(0, 1, 50, dtype=np.float32)[None, :, None], 3, axis=-1)
    painted = paint_color(grays, (0.9, 0.5, 0.1), strength=1.0)[0]
    assert (np.diff(painted, axis=0) >= -1e-6).all() and painted[0].max() == 0
    assert (painted[1:-1, 0] > painted[1:-1, 1]).all() and (
        painted[1:-1, 1] > painted[1:-1, 2]
    ).all()
    np.testing.assert_allclose(
        paint_color(PHOTOS, (0.9, 0.5, 0.1), strength=0.0), PHOTOS, atol=1e-6
    )


def test_a_badge_covers_its_mask_and_nothing_else():
    marked = paint_badges(PHOTOS, [ring, cross], diameter=15, seed=3)
    assert marked.masks.shape == (2, 6, 64, 64) and not marked.masks.all(axis=0).any()
    untouched = ~marked.masks.any(axis=0)
    np.testing.assert_array_equal(marked.images[untouched], PHOTOS[untouched])
    for mask, color in zip(marked.masks, ([0.85, 0.1, 0.1], [0.1, 0.2, 0.85]), strict=True):
        painted = marked.images[mask]
        assert all(np.allclose(pixel, color) or np.allclose(pixel, 1) for pixel in painted)
        np.testing.assert_allclose(mask.sum(axis=(1, 2)), np.pi * 7.5**2, rtol=0.05)
    places = [np.argwhere(mask).mean(axis=0) for mask in marked.masks[0]]
    assert len({tuple(place) for place in places}) > 3
    np.testing.assert_array_equal(
        marked.images, paint_badges(PHOTOS, [ring, cross], diameter=15, seed=3).images
    )


def test_badges_that_do_not_fit_give_a_sentence():
    with pytest.raises(ValueError, match="2 badges of 30 pixels find no place in 64 × 64"):
        paint_badges(PHOTOS, [ring, cross], diameter=30)


@pytest.mark.parametrize("side", [64, 96])
def test_without_a_diameter_a_badge_has_a_third_of_the_side(side):
    images = np.full((2, side, side, 3), 0.5, np.float32)
    badged = paint_badges(images, [ring])
    wanted = paint_badges(images, [ring], diameter=side // 3)
    np.testing.assert_array_equal(badged.images, wanted.images)


def test_an_ellipse_of_each_image_stands_before_its_background():
    images = random(3, 40, 60, 3)
    backgrounds = random(3, 40, 60, 3, seed=1)
    pictures, ellipse = on_background(images, backgrounds, share=0.3)
    assert ellipse.mean() == pytest.approx(0.3, abs=0.02)
    inside, outside = ellipse == 1, ellipse == 0
    assert inside[20, 30] and outside[0, 0] and (inside | outside).mean() > 0.9
    np.testing.assert_array_equal(pictures[:, inside], images[:, inside])
    np.testing.assert_array_equal(pictures[:, outside], backgrounds[:, outside])
    with pytest.raises(ValueError, match="one background for each image"):
        on_background(images, backgrounds[:2])
    with pytest.raises(ValueError, match="0 to 0.78"):
        on_background(images, backgrounds, share=0.9)
