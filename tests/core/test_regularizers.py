"""Regularizers: the blur is a Gaussian, shares are shares, directions have length 1."""

from functools import partial

import numpy as np
import pytest
from skimage.filters import gaussian
from small_nets import normal, random

from lecture_lib.core.ascent import clip, length, unit
from lecture_lib.core.regularizers import (
    blurred,
    center_biased,
    clip_small_pixels,
    drop_small_gradients,
)


@pytest.mark.parametrize(
    "regularizer", [blurred, clip_small_pixels, drop_small_gradients, center_biased]
)
def test_a_batch_is_as_one_by_one(regularizer):
    images = random(3, 10, 12, 3)
    together = regularizer(images)
    assert together.shape == images.shape and together.dtype == np.float32
    one_by_one = np.stack([regularizer(image) for image in images])
    np.testing.assert_allclose(together, one_by_one, atol=1e-6)


@pytest.mark.parametrize(
    "project", [partial(blurred, sigma=0), partial(clip_small_pixels, share=0)]
)
def test_a_projection_of_strength_0_only_keeps_pixels_in_their_range(project):
    images = normal(2, 6, 6, 3)
    np.testing.assert_array_equal(project(images), clip(images))


def test_the_blur_is_that_of_another_library_and_mixes_no_colors():
    image = random(16, 16, 3)
    np.testing.assert_allclose(
        blurred(image, sigma=1.5), gaussian(image, 1.5, mode="nearest", channel_axis=-1), atol=1e-5
    )


def test_the_pixels_nearest_to_gray_become_gray():
    image = np.full((1, 4, 3), 0.5, np.float32)
    image[0, :, 1] += [0.1, -0.2, 0.3, -0.4]
    np.testing.assert_array_equal(
        clip_small_pixels(image, share=0.5)[0, :, 1], np.float32([0.5, 0.5, 0.8, 0.1])
    )


def test_small_gradients_wait_and_the_step_has_length_1():
    gradients = np.zeros((1, 4, 3), np.float32)
    gradients[0, :, 0] = [1, -2, 3, -4]
    np.testing.assert_allclose(
        drop_small_gradients(gradients, share=0.5)[0, :, 0], [0, 0, 0.6, -0.8], rtol=1e-6
    )
    np.testing.assert_allclose(drop_small_gradients(gradients, share=0), unit(gradients))


def test_steps_in_the_center_are_larger_by_the_formula():
    step = center_biased(np.ones((5, 5, 3), np.float32), width=0.25)[..., 0]
    np.testing.assert_allclose(step[2, 4] / step[2, 2], np.exp(-0.5 * (0.5 / 0.25) ** 2), rtol=1e-5)
    np.testing.assert_allclose(step, step[::-1].T, rtol=1e-5)
    np.testing.assert_allclose(length(center_biased(normal(7, 7, 3))), 1, rtol=1e-5)


@pytest.mark.parametrize("direction", [drop_small_gradients, center_biased])
def test_no_gradient_is_no_step(direction):
    np.testing.assert_array_equal(direction(np.zeros((2, 4, 4, 3), np.float32)), 0)


@pytest.mark.parametrize(
    "ask, sentence",
    [
        (lambda: blurred(random(4, 4, 3), sigma=-1), "0 or more pixels; it was -1"),
        (lambda: clip_small_pixels(random(4, 4, 3), share=1), "it was 1"),
        (lambda: drop_small_gradients(random(4, 4, 3), share=-0.1), "it was -0.1"),
        (lambda: center_biased(random(4, 4, 3), width=0), "above 0; it was 0"),
    ],
)
def test_what_makes_no_sense_gives_a_sentence(ask, sentence):
    with pytest.raises(ValueError, match=sentence):
        ask()
