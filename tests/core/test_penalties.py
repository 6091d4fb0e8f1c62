"""Penalties: sums that can be made by hand, of a picture alone."""

import numpy as np
from small_nets import random

from lecture_lib.core import penalties
from lecture_lib.core.gradients import gradient, value


def test_the_sum_of_squares_is_its_formula():
    images = random(4, 6, 5, 3)
    squares = (np.float64(images) ** 2).sum(axis=(1, 2, 3))
    np.testing.assert_allclose(value(penalties.l2, images), squares, rtol=2e-5)


def test_total_variation_by_hand():
    image = np.float32([[0, 1], [0.25, 0.5]])[..., None]  # down: 0.25 + 0.5, to the right: 1 + 0.25
    np.testing.assert_array_equal(penalties.total_variation(np.stack([image, 0 * image])), [2, 0])


def test_the_variation_of_a_step_edge_and_of_nothing():
    image = np.zeros((1, 6, 5, 1), np.float32)
    np.testing.assert_allclose(penalties.total_variation_beta(2)(image), 0, atol=1e-6)
    image[:, :, 3:] = 0.5
    np.testing.assert_allclose(penalties.total_variation_beta(2)(image), 6 * 0.5**2, rtol=1e-5)
    np.testing.assert_allclose(penalties.total_variation_beta(1)(image), 6 * 0.5, rtol=1e-2)
    assert np.isfinite(gradient(penalties.total_variation_beta(1.0), image)).all()


def test_help_shows_the_words_of_a_penalty():
    assert "sum of squares" in penalties.l2.__doc__ and penalties.l2.__name__ == "l2"
