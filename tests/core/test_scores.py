"""Scores: each equals its formula in numpy, gives one number per image, and says in a sentence what
it cannot score.
"""

import numpy as np
import pytest
from small_nets import (
    counting_net,
    linear_net,
    normal,
    pixel_net,
    pixel_scores,
    random,
)

from lecture_lib.core import penalties, scores
from lecture_lib.core.gradients import gradient, value, value_and_gradient
from lecture_lib.models.backend import tf

IMAGES = random(4, 6, 5, 3)


def softmax(values):
    powers = np.exp(values - values.max(axis=-1, keepdims=True))
    return powers / powers.sum(axis=-1, keepdims=True)


@pytest.mark.parametrize(
    "make, formula",
    [
        (lambda net: scores.class_score(net, 2), lambda images: pixel_scores(images)[:, 2]),
        (
            lambda net: scores.class_score(net, [2, 0, 1, 1]),
            lambda images: pixel_scores(images)[range(4), [2, 0, 1, 1]],
        ),
        (
            lambda net: scores.class_probability(net, 1),
            lambda images: softmax(pixel_scores(images))[:, 1],
        ),
        (
            lambda net: scores.class_log_probability(net, 1),
            lambda images: np.log(softmax(pixel_scores(images))[:, 1]),
        ),
        (
            lambda net: scores.class_log_probability(net, [0, 1, 2, 0]),
            lambda images: np.log(softmax(pixel_scores(images))[range(4), [0, 1, 2, 0]]),
        ),
    ],
)
def test_each_score_is_its_formula(make, formula):
    values = value_and_gradient(make(pixel_net()), IMAGES)[0]
    assert values.shape == (4,)
    np.testing.assert_allclose(values, formula(IMAGES), rtol=2e-5, atol=1e-6)


@pytest.mark.parametrize("place", [2, np.int64(2), [4, 0, 1]])
def test_one_number_of_each_row_is_picked_with_a_gradient_of_few_operations(place):
    rows = tf.constant(normal(3, 5))
    expected = rows.numpy()[range(3), place]
    np.testing.assert_array_equal(scores.select_per_row(rows, place), expected)

    @tf.function
    def rising(rows):
        return tf.gradients(scores.select_per_row(rows, place), rows)[0]

    ones = np.zeros((3, 5))
    ones[range(3), place] = 1
    np.testing.assert_array_equal(rising(rows), ones)
    assert len(rising.get_concrete_function(rows).graph.get_operations()) < 40


def linear_gradients(image, weights, class_index):
    """∂P_c/∂I and ∂log P_c/∂I of a linear net, by the formula and in double precision."""
    weights = np.float64(weights)
    chances = softmax(np.tensordot(np.float64(image), weights, axes=3))
    of_log = weights[..., class_index] - weights @ chances
    return chances[class_index] * of_log, of_log


def test_the_log_points_where_the_probability_points():
    weights, image = normal(4, 4, 3, 5), random(4, 4, 3)
    of_probability, of_log = linear_gradients(image, weights, 2)
    np.testing.assert_allclose(
        of_probability / np.linalg.norm(of_probability), of_log / np.linalg.norm(of_log), rtol=1e-12
    )
    np.testing.assert_allclose(
        gradient(scores.class_probability(linear_net(weights), 2), image),
        of_probability,
        rtol=1e-4,
        atol=1e-7,
    )
    np.testing.assert_allclose(
        gradient(scores.class_log_probability(linear_net(weights), 2), image),
        of_log,
        rtol=1e-4,
        atol=1e-5,
    )


def test_the_log_does_not_fade_where_the_probability_does():
    weights, image = np.zeros((2, 2, 3, 2), np.float32), np.ones((2, 2, 3), np.float32)
    weights[..., 0] = 20  # S = (240, 0): P of class 1 is e^-240, which float32 cannot hold
    net = linear_net(weights)
    assert not gradient(scores.class_probability(net, 1), image).any()
    np.testing.assert_allclose(
        gradient(scores.class_log_probability(net, 1), image), np.full((2, 2, 3), -20), rtol=1e-6
    )


@pytest.mark.parametrize(
    "make", [scores.class_score, scores.class_probability, scores.class_log_probability]
)
@pytest.mark.parametrize("bad", [3, -1, [0, 3], 1.0, "goldfish", None, [[0]]])
def test_a_class_that_is_none_gives_a_sentence(make, bad):
    with pytest.raises(ValueError, match="from 0 to 2"):
        make(pixel_net(), bad)


# Arithmetic

BATCH = random(3, 6, 6, 3)
LOGITS = pixel_scores(BATCH)
SQUARES = np.square(BATCH).sum(axis=(1, 2, 3))


def brightness(images):
    """A plain function, no Score."""
    return tf.reduce_mean(images, axis=[1, 2, 3])


@pytest.mark.parametrize(
    "written, expected",
    [
        (
            scores.class_score(pixel_net(), 0) + scores.class_score(pixel_net(), 1),
            LOGITS[:, 0] + LOGITS[:, 1],
        ),
        (scores.class_score(pixel_net(), 0) - 0.01 * penalties.l2, LOGITS[:, 0] - 0.01 * SQUARES),
        (scores.class_score(pixel_net(), 2) * 3 - 1, 3 * LOGITS[:, 2] - 1),
        (2 - scores.class_score(pixel_net(), 2), 2 - LOGITS[:, 2]),
        (-penalties.l2 / 4, -SQUARES / 4),
        (np.float64(0.5) * penalties.l2, SQUARES / 2),
        (penalties.l2 * np.float32([1, 2, 3]), SQUARES * [1, 2, 3]),
        (penalties.l2 * penalties.l2, SQUARES**2),
        (penalties.l2 + brightness, SQUARES + BATCH.mean(axis=(1, 2, 3))),
        (penalties.l2 - brightness, SQUARES - BATCH.mean(axis=(1, 2, 3))),
    ],
)
def test_a_sum_is_what_is_written(written, expected):
    assert isinstance(written, scores.Score)
    np.testing.assert_allclose(written(BATCH), expected, rtol=1e-4, atol=1e-5)
    np.testing.assert_allclose(value(written, BATCH), expected, rtol=1e-4, atol=1e-5)


def test_a_score_of_a_view_sees_the_view():
    def brighter(images, amount):
        return images + amount

    expected = np.square(BATCH + 0.25).sum(axis=(1, 2, 3))
    np.testing.assert_allclose(value(penalties.l2.of(brighter, 0.25), BATCH), expected, rtol=1e-5)
    # ∂/∂I ‖I + a‖² = 2 (I + a)
    found = gradient(penalties.l2.of(brighter, 0.25), BATCH)
    np.testing.assert_allclose(found, 2 * (BATCH + 0.25), rtol=1e-5)


def test_the_number_of_a_view_compiles_nothing_anew():
    traces = []

    def brighter(images, amount):
        traces.append(amount)
        return images + amount

    for amount in 0.0, 0.1, 0.2:
        gradient(penalties.l2.of(brighter, amount), BATCH)
    assert len(traces) == 1


def test_parts_whose_numbers_have_one_name_do_not_meet():
    """Each part keeps its own numbers: two classes and two weights in one sum."""
    first = 0.5 * scores.class_score(pixel_net(), 0)
    second = 2.0 * scores.class_score(pixel_net(), 2)
    both = value(first - second, BATCH)
    np.testing.assert_allclose(both, 0.5 * LOGITS[:, 0] - 2 * LOGITS[:, 2], rtol=1e-4, atol=1e-5)
    # The same structure with the numbers exchanged must not answer from the first.
    swapped = value(
        2.0 * scores.class_score(pixel_net(), 2) - 0.5 * scores.class_score(pixel_net(), 0), BATCH
    )
    np.testing.assert_allclose(swapped, -both, rtol=1e-4, atol=1e-5)


def test_the_gradient_of_a_sum_is_the_sum_of_gradients():
    score = scores.class_score(pixel_net(), 1)
    together = gradient(score - 0.1 * penalties.l2 - 0.2 * penalties.total_variation, BATCH)
    apart = gradient(score, BATCH) - 0.1 * gradient(penalties.l2, BATCH)
    apart -= 0.2 * gradient(penalties.total_variation, BATCH)
    np.testing.assert_allclose(together, apart, rtol=1e-4, atol=1e-5)


def test_one_structure_is_one_trace_whatever_its_numbers():
    model, calls = counting_net()
    for number in range(20):
        value_and_gradient(
            scores.class_score(model, number % 3) - 0.1 * number * penalties.l2, random(6, 6, 3)
        )
    assert len(calls) == 1


def test_what_cannot_be_added_is_refused_by_python():
    with pytest.raises(TypeError, match="scores, functions and numbers, not 'one'"):
        penalties.l2 + "one"
