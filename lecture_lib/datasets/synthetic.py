"""Pictures and nets with a cause that is known.

Patterns and colors painted onto photographs, badges at known places, nets that see them.

A pattern is a function of two coordinates, both in radians: above zero is ink, below is ground.
"""

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, NamedTuple

import numpy as np

from lecture_lib.datasets.images import as_batch, unbatch
from lecture_lib.datasets.shapes import ImageOrImages, Images, Map


def stripes(x: np.ndarray, y: np.ndarray) -> float | np.ndarray:
    """Return bands along y: sin x.

    Args:
        x: angle across the bands, in radians.
        y: angle along them, in radians.

    Returns:
        array of the shape of x and y, in −1..1.
    """
    return np.sin(x) + 0 * y


def dots(x: np.ndarray, y: np.ndarray) -> float | np.ndarray:
    """Return a round spot at every full turn of both: cos x + cos y − 0.9.

    Args:
        x: angle along rows, in radians.
        y: angle along columns, in radians.

    Returns:
        array of the shape of x and y, in −2.9..1.1, above 0 within a spot.
    """
    return np.cos(x) + np.cos(y) - 0.9


def checks(x: np.ndarray, y: np.ndarray) -> float | np.ndarray:
    """Return the squares of a chess board: 2 sin x · sin y.

    Args:
        x: angle along rows, in radians.
        y: angle along columns, in radians.

    Returns:
        array of the shape of x and y, in −2..2.
    """
    return 2 * np.sin(x) * np.sin(y)


def on_background(
    images: Images, backgrounds: Images, *, share: float = 0.25, edge: float = 0.03
) -> tuple[Images, Map]:
    """Cut an ellipse out of the middle of each image and put it before a background.

    Args:
        images: (N, H, W, C) in [0, 1].
        backgrounds: one for each, of the same shape.
        share: the part of the picture that the ellipse covers, in 0..0.78.
        edge: the width of its soft edge, over half the height and width of the picture.

    Returns:
        The pictures (N, H, W, C), and the ellipse (H, W): 1 inside, 0 on the background.

    Raises:
        ValueError: for images of two shapes, and for a share that does not fit the picture.
    """
    before = as_batch(images)
    behind = as_batch(backgrounds)
    if before.shape != behind.shape:
        raise ValueError(
            f"The images have the shape {before.shape} and the backgrounds {behind.shape}; give "
            "one background for each image, of its size."
        )
    if not 0 <= share <= np.pi / 4:
        raise ValueError(f"An ellipse covers 0 to 0.78 of a picture; the share was {share}.")
    height, width = before.shape[1:3]
    rows = np.linspace(-1, 1, height, dtype=np.float32)[:, None]
    columns = np.linspace(-1, 1, width, dtype=np.float32)
    radius = np.sqrt(4 * share / np.pi)  # of an ellipse of that area, in a square of side 2
    distance = np.hypot(rows, columns)
    ellipse = np.clip((radius - distance) / edge + 0.5, 0, 1).astype(np.float32)
    inside = ellipse[..., None]
    return inside * before + (1 - inside) * behind, ellipse


def paint_pattern(
    images: ImageOrImages,
    pattern: Callable | Sequence[Callable],
    *,
    periods: tuple[float, float] = (10, 24),
    seed: int = 0,
) -> ImageOrImages:
    """Paint a pattern in dark ink over each image, at an angle, a size and a place of its own.

    Args:
        images: (H, W, 3) or (N, H, W, 3) in [0, 1].
        pattern: `stripes`, `dots`, `checks` or another function of (x, y), or several, of which
            each image gets one.
        periods: the smallest and the largest distance between repeats, in pixels.
        seed: draws pattern, angle, size, place and ink of each image.

    Returns:
        float32 in [0, 1], of the same shape.
    """
    batch = as_batch(images, channels=3)
    random = np.random.default_rng(seed)
    patterns = [pattern] if callable(pattern) else list(pattern)
    inks = []
    for _ in batch:
        chosen = patterns[random.integers(len(patterns))]
        inks.append(partial(_ink, chosen, **_random_place(periods, random)))
    darkness = random.uniform(0, 0.4, (len(batch), 1, 1, 3))
    # One image after the other: all at once would take several times the memory of the images.
    painted = np.empty_like(batch, dtype=np.float32)
    for number, (image, ink) in enumerate(zip(batch, inks, strict=True)):
        painted[number] = image + ink(shape=image.shape) * (darkness[number] - image)
    return unbatch(painted, images)


def _random_place(periods: tuple[float, float], random: np.random.Generator) -> dict[str, Any]:
    """Draw how a pattern lies in an image: angle in radians, period in pixels, two shifts."""
    return {
        "angle": random.uniform(0, np.pi),
        "period": random.uniform(*periods),
        "shifts": random.uniform(0, 2 * np.pi, 2),
    }


def _ink(
    pattern: Callable,
    *,
    shape: tuple[int, ...],
    angle: float,
    period: float,
    shifts: np.ndarray,
) -> np.ndarray:
    """Return how much of each pixel is ink, (H, W, 1) in [0, 1], with edges one pixel soft."""
    # The coordinates of each pixel in radians, turned, scaled and shifted.
    rows, columns = 2 * np.pi / period * np.mgrid[: shape[0], : shape[1]]
    x = np.cos(angle) * columns + np.sin(angle) * rows + shifts[0]
    y = np.cos(angle) * rows - np.sin(angle) * columns + shifts[1]
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

    Args:
        images: (H, W, 3) or (N, H, W, 3) in [0, 1].
        color: three numbers in [0, 1], varied a little from image to image; None draws any color
            for each.
        strength: in [0, 1]; 0 leaves the images alone.
        seed: draws the colors.

    Returns:
        float32 in [0, 1], of the same shape.
    """
    batch = as_batch(images, channels=3)
    random = np.random.default_rng(seed)
    shape = (len(batch), 1, 1, 3)
    if color is None:
        colors = random.random(shape)
    else:
        colors = np.clip(np.asarray(color) + random.normal(0, 0.06, shape), 0, 1)
    # Dark pixels go from black to the color, light ones from the color toward white.
    light = (batch @ np.float32([0.299, 0.587, 0.114]))[..., None]
    shades = np.where(
        light < 0.5, 2 * light * colors, colors + 0.7 * (2 * light - 1) * (1 - colors)
    )
    return unbatch(np.float32((1 - strength) * batch + strength * shades), images)


def ring(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Return the colors (..., 3) of a red ring on white at places x, y in [-1, 1].

    Args:
        x: places from left (−1) to right (1).
        y: places from top (−1) to bottom (1), of the same shape.

    Returns:
        colors in 0..1, with a last axis of 3.
    """
    return _two_colors(np.abs(np.hypot(x, y) - 0.55) < 0.25, (0.85, 0.1, 0.1), (1.0, 1.0, 1.0))


def cross(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Return the colors (..., 3) of a blue cross on white at places x, y in [-1, 1].

    Args:
        x: places from left (−1) to right (1).
        y: places from top (−1) to bottom (1), of the same shape.

    Returns:
        colors in 0..1, with a last axis of 3.
    """
    return _two_colors(np.minimum(np.abs(x), np.abs(y)) < 0.25, (0.1, 0.2, 0.85), (1.0, 1.0, 1.0))


def _two_colors(
    ink: np.ndarray, color: tuple[float, float, float], ground: tuple[float, float, float]
) -> np.ndarray:
    return np.where(ink[..., None], np.float32(color), np.float32(ground))


class Marked(NamedTuple):
    """Images with badges.

    Attributes:
        images: (N, H, W, 3) in [0, 1].
        masks: (badges, N, H, W) booleans, True where that badge covers the image.
    """

    images: np.ndarray
    masks: np.ndarray


def paint_badges(
    images: Images, badges: Sequence[Callable], *, diameter: int | None = None, seed: int = 0
) -> Marked:
    """Paint round badges onto each image at places drawn at random, none over another.

    Args:
        images: (N, H, W, 3) in [0, 1].
        badges: functions like `ring` and `cross`.
        diameter: in pixels; None takes a third of the shorter side.
        seed: draws the places.

    Returns:
        The images, and the masks that say exactly where each badge is.

    Raises:
        ValueError: when the badges do not fit side by side.
    """
    batch = np.array(as_batch(images, channels=3))
    random = np.random.default_rng(seed)
    height, width = batch.shape[1:3]
    diameter = min(height, width) // 3 if diameter is None else diameter
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


def _around_center(places: np.ndarray, diameter: int) -> np.ndarray:
    """Return places of pixels as numbers in [-1, 1], 0 in the middle of them."""
    return (2 * places - places.min() - places.max()) / diameter


def _free_place(taken: np.ndarray, diameter: int, random: np.random.Generator) -> np.ndarray:
    """Return a disk at a random place where nothing is yet: (H, W) booleans."""
    rows, columns = np.indices(taken.shape)
    half = (diameter - 1) / 2
    while True:
        row = random.integers(0, taken.shape[0] - diameter + 1) + half
        column = random.integers(0, taken.shape[1] - diameter + 1) + half
        disk = np.hypot(rows - row, columns - column) <= diameter / 2
        if not (disk & taken).any():
            return disk
