"""Penalties: scores of a picture alone, to be subtracted from what a network says of it."""

import numpy as np

from lecture_lib.core.scores import Score
from lecture_lib.datasets.shapes import Tensor, TensorImages, TensorValues
from lecture_lib.models.backend import tf


@Score
def l2(images: TensorImages) -> TensorValues:
    """Return the sum of squares of each image: ‖I‖².

    Args:
        images: tensor (N, ...).

    Returns:
        tensor (N,), at least 0.
    """
    return tf.reduce_sum(tf.reshape(tf.square(images), [tf.shape(images)[0], -1]), axis=1)


@Score
def total_variation(images: TensorImages) -> TensorValues:
    """Return how much neighboring pixels differ: Σ |I[r+1, c] − I[r, c]| + |I[r, c+1] − I[r, c]|.

    Args:
        images: tensor (N, H, W, C).

    Returns:
        tensor (N,), at least 0; 0 for a picture of one color.
    """
    right, down = _differences(tf.convert_to_tensor(images))
    return tf.reduce_sum(tf.abs(right) + tf.abs(down), axis=[1, 2, 3])


def total_variation_beta(beta: float = 2.0) -> Score:
    """Score the total variation with an exponent.

    TV_β = Σ ((I[r, c+1] − I[r, c])² + (I[r+1, c] − I[r, c])²)^(β/2)

    Args:
        beta: above 0. With 2 edges blur; with 1 they stay sharp and what lies between them becomes
            flat.

    Source:
        Mahendran and Vedaldi, Understanding deep image representations by inverting them, 2015.
    """
    return Score(_total_variation_beta, np.float32(beta))


def _total_variation_beta(images: TensorImages, beta: Tensor) -> TensorValues:
    right, down = _differences(images)
    # A power by way of the logarithm takes two thirds of the time of **; the root of 0 has no
    # gradient.
    logarithms = tf.math.log(right**2 + down**2 + 1e-8)
    return tf.reduce_sum(tf.exp(beta / 2 * logarithms), axis=[1, 2, 3])


def _differences(images: TensorImages) -> tuple[TensorImages, TensorImages]:
    """Of each pixel, the differences to its neighbors at the right and below; 0 at the edge."""
    _, height, width, _ = tf.unstack(tf.shape(images))
    # Rolling costs a third of slicing on the way back.
    right = (tf.roll(images, -1, axis=2) - images) * _all_but_last(width)[:, None]
    down = (tf.roll(images, -1, axis=1) - images) * _all_but_last(height)[:, None, None]
    return right, down


def _all_but_last(size: Tensor) -> Tensor:
    """1 for each place but the last, which has no neighbor behind it."""
    return tf.cast(tf.range(size) < size - 1, tf.float32)
