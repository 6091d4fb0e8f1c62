"""Random crops: they lie around the middle, repeat for the same pixels, and find what matters."""

import numpy as np
import pytest
from small_nets import linear_net, random

from lecture_lib.class_visualization.crops import (
    importance_map,
    important_square,
    over_random_crops,
)
from lecture_lib.core.gradients import gradient, value
from lecture_lib.core.scores import class_score
from lecture_lib.models.backend import tf


def redness(images):
    """A plain function, no Score."""
    return tf.reduce_mean(images[..., 0], axis=[1, 2])


def test_crops_of_the_whole_are_the_image():
    """Of a net that takes the mean, a crop of a flat image says what the image says."""
    image = np.full((20, 20, 3), 0.3, np.float32)
    score = over_random_crops(redness, crop_size=6, crops=50, sides=(0.1, 0.4), noise=0)
    np.testing.assert_allclose(value(score, image), 0.3, atol=1e-6)


def test_what_lies_outside_of_the_image_is_gray():
    image = np.zeros((20, 20, 3), np.float32)
    score = over_random_crops(redness, crop_size=12, crops=20, sides=(3, 3), noise=0)
    # A ninth of each crop is the image; a pixel at its edge is half gray.
    assert 0.5 * 0.8 < value(score, image) < 0.5 * 0.95


def test_crops_lie_around_the_middle():
    image = np.full((40, 40, 3), 0.5, np.float32)
    score = over_random_crops(redness, crop_size=6, crops=400, sides=(0.1, 0.3), noise=0)
    seen = np.abs(gradient(score, image)).sum(axis=-1) > 0
    rows, columns = np.nonzero(seen)
    assert rows.min() >= 4 and rows.max() <= 35 and columns.min() >= 4 and columns.max() <= 35
    assert seen[15:25, 15:25].all()


def test_crops_repeat_for_the_same_pixels_and_differ_for_others():
    image = random(20, 20, 3)
    draws = [value(over_random_crops(redness, crop_size=6, draw=draw), image) for draw in (0, 0, 1)]
    assert draws[0] == draws[1] != draws[2]
    score = over_random_crops(redness, crop_size=6)
    assert value(score, image) != value(score, np.float32(image + 1e-4))


def test_the_mean_goes_over_the_crops_of_each_image():
    """A flat black and a flat white image stay apart, whichever crops are drawn."""
    images = np.stack([np.zeros((12, 12, 3)), np.ones((12, 12, 3))]).astype(np.float32)
    score = over_random_crops(redness, crop_size=5, crops=7, sides=(0.1, 0.3), noise=0)
    np.testing.assert_allclose(value(score, images), [0, 1], atol=1e-6)


# Where it is


def test_what_matters_is_found_and_marked():
    """The score looks at the middle of its crops, which lie around the middle of the image."""
    weights = np.zeros((8, 8, 3, 1), np.float32)
    weights[3:5, 3:5] = 1
    options = {"crop_size": 8, "sides": (0.2, 0.2)}
    importance = importance_map(
        class_score(linear_net(weights), 0), random(40, 60, 3), draws=3, **options
    )
    assert importance.shape == (40, 60) and importance.dtype == np.float32
    assert importance.min() == 0 and importance[:4].max() == 0 and importance.max() > 0


@pytest.mark.parametrize("row, column", [(20, 30), (0, 0), (39, 59)])
def test_the_square_lies_around_a_spot_and_within_the_image(row, column):
    importance = np.zeros((40, 60), np.float32)
    importance[row, column] = 1
    rows, columns = important_square(importance)
    assert rows.start <= row < rows.stop and columns.start <= column < columns.stop
    assert rows.stop - rows.start == columns.stop - columns.start == 16
    assert rows.start >= 0 and rows.stop <= 40 and columns.start >= 0 and columns.stop <= 60


def test_the_square_of_what_is_everywhere_is_as_large_as_the_image():
    rows, columns = important_square(random(40, 60))
    assert (rows.start, rows.stop) == (0, 40) and columns.stop - columns.start == 40
    rows, columns = important_square(np.ones((40, 40), np.float32))
    assert (rows, columns) == (slice(0, 40), slice(0, 40))
