"""The colors of a map between the numbers that they mean, under a picture of it.

A panel draws it with every answer, so its picture is kept: it is the same for the same two numbers.
"""

from collections.abc import Callable
from functools import lru_cache

import numpy as np
from jaxtyping import Float
from PIL import Image as PillowImage
from PIL import ImageDraw, ImageFont

from lecture_lib.datasets.images import to_uint8
from lecture_lib.datasets.shapes import Image, Map
from lecture_lib.figures.images import heat
from lecture_lib.figures.numbers import scale_ends

SCALE = 22  # pixels of height for the colors and their numbers
BAR = 120  # pixels of width for the colors alone
BESIDE = 40  # pixels in which a number has room on each side of them
NARROWEST = BAR + 2 * BESIDE
INK = "#1d2026"

Drawn = Float[np.ndarray, "drawn_height drawn_width 3"]


def with_scale(
    drawn: Image, heatmap: Map, *, draw: Callable = heat, narrowest: int = NARROWEST
) -> Drawn:
    """Return a picture of a map with the scale of its colors below.

    Args:
        drawn: the map in colors, (H, W, 3) in [0, 1]; one in which the numbers have no room is
            enlarged by a whole factor.
        heatmap: (any height, any width), the numbers that the colors mean.
        draw: map -> its colors.
        narrowest: pixels of width that need no enlarging; below 200 the colors are shorter.
    """
    factor = -(-narrowest // drawn.shape[1])
    drawn = drawn.repeat(factor, axis=0).repeat(factor, axis=1)
    low, high = scale_ends(float(heatmap.min()), float(heatmap.max()))
    return np.concatenate([drawn, _scale(low, high, draw=draw, width=drawn.shape[1])])


@lru_cache(maxsize=64)
def _scale(low: str, high: str, *, draw: Callable, width: int) -> Drawn:
    """The colors from one number to another, between these numbers."""
    bar = min(BAR, width - 2 * BESIDE)
    numbers = np.linspace(float(low), float(high), bar)
    colors = draw(numbers[None]).repeat(8, axis=0)  # (8, bar, 3)
    page = PillowImage.new("RGB", (width, SCALE), "white")
    left = (width - bar) // 2
    page.paste(PillowImage.fromarray(to_uint8(colors)), (left, 8))
    pen = ImageDraw.Draw(page)
    style = {"fill": INK, "font": ImageFont.load_default(size=12)}
    pen.text((left - 6, 12), low, anchor="rm", **style)
    pen.text((left + bar + 6, 12), high, anchor="lm", **style)
    return np.asarray(page, np.float32) / 255
