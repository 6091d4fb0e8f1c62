"""What one asks of a network, and what it answers when the question makes no sense."""

from functools import partial

import numpy as np
import pytest
from small_nets import (
    linear_net,
    pixel_features,
    pixel_net,
    pixel_scores,
    random,
    small_net,
    softmax,
)

from lecture_lib.adversarial.attacks import fgsm
from lecture_lib.adversarial.targeted import make_adversarial
from lecture_lib.guided_backprop import guided_map
from lecture_lib.models import inference
from lecture_lib.models.backend import keras
from lecture_lib.models.surgery import named
from lecture_lib.models.wrapping import wrap_model
from lecture_lib.saliency import saliency_map

IMAGES = random(5, 6, 6, 3)

# Logits and probabilities


@pytest.mark.parametrize("batch_size", [1, 2, 8])
def test_logits_are_the_models_in_any_batch_size(batch_size):
    found = inference.class_scores(pixel_net(), IMAGES, batch_size=batch_size)
    np.testing.assert_allclose(found, pixel_scores(IMAGES), rtol=1e-5)


def test_one_image_has_one_row_of_logits():
    assert inference.class_scores(pixel_net(), IMAGES[0]).shape == (3,)


def test_probabilities_are_the_softmax_and_sum_to_one():
    chances = inference.probabilities(pixel_net(), IMAGES)
    assert chances.dtype == np.float32
    np.testing.assert_allclose(chances, softmax(pixel_scores(IMAGES)), rtol=1e-5)
    np.testing.assert_allclose(chances.sum(axis=1), 1, rtol=1e-6)


def test_probabilities_of_a_very_confident_network_are_finite():
    weights = np.zeros((2, 2, 3, 2), np.float32)
    weights[..., 0] = 1e4
    chances = inference.probabilities(linear_net(weights), np.ones((2, 2, 3), np.float32))
    np.testing.assert_array_equal(chances, [1, 0])


def test_top_classes_come_likeliest_first_with_their_names():
    guesses = inference.top_classes(pixel_net(), IMAGES[0], count=2)
    order = np.argsort(-pixel_scores(IMAGES[:1])[0])[:2]
    names = [pixel_net().class_names[index] for index in order]
    chances = inference.probabilities(pixel_net(), IMAGES[0])[order]
    assert [guess.class_index for guess in guesses] == list(order)
    assert [guess.class_name for guess in guesses] == names
    np.testing.assert_allclose([guess.probability for guess in guesses], chances)


def test_there_are_no_more_top_classes_than_classes():
    assert len(inference.top_classes(pixel_net(), IMAGES[0], count=99)) == 3


def test_top_classes_looks_at_one_image():
    with pytest.raises(ValueError, match="one image"):
        inference.top_classes(pixel_net(), IMAGES)


def test_asking_keeps_the_model_as_it_was():
    net = named(keras.models.clone_model(pixel_net()), image_size=6)
    before = pixel_net().get_weights()
    net.set_weights(before)
    inference.class_scores(net, IMAGES)
    inference.layer_outputs(net, "conv")(IMAGES)
    assert [layer.name for layer in net.layers] == [layer.name for layer in pixel_net().layers]
    for now, then in zip(net.get_weights(), before, strict=True):
        np.testing.assert_array_equal(now, then)


# Images and classes, checked


@pytest.mark.parametrize(
    "bad", [IMAGES * 255, IMAGES[..., :1], IMAGES[0, 0], IMAGES - 1, IMAGES * np.nan]
)
@pytest.mark.parametrize("ask", [inference.class_scores, inference.probabilities])
def test_images_that_are_none_give_a_sentence(ask, bad):
    with pytest.raises(ValueError, match="image"):
        ask(pixel_net(), bad)


def net_of_two_kinds(size):
    """Two convolutions of stride 2 without padding, then linear logits.

    It takes images of any size, or, for a number, has a Flatten that fixes it.
    """
    images = keras.Input((size, size, 3))
    halved = partial(keras.layers.Conv2D, 4, 3, strides=2, activation="relu")
    x = halved()(halved()(images))
    x = keras.layers.Flatten()(x) if size else keras.layers.GlobalAveragePooling2D()(x)
    return wrap_model(keras.Model(images, keras.layers.Dense(2)(x)), image_size=size or 24)


@pytest.mark.parametrize(
    "ask",
    [
        lambda net, image: inference.class_scores(net, image),
        lambda net, image: saliency_map(net, image, 0),
        lambda net, image: make_adversarial(net, image, 0),
        lambda net, image: fgsm(net, image, 0),
        lambda net, image: guided_map(net, image, 0),
    ],
)
@pytest.mark.parametrize("size, wrong", [(None, (6, 24)), (16, (17, 16)), (16, (6, 6))])
def test_an_image_of_a_size_that_a_network_cannot_take_gets_one_sentence(ask, size, wrong):
    sentence = rf"^Images of {wrong[0]} x {wrong[1]} pixels do not get through this net; it was"
    with pytest.raises(ValueError, match=sentence) as caught:
        ask(net_of_two_kinds(size), random(*wrong, 3))
    assert "\n" not in str(caught.value)
    ask(net_of_two_kinds(size), random(size or 7, size or 7, 3))


def test_one_image_is_one_image():
    np.testing.assert_array_equal(inference.one_image(pixel_net(), IMAGES[0]), IMAGES[0])
    with pytest.raises(ValueError, match="explains one image"):
        inference.one_image(pixel_net(), IMAGES)


@pytest.mark.parametrize("index, name", enumerate(["tench", "Goldfish", "great white shark"]))
def test_a_class_is_found_by_its_name(index, name):
    assert inference.class_index(pixel_net(), name) == index


def test_an_unknown_class_name_shows_those_near_it():
    with pytest.raises(ValueError, match="'goldfsh'; near it are goldfish"):
        inference.class_index(pixel_net(), "goldfsh")


def test_class_numbers_come_back_as_int32():
    found = inference.check_class(pixel_net(), 2)
    assert found == 2 and found.dtype == np.int32
    np.testing.assert_array_equal(inference.check_class(pixel_net(), [0, 2]), [0, 2])


@pytest.mark.parametrize("bad", [3, -1, [0, 7], np.array([-1])])
def test_a_class_beyond_the_last_gives_a_sentence(bad):
    with pytest.raises(ValueError, match="numbered from 0 to 2"):
        inference.check_class(pixel_net(), bad)


@pytest.mark.parametrize("bad", [0.5, "tench", None, [[1]], True])
def test_a_class_that_is_no_whole_number_gives_a_sentence(bad):
    with pytest.raises(ValueError, match="whole number from 0 to 2"):
        inference.check_class(pixel_net(), bad)


# Layers


def test_layers_are_named_in_forward_order():
    maps = ["conv1", "conv2", "relu2"]
    assert inference.layer_names(small_net()) == maps
    assert inference.layer_names(small_net(), maps_only=False) == [*maps, "pool", "scores"]


@pytest.mark.parametrize("ask", [inference.features, inference.layer_outputs])
def test_an_unknown_layer_lists_the_layers(ask):
    known = "its layers are conv1, conv2, relu2, pool, scores"
    with pytest.raises(ValueError, match=f"no layer 'conv3'; {known}"):
        ask(small_net(), "conv3")


def test_a_layer_without_rows_and_columns_lists_those_that_have_them():
    assert inference.map_features(small_net(), "conv2").shape == (None, None, None, 8)
    with pytest.raises(ValueError, match="'pool' has no rows and columns; .* conv1, conv2, relu2"):
        inference.map_features(small_net(), "pool")


@pytest.mark.parametrize("names", ["conv", ["conv"], ("conv",)])
def test_layer_outputs_are_named_for_one_layer_too(names):
    outputs = inference.layer_outputs(pixel_net(), names)(IMAGES)
    assert set(outputs) == {"conv"} and outputs["conv"].shape == (5, 6, 6, 4)


def test_layer_outputs_are_those_of_the_layers():
    names = ("conv", "pool", "scores")
    features = pixel_features(IMAGES)
    expected = features, features.mean(axis=(1, 2)), pixel_scores(IMAGES)
    for ask in inference.layer_outputs, inference.compiled_outputs:
        outputs = ask(pixel_net(), names)(IMAGES)
        for name, wanted in zip(names, expected, strict=True):
            np.testing.assert_allclose(outputs[name], wanted, rtol=1e-5, atol=1e-6)


def test_layers_and_logits_come_in_a_list():
    maps, scores = inference.layers_and_scores(pixel_net(), ("conv",))(IMAGES)
    np.testing.assert_allclose(maps, pixel_features(IMAGES), rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(scores, pixel_scores(IMAGES), rtol=1e-5, atol=1e-6)
