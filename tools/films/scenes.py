"""Scenes of a film: pictures, words, bars and curves on a dark page of 640 × 470 pixels.

`page(*parts)` draws parts on an empty page; each part is made by one of the functions below it.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

import matplotlib
import numpy as np
from PIL import Image, ImageDraw, ImageFont

from lecture_lib.datasets.images import to_uint8
from lecture_lib.models.inference import Guess

WIDTH = 640
HEIGHT = 470
PER_SECOND = 12  # pictures of a film
BACK = (18, 21, 26)
INK = (240, 242, 245)
SOFT = (160, 168, 178)
DARK = (52, 58, 67)
ORANGE = (255, 176, 66)
BLUE = (104, 182, 255)
FONT = Path(matplotlib.get_data_path()) / "fonts" / "ttf" / "DejaVuSans.ttf"

Part = Callable[[Image.Image], None]


class Shot(NamedTuple):
    """A scene that stays for a while, with the sentence over it.

    Attributes:
        scene: (HEIGHT, WIDTH, 3), uint8.
        caption: at most twelve words; shots with the same caption follow one another.
        seconds: how long it stays.
    """

    scene: np.ndarray
    caption: str
    seconds: float


def page(*parts: Part) -> np.ndarray:
    """An empty page with parts drawn on it, one over the other."""
    canvas = Image.new("RGB", (WIDTH, HEIGHT), BACK)
    for part in parts:
        part(canvas)
    return np.asarray(canvas)


def several(caption: str, scenes: Iterable[np.ndarray], *, seconds: float) -> Iterator[Shot]:
    """Scenes that share a caption and a number of seconds, one after the other."""
    scenes = list(scenes)
    count = round(PER_SECOND * seconds)
    for number in range(count):
        yield Shot(scenes[number * len(scenes) // count], caption, 1 / PER_SECOND)


def percent(share: float) -> str:
    """A share as a percentage; 100 % is said only of what is that at one more digit, too."""
    rounded = f"{100 * share:.0f} %"
    return f"{100 * share:.1f} %" if rounded == "100 %" and share < 0.9995 else rounded


@cache
def font(size: int) -> ImageFont.FreeTypeFont:
    return ImageFont.truetype(str(FONT), size)


def words(
    text: str,
    at: tuple[float, float],
    *,
    size: int = 22,
    color: tuple = INK,
    anchor: str = "mm",
) -> Part:
    """Words around a place; `anchor` as in Pillow, "lm" for words that begin there."""

    def draw(canvas):
        pen = ImageDraw.Draw(canvas)
        pen.text(at, text, font=font(size), fill=color, anchor=anchor)

    return draw


def picture(
    image: np.ndarray,
    at: tuple[float, float],
    *,
    width: int = 430,
    label: str = "",
    smooth: bool = True,
    frame: tuple | None = None,
    color: tuple = INK,
) -> Part:
    """An image (H, W, 1 or 3) in [0, 1] with its middle at a place, and a label under it."""

    def draw(canvas):
        height = round(width * image.shape[0] / image.shape[1])
        how = Image.Resampling.LANCZOS if smooth else Image.Resampling.NEAREST
        pixels = Image.fromarray(np.broadcast_to(to_uint8(image), (*image.shape[:2], 3)).copy())
        corner = (round(at[0] - width / 2), round(at[1] - height / 2))
        canvas.paste(pixels.resize((width, height), how), corner)
        if frame:
            box = (*corner, corner[0] + width - 1, corner[1] + height - 1)
            ImageDraw.Draw(canvas).rectangle(box, outline=frame, width=3)
        words(label, (at[0], corner[1] + height + 18), size=20, color=color)(canvas)

    return draw


def row(
    images: Sequence[np.ndarray],
    *,
    labels: Sequence[str] = (),
    middle: float = 225,
    gap: int = 16,
    most: int = 430,
    smooth: bool = True,
) -> Part:
    """Images of one shape beside each other, as large as fits, with a label under each."""
    count = len(images)
    width = min(most, (WIDTH - gap * (count + 1)) // count)
    left = (WIDTH - count * width - (count - 1) * gap) / 2 + width / 2
    labels = labels or [""] * count
    parts = [
        picture(
            image, (left + number * (width + gap), middle), width=width, label=label, smooth=smooth
        )
        for number, (image, label) in enumerate(zip(images, labels, strict=True))
    ]
    return together(*parts)


def grid(
    images: Sequence[np.ndarray],
    columns: int,
    *,
    box: tuple[int, int, int, int] = (20, 15, 600, 440),
    gap: int = 6,
    smooth: bool = True,
) -> Part:
    """Square images in rows within a box (left, top, width, height), in its middle."""
    rows = -(-len(images) // columns)
    left, top, width, height = box
    side = min((width - gap * (columns - 1)) // columns, (height - gap * (rows - 1)) // rows)
    step = side + gap
    left += (width - columns * step + gap) / 2 + side / 2
    top += (height - rows * step + gap) / 2 + side / 2
    places = [
        (left + step * (n % columns), top + step * (n // columns)) for n in range(rows * columns)
    ]
    pairs = zip(images, places, strict=False)
    return together(*(picture(one, at, width=side, smooth=smooth) for one, at in pairs))


def together(*parts: Part) -> Part:
    """Several parts as one."""

    def draw(canvas):
        for part in parts:
            part(canvas)

    return draw


def bars_of(guesses: Sequence[Guess], box: tuple[int, int, int], **options: Any) -> Part:
    """A bar for each guess of a network; see `bars`."""
    names = [guess.class_name for guess in guesses]
    return bars(names, [guess.probability for guess in guesses], box, **options)


def bars(
    names: Sequence[str],
    shares: Sequence[float],
    box: tuple[int, int, int],
    *,
    marked: str | None = None,
    texts: Sequence[str] | None = None,
    step: int = 62,
) -> Part:
    """A bar for each name, shares in 0..1, within a box (left, top, width)."""
    left, top, width = box
    texts = texts or [percent(share) for share in shares]

    def draw(canvas):
        pen = ImageDraw.Draw(canvas)
        for number, (name, share, text) in enumerate(zip(names, shares, texts, strict=True)):
            high = top + step * number
            color = ORANGE if name == marked else BLUE
            words(name, (left, high), size=19, anchor="lm", color=INK)(canvas)
            words(text, (left + width, high), size=19, anchor="rm", color=color)(canvas)
            pen.rectangle((left, high + 16, left + width, high + 30), fill=DARK)
            full = left + round(width * float(np.clip(share, 0, 1)))
            pen.rectangle((left, high + 16, full, high + 30), fill=color)

    return draw


def curve(
    values: Sequence[float],
    box: tuple[int, int, int, int],
    *,
    count: int,
    low: float,
    high: float,
    label: str = "",
    color: tuple = ORANGE,
) -> Part:
    """A curve that has come so far: values of `count` in a box (left, top, width, height)."""
    left, top, width, height = box

    def place(number, value):
        across = left + width * number / max(count - 1, 1)
        share = float(np.clip((value - low) / (high - low), 0, 1))
        return across, top + height * (1 - share)

    def draw(canvas):
        places = [place(number, value) for number, value in enumerate(values)]
        ground = [(left, top + height), (left + width, top + height)]
        smooth_line(canvas, ground, color=SOFT, width=1)
        smooth_line(canvas, places, color=color, width=3, end=5)
        words(label, (left, top - 14), size=19, anchor="lm", color=color)(canvas)

    return draw


def smooth_line(
    canvas: Image.Image, places: Sequence, *, color: tuple, width: int, end: int = 0
) -> None:
    """Draw a line at three times the size and make it smaller, so that it has no steps.

    end: radius of the dot at its end.
    """
    large = Image.new("RGBA", (3 * WIDTH, 3 * HEIGHT), (*color, 0))
    pen = ImageDraw.Draw(large)
    places = [(3 * x, 3 * y) for x, y in places]
    pen.line(places, color, 3 * width, joint="curve")
    x, y = places[-1]
    pen.ellipse((x - 3 * end, y - 3 * end, x + 3 * end, y + 3 * end), color)
    small = large.resize((WIDTH, HEIGHT), Image.Resampling.BOX)
    canvas.paste(small, mask=small)


def box(corners: tuple[float, float, float, float], *, color: tuple = ORANGE) -> Part:
    """The outline of a box (left, top, right, bottom)."""

    def draw(canvas):
        ImageDraw.Draw(canvas).rectangle(corners, outline=color, width=3)

    return draw
