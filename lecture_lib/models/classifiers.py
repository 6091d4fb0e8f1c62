"""Architectures, written out: each function returns an untrained `keras.Model` from images in [0, 1] to class scores."""

import keras
from keras import Input, Model, layers


def tinynet(classes=40, *, batch_normalization=False):
    """A residual net for 64x64 photographs: 8x8 filters, four blocks, average pooling, one linear layer.

    classes: how many scores come out. batch_normalization: with it for training; without it the same net after the
    normalization was folded into the convolutions, as it is stored. Images: (N, H, W, 3) in [0, 1], any H and W from 16 on.
    Where a convolution halves the picture, its kernel size is divisible by its stride, and shortcuts average before they
    project: both keep checkerboards out of the gradients.
    Source: He et al., Deep residual learning for image recognition, 2016; Odena et al., Deconvolution and checkerboard
    artifacts, 2016.
    """

    def convolution(x, filters, *, size, name, stride=1):
        x = layers.Conv2D(
            filters, size, stride, padding="same", use_bias=not batch_normalization, name=name
        )(x)
        return (
            layers.BatchNormalization(momentum=0.9, epsilon=1e-5, name=f"{name}_norm")(x)
            if batch_normalization
            else x
        )

    def block(x, filters, *, stride, name):
        shortcut = x
        if stride > 1:
            shortcut = layers.AveragePooling2D(stride, padding="same", name=f"{name}_pool")(
                shortcut
            )
        if filters != x.shape[-1]:
            shortcut = convolution(shortcut, filters, size=1, name=f"{name}_shortcut")
        x = convolution(
            x, filters, size=4 if stride == 2 else 3, stride=stride, name=f"{name}_conv1"
        )
        x = layers.ReLU(name=f"{name}_relu")(x)
        x = convolution(x, filters, size=3, name=f"{name}_conv2")
        return layers.ReLU(name=name)(layers.Add(name=f"{name}_add")([x, shortcut]))

    images = Input((None, None, 3), name="image")
    x = layers.Rescaling(2.0, offset=-1.0, name="to_minus_one_one")(images)
    x = layers.ReLU(name="edges")(convolution(x, 48, size=8, stride=2, name="edges_conv"))
    for name, filters, stride in (
        ("block1", 64, 2),
        ("block2", 128, 2),
        ("block3", 128, 1),
        ("block4", 256, 2),
    ):
        x = block(x, filters, stride=stride, name=name)
    x = layers.GlobalAveragePooling2D(name="pool")(x)
    return Model(images, layers.Dense(classes, name="scores")(x))


def mnist_cnn():
    """The slides' digit reader: two 3x3 convolutions, each halved by max pooling, then one linear layer; 34,826 parameters.

    Images: (N, 28, 28, 1) in [0, 1], white ink on black. Dropout acts in training only.
    """
    images = Input((28, 28, 1), name="image")
    x = layers.Conv2D(32, 3, activation="relu", name="conv1")(images)
    x = layers.MaxPooling2D(2, name="pool1")(x)
    x = layers.Conv2D(64, 3, activation="relu", name="conv2")(x)
    x = layers.MaxPooling2D(2, name="pool2")(x)
    x = layers.Dropout(0.5, name="dropout")(layers.Flatten(name="flatten")(x))
    return Model(images, layers.Dense(10, name="scores")(x))


def mnist_wide():
    """A digit reader of two wide convolutions and two linear layers, the net of the defenses: 3,274,634 parameters.

    Images: (N, 28, 28, 1) in [0, 1]; its features "pool2" are (N, 7, 7, 64).
    Source: Madry et al., Toward deep learning models resistant to adversarial attacks, 2018.
    """
    images = Input((28, 28, 1), name="image")
    x = layers.Conv2D(32, 5, padding="same", activation="relu", name="conv1")(images)
    x = layers.MaxPooling2D(2, name="pool1")(x)
    x = layers.Conv2D(64, 5, padding="same", activation="relu", name="conv2")(x)
    x = layers.MaxPooling2D(2, name="pool2")(x)
    x = layers.Dense(1024, activation="relu", name="hidden")(layers.Flatten(name="flatten")(x))
    return Model(images, layers.Dense(10, name="scores")(x))


def protonet(prototypes=15):
    """A digit reader that compares: a code of 2x2x10 numbers, its squared distances to prototypes, one linear layer on these.

    Images: (N, 28, 28, 1) in [0, 1]; its layers "code" (N, 40) and "prototypes" (N, prototypes), the distances.
    Source: Li et al., Deep learning for case-based reasoning through prototypes, 2018.
    """
    images = Input((28, 28, 1), name="image")
    x = images
    for number, (filters, activation) in enumerate(
        [(32, "relu"), (32, "relu"), (32, "relu"), (10, "sigmoid")], 1
    ):
        x = layers.Conv2D(
            filters, 3, 2, padding="same", activation=activation, name=f"conv{number}"
        )(x)
    distances = Prototypes(prototypes, name="prototypes")(layers.Flatten(name="code")(x))
    return Model(images, layers.Dense(10, use_bias=False, name="scores")(distances))


@keras.saving.register_keras_serializable("lecture_lib")
class Prototypes(layers.Layer):
    """‖z − p_j‖², the squared distances of codes z (N, numbers) from `count` learned prototypes p_j: (N, count)."""

    def __init__(self, count, **kwargs):
        super().__init__(**kwargs)
        self.count = count

    def build(self, shape):
        self.kernel = self.add_weight(
            shape=(self.count, shape[-1]),
            initializer=keras.initializers.RandomUniform(0, 1),
            name="kernel",
        )

    def call(self, codes):
        return keras.ops.sum(keras.ops.square(codes[:, None] - self.kernel), axis=-1)

    def get_config(self):
        return super().get_config() | {"count": self.count}


def squeezenet(classes=1000):
    """SqueezeNet 1.1: a strided convolution, eight fire modules (squeeze 1x1, expand 1x1 and 3x3), a 1x1 classifier, average pooling.

    Images: (N, H, W, 3) in [0, 1], made for 227x227, any size from 35 on.
    Source: Iandola et al., SqueezeNet: AlexNet-level accuracy with 50x fewer parameters, 2016.
    """

    def fire(x, *, squeeze, expand, name):
        x = layers.Conv2D(squeeze, 1, activation="relu", name=f"{name}_squeeze1x1")(x)
        left = layers.Conv2D(expand, 1, activation="relu", name=f"{name}_expand1x1")(x)
        right = layers.Conv2D(
            expand, 3, padding="same", activation="relu", name=f"{name}_expand3x3"
        )(x)
        return layers.Concatenate(name=name)([left, right])

    images = Input((None, None, 3), name="image")
    # The original subtracts (104, 117, 123) from BGR in 0..255; here the first weights are turned to RGB when they are read.
    x = layers.Rescaling(255.0, offset=[-123.0, -117.0, -104.0], name="subtract_mean")(images)
    x = layers.Conv2D(64, 3, 2, activation="relu", name="conv1")(x)
    for number, (squeeze, expand) in enumerate(
        [(16, 64), (16, 64), (32, 128), (32, 128), (48, 192), (48, 192), (64, 256), (64, 256)], 2
    ):
        if number in (2, 4, 6):
            x = ceil_max_pooling(x, f"pool{number // 2}")
        x = fire(x, squeeze=squeeze, expand=expand, name=f"fire{number}")
    x = layers.Conv2D(classes, 1, activation="relu", name="conv10")(x)
    return Model(images, layers.GlobalAveragePooling2D(name="scores")(x))


def ceil_max_pooling(x, name):
    """3x3 max pooling of stride 2 that, like Caffe's, keeps the last half-filled window: padding on the right and below only."""
    padded = layers.ZeroPadding2D(((0, 1), (0, 1)), name=f"{name}_pad")(
        x
    )  # after a ReLU a zero never wins
    return layers.MaxPooling2D(3, 2, name=name)(padded)
