"""Architectures of classifiers, written out: images in [0, 1] -> logits.

Each function returns an untrained `keras.Model`. They run on any backend of Keras, as the recipes
that train them do.
"""

from functools import partial
from typing import no_type_check

import keras
from keras import Input, Model, layers

from lecture_lib.datasets.shapes import Tensor, TensorImages


def tinynet(classes: int = 40, *, batch_normalization: bool = False) -> Model:
    """Build a residual network for 64x64 photographs, with large filters in its first layer.

    8x8 filters, four blocks, average pooling, one linear layer; images (N, H, W, 3) in [0, 1], any
    H and W from 16 on. Where a convolution halves the image, its kernel size is divisible by its
    stride, and shortcuts average before they project: both keep checkerboards out of the gradients.

    Args:
        classes: how many logits come out.
        batch_normalization: True for training; False builds the same network after normalization
            was folded into the convolutions, as it is stored.

    Source:
        He et al., Deep residual learning for image recognition, 2016; Odena et al., Deconvolution
        and checkerboard artifacts, 2016.
    """
    convolution = partial(_convolution, batch_normalization=batch_normalization)
    block = partial(_residual_block, convolution)
    images = Input((None, None, 3), name="image")
    x = layers.Rescaling(2.0, offset=-1.0, name="to_minus_one_one")(images)
    x = layers.ReLU(name="edges")(convolution(x, 48, size=8, stride=2, name="edges_conv"))
    x = block(x, 64, stride=2, name="block1")
    x = block(x, 128, stride=2, name="block2")
    x = block(x, 128, stride=1, name="block3")
    x = block(x, 256, stride=2, name="block4")
    x = layers.GlobalAveragePooling2D(name="pool")(x)
    return Model(images, layers.Dense(classes, name="scores")(x))


def _convolution(
    x: Tensor,
    filters: int,
    *,
    size: int,
    name: str,
    stride: int = 1,
    batch_normalization: bool,
) -> Tensor:
    use_bias = not batch_normalization
    x = layers.Conv2D(filters, size, stride, padding="same", use_bias=use_bias, name=name)(x)
    if not batch_normalization:
        return x
    return layers.BatchNormalization(momentum=0.9, epsilon=1e-5, name=f"{name}_norm")(x)


def _residual_block(
    convolution: partial, x: Tensor, filters: int, *, stride: int, name: str
) -> Tensor:
    """ReLU(F(x) + shortcut of x); F: two convolutions with a ReLU between them."""
    shortcut = x
    if stride > 1:
        pool = layers.AveragePooling2D(stride, padding="same", name=f"{name}_pool")
        shortcut = pool(shortcut)
    if filters != x.shape[-1]:
        shortcut = convolution(shortcut, filters, size=1, name=f"{name}_shortcut")
    size = 4 if stride == 2 else 3
    x = convolution(x, filters, size=size, stride=stride, name=f"{name}_conv1")
    x = layers.ReLU(name=f"{name}_relu")(x)
    x = convolution(x, filters, size=3, name=f"{name}_conv2")
    return layers.ReLU(name=name)(layers.Add(name=f"{name}_add")([x, shortcut]))


def mnist_cnn() -> Model:
    """Build the slides' classifier of digits: two convolutions and one linear layer.

    34,826 parameters; 3x3 filters, each layer of them halved by max pooling; images (N, 28, 28, 1)
    in [0, 1], white ink on black. Dropout acts in training only.
    """
    images = Input((28, 28, 1), name="image")
    x = layers.Conv2D(32, 3, activation="relu", name="conv1")(images)
    x = layers.MaxPooling2D(2, name="pool1")(x)
    x = layers.Conv2D(64, 3, activation="relu", name="conv2")(x)
    x = layers.MaxPooling2D(2, name="pool2")(x)
    x = layers.Dropout(0.5, name="dropout")(layers.Flatten(name="flatten")(x))
    return Model(images, layers.Dense(10, name="scores")(x))


def mnist_wide() -> Model:
    """Build the classifier of digits of the defenses: two wide convolutions, two linear layers.

    3,274,634 parameters; images (N, 28, 28, 1) in [0, 1], its features "pool2"
    are (N, 7, 7, 64).

    Source:
        Madry et al., Towards deep learning models resistant to adversarial attacks, 2018.
    """
    images = Input((28, 28, 1), name="image")
    x = layers.Conv2D(32, 5, padding="same", activation="relu", name="conv1")(images)
    x = layers.MaxPooling2D(2, name="pool1")(x)
    x = layers.Conv2D(64, 5, padding="same", activation="relu", name="conv2")(x)
    x = layers.MaxPooling2D(2, name="pool2")(x)
    x = layers.Dense(1024, activation="relu", name="hidden")(layers.Flatten(name="flatten")(x))
    return Model(images, layers.Dense(10, name="scores")(x))


def protonet(prototypes: int = 15) -> Model:
    """Build a classifier of digits that compares: logits are linear in distances to prototypes.

    Four convolutions make a code of 2x2x10 numbers of an image (N, 28, 28, 1) in [0, 1]. Its layers
    are "code", (N, 40), and "prototypes", the squared distances, (N, prototypes).

    Args:
        prototypes: how many it learns.

    Source:
        Li et al., Deep learning for case-based reasoning through prototypes, 2018.
    """
    images = Input((28, 28, 1), name="image")
    halved = partial(layers.Conv2D, kernel_size=3, strides=2, padding="same")
    x = halved(32, activation="relu", name="conv1")(images)
    x = halved(32, activation="relu", name="conv2")(x)
    x = halved(32, activation="relu", name="conv3")(x)
    x = halved(10, activation="sigmoid", name="conv4")(x)
    distances = Prototypes(prototypes, name="prototypes")(layers.Flatten(name="code")(x))
    return Model(images, layers.Dense(10, use_bias=False, name="scores")(distances))


@keras.saving.register_keras_serializable("lecture_lib")
class Prototypes(layers.Layer):
    """Squared distances of codes to learned prototypes: ‖z − p_j‖², (N, numbers) -> (N, count).

    Args:
        count: how many prototypes p_j.
    """

    @no_type_check  # Keras reads the signature, which a checker around it would hide
    def __init__(self, count: int, **kwargs) -> None:
        super().__init__(**kwargs)
        self.count = count

    def build(self, shape: tuple) -> None:
        """Draw the prototypes at random."""
        self.kernel = self.add_weight(
            shape=(self.count, shape[-1]),
            initializer=keras.initializers.RandomUniform(0, 1),
            name="kernel",
        )

    def call(self, codes: Tensor) -> Tensor:
        """Return the distances."""
        return keras.ops.sum(keras.ops.square(codes[:, None] - self.kernel), axis=-1)

    def get_config(self) -> dict:
        """Return the settings, so that the layer can be copied and stored."""
        return super().get_config() | {"count": self.count}


def squeezenet(classes: int = 1000) -> Model:
    """Build SqueezeNet 1.1: a strided convolution, eight fire modules, a 1x1 classifier, a mean.

    Images (N, H, W, 3) in [0, 1], made for 227x227, any size from 35 on.

    Args:
        classes: how many logits come out.

    Source:
        Iandola et al., SqueezeNet: AlexNet-level accuracy with 50x fewer parameters, 2016.
    """
    images = Input((None, None, 3), name="image")
    # The original subtracts (104, 117, 123) from BGR in 0..255; here the first weights are turned
    # to RGB when they are read.
    x = layers.Rescaling(255.0, offset=[-123.0, -117.0, -104.0], name="subtract_mean")(images)
    x = layers.Conv2D(64, 3, 2, activation="relu", name="conv1")(x)
    x = ceil_max_pooling(x, "pool1")
    x = _fire(x, squeeze=16, expand=64, name="fire2")
    x = _fire(x, squeeze=16, expand=64, name="fire3")
    x = ceil_max_pooling(x, "pool2")
    x = _fire(x, squeeze=32, expand=128, name="fire4")
    x = _fire(x, squeeze=32, expand=128, name="fire5")
    x = ceil_max_pooling(x, "pool3")
    for number, squeeze in ((6, 48), (7, 48), (8, 64), (9, 64)):
        x = _fire(x, squeeze=squeeze, expand=4 * squeeze, name=f"fire{number}")
    x = layers.Conv2D(classes, 1, activation="relu", name="conv10")(x)
    return Model(images, layers.GlobalAveragePooling2D(name="scores")(x))


def _fire(x: Tensor, *, squeeze: int, expand: int, name: str) -> Tensor:
    """Few 1x1 filters, then many of 1x1 beside many of 3x3."""
    x = layers.Conv2D(squeeze, 1, activation="relu", name=f"{name}_squeeze1x1")(x)
    expand_3x3 = layers.Conv2D(
        expand, 3, padding="same", activation="relu", name=f"{name}_expand3x3"
    )
    left = layers.Conv2D(expand, 1, activation="relu", name=f"{name}_expand1x1")(x)
    right = expand_3x3(x)
    return layers.Concatenate(name=name)([left, right])


def ceil_max_pooling(x: TensorImages, name: str) -> TensorImages:
    """Apply 3x3 max pooling of stride 2 that keeps the last half-filled window, like Caffe's.

    It pads on the right and below only, with zeros: after a ReLU a zero never wins.
    """
    padded = layers.ZeroPadding2D(((0, 1), (0, 1)), name=f"{name}_pad")(x)
    return layers.MaxPooling2D(3, 2, name=name)(padded)
