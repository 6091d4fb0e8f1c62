"""Real or changed: d' against the formula and a simulated eye; the panel counts truly."""

import numpy as np
import pytest
from scipy.stats import norm
from small_nets import random

from lecture_lib.panels.quiz import Quiz, detection, sensitivity, summary

REAL = np.zeros((6, 8, 8, 3), np.float32)
CHANGED = np.ones((6, 8, 8, 3), np.float32)
SIZES = [1, 1, 1, 2, 2, 2]


@pytest.mark.parametrize("right, asked", [(0, 4), (3, 4), (4, 4), (50, 60), (0, 0)])
def test_sensitivity_is_the_formula_for_a_choice_of_two(right, asked):
    np.testing.assert_allclose(
        sensitivity(right, asked), np.sqrt(2) * norm.ppf((right + 0.5) / (asked + 1)), atol=1e-9
    )


def test_guessing_is_zero_and_mirrored_scores_mirror():
    assert sensitivity(10, 20) == pytest.approx(0, abs=1e-12)
    assert sensitivity(17, 20) == pytest.approx(-sensitivity(3, 20))


def test_an_eye_of_known_sensitivity_is_measured():
    """It feels 0 for the real image, d' for the changed one, noise of 1 on both, and compares."""
    noise = np.random.default_rng(0).standard_normal((100_000, 2))
    right = np.sum(noise[:, 1] + 1.3 > noise[:, 0])
    assert sensitivity(right, 100_000) == pytest.approx(1.3, abs=0.02)


@pytest.mark.parametrize("right, asked", [(5, 4), (-1, 4)])
def test_impossible_counts_give_a_sentence(right, asked):
    with pytest.raises(ValueError, match="from 0 to 4"):
        sensitivity(right, asked)


def test_detection_counts_each_size():
    rows = detection([(2.0, True), (0.5, False), (2.0, True), (0.5, True), (2.0, False)])
    assert [(row.size, row.asked, row.right) for row in rows] == [(0.5, 2, 1), (2.0, 3, 2)]
    assert [row.d_prime for row in rows] == [sensitivity(1, 2), sensitivity(2, 3)]
    assert detection([]) == []


def sides(seed):
    """Where the real (black) picture stands, question by question, read off what is shown."""
    quiz = Quiz(REAL, CHANGED, SIZES, seed=seed)
    found = []
    for _ in SIZES:
        found.append("left" if quiz.panel.shown["image"][2, 2].max() < 0.5 else "right")
        quiz.choose("left")
    return found


def test_the_answers_counted_are_the_pictures_shown():
    quiz = Quiz(REAL, CHANGED, SIZES, seed=3)
    for place, side in enumerate(sides(3)):
        assert f"Question {place + 1} of 6" in quiz.panel.status.value
        quiz.choose(side if place < 4 else {"left": "right", "right": "left"}[side])
    assert [right for _, right in quiz.answers] == 4 * [True] + 2 * [False]
    assert sorted(size for size, _ in quiz.answers) == SIZES
    assert summary(quiz.answers).replace("'", "&#x27;") in quiz.panel.status.value


def test_the_buttons_answer_and_a_finished_quiz_takes_no_more():
    quiz = Quiz(REAL, CHANGED, SIZES, seed=3)
    for side in sides(3):
        quiz.panel.buttons[f"{side.title()} is real"].click()
    assert [right for _, right in quiz.answers] == 6 * [True]
    quiz.panel.buttons["Left is real"].click()
    assert len(quiz.answers) == 6


def test_the_seed_decides_the_sides_and_both_occur():
    assert sides(0) == sides(0) and any(sides(0) != sides(seed) for seed in (1, 2))
    assert {side for seed in range(3) for side in sides(seed)} == {"left", "right"}


def test_the_words_for_the_picture_do_not_say_which_is_real():
    quiz = Quiz(REAL, CHANGED, SIZES, seed=0)
    words = set()
    for _ in SIZES:
        words.add(quiz.panel.shown["words"])
        quiz.choose("left")
    assert len(words) == 1


def test_pictures_that_do_not_match_give_a_sentence():
    with pytest.raises(ValueError, match="6 real and 5 changed pictures and 6 sizes"):
        Quiz(REAL, random(5, 8, 8, 3), SIZES)
    with pytest.raises(ValueError, match="and 2 sizes"):
        Quiz(REAL, CHANGED, [1, 2])
