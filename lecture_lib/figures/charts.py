"""Charts for the page: numbers in, one displayed figure out.

Colors are told apart with any color vision, and lines carry their names.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from lecture_lib.figures.html import as_curve_list, check_count
from lecture_lib.figures.images import INK, publish
from lecture_lib.figures.numbers import without_minus_zero

ACCENT = "#1f6f9f"
PALE = "#b9d3e2"
GRID = "#eceef1"
CURVE_COLORS = [ACCENT, "#d55e00", "#009e73", "#cc79a7", "#8a6d00", "#555555"]
WIDTH = 620  # of a chart, in pixels of the page


def show_values(
    values: Any,
    *,
    labels: Sequence[str] | None = None,
    x_label: str = "step",
    y_label: str = "score",
    alt: str,
) -> None:
    """Show how numbers went, step by step, from step 0.

    Args:
        values: one curve (steps,), an array (steps, N) of N curves, or a list of curves of any
            lengths.
        labels: one text for each curve, written at its end.
        x_label, y_label: what the axes count.
        alt: what is to be seen, in words.

    Raises:
        ValueError: when there are no numbers, labels that do not match, or no `alt`.
    """
    curves = as_curve_list(values)
    check_count(labels or curves, len(curves), what="label")
    figure, axis = _curve_chart(height=260, labels=labels)
    for curve, color in zip(curves, _colors_for(curves), strict=True):
        marker = "o" if len(curve) == 1 else None
        axis.plot(curve, color=color, linewidth=2, marker=marker)
    axis.set(xlabel=x_label, ylabel=y_label, xmargin=0.01)
    axis.xaxis.get_major_locator().set_params(integer=True)
    _label_ends(axis, curves, labels or [])
    publish(figure, alt)


def show_curves(
    x: Sequence[float],
    curves: Any,
    *,
    labels: Sequence[str] | None = None,
    x_label: str,
    y_label: str,
    log: bool = False,
    alt: str,
) -> None:
    """Show one curve or several over the same places x, with a dot at each.

    Args:
        x: (n,) numbers.
        curves: (n,), or a list of such.
        labels: one text for each curve, written at its end.
        x_label, y_label: what the axes count.
        log: True gives both axes in powers of ten.
        alt: what is to be seen, in words.

    Raises:
        ValueError: when the lengths differ, the labels do not match, or there is no `alt`.
    """
    curves = as_curve_list(curves)
    check_count(labels or curves, len(curves), what="label")
    for curve in curves:
        check_count(x, len(curve), what="place")
    figure, axis = _curve_chart(height=280, labels=labels)
    for curve, color in zip(curves, _colors_for(curves), strict=True):
        axis.plot(x, curve, color=color, linewidth=2, marker="o", markersize=4)
    axis.set(xlabel=x_label, ylabel=y_label, xmargin=0.02)
    _scale_x(axis, x, log=log)
    _label_ends(axis, curves, labels or [])
    publish(figure, alt)


def _scale_x(axis: Axes, x: Sequence[float], *, log: bool) -> None:
    if log:
        axis.set(xscale="log", yscale="log")
    elif np.all(np.mod(x, 1) == 0):
        _count_along_x(axis, x)


def _count_along_x(axis: Axes, x: Sequence[float]) -> None:
    """Name whole numbers only: 1, 2, 3 are counted; there is nothing at 1.5."""
    if len(x) < 12 and np.all(np.diff(x) == 1):
        axis.set_xticks(x)
        return
    axis.xaxis.get_major_locator().set_params(integer=True)


def show_bars(names: Sequence[str], values: Sequence[float], *, alt: str) -> None:
    """Show shares as bars with their per cent, the longest in the accent color.

    Args:
        names: N texts.
        values: N numbers in [0, 1].
        alt: what is to be seen, in words.

    Raises:
        ValueError: when the names do not match or there is no `alt`.
    """
    values = np.asarray(values, float)
    check_count(names, len(values), what="name")
    figure, axis = _chart(height=30 * len(values) + 16, margins=(210, 70, 8, 8))
    colors = np.where(values == values.max(), ACCENT, PALE)
    bars = axis.barh(range(len(values)), values, color=colors, height=0.62)
    percent = [f"{value:.1%}" for value in values]
    axis.bar_label(bars, percent, padding=6, color=INK, fontsize=9.5)
    axis.set(xlim=(0, max(values.max(), 1e-9)), ylim=(len(values) - 0.5, -0.5), xticks=[])
    axis.set_yticks(range(len(values)), [_shortened(name) for name in names])
    publish(figure, alt)


def _shortened(name: str) -> str:
    return name if len(name) < 30 else name[:28] + "…"


def show_matrix(
    values: Any,
    *,
    rows: Sequence[str],
    columns: Sequence[str],
    texts: Sequence[Sequence[str]] | None = None,
    limits: tuple[float, float] = (0.0, 1.0),
    alt: str,
) -> None:
    """Show a table of numbers as colored fields with their text.

    Args:
        values: (rows, columns).
        rows, columns: one name each.
        texts: one text for each field, by default the number.
        limits: the numbers that are blue and red; between them lies white.
        alt: what is to be seen, in words.

    Raises:
        ValueError: when the names do not match or there is no `alt`.
    """
    values = np.asarray(values, float)
    check_count(rows, len(values), what="row")
    check_count(columns, values.shape[1], what="column")
    figure, axis = _chart(height=32 * len(rows) + 30, margins=(24, 4, 26, 4))
    low, high = limits
    axis.imshow(values, cmap="RdBu_r", vmin=low, vmax=high, aspect="auto")
    for (row, column), value in np.ndenumerate(values):
        text = f"{value:.2f}" if texts is None else texts[row][column]
        on_dark = abs(2 * value - low - high) > 0.65 * (high - low)
        style = {"ha": "center", "va": "center", "fontsize": 9.5}
        axis.text(column, row, without_minus_zero(text), color="white" if on_dark else INK, **style)
    _name_rows_and_columns(axis, rows, columns)
    publish(figure, alt)


def _name_rows_and_columns(axis: Axes, rows: Sequence[str], columns: Sequence[str]) -> None:
    axis.xaxis.tick_top()
    axis.set_xticks(range(len(columns)), columns)
    axis.set_yticks(range(len(rows)), rows)
    _make_room_for_rows(axis)


def _make_room_for_rows(axis: Axes) -> None:
    """Move the left edge of an axis as far in as the names of its rows are wide."""
    widest = max(label.get_window_extent().width for label in axis.get_yticklabels())
    place = axis.get_position()
    place.x0 = (widest + 20) / WIDTH
    axis.set_position(place)


def show_intervals(names: Sequence[str], measures: Mapping[str, Any], *, alt: str) -> None:
    """Show a dot with its interval for each name, one column of dots for each measure.

    Args:
        names: N texts, from top to bottom.
        measures: {title: (N, 3) numbers: low end, value, high end}.
        alt: what is to be seen, in words.

    Raises:
        ValueError: when the names do not match or there is no `alt`.
    """
    tall = 24 * len(names) + 50
    figure = Figure(figsize=(7.4, tall / 100), dpi=100, facecolor="white")
    step = 0.81 / len(measures)  # from one column to the next, as a share of the width
    for number, (title, intervals) in enumerate(measures.items()):
        check_count(names, len(intervals), what="name")
        place = [0.19 + step * number, 0.02, step - 0.025, 1 - 56 / tall]
        axis = figure.add_axes(place, axisbelow=True)
        _draw_intervals(axis, np.asarray(intervals, float))
        shown = names if number == 0 else [""] * len(names)
        axis.set_yticks(range(len(names)), shown)
        axis.set_title(title, fontsize=9.5, color=INK, pad=20)
    publish(figure, alt)


def _draw_intervals(axis: Axes, intervals: np.ndarray) -> None:
    low, value, high = intervals.T
    places = range(len(value))
    axis.hlines(places, low, high, color=PALE, linewidth=5)
    axis.plot(value, places, "o", color=ACCENT, markersize=6, clip_on=False)
    right = max(1, high.max()) + 0.05
    left = min(0, low.min()) - 0.05
    axis.set(ylim=(len(value) - 0.5, -0.5), xlim=(left, right), xticks=[0, 1])
    axis.xaxis.tick_top()
    axis.tick_params(length=0, labelsize=9, labelcolor=INK)
    axis.grid(color=GRID)
    axis.set_frame_on(False)


# What charts have in common


def _chart(*, height: float, margins: tuple[float, float, float, float]) -> tuple[Figure, Axes]:
    """An empty figure and axis as wide as the page; margins: left, right, top, bottom in pixels."""
    left, right, top, bottom = margins
    figure = Figure(figsize=(WIDTH / 100, height / 100), dpi=100, facecolor="white")
    across = 1 - (left + right) / WIDTH
    down = 1 - (top + bottom) / height
    axis = figure.add_axes([left / WIDTH, bottom / height, across, down], axisbelow=True)
    axis.set_frame_on(False)
    axis.tick_params(length=0, labelsize=9.5, labelcolor=INK, pad=5)
    return figure, axis


def _curve_chart(*, height: float, labels: Sequence[str] | None) -> tuple[Figure, Axes]:
    """A chart with lines across and, where there are labels, room for them at the right."""
    figure, axis = _chart(height=height, margins=(70, 150 if labels else 30, 16, 48))
    axis.grid(axis="y", color=GRID)
    return figure, axis


def _colors_for(curves: Sequence) -> list[str]:
    return [CURVE_COLORS[number % len(CURVE_COLORS)] for number in range(len(curves))]


def _label_ends(axis: Axes, curves: Sequence[np.ndarray], labels: Sequence[str]) -> None:
    """Write each curve's label at its end, in its color, stacked where curves end together."""
    colors = _colors_for(curves)
    ends = [_height_on(axis, curve[-1]) for curve in curves]
    y = -np.inf  # in shares of the axis, whether its scale is even or in powers of ten
    for number in sorted(range(len(labels)), key=lambda number: curves[number][-1]):
        y = max(ends[number], y + 0.085)
        axis.annotate(
            labels[number],
            (1, y),
            (8, 0),
            xycoords="axes fraction",
            textcoords="offset points",
            va="center",
            fontsize=10,
            color=colors[number],
        )


def _height_on(axis: Axes, value: float) -> float:
    """Where a value lies on the vertical axis, from 0 at its lower to 1 at its upper end."""
    right = axis.get_xlim()[1]
    on_screen = axis.transData.transform((right, value))
    return axis.transAxes.inverted().transform(on_screen)[1]
