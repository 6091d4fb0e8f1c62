"""The class as judge: what is shown is what counts, answers are kept, and a class adds up."""

import base64
import csv
import re

import numpy as np
import pytest
from small_nets import random

from lecture_lib.class_visualization.trials import Trial
from lecture_lib.panels.judge import Judge, in_words, read_answers, shares, trial_image

BLACK = np.zeros((8, 8, 3), np.float32)
WHITE = np.ones((8, 8, 3), np.float32)


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    """Where nothing of the course lies, so that answers are kept in this folder."""
    monkeypatch.chdir(tmp_path)
    return tmp_path / "my-pictures"


def trials(count=6):
    """Black is always the right answer."""
    kinds = ["synthetic", "natural"] * (count // 2)
    references = random(4, 8, 8, 3)
    return [
        Trial(channel, kind, references, references, BLACK, WHITE)
        for channel, kind in enumerate(kinds)
    ]


def right_side(session):
    """Where the black picture stands, read off what is shown."""
    image = session.panel.shown["image"]
    row = image[image.shape[0] - 100]
    return "left" if row[150].max() < 0.5 else "right"


OTHER = {"left": "right", "right": "left"}


def test_the_answers_counted_are_the_pictures_shown():
    session = Judge(trials(), seed=3)
    sides = []
    for number in range(6):
        assert f"Trial {number + 1} of 6" in session.panel.status.value
        side = right_side(session)
        sides.append(side)
        session.choose(side if number < 4 else OTHER[side])
    assert [right for _, right in session.answers] == 4 * [True] + 2 * [False]
    assert set(sides) == {"left", "right"}
    assert "synthetic references: 2 of 3 right" in session.panel.status.value
    session.choose("left")
    assert len(session.answers) == 6


def test_the_buttons_answer():
    session = Judge(trials(2))
    side = right_side(session)
    session.panel.buttons[f"{side.title()} excites it more"].click()
    assert session.answers == [("synthetic", True)]


def test_each_answer_is_kept_at_once_in_a_file_of_its_own(folder):
    sessions = [Judge(trials(), seed=seed) for seed in (0, 1)]
    assert not folder.exists()
    for session in sessions:
        session.choose("left")
        session.choose("right")
    assert sessions[0].path != sessions[1].path
    with open(sessions[0].path, encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    assert [row["answer"] for row in rows] == ["left", "right"]
    kept = [(row["kind"], row["right"] == "1") for row in rows]
    assert kept == sessions[0].answers


def test_after_the_last_trial_the_answers_can_be_downloaded(folder):
    session = Judge(trials(2))
    for _ in range(3):  # the third finds nothing left to answer
        session.choose("left")
    assert len(session.answers) == 2
    status = session.panel.status.value
    link = re.search(r'download="(.+?)" href="data:text/csv;base64,(.+?)"', status)
    assert link.group(1) == session.path.name
    assert base64.b64decode(link.group(2)) == session.path.read_bytes()


def test_a_class_is_the_sum_of_its_files(folder):
    with pytest.raises(FileNotFoundError, match=r"no file judge-\*.csv"):
        read_answers()
    sessions = [Judge(trials(), seed=seed) for seed in (0, 1, 2)]
    for session in sessions:
        for _ in range(6):
            session.choose("left")
    answers = read_answers()
    assert sorted(answers) == sorted(sum((session.answers for session in sessions), []))
    assert sum(row.asked for row in shares(read_answers(folder))) == 18
    (folder / "judge-of-something.csv").write_text("kind,right\nnatural,perhaps\n")
    with pytest.raises(ValueError, match="judge-of-something.csv is no file of answers"):
        read_answers()


def test_the_interval_is_wilsons():
    rows = shares([("natural", True)] * 9 + [("natural", False)] + [("synthetic", True)] * 4)
    assert [(row.kind, row.right, row.asked) for row in rows] == [
        ("synthetic", 4, 4),
        ("natural", 9, 10),
    ]
    z, n = 1.959964, 10
    center = (0.9 + z**2 / (2 * n)) / (1 + z**2 / n)
    half = z / (1 + z**2 / n) * np.sqrt(0.9 * 0.1 / n + z**2 / (4 * n**2))
    np.testing.assert_allclose(rows[1][3:5], [center - half, center + half], atol=1e-6)
    assert [row.published for row in rows] == [0.82, 0.92]
    assert in_words(rows[1:]).startswith("natural references: 9 of 10 right, 95 % interval 60%")


def test_an_answer_that_cannot_be_kept_still_counts(folder):
    folder.write_text("a file of this name")
    session = Judge(trials(2))
    session.choose("left")
    assert len(session.answers) == 1 and "could not be kept" in session.panel.status.value


def test_a_trial_is_one_image_whose_sides_can_be_exchanged():
    trial = trials()[0]
    left, right = (trial_image(trial, stronger_on_left=side) for side in (True, False))
    assert left.shape == right.shape and left.shape[1] < 640
    np.testing.assert_array_equal(left[:220], right[:220])
    assert np.abs(left[-200:] - right[-200:]).max() == 1


def test_without_trials_there_is_a_sentence():
    with pytest.raises(ValueError, match="no trials; make_trials makes them"):
        Judge([])
