"""Class activation maps: they add up to the score and are what the full gradient says."""

from functools import cache

import numpy as np
import pytest
from scipy.ndimage import zoom
from small_nets import (
    counting_net,
    normal,
    pixel_features,
    pixel_net,
    pixel_scores,
    random,
    random_tinynet,
    small_net,
)

from lecture_lib.core.gradients import gradient
from lecture_lib.core.scores import Score
from lecture_lib.grad_cam import (
    cam_map,
    competing_classes,
    contrast_map,
    enlarge,
    grad_cam_map,
    grad_cam_maps,
    predict_with_map,
    sharp_cam_map,
    spatial_layers,
    weighted_sum,
)
from lecture_lib.models import classifiers
from lecture_lib.models.backend import keras, tf
from lecture_lib.models.inference import class_scores
from lecture_lib.models.layers import layer_outputs
from lecture_lib.models.surgery import named
from lecture_lib.models.wrapping import wrap_model

layers = keras.layers
IMAGE = random(12, 10, 3)


def convolution_and(*last):
    """A network of one convolution and the layers given."""
    first = layers.Conv2D(4, 3, activation="relu")
    return wrap_model(keras.Sequential([keras.Input((12, 10, 3)), first, *last]))


def test_a_network_worked_by_hand():
    """Of `pixel_net`, M_c = φ w_c pixel by pixel, and α = w_c / positions."""
    image, weights = random(6, 5, 3), pixel_net().get_layer("scores").get_weights()[0]
    for class_index in range(3):
        expected = pixel_features(image) @ weights[:, class_index]
        cam = cam_map(pixel_net(), image, class_index)
        np.testing.assert_allclose(cam, expected, rtol=1e-4, atol=1e-5)
        grad_cam = grad_cam_map(pixel_net(), image, class_index)
        np.testing.assert_allclose(grad_cam, np.maximum(expected, 0) / 30, rtol=1e-4, atol=1e-6)


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
    net = convolution_and(*last)
    biases = [layer.get_weights()[1] for layer in net.layers if isinstance(layer, layers.Dense)]
    for class_index in range(4):
        mean = cam_map(net, IMAGE, class_index, full_size=False).mean()
        total = mean + sum(bias[class_index] for bias in biases)
        wanted = class_scores(net, IMAGE)[class_index]
        np.testing.assert_allclose(total, wanted, rtol=1e-3, atol=1e-5)


@pytest.mark.parametrize(
    "last",
    [
        [layers.Flatten(), layers.Dense(4)],
        [layers.GlobalMaxPooling2D(), layers.Dense(4)],
        [layers.GlobalAveragePooling2D(), layers.Dense(5, activation="relu"), layers.Dense(4)],
        [layers.GlobalAveragePooling2D(), layers.Dense(4, activation="tanh")],
    ],
)
def test_cam_says_when_a_network_ends_otherwise(last):
    net = convolution_and(*last)
    with pytest.raises(ValueError, match="ends in global average pooling and one linear layer"):
        cam_map(net, IMAGE, 0)
    assert grad_cam_map(net, IMAGE, 0).shape == IMAGE.shape[:2]


# Heads as people write them, from the maps of a convolution to the scores.


def pooled(x, **options):
    return layers.GlobalAveragePooling2D(**options)(x)


def scaled_by_their_sum(x):
    return x / (1e-3 + keras.ops.sum(x, axis=-1, keepdims=True))


def gated_by_means(x):
    """Squeeze and excite: each channel times a number in 0..1."""
    share = layers.Dense(4, activation="sigmoid")(layers.Dense(2, activation="relu")(pooled(x)))
    return x * layers.Reshape((1, 1, 4))(share)


def attended(x):
    """Positions weighted by a softmax over all of them, then added up."""
    rows, columns, channels = x.shape[1:]
    shares = keras.ops.softmax(
        keras.ops.reshape(layers.Conv2D(1, 1)(x), (-1, rows * columns, 1)), 1
    )
    return keras.ops.reshape(
        keras.ops.reshape(x, (-1, rows * columns, channels)) * shares, (-1, rows, columns, channels)
    )


LINEAR_HEADS = {
    "times two": lambda x: layers.Dense(4)(pooled(x * 2)),
    "ops.relu": lambda x: layers.Dense(4)(pooled(keras.ops.relu(x - 0.2))),
    "ops.mean": lambda x: layers.Dense(4)(keras.ops.mean(x, axis=(1, 2))),
    "gated by itself": lambda x: layers.Dense(4)(pooled(x * keras.ops.sigmoid(x))),
    "squeeze and excite": lambda x: layers.Dense(4)(pooled(gated_by_means(x))),
    "channels sliced": lambda x: layers.Dense(4)(pooled(x[..., 1:])),
    "means sliced": lambda x: layers.Dense(4)(pooled(x)[:, ::2]),
    "scaled after pooling": lambda x: layers.Dense(4)(layers.Rescaling(3.0, offset=1.0)(pooled(x))),
    "batch normalization after pooling": lambda x: layers.Dense(4)(
        layers.BatchNormalization(moving_mean_initializer="ones", beta_initializer="ones")(
            pooled(x)
        )
    ),
    "a temperature": lambda x: layers.Dense(4)(pooled(x)) / 0.3,
    "a temperature before softmax": lambda x: layers.Softmax()(layers.Dense(4)(pooled(x)) / 0.3),
    "two Dense layers": lambda x: layers.Dense(4)(layers.Dense(7)(pooled(x))),
    "a convolution as the head": lambda x: layers.Flatten()(
        layers.Conv2D(4, 1)(pooled(x, keepdims=True))
    ),
    "class maps": lambda x: pooled(layers.Conv2D(4, 1)(x)),
    "attention": lambda x: layers.Dense(4)(keras.ops.sum(attended(x), axis=(1, 2))),
    "scores added to others": lambda x: layers.Dense(4)(pooled(x)) + 2.0,
    "no bias": lambda x: layers.Dense(4, use_bias=False)(pooled(x)),
}
OTHER_HEADS = {
    "rows sliced": lambda x: layers.Dense(4)(pooled(x[:, 2:])),
    "cropped": lambda x: layers.Dense(4)(pooled(layers.Cropping2D(1)(x))),
    "sliced, then normalized": lambda x: layers.Dense(4)(
        pooled(layers.BatchNormalization()(x[:, :, 1:]))
    ),
    "means normalized": lambda x: layers.Dense(4)(layers.UnitNormalization()(pooled(x))),
    "layer normalization": lambda x: layers.Dense(4)(layers.LayerNormalization()(pooled(x))),
    "means to the power": lambda x: layers.Dense(4)(keras.ops.sqrt(pooled(x) + 1e-3)),
    "a hidden layer without bias": lambda x: layers.Dense(4)(
        layers.Dense(6, activation="relu", use_bias=False)(pooled(x))
    ),
    "hard swish": lambda x: layers.Dense(4)(layers.Dense(6, activation="hard_silu")(pooled(x))),
    "mean and maximum": lambda x: layers.Dense(4)(
        layers.Concatenate()([pooled(x), layers.GlobalMaxPooling2D()(x)])
    ),
    "generalized mean": lambda x: layers.Dense(4)(pooled(x**3) ** (1 / 3)),
    "scores scaled": lambda x: layers.UnitNormalization()(layers.Dense(4)(pooled(x))),
    "every position": lambda x: layers.Dense(4)(layers.Flatten()(x)),
    "the middle": lambda x: layers.Dense(4)(x[:, 5, 4]),
    "two scales": lambda x: layers.Dense(4)(
        layers.Concatenate()([pooled(x), pooled(layers.Conv2D(3, 3, activation="relu")(x))])
    ),
}


def headed(head):
    """A network with that head; its biases are not 0."""
    keras.utils.set_random_seed(1)
    images = keras.Input((12, 10, 3))
    x = layers.Conv2D(4, 3, activation="relu", name="conv")(images)
    model = keras.Model(images, head(x))
    for layer in model.layers:
        if isinstance(layer, layers.Dense | layers.Conv2D) and layer.use_bias:
            layer.bias.assign(0.1 * normal(*layer.bias.shape, seed=3))
    return wrap_model(model, pixel_range=(0, 1))


@pytest.mark.parametrize("name", LINEAR_HEADS)
def test_cam_is_exact_wherever_scores_are_linear_in_means(name):
    """Between two images, the scores differ as the means of the maps do: the bias is one number."""
    net = headed(LINEAR_HEADS[name])
    images = random(3, 12, 10, 3, seed=5)
    scores = class_scores(net, images)
    for class_index in range(4):
        maps = [cam_map(net, image, class_index, full_size=False) for image in images]
        assert maps[0].shape == (10, 8)
        rest = [score[class_index] - one.mean() for score, one in zip(scores, maps, strict=True)]
        np.testing.assert_allclose(rest, rest[0], rtol=1e-3, atol=1e-4)


@pytest.mark.parametrize("name", OTHER_HEADS)
def test_cam_refuses_what_is_not_linear_in_means(name):
    net = headed(OTHER_HEADS[name])
    with pytest.raises(ValueError, match="mean of the map plus the bias is the score"):
        cam_map(net, IMAGE, 1)
    assert grad_cam_map(net, IMAGE, 1).shape == IMAGE.shape[:2]


class Shift(layers.Layer):
    """Adds `by`, which is set before the network is called."""

    by = 0.0

    def call(self, maps):
        return maps + self.by


def shifted_net(net, name):
    """The network with a Shift behind one of its layers, and that Shift."""
    shift = Shift()

    def call(layer, *inputs, **options):
        outputs = layer(*inputs, **options)
        return shift(outputs) if layer.name == name else outputs

    return keras.models.clone_model(net, clone_function=same_layer, call_function=call), shift


def same_layer(layer):
    return layer


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
    """A shortcut passes a residual block's layers by, so only the layer's own output is shifted."""
    net, image = random_tinynet(), random(32, 32, 3)
    maps = keras.Model(net.input, net.get_layer(layer).output)(image[None]).numpy()
    other, shift = shifted_net(net, layer)

    def score_of_shift(by, class_index):
        shift.by = by
        return tf.gather(other(image[None]), class_index, axis=1)

    largest = 0
    for class_index in range(3):
        gradients = gradient(Score(score_of_shift, class_index), np.zeros(maps.shape))
        alpha = gradients.mean(axis=(1, 2), keepdims=True)
        expected = np.maximum(np.sum(alpha * maps, axis=-1), 0)[0]
        found = grad_cam_map(net, image, class_index, layer=layer, full_size=False)
        np.testing.assert_allclose(found, expected, rtol=1e-3, atol=1e-7)
        largest = max(largest, expected.max())
    assert largest > 1e-5


def test_all_layers_at_once_are_each_alone():
    together = grad_cam_maps(small_net(), IMAGE, 2)
    assert tuple(together) == spatial_layers(small_net()) == ("conv1", "conv2", "relu2")
    for layer, heatmap in together.items():
        alone = grad_cam_map(small_net(), IMAGE, 2, layer=layer)
        np.testing.assert_allclose(heatmap, alone, rtol=1e-4, atol=1e-7)


@pytest.mark.parametrize("classes", [[3], [0, 4, 1], np.arange(5).repeat(8)])
@pytest.mark.parametrize("full_size", [True, False])
def test_several_classes_at_once_are_each_alone(classes, full_size):
    together = grad_cam_maps(small_net(), IMAGE, classes, full_size=full_size)
    assert tuple(together) == spatial_layers(small_net())
    options = {"full_size": full_size}
    for layer, heatmaps in together.items():
        each = [grad_cam_map(small_net(), IMAGE, int(c), layer=layer, **options) for c in classes]
        assert np.max(each) > 0
        np.testing.assert_allclose(heatmaps, each, rtol=1e-4, atol=1e-7)


def test_any_number_of_classes_and_any_picture_compile_one_graph():
    net, calls = counting_net()
    grad_cam_maps(net, random(6, 6, 3), [0, 1])
    calls.clear()
    grad_cam_maps(net, random(6, 6, 3, seed=1), [2, 0, 1])
    grad_cam_maps(net, random(6, 6, 3, seed=2), [1])
    assert not calls


def test_several_classes_must_all_be_classes_of_the_network():
    with pytest.raises(ValueError, match="5 classes, numbered from 0 to 4"):
        grad_cam_maps(small_net(), IMAGE, [0, 5])
    with pytest.raises(ValueError, match="One class is asked for"):
        grad_cam_map(small_net(), IMAGE, [0, 1])


def test_by_default_it_is_the_last_layer_with_a_map():
    images = keras.Input((12, 10, 3))
    x = layers.Conv2D(4, 3, name="conv")(images)
    x = layers.GlobalAveragePooling2D(keepdims=True, name="pool")(x)
    net = wrap_model(keras.Model(images, layers.Flatten()(layers.Conv2D(3, 1, name="head")(x))))
    assert spatial_layers(net)[-1] == "conv"
    by_name = grad_cam_map(net, IMAGE, 1, layer="conv")
    np.testing.assert_array_equal(grad_cam_map(net, IMAGE, 1), by_name)


def test_weighted_sum_is_the_formula():
    activations, gradients = normal(4, 5, 6), normal(4, 5, 6, seed=1)
    summed = sum(gradients[..., k].mean() * activations[..., k] for k in range(6))
    expected = np.where(summed > 0, summed, 0)
    found = weighted_sum(activations, gradients)
    np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-6)


def test_enlarging_is_bilinear():
    coarse = normal(4, 5)
    expected = zoom(coarse, 3, order=1, mode="nearest", grid_mode=True)
    np.testing.assert_allclose(enlarge(coarse, (12, 15)), expected, rtol=1e-4, atol=1e-6)
    np.testing.assert_array_equal(enlarge(coarse, (4, 5)), coarse)


def test_a_gray_image_and_a_network_that_ends_in_dense():
    net = named(classifiers.mnist_cnn(), class_names=None, image_size=28)
    for layer, side in ("conv1", 26), ("pool2", 5):
        found = grad_cam_map(net, random(28, 28, 1), 4, layer=layer, full_size=False)
        assert found.shape == (side, side)


def test_a_layer_that_has_no_map_gives_a_sentence():
    with pytest.raises(ValueError, match="no layer 'conv9'; its layers are conv1"):
        grad_cam_map(small_net(), IMAGE, 0, layer="conv9")
    words = "'pool' has no rows and columns; those that have are conv1, conv2, relu2"
    with pytest.raises(ValueError, match=words):
        grad_cam_map(small_net(), IMAGE, 0, layer="pool")


@pytest.mark.parametrize("layer", [None, "conv1"])
def test_one_pass_predicts_and_maps_the_predicted_class(layer):
    found, scores = predict_with_map(small_net(), IMAGE, layer=layer)
    np.testing.assert_allclose(scores, class_scores(small_net(), IMAGE), rtol=1e-5)
    expected = grad_cam_map(small_net(), IMAGE, int(scores.argmax()), layer=layer)
    np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-7)


def test_predicting_with_a_map_refuses_a_layer_without_rows():
    with pytest.raises(ValueError, match="no rows and columns"):
        predict_with_map(small_net(), IMAGE, layer="pool")


# Why this class and not another


def test_competing_classes_are_those_with_the_nearest_logits():
    logits = class_scores(small_net(), IMAGE)
    others = [number for number in range(5) if number != 2]
    expected = sorted(others, key=lambda number: abs(logits[number] - logits[2]))
    assert competing_classes(small_net(), IMAGE, 2).tolist() == expected[:3]
    assert competing_classes(small_net(), IMAGE, 2, count=9).tolist() == expected


@pytest.mark.parametrize("competitors, weight", [(2, 1.0), ([2], 0.5), ([1, 2], 1.0), (None, 1.0)])
def test_a_contrast_worked_by_hand(competitors, weight):
    """Of `pixel_net`, M = ReLU(φ (w_c − γ mean w_d)) / positions; without any, both others are."""
    image, weights = random(6, 5, 3), pixel_net().get_layer("scores").get_weights()[0]
    others = weights[:, np.atleast_1d([1, 2] if competitors is None else competitors)]
    difference = weights[:, 0] - weight * others.mean(axis=1)
    expected = np.maximum(pixel_features(image) @ difference, 0) / 30
    found = contrast_map(pixel_net(), image, 0, competitors=competitors, weight=weight)
    assert expected.max() > 0.001
    np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-6)


def test_a_contrast_of_weight_0_is_grad_cam_at_any_layer():
    for layer in spatial_layers(small_net()):
        found = contrast_map(small_net(), IMAGE, 1, weight=0, layer=layer)
        np.testing.assert_allclose(
            found, grad_cam_map(small_net(), IMAGE, 1, layer=layer), rtol=1e-4, atol=1e-7
        )


@pytest.mark.parametrize(
    "ask, sentence",
    [
        (
            lambda: contrast_map(small_net(), IMAGE, 1, competitors=[0, 1]),
            "competing class is another",
        ),
        (lambda: contrast_map(small_net(), IMAGE, 1, competitors=[]), "whole number from 0"),
        (lambda: contrast_map(small_net(), IMAGE, 1, competitors=5), "from 0 to 4"),
        (lambda: contrast_map(small_net(), IMAGE, 1, layer="pool"), "no rows and columns"),
        (lambda: competing_classes(small_net(classes=1), IMAGE, 0), "one class alone"),
    ],
)
def test_a_contrast_that_there_is_not_gives_a_sentence(ask, sentence):
    with pytest.raises(ValueError, match=sentence):
        ask()


# Several depths at once


@cache
def shrinking_net():
    """Maps of 12 x 10, 6 x 5 and 3 x 3 positions, the mean, 3 linear logits."""
    keras.utils.set_random_seed(4)
    images = keras.Input((12, 10, 3))
    x = images
    for name in ("one", "two", "three"):
        x = layers.Conv2D(5, 3, padding="same", activation="relu", name=name)(x)
        if name != "three":
            x = layers.MaxPooling2D(padding="same", name=f"{name}_pool")(x)
    return wrap_model(
        keras.Model(images, layers.Dense(3)(layers.GlobalAveragePooling2D()(x))), image_size=12
    )


@pytest.mark.parametrize("class_index", range(3))
def test_a_sharp_map_is_the_product_of_gradient_times_activation_over_the_depths(class_index):
    net, expected = shrinking_net(), np.ones((12, 10))
    for name in ("two", "three"):
        maps = layer_outputs(net, name)(IMAGE[None])[name].numpy()
        above = keras.Model(net.get_layer(name).output, net.output)
        gradients = gradient(lambda maps, above=above: above(maps)[:, class_index], maps)
        heatmap = np.maximum(np.sum(maps * gradients, axis=-1)[0], 0)
        if heatmap.any():
            expected *= enlarge(heatmap / heatmap.max(), (12, 10))
    assert np.ptp(expected) > 0.001
    found = sharp_cam_map(net, IMAGE, class_index)
    np.testing.assert_allclose(found, expected, rtol=1e-3, atol=1e-4)
    chosen = sharp_cam_map(net, IMAGE, class_index, layers=["two", "three"])
    np.testing.assert_allclose(chosen, found, rtol=1e-5)


def test_of_one_size_the_sharp_map_is_cam_without_what_speaks_against():
    cam = np.maximum(cam_map(pixel_net(), IMAGE, 0), 0)
    np.testing.assert_allclose(sharp_cam_map(pixel_net(), IMAGE, 0), cam / cam.max(), rtol=1e-4)


def test_a_layer_that_says_nothing_is_left_out():
    """Class 2 of this network has no weight above 0, so its last map is 0 everywhere."""
    weights = [np.float32([[1, 0, -1]] * 4), np.zeros(3, np.float32)]
    net = convolution_and(layers.GlobalAveragePooling2D(), layers.Dense(3, name="scores"))
    net.get_layer("scores").set_weights(weights)
    assert (sharp_cam_map(net, IMAGE, 2) == 1).all()
    with pytest.raises(ValueError, match="no layer 'conv9'"):
        sharp_cam_map(net, IMAGE, 0, layers=["conv9"])
