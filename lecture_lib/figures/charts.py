"""Charts for the page: numbers in, one displayed figure out. Colors are told apart with any color vision, lines carry their names."""

import numpy as np
from matplotlib.figure import Figure

from lecture_lib.figures.html import as_curves, check_count
from lecture_lib.figures.images import INK, publish

ACCENT, PALE = "#1f6f9f", "#b9d3e2"
CURVE_COLORS = [ACCENT, "#d55e00", "#009e73", "#cc79a7", "#8a6d00", "#555555"]


def show_values(values, *, labels=None, x_label="step", y_label="score", alt):
    """Show how numbers went, step by step, from step 0.

    values: one curve (steps,), an array (steps, N) of N curves, or a list of curves of any lengths. labels: one text a curve,
    written at its end. Raises ValueError when there are no numbers or the labels do not match.
    """
    curves = as_curves(values)
    check_count(labels or curves, len(curves), what="label")
    figure, axis = chart(height=260, margins=(70, 150 if labels else 30, 16, 48))
    for number, curve in enumerate(curves):
        axis.plot(
            curve,
            color=CURVE_COLORS[number % len(CURVE_COLORS)],
            linewidth=2,
            marker="o" if len(curve) == 1 else None,
        )
    axis.set(xlabel=x_label, ylabel=y_label, xmargin=0.01)
    axis.grid(axis="y", color="#eceef1")
    label_ends(axis, curves, labels or [])
    publish(figure, alt)


def show_bars(names, values, *, alt):
    """Show shares as bars with their per cent, the longest in the accent color; names: N texts, values: N numbers in [0, 1]."""
    values = np.asarray(values, float)
    check_count(names, len(values), what="name")
    figure, axis = chart(height=30 * len(values) + 16, margins=(210, 70, 8, 8))
    bars = axis.barh(
        range(len(values)),
        values,
        color=[ACCENT if value == values.max() else PALE for value in values],
        height=0.62,
    )
    axis.bar_label(bars, [f"{value:.1%}" for value in values], padding=6, color=INK, fontsize=9.5)
    axis.set(xlim=(0, max(values.max(), 1e-9)), ylim=(len(values) - 0.5, -0.5), xticks=[])
    axis.set_yticks(
        range(len(values)), [name if len(name) < 30 else name[:28] + "…" for name in names]
    )
    publish(figure, alt)


def show_curves(x, curves, *, labels=None, x_label, y_label, log=False, alt):
    """Show one curve or several over the same places x, with a dot at each.

    x: (n,) numbers. curves: (n,), or a list of such. labels: one text a curve, written at its end. log: both axes in powers of ten.
    Raises ValueError when the lengths differ or the labels do not match.
    """
    curves = as_curves(curves)
    check_count(labels or curves, len(curves), what="label")
    for curve in curves:
        check_count(x, len(curve), what="place")
    figure, axis = chart(height=280, margins=(70, 150 if labels else 30, 16, 48))
    for number, curve in enumerate(curves):
        axis.plot(
            x,
            curve,
            color=CURVE_COLORS[number % len(CURVE_COLORS)],
            linewidth=2,
            marker="o",
            markersize=4,
        )
    axis.set(xlabel=x_label, ylabel=y_label, xmargin=0.02)
    if log:
        axis.set(xscale="log", yscale="log")
    elif len(x) < 12 and (np.diff(x) == 1).all():  # 1, 2, 3 are counted; there is nothing at 1.5
        axis.set_xticks(x)
    axis.grid(axis="y", color="#eceef1")
    label_ends(axis, curves, labels or [])
    publish(figure, alt)


def chart(*, height, margins):
    """An empty (figure, axis) as wide as the page allows; height and margins (left, right, top, bottom) in pixels."""
    left, right, top, bottom = margins
    figure = Figure(figsize=(6.2, height / 100), dpi=100, facecolor="white")
    axis = figure.add_axes(
        [left / 620, bottom / height, 1 - (left + right) / 620, 1 - (top + bottom) / height],
        axisbelow=True,
    )
    axis.set_frame_on(False)
    axis.tick_params(length=0, labelsize=9.5, labelcolor=INK, pad=5)
    return figure, axis


def label_ends(axis, curves, labels):
    """Write each curve's label at its end, in its color, stacked where curves end together."""
    height_of = lambda value: axis.transAxes.inverted().transform(
        axis.transData.transform((axis.get_xlim()[1], value))
    )[1]
    y = -np.inf  # in shares of the axis, whether its scale is even or in powers of ten
    for number in sorted(range(len(labels)), key=lambda number: curves[number][-1]):
        y = max(height_of(curves[number][-1]), y + 0.085)
        axis.annotate(
            labels[number],
            (1, y),
            (8, 0),
            xycoords="axes fraction",
            textcoords="offset points",
            va="center",
            fontsize=10,
            color=CURVE_COLORS[number % len(CURVE_COLORS)],
        )


def show_matrix(values, *, rows, columns, texts=None, limits=(0.0, 1.0), alt):
    """Show a table of numbers (rows, columns) as colored fields with their text: blue at the lower limit, white between, red at the upper.

    rows, columns: one name each. texts: one text a field, by default the number. Raises ValueError when the names do not match.
    """
    values, (low, high) = np.asarray(values, float), limits
    check_count(rows, len(values), what="row")
    check_count(columns, values.shape[1], what="column")
    figure, axis = chart(
        height=32 * len(rows) + 30, margins=(24 + 6 * max(map(len, rows)), 4, 26, 4)
    )
    axis.imshow(values, cmap="RdBu_r", vmin=low, vmax=high, aspect="auto")
    for (row, column), value in np.ndenumerate(values):
        dark = abs(2 * value - low - high) > 0.65 * (high - low)
        axis.text(
            column,
            row,
            f"{value:.2f}" if texts is None else texts[row][column],
            ha="center",
            va="center",
            fontsize=9.5,
            color="white" if dark else INK,
        )
    axis.xaxis.tick_top()
    axis.set_xticks(range(len(columns)), columns)
    axis.set_yticks(range(len(rows)), rows)
    publish(figure, alt)


def show_intervals(names, panels, *, alt):
    """Show a dot with its interval for each name, best read from top to bottom, and one panel for each measure side by side.

    names: N texts. panels: {title: (N, 3) numbers: low end, value, high end}. Raises ValueError when the names do not match.
    """
    tall = 24 * len(names) + 50
    figure = Figure(figsize=(7.4, tall / 100), dpi=100, facecolor="white")
    for number, (title, numbers) in enumerate(panels.items()):
        low, value, high = np.asarray(numbers, float).T
        check_count(names, len(value), what="name")
        axis = figure.add_axes(
            [0.19 + 0.81 / len(panels) * number, 0.02, 0.81 / len(panels) - 0.025, 1 - 56 / tall],
            axisbelow=True,
        )
        axis.hlines(range(len(names)), low, high, color=PALE, linewidth=5)
        axis.plot(value, range(len(names)), "o", color=ACCENT, markersize=6, clip_on=False)
        axis.set(
            ylim=(len(names) - 0.5, -0.5),
            xlim=(min(0, low.min()) - 0.05, max(1, high.max()) + 0.05),
            xticks=[0, 1],
        )
        axis.set_yticks(range(len(names)), names if number == 0 else [""] * len(names))
        axis.set_title(title, fontsize=9.5, color=INK, pad=20)
        axis.xaxis.tick_top()
        axis.tick_params(length=0, labelsize=9, labelcolor=INK)
        axis.grid(color="#eceef1")
        axis.set_frame_on(False)
    publish(figure, alt)
