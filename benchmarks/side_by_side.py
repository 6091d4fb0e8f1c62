"""The same work, done by this course and by what one might pick instead.

    python benchmarks/side_by_side.py [--work WORD] [--net NAME]

A piece of work has contenders: this course, the loop that one copies from slides, other libraries,
and the net's bare passes, without which none can do. In one process they take turns, round by
round, each round begun by another; what counts is the time of the processor, so that other programs
disturb little, and the ratio of two contenders of one round. Where two should compute the same,
their answers are compared first. `--fresh` measures what needs a process of its own: the first
call, compiling included, and memory.
"""

import argparse
import importlib
import importlib.util
import multiprocessing
import os
import sys
import time
import warnings
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from functools import cache, partial
from pathlib import Path
from typing import NamedTuple

os.environ.setdefault("TQDM_DISABLE", "1")  # a bar of progress would run through the table

import numpy as np

sys.path.append(str(Path(__file__).parent / "peers"))  # where the contenders are

from report import (
    BARE,
    COPIED,
    OURS,
    PEER,
    TORCH,
    Fresh,
    Row,
    draw,
    overview,
    page,
    read,
    table,
    write,
)

__all__ = [
    "BARE",
    "COPIED",
    "OURS",
    "PEER",
    "TORCH",
    "Contender",
    "Work",
    "installed",
    "measure",
    "peer",
    "race",
    "seconds",
]
PEERS = Path(__file__).parent / "peers"
RESULTS = PEERS / "results"
# Each has a list WORKS; those that are not here are left out.
MODULES = (
    "peers_maps",
    "peers_attacks",
    "peers_pictures",
    "neighbors",
)


class Contender(NamedTuple):
    """Who does a piece of work, and how: run() does it once, and may answer an array.

    kind: OURS, BARE, COPIED, PEER or TORCH. times: a run that does only a part of the work counts
    so many times. tolerance: where the
    answer should be that of ours, the largest difference allowed, as a share of our largest number.
    note: else, how it differs.
    """

    who: str
    run: Callable
    kind: str = PEER
    times: float = 1.0
    tolerance: float | None = None
    note: str = ""


class Work(NamedTuple):
    """A piece of work.

    nets: those it is done on. contenders: net name -> list of Contender.
    """

    name: str
    nets: tuple
    contenders: Callable


def installed(name):
    """Whether a package is here, without importing it."""
    return importlib.util.find_spec(name) is not None


def peer(
    package, who, prepare, *arguments, kind=PEER, times=1.0, tolerance=None, note="", **options
):
    """A list of one contender, or of none where its package is not here.

    prepare(...) gives its run, when that is first asked for.
    """
    prepared = cache(partial(prepare, *arguments, **options))
    return (
        [Contender(who, lambda: prepared()(), kind, times, tolerance, note)]
        if installed(package)
        else []
    )


def seconds(work, *, clock=time.process_time):
    """Time of one call, by default that of the processor."""
    began = clock()
    work()
    return clock() - began


def race(contenders, *, rounds=7, clock=time.process_time, rest=0.02):
    """Let all take turns: {who: seconds of the whole work (rounds, 2)}.

    The two are those by the clock and by that on the wall. rest: seconds in which threads calm
    down.
    """
    taken = {contender.who: [] for contender in contenders}
    for number in range(rounds):
        first = number % len(contenders)
        for contender in contenders[first:] + contenders[:first]:
            time.sleep(rest)
            wall = time.perf_counter()
            began = clock()
            contender.run()
            taken[contender.who].append(
                np.array([clock() - began, time.perf_counter() - wall]) * contender.times
            )
    return {who: np.array(turns) for who, turns in taken.items()}


def first_answers(contenders):
    """({who: answer}, {who: the error, in a line}): what each answers, and who does not run."""
    answers = {}
    errors = {}
    for contender in contenders:
        try:
            answers[contender.who] = contender.run()
        except Exception as error:
            if contender.kind in (OURS, BARE):
                raise
            errors[contender.who] = (
                f"does not run: {type(error).__name__}: {str(error).strip().splitlines()[0][:120]}"
            )
    return answers, errors


def compare(answer, ours):
    """Compare two arrays: (largest difference, correlation), NaN where there is nothing to compare.

    The difference is a share of our largest number.
    """
    if answer is None or ours is None or np.shape(answer) != np.shape(ours):
        return np.nan, np.nan
    answer, ours = (np.asarray(array, np.float64).ravel() for array in (answer, ours))
    apart = np.abs(answer - ours).max() / max(np.abs(ours).max(), np.finfo(np.float32).tiny)
    spread = answer.size > 1 and answer.std() > 0 and ours.std() > 0
    return apart, np.corrcoef(answer, ours)[0, 1] if spread else np.nan


def measure(work, net, *, rounds=7, clock=time.process_time):
    """All contenders of one work on one net, as rows.

    Raises:
        AssertionError: for an answer that is not ours though it should be.
    """
    contenders = work.contenders(net)
    answers, errors = first_answers(contenders)
    turns = race(
        [each for each in contenders if each.who not in errors], rounds=rounds, clock=clock
    )
    named = {each.kind: each.who for each in contenders if each.kind in (OURS, BARE)}
    rows = []
    for each in contenders:
        agreement = (np.nan, np.nan)
        if each.kind not in (OURS, BARE):
            agreement = compare(answers.get(each.who), answers.get(named.get(OURS)))
        if each.who not in errors:
            check_difference(each, agreement[0], where=f"on {net}", work=work)
        taken = turns.get(each.who, np.full((rounds, 2), np.nan))
        ratios = [spread(taken, turns.get(named.get(rival))) for rival in (OURS, BARE)]
        about = (net, work.name, each.who, each.kind, rounds, *np.median(taken, axis=0))
        rows.append(
            Row(*about, *ratios[0], *ratios[1], *agreement, errors.get(each.who, each.note))
        )
    return rows


def check_difference(contender, difference, *, where, work):
    """Raise an AssertionError for an answer that is farther from ours than it should be."""
    allowed = contender.tolerance
    assert allowed is None or difference <= allowed, (
        f"{work.name} by {contender.who} {where}: {difference:.2g} away, which should be "
        f"{allowed:.2g} at most"
    )


def spread(taken, rival):
    """Ratios of the processor's seconds to those of a rival: median, lowest, highest."""
    ratios = taken[:, 0] / rival[:, 0] if rival is not None else taken[:, 0] * np.nan
    return np.median(ratios), ratios.min(), ratios.max()


def alone(module, number, net, *, who):
    """What one contender needs in a process that has done nothing else; run in such a process."""
    import psutil

    work = importlib.import_module(module).WORKS[number]
    (run,) = [contender.run for contender in work.contenders(net) if contender.who == who]
    held = psutil.Process().memory_info().rss
    taken = seconds(run)
    return Fresh(net, work.name, who, taken, (most_memory() - held) / 1e6)


def most_memory():
    """The most bytes that this process has held so far, as Linux tells.

    `getrusage` would count those of the process that started it.
    """
    status = Path("/proc/self/status").read_text(encoding="ascii")
    return 1024 * int(status.split("VmHWM:")[1].split()[0])


def in_fresh_processes(module, number, net):
    """`alone` of every contender of one work that runs, each in a process of its own."""
    for contender in importlib.import_module(module).WORKS[number].contenders(net):
        with ProcessPoolExecutor(1, mp_context=multiprocessing.get_context("spawn")) as process:
            try:
                yield process.submit(alone, module, number, net, who=contender.who).result()
            except Exception as error:
                print(f"{contender.who} does not run: {str(error).splitlines()[0][:120]}")


def command_line():
    """What is asked for on the command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--work", default="", help="only works whose name holds this word")
    parser.add_argument("--net", default="", help="only this net")
    parser.add_argument("--rounds", type=int, default=7)
    fresh = "first call and memory, a process for each, instead of turns"
    parser.add_argument("--fresh", action="store_true", help=fresh)
    parser.add_argument("--draw", action="store_true", help="measure nothing, only draw again")
    return parser.parse_args()


def asked_for(arguments):
    """Yield (module, number of the work, work, net) of all that is installed and asked for."""
    for module in filter(installed, MODULES):
        for number, work in enumerate(importlib.import_module(module).WORKS):
            if arguments.work.lower() in work.name.lower():
                nets = [net for net in work.nets if arguments.net in ("", net)]
                yield from ((module, number, work, net) for net in nets)


def measure_and_keep(module, number, work, net, *, arguments):
    """Measure one work on one net, print it, and write it into its CSV."""
    print(f"\n{work.name}, {net}", flush=True)
    if arguments.fresh:
        found = list(in_fresh_processes(module, number, net))
        lines = [f"{row.who:30}{row.first:9.2f} s{row.memory:9.0f} MB" for row in found]
    else:
        found = measure(work, net, rounds=arguments.rounds)
        lines = table(found)
    print(*lines, sep="\n", flush=True)
    write(RESULTS / f"{'fresh_' if arguments.fresh else ''}{module}.csv", found)


def publish():
    """Write the page and the figures of all that has been measured, and print where we stand."""
    maps, *others = [read(RESULTS / f"{module}.csv", Row) for module in MODULES]
    fresh = sum([read(RESULTS / f"fresh_{module}.csv", Fresh) for module in MODULES], [])
    ascents = sum(others, [])
    if maps or ascents:
        lines = [*page(maps + ascents, fresh), ""]
        (RESULTS / "side_by_side.md").write_text("\n".join(lines), encoding="utf-8")
    for name, rows in (("side_by_side", maps), ("ascents", ascents)):
        if rows:
            draw(rows).savefig(RESULTS / f"{name}.png", dpi=150)
    print("", *overview(maps + ascents), sep="\n")


def main():
    """Measure what the command line asks for, write CSVs, print tables, draw the figures."""
    arguments = command_line()
    warnings.simplefilter("ignore")  # those of other libraries would run through the table
    if not arguments.draw:
        for module, number, work, net in asked_for(arguments):
            measure_and_keep(module, number, work, net, arguments=arguments)
    publish()


if __name__ == "__main__":
    main()
