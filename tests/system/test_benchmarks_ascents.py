"""The benchmarks of attacks, gradient ascent and neighbors; no test asserts a time."""

import gc
import sys

import numpy as np
import pytest
from course_files import ROOT

sys.path += [str(ROOT / "benchmarks"), str(ROOT / "benchmarks" / "peers")]

import neighbors
import peers_attacks
import peers_pictures
import side_by_side
import sliders
from side_by_side import Work, measure

from lecture_lib.models.backend import tf


def work(module, name):
    return next(each for each in module.WORKS if each.name.startswith(name))


def test_a_peer_is_left_out_where_its_package_is_not_here():
    assert side_by_side.peer("no_package_of_this_name", "who", print) == []


def test_a_peer_prepares_itself_once_and_when_it_first_runs():
    prepared = []
    (contender,) = side_by_side.peer(
        "numpy", "who", lambda number: prepared.append(number) or (lambda: number + 1), 4
    )
    assert prepared == [] and contender.run() == 5 and contender.run() == 5 and prepared == [4]


def test_targeted_attacks_of_all_libraries_end_at_one_picture():
    pytest.importorskip(
        "foolbox",
        reason="the peers are not installed: pip install -r benchmarks/peers/peers_attacks.txt",
    )
    rows = measure(work(peers_attacks, "targeted attack, 20 steps, 1 "), "tinynet", rounds=1)
    assert [row for row in rows if row.note.startswith("does not run")] == []


def test_the_nearest_wrong_pictures_of_foolbox_are_ours():
    pytest.importorskip(
        "foolbox",
        reason="the peers are not installed: pip install -r benchmarks/peers/peers_attacks.txt",
    )

    def some(net):
        return [
            each for each in peers_attacks.nearest_wrong(net) if each.who in ("ours", "foolbox")
        ]  # ART's takes minutes

    rows = {row.who: row for row in measure(Work("nearest wrong", (), some), "tinynet", rounds=1)}
    assert (
        rows["foolbox"].correlation > 0.95
    )  # near the border, rounding decides which step is the first wrong one


def test_loops_that_ascend_the_same_score_end_at_our_picture():
    rows = {row.who: row for row in measure(Work("short", (), short_ascent), "tinynet", rounds=1)}
    assert rows["eager loop"].difference < 0.05


def short_ascent(net):
    return [
        each
        for each in peers_pictures.class_pictures(net, steps=5)
        if each.who in ("ours", "eager loop")
    ]


def test_trust_is_whole_where_a_map_is_the_features():
    points = np.random.default_rng(0).random((40, 2))
    assert neighbors.trust(points, points) == 1
    assert neighbors.trust(points, np.random.default_rng(1).random((40, 2))) < 0.8


def test_traces_are_counted_and_those_of_a_function_collected_meanwhile_not_subtracted():
    twice = tf.function(lambda x: 2 * x)
    others = [tf.function(lambda x: 3 * x)]
    others[0](tf.zeros(3))

    def work(size):
        if others:
            others.clear()
            gc.collect()
        twice(tf.zeros(size))

    taken, built = sliders.answers(work, [3, 4, 3])
    assert len(taken) == 3 and built == 2
