"""Transforms: Fourier coefficients add up to the image of their formula, and jitter repeats."""

import cv2
import numpy as np
import pytest
from scipy.ndimage import gaussian_filter1d
from small_nets import normal, random

from lecture_lib.core.gradients import gradient
from lecture_lib.core.penalties import l2
from lecture_lib.core.transforms import (
    COLOR_CORRELATION_SQRT,
    blurred_by,
    fourier_to_image,
    from_gray,
    image_to_fourier,
    random_fourier_coefficients,
    random_jitter,
    seed_of,
    warped_onto,
)
from lecture_lib.models.backend import tf


def test_the_distance_from_gray_pulls_to_gray():
    image = random(4, 5, 3)
    np.testing.assert_allclose(gradient(l2.of(from_gray), image), 2 * (image - 0.5), atol=1e-6)


# The Fourier parameterization


def one_coefficient(side, *, row=0, column=0, size=0.0, part=0):
    """All zero but one of red's plane: its frequencies and size, cosine (part 0) or sine (1)."""
    coefficients = np.zeros((1, 2, 3, side, side // 2 + 1), np.float32)
    coefficients[0, part, 0, row, column] = size
    return coefficients


def image_in_numpy(coefficients):
    """sigmoid(C · F⁻¹(z / frequency)) in double precision."""
    side = coefficients.shape[3]
    frequency = np.hypot(np.fft.fftfreq(side)[:, None], np.fft.rfftfreq(side)[None])
    complex_numbers = coefficients[:, 0] + 1j * np.float64(coefficients[:, 1])
    spectrum = complex_numbers * side / np.maximum(frequency, 1 / side)
    planes = np.fft.irfft2(spectrum, (side, side))
    logits = np.einsum("nchw,dc->nhwd", planes, np.float64(COLOR_CORRELATION_SQRT))
    return 1 / (1 + np.exp(-logits))


def test_no_coefficients_are_gray():
    np.testing.assert_array_equal(fourier_to_image(one_coefficient(8)), np.full((1, 8, 8, 3), 0.5))


@pytest.mark.parametrize("size", [1.0, 1e6])
def test_any_coefficients_are_an_image(size):
    image = fourier_to_image(size * normal(2, 2, 3, 16, 9)).numpy()
    assert image.shape == (2, 16, 16, 3) and np.isfinite(image).all()
    assert image.min() >= 0 and image.max() <= 1


@pytest.mark.parametrize("row, column", [(0, 1), (0, 3), (2, 0), (1, 2)])
def test_one_coefficient_is_a_cosine_of_its_frequency(row, column):
    image = fourier_to_image(one_coefficient(16, row=row, column=column, size=0.01))
    image = image.numpy()[0].astype(np.float64)
    logits = np.log(image / (1 - image))
    rows, columns = np.mgrid[:16, :16]
    cosine = np.cos(2 * np.pi * (row * rows + column * columns) / 16)
    # With a column it stands for its mirror too, which the half spectrum leaves out.
    share = 2 if column else 1
    expected = 0.01 * share / np.hypot(row, column) * cosine  # low frequencies weigh more
    expected = expected[..., None] * COLOR_CORRELATION_SQRT[:, 0]
    np.testing.assert_allclose(logits, expected, atol=1e-6)


def test_the_image_is_its_formula():
    coefficients = normal(2, 2, 3, 12, 7)
    np.testing.assert_allclose(
        fourier_to_image(coefficients), image_in_numpy(coefficients), atol=1e-5
    )


def test_the_gradient_passes_through_the_coefficients():
    start = random_fourier_coefficients(1, 8, amplitude=0.3)
    weights = normal(1, 8, 8, 3)

    def weighted(coefficients):
        return tf.reduce_sum(weights * fourier_to_image(coefficients), axis=[1, 2, 3])

    found = gradient(weighted, start)
    for position in [(0, 0, 0, 0, 0), (0, 0, 1, 2, 3), (0, 1, 2, 7, 1), (0, 0, 2, 5, 2)]:
        step = np.zeros(start.shape)
        step[position] = 1e-5
        change = image_in_numpy(start + step) - image_in_numpy(start - step)
        difference = np.sum(weights * change) / 2e-5
        np.testing.assert_allclose(found[position], difference, rtol=1e-3, atol=1e-4)


def test_random_coefficients_are_faint_and_repeat_with_the_seed():
    one = random_fourier_coefficients(2, 16, amplitude=0.02, seed=4)
    assert one.shape == (2, 2, 3, 16, 9) and one.dtype == np.float32
    np.testing.assert_allclose(one.std(), 0.02, rtol=0.1)
    np.testing.assert_array_equal(one, random_fourier_coefficients(2, 16, amplitude=0.02, seed=4))
    assert not np.array_equal(one, random_fourier_coefficients(2, 16, amplitude=0.02, seed=5))


@pytest.mark.parametrize("side", [8, 14])
def test_the_coefficients_of_an_image_add_up_to_it(side):
    images = 0.1 + 0.8 * random(2, side, side, 3)
    coefficients = image_to_fourier(images)
    assert coefficients.shape == (2, 2, 3, side, side // 2 + 1)
    assert coefficients.dtype == np.float32
    np.testing.assert_allclose(fourier_to_image(coefficients), images, atol=1e-5)


@pytest.mark.parametrize("height, width", [(8, 12), (12, 8), (6, 20)])
def test_images_that_are_not_square_have_coefficients_of_the_same_scale(height, width):
    images = 0.1 + 0.8 * random(2, height, width, 3)
    coefficients = image_to_fourier(images)
    assert coefficients.shape == (2, 2, 3, height, width // 2 + 1)
    np.testing.assert_allclose(fourier_to_image(coefficients), images, atol=1e-5)
    drawn = random_fourier_coefficients(1, (height, width))
    assert drawn.shape == (1, 2, 3, height, width // 2 + 1)
    assert fourier_to_image(drawn).shape == (1, height, width, 3)

    # A wave of one length in pixels weighs the same along both sides.
    along = np.zeros((2, 2, 3, height, width // 2 + 1), np.float32)
    along[0, 0, 0, height // 2, 0] = 1.0
    along[1, 0, 0, 0, width // 2] = 1.0
    sizes = np.ptp(fourier_to_image(along), axis=(1, 2, 3))
    np.testing.assert_allclose(sizes[0], sizes[1], rtol=1e-4)


@pytest.mark.parametrize("height, width", [(8, 13), (13, 12), (7, 8)])
def test_an_odd_side_of_what_is_not_square_gives_a_sentence(height, width):
    with pytest.raises(ValueError, match=f"even width; these have {height} x {width} pixels"):
        image_to_fourier(random(1, height, width, 3))
    with pytest.raises(ValueError, match=f"even width; these have {height} x {width} pixels"):
        random_fourier_coefficients(1, (height, width))


def test_black_and_white_have_coefficients_too():
    board = np.float32(np.indices((8, 8)).sum(axis=0) % 2)[None, ..., None] * np.ones(3, np.float32)
    np.testing.assert_allclose(fourier_to_image(image_to_fourier(board)), board, atol=1.01 / 255)


# Jitter


def test_no_jitter_at_all_is_the_image_itself():
    images = random(2, 9, 9, 3)
    np.testing.assert_allclose(random_jitter(images, shift=0, zoom=0), images, atol=1e-6)


def test_jitter_repeats_for_the_same_image_and_differs_for_another():
    images = random(1, 16, 16, 3)
    np.testing.assert_array_equal(random_jitter(images), random_jitter(images))
    brighter = np.minimum(images + 1e-3, 1)
    assert np.abs(random_jitter(brighter) - random_jitter(images)).max() > 0.02


def test_a_shift_stays_within_its_share_and_a_flat_image_stays_flat():
    flat = np.full((1, 16, 16, 3), 0.3, np.float32)
    np.testing.assert_allclose(random_jitter(flat), 0.3, rtol=1e-5)
    rows = np.tile(np.linspace(0, 1, 50, dtype=np.float32)[None, :, None, None], (6, 1, 50, 1))
    change = random_jitter(rows, shift=0.1, zoom=0) - rows
    change = change[:, 10:-10]  # away from the mirrored edges
    assert np.abs(change).max() <= 0.1 * 50 / 49 + 1e-5
    assert np.ptp(change, axis=0).max() > 0.01


def test_each_image_of_a_batch_has_its_own_amounts():
    images = np.tile(random(1, 16, 16, 3), (3, 1, 1, 1))
    jittered = random_jitter(images).numpy()
    assert jittered.shape == images.shape
    assert not np.allclose(jittered[0], jittered[1])
    assert not np.allclose(jittered[1], jittered[2])


def test_a_gradient_passes_through_the_jitter():
    def sum_of_jittered(images):
        return tf.reduce_sum(random_jitter(images, shift=0.06, zoom=0), axis=[1, 2, 3])

    found = gradient(sum_of_jittered, random(2, 12, 12, 3))
    assert np.isfinite(found).all()
    inside = found[:, 4:-4, 4:-4]  # where every pixel is seen exactly once
    np.testing.assert_allclose(inside, 1, atol=1e-4)


def test_gray_images_have_coefficients_too():
    images = 0.1 + 0.8 * random(2, 12, 12, 1)
    coefficients = image_to_fourier(images)
    assert coefficients.shape == (2, 2, 1, 12, 7)
    found = fourier_to_image(coefficients)
    np.testing.assert_allclose(found, images, rtol=1e-4)
    assert random_fourier_coefficients(3, 8, channels=1).shape == (3, 2, 1, 8, 5)


# What a camera does

CORNERS = np.float32([[[5, 4], [20, 7], [18, 22], [3, 17]]])


def test_a_patch_is_stretched_between_four_corners_as_opencv_does_it():
    images = random(1, 24, 26, 3)
    patch = random(12, 10, 3, seed=1)
    columns_and_rows = np.float32([[-0.5, -0.5], [9.5, -0.5], [9.5, 11.5], [-0.5, 11.5]])
    homography = cv2.getPerspectiveTransform(columns_and_rows, CORNERS[0])
    opaque = np.concatenate([patch, np.ones((12, 10, 1), np.float32)], axis=-1)
    warped = cv2.warpPerspective(opaque, homography, (26, 24), flags=cv2.INTER_LINEAR)
    expected = warped[..., :3] + (1 - warped[..., 3:]) * images[0]
    found = warped_onto(images, patch[None], CORNERS).numpy()[0]
    # OpenCV rounds the places to a thirty-second of a pixel.
    np.testing.assert_allclose(found, expected, atol=0.06)
    untouched = warped[..., 3] == 0
    assert 0.3 < untouched.mean() < 0.8
    np.testing.assert_array_equal(found[untouched], images[0][untouched])


def test_a_patch_between_the_corners_of_pixels_is_pasted_pixel_by_pixel():
    images = random(2, 9, 9, 3)
    patches = random(2, 4, 4, 3, seed=1)
    corners = np.float32([[1.5, 2.5], [5.5, 2.5], [5.5, 6.5], [1.5, 6.5]])
    found = warped_onto(images, patches, np.stack([corners, corners])).numpy()
    expected = images.copy()
    expected[:, 3:7, 2:6] = patches
    np.testing.assert_allclose(found, expected, atol=1e-4)


def test_each_image_has_its_own_gaussian_and_none_changes_a_constant():
    images = random(3, 20, 21, 3)
    found = blurred_by(images, np.float32([0, 1, 2])).numpy()
    np.testing.assert_allclose(found[0], images[0], atol=1e-6)
    for image, blurred, deviation in zip(images[1:], found[1:], (1, 2), strict=True):
        expected = image
        for axis in (0, 1):
            expected = gaussian_filter1d(expected, deviation, axis, mode="constant", truncate=8)
        np.testing.assert_allclose(blurred[8:-8, 8:-8], expected[8:-8, 8:-8], atol=0.02)
    gray = np.full((1, 9, 9, 1), 0.3, np.float32)
    np.testing.assert_allclose(blurred_by(gray, np.float32([3])), gray, atol=1e-6)


def test_a_seed_follows_the_pixels_and_the_draw():
    pixels = random(2, 4, 4, 3)
    seeds = [seed_of(pixels), seed_of(pixels), seed_of(pixels, 1), seed_of(pixels + 0.1)]
    first, same, other_draw, other_pixels = (tuple(seed.numpy()) for seed in seeds)
    assert first == same != other_draw and first != other_pixels
