"""Networks small enough to be written down: tests compare with plain numpy, which stands beside."""

from collections.abc import Callable
from functools import cache

import numpy as np
import pytest

from lecture_lib.models import classifiers, zoo
from lecture_lib.models.backend import keras
from lecture_lib.models.surgery import named, without_classes

layers = keras.layers


def random(*shape, seed=0):
    """Numbers in [0, 1), float32: images, when the shape is that of images."""
    return np.random.default_rng(seed).random(shape, np.float32)


def normal(*shape, seed=0):
    """Numbers of mean 0 and deviation 1, float32."""
    return np.random.default_rng(seed).standard_normal(shape, np.float32)


def softmax(logits):
    """exp S_c / Σ exp S of rows of logits."""
    powers = np.exp(logits - logits.max(axis=-1, keepdims=True))
    return powers / powers.sum(axis=-1, keepdims=True)


def linear_net(weights, *, bias=0.0):
    """S_c(I) = Σ weights[..., c] · I + bias. weights: (H, W, C, classes)."""
    *shape, classes = weights.shape
    images = keras.Input(shape, name="image")
    dense = layers.Dense(classes, name="scores")
    model = keras.Model(images, dense(layers.Flatten(name="flatten")(images)))
    dense.set_weights([weights.reshape(-1, classes), np.broadcast_to(np.float32(bias), (classes,))])
    return named(model, class_names=None, image_size=weights.shape[0])


@cache
def pixel_net():
    """φ(I) = relu(I · kernel + bias) pixel by pixel ("conv"), its mean ("pool"), 3 linear logits.

    See `pixel_features`.
    """
    images = keras.Input((None, None, 3), name="image")
    maps = layers.Conv2D(4, 1, activation="relu", name="conv")(images)
    pooled = layers.GlobalAveragePooling2D(name="pool")(maps)
    model = keras.Model(images, layers.Dense(3, name="scores")(pooled))
    model.get_layer("conv").set_weights([normal(1, 1, 3, 4, seed=1), 0.1 * normal(4, seed=2)])
    model.get_layer("scores").set_weights([normal(4, 3, seed=3), normal(3, seed=4)])
    return named(model, class_names=("tench", "goldfish", "great white shark"), image_size=6)


def pixel_weights(layer, dtype):
    """Kernel and bias of a layer of `pixel_net`."""
    return [np.asarray(weight, dtype) for weight in pixel_net().get_layer(layer).get_weights()]


def pixel_features(images, *, dtype=np.float64):
    """φ of `pixel_net` in numpy and in double precision: (N, H, W, 3) -> (N, H, W, 4)."""
    kernel, bias = pixel_weights("conv", dtype)
    return np.maximum(np.asarray(images, dtype) @ kernel[0, 0] + bias, 0)


def pixel_scores(images, *, dtype=np.float64):
    """The logits of `pixel_net` in numpy and in double precision: (N, H, W, 3) -> (N, 3)."""
    kernel, bias = pixel_weights("scores", dtype)
    return pixel_features(images, dtype=dtype).mean(axis=(1, 2)) @ kernel + bias


@cache
def headless_net():
    """Maps and nothing behind them, as with include_top=False, and no bias: black gives 0."""
    keras.utils.set_random_seed(5)
    images = keras.Input((None, None, 3), name="image")
    convolution = layers.Conv2D(
        6, 3, padding="same", use_bias=False, activation="relu", name="conv"
    )
    return without_classes(
        keras.Model(images, layers.MaxPooling2D(name="last")(convolution(images))), image_size=12
    )


@cache
def small_net(*, classes=5):
    """Two 3x3 convolutions, the mean, linear logits; all weights random, and always the same."""
    keras.utils.set_random_seed(7)
    images = keras.Input((None, None, 3), name="image")
    x = layers.Conv2D(6, 3, padding="same", activation="relu", name="conv1")(images)
    x = layers.ReLU(name="relu2")(layers.Conv2D(8, 3, padding="same", name="conv2")(x))
    x = layers.GlobalAveragePooling2D(name="pool")(x)
    model = keras.Model(images, layers.Dense(classes, name="scores")(x))
    for number, layer in enumerate(layer for layer in model.layers if layer.weights):
        shapes = [weight.shape for weight in layer.weights]
        drawn = [normal(*shape, seed=10 * number + part) for part, shape in enumerate(shapes)]
        layer.set_weights([0.5 * weight for weight in drawn])
    return named(model, class_names=None, image_size=12)


@cache
def random_tinynet():
    """The bundled networks' architecture with untrained weights, always the same."""
    keras.utils.set_random_seed(3)
    return named(classifiers.tinynet(7), class_names=None, image_size=64)


# Where networks of Keras are cut: by then each kind of block has come, and what follows repeats it.
LAST_BLOCKS = {
    "resnet50v2": "conv3_block1_out",
    "mobilenetv2": "block_5_add",
    "vgg16": "block3_pool",
    "vgg19": "block3_pool",
    "inceptionv3": "mixed4",
    "densenet121": "conv3_block2_concat",
    "efficientnetv2b0": "block4b_add",
}


def first_blocks(name):
    """A network of Keras by its name in `load_model`, cut short; random weights, ten classes."""
    application = zoo.APPLICATIONS[name]
    short = cut_short(name)
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(zoo.APPLICATIONS, name, application._replace(build=lambda weights: short))
        return zoo.load_application(name, trained=False)


def cut_short(name, *, side=64):
    """The first blocks of what Keras builds under a name, with an end of its kind."""
    build = zoo.APPLICATIONS[name].build
    blocks = build(include_top=False, input_shape=(side, side, 3), weights=None)
    x = blocks.get_layer(LAST_BLOCKS[name]).output
    if name.startswith("vgg"):
        x = layers.Dense(32, activation="relu")(layers.Flatten()(x))
    else:
        # ResNet and MobileNet end in a normalization and a ReLU of their own before they pool.
        x = layers.ReLU(6.0 if name == "mobilenetv2" else None)(layers.BatchNormalization()(x))
        x = layers.GlobalAveragePooling2D()(x)
    return keras.Model(blocks.input, layers.Dense(10, activation="softmax")(x))


def graph(build, *, channels=3):
    """A network of convolutions as `build` connects them; its maps are those of "end"."""
    keras.utils.set_random_seed(5)
    images = keras.Input((None, None, channels), name="image")
    end = layers.Activation("linear", name="end")(build(images))
    model = keras.Model(images, layers.Dense(2)(layers.GlobalAveragePooling2D()(end)))
    return named(model, class_names=None, image_size=24)


class Counted(layers.Layer):
    """Hands on its input, and notes the shape whenever Python runs through it."""

    def __init__(self, calls, **kwargs):
        super().__init__(**kwargs)
        self.note = calls.append

    def call(self, images):
        self.note(images.shape)
        return images

    def compute_output_shape(self, shape):  # else Keras calls the layer to find out
        return shape


def counting_net():
    """(model, calls): a network that writes into the list `calls` once for each trace."""
    calls = []
    images = keras.Input((6, 6, 3), name="image")
    x = Counted(calls)(images)
    x = layers.Conv2D(4, 3, padding="same", activation="relu", name="conv")(x)
    model = keras.Model(images, layers.Dense(3, name="scores")(layers.GlobalAveragePooling2D()(x)))
    calls.clear()
    return named(model, class_names=None, image_size=6), calls


def stops_after(function: Callable, count: int) -> Callable:
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
    """Check that the weights of a model are those that `numbers_of` copied."""
    for now, before in zip(model.get_weights(), kept, strict=True):
        if not np.array_equal(now, before):
            np.testing.assert_array_equal(now, before)  # says where
