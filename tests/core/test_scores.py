"""Scores: each equals its formula in numpy, gives one number per image, and says in a sentence what
it cannot score.
"""

import numpy as np
import pytest
from small_nets import (
    counting_net,
    linear_net,
    normal,
    pixel_features,
    pixel_net,
    pixel_scores,
    random,
    small_net,
)

from lecture_lib.core import scores
from lecture_lib.core.gradients import gradient, value, value_and_gradient
from lecture_lib.models.backend import tf

IMAGES = random(4, 6, 5, 3)


def softmax(values):
    powers = np.exp(values - values.max(axis=-1, keepdims=True))
    return powers / powers.sum(axis=-1, keepdims=True)


def distance_in_numpy(images):
    return np.sum((pixel_features(images) - pixel_features(IMAGES[:1])) ** 2, axis=(1, 2, 3))


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
        (
            lambda net: scores.channel_score(net, "conv", 3),
            lambda images: pixel_features(images)[..., 3].mean(axis=(1, 2)),
        ),
        (
            lambda net: scores.channel_score(net, "pool", 3),
            lambda images: pixel_features(images)[..., 3].mean(axis=(1, 2)),
        ),
        (
            lambda net: scores.neuron_score(net, "conv", 4, 1, 2),
            lambda images: pixel_features(images)[:, 4, 1, 2],
        ),
        (
            lambda net: scores.layer_energy(net, "conv"),
            lambda images: (pixel_features(images) ** 2).mean(axis=(1, 2, 3)),
        ),
        (
            lambda net: scores.layer_energy(net, "pool"),
            lambda images: (pixel_features(images).mean(axis=(1, 2)) ** 2).mean(axis=1),
        ),
        (
            lambda net: scores.layer_energy(net, {"conv": 3.0}),
            lambda images: 3 * (pixel_features(images) ** 2).mean(axis=(1, 2, 3)),
        ),
        (lambda net: scores.feature_distance(net, "conv", IMAGES[0]), distance_in_numpy),
        (lambda net: scores.l2, lambda images: (np.float64(images) ** 2).sum(axis=(1, 2, 3))),
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


def test_energies_add_up_over_layers_by_their_weights():
    images = random(2, 8, 8, 3)
    one = scores.layer_energy(small_net(), "conv1")(images)
    two = scores.layer_energy(small_net(), "relu2")(images)
    both = scores.layer_energy(small_net(), ["conv1", "relu2"])(images)
    np.testing.assert_allclose(both, one + two, rtol=1e-5)
    weighted = scores.layer_energy(small_net(), {"conv1": 2.0, "relu2": 0.5})(images)
    np.testing.assert_allclose(weighted, 2 * one + 0.5 * two, rtol=1e-5)


def test_other_weights_of_layers_compile_nothing_anew():
    net, calls = counting_net()
    for weight in 1.0, 0.5, 3:
        gradient(scores.layer_energy(net, {"conv": weight}), random(6, 6, 3))
    assert len(calls) == 1


def test_total_variation_by_hand():
    image = np.float32([[0, 1], [0.25, 0.5]])[..., None]  # down: 0.25 + 0.5, to the right: 1 + 0.25
    np.testing.assert_array_equal(scores.total_variation(np.stack([image, 0 * image])), [2, 0])


def test_where_the_images_are_the_target_distance_and_gradient_are_zero():
    value, found = value_and_gradient(
        scores.feature_distance(small_net(), "conv2", IMAGES[0]), IMAGES[0]
    )
    np.testing.assert_allclose(value, 0, atol=1e-8)
    np.testing.assert_allclose(found, np.zeros_like(found), atol=1e-4)


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


@pytest.mark.parametrize(
    "make",
    [
        lambda net, channel: scores.channel_score(net, "conv", channel),
        lambda net, channel: scores.neuron_score(net, "conv", 0, 0, channel),
    ],
)
@pytest.mark.parametrize("bad", [4, -1])
def test_a_channel_that_is_none_gives_a_sentence(make, bad):
    with pytest.raises(
        ValueError, match=f"no channel of conv numbered {bad}; they are numbered from 0 to 3"
    ):
        make(pixel_net(), bad)


@pytest.mark.parametrize(
    "make",
    [
        lambda net: scores.channel_score(net, "conv9", 0),
        lambda net: scores.neuron_score(net, "conv9", 0, 0, 0),
        lambda net: scores.layer_energy(net, "conv9"),
        lambda net: scores.feature_distance(net, "conv9", IMAGES[0]),
        lambda net: scores.layer_energy(net, ["conv", "conv9"]),
    ],
)
def test_a_layer_that_is_none_lists_the_layers(make):
    with pytest.raises(ValueError, match="no layer 'conv9'; its layers are conv, pool, scores"):
        make(pixel_net())


def test_the_variation_of_a_step_edge_and_of_nothing():
    image = np.zeros((1, 6, 5, 1), np.float32)
    np.testing.assert_allclose(scores.total_variation_beta(2)(image), 0, atol=1e-6)
    image[:, :, 3:] = 0.5
    np.testing.assert_allclose(scores.total_variation_beta(2)(image), 6 * 0.5**2, rtol=1e-5)
    np.testing.assert_allclose(scores.total_variation_beta(1)(image), 6 * 0.5, rtol=1e-2)
    assert np.isfinite(gradient(scores.total_variation_beta(1.0), image)).all()


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
        (scores.class_score(pixel_net(), 0) - 0.01 * scores.l2, LOGITS[:, 0] - 0.01 * SQUARES),
        (scores.class_score(pixel_net(), 2) * 3 - 1, 3 * LOGITS[:, 2] - 1),
        (2 - scores.class_score(pixel_net(), 2), 2 - LOGITS[:, 2]),
        (-scores.l2 / 4, -SQUARES / 4),
        (np.float64(0.5) * scores.l2, SQUARES / 2),
        (scores.l2 * np.float32([1, 2, 3]), SQUARES * [1, 2, 3]),
        (scores.l2 * scores.l2, SQUARES**2),
        (scores.l2 + brightness, SQUARES + BATCH.mean(axis=(1, 2, 3))),
        (scores.l2 - brightness, SQUARES - BATCH.mean(axis=(1, 2, 3))),
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
    np.testing.assert_allclose(value(scores.l2.of(brighter, 0.25), BATCH), expected, rtol=1e-5)
    # ∂/∂I ‖I + a‖² = 2 (I + a)
    found = gradient(scores.l2.of(brighter, 0.25), BATCH)
    np.testing.assert_allclose(found, 2 * (BATCH + 0.25), rtol=1e-5)


def test_the_number_of_a_view_compiles_nothing_anew():
    traces = []

    def brighter(images, amount):
        traces.append(amount)
        return images + amount

    for amount in 0.0, 0.1, 0.2:
        gradient(scores.l2.of(brighter, amount), BATCH)
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
    together = gradient(score - 0.1 * scores.l2 - 0.2 * scores.total_variation, BATCH)
    apart = gradient(score, BATCH) - 0.1 * gradient(scores.l2, BATCH)
    apart -= 0.2 * gradient(scores.total_variation, BATCH)
    np.testing.assert_allclose(together, apart, rtol=1e-4, atol=1e-5)


def test_one_structure_is_one_trace_whatever_its_numbers():
    model, calls = counting_net()
    for number in range(20):
        value_and_gradient(
            scores.class_score(model, number % 3) - 0.1 * number * scores.l2, random(6, 6, 3)
        )
    assert len(calls) == 1


def test_what_cannot_be_added_is_refused_by_python():
    with pytest.raises(TypeError, match="scores, functions and numbers, not 'one'"):
        scores.l2 + "one"


def test_help_shows_the_words_of_a_penalty():
    assert "sum of squares" in scores.l2.__doc__ and scores.l2.__name__ == "l2"
