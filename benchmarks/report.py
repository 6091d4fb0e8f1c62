"""What the benchmarks measured, on paper: rows in CSV files, tables, a page, a picture; `side_by_side.py` fills them."""

import csv
from typing import NamedTuple

import numpy as np

OURS, BARE, COPIED, PEER, TORCH = (
    "ours",
    "bare passes",
    "copied loop",
    "peer on TensorFlow",
    "peer on PyTorch",
)


class Row(NamedTuple):
    """One contender at one piece of work: seconds are medians of the processor, `ours` and `bare` are ratios, median, lowest, highest."""

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
    """One contender in a process of its own: seconds of the first call, and the megabytes it needed beyond libraries and net."""

    net: str
    work: str
    who: str
    first: float
    memory: float


def read(path, kind):
    """The rows of a CSV, as a list of `kind` (Row or Fresh); none where the file is not there."""
    if not path.is_file():
        return []
    types = kind.__annotations__.values()
    with path.open(newline="", encoding="utf-8") as file:
        return [
            kind(*(made(cell) for made, cell in zip(types, cells, strict=True)))
            for cells in list(csv.reader(file))[1:]
        ]


def write(path, rows):
    """Put rows into a CSV; those that were there for the same work on the same net go, the others stay."""
    new = {(row.net, row.work) for row in rows}
    kept = [row for row in read(path, type(rows[0])) if (row.net, row.work) not in new]
    path.parent.mkdir(exist_ok=True)
    with path.open("w", newline="", encoding="utf-8") as file:
        rounded = [
            [f"{cell:.4g}" if isinstance(cell, float) else cell for cell in row]
            for row in kept + rows
        ]
        csv.writer(file, lineterminator="\n").writerows([type(rows[0])._fields, *rounded])


def table(rows):
    """Rows as lines of text."""
    yield f"{'who':30}{'seconds':>9}{'to ours':>9}  {'range':>14}{'to bare':>9}  {'range':>14}{'apart':>9}{'alike':>7}  note"
    for row in rows:
        ours, bare = (
            f"{low:.2f}..{high:.2f}"
            for low, high in ((row.ours_low, row.ours_high), (row.bare_low, row.bare_high))
        )
        ratios = f"{row.ours:9.2f}  {ours:>14}{row.bare:9.2f}  {bare:>14}"
        yield f"{row.who:30}{row.seconds:9.3f}{ratios}{row.difference:9.1g}{row.correlation:7.3f}  {row.note}"


def page(rows, fresh=()):
    """Rows as lines of Markdown: where we stand, then a table for each work, then what each contender needs alone."""
    yield from [
        "# Side by side",
        "",
        "Seconds of the processor, ratios; medians (lowest–highest). Apart: largest difference from ours,",
        "as a share of our largest number. Alike: the correlation with ours.",
        "",
    ]
    yield from titles(
        "work", "net", "ours, s", "ours / bare passes", "copied loop / ours", "best peer / ours"
    )
    for work, net in dict.fromkeys((row.work, row.net) for row in rows):
        some = [row for row in rows if (row.work, row.net) == (work, net) and np.isfinite(row.ours)]
        of = lambda *kinds, some=some: min(
            (row for row in some if row.kind in kinds), key=lambda row: row.ours, default=None
        )
        mine, loop, peer = of(OURS), of(COPIED), of(PEER, TORCH)
        seconds, to_bare = (f"{mine.seconds:.3g}", ratio(*mine[10:13])) if mine else ("", "")
        yield line(
            work,
            net,
            seconds,
            to_bare,
            ratio(*loop[7:10]) if loop else "",
            f"{ratio(*peer[7:10])}, {peer.who}" if peer else "",
        )
    for work in dict.fromkeys(row.work for row in rows):
        yield from [
            "",
            f"## {work}",
            "",
            *titles("who", "net", "seconds", "to ours", "apart", "alike", "how it differs"),
        ]
        for row in (row for row in rows if row.work == work):
            numbers = (
                number(row.seconds, ".3g"),
                ratio(*row[7:10]),
                number(row.difference, ".1g"),
                number(row.correlation, ".3f"),
            )
            yield line(row.who, row.net, *numbers, row.note)
    if fresh:
        yield from [
            "",
            "## Alone: the first call, compiling included, and memory beyond libraries and net",
            "",
        ]
        yield from titles("work", "net", "who", "first call, s", "memory, MB")
        yield from (
            line(row.work, row.net, row.who, f"{row.first:.2f}", f"{row.memory:.0f}")
            for row in fresh
        )


def titles(*names):
    return [line(*names), line(*["---"] * len(names))]


def line(*cells):
    return f"| {' | '.join(cells)} |"


def number(value, form):
    return format(value, form) if np.isfinite(value) else ""


def ratio(middle, low, high):
    """A median and its range in a cell."""
    return f"{middle:.2f} ({low:.2f}–{high:.2f})" if np.isfinite(middle) else ""


def draw(rows):
    """One picture: a panel for each net, a line for each work, a mark where each contender stands, in times our seconds, with its range."""
    from matplotlib.figure import Figure
    from matplotlib.ticker import LogLocator, NullLocator

    works, nets = (
        list(dict.fromkeys(row.work for row in rows)),
        list(dict.fromkeys(row.net for row in rows)),
    )
    marks = {
        BARE: ("#555555", "|"),
        COPIED: ("#D55E00", "s"),
        PEER: ("#0072B2", "o"),
        TORCH: ("#009E73", "^"),
    }
    figure = Figure(figsize=(2 + 3.2 * len(nets), 1.4 + 0.42 * len(works)), layout="constrained")
    for axes, net in zip(
        figure.subplots(1, len(nets), sharex=True, sharey=True, squeeze=False)[0], nets, strict=True
    ):
        for place, (kind, (color, mark)) in enumerate(marks.items()):
            some = [
                row for row in rows if row.net == net and row.kind == kind and np.isfinite(row.ours)
            ]
            x, y = (
                np.array([row.ours for row in some]),
                np.array([works.index(row.work) for row in some]) + 0.16 * (place - 1.5),
            )
            spread = [x - [row.ours_low for row in some], [row.ours_high for row in some] - x]
            axes.errorbar(
                x,
                y,
                xerr=spread,
                fmt=mark,
                color=color,
                markersize=9 if mark == "|" else 5,
                label=kind,
                elinewidth=1,
            )
        axes.axvline(1, color="black", linewidth=1, label=OURS)
        axes.set(
            title=net,
            xscale="log",
            xlabel="times our seconds",
            yticks=range(len(works)),
            yticklabels=works,
        )
        axes.xaxis.set_major_locator(LogLocator(subs=(1, 3)))
        axes.xaxis.set_major_formatter("{x:g}")
        axes.xaxis.set_minor_locator(NullLocator())
        axes.tick_params(length=0)
        axes.grid(axis="x", color="#dddddd", linewidth=0.6)
        axes.spines[["top", "right", "left"]].set_visible(False)
    axes.invert_yaxis()
    figure.legend(
        *axes.get_legend_handles_labels(), loc="outside lower center", ncols=5, frameon=False
    )
    return figure
