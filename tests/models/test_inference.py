"""Models: what one asks of a network, and what it answers when the question makes no sense."""

import numpy as np
import pytest
from small_nets import linear_net, pixel_features, pixel_net, pixel_scores, random, small_net

from lecture_lib.adversarial.attacks import fgsm
from lecture_lib.adversarial.targeted import make_adversarial
from lecture_lib.guided_backprop import guided_map
from lecture_lib.models import inference
from lecture_lib.models.backend import keras
from lecture_lib.saliency import saliency_map

IMAGES = random(5, 6, 6, 3)


def test_layer_outputs_are_named_for_one_layer_too():
    for names in "conv", ["conv"], ("conv",):
        outputs = inference.layer_outputs(pixel_net(), names)(IMAGES)
        assert set(outputs) == {"conv"} and outputs["conv"].shape == (5, 6, 6, 4)


def test_layer_outputs_are_those_of_the_layers():
    outputs = inference.layer_outputs(pixel_net(), ["conv", "pool", "scores"])(IMAGES)
    features = pixel_features(IMAGES)
    np.testing.assert_allclose(outputs["conv"], features, rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(outputs["pool"], features.mean(axis=(1, 2)), rtol=1e-5)
    np.testing.assert_allclose(outputs["scores"], pixel_scores(IMAGES), rtol=1e-5)


def test_class_scores_are_the_models_in_any_batch_size():
    for batch_size in 1, 2, 8:
        np.testing.assert_allclose(
            inference.class_scores(pixel_net(), IMAGES, batch_size=batch_size),
            pixel_scores(IMAGES),
            rtol=1e-5,
        )
    assert inference.class_scores(pixel_net(), IMAGES[0]).shape == (3,)


def test_probabilities_are_the_softmax_and_sum_to_one():
    chances, powers = inference.probabilities(pixel_net(), IMAGES), np.exp(pixel_scores(IMAGES))
    np.testing.assert_allclose(chances, powers / powers.sum(axis=1, keepdims=True), rtol=1e-5)
    np.testing.assert_allclose(chances.sum(axis=1), 1, rtol=1e-6)


def test_probabilities_of_a_very_sure_net_are_finite():
    weights = np.zeros((2, 2, 3, 2), np.float32)
    weights[..., 0] = 1e4
    np.testing.assert_array_equal(
        inference.probabilities(linear_net(weights), np.ones((2, 2, 3), np.float32)), [1, 0]
    )


def test_top_classes_come_likeliest_first_with_their_names():
    guesses = inference.top_classes(pixel_net(), IMAGES[0], count=2)
    order = np.argsort(-pixel_scores(IMAGES[:1])[0])
    assert [guess.class_index for guess in guesses] == list(order[:2])
    assert [guess.class_name for guess in guesses] == [
        pixel_net().class_names[index] for index in order[:2]
    ]
    np.testing.assert_allclose(
        [guess.probability for guess in guesses],
        inference.probabilities(pixel_net(), IMAGES[0])[order[:2]],
    )
    assert len(inference.top_classes(pixel_net(), IMAGES[0], count=99)) == 3


def test_top_classes_looks_at_one_image():
    with pytest.raises(ValueError, match="one image"):
        inference.top_classes(pixel_net(), IMAGES)


@pytest.mark.parametrize(
    "bad", [IMAGES * 255, IMAGES[..., :1], IMAGES[0, 0], IMAGES - 1, IMAGES * np.nan]
)
def test_images_that_are_none_give_a_sentence(bad):
    for ask in inference.class_scores, inference.probabilities:
        with pytest.raises(ValueError, match="image"):
            ask(pixel_net(), bad)


def test_a_class_is_found_by_its_name():
    assert [
        inference.class_index(pixel_net(), name)
        for name in ("tench", "Goldfish", "great white shark")
    ] == [0, 1, 2]


def test_an_unknown_class_name_shows_those_near_it():
    with pytest.raises(ValueError, match="'goldfsh'; near it are goldfish"):
        inference.class_index(pixel_net(), "goldfsh")
    with pytest.raises(ValueError, match="near it are tench, goldfish, great white shark"):
        inference.class_index(pixel_net(), "§§§")


def test_a_class_number_is_checked():
    assert (
        inference.check_class(pixel_net(), 2) == 2
        and inference.check_class(pixel_net(), 2).dtype == np.int32
    )
    np.testing.assert_array_equal(inference.check_class(pixel_net(), [0, 2]), [0, 2])
    for bad in 3, -1, [0, 7], np.array([-1]):
        with pytest.raises(ValueError, match="numbered from 0 to 2"):
            inference.check_class(pixel_net(), bad)
    for bad in 0.5, "tench", None, [[1]], True:
        with pytest.raises(ValueError, match="whole number from 0 to 2"):
            inference.check_class(pixel_net(), bad)


def test_layers_are_named_in_forward_order():
    assert inference.layer_names(small_net()) == ["conv1", "conv2", "relu2"]
    assert inference.layer_names(small_net(), maps_only=False) == [
        "conv1",
        "conv2",
        "relu2",
        "pool",
        "scores",
    ]


def test_an_unknown_layer_lists_the_layers():
    for ask in inference.features, inference.layer_outputs:
        with pytest.raises(
            ValueError, match="no layer 'conv3'; its layers are conv1, conv2, relu2, pool, scores"
        ):
            ask(small_net(), "conv3")


def test_asking_keeps_the_model_as_it_was():
    net, before = keras.models.clone_model(pixel_net()), pixel_net().get_weights()
    net.set_weights(before)
    inference.class_scores(net, IMAGES), inference.layer_outputs(net, "conv")(IMAGES)
    assert [layer.name for layer in net.layers] == [layer.name for layer in pixel_net().layers]
    for now, then in zip(net.get_weights(), before, strict=True):
        np.testing.assert_array_equal(now, then)


def test_layers_without_maps_and_layers_of_other_nets_are_named_with_their_reason(monkeypatch):
    monkeypatch.setattr(inference, "load_model", {"small": pixel_net()}.get)
    reasons = inference.unfit_layers(["conv", "pool", "fire2"], net="small")
    assert (
        set(reasons) == {"pool", "fire2"}
        and "no rows and columns" in reasons["pool"]
        and reasons["fire2"] == "not in small"
    )


def test_nets_that_would_have_to_be_downloaded_are_named_with_their_reason(monkeypatch):
    monkeypatch.setattr(inference, "model_is_here", lambda name: name == "tinynet")
    assert list(inference.missing_models(["tinynet", "squeezenet"])) == ["squeezenet"]


def net_of_two_kinds(size):
    """Two convolutions without padding, of stride 2, then linear scores: of any size, or, for a number, with a Flatten that fixes it."""
    images = keras.Input((size, size, 3))
    x = keras.layers.Conv2D(4, 3, strides=2)(keras.layers.Conv2D(4, 3, strides=2)(images))
    x = keras.layers.Flatten()(x) if size else keras.layers.GlobalAveragePooling2D()(x)
    return inference.wrap_model(
        keras.Model(images, keras.layers.Dense(2)(x)), image_size=size or 24
    )


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
def test_a_picture_of_a_size_that_a_net_cannot_take_gets_one_sentence(ask, size, wrong):
    with pytest.raises(
        ValueError,
        match=rf"^Pictures of {wrong[0]} x {wrong[1]} pixels do not get through this net; it was",
    ) as caught:
        ask(net_of_two_kinds(size), random(*wrong, 3))
    assert "\n" not in str(caught.value)
    ask(net_of_two_kinds(size), random(size or 7, size or 7, 3))
