"""Pictures and nets with a cause that is known.

Patterns and colors painted onto photographs, badges at known places, nets that see them.

A pattern is a function of two coordinates, both in radians: above zero is ink, below is ground.
"""

from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np

from lecture_lib.datasets.images import as_batch, unbatch
from lecture_lib.datasets.shapes import ImageOrImages, Images


def stripes(x: np.ndarray, y: np.ndarray) -> float | np.ndarray:
    """Return bands along y: sin x."""
    return np.sin(x) + 0 * y


def dots(x: np.ndarray, y: np.ndarray) -> float | np.ndarray:
    """Return a round spot at every full turn of both: cos x + cos y − 0.9."""
    return np.cos(x) + np.cos(y) - 0.9


def checks(x: np.ndarray, y: np.ndarray) -> float | np.ndarray:
    """Return the squares of a chess board: sin x · sin y."""
    return 2 * np.sin(x) * np.sin(y)


def paint_pattern(
    images: ImageOrImages,
    pattern: Callable | Sequence[Callable],
    *,
    periods: tuple[float, float] = (10, 24),
    seed: int = 0,
) -> ImageOrImages:
    """Each image with a pattern in dark ink over it, at an angle, a size and a place of its own.

    images: (H, W, 3) or (N, H, W, 3) in [0, 1]. pattern: `stripes`, `dots`, `checks` or another
    function of (x, y), or several, of which
    each image gets one. periods: smallest and largest distance between repeats, in pixels. Returns
    float32 in [0, 1] of the same shape.
    """
    batch = as_batch(images, channels=3)
    random = np.random.default_rng(seed)
    patterns = [pattern] if callable(pattern) else list(pattern)
    inks = [
        _ink(patterns[random.integers(len(patterns))], image.shape, periods, random)
        for image in batch
    ]
    darkness = random.uniform(0, 0.4, (len(batch), 1, 1, 3))
    return unbatch(np.float32(batch + np.stack(inks) * (darkness - batch)), images)


def _ink(pattern, shape, periods, random):
    """How much of each pixel is ink.

    The pattern turned, scaled and shifted, with edges about one pixel soft. (H, W, 1) in [0, 1].
    """
    angle = random.uniform(0, np.pi)
    period = random.uniform(*periods)
    rows, columns = 2 * np.pi / period * np.mgrid[: shape[0], : shape[1]]
    x = np.cos(angle) * columns + np.sin(angle) * rows + random.uniform(0, 2 * np.pi)
    y = np.cos(angle) * rows - np.sin(angle) * columns + random.uniform(0, 2 * np.pi)
    return np.clip(0.5 + period / 6 * pattern(x, y), 0, 1)[..., None]


def paint_color(
    images: ImageOrImages,
    color: Sequence[float] | None = None,
    *,
    strength: float = 0.8,
    seed: int = 0,
) -> ImageOrImages:
    """Paint each image in shades of one color, as bright as it was.

    The shades run from black over the color to nearly white.

    images: (H, W, 3) or (N, H, W, 3) in [0, 1]. color: three numbers in [0, 1], varied a little
    from image to image; None draws any color
    for each. strength: in [0, 1]; 0 leaves the images alone. Returns float32 in [0, 1] of the same
    shape.
    """
    batch = as_batch(images, channels=3)
    random = np.random.default_rng(seed)
    shape = (len(batch), 1, 1, 3)
    colors = (
        random.random(shape)
        if color is None
        else np.clip(np.asarray(color) + random.normal(0, 0.06, shape), 0, 1)
    )
    light = (batch @ np.float32([0.299, 0.587, 0.114]))[..., None]
    shades = np.where(
        light < 0.5, 2 * light * colors, colors + 0.7 * (2 * light - 1) * (1 - colors)
    )
    return unbatch(np.float32((1 - strength) * batch + strength * shades), images)


def ring(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """A red ring on white: colors (..., 3) at places x, y in [-1, 1]."""
    return _two_colors(np.abs(np.hypot(x, y) - 0.55) < 0.25, (0.85, 0.1, 0.1), (1.0, 1.0, 1.0))


def cross(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """A blue cross on white: colors (..., 3) at places x, y in [-1, 1]."""
    return _two_colors(np.minimum(np.abs(x), np.abs(y)) < 0.25, (0.1, 0.2, 0.85), (1.0, 1.0, 1.0))


def _two_colors(ink, color, ground):
    return np.where(ink[..., None], np.float32(color), np.float32(ground))


class Marked(NamedTuple):
    """Pictures with badges.

    `images` (N, H, W, 3) in [0, 1], and `masks` (badges, N, H, W), True where that badge covers the
    picture.
    """

    images: np.ndarray
    masks: np.ndarray


def paint_badges(
    images: Images, badges: Sequence[Callable], *, diameter: int = 21, seed: int = 0
) -> Marked:
    """Round badges painted onto each image at places drawn at random, none over another.

    Their masks say exactly where.

    images: (N, H, W, 3) in [0, 1]. badges: functions like `ring` and `cross`. diameter: in pixels.
    Returns Marked(images, masks). Raises ValueError when the badges do not fit side by side.
    """
    batch = np.array(as_batch(images, channels=3))
    random = np.random.default_rng(seed)
    height, width = batch.shape[1:3]
    if diameter * (len(badges) + 1) > min(height, width):
        raise ValueError(
            f"{len(badges)} badges of {diameter} pixels find no place in {height} × {width}; "
            "make them smaller."
        )
    masks = np.zeros((len(badges), *batch.shape[:3]), bool)
    for number, image in enumerate(batch):
        for badge, mask in zip(badges, masks[:, number], strict=True):
            mask[:] = _free_place(masks[:, number].any(axis=0), diameter, random)
            rows, columns = np.nonzero(mask)
            image[mask] = badge(_around_center(columns, diameter), _around_center(rows, diameter))
    return Marked(batch, masks)


def _around_center(places, diameter):
    """Places of pixels as numbers in [-1, 1], 0 in the middle of them."""
    return (2 * places - places.min() - places.max()) / diameter


def _free_place(taken, diameter, random):
    """A disk at a random place where nothing is yet: (H, W) booleans."""
    rows, columns = np.indices(taken.shape)
    while True:
        top, left = (
            random.integers(0, side - diameter + 1) + (diameter - 1) / 2 for side in taken.shape
        )
        disk = np.hypot(rows - top, columns - left) <= diameter / 2
        if not (disk & taken).any():
            return disk
