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
from lecture_lib.core.gradients import gradient, value_and_gradient

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


def test_where_the_images_are_the_target_distance_and_slope_are_zero():
    value, slope = value_and_gradient(
        scores.feature_distance(small_net(), "conv2", IMAGES[0]), IMAGES[0]
    )
    np.testing.assert_allclose(value, 0, atol=1e-8)
    np.testing.assert_allclose(slope, np.zeros_like(slope), atol=1e-4)


def linear_slopes(image, weights, class_index):
    """∂P_c/∂I and ∂log P_c/∂I of a linear net, by the formula and in double precision."""
    weights = np.float64(weights)
    chances = softmax(np.tensordot(np.float64(image), weights, axes=3))
    log_slope = weights[..., class_index] - weights @ chances
    return chances[class_index] * log_slope, log_slope


def test_the_log_points_where_the_probability_points():
    weights, image = normal(4, 4, 3, 5), random(4, 4, 3)
    slope, log_slope = linear_slopes(image, weights, 2)
    np.testing.assert_allclose(
        slope / np.linalg.norm(slope), log_slope / np.linalg.norm(log_slope), rtol=1e-12
    )
    np.testing.assert_allclose(
        gradient(scores.class_probability(linear_net(weights), 2), image),
        slope,
        rtol=1e-4,
        atol=1e-7,
    )
    np.testing.assert_allclose(
        gradient(scores.class_log_probability(linear_net(weights), 2), image),
        log_slope,
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
