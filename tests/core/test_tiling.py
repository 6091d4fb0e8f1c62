"""Octaves and tiles: lost detail comes back, tiles and shifts change nothing but the memory."""

import numpy as np
import pytest
from PIL import Image
from small_nets import pixel_net, random, small_net

from lecture_lib.core import tiling
from lecture_lib.core.gradients import gradient, value_and_gradient
from lecture_lib.core.layer_scores import layer_energy
from lecture_lib.core.tiling import (
    add_lost_detail,
    jittered_gradient,
    pyramid,
    resize,
    tiled_gradient,
)
from lecture_lib.models.backend import tf

PICTURE = random(40, 56, 3)


def test_copies_shrink_by_the_scale_and_lost_detail_comes_back():
    copies = pyramid(PICTURE, octaves=3, scale=1.4)
    assert [copy.shape[:2] for copy in copies] == [(20, 29), (29, 40), (40, 56)]
    np.testing.assert_array_equal(copies[-1], PICTURE)
    np.testing.assert_allclose(add_lost_detail(copies[0], copies[0], copies[2]), PICTURE, atol=1e-6)
    dark = np.zeros_like(copies[1])
    brighter = add_lost_detail(dark + 0.2, dark + 0.1, np.full_like(PICTURE, 0.5))
    np.testing.assert_allclose(brighter, 0.6, atol=1e-5)


def test_one_octave_is_the_image_itself():
    (only,) = pyramid(PICTURE, octaves=1, scale=1.4)
    np.testing.assert_array_equal(only, PICTURE)


def test_resizing_agrees_with_pillow():
    wave = np.float32(0.5 + 0.4 * np.sin(np.arange(20) / 3))[:, None] * np.ones(
        (20, 30), np.float32
    )
    theirs = np.asarray(Image.fromarray(wave).resize((45, 30), Image.Resampling.BICUBIC))
    np.testing.assert_allclose(resize(wave[..., None], (30, 45))[..., 0], theirs, atol=0.02)


def test_an_image_of_the_size_asked_for_comes_back_as_it_would_from_resizing():
    image = random(7, 9, 3) - 0.5
    resized = tf.image.resize(image, (7, 9), method="bicubic", antialias=True).numpy()
    np.testing.assert_array_equal(resize(image, (7, 9)), resized)


def test_tiles_are_the_whole_image_away_from_their_borders():
    """Two 3x3 convolutions see 2 pixels away; the image is cut at columns 50 and 100."""
    image = random(30, 150, 3)
    score = layer_energy(small_net(), "relu2")
    value, found = tiled_gradient(score, image, tile=75)
    whole_value, whole = value_and_gradient(score, image)
    away = np.ones(150, bool)
    for cut in 50, 100:
        away[cut - 4 : cut + 4] = False
    np.testing.assert_allclose(found[:, away], whole[:, away], rtol=1e-3, atol=1e-6)
    assert np.abs(found - whole)[:, ~away].max() > 1e-6
    np.testing.assert_allclose(value, whole_value, rtol=0.05)


def test_of_a_net_that_sees_single_pixels_tiles_are_exact_wherever_they_are_cut():
    score = layer_energy(pixel_net(), "conv")
    value, found = tiled_gradient(score, PICTURE, tile=20, random=np.random.default_rng(1))
    np.testing.assert_allclose(value, value_and_gradient(score, PICTURE)[0], rtol=1e-5)
    np.testing.assert_allclose(found, gradient(score, PICTURE), rtol=1e-4, atol=1e-8)


@pytest.fixture
def seen(monkeypatch):
    """The shapes of the tiles whose gradient is asked for; each is all ones."""
    shapes = []

    def evaluate(score, image):
        shapes.append(image.shape)
        return 1.0, np.ones_like(image)

    monkeypatch.setattr(tiling, "value_and_gradient", evaluate)
    return shapes


def test_the_cuts_move_but_tiles_of_few_sizes_occur(seen):
    for seed in range(50):
        tiled_gradient(None, random(426, 640, 3), random=np.random.default_rng(seed))
    assert 3 <= len(set(seen)) <= 12


def test_no_tile_is_larger_than_asked(seen):
    for seed in range(50):
        random_cuts = np.random.default_rng(seed)
        value, found = tiled_gradient(None, random(70, 45, 3), tile=32, random=random_cuts)
        # The shares add up, and every pixel is in one tile.
        np.testing.assert_allclose(value, 1, rtol=1e-5)
        squares = sum(np.prod(shape) ** 2 for shape in seen)
        np.testing.assert_allclose(found.sum(), squares / found.size, rtol=1e-4)
        assert max(max(shape) for shape in seen) <= 32
        seen.clear()


def test_a_shift_moves_the_gradient_back_and_leaves_alone_what_went_out():
    score = layer_energy(pixel_net(), "conv")
    whole = gradient(score, PICTURE)
    for seed in range(5):
        draws = np.random.default_rng(seed)
        _, found = jittered_gradient(score, PICTURE, reach=6, tile=99, random=draws)
        np.testing.assert_allclose(found[6:-6, 6:-6], whole[6:-6, 6:-6], rtol=1e-4, atol=1e-8)
        same = np.isclose(found, whole, rtol=1e-3, atol=1e-9).all(axis=-1)
        assert (same | (found == 0).all(axis=-1)).all()
