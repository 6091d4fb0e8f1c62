"""What the benchmarks measured, on paper: rows in CSV files, tables, a page, a figure.

`side_by_side.py` measures.
"""

import csv
from typing import NamedTuple

import numpy as np

OURS = "ours"
BARE = "bare passes"
COPIED = "copied loop"
PEER = "peer on TensorFlow"
TORCH = "peer on PyTorch"
MARKS = {
    BARE: ("#555555", "|"),
    COPIED: ("#D55E00", "s"),
    PEER: ("#0072B2", "o"),
    TORCH: ("#009E73", "^"),
}


class Row(NamedTuple):
    """One contender at one piece of work.

    Seconds are medians of the processor; `ours` and `bare` are ratios: median, lowest, highest.
    """

    net: str
    work: str
    who: str
    kind: str
    rounds: int
    seconds: float
    wall: float
    ours: float
    ours_low: float
    ours_high: float
    bare: float
    bare_low: float
    bare_high: float
    difference: float
    correlation: float
    note: str


class Fresh(NamedTuple):
    """One contender in a process of its own.

    first: seconds of the first call. memory: megabytes needed beyond libraries and net.
    """

    net: str
    work: str
    who: str
    first: float
    memory: float


# Files


def read(path, kind):
    """The rows of a CSV, as a list of `kind` (Row or Fresh); none where the file is not there."""
    if not path.is_file():
        return []
    with path.open(newline="", encoding="utf-8") as file:
        _, *lines = csv.reader(file)
    return [_row_of(cells, kind) for cells in lines]


def _row_of(cells, kind):
    types = kind.__annotations__.values()
    return kind(*(as_type(cell) for as_type, cell in zip(types, cells, strict=True)))


def write(path, rows):
    """Put rows into a CSV in place of those for the same work on the same net."""
    new = {(row.net, row.work) for row in rows}
    others = [row for row in read(path, type(rows[0])) if (row.net, row.work) not in new]
    path.parent.mkdir(exist_ok=True)
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(type(rows[0])._fields)
        writer.writerows([_rounded(row) for row in others + rows])


def _rounded(row):
    return [f"{cell:.4g}" if isinstance(cell, float) else cell for cell in row]


# Lines of text


def table(rows):
    """Rows as lines of text."""
    ratios = f"{'to ours':>9}  {'range':>14}{'to bare':>9}  {'range':>14}"
    yield f"{'who':30}{'seconds':>9}{ratios}{'apart':>9}{'alike':>7}  note"
    for row in rows:
        ours = f"{row.ours_low:.2f}..{row.ours_high:.2f}"
        bare = f"{row.bare_low:.2f}..{row.bare_high:.2f}"
        ratios = f"{row.ours:9.2f}  {ours:>14}{row.bare:9.2f}  {bare:>14}"
        agreement = f"{row.difference:9.1g}{row.correlation:7.3f}"
        yield f"{row.who:30}{row.seconds:9.3f}{ratios}{agreement}  {row.note}"


# A page in Markdown


def page(rows, fresh=()):
    """Rows as lines of Markdown: an overview, each work, and what each contender needs alone."""
    yield from [
        "# Side by side",
        "",
        "Seconds of the processor, ratios; medians (lowest–highest). Apart: largest difference "
        "from ours,",
        "as a share of our largest number. Alike: the correlation with ours.",
        "",
    ]
    yield from overview(rows)
    for work in dict.fromkeys(row.work for row in rows):
        yield from _one_work(work, [row for row in rows if row.work == work])
    if fresh:
        yield from _alone(fresh)


def overview(rows):
    """Where we stand, as lines of Markdown: a line for each work on each net."""
    yield from titles(
        "work", "net", "ours, s", "ours / bare passes", "copied loop / ours", "best peer / ours"
    )
    for work, net in dict.fromkeys((row.work, row.net) for row in rows):
        some = [row for row in rows if (row.work, row.net) == (work, net) and np.isfinite(row.ours)]
        ours = _fastest(some, OURS)
        loop = _fastest(some, COPIED)
        peer = _fastest(some, PEER, TORCH)
        yield line(
            work,
            net,
            f"{ours.seconds:.3g}" if ours else "",
            ratio(*ours[10:13]) if ours else "",
            ratio(*loop[7:10]) if loop else "",
            f"{ratio(*peer[7:10])}, {peer.who}" if peer else "",
        )


def _fastest(rows, *kinds):
    some = [row for row in rows if row.kind in kinds]
    return min(some, key=lambda row: row.ours, default=None)


def _one_work(work, rows):
    """The table of one work."""
    yield from ["", f"## {work}", ""]
    yield from titles("who", "net", "seconds", "to ours", "apart", "alike", "how it differs")
    for row in rows:
        yield line(
            row.who,
            row.net,
            number(row.seconds, ".3g"),
            ratio(*row[7:10]),
            number(row.difference, ".1g"),
            number(row.correlation, ".3f"),
            row.note,
        )


def _alone(fresh):
    """First calls and memory."""
    heading = "## Alone: the first call, compiling included, and memory beyond libraries and net"
    yield from ["", heading, ""]
    yield from titles("work", "net", "who", "first call, s", "memory, MB")
    for row in fresh:
        yield line(row.work, row.net, row.who, f"{row.first:.2f}", f"{row.memory:.0f}")


def titles(*names):
    return [line(*names), line(*["---"] * len(names))]


def line(*cells):
    return f"| {' | '.join(cells)} |"


def number(value, form):
    return format(value, form) if np.isfinite(value) else ""


def ratio(middle, low, high):
    """A median and its range in a cell."""
    return f"{middle:.2f} ({low:.2f}–{high:.2f})" if np.isfinite(middle) else ""


# A figure


def draw(rows):
    """A figure with an axis for each net and a line for each work.

    A mark stands where each contender does, in times our seconds, with its range.
    """
    from matplotlib.figure import Figure

    works = list(dict.fromkeys(row.work for row in rows))
    nets = list(dict.fromkeys(row.net for row in rows))
    size = (2 + 3.2 * len(nets), 1.4 + 0.42 * len(works))
    figure = Figure(figsize=size, layout="constrained")
    shared = {"sharex": True, "sharey": True, "squeeze": False}
    all_axes = figure.subplots(1, len(nets), **shared)[0]
    for axes, net in zip(all_axes, nets, strict=True):
        _draw_contenders(axes, [row for row in rows if row.net == net], works)
        _dress(axes, net, works)
    axes.invert_yaxis()
    handles = axes.get_legend_handles_labels()
    figure.legend(*handles, loc="outside lower center", ncols=5, frameon=False)
    return figure


def _draw_contenders(axes, rows, works):
    for place, (kind, (color, mark)) in enumerate(MARKS.items()):
        some = [row for row in rows if row.kind == kind and np.isfinite(row.ours)]
        x = np.array([row.ours for row in some])
        y = np.array([works.index(row.work) for row in some]) + 0.16 * (place - 1.5)
        spread = [x - [row.ours_low for row in some], [row.ours_high for row in some] - x]
        size = 9 if mark == "|" else 5
        style = {"fmt": mark, "color": color, "markersize": size, "elinewidth": 1}
        axes.errorbar(x, y, xerr=spread, label=kind, **style)


def _dress(axes, net, works):
    """The line of our seconds, the names, a logarithmic scale."""
    from matplotlib.ticker import LogLocator, NullLocator

    axes.axvline(1, color="black", linewidth=1, label=OURS)
    axes.set(title=net, xscale="log", xlabel="times our seconds")
    axes.set_yticks(range(len(works)), works)
    axes.xaxis.set_major_locator(LogLocator(subs=(1, 3)))
    axes.xaxis.set_major_formatter("{x:g}")
    axes.xaxis.set_minor_locator(NullLocator())
    axes.tick_params(length=0)
    axes.grid(axis="x", color="#dddddd", linewidth=0.6)
    axes.spines[["top", "right", "left"]].set_visible(False)
