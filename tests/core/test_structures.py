"""Structures of scores: what is read from outside of a function counts, as a graph keeps it."""

import numpy as np
import pytest
from small_nets import random

from lecture_lib.class_visualization import maximize_pixels
from lecture_lib.core import penalties
from lecture_lib.core.gradients import value, value_and_gradient
from lecture_lib.core.scores import Score
from lecture_lib.core.structures import numbers_of, read_outside, rebuilt, structure_of
from lecture_lib.models.backend import tf

IMAGE = random(4, 4, 3)
TOTAL = IMAGE.sum()
factor = 1.0
traced = []


def twice():
    return 2 * factor


def scaled(images):
    traced.append("scaled")
    return factor * tf.reduce_sum(images, axis=[1, 2, 3])


def scaled_by_another_function(images):
    return twice() * tf.reduce_sum(images, axis=[1, 2, 3])


def scaled_inside(images):
    return tf.add_n([factor * tf.reduce_sum(images[..., k], axis=[1, 2]) for k in range(3)])


def brighter(images):
    return factor * images


SUM = Score(lambda images: tf.reduce_sum(images, axis=[1, 2, 3]))


@pytest.mark.parametrize(
    ("score", "times"),
    [
        (scaled, 1),
        (scaled_by_another_function, 2),
        (scaled_inside, 1),
        (Score(scaled), 1),
        (0.5 * Score(scaled), 0.5),
        (SUM.of(brighter), 1),
    ],
    ids=["plain", "by another", "comprehension", "Score", "part", "view"],
)
def test_a_number_that_was_changed_since_is_seen(score, times, monkeypatch):
    for number in 1.0, 3.0, 1.0:
        monkeypatch.setitem(globals(), "factor", number)
        np.testing.assert_allclose(value(score, IMAGE), number * times * TOTAL, rtol=1e-5)
        found, gradient = value_and_gradient(score, IMAGE)
        np.testing.assert_allclose(found, number * times * TOTAL, rtol=1e-5)
        np.testing.assert_allclose(gradient, np.full_like(IMAGE, number * times), rtol=1e-5)


def test_a_number_around_a_function_and_an_array_written_into_are_seen():
    weights = np.ones(3, np.float32)
    offset = 0.0

    def score(images):
        return tf.reduce_sum(images * weights, axis=[1, 2, 3]) + offset

    np.testing.assert_allclose(value(score, IMAGE), TOTAL, rtol=1e-5)
    offset = 5.0
    np.testing.assert_allclose(value(score, IMAGE), TOTAL + 5, rtol=1e-5)
    weights[:] = 2
    np.testing.assert_allclose(value(score, IMAGE), 2 * TOTAL + 5, rtol=1e-5)


def test_a_loop_over_a_weight_draws_another_image_each_time(monkeypatch):
    drawn = []
    for weight in 0.0, 10.0:
        monkeypatch.setitem(globals(), "factor", weight)
        drawn.append(maximize_pixels(scaled, IMAGE, weight=0, steps=2, learning_rate=0.1).images)
    np.testing.assert_array_equal(drawn[0], IMAGE)  # no gradient
    assert np.abs(drawn[1] - IMAGE).max() > 0.01


def test_while_nothing_changes_nothing_is_compiled_anew(monkeypatch):
    monkeypatch.setitem(globals(), "factor", 7.25)
    value(scaled, IMAGE)
    traced.clear()
    for seed in range(3):
        value(scaled, random(4, 4, 3, seed=seed))
    assert traced == []


def test_functions_of_the_library_are_not_looked_into():
    structure = structure_of(2.0 * penalties.l2 + penalties.total_variation)
    assert "l2" not in str(read_outside(structure))


def test_a_score_is_put_together_again():
    score = 2.0 * penalties.l2 - 3.0 * penalties.total_variation
    again = rebuilt(structure_of(score), iter(numbers_of(score)))
    np.testing.assert_allclose(again(IMAGE[None]), score(IMAGE[None]))
    assert structure_of(again) == structure_of(score)
