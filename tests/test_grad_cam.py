"""Class activation maps: they add up to the score, agree on a pooled linear head, and are what the full gradient says at every layer."""

import numpy as np
import pytest
from scipy.ndimage import zoom
from small_nets import (
    normal,
    pixel_features,
    pixel_net,
    pixel_scores,
    random,
    random_tinynet,
    small_net,
)

from lecture_lib.core.gradients import value_and_gradient
from lecture_lib.grad_cam import (
    cam_map,
    enlarge,
    grad_cam_map,
    grad_cam_maps,
    spatial_layers,
    weighted_sum,
)
from lecture_lib.models import classifiers
from lecture_lib.models.backend import keras, tf
from lecture_lib.models.inference import class_scores
from lecture_lib.models.surgery import named, wrap_model

layers = keras.layers
IMAGE = random(12, 10, 3)


def test_a_net_worked_by_hand():
    """Of `pixel_net`, M_c = φ w_c pixel by pixel, and α = w_c / positions."""
    image, weights = random(6, 5, 3), pixel_net().get_layer("scores").get_weights()[0]
    for class_index in range(3):
        expected = pixel_features(image) @ weights[:, class_index]
        np.testing.assert_allclose(
            cam_map(pixel_net(), image, class_index), expected, rtol=1e-4, atol=1e-5
        )
        np.testing.assert_allclose(
            grad_cam_map(pixel_net(), image, class_index),
            np.maximum(expected, 0) / 30,
            rtol=1e-4,
            atol=1e-6,
        )


def test_cam_adds_up_to_the_score():
    bias = pixel_net().get_layer("scores").get_weights()[1]
    means = [cam_map(pixel_net(), IMAGE, c).mean() for c in range(3)]
    np.testing.assert_allclose(means + bias, pixel_scores(IMAGE[None])[0], rtol=1e-4)


@pytest.mark.parametrize(
    "net, size",
    [(small_net, (12, 10, 3)), (random_tinynet, (64, 96, 3)), (random_tinynet, (80, 64, 3))],
)
def test_cam_is_grad_cam_up_to_scale_on_a_pooled_linear_head(net, size):
    image = random(*size)
    for class_index in range(5):
        cam = cam_map(net(), image, class_index, full_size=False)
        grad_cam = grad_cam_map(net(), image, class_index, full_size=False)
        np.testing.assert_allclose(np.maximum(cam, 0) / cam.size, grad_cam, rtol=1e-4, atol=1e-7)


@pytest.mark.parametrize(
    "last",
    [
        [
            layers.GlobalAveragePooling2D(),
            layers.Dropout(0.5),
            layers.Dense(4),
            layers.Activation("linear"),
        ],
        [layers.GlobalAveragePooling2D(keepdims=True), layers.Flatten(), layers.Dense(4)],
        [layers.GlobalAveragePooling2D()],
    ],
)
def test_cam_finds_the_head_where_there_is_one(last):
    net = wrap_model(
        keras.Sequential([keras.Input((12, 10, 3)), layers.Conv2D(4, 3, activation="relu"), *last])
    )
    for class_index in range(4):
        bias = sum(
            layer.get_weights()[1][class_index]
            for layer in net.layers
            if isinstance(layer, layers.Dense)
        )
        total = cam_map(net, IMAGE, class_index, full_size=False).mean() + bias
        np.testing.assert_allclose(
            total, class_scores(net, IMAGE)[class_index], rtol=1e-3, atol=1e-5
        )


@pytest.mark.parametrize(
    "last",
    [
        [layers.Flatten(), layers.Dense(4)],
        [layers.GlobalMaxPooling2D(), layers.Dense(4)],
        [layers.GlobalAveragePooling2D(), layers.Dense(5, activation="relu"), layers.Dense(4)],
        [layers.GlobalAveragePooling2D(), layers.Dense(4, activation="tanh")],
    ],
)
def test_cam_says_when_a_net_ends_otherwise(last):
    net = wrap_model(
        keras.Sequential([keras.Input((12, 10, 3)), layers.Conv2D(4, 3, activation="relu"), *last])
    )
    with pytest.raises(ValueError, match="ends in global average pooling and one linear layer"):
        cam_map(net, IMAGE, 0)
    assert grad_cam_map(net, IMAGE, 0).shape == IMAGE.shape[:2]


def shifted_net(net, name):
    """The net with something added to the output of one layer: (images, shift) -> scores."""
    shift = keras.Input(net.get_layer(name).output.shape[1:])

    def call(layer):
        return (
            (lambda *given: layers.Add()([layer(*given), shift])) if layer.name == name else layer
        )

    return keras.Model([net.input, shift], net._run_through_graph(net.input, operation_fn=call))


@pytest.mark.parametrize(
    "layer",
    [
        "edges_conv",
        "block1_relu",
        "block1_pool",
        "block1_shortcut",
        "block2",
        "block3_conv2",
        "block4_add",
    ],
)
def test_at_every_layer_it_is_what_the_full_gradient_says(layer):
    """Beside a layer in a residual block runs a shortcut. What is added to the layer alone moves the score by ∂S/∂A."""
    net, image = random_tinynet(), random(32, 32, 3)
    maps = keras.Model(net.input, net.get_layer(layer).output)(image[None])
    other = shifted_net(net, layer)
    largest = 0
    for class_index in range(3):
        score = lambda shift: other([tf.constant(image[None]), shift])[:, class_index]
        slopes = value_and_gradient(score, np.zeros(maps.shape))[1]
        expected = np.maximum(np.sum(slopes.mean(axis=(1, 2), keepdims=True) * maps, axis=-1), 0)[0]
        found = grad_cam_map(net, image, class_index, layer=layer, full_size=False)
        np.testing.assert_allclose(found, expected, rtol=1e-3, atol=1e-7)
        largest = max(largest, expected.max())
    assert largest > 1e-5


def test_all_layers_at_once_are_each_alone():
    together = grad_cam_maps(small_net(), IMAGE, 2)
    assert tuple(together) == spatial_layers(small_net()) == ("conv1", "conv2", "relu2")
    for layer, heatmap in together.items():
        np.testing.assert_allclose(
            heatmap, grad_cam_map(small_net(), IMAGE, 2, layer=layer), rtol=1e-4, atol=1e-7
        )


def test_by_default_it_is_the_last_layer_with_a_map():
    images = keras.Input((12, 10, 3))
    x = layers.GlobalAveragePooling2D(keepdims=True, name="pool")(
        layers.Conv2D(4, 3, name="conv")(images)
    )
    net = wrap_model(keras.Model(images, layers.Flatten()(layers.Conv2D(3, 1, name="head")(x))))
    assert spatial_layers(net)[-1] == "conv"
    np.testing.assert_array_equal(
        grad_cam_map(net, IMAGE, 1), grad_cam_map(net, IMAGE, 1, layer="conv")
    )


def test_weighted_sum_is_the_formula():
    activations, slopes = normal(4, 5, 6), normal(4, 5, 6, seed=1)
    expected = sum(slopes[..., k].mean() * activations[..., k] for k in range(6))
    np.testing.assert_allclose(
        weighted_sum(activations, slopes), np.where(expected > 0, expected, 0), rtol=1e-4, atol=1e-6
    )


def test_enlarging_is_bilinear():
    coarse = normal(4, 5)
    np.testing.assert_allclose(
        enlarge(coarse, (12, 15)),
        zoom(coarse, 3, order=1, mode="nearest", grid_mode=True),
        rtol=1e-4,
        atol=1e-6,
    )
    np.testing.assert_array_equal(enlarge(coarse, (4, 5)), coarse)


def test_a_gray_picture_of_a_net_that_ends_in_dense():
    net = named(classifiers.mnist_cnn(), class_names=None, image_size=28)
    for layer, side in ("conv1", 26), ("pool2", 5):
        assert grad_cam_map(net, random(28, 28, 1), 4, layer=layer, full_size=False).shape == (
            side,
            side,
        )


def test_a_layer_that_has_no_map_gives_a_sentence():
    with pytest.raises(ValueError, match="no layer 'conv9'; its layers are conv1"):
        grad_cam_map(small_net(), IMAGE, 0, layer="conv9")
    with pytest.raises(
        ValueError, match="'pool' has no rows and columns; those that have are conv1, conv2, relu2"
    ):
        grad_cam_map(small_net(), IMAGE, 0, layer="pool")
