"""Maps of images: each image drawn at its point, or in its own cell of a grid, and a panel of them.

Points are (N, 2), x to the right and y upward; images (N, H, W, 3) in [0, 1]. Colors are told apart
with any color vision.
"""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import plotly.graph_objects as plotly
from jaxtyping import Float
from PIL import Image as PillowImage
from PIL import ImageDraw, ImageFont

from lecture_lib.datasets.images import as_batch, to_uint8
from lecture_lib.datasets.shapes import Classes, Image, Images, Labels
from lecture_lib.panels.interactive import explore_panel
from lecture_lib.panels.panel import Panel, display_panel, place_above

# Nine colors chosen for all kinds of color vision (Paul Tol's muted scheme) and a gray; further
# classes take another symbol.
COLORS = (
    np.float32(
        [
            [51, 34, 136],
            [221, 150, 40],
            [17, 119, 51],
            [204, 102, 119],
            [68, 140, 200],
            [153, 153, 51],
            [136, 34, 85],
            [68, 170, 153],
            [170, 68, 153],
            [110, 110, 110],
        ]
    )
    / 255
)
SYMBOLS = ("circle", "square", "diamond", "cross", "triangle-up")


# Images in the colors of their classes


def colors_of(labels: Classes) -> Float[np.ndarray, "*images 3"]:
    """Return the color of each class number, in [0, 1]; after ten classes the colors come again."""
    return COLORS[np.asarray(labels) % len(COLORS)]


def tinted(images: Images, labels: Labels) -> Float[np.ndarray, "images height width 3"]:
    """Return digits as ink in the color of their class, on white.

    Args:
        images: white on black, (N, H, W, 1) in [0, 1].
        labels: (N,) class numbers.

    Returns:
        (N, H, W, 3).
    """
    ink = as_batch(images, channels=1)
    return 1 - ink * (1 - colors_of(labels)[:, None, None])


def framed(
    images: Images, labels: Labels, *, width: int = 4
) -> Float[np.ndarray, "images framed_height framed_width 3"]:
    """Return images with a frame in the color of their class around them.

    Args:
        images: (N, H, W, 3) in [0, 1].
        labels: (N,) class numbers.
        width: of the frame, in pixels.

    Returns:
        (N, H + 2 width, W + 2 width, 3).
    """
    inside = as_batch(images, channels=3)
    count, rows, columns, _ = inside.shape
    whole = np.empty((count, rows + 2 * width, columns + 2 * width, 3), np.float32)
    whole[:] = colors_of(labels)[:, None, None]
    whole[:, width:-width, width:-width] = inside
    return whole


def query_row(query: Image, found: Images) -> Float[np.ndarray, "height row_width 3"]:
    """Return an image, a white gap, and the images found for it in one row.

    Args:
        query: (H, W, 3) in [0, 1].
        found: (N, H, W, 3) in [0, 1].

    Returns:
        (H, about (N + 1) W, 3).
    """
    gap = np.ones((query.shape[0], query.shape[1] // 3, 3), np.float32)
    return np.concatenate([query, gap, *as_batch(found, channels=3)], axis=1)


# Maps that are images


def pictures_at(
    points: Any,
    pictures: Images,
    *,
    size: int = 24,
    width: int = 900,
    labels: Labels | None = None,
    names: Sequence[str] = (),
) -> Float[np.ndarray, "side side 3"]:
    """Return one image of many, each with its middle at its point, on white.

    Where two overlap, the darker pixel shows, as with ink.

    Args:
        points: (N, 2).
        pictures: (N, H, W, 3) in [0, 1].
        size: of each, in pixels.
        width: of the whole, in pixels.
        labels: (N,) class numbers, for the names.
        names: of the classes; each is written where the middle one of its points lies.

    Returns:
        (width, width, 3) in [0, 1].

    Raises:
        ValueError: when there is not one point for each picture.
    """
    corners = _on_canvas(_checked(points, pictures), width - size)
    canvas = np.ones((width, width, 3), np.float32)
    for picture, (top, left) in zip(_shrunk(pictures, size), corners, strict=True):
        place = canvas[top : top + size, left : left + size]
        np.minimum(place, picture, out=place)
    # Write each name at the median of its class.
    middles = []
    for label in range(len(names)):
        of_class = np.asarray(labels) == label
        middles.append(np.median(corners[of_class], axis=0) + size / 2)
    return _written(canvas, names, middles)


def pictures_on_grid(
    cells: Any, pictures: Images, *, size: int = 20
) -> Float[np.ndarray, "grid_height grid_width 3"]:
    """Return one image of many, each in its cell.

    Args:
        cells: (N, 2) row and column, such as `neighbors.assign_to_grid` gives them.
        pictures: (N, H, W, 3) in [0, 1].
        size: of each, in pixels.

    Returns:
        (rows · size, columns · size, 3) in [0, 1], white where there is none.

    Raises:
        ValueError: when there is not one cell for each picture.
    """
    cells = _checked(cells, pictures).astype(int)
    rows, columns = cells.max(axis=0) + 1
    sheet = np.ones((rows, columns, size, size, 3), np.float32)
    sheet[cells[:, 0], cells[:, 1]] = _shrunk(pictures, size)
    return sheet.swapaxes(1, 2).reshape(rows * size, columns * size, 3)


def _checked(points: Any, pictures: Images) -> np.ndarray:
    points = np.asarray(points, float)
    if points.shape != (len(pictures), 2) or not np.isfinite(points).all():
        raise ValueError(
            f"A map has one point for each picture; the points have the shape {points.shape}, "
            f"pictures are {len(pictures)}."
        )
    return points


def _shrunk(pictures: Images, size: int) -> Float[np.ndarray, "images side side 3"]:
    """The pictures as squares of `size` pixels."""
    small = []
    for pixels in to_uint8(as_batch(pictures, channels=3)):
        shrunk = PillowImage.fromarray(pixels).resize((size, size), PillowImage.Resampling.LANCZOS)
        small.append(np.asarray(shrunk, np.float32) / 255)
    return np.stack(small)


def _on_canvas(points: np.ndarray, room: int) -> np.ndarray:
    """Corners (row, column) in 0..room; one scale in both directions keeps the map's shape."""
    low = points.min(axis=0)
    high = points.max(axis=0)
    extent = max(*(high - low), 1e-12)
    shares = (points - (low + high) / 2) / extent + 0.5  # in [0, 1]
    corners = np.stack([1 - shares[:, 1], shares[:, 0]], axis=1)
    return np.rint(room * corners).astype(int)


def _written(canvas: Image, names: Sequence[str], places: Sequence[np.ndarray]) -> Image:
    """The names on the image, each with its middle at a (row, column), dark with a white rim."""
    picture = PillowImage.fromarray(to_uint8(canvas))
    pen = ImageDraw.Draw(picture)
    font = ImageFont.load_default(size=max(12, canvas.shape[1] / 36))
    style = {"fill": "#1d2026", "font": font, "anchor": "mm"}
    rim = {"stroke_width": 4, "stroke_fill": "white"}
    for name, (row, column) in zip(names, places, strict=True):
        pen.text((column, row), str(name), **style, **rim)
    return np.asarray(picture, np.float32) / 255


# A map that can be pointed at


def explore_map(
    points: Any, function: Callable, *, labels: Labels, names: Sequence[str], alt: str | Callable
) -> None:
    """Show a map of points; pointing at one shows the image that function(number) returns.

    A slider chooses a point without a mouse.

    Args:
        points: (N, 2).
        function: number of a point -> an image (H, W, 3) in [0, 1], or (image, text).
        labels: (N,) class numbers.
        names: of the classes.
        alt: what the image of a point shows, in words.
    """
    display_panel(explore_map_panel(points, function, labels=labels, names=names, alt=alt))


def explore_map_panel(
    points: Any, function: Callable, *, labels: Labels, names: Sequence[str], alt: str | Callable
) -> Panel:
    """Return the Panel of `explore_map`, not yet shown."""
    points = np.asarray(points, float)
    panel = explore_panel(function, alt=alt, number=(0, len(points) - 1))
    slider = panel.controls["number"].sources[0]

    def choose(trace: Any, pointed_at: Any, state: Any) -> None:
        if pointed_at.point_inds:
            slider.value = int(trace.customdata[pointed_at.point_inds[0]])

    figure = _figure(points, np.asarray(labels), names)
    for trace in figure.data:
        trace.on_hover(choose)
        trace.on_click(choose)
    place_above(panel, figure)
    return panel


def _figure(points: np.ndarray, labels: np.ndarray, names: Sequence[str]) -> plotly.FigureWidget:
    """The map with a group of dots a class; complete when it is made, so that Voila shows it."""
    bare = {"visible": False, "showgrid": False, "zeroline": False}
    layout = {
        "template": "none",
        "height": 460,
        "margin": {"l": 0, "r": 0, "t": 0, "b": 0},
        "hovermode": "closest",
        "dragmode": "zoom",
        "xaxis": bare,
        "yaxis": bare | {"scaleanchor": "x"},
        "legend": {"font": {"size": 12}},
        "paper_bgcolor": "rgba(0,0,0,0)",
        "plot_bgcolor": "rgba(0,0,0,0)",
        "autosize": True,
    }
    groups = []
    for label in np.unique(labels):
        numbers = np.flatnonzero(labels == label)
        groups.append(_dots(points[numbers], numbers, label=label, name=str(names[label])))
    figure = plotly.FigureWidget(groups, layout)
    figure._config = figure._config | {"responsive": True}  # as wide as the window allows
    return figure


def _dots(points: np.ndarray, numbers: np.ndarray, *, label: int, name: str) -> plotly.Scatter:
    """The points of one class in its color; each knows its number."""
    red, green, blue = np.rint(255 * colors_of(label)).astype(int)
    mark = {
        "color": f"rgb({red},{green},{blue})",
        "size": 7,
        "symbol": SYMBOLS[label // len(COLORS) % len(SYMBOLS)],
        "opacity": 0.8,
    }
    return plotly.Scatter(
        x=points[:, 0],
        y=points[:, 1],
        mode="markers",
        name=name,
        customdata=numbers,
        marker=mark,
        hovertemplate="%{customdata}<extra>" + name + "</extra>",
    )
