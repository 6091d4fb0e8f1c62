"""Scores that see random crops of an image, and where in the image these crops find something."""

from collections.abc import Callable
from typing import Any

import numpy as np
from scipy.ndimage import gaussian_filter

from lecture_lib.core.gradients import gradient
from lecture_lib.core.scores import Score, as_part
from lecture_lib.core.transforms import seed_of
from lecture_lib.datasets.images import strongest_channel
from lecture_lib.datasets.shapes import Image, Map, Tensor, TensorImages, TensorValues
from lecture_lib.models.backend import tf


def over_random_crops(
    score: Score | Callable,
    *,
    crop_size: int | tuple[int, int] = 224,
    crops: int = 8,
    sides: tuple[float, float] = (0.25, 0.55),
    noise: float = 0.06,
    draw: int = 0,
) -> Score:
    """Return the mean of a score over random crops around the middle of each image.

    The crops are drawn from the pixels themselves, so that each step of an ascent sees other ones
    and yet the ascent repeats exactly.

    Args:
        score: images (N · crops, h, w, C) -> (N · crops,).
        crop_size: side of the crops in pixels, as the network takes them, or (h, w).
        crops: how many of each image.
        sides: the smallest and the largest side of a crop, as shares of the image's.
        noise: standard deviation of the noise on each crop.
        draw: another number, other crops of the same image.
    """
    smallest, largest = sides
    numbers = [float(smallest), float(largest), float(noise), int(draw)]
    size = tuple(map(int, np.broadcast_to(crop_size, 2)))
    return Score(_mean_over_crops, as_part(score), *numbers, crops=crops, size=size)


def _mean_over_crops(
    images: TensorImages,
    score: Score,
    smallest: Tensor,
    largest: Tensor,
    noise: Tensor,
    draw: Tensor,
    *,
    crops: int,
    size: tuple[int, int],
) -> TensorValues:
    count = tf.shape(images)[0]
    seeds = tf.random.split(seed_of(images, draw), 3)
    seed_of_sides, seed_of_centers, seed_of_noise = tf.unstack(seeds)
    # Parts around the middle, of the image's own proportions, as shares of it.
    half = tf.random.stateless_uniform([1, count * crops], seed_of_sides, smallest, largest) / 2
    centers = tf.random.stateless_normal([2, count * crops], seed_of_centers, 0.5, 0.15)
    centers = tf.clip_by_value(centers, 0.25, 0.75)
    rows = _interpolation(centers[0] - half[0], centers[0] + half[0], size[0], tf.shape(images)[1])
    columns = _interpolation(
        centers[1] - half[0], centers[1] + half[0], size[1], tf.shape(images)[2]
    )
    # Two products of matrices are a crop. What lies outside of the image is gray.
    repeated = tf.repeat(images - 0.5, crops, axis=0)  # (N · crops, H, W, C)
    tall = tf.einsum("nsh,nhwc->nswc", rows, repeated)
    views = 0.5 + tf.einsum("ntw,nswc->nstc", columns, tall)  # (N · crops, size, size, C)
    views += noise * tf.random.stateless_normal(tf.shape(views), seed_of_noise)
    return tf.reduce_mean(tf.reshape(score(views), [count, crops]), axis=1)


def _interpolation(starts: Tensor, ends: Tensor, size: int, pixels: Tensor) -> Tensor:
    """How much of each pixel is in each of `size` places from start to end: (N, size, pixels).

    Linear interpolation, as crop_and_resize, whose gradient differs from run to run.
    """
    shares = tf.linspace(starts, ends, size, axis=1)  # (N, size)
    places = shares * tf.cast(pixels - 1, tf.float32)
    distances = tf.abs(places[..., None] - tf.cast(tf.range(pixels), tf.float32))
    return tf.nn.relu(1 - distances)


# Where in the image it is


def importance_map(
    score: Score | Callable, image: Image, *, draws: int = 12, **options: Any
) -> Map:
    """Return how much each pixel matters to a score that sees random crops: Σ |∂S/∂I|.

    The sum goes over draws of crops; of the three colors the largest counts.

    Args:
        score: that which the image was made for.
        image: (H, W, 3) in [0, 1].
        draws: how often crops are drawn.
        options: crop_size, crops, sides and noise, those of `over_random_crops`.

    Returns:
        (H, W) float32, 0 or more.
    """
    total = np.zeros(image.shape[:2], np.float32)
    for draw in range(draws):
        changes = gradient(over_random_crops(score, draw=draw, **options), image)
        total += strongest_channel(changes)
    return total


def important_square(importance: Map, *, blur: float = 1 / 32, share: float = 0.8) -> tuple:
    """Return the rows and the columns of the square in which most of the importance lies.

    Its center is the mean place of what is above a quantile, its half side 2.8 standard deviations.

    Args:
        importance: (H, W), see `importance_map`.
        blur: standard deviation of a Gaussian blur before, as a share of the shorter side.
        share: the quantile, 0 up to, but not, 1.

    Returns:
        (rows, columns), two slices, so that `image[important_square(importance)]` is the square.
    """
    shorter = min(importance.shape)
    weights = gaussian_filter(importance, blur * shorter)
    # What is everywhere the same is everywhere important, not nowhere.
    weights = np.clip(weights - np.quantile(weights, share), 1e-12, None)
    places = np.indices(importance.shape)  # (2, H, W): the row and the column of each pixel
    center = np.average(places, axis=(1, 2), weights=np.stack([weights] * 2))
    distances = np.sum((places - center[:, None, None]) ** 2, axis=0)
    spread = np.sqrt(np.average(distances, weights=weights) / 2)
    half = int(np.clip(2.8 * spread, 0.2 * shorter, 0.5 * shorter))
    first = np.clip(center - half, 0, np.array(importance.shape) - 2 * half).astype(int)
    return tuple(slice(start, start + 2 * half) for start in first)
