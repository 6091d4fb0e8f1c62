"""How an image gets onto a page with its words: checks, sizes, elements, what is stored."""

import base64
import html
import io
import textwrap
from collections.abc import Iterable, Iterator, Sequence
from math import ceil
from typing import Any

import numpy as np
from jaxtyping import Float, UInt8
from PIL import Image as PillowImage

from lecture_lib.datasets.images import as_batch
from lecture_lib.datasets.shapes import Image, ImageOrImages
from lecture_lib.figures.numbers import without_minus_zero

PAGE_WIDTH = 760  # pixels
GAP = 14  # pixels between images
ROW = 5  # images in a row, unless told otherwise
# (share of the width on the page, qualities) of the JPEG for pages that show no HTML, best first.
COPIES = ((1, (80, 65, 50)), (0.85, (50,)), (0.7, (50,)))
MANY_COLORS = 16_384  # a picture of more is a photograph, or holds one


# Checks


def as_image_list(images: ImageOrImages | Sequence) -> list[Float[np.ndarray, "rows columns 3"]]:
    """Return one image, a batch or a list of images as a list of images (H, W, 3).

    Args:
        images: (H, W), (H, W, 1) or (H, W, 3) in [0, 1], or several of them; gray ones get three
            equal channels.

    Raises:
        ValueError: for no image, another shape, or numbers outside [0, 1].
    """
    several = isinstance(images, (list, tuple)) or np.ndim(images) == 4
    arrays = [np.asarray(image) for image in (images if several else [images])]
    if not arrays:
        raise ValueError("There is no picture to show; give at least one.")
    return [_with_three_channels(array) for array in arrays]


def _with_three_channels(array: np.ndarray) -> Image:
    with_channels = array[..., None] if array.ndim == 2 else array
    batch = as_batch(with_channels)
    if len(batch) > 1:
        raise ValueError(
            f"A list to be shown holds images, and this one a batch of {len(batch)}; give "
            "np.concatenate of the batches."
        )
    image = batch[0].clip(0, 1)
    return np.broadcast_to(image, (*image.shape[:2], 3))


def as_one_image(image: Image) -> Float[np.ndarray, "rows columns 3"]:
    """Return one image as `as_image_list` returns several.

    Raises:
        ValueError: as it does, and for several images.
    """
    images = as_image_list(image)
    if len(images) > 1:
        raise ValueError(f"One image belongs to these maps, and {len(images)} were given.")
    return images[0]


def as_curve_list(values: Any) -> list[Float[np.ndarray, " steps"]]:
    """Return a curve, several in an array, or a list of curves as a list of curves.

    Args:
        values: one curve (steps,), an array (steps, N) of N curves, or a list of curves (steps,).

    Raises:
        ValueError: where there are no numbers.
    """
    is_list = isinstance(values, (list, tuple)) and len(values) and np.ndim(values[0]) == 1
    rows = values if is_list else np.atleast_2d(np.asarray(values, float).T)
    curves = [np.asarray(row, float) for row in rows]
    if not curves or any(curve.ndim != 1 or not curve.size for curve in curves):
        raise ValueError(
            "There are no numbers to draw; give a curve (steps,), an array (steps, N) or a list of "
            "curves."
        )
    return curves


def check_count(texts: Sequence, count: int, *, what: str) -> None:
    """Raise a ValueError unless there are `count` texts; `what` is a word for one of them."""
    if len(texts) != count:
        raise ValueError(
            f"There are {count} things to show but {len(texts)} {what}s; give one {what} for each."
        )


# Sizes


def grid_layout(
    titles: Sequence[str], columns: int | None, size: float | None
) -> tuple[int, float, list[str]]:
    """Choose a grid that fills the page: at most five images in a row unless told otherwise.

    Args:
        titles: one text for each image.
        columns: how many images stand in a row; None for a choice.
        size: the width of an image in pixels; None for a choice.

    Returns:
        (columns, size, titles), the titles broken into lines as wide as an image.

    Raises:
        ValueError: for less than one column.
    """
    check_columns(columns)
    columns = columns or _even_columns(len(titles))
    size = size or min(280, (PAGE_WIDTH + GAP) / columns - GAP)
    characters = max(8, int(size / 6.6))
    return columns, size, [_fold(title, characters) for title in titles]


def check_columns(columns: int | None) -> None:
    """Raise ValueError for a number of columns below 1."""
    if columns is not None and columns < 1:
        raise ValueError(f"Images stand in 1 or more columns; columns was {columns}.")


def _even_columns(count: int) -> int:
    """The columns of the fewest rows of at most five, all about equally long."""
    rows = ceil(count / ROW)
    return ceil(count / rows)


def _fold(title: str, characters: int) -> str:
    """The title in lines of at most so many characters; its own line breaks stay."""
    lines: list[str] = []
    for line in title.splitlines():
        lines += textwrap.wrap(line, characters)
    return "\n".join(lines)


def tile(
    images: ImageOrImages, *, columns: int | None = None, gap: int = 2, width: int = 0
) -> Float[np.ndarray, "tiled_height tiled_width channels"]:
    """Return a batch as one image, its images side by side in rows with white between them.

    Args:
        images: (N, H, W, C) in [0, 1]; one image (H, W, C) stays as it is.
        columns: how many stand in a row; by default at most five.
        gap: pixels between two images.
        width: small images are enlarged, each pixel to a square, to be about this wide together.

    Raises:
        ValueError: for another shape or numbers outside [0, 1], and for less than one column.
    """
    batch = as_batch(images)  # (N, H, W, C)
    check_columns(columns)
    columns = columns or _even_columns(len(batch))
    # Enlarge by a whole factor.
    factor = max(1, width // (columns * batch.shape[2]))
    batch = batch.repeat(factor, axis=1).repeat(factor, axis=2)
    # Put white below and to the right of each image, and white images into the last row.
    missing = -len(batch) % columns
    batch = np.pad(batch, [(0, missing), (0, gap), (0, gap), (0, 0)], constant_values=1)
    # Lay the rows out: (rows, columns, H, W, C) -> (rows, H, columns, W, C) -> one image.
    rows = batch.reshape(-1, columns, *batch.shape[1:]).swapaxes(1, 2)
    whole = rows.reshape(-1, columns * batch.shape[2], batch.shape[3])
    return whole[:-gap, :-gap].clip(0, 1) if gap else whole.clip(0, 1)


def width_on_page(width: int) -> tuple[int, bool]:
    """Choose how wide an image is shown: small ones grow by a whole factor and stay crisp.

    Args:
        width: of the image, in its own pixels.

    Returns:
        (width in pixels of the page, whether each pixel of the image is drawn as a square).
    """
    factor = 384 // width
    if factor >= 3:
        return width * factor, True
    return min(max(width, 384), 640), False


# Elements of a page


def image_tag(
    data: bytes,
    *,
    alt: str,
    width: int,
    height: int | None = None,
    kind: str = "png",
    pixelated: bool = False,
) -> str:
    """Return the HTML of one image.

    Args:
        data: the bytes of the image file.
        alt: what is to be seen, in words.
        width, height: on the page, in pixels; with a height the page does not jump when the image
            is decoded.
        kind: "png", "jpeg" or "webp".
        pixelated: True draws each pixel as a square.
    """
    crisp = "image-rendering:pixelated;" if pixelated else ""
    tall = f'height="{height}" ' if height else ""
    source = f"data:image/{kind};base64,{base64.b64encode(data).decode()}"
    return (
        f'<img alt="{html.escape(alt)}" width="{width}" {tall}decoding="sync" '
        f'style="{crisp}max-width:100%;height:auto" src="{source}">'
    )


def guess_bars(guesses: Sequence[Any]) -> str:
    """Return the HTML of classes with their probabilities, each a name, a percentage and a bar.

    Args:
        guesses: as `top_classes` returns them, at least one.
    """
    rows = []
    for guess in guesses:
        share = f"{guess.probability:.0%}"
        bar = f'<i style="background-size:{share} 100%"></i>'
        name = html.escape(guess.class_name)
        rows.append(f'<div class="lecture-bar">{name} <span>{share}</span>{bar}</div>')
    return "".join(rows)


def curve_svg(values: np.ndarray, *, width: int = 300, height: int = 80) -> str:
    """Return a curve as a small SVG image.

    A live preview draws it up to ten times a second: written by hand it takes 0.6 ms, by matplotlib
    5 ms, and the words for those who cannot see it would have to be put in afterward.

    Args:
        values: (steps,), or (steps, N) for N curves, of which the first eight are drawn.
        width, height: in pixels.
    """
    curves = np.nan_to_num(np.asarray(values, float).reshape(len(values), -1))  # (steps, N)
    low = curves.min()
    high = curves.max()
    # More points than pixels take time and show nothing.
    steps = np.unique(np.linspace(0, len(curves) - 1, 200).astype(int))
    # Scale to the drawing, with a margin of 3 pixels; y runs downward.
    x = np.linspace(3, width - 3, max(len(curves), 2))[steps]
    y = 3 + (height - 6) * (high - curves[steps]) / ((high - low) or 1)
    lines = "".join(_polyline(x, column) for column in y.T[:8])
    label = without_minus_zero(f"score from {low:.3g} to {high:.3g}")
    return (
        f'<svg role="img" aria-label="{label}" '
        f'viewBox="0 0 {width} {height}" width="100%">{lines}</svg>'
    )


def _polyline(x: np.ndarray, y: np.ndarray) -> str:
    points = " ".join(f"{right:.1f},{down:.1f}" for right, down in zip(x, y, strict=True))
    return f'<polyline points="{points}" fill="none" stroke="#1f6f9f" stroke-width="1.8"/>'


# What a notebook stores


def picture_bundle(
    pixels: UInt8[np.ndarray, "height width 3"], *, alt: str, width: int
) -> tuple[dict, dict]:
    """Return what a notebook stores for one image, for display(data, metadata=metadata, raw=True).

    The data are HTML for JupyterLab, whose own view of a file drops the words; a small JPEG for
    pages that show no HTML, such as a PDF; and the words.

    Args:
        pixels: 0..255.
        alt: what is to be seen, in words.
        width: on the page, in pixels.

    Returns:
        (data, metadata).

    Raises:
        ValueError: where there are no words.
    """
    if not isinstance(alt, str) or not alt.strip():
        raise ValueError(
            "A picture needs words too: give alt=, one sentence that says what is to be seen."
        )
    image = PillowImage.fromarray(pixels)
    data = {
        "text/html": image_tag(_as_webp(image), alt=alt, width=width, kind="webp"),
        "image/jpeg": base64.b64encode(_as_small_jpeg(image, width)).decode(),
        "text/plain": alt,
    }
    return data, {"image/jpeg": {"alt": alt, "width": width}}


def _as_webp(image: PillowImage.Image) -> bytes:
    """The smaller of a lossy and an exact file: photographs are smaller lossy, charts exact.

    An exact file of many colors is several times as large and takes twice the time, so that it is
    not even tried.
    """
    qualities = (_encode(image, "WEBP", quality=quality) for quality in (85, 75, 60))
    lossy = _first_below(48_000, qualities)
    if image.getcolors(MANY_COLORS) is None:
        return lossy
    return min(lossy, _encode(image, "WEBP", lossless=True, method=0), key=len)


def _as_small_jpeg(image: PillowImage.Image, width: int) -> bytes:
    """A file as wide as on the page; less sharp, then less wide, where it would be large.

    Titles stay legible, and all colors are true: a PNG this small has 128 of them and half the
    width.
    """
    return _first_below(24_000, _jpegs(image, width))


def _jpegs(image: PillowImage.Image, width: int) -> Iterator[bytes]:
    for share, qualities in COPIES:
        small = _of_width(image, width * share)
        for quality in qualities:
            yield _encode(small, "JPEG", quality=quality, optimize=True)


def _of_width(image: PillowImage.Image, width: float) -> PillowImage.Image:
    size = (max(1, round(width)), max(1, round(width * image.height / image.width)))
    return image.resize(size, PillowImage.Resampling.LANCZOS)


def _encode(image: PillowImage.Image, kind: str, **options: Any) -> bytes:
    file = io.BytesIO()
    image.save(file, kind, **options)
    return file.getvalue()


def _first_below(limit: int, files: Iterable[bytes]) -> bytes:
    """The first file of at most `limit` bytes, or the last one; files go from best to smallest."""
    for data in files:
        if len(data) <= limit:
            break
    return data
