"""Images for the page: arrays in, one displayed figure out; nothing here computes a result.

An image is (H, W, 3) in [0, 1], a map (H, W). Each is shown with `alt`: a sentence for readers who
cannot see it.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
from IPython.display import display
from matplotlib import colormaps
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from lecture_lib.datasets.images import as_map
from lecture_lib.datasets.shapes import Image, ImageOrImages, Map
from lecture_lib.figures.html import (
    GAP,
    as_image_list,
    as_one_image,
    check_count,
    grid_layout,
    picture_bundle,
)
from lecture_lib.figures.numbers import scale_ends, without_minus_zero

INK = "#2b2f36"
SHARPNESS = 1.6  # dots drawn per pixel of the page, for fine screens
MAX_DOTS = 700_000  # in one figure
BRIGHTNESS = np.float32([0.299, 0.587, 0.114])  # of red, green and blue


def show(
    images: ImageOrImages | Sequence,
    *,
    titles: str | Sequence[str] | None = None,
    columns: int | None = None,
    size: float | None = None,
    smooth: bool | None = None,
    alt: str,
) -> None:
    """Show one image, or several in a grid.

    Args:
        images: (H, W, 3), (N, H, W, 3) or a list of images, in [0, 1]; (H, W) and (H, W, 1) are
            drawn in gray.
        titles: one text for each image.
        columns: how many stand in a row; by default at most five.
        size: the width of an image, in pixels of the page.
        smooth: False draws each pixel as a square (the default up to 96 pixels), True blends them.
        alt: what is to be seen, in words.

    Raises:
        ValueError: for other shapes, numbers outside [0, 1], titles that do not match, and an empty
            `alt`.
    """
    image_list = as_image_list(images)
    titles = [titles] if isinstance(titles, str) else titles or [""] * len(image_list)
    check_count(titles, len(image_list), what="title")
    columns, size, titles = grid_layout(titles, columns, size)
    shapes = [image.shape[:2] for image in image_list]
    figure, axes = _grid(shapes, columns=columns, size=size, top=_title_height(titles))
    for axis, image, title in zip(axes, image_list, titles, strict=True):
        _draw_image(axis, image, smooth=smooth, title=title)
    publish(figure, alt)


def show_map(image: Image, heatmap: Map, *, title: str = "map", **options: Any) -> None:
    """Show an image beside one map.

    Args:
        image: (H, W, 3) in [0, 1].
        heatmap: (H, W).
        title: of the map.
        options: those of `show_maps`.
    """
    show_maps(image, [heatmap], titles=[title], **options)


def show_maps(
    image: Image,
    heatmaps: Sequence[Map],
    *,
    titles: Sequence[str],
    columns: int | None = None,
    size: float | None = None,
    on_picture: bool = False,
    alt: str,
) -> None:
    """Show an image beside its maps, each in its own colors with their range written under it.

    Args:
        image: (H, W, 3) in [0, 1].
        heatmaps: maps (H, W); one with numbers below zero is blue there, white at zero and red
            above.
        titles: one text for each map.
        columns: how many stand in a row; by default at most five.
        size: the width of a map, in pixels of the page.
        on_picture: True lays each map over the grayed image.
        alt: what is to be seen, in words.

    Raises:
        ValueError: for wrong shapes or numbers of titles, and an empty `alt`.
    """
    image = as_one_image(image)
    heatmaps = [as_map(heatmap) for heatmap in heatmaps]
    check_count(titles, len(heatmaps), what="title")
    columns, size, titles = grid_layout(["picture", *titles], columns, size)
    shapes = [image.shape[:2], *(heatmap.shape for heatmap in heatmaps)]
    figure, axes = _grid(shapes, columns=columns, size=size, top=_title_height(titles), bottom=26)
    _draw_image(axes[0], image, title="picture")
    for axis, heatmap, title in zip(axes[1:], heatmaps, titles[1:], strict=True):
        signed = bool(heatmap.min() < 0)
        below = image if on_picture else None
        _draw_image(axis, _colored(heatmap, below, signed=signed), title=title)
        _draw_scale(axis, heatmap, signed=signed)
    publish(figure, alt)


def show_overlays(
    images: Sequence[Image],
    heatmaps: Sequence[Map | None],
    *,
    titles: Sequence[str],
    columns: int | None = None,
    size: float | None = None,
    alt: str,
) -> None:
    """Show several images, each grayed under a map of its own, with the map's range under it.

    Args:
        images: N images (H, W, 3) in [0, 1].
        heatmaps: a map (H, W) for each, signed where it has numbers below zero; None shows the
            image as it is.
        titles: one text for each image.
        columns: how many stand in a row; by default at most five.
        size: the width of an image, in pixels of the page.
        alt: what is to be seen, in words.

    Raises:
        ValueError: for wrong shapes or numbers of maps and titles, and an empty `alt`.
    """
    image_list = as_image_list(images)
    check_count(heatmaps, len(image_list), what="map")
    check_count(titles, len(image_list), what="title")
    columns, size, titles = grid_layout(titles, columns, size)
    shapes = [image.shape[:2] for image in image_list]
    figure, axes = _grid(shapes, columns=columns, size=size, top=_title_height(titles), bottom=26)
    for axis, image, heatmap, title in zip(axes, image_list, heatmaps, titles, strict=True):
        signed = heatmap is not None and bool(np.min(heatmap) < 0)
        drawn = image if heatmap is None else overlay(image, heatmap, signed=signed)
        _draw_image(axis, drawn, title=title)
        if heatmap is not None:
            _draw_scale(axis, as_map(heatmap), signed=signed)
    publish(figure, alt)


def _colored(heatmap: Map, image: Image | None, *, signed: bool) -> Image:
    """The map in its colors, over an image where there is one."""
    if image is None:
        return heat(heatmap, signed=signed)
    return overlay(image, heatmap, signed=signed)


def heat(heatmap: Map, *, signed: bool = False) -> Image:
    """Return a map in colors: (H, W) -> (H, W, 3) in [0, 1].

    Args:
        heatmap: (H, W), of any numbers.
        signed: False goes from the lowest number, dark, to the highest, bright; True makes numbers
            below zero blue, zero white, and numbers above it red.

    Raises:
        ValueError: for another shape or numbers that are not finite.
    """
    heatmap = as_map(heatmap)
    low, high = _limits(heatmap, signed=signed)
    shares = (heatmap - low) / ((high - low) or 1)  # in [0, 1]
    colors = colormaps["RdBu_r" if signed else "magma"](shares)
    return colors[..., :3].astype(np.float32)


def overlay(image: Image, heatmap: Map, *, strength: float = 0.6, signed: bool = False) -> Image:
    """Return the grayed image under the colors of a map, (H, W, 3).

    Args:
        image: (H, W, 3) in [0, 1].
        heatmap: (H, W).
        strength: the share of the colors where the map is highest, in [0, 1].
        signed: whether the colors have 0 in their middle; see `heat`.

    Raises:
        ValueError: when image and map have different sizes.
    """
    image = as_one_image(image)
    heatmap = as_map(heatmap)
    if image.shape[:2] != heatmap.shape:
        raise ValueError(
            f"The map is {heatmap.shape} but the picture {image.shape[:2]}; give both the same "
            "height and width."
        )
    force = np.abs(heatmap) if signed else heatmap - heatmap.min()
    # The root keeps weak places visible.
    opacity = strength * np.sqrt(force / (force.max() or 1))[..., None]
    gray = 0.1 + 0.8 * (image @ BRIGHTNESS)[..., None]
    colors = heat(heatmap, signed=signed)
    return ((1 - opacity) * gray + opacity * colors).astype(np.float32)


def _limits(heatmap: Map, *, signed: bool) -> tuple[float, float]:
    """The numbers at the two ends of the colors; signed ones lie as far below zero as above."""
    low = float(heatmap.min())
    high = float(heatmap.max())
    if not signed:
        return low, high
    farthest = max(-low, high)
    return -farthest, farthest


# Drawing


def _title_height(titles: Sequence[str]) -> int:
    if not any(titles):
        return 0
    return 24 + 16 * max(title.count("\n") for title in titles)


TALLEST = 4  # times as high as wide is a place for an image; a higher one is drawn narrower


def _grid(
    shapes: Sequence[tuple[int, int]],
    *,
    columns: int,
    size: float,
    top: float,
    bottom: float = 0,
) -> tuple[Figure, list[Axes]]:
    """A figure with one axis for each image; `top` and `bottom` are pixels for title and scale."""
    heights = [size * min(height / width, TALLEST) for height, width in shapes]
    # Where each row begins, and where the last one ends: a row is as high as its highest image.
    begins = [0.0]
    for start in range(0, len(heights), columns):
        row_height = top + max(heights[start : start + columns]) + bottom
        begins.append(begins[-1] + row_height + GAP)
    width = min(columns, len(shapes)) * (size + GAP) - GAP
    height = begins[-1] - GAP
    figure = Figure(figsize=(width / 100, height / 100), dpi=100, facecolor="white")
    axes = []
    for number, tall in enumerate(heights):
        row, column = divmod(number, columns)
        left = column * (size + GAP)
        down = begins[row] + top + tall  # the lower edge, from the top of the figure
        place = [left / width, 1 - down / height, size / width, tall / height]
        axes.append(figure.add_axes(place))
    return figure, axes


def _draw_image(
    axis: Axes, image: np.ndarray, *, smooth: bool | None = None, title: str = ""
) -> None:
    smooth = max(image.shape[:2]) > 96 if smooth is None else smooth
    axis.imshow(image, interpolation="hanning" if smooth else "nearest", aspect="auto")
    axis.set_axis_off()
    axis.set_title(without_minus_zero(title), fontsize=9.5, color=INK, pad=5, linespacing=1.25)


def _draw_scale(axis: Axes, heatmap: Map, *, signed: bool) -> None:
    """A bar of the colors under a map, with the numbers at its two ends."""
    low, high = _limits(heatmap, signed=signed)
    box = axis.get_position()
    height = axis.figure.get_figheight() * 100
    place = [box.x0 + box.width / 4, box.y0 - 16 / height, box.width / 2, 7 / height]
    bar = axis.figure.add_axes(place)
    _draw_image(bar, heat(np.linspace(low, high, 128)[None], signed=signed))
    ends = scale_ends(low, high)
    for text, side, x in zip(ends, ("right", "left"), (-0.05, 1.05), strict=True):
        style = {"ha": side, "va": "center", "fontsize": 8.5, "color": INK}
        bar.text(x, 0.4, text, transform=bar.transAxes, **style)


def publish(figure: Figure, alt: str) -> None:
    """Put a drawn matplotlib figure onto the page, with its words for those who cannot see it.

    Raises:
        ValueError: where there are no words.
    """
    width, height = figure.get_size_inches() * 100
    sharpness = min(SHARPNESS, max(1, (MAX_DOTS / width / height) ** 0.5))
    figure.set_dpi(100 * sharpness)
    # Without pyplot nothing stays open and nothing is shown twice.
    canvas = FigureCanvasAgg(figure)
    canvas.draw()
    pixels = np.asarray(canvas.buffer_rgba())[..., :3]
    data, metadata = picture_bundle(pixels, alt=alt, width=round(width))
    display(data, metadata=metadata, raw=True)
