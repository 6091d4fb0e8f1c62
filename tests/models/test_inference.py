"""Logits, probabilities and likeliest classes are those of the formulas."""

import numpy as np
import pytest
from small_nets import linear_net, pixel_net, pixel_scores, random, softmax

from lecture_lib.models import inference
from lecture_lib.models.backend import keras
from lecture_lib.models.layers import layer_outputs
from lecture_lib.models.surgery import named

IMAGES = random(5, 6, 6, 3)


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
    layer_outputs(net, "conv")(IMAGES)
    assert [layer.name for layer in net.layers] == [layer.name for layer in pixel_net().layers]
    for now, then in zip(net.get_weights(), before, strict=True):
        np.testing.assert_array_equal(now, then)


@pytest.mark.parametrize(
    "bad", [IMAGES * 255, IMAGES[..., :1], IMAGES[0, 0], IMAGES - 1, IMAGES * np.nan]
)
@pytest.mark.parametrize("ask", [inference.class_scores, inference.probabilities])
def test_images_that_are_none_give_a_sentence(ask, bad):
    with pytest.raises(ValueError, match="image"):
        ask(pixel_net(), bad)
