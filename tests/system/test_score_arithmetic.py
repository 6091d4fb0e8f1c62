"""Arithmetic of scores: what is written as on the slide is what is computed."""

import numpy as np
import pytest
from small_nets import counting_net, pixel_net, pixel_scores, random

from lecture_lib.core.gradients import gradient, value, value_and_gradient
from lecture_lib.core.scores import Score, class_score, l2, total_variation
from lecture_lib.models.backend import tf

IMAGES = random(3, 6, 6, 3)
LOGITS = pixel_scores(IMAGES)
SQUARES = np.square(IMAGES).sum(axis=(1, 2, 3))


def brightness(images):
    """A plain function, no Score."""
    return tf.reduce_mean(images, axis=[1, 2, 3])


@pytest.mark.parametrize(
    "written, expected",
    [
        (class_score(pixel_net(), 0) + class_score(pixel_net(), 1), LOGITS[:, 0] + LOGITS[:, 1]),
        (class_score(pixel_net(), 0) - 0.01 * l2, LOGITS[:, 0] - 0.01 * SQUARES),
        (class_score(pixel_net(), 2) * 3 - 1, 3 * LOGITS[:, 2] - 1),
        (2 - class_score(pixel_net(), 2), 2 - LOGITS[:, 2]),
        (-l2 / 4, -SQUARES / 4),
        (np.float64(0.5) * l2, SQUARES / 2),
        (l2 * np.float32([1, 2, 3]), SQUARES * [1, 2, 3]),
        (l2 * l2, SQUARES**2),
        (l2 + brightness, SQUARES + IMAGES.mean(axis=(1, 2, 3))),
        (l2 - brightness, SQUARES - IMAGES.mean(axis=(1, 2, 3))),
    ],
)
def test_a_sum_is_what_is_written(written, expected):
    assert isinstance(written, Score)
    np.testing.assert_allclose(written(IMAGES), expected, rtol=1e-4, atol=1e-5)
    np.testing.assert_allclose(value(written, IMAGES), expected, rtol=1e-4, atol=1e-5)


def test_a_score_of_a_view_sees_the_view():
    def brighter(images, amount):
        return images + amount

    expected = np.square(IMAGES + 0.25).sum(axis=(1, 2, 3))
    np.testing.assert_allclose(value(l2.of(brighter, 0.25), IMAGES), expected, rtol=1e-5)
    # ∂/∂I ‖I + a‖² = 2 (I + a)
    found = gradient(l2.of(brighter, 0.25), IMAGES)
    np.testing.assert_allclose(found, 2 * (IMAGES + 0.25), rtol=1e-5)


def test_the_number_of_a_view_compiles_nothing_anew():
    traces = []

    def brighter(images, amount):
        traces.append(amount)
        return images + amount

    for amount in 0.0, 0.1, 0.2:
        gradient(l2.of(brighter, amount), IMAGES)
    assert len(traces) == 1


def test_parts_whose_numbers_have_one_name_do_not_meet():
    """Each part keeps its own numbers: two classes and two weights in one sum."""
    first = 0.5 * class_score(pixel_net(), 0)
    second = 2.0 * class_score(pixel_net(), 2)
    both = value(first - second, IMAGES)
    np.testing.assert_allclose(both, 0.5 * LOGITS[:, 0] - 2 * LOGITS[:, 2], rtol=1e-4, atol=1e-5)
    # The same structure with the numbers exchanged must not answer from the first.
    swapped = value(2.0 * class_score(pixel_net(), 2) - 0.5 * class_score(pixel_net(), 0), IMAGES)
    np.testing.assert_allclose(swapped, -both, rtol=1e-4, atol=1e-5)


def test_the_gradient_of_a_sum_is_the_sum_of_gradients():
    score = class_score(pixel_net(), 1)
    together = gradient(score - 0.1 * l2 - 0.2 * total_variation, IMAGES)
    apart = gradient(score, IMAGES) - 0.1 * gradient(l2, IMAGES)
    apart -= 0.2 * gradient(total_variation, IMAGES)
    np.testing.assert_allclose(together, apart, rtol=1e-4, atol=1e-5)


def test_one_structure_is_one_trace_whatever_its_numbers():
    model, calls = counting_net()
    for number in range(20):
        value_and_gradient(class_score(model, number % 3) - 0.1 * number * l2, random(6, 6, 3))
    assert len(calls) == 1


def test_what_cannot_be_added_is_refused_by_python():
    with pytest.raises(TypeError, match="scores, functions and numbers, not 'one'"):
        l2 + "one"


def test_help_shows_the_words_of_a_penalty():
    assert "sum of squares" in l2.__doc__ and l2.__name__ == "l2"
