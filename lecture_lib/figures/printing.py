"""A page to print: an image at a size in centimeters, with marks to cut along and to measure."""

import io

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from lecture_lib.datasets.images import to_uint8
from lecture_lib.datasets.shapes import Image
from lecture_lib.figures.images import INK

PAGE = (21.0, 29.7)  # A4 in centimeters; its middle part fits a sheet of US letter, too
INCH = 2.54  # centimeters
RULER = 10  # centimeters
LARGEST = 18.0  # centimeters, so that the marks stay on the sheet


def printable_page(image: Image, *, side: float = 16.0, words: str) -> bytes:
    """Return a PDF page that shows a square image at a given size, with size marks.

    Lines at the corners say where to cut. A ruler of 10 cm below shows whether the printer has kept
    the size.

    Args:
        image: (side, side, 1 or 3) in [0, 1].
        side: of the printed image in centimeters, above 0 and up to 18.
        words: a line about it, printed under the ruler.

    Returns:
        The bytes of a PDF file of one A4 page.

    Raises:
        ValueError: for an image that is not square, and a side that does not fit the page.
    """
    pixels = to_uint8(image)
    _check(pixels, side)
    page = Figure(figsize=(PAGE[0] / INCH, PAGE[1] / INCH))
    axes = page.add_axes((0, 0, 1, 1), xlim=(0, PAGE[0]), ylim=(0, PAGE[1]))  # in centimeters
    axes.axis("off")
    left = (PAGE[0] - side) / 2
    bottom = (PAGE[1] - side) / 2 + 1.5
    _draw_image(axes, pixels, (left, left + side, bottom, bottom + side))
    _draw_corners(axes, (left, left + side), (bottom, bottom + side))
    _draw_ruler(axes, (PAGE[0] - RULER) / 2, bottom - 2.5)
    lines = f"Print at 100 %, not fitted to the page: the ruler is {RULER} cm long.\n{words}"
    axes.text(PAGE[0] / 2, bottom - 3.6, lines, ha="center", va="top", fontsize=10, color=INK)
    file = io.BytesIO()
    page.savefig(file, format="pdf", metadata={"CreationDate": None})  # the same each time
    return file.getvalue()


def _check(pixels: np.ndarray, side: float) -> None:
    if pixels.ndim != 3 or pixels.shape[0] != pixels.shape[1]:
        raise ValueError(f"A sticker is one square image; this array has the shape {pixels.shape}.")
    if not 0 < side <= LARGEST:
        raise ValueError(
            f"A side of {side} cm does not fit the page; choose one above 0, up to {LARGEST:g} cm."
        )


def _draw_image(axes: Axes, pixels: np.ndarray, extent: tuple) -> None:
    """Each pixel as a square with sharp edges, whatever the printer's dots are."""
    gray = pixels.shape[-1] == 1
    rgb = pixels.repeat(3, axis=-1) if gray else pixels
    axes.imshow(rgb, extent=extent, interpolation="none", aspect="auto", zorder=1)
    axes.set(xlim=(0, PAGE[0]), ylim=(0, PAGE[1]))


def _draw_corners(axes: Axes, columns: tuple, rows: tuple) -> None:
    """Two lines at each corner, outside of the image, along which to cut."""
    for x, outward in zip(columns, (-1, 1), strict=True):
        for y, up in zip(rows, (-1, 1), strict=True):
            axes.plot([x + 0.2 * outward, x + 0.9 * outward], [y, y], color=INK, linewidth=0.6)
            axes.plot([x, x], [y + 0.2 * up, y + 0.9 * up], color=INK, linewidth=0.6)


def _draw_ruler(axes: Axes, left: float, height: float) -> None:
    axes.plot([left, left + RULER], [height, height], color=INK, linewidth=0.8)
    for mark in range(RULER + 1):
        length = 0.4 if mark % 5 == 0 else 0.25
        axes.plot([left + mark] * 2, [height, height + length], color=INK, linewidth=0.8)
    for mark in (0, 5, 10):
        text = f"{mark} cm" if mark else "0"
        axes.text(left + mark, height - 0.2, text, ha="center", va="top", fontsize=8, color=INK)
