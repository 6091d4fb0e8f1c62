"""Nets small enough to be written down: what the tests compare with is plain numpy beside them."""

from functools import cache

import numpy as np

from lecture_lib.models import classifiers
from lecture_lib.models.backend import keras
from lecture_lib.models.surgery import named


def random(*shape, seed=0):
    """Numbers in [0, 1), float32: images, when the shape is that of images."""
    return np.random.default_rng(seed).random(shape, np.float32)


def normal(*shape, seed=0):
    return np.random.default_rng(seed).standard_normal(shape, np.float32)


def linear_net(weights, *, bias=0.0):
    """S_c(I) = Σ weights[..., c] · I + bias. weights: (H, W, C, classes)."""
    images = keras.Input(weights.shape[:3], name="image")
    dense = keras.layers.Dense(weights.shape[3], name="scores")
    model = keras.Model(images, dense(keras.layers.Flatten(name="flatten")(images)))
    dense.set_weights(
        [
            weights.reshape(-1, weights.shape[3]),
            np.broadcast_to(np.float32(bias), weights.shape[3:]),
        ]
    )
    return named(model, class_names=None, image_size=weights.shape[0])


@cache
def pixel_net():
    """φ(I) = relu(I · kernel + bias) pixel by pixel ("conv"), its mean ("pool"), then 3 linear scores. See `pixel_features`."""
    images = keras.Input((None, None, 3), name="image")
    maps = keras.layers.Conv2D(4, 1, activation="relu", name="conv")(images)
    model = keras.Model(
        images,
        keras.layers.Dense(3, name="scores")(
            keras.layers.GlobalAveragePooling2D(name="pool")(maps)
        ),
    )
    model.get_layer("conv").set_weights([normal(1, 1, 3, 4, seed=1), 0.1 * normal(4, seed=2)])
    model.get_layer("scores").set_weights([normal(4, 3, seed=3), normal(3, seed=4)])
    return named(model, class_names=("tench", "goldfish", "great white shark"), image_size=6)


def pixel_features(images, *, dtype=np.float64):
    """φ of `pixel_net` in numpy and in double precision: (N, H, W, 3) -> (N, H, W, 4)."""
    kernel, bias = (
        np.asarray(weight, dtype) for weight in pixel_net().get_layer("conv").get_weights()
    )
    return np.maximum(np.asarray(images, dtype) @ kernel[0, 0] + bias, 0)


def pixel_scores(images, *, dtype=np.float64):
    """The scores of `pixel_net` in numpy and in double precision: (N, H, W, 3) -> (N, 3)."""
    kernel, bias = (
        np.asarray(weight, dtype) for weight in pixel_net().get_layer("scores").get_weights()
    )
    return pixel_features(images, dtype=dtype).mean(axis=(1, 2)) @ kernel + bias


@cache
def small_net(*, classes=5):
    """Two 3x3 convolutions of any image, the mean, linear scores; every layer has random weights, always the same."""
    keras.utils.set_random_seed(7)
    images = keras.Input((None, None, 3), name="image")
    x = keras.layers.Conv2D(6, 3, padding="same", activation="relu", name="conv1")(images)
    x = keras.layers.ReLU(name="relu2")(keras.layers.Conv2D(8, 3, padding="same", name="conv2")(x))
    x = keras.layers.GlobalAveragePooling2D(name="pool")(x)
    model = keras.Model(images, keras.layers.Dense(classes, name="scores")(x))
    for number, layer in enumerate(layer for layer in model.layers if layer.weights):
        layer.set_weights(
            [
                0.5 * normal(*weight.shape, seed=10 * number + part)
                for part, weight in enumerate(layer.get_weights())
            ]
        )
    return named(model, class_names=None, image_size=12)


@cache
def random_tinynet():
    """The bundled nets' architecture with untrained weights, always the same."""
    keras.utils.set_random_seed(3)
    return named(classifiers.tinynet(7), class_names=None, image_size=64)


def counting_net():
    """(model, calls): a linear net that writes into the list `calls` whenever Python runs through it: once for each trace."""
    calls = []

    class Counted(keras.layers.Layer):
        def call(self, images):
            calls.append(images.shape)
            return images

        def compute_output_shape(self, shape):  # else Keras calls the layer to find out
            return shape

    images = keras.Input((6, 6, 3), name="image")
    x = keras.layers.Conv2D(4, 3, padding="same", name="conv")(Counted()(images))
    model = keras.Model(
        images, keras.layers.Dense(3, name="scores")(keras.layers.GlobalAveragePooling2D()(x))
    )
    calls.clear()
    return named(model, class_names=None, image_size=6), calls


def stops_after(function, count):
    """The function, in whose place Ctrl-C comes after so many calls."""
    left = iter(range(count))

    def stops(*arguments):
        if next(left, None) is None:
            raise KeyboardInterrupt
        return function(*arguments)

    return stops


def numbers_of(model):
    """A copy of all weights of a model, to see later that they stayed."""
    return [weight.copy() for weight in model.get_weights()]


def assert_same_numbers(model, kept):
    for now, before in zip(model.get_weights(), kept, strict=True):
        np.testing.assert_array_equal(now, before)
