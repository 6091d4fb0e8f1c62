"""Paintings made by formulas, as models of a style.

Strokes along a flow, stained glass, dots, waves. They need no download.

Each function gives one picture (side, side, 3) float32 in [0, 1]; the same seed, the same painting.
All are drawn at twice the size and made smaller, so that their edges are smooth; lengths inside are
shares of the side, so that a larger painting is the same one, larger.
"""

import numpy as np
from PIL import Image as PILImage
from PIL import ImageDraw
from scipy.ndimage import gaussian_filter
from scipy.spatial import cKDTree

from lecture_lib.datasets.shapes import Image

NIGHT = [
    (14, 24, 78),
    (22, 58, 132),
    (41, 98, 168),
    (96, 152, 190),
    (232, 218, 140),
    (252, 200, 44),
]
GLASS = [
    (190, 30, 36),
    (228, 120, 24),
    (246, 200, 48),
    (30, 120, 80),
    (28, 84, 170),
    (96, 40, 120),
    (240, 232, 206),
]
SUMMER = [
    (36, 62, 120),
    (60, 130, 150),
    (96, 160, 80),
    (226, 196, 84),
    (232, 132, 72),
    (214, 92, 120),
]
INK = (22, 44, 92)
PAPER = (244, 236, 214)
SEA = (70, 128, 170)

Color = tuple[int, int, int]  # red, green, blue in 0..255
Points = np.ndarray  # (N, 2), in shares of the side


def swirls(*, side: int = 256, strokes: int = 2600, whirls: int = 9, seed: int = 0) -> Image:
    """Paint short brush strokes that follow a field of whirls.

    They are dark blue, and yellow where the whirls have their eyes.

    Args:
        side: height and width in pixels.
        strokes: number of brush strokes.
        whirls: number of eyes that the strokes run around.
        seed: of everything random.

    Returns:
        (side, side, 3) float32 in 0..1.
    """
    random, canvas, draw, large = _canvas(side, NIGHT[1], seed)
    eyes = random.uniform(0.05, 0.95, (whirls, 2))
    turns = random.choice([-1.0, 1.0], whirls)
    widths = random.uniform(0.06, 0.16, whirls)
    points = random.uniform(-0.02, 1.02, (strokes, 2))
    light = np.exp(-np.square(_distances(points, eyes) / widths)).max(axis=1)
    paths = [points]
    for _ in range(9):
        paths.append(paths[-1] + 0.011 * _flow(paths[-1], eyes, turns, widths))
    colors = _mixed(NIGHT, 0.12 + 0.8 * light + random.normal(0, 0.11, strokes), random)
    for path, color in zip(np.stack(paths, axis=1), colors, strict=True):
        draw.line(
            [*map(tuple, path * large)],
            fill=color,
            width=round(random.uniform(0.012, 0.022) * large),
            joint="curve",
        )
    return _finished(canvas, side)


def _distances(points: Points, eyes: Points) -> np.ndarray:
    return np.linalg.norm(points[:, None] - eyes, axis=2)


def _flow(points: Points, eyes: Points, turns: np.ndarray, widths: np.ndarray) -> Points:
    """Unit steps (N, 2) around each whirl nearby, with a steady wind where there is none."""
    away = points[:, None] - eyes
    distance = _distances(points, eyes)
    around = np.stack([-away[..., 1], away[..., 0]], axis=2) / (distance[..., None] + 1e-3)
    pull = turns * np.exp(-np.square(distance / (2 * widths)))
    wind = np.stack([np.ones(len(points)), 0.35 * np.sin(5 * points[:, 0])], axis=1)
    step = (pull[..., None] * around).sum(axis=1) + 0.25 * wind
    return step / (np.linalg.norm(step, axis=1, keepdims=True) + 1e-6)


def stained_glass(*, side: int = 256, panes: int = 11, lead: float = 0.009, seed: int = 0) -> Image:
    """Paint about panes × panes pieces of colored glass.

    A pixel has the color of its nearest point, and black lead where two are as near.

    Args:
        side: height and width in pixels.
        panes: pieces of glass along a side.
        lead: width of the black lines, as a share of the side.
        seed: of everything random.

    Returns:
        (side, side, 3) float32 in 0..1.
    """
    random = np.random.default_rng(seed)
    large = 2 * side
    grid = (
        np.stack(np.mgrid[-1 : panes + 1, -1 : panes + 1], axis=-1).reshape(-1, 2) + 0.5
    ) / panes
    points = grid + random.uniform(-0.42, 0.42, grid.shape) / panes
    pixels = (np.stack(np.mgrid[:large, :large], axis=-1) + 0.5) / large
    nearest, index = cKDTree(points).query(pixels, k=2)
    shade = 1 + 0.25 * _smooth_noise(large, 0.03, random)[..., None]
    colors = np.float32(GLASS)[random.integers(0, len(GLASS), len(points))][index[..., 0]] * shade
    colors[nearest[..., 1] - nearest[..., 0] < lead] = (16, 14, 18)
    return _finished(PILImage.fromarray(np.uint8(colors.clip(0, 255))), side)


def painted_dots(*, side: int = 256, count: int = 7000, seed: int = 0) -> Image:
    """Paint round touches of pure color, which only from afar mix to fields of color.

    Args:
        side: height and width in pixels.
        count: number of touches of the brush.
        seed: of everything random.

    Returns:
        (side, side, 3) float32 in 0..1.
    """
    random, canvas, draw, large = _canvas(side, PAPER, seed)
    field = 0.5 + 0.28 * _smooth_noise(large, 0.12, random)
    for x, y in random.integers(0, large, (count, 2)):
        radius = random.uniform(0.006, 0.011) * large
        color = _mixed(SUMMER, np.array([field[y, x] + random.normal(0, 0.13)]), random)[0]
        draw.ellipse([x - radius, y - radius, x + radius, y + radius], fill=color)
    return _finished(canvas, side)


def painted_waves(*, side: int = 256, rows: int = 9, seed: int = 0) -> Image:
    """Paint rows of round waves in ink and two blues, one over the other like fish scales.

    No two are quite alike.

    Args:
        side: height and width in pixels.
        rows: rows of waves from top to bottom.
        seed: of everything random.

    Returns:
        (side, side, 3) float32 in 0..1.
    """
    random, canvas, draw, large = _canvas(side, PAPER, seed)
    radius = large / rows
    for row in range(-1, 2 * rows + 2):
        for column in range(-1, rows // 2 + 2):
            x = (2 * column + row % 2) * radius + random.normal(0, 0.04) * radius
            y = row * radius / 2
            for share, color in zip(
                (1, 0.9, 0.72, 0.6, 0.4, 0.28), (INK, PAPER, SEA, PAPER, INK, PAPER), strict=True
            ):
                r = share * radius * random.uniform(0.96, 1.02)
                draw.ellipse(
                    [x - r, y - r, x + r, y + r],
                    fill=tuple(np.clip(color + random.normal(0, 4, 3), 0, 255).astype(int)),
                )
    return _finished(canvas, side)


def _canvas(
    side: int, ground: Color, seed: int
) -> tuple[np.random.Generator, PILImage.Image, ImageDraw.ImageDraw, int]:
    """(random numbers of the seed, canvas of twice the side, pen, side of the canvas)."""
    canvas = PILImage.new("RGB", (2 * side, 2 * side), ground)
    return np.random.default_rng(seed), canvas, ImageDraw.Draw(canvas), 2 * side


def _smooth_noise(side: int, width: float, random: np.random.Generator) -> np.ndarray:
    """A field of mean 0 and standard deviation 1 that changes over `width` of the side."""
    coarse = gaussian_filter(random.standard_normal((128, 128)), 128 * width, mode="wrap")
    field = np.asarray(
        PILImage.fromarray(np.float32(coarse)).resize((side, side), PILImage.Resampling.BICUBIC)
    )
    return (field - field.mean()) / field.std()


def _mixed(palette: list[Color], places: np.ndarray, random: np.random.Generator) -> list[Color]:
    """Colors at places in 0..1 along a palette, each a little off, as a brush is never clean."""
    along = np.linspace(0, 1, len(palette))
    colors = np.stack(
        [np.interp(places, along, channel) for channel in np.transpose(palette)], axis=1
    )
    return [
        tuple(color)
        for color in np.clip(colors + random.normal(0, 9, colors.shape), 0, 255)
        .astype(int)
        .tolist()
    ]


def _finished(canvas: PILImage.Image, side: int) -> Image:
    return np.asarray(canvas.resize((side, side), PILImage.Resampling.LANCZOS), np.float32) / 255
