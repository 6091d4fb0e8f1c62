"""Maps of pictures: each picture drawn at its point, or in its own cell of a grid, and a panel where pointing at one shows it.

Points are (N, 2), x to the right and y upwards; pictures (N, H, W, 3) in [0, 1]. Colors are told apart with any color vision.
"""

import numpy as np
import plotly.graph_objects as plotly
from PIL import Image, ImageDraw, ImageFont

from lecture_lib.datasets.images import as_batch, to_uint8
from lecture_lib.panels import panel as panels
from lecture_lib.panels.interactive import explore_panel

# Nine colors chosen for all kinds of color vision (Paul Tol's muted scheme) and a gray; further classes take another symbol.
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


def colors_of(labels):
    """The color of each class number: (N, 3) in [0, 1]; after ten classes the colors come again."""
    return COLORS[np.asarray(labels) % len(COLORS)]


def tinted(images, labels):
    """Digits, white on black (N, H, W, 1), as ink in the color of their class on white: (N, H, W, 3)."""
    ink = as_batch(images, channels=1)
    return 1 - ink * (1 - colors_of(labels)[:, None, None])


def framed(images, labels, *, width=4):
    """Pictures (N, H, W, 3) with a frame of `width` pixels around them in the color of their class."""
    inside = as_batch(images, channels=3)
    whole = np.empty(
        (len(inside), inside.shape[1] + 2 * width, inside.shape[2] + 2 * width, 3), np.float32
    )
    whole[:] = colors_of(labels)[:, None, None]
    whole[:, width:-width, width:-width] = inside
    return whole


def query_row(query, found):
    """A picture (H, W, 3), a white gap, and the pictures found for it (N, H, W, 3), in one row: (H, about (N + 1) W, 3)."""
    gap = np.ones((query.shape[0], query.shape[1] // 3, 3), np.float32)
    return np.concatenate([query, gap, *as_batch(found, channels=3)], axis=1)


def pictures_at(points, pictures, *, size=24, width=900, labels=None, names=()):
    """One picture of all the pictures, each with its middle at its point: (width, width, 3) in [0, 1], on white.

    size: of each in pixels; where two overlap the darker pixel shows, as with ink. labels and names: of the classes, the name of each is
    written where the middle one of its points lies. Raises ValueError when there is not one point for each picture.
    """
    points, small = _checked(points, pictures), _shrunk(pictures, size)
    canvas, corners = np.ones((width, width, 3), np.float32), _on_canvas(points, width - size)
    for picture, (top, left) in zip(small, corners, strict=True):
        place = canvas[top : top + size, left : left + size]
        np.minimum(place, picture, out=place)
    middles = [
        np.median(corners[np.asarray(labels) == label], axis=0) + size / 2
        for label in range(len(names))
    ]
    return _written(canvas, names, middles)


def pictures_on_grid(cells, pictures, *, size=20):
    """One picture of all the pictures, each in its cell: cells (N, 2) row and column, as `neighbors.assign_to_grid` gives them.

    size: of each in pixels. Returns (rows · size, columns · size, 3) in [0, 1], white where there is none. Raises ValueError when there
    is not one cell for each picture.
    """
    cells, small = _checked(cells, pictures).astype(int), _shrunk(pictures, size)
    rows, columns = cells.max(axis=0) + 1
    sheet = np.ones((rows, columns, size, size, 3), np.float32)
    sheet[cells[:, 0], cells[:, 1]] = small
    return sheet.swapaxes(1, 2).reshape(rows * size, columns * size, 3)


def explore_map(points, function, *, labels, names, alt):
    """Show a map of points that can be pointed at; each shows the picture that function(number) returns.

    points: (N, 2). function: of the number of a point, returns an image (H, W, 3) in [0, 1], or (image, text). labels: (N,) class numbers;
    names: of the classes. alt: what the picture of a point shows, in words. A slider chooses a point without a mouse.
    """
    panels.publish(explore_map_panel(points, function, labels=labels, names=names, alt=alt))


def explore_map_panel(points, function, *, labels, names, alt):
    """The Panel of explore_map, not yet shown: the map sets the slider, and the slider shows the picture."""
    points, labels = np.asarray(points, float), np.asarray(labels)
    panel = explore_panel(function, alt=alt, number=(0, len(points) - 1))
    slider = panel.controls["number"].sources[0]

    def choose(trace, chosen, state):
        if chosen.point_inds:
            slider.value = int(trace.customdata[chosen.point_inds[0]])

    figure = _figure(points, labels, names)
    for trace in figure.data:
        trace.on_hover(choose)
        trace.on_click(choose)
    style, row = panel.box.children
    panel.box.children = (style, figure, row)
    return panel


def _figure(points, labels, names):
    """The map as a widget with one group of dots a class; complete when it is made, so that Voila shows it too."""
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
    }
    figure = plotly.FigureWidget(
        [
            _dots(points, np.flatnonzero(labels == label), label, names)
            for label in np.unique(labels)
        ],
        layout,
    )
    figure._config = {
        "displayModeBar": False
    }  # its buttons lie over the names, and one of them sends data away
    return figure


def _dots(points, ours, label, names):
    red, green, blue = np.rint(255 * colors_of(label)).astype(int)
    mark = {
        "color": f"rgb({red},{green},{blue})",
        "size": 7,
        "symbol": SYMBOLS[label // len(COLORS) % len(SYMBOLS)],
        "opacity": 0.8,
    }
    return plotly.Scatter(
        x=points[ours, 0],
        y=points[ours, 1],
        mode="markers",
        name=str(names[label]),
        customdata=ours,
        marker=mark,
        hovertemplate="%{customdata}<extra>" + str(names[label]) + "</extra>",
    )


def _checked(points, pictures):
    points = np.asarray(points, float)
    if points.shape != (len(pictures), 2) or not np.isfinite(points).all():
        raise ValueError(
            f"A map has one point for each picture; the points have the shape {points.shape}, pictures are {len(pictures)}."
        )
    return points


def _shrunk(pictures, size):
    shrink = lambda picture: (
        np.asarray(
            Image.fromarray(picture).resize((size, size), Image.Resampling.LANCZOS), np.float32
        )
        / 255
    )
    return np.stack([shrink(picture) for picture in to_uint8(as_batch(pictures, channels=3))])


def _on_canvas(points, room):
    """Corners (row, column) in 0..room; both directions keep one scale, so that the map keeps its shape."""
    low, high = points.min(axis=0), points.max(axis=0)
    places = (points - (low + high) / 2) / max(*(high - low), 1e-12) + 0.5
    return np.rint(room * np.stack([1 - places[:, 1], places[:, 0]], axis=1)).astype(int)


def _written(canvas, names, places):
    """The names written on the picture, each with its middle at a place (row, column), dark on a white rim."""
    picture = Image.fromarray(to_uint8(canvas))
    pen, font = ImageDraw.Draw(picture), ImageFont.load_default(size=max(12, canvas.shape[1] / 36))
    for name, (row, column) in zip(names, places, strict=True):
        pen.text(
            (column, row),
            str(name),
            fill="#1d2026",
            font=font,
            anchor="mm",
            stroke_width=4,
            stroke_fill="white",
        )
    return np.asarray(picture, np.float32) / 255
