"""Pictures for the page: arrays in, one displayed figure out. Nothing here computes a result; only `charts` draws with matplotlib too.

A picture is (H, W, 3) in [0, 1], a map (H, W). Each is shown with `alt`: a sentence for readers who cannot see it.
"""

import numpy as np
from IPython.display import display
from matplotlib import colormaps
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from lecture_lib.datasets.images import as_map
from lecture_lib.figures.html import GAP, as_pictures, check_count, layout, picture_bundle

INK = "#2b2f36"
SHARPNESS, MAX_DOTS = 1.6, 700_000  # dots drawn per pixel, for fine screens, and in all


def show(images, *, titles=None, columns=None, size=None, smooth=None, alt):
    """Show one picture, or several in a grid.

    images: (H, W, 3), (N, H, W, 3) or a list of pictures, in [0, 1]; (H, W) and (H, W, 1) are drawn in gray.
    titles: one text a picture. size: the width of a picture in pixels. smooth: False draws each pixel as a square (the default
    up to 96 pixels), True blends them. Raises ValueError for other shapes, numbers outside [0, 1] and titles that do not match.
    """
    pictures = as_pictures(images)
    titles = [titles] if isinstance(titles, str) else titles or [""] * len(pictures)
    check_count(titles, len(pictures), what="title")
    columns, size, titles = layout(titles, columns, size)
    figure, axes = _grid(
        [picture.shape[:2] for picture in pictures],
        columns=columns,
        size=size,
        top=_title_height(titles),
    )
    for axis, picture, title in zip(axes, pictures, titles, strict=True):
        _draw_picture(axis, picture, smooth=smooth, title=title)
    publish(figure, alt)


def show_map(image, heatmap, *, title="map", **options):
    """Show a picture beside one map (H, W); the options are those of show_maps."""
    show_maps(image, [heatmap], titles=[title], **options)


def show_maps(image, heatmaps, *, titles, columns=None, size=None, on_picture=False, alt):
    """Show a picture beside its maps, each in its own colors with their range written under it.

    image: (H, W, 3) in [0, 1]. heatmaps: maps (H, W); one with numbers below zero is blue there, white at zero and red above.
    titles: one text a map. on_picture: True lays each map over the grayed picture. Raises ValueError for wrong shapes or numbers of titles.
    """
    picture, heatmaps = as_pictures(image)[0], [as_map(heatmap) for heatmap in heatmaps]
    check_count(titles, len(heatmaps), what="title")
    shapes = [picture.shape[:2]] + [heatmap.shape for heatmap in heatmaps]
    columns, size, titles = layout(["picture", *titles], columns, size)
    figure, axes = _grid(shapes, columns=columns, size=size, top=_title_height(titles), bottom=26)
    _draw_picture(axes[0], picture, title="picture")
    for axis, heatmap, title in zip(axes[1:], heatmaps, titles[1:], strict=True):
        signed = bool(heatmap.min() < 0)
        _draw_picture(
            axis,
            overlay(picture, heatmap, signed=signed)
            if on_picture
            else heat(heatmap, signed=signed),
            title=title,
        )
        _draw_scale(axis, heatmap, signed=signed)
    publish(figure, alt)


def heat(heatmap, *, signed=False):
    """A map (H, W) as a picture (H, W, 3) in [0, 1]: from its lowest number, dark, to its highest; signed: blue, white at 0, red."""
    heatmap = as_map(heatmap)
    low, high = _limits(heatmap, signed=signed)
    return colormaps["RdBu_r" if signed else "magma"]((heatmap - low) / ((high - low) or 1))[
        ..., :3
    ].astype(np.float32)


def overlay(image, heatmap, *, strength=0.6, signed=False):
    """The grayed picture (H, W, 3) under the colors of a map (H, W); `strength` in [0, 1] is their cover where the map is highest."""
    picture, heatmap = as_pictures(image)[0], as_map(heatmap)
    if picture.shape[:2] != heatmap.shape:
        raise ValueError(
            f"The map is {heatmap.shape} but the picture {picture.shape[:2]}; give both the same height and width."
        )
    force = np.abs(heatmap) if signed else heatmap - heatmap.min()
    opacity = (
        strength * np.sqrt(force / (force.max() or 1))[..., None]
    )  # the root keeps weak places visible
    gray = 0.1 + 0.8 * (picture @ np.float32([0.299, 0.587, 0.114]))[..., None]
    return ((1 - opacity) * gray + opacity * heat(heatmap, signed=signed)).astype(np.float32)


def _limits(heatmap, *, signed):
    low, high = float(heatmap.min()), float(heatmap.max())
    return (-max(-low, high), max(-low, high)) if signed else (low, high)


def _title_height(titles):
    return 8 + 16 * (1 + max(title.count("\n") for title in titles)) if any(titles) else 0


def _grid(shapes, *, columns, size, top, bottom=0):
    heights = [size * height / width for height, width in shapes]
    rows = [
        top + max(heights[start : start + columns]) + bottom
        for start in range(0, len(shapes), columns)
    ]
    width, height = (
        min(columns, len(shapes)) * (size + GAP) - GAP,
        sum(rows) + GAP * (len(rows) - 1),
    )
    figure, axes = Figure(figsize=(width / 100, height / 100), dpi=100, facecolor="white"), []
    for number, tall in enumerate(heights):
        row, column = divmod(number, columns)
        y = sum(rows[:row]) + row * GAP + top + tall
        axes.append(
            figure.add_axes(
                [column * (size + GAP) / width, 1 - y / height, size / width, tall / height]
            )
        )
    return figure, axes


def _draw_picture(axis, picture, *, smooth=None, title=""):
    smooth = max(picture.shape[:2]) > 96 if smooth is None else smooth
    axis.imshow(picture, interpolation="hanning" if smooth else "nearest", aspect="auto")
    axis.set_axis_off()
    axis.set_title(title, fontsize=9.5, color=INK, pad=5, linespacing=1.25)


def _draw_scale(axis, heatmap, *, signed):
    low, high = _limits(heatmap, signed=signed)
    box, height = axis.get_position(), axis.figure.get_figheight() * 100
    bar = axis.figure.add_axes(
        [box.x0 + box.width / 4, box.y0 - 16 / height, box.width / 2, 7 / height]
    )
    _draw_picture(bar, heat(np.linspace(low, high, 128)[None], signed=signed))
    for number, side, x in ((low, "right", -0.05), (high, "left", 1.05)):
        text = f"{0 if abs(number) < high / 1000 else number:.2g}"
        bar.text(
            x, 0.4, text, transform=bar.transAxes, ha=side, va="center", fontsize=8.5, color=INK
        )


def publish(figure, alt):
    """Put a drawn matplotlib figure onto the page, with its words for those who cannot see it."""
    width, height = figure.get_size_inches() * 100
    figure.set_dpi(100 * min(SHARPNESS, max(1, (MAX_DOTS / width / height) ** 0.5)))
    canvas = FigureCanvasAgg(figure)  # no pyplot: nothing stays open, nothing is shown twice
    canvas.draw()
    data, metadata = picture_bundle(
        np.asarray(canvas.buffer_rgba())[..., :3], alt=alt, width=round(width)
    )
    display(data, metadata=metadata, raw=True)
