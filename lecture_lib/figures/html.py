"""How a picture gets onto a page together with its words: checks, the <img> element, and what a notebook stores."""

import base64
import html
import io
import textwrap
from math import ceil

import numpy as np
from PIL import Image

from lecture_lib.datasets.images import as_batch

PAGE_WIDTH, GAP = 760, 14  # pixels


def as_pictures(images):
    """One picture, a batch or a list as a list of pictures (H, W, 3) in [0, 1], gray ones too; raises ValueError for anything else."""
    several = isinstance(images, (list, tuple)) or np.ndim(images) == 4
    pictures = [np.asarray(picture) for picture in (images if several else [images])]
    if not pictures:
        raise ValueError("There is no picture to show; give at least one.")
    checked = [
        as_batch(picture[..., None] if picture.ndim == 2 else picture)[0].clip(0, 1)
        for picture in pictures
    ]
    return [np.broadcast_to(picture, (*picture.shape[:2], 3)) for picture in checked]


def as_curves(values):
    """A curve (steps,), an array (steps, N) or a list of curves as a list of curves; raises ValueError where there are no numbers."""
    several = isinstance(values, (list, tuple)) and len(values) and np.ndim(values[0]) == 1
    curves = [
        np.asarray(curve, float)
        for curve in (values if several else np.atleast_2d(np.asarray(values, float).T))
    ]
    if not curves or any(curve.ndim != 1 or not curve.size for curve in curves):
        raise ValueError(
            "There are no numbers to draw; give a curve (steps,), an array (steps, N) or a list of curves."
        )
    return curves


def check_count(texts, count, *, what):
    """Raises ValueError unless there are `count` texts."""
    if len(texts) != count:
        raise ValueError(
            f"There are {count} things to show but {len(texts)} {what}s; give one {what} for each."
        )


def layout(titles, columns, size):
    """(columns, size, titles) of a grid: at most five pictures in a row unless told, as wide as the page, titles in lines that fit."""
    columns = columns or ceil(len(titles) / ceil(len(titles) / 5))
    size = size or min(280, (PAGE_WIDTH + GAP) / columns - GAP)
    fold = lambda title: "\n".join(
        piece
        for line in title.splitlines()
        for piece in textwrap.wrap(line, max(8, int(size / 6.6)))
    )
    return columns, size, [fold(title) for title in titles]


def tile(images, *, columns=None, gap=2, width=0):
    """One picture (H, W, 3) as it is; a batch (N, H, W, 3) as one picture, side by side in rows of at most five, with white between.

    columns: how many stand in a row instead. width: small pictures are enlarged, each pixel to a square, to be about this wide together.
    """
    batch = as_batch(images)
    columns = columns or ceil(len(batch) / ceil(len(batch) / 5))
    factor = max(1, width // (columns * batch.shape[2]))
    batch = batch.repeat(factor, axis=1).repeat(factor, axis=2)
    pad = [(0, -len(batch) % columns), (0, gap), (0, gap), (0, 0)]
    batch = np.pad(batch, pad, constant_values=1)
    rows = batch.reshape(-1, columns, *batch.shape[1:]).swapaxes(1, 2)
    return rows.reshape(-1, columns * batch.shape[2], batch.shape[3])[:-gap, :-gap].clip(0, 1)


def width_on_page(width):
    """(width in pixels of the page, pixelated) for a picture of so many pixels; small ones grow by a whole factor and stay crisp."""
    factor = 384 // width
    return (width * factor, True) if factor >= 3 else (min(max(width, 384), 640), False)


def image_tag(data, *, alt, width, height=None, kind="png", pixelated=False):
    """The HTML of one picture: encoded bytes, what is to be seen in words, its size in pixels; pixelated: pixels stay square."""
    crisp = "image-rendering:pixelated;" if pixelated else ""
    tall = (
        f'height="{height}" ' if height else ""
    )  # known before it is decoded, the page does not jump
    source = f"data:image/{kind};base64,{base64.b64encode(data).decode()}"
    return f'<img alt="{html.escape(alt)}" width="{width}" {tall}decoding="sync" style="{crisp}max-width:100%;height:auto" src="{source}">'


def curve_svg(values, *, width=300, height=80):
    """The curve of the values (steps,) or (steps, N) as a small SVG; where there are several, each has its line."""
    values = np.nan_to_num(np.asarray(values, float).reshape(len(values), -1))
    low, high = values.min(), values.max()
    x = np.linspace(3, width - 3, max(len(values), 2))
    y = 3 + (height - 6) * (high - values) / ((high - low) or 1)
    kept = np.unique(
        np.linspace(0, len(values) - 1, 200).astype(int)
    )  # more points than pixels cost time and show nothing
    lines = (" ".join(f"{x[step]:.1f},{column[step]:.1f}" for step in kept) for column in y.T[:8])
    drawn = "".join(
        f'<polyline points="{line}" fill="none" stroke="#1f6f9f" stroke-width="1.8"/>'
        for line in lines
    )
    return f'<svg role="img" aria-label="score from {low:.3g} to {high:.3g}" viewBox="0 0 {width} {height}" width="100%">{drawn}</svg>'


def picture_bundle(pixels, *, alt, width):
    """What a notebook stores for one picture: (data, metadata) for display(data, metadata=metadata, raw=True).

    pixels: uint8 (H, W, 3). alt: what is to be seen, in words. width: pixels on the page. The data are HTML for JupyterLab, whose
    own view of a PNG drops the words; a small PNG for pages that show no HTML; and the words. Raises ValueError where there are no words.
    """
    if not isinstance(alt, str) or not alt.strip():
        raise ValueError(
            "A picture needs words too: give alt=, one sentence that says what is to be seen."
        )
    picture, height = Image.fromarray(pixels), width * pixels.shape[0] // pixels.shape[1]
    small = (
        picture.resize((int(width * part), max(1, int(height * part))), Image.Resampling.LANCZOS)
        for part in (1, 0.75, 0.5)
    )
    png = _first_below(
        30_000, (_encode(_with_few_colors(copy), "PNG", optimize=True) for copy in small)
    )
    lossy = _first_below(
        48_000, (_encode(picture, "WEBP", quality=quality) for quality in (85, 75, 60))
    )
    exact = _encode(picture, "WEBP", lossless=True, method=0)
    webp = min(lossy, exact, key=len)  # photographs are smaller lossy, charts exact
    data = {
        "text/html": image_tag(webp, alt=alt, width=width, kind="webp"),
        "image/png": base64.b64encode(png).decode(),
        "text/plain": alt,
    }
    return data, {"image/png": {"alt": alt, "width": width}}


def _with_few_colors(picture):
    palette = picture.resize((-(-picture.width // 2), -(-picture.height // 2))).quantize(
        128, dither=Image.Dither.NONE
    )
    return picture.quantize(
        palette=palette, dither=Image.Dither.NONE
    )  # chosen on a small copy, seven times as fast


def _encode(picture, kind, **options):
    file = io.BytesIO()
    picture.save(file, kind, **options)
    return file.getvalue()


def _first_below(limit, files):
    for data in files:  # from the best to the smallest; the last one is taken in any case
        if len(data) <= limit:
            break
    return data
