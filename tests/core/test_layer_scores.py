"""Scores of channels, neurons and layers: each is its formula, and says what is not there."""

import numpy as np
import pytest
from small_nets import counting_net, pixel_features, pixel_net, random, small_net

from lecture_lib.core import layer_scores
from lecture_lib.core.gradients import gradient, value_and_gradient

IMAGES = random(4, 6, 5, 3)


def distance_in_numpy(images):
    return np.sum((pixel_features(images) - pixel_features(IMAGES[:1])) ** 2, axis=(1, 2, 3))


@pytest.mark.parametrize(
    "make, formula",
    [
        (
            lambda net: layer_scores.channel_score(net, "conv", 3),
            lambda images: pixel_features(images)[..., 3].mean(axis=(1, 2)),
        ),
        (
            lambda net: layer_scores.channel_score(net, "pool", 3),
            lambda images: pixel_features(images)[..., 3].mean(axis=(1, 2)),
        ),
        (
            lambda net: layer_scores.neuron_score(net, "conv", 4, 1, 2),
            lambda images: pixel_features(images)[:, 4, 1, 2],
        ),
        (
            lambda net: layer_scores.layer_energy(net, "conv"),
            lambda images: (pixel_features(images) ** 2).mean(axis=(1, 2, 3)),
        ),
        (
            lambda net: layer_scores.layer_energy(net, "pool"),
            lambda images: (pixel_features(images).mean(axis=(1, 2)) ** 2).mean(axis=1),
        ),
        (
            lambda net: layer_scores.layer_energy(net, {"conv": 3.0}),
            lambda images: 3 * (pixel_features(images) ** 2).mean(axis=(1, 2, 3)),
        ),
        (lambda net: layer_scores.feature_distance(net, "conv", IMAGES[0]), distance_in_numpy),
    ],
)
def test_each_score_is_its_formula(make, formula):
    values = value_and_gradient(make(pixel_net()), IMAGES)[0]
    assert values.shape == (4,)
    np.testing.assert_allclose(values, formula(IMAGES), rtol=2e-5, atol=1e-6)


def test_energies_add_up_over_layers_by_their_weights():
    images = random(2, 8, 8, 3)
    one = layer_scores.layer_energy(small_net(), "conv1")(images)
    two = layer_scores.layer_energy(small_net(), "relu2")(images)
    both = layer_scores.layer_energy(small_net(), ["conv1", "relu2"])(images)
    np.testing.assert_allclose(both, one + two, rtol=1e-5)
    weighted = layer_scores.layer_energy(small_net(), {"conv1": 2.0, "relu2": 0.5})(images)
    np.testing.assert_allclose(weighted, 2 * one + 0.5 * two, rtol=1e-5)


def test_other_weights_of_layers_compile_nothing_anew():
    net, calls = counting_net()
    for weight in 1.0, 0.5, 3:
        gradient(layer_scores.layer_energy(net, {"conv": weight}), random(6, 6, 3))
    assert len(calls) == 1


def test_where_the_images_are_the_target_distance_and_gradient_are_zero():
    value, found = value_and_gradient(
        layer_scores.feature_distance(small_net(), "conv2", IMAGES[0]), IMAGES[0]
    )
    np.testing.assert_allclose(value, 0, atol=1e-8)
    np.testing.assert_allclose(found, np.zeros_like(found), atol=1e-4)


@pytest.mark.parametrize(
    "make",
    [
        lambda net, channel: layer_scores.channel_score(net, "conv", channel),
        lambda net, channel: layer_scores.neuron_score(net, "conv", 0, 0, channel),
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
        lambda net: layer_scores.channel_score(net, "conv9", 0),
        lambda net: layer_scores.neuron_score(net, "conv9", 0, 0, 0),
        lambda net: layer_scores.layer_energy(net, "conv9"),
        lambda net: layer_scores.feature_distance(net, "conv9", IMAGES[0]),
        lambda net: layer_scores.layer_energy(net, ["conv", "conv9"]),
    ],
)
def test_a_layer_that_is_none_lists_the_layers(make):
    with pytest.raises(ValueError, match="no layer 'conv9'; its layers are conv, pool, scores"):
        make(pixel_net())
