"""Transforms: waves add up to the picture their formula says, and a picture is moved by amounts that repeat."""

import numpy as np
import pytest
from small_nets import normal, random

from lecture_lib.core.gradients import gradient
from lecture_lib.core.transforms import (
    COLORS,
    fourier_to_image,
    image_to_fourier,
    moved,
    random_fourier_coefficients,
)
from lecture_lib.models.backend import tf


def waves_of(side, *, row=0, column=0, size=0.0, part=0):
    """No waves but one of red's plane: its frequencies and its size, cosine (part 0) or sine (part 1)."""
    waves = np.zeros((1, 2, 3, side, side // 2 + 1), np.float32)
    waves[0, part, 0, row, column] = size
    return waves


def picture_in_numpy(waves):
    """sigmoid(colors · F⁻¹(waves / frequency)) in double precision."""
    side = waves.shape[3]
    frequency = np.hypot(np.fft.fftfreq(side)[:, None], np.fft.rfftfreq(side)[None])
    spectrum = (waves[:, 0] + 1j * np.float64(waves[:, 1])) * side / np.maximum(frequency, 1 / side)
    planes = np.fft.irfft2(spectrum, (side, side))
    return 1 / (1 + np.exp(-np.einsum("nchw,dc->nhwd", planes, np.float64(COLORS))))


def test_no_waves_are_gray():
    np.testing.assert_array_equal(fourier_to_image(waves_of(8)), np.full((1, 8, 8, 3), 0.5))


@pytest.mark.parametrize("size", [1.0, 1e6])
def test_any_waves_are_a_picture(size):
    picture = fourier_to_image(size * normal(2, 2, 3, 16, 9)).numpy()
    assert (
        picture.shape == (2, 16, 16, 3)
        and picture.min() >= 0
        and picture.max() <= 1
        and np.isfinite(picture).all()
    )


@pytest.mark.parametrize("row, column", [(0, 1), (0, 3), (2, 0), (1, 2)])
def test_one_wave_is_a_cosine_of_its_frequency(row, column):
    picture = (
        fourier_to_image(waves_of(16, row=row, column=column, size=0.01))
        .numpy()[0]
        .astype(np.float64)
    )
    logits = np.log(picture / (1 - picture))
    rows, columns = np.mgrid[:16, :16]
    cosine = np.cos(2 * np.pi * (row * rows + column * columns) / 16)
    share = (
        2 if column else 1
    )  # with a column it stands for its mirror too, which the half spectrum leaves out
    expected = 0.01 * share / np.hypot(row, column) * cosine  # long waves weigh more
    np.testing.assert_allclose(logits, expected[..., None] * COLORS[:, 0], atol=1e-6)


def test_the_picture_is_its_formula():
    waves = normal(2, 2, 3, 12, 7)
    np.testing.assert_allclose(fourier_to_image(waves), picture_in_numpy(waves), atol=1e-5)


def test_the_gradient_passes_through_the_waves():
    waves, look = random_fourier_coefficients(1, 8, amplitude=0.3), normal(1, 8, 8, 3)
    slope = gradient(lambda z: tf.reduce_sum(look * fourier_to_image(z), axis=[1, 2, 3]), waves)
    for position in [(0, 0, 0, 0, 0), (0, 0, 1, 2, 3), (0, 1, 2, 7, 1), (0, 0, 2, 5, 2)]:
        step = np.zeros(waves.shape)
        step[position] = 1e-5
        difference = (
            np.sum(look * (picture_in_numpy(waves + step) - picture_in_numpy(waves - step))) / 2e-5
        )
        np.testing.assert_allclose(slope[position], difference, rtol=1e-3, atol=1e-4)


def test_random_waves_are_faint_and_repeat_with_the_seed():
    waves = random_fourier_coefficients(2, 16, amplitude=0.02, seed=4)
    assert waves.shape == (2, 2, 3, 16, 9) and waves.dtype == np.float32
    np.testing.assert_allclose(waves.std(), 0.02, rtol=0.1)
    np.testing.assert_array_equal(waves, random_fourier_coefficients(2, 16, amplitude=0.02, seed=4))
    assert not np.array_equal(waves, random_fourier_coefficients(2, 16, amplitude=0.02, seed=5))


@pytest.mark.parametrize("side", [8, 14])
def test_the_waves_of_a_picture_add_up_to_it(side):
    images = 0.1 + 0.8 * random(2, side, side, 3)
    waves = image_to_fourier(images)
    assert waves.shape == (2, 2, 3, side, side // 2 + 1) and waves.dtype == np.float32
    np.testing.assert_allclose(fourier_to_image(waves), images, atol=1e-5)


def test_black_and_white_have_waves_too():
    board = np.float32(np.indices((8, 8)).sum(axis=0) % 2)[None, ..., None] * np.ones(3, np.float32)
    np.testing.assert_allclose(fourier_to_image(image_to_fourier(board)), board, atol=1.01 / 255)


def test_not_moved_at_all_is_the_picture_itself():
    images = random(2, 9, 9, 3)
    np.testing.assert_allclose(moved(images, shift=0, zoom=0), images, atol=1e-6)


def test_moving_repeats_for_the_same_picture_and_differs_for_another():
    images = random(1, 16, 16, 3)
    np.testing.assert_array_equal(moved(images), moved(images))
    brighter = np.minimum(images + 1e-3, 1)
    assert np.abs(moved(brighter) - moved(images)).max() > 0.02


def test_a_shift_stays_within_its_share_and_a_flat_picture_stays_flat():
    np.testing.assert_allclose(moved(np.full((1, 16, 16, 3), 0.3, np.float32)), 0.3, rtol=1e-5)
    rows = np.tile(np.linspace(0, 1, 50, dtype=np.float32)[None, :, None, None], (6, 1, 50, 1))
    by = (moved(rows, shift=0.1, zoom=0) - rows)[:, 10:-10]  # away from the mirrored edges
    assert np.abs(by).max() <= 0.1 * 50 / 49 + 1e-5 and np.ptp(by, axis=0).max() > 0.01


def test_each_image_of_a_batch_is_moved_by_its_own_amounts():
    images = np.tile(random(1, 16, 16, 3), (3, 1, 1, 1))
    found = moved(images).numpy()
    assert found.shape == images.shape
    assert not np.allclose(found[0], found[1]) and not np.allclose(found[1], found[2])


def test_a_gradient_passes_through_the_move():
    slope = gradient(
        lambda images: tf.reduce_sum(moved(images, shift=0.06, zoom=0), axis=[1, 2, 3]),
        random(2, 12, 12, 3),
    )
    assert np.isfinite(slope).all()
    np.testing.assert_allclose(
        slope[:, 4:-4, 4:-4], 1, atol=1e-4
    )  # inside, every pixel is seen exactly once
