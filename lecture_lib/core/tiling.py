"""Sizes and parts of a picture: copies of it from small to large, and the gradient of a large one part by part."""

from itertools import pairwise
from math import ceil

import numpy as np

from lecture_lib.core.ascent import clip
from lecture_lib.core.gradients import value_and_gradient
from lecture_lib.datasets.images import as_batch
from lecture_lib.models.backend import tf

SMALLEST = 16  # pixels: below it, the maps of a net are next to nothing but padding


def pyramid(image, *, octaves, scale):
    """Copies of an image (H, W, C), the smallest first, each `scale` times the one before; the last is the image itself."""
    image = as_batch(image)[0]
    height, width = image.shape[:2]
    powers = [scale**octave for octave in range(octaves - 1, 0, -1)]
    return [
        clip(resized(image, (max(1, round(height / power)), max(1, round(width / power)))))
        for power in powers
    ] + [image]


def enlarged(dreamed, copy, larger):
    """resized(dreamed) + larger − resized(copy): the dreamed copy at the size of the larger one, with the detail that it has there."""
    return clip(resized(dreamed - copy, larger.shape[:2]) + larger)


def resized(image, size):
    """The numbers (H, W, C) at another size (height, width), smoothed first where it is smaller; they may lie outside [0, 1]."""
    return tf.image.resize(image, size, method="bicubic", antialias=True).numpy()


def tiled_gradient(score, image, *, tile=512, random=None):
    """(value, gradient) of a score that is a mean over places, one part of the picture after another: it takes the memory of one part.

    image: (H, W, C). tile: the largest side of a part. random: a numpy Generator that moves the cuts; None cuts into equal parts.
    """
    slopes, value = np.empty_like(image), 0.0
    for rows in _parts(image.shape[0], tile, random):
        for columns in _parts(image.shape[1], tile, random):
            share = image[rows, columns].size / image.size
            part, slope = value_and_gradient(score, image[rows, columns])
            value, slopes[rows, columns] = value + share * part, share * slope
    return np.float32(value), slopes


def _parts(length, tile, random):
    """Slices that cut a length into parts of at most `tile`."""
    if length <= tile:
        return [slice(0, length)]
    parts = ceil(1.25 * length / tile)
    edges = np.linspace(0, length, parts + 1)
    edges[1:-1] += random.uniform(-0.25, 0.25) * length / parts if random else 0
    return [slice(start, end) for start, end in pairwise(edges.astype(int))]


def shifted(score, image, *, reach, tile, random):
    """`tiled_gradient` of the picture moved by up to `reach` pixels: what comes in at its edges is a mirror image, what goes out has slope 0."""
    reach = min(reach, min(image.shape[:2]) - 1)
    row, column = random.integers(0, 2 * reach + 1, 2)
    window = slice(row, row + image.shape[0]), slice(column, column + image.shape[1])
    mirrored = np.pad(image, [(reach, reach), (reach, reach), (0, 0)], mode="reflect")
    slopes = np.zeros_like(mirrored)
    value, slopes[window] = tiled_gradient(score, mirrored[window], tile=tile, random=random)
    return value, slopes[reach : reach + image.shape[0], reach : reach + image.shape[1]]
