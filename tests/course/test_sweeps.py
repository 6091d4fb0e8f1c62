"""Sweeps: every job once, in order, also after an interruption, and the same on two workers as on
one.
"""

import csv
import json
from collections import Counter

import numpy as np
import pytest
from recipes_loader import recipe
from small_nets import normal
from sweep_jobs import JOBS, measured

from lecture_lib.course.sweeps import sweep
from lecture_lib.models.backend import tf
from lecture_lib.models.remarks import say_interrupted
from lecture_lib.models.zoo import load_model

WANTED = [row for job in JOBS for row in measured(**job)]


def counted(calls, *, interrupt_at=None):
    def function(**job):
        calls.append(job)
        if len(calls) == interrupt_at:
            raise KeyboardInterrupt
        return measured(**job)

    return function


def test_every_job_gives_its_rows_in_order():
    assert sweep(measured, JOBS) == WANTED


def test_what_is_recorded_is_not_computed_again(tmp_path):
    calls, path = [], tmp_path / "sweep.jsonl"
    assert sweep(counted(calls), JOBS[:2], path=path) == WANTED[:4]
    assert sweep(counted(calls), JOBS, path=path) == WANTED
    assert calls == JOBS


def test_a_job_that_was_cut_short_is_not_recorded_as_done(tmp_path):
    """As a gradient ascent returns what was reached when the kernel is interrupted."""
    path = tmp_path / "sweep.jsonl"

    def cut_short(**job):
        if job == JOBS[1]:
            say_interrupted("Interrupted after step 3 of 9.")
        return measured(**job)

    assert sweep(cut_short, JOBS, path=path) == WANTED[:2]
    assert sweep(measured, JOBS, path=path) == WANTED


def test_an_interrupted_sweep_returns_what_is_done_and_goes_on(tmp_path):
    calls, path = [], tmp_path / "sweep.jsonl"
    assert sweep(counted(calls, interrupt_at=3), JOBS, path=path) == WANTED[:4]
    assert sweep(counted(calls), JOBS, path=path) == WANTED
    assert calls == [*JOBS[:3], *JOBS[2:]]


@pytest.mark.parametrize("cut", range(1, 60, 7))
def test_a_line_that_was_cut_off_is_computed_again(tmp_path, cut):
    path = tmp_path / "sweep.jsonl"
    sweep(measured, JOBS[:3], path=path)
    whole = path.read_bytes()
    path.write_bytes(whole[:-cut])
    assert sweep(measured, JOBS[:3], path=path) == WANTED[:6]
    assert path.read_bytes() == whole
    assert [json.loads(line)["job"] for line in path.read_text().splitlines()] == JOBS[:3]


@pytest.mark.parametrize(
    "text", ["Chapter one.\nChapter two.\n", "One line", '{"a": 1}\n', "[1]\n"]
)
def test_another_file_is_not_touched(tmp_path, text):
    path = tmp_path / "thesis.txt"
    path.write_text(text)
    with pytest.raises(ValueError, match="thesis.txt is no record of a sweep"):
        sweep(measured, JOBS, path=path)
    assert path.read_text() == text


def test_a_cluster_of_two_gives_the_same(tmp_path):
    distributed = pytest.importorskip(
        "distributed", reason="dask is an extra: pip install lecture_lib[scale]"
    )
    with distributed.Client(n_workers=2, threads_per_worker=1, dashboard_address=None) as client:
        assert sweep(measured, JOBS, client=client, path=tmp_path / "sweep.jsonl") == WANTED
    assert sweep(counted([], interrupt_at=1), JOBS, path=tmp_path / "sweep.jsonl") == WANTED


# The slides' experiment


def test_the_floor_is_that_of_tensorflow_for_pixels_from_minus_1_to_1():
    """A pixel in [0, 1] moves half as far as in [-1, 1], so that its gradient is twice as long."""
    for size in (1e-9, 1e-6, 1e-3, 1.0):
        gradients = size * normal(1, 5, 5, 3)
        np.testing.assert_allclose(
            recipe("attack_sweep").floored(gradients),
            tf.math.l2_normalize(gradients / 2),
            rtol=1e-5,
        )


@pytest.mark.parametrize(
    ("net", "photographs"), [("efficientnet_lite0", "bundled"), ("squeezenet", "imagenet")]
)
def test_the_stored_tables_hold_every_attack_once(net, photographs):
    sweep_of = recipe("attack_sweep")
    table = sweep_of.DATA / "tables" / f"attack_sweep_{net}.csv"
    with open(table, encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    photos = sweep_of.sources(photographs)
    assert len(photos) == len(set(photos)) == 24
    pairs = [(photo, target) for photo in photos for target in sweep_of.TARGETS if photo != target]
    found = Counter((row["photo"], row["target"], row["way"], int(row["rate"])) for row in rows)
    assert found == Counter(
        (*pair, way, rate) for pair in pairs for way in sweep_of.WAYS for rate in sweep_of.RATES
    )
    for row in rows:  # who has reached 0.7 is the answer; who has not has used up all steps
        assert row["answer"] == row["target"] if row["reached"] == "1" else int(row["steps"]) == 200
        assert 0 <= float(row["mean_squared"]) <= float(row["mean_absolute"]) <= 1


def test_the_crops_of_the_sweep_are_all_classified_rightly():
    sweep_of = recipe("attack_sweep")
    model = load_model("efficientnet_lite0")
    for name in sweep_of.sources("bundled"):
        image, answers = sweep_of.load_source(name, 224)
        assert image.shape == (224, 224, 3)
        assert sweep_of.predicted_names(model, image[None])[0] in answers, name
