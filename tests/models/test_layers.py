"""Layers are found by their names, and what they make of images is what the formulas say."""

import numpy as np
import pytest
from small_nets import pixel_features, pixel_net, pixel_scores, random, small_net

from lecture_lib.models import layers
from lecture_lib.models.surgery import clone

IMAGES = random(5, 6, 6, 3)


def test_layers_are_named_in_forward_order():
    maps = ["conv1", "conv2", "relu2"]
    assert layers.layer_names(small_net()) == maps
    assert layers.layer_names(small_net(), maps_only=False) == [*maps, "pool", "scores"]


@pytest.mark.parametrize("ask", [layers.features, layers.layer_outputs])
def test_an_unknown_layer_lists_the_layers(ask):
    known = "its layers are conv1, conv2, relu2, pool, scores"
    with pytest.raises(ValueError, match=f"no layer 'conv3'; {known}"):
        ask(small_net(), "conv3")


def test_a_layer_without_rows_and_columns_lists_those_that_have_them():
    assert layers.map_features(small_net(), "conv2").shape == (None, None, None, 8)
    with pytest.raises(ValueError, match="'pool' has no rows and columns; .* conv1, conv2, relu2"):
        layers.map_features(small_net(), "pool")


@pytest.mark.parametrize("names", ["conv", ["conv"], ("conv",)])
def test_layer_outputs_are_named_for_one_layer_too(names):
    outputs = layers.layer_outputs(pixel_net(), names)(IMAGES)
    assert set(outputs) == {"conv"} and outputs["conv"].shape == (5, 6, 6, 4)


def test_layer_outputs_are_those_of_the_layers():
    names = ("conv", "pool", "scores")
    features = pixel_features(IMAGES)
    expected = features, features.mean(axis=(1, 2)), pixel_scores(IMAGES)
    for ask in layers.layer_outputs, layers.compiled_outputs:
        outputs = ask(pixel_net(), names)(IMAGES)
        for name, wanted in zip(names, expected, strict=True):
            np.testing.assert_allclose(outputs[name], wanted, rtol=1e-5, atol=1e-6)


def test_layers_and_logits_come_in_a_list():
    maps, scores = layers.layers_and_scores(pixel_net(), ("conv",))(IMAGES)
    np.testing.assert_allclose(maps, pixel_features(IMAGES), rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(scores, pixel_scores(IMAGES), rtol=1e-5, atol=1e-6)


def test_maps_of_an_image_are_those_of_its_batch():
    maps = layers.activation_maps(pixel_net(), "conv", IMAGES)
    np.testing.assert_allclose(maps, pixel_features(IMAGES), rtol=1e-5, atol=1e-6)
    # Sums over a batch may be taken in another order than those over one image.
    alone = layers.activation_maps(pixel_net(), "conv", IMAGES[0])
    np.testing.assert_allclose(alone, maps[0], rtol=1e-5, atol=1e-6)


def test_mean_activations_are_the_means_over_rows_and_columns_and_rows_stay_as_they_are():
    means = pixel_features(IMAGES).mean(axis=(1, 2))
    found = layers.mean_activations(pixel_net(), ["conv", "pool", "scores"], IMAGES)
    np.testing.assert_allclose(found["conv"], means, rtol=1e-5)
    np.testing.assert_allclose(found["pool"], means, rtol=1e-5)
    np.testing.assert_allclose(found["scores"], pixel_scores(IMAGES), rtol=1e-5, atol=1e-6)


def test_activations_of_another_image_are_computed_by_the_same_graph():
    net = clone(small_net())  # of which nobody else has asked anything
    for ask in layers.activation_maps, layers.mean_activations:
        ask(net, "conv1", IMAGES)
    counts = {kind: graph.experimental_get_tracing_count() for kind, graph in graphs_of(net)}
    for ask in layers.activation_maps, layers.mean_activations:
        ask(net, "conv1", 1 - IMAGES)
    assert counts and counts == {
        kind: graph.experimental_get_tracing_count() for kind, graph in graphs_of(net)
    }


def graphs_of(net):
    """What was compiled for the layers of a network, with the name of what compiled it."""
    for (make, _), graph in net._kept_by_lecture_lib.items():
        if make.__module__ == layers.__name__:
            yield make.__name__, graph
