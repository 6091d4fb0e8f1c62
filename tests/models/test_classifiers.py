"""Architectures of classifiers: any size where they allow it, and no checkerboards."""

import numpy as np
import pytest
from recipes_loader import recipe
from small_nets import normal, random

from lecture_lib.models import classifiers, surgery
from lecture_lib.models.backend import keras


def test_folded_normalization_gives_the_same_logits():
    trained = classifiers.tinynet(5, batch_normalization=True)
    normalizations = [
        layer for layer in trained.layers if isinstance(layer, keras.layers.BatchNormalization)
    ]
    for number, layer in enumerate(normalizations):
        gamma, beta, mean, deviation = normal(4, *layer.gamma.shape, seed=number)
        layer.set_weights([1 + 0.2 * gamma, 0.3 * beta, 0.3 * mean, np.exp(0.3 * deviation)])
    weights = recipe("export").folded_weights(trained)
    plain = classifiers.tinynet(5)
    for layer in plain.layers:
        layer.set_weights([weights[f"{layer.name}/{weight.name}"] for weight in layer.weights])
    images = random(2, 64, 64, 3)
    expected = trained(images, training=False)
    np.testing.assert_allclose(plain(images), expected, rtol=1e-3, atol=1e-4 * np.std(expected))


@pytest.mark.parametrize(
    "build, sizes",
    [
        (classifiers.tinynet, [(16, 16), (64, 64), (96, 96), (65, 50)]),
        (classifiers.squeezenet, [(35, 35), (64, 80)]),
    ],
)
def test_any_size_gives_one_logit_per_class(build, sizes):
    model = build(7)
    for size in sizes:
        assert model(random(2, *size, 3)).shape == (2, 7)


def test_every_strided_convolution_covers_all_pixels_alike():
    convolutions = [
        layer
        for layer in classifiers.tinynet().layers
        if isinstance(layer, keras.layers.Conv2D) and layer.strides != (1, 1)
    ]
    assert len(convolutions) == 4
    for layer in convolutions:
        assert np.all(np.mod(layer.kernel_size, layer.strides) == 0)


@pytest.mark.parametrize(
    "build, parameters",
    [
        (classifiers.tinynet, 1_838_744),
        (classifiers.mnist_cnn, 34_826),
        (classifiers.squeezenet, 1_235_496),
        (classifiers.mnist_wide, 832 + 51_264 + 3_212_288 + 10_250),
        (classifiers.protonet, 320 + 9_248 + 9_248 + 2_890 + 15 * 40 + 15 * 10),
    ],
)
def test_parameters_are_counted(build, parameters):
    assert build().count_params() == parameters


def test_dropout_acts_in_training_only():
    model = classifiers.mnist_cnn()
    images = random(2, 28, 28, 1)
    np.testing.assert_array_equal(model(images), model(images))
    assert not np.array_equal(model(images, training=True), model(images, training=True))


@pytest.mark.parametrize("side", [7, 8, 55, 56])
def test_pooling_keeps_the_last_half_filled_window(side):
    image = random(1, side, side, 1)
    images = keras.Input((side, side, 1))
    model = keras.Model(images, classifiers.ceil_max_pooling(images, "pool"))
    count = -(-(side - 3) // 2) + 1  # Caffe rounds up
    expected = np.zeros((count, count))
    for row, column in np.ndindex(count, count):
        window = image[0, 2 * row : 2 * row + 3, 2 * column : 2 * column + 3]
        expected[row, column] = window.max()
    np.testing.assert_array_equal(model(image)[0, ..., 0], np.float32(expected))


# Prototypes


def test_prototypes_measure_squared_distances():
    codes = normal(6, 40, seed=1)
    prototypes = normal(4, 40, seed=2)
    layer = classifiers.Prototypes(4)
    layer.build((None, 40))
    layer.set_weights([prototypes])
    expected = np.square(np.float64(codes)[:, None] - prototypes).sum(axis=2)
    np.testing.assert_allclose(layer(codes), expected, rtol=1e-5)


def test_a_network_with_prototypes_can_be_copied():
    model = classifiers.protonet()
    images = random(3, 28, 28, 1)
    np.testing.assert_allclose(surgery.clone(model)(images), model(images), rtol=1e-5)


def test_protonet_is_a_code_of_forty_numbers_and_logits_linear_in_its_distances():
    model = classifiers.protonet()
    names = ("code", "prototypes", "scores")
    outputs = keras.Model(model.input, {name: model.get_layer(name).output for name in names})
    found = outputs(random(3, 28, 28, 1))
    distances = found["prototypes"].numpy()
    assert found["code"].shape == (3, 40) and distances.shape == (3, 15)
    expected = distances @ model.get_layer("scores").get_weights()[0]
    np.testing.assert_allclose(found["scores"], expected, rtol=1e-4, atol=1e-5)
