"""Octaves and tiles: copies of an image from small to large, and the gradient of a large one."""

from collections.abc import Callable
from itertools import pairwise
from math import ceil

import numpy as np
from jaxtyping import Float

from lecture_lib.core.ascent import clip
from lecture_lib.core.gradients import value_and_gradient
from lecture_lib.core.scores import Score
from lecture_lib.datasets.images import as_image
from lecture_lib.datasets.shapes import Image
from lecture_lib.models.backend import tf

LargerImage = Float[np.ndarray, "larger_height larger_width channels"]
ResizedImage = Float[np.ndarray, "new_height new_width channels"]

SMALLEST = 16  # pixels: below it, the maps of a network are next to nothing but padding


def pyramid(image: Image, *, octaves: int, scale: float) -> list[np.ndarray]:
    """Return copies of an image, the smallest first; the last is the image itself.

    Args:
        image: (H, W, C) in [0, 1].
        octaves: how many copies, 1 or more.
        scale: how many times larger each copy is than the one before, above 1.

    Raises:
        ValueError: for anything but one image.
    """
    image = as_image(image)
    height, width = image.shape[:2]
    copies = []
    for octave in range(octaves - 1, 0, -1):
        factor = scale**octave
        size = max(1, round(height / factor)), max(1, round(width / factor))
        copies.append(clip(resize(image, size)))
    return [*copies, image]


def add_lost_detail(dreamed: Image, copy: Image, larger: LargerImage) -> LargerImage:
    """Return a dreamed copy at the size of a larger one, with the detail that it has there.

    resize(dreamed) + larger − resize(copy), clipped into [0, 1]

    Args:
        dreamed: (h, w, C), the copy with the dream in it.
        copy: (h, w, C), the same octave before the dream.
        larger: (H, W, C), the copy of a later octave.

    Returns:
        (H, W, C) in [0, 1].
    """
    return clip(resize(dreamed - copy, larger.shape[:2]) + larger)


def resize(image: Image, size: tuple[int, int]) -> ResizedImage:
    """Return the numbers of an image at another size, smoothed first where it becomes smaller.

    Args:
        image: (H, W, C), any numbers.
        size: (height, width) in pixels.

    Returns:
        (height, width, C); bicubic interpolation may lead a little beyond the range of the numbers.
    """
    if np.shape(image)[:2] == tuple(size):
        return np.array(image, np.float32)  # as it would come back
    return tf.image.resize(image, size, method="bicubic", antialias=True).numpy()


def tiled_gradient(
    score: Score | Callable,
    image: Image,
    *,
    tile: int = 512,
    random: np.random.Generator | None = None,
) -> tuple[np.float32, Image]:
    """Return value and gradient of a score, computed tile by tile: it takes the memory of one tile.

    Exact for a score that is a mean over positions, but for what the cuts hide from each other.

    Args:
        score: images (N, H, W, C) -> (N,).
        image: (H, W, C).
        tile: the largest side of a tile in pixels.
        random: a numpy Generator that moves the cuts; None cuts into equal parts.

    Returns:
        (value, gradient): a number, and (H, W, C).
    """
    if max(image.shape[:2]) <= tile:
        return value_and_gradient(score, image)
    value = 0.0
    gradient = np.empty_like(image)
    for rows in _parts(image.shape[0], tile, random):
        for columns in _parts(image.shape[1], tile, random):
            # Each tile counts by its share of the image.
            share = image[rows, columns].size / image.size
            tile_value, tile_gradient = value_and_gradient(score, image[rows, columns])
            value += share * tile_value
            gradient[rows, columns] = share * tile_gradient
    return np.float32(value), gradient


def _parts(length: int, tile: int, random: np.random.Generator | None) -> list[slice]:
    """Slices that cut a length into parts of at most `tile`."""
    if length <= tile:
        return [slice(0, length)]
    # Each new size costs a network time and memory; cuts on a grid make tiles of few sizes.
    grid = max(1, tile // 16)
    # Cuts move by up to a quarter of a part, so parts are planned a quarter smaller than a tile.
    parts = ceil(1.25 * length / (tile - grid / 2))
    edges = np.linspace(0, length, parts + 1)
    if random:
        moved = edges[1:-1] + random.uniform(-0.25, 0.25) * length / parts
        edges[1:-1] = grid * np.round(moved / grid)
    return [slice(start, end) for start, end in pairwise(edges.astype(int))]


def jittered_gradient(
    score: Score | Callable,
    image: Image,
    *,
    reach: int,
    tile: int,
    random: np.random.Generator,
) -> tuple[np.float32, Image]:
    """Return the `tiled_gradient` of the image shifted at random, so that no seam stays in place.

    What comes in at the edges is a mirror image; what goes out has gradient 0.

    Args:
        score: images (N, H, W, C) -> (N,).
        image: (H, W, C).
        reach: the largest shift in pixels.
        tile: the largest side of a tile in pixels.
        random: the numpy Generator that draws shifts and cuts.

    Returns:
        (value, gradient): a number, and (H, W, C), shifted back.
    """
    height, width = image.shape[:2]
    # Cut a window of the image's size out of the image with mirrored margins.
    reach = min(reach, min(height, width) - 1)
    row, column = random.integers(0, 2 * reach + 1, 2)
    window = slice(row, row + height), slice(column, column + width)
    mirrored = np.pad(image, [(reach, reach), (reach, reach), (0, 0)], mode="reflect")
    # The gradient of the window goes back to where its pixels came from.
    gradient = np.zeros_like(mirrored)
    value, gradient[window] = tiled_gradient(score, mirrored[window], tile=tile, random=random)
    return value, gradient[reach : reach + height, reach : reach + width]
