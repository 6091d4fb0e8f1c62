"""Architectures whose output is an image: decoders, a generator, a stylizer.

Each function returns an untrained `keras.Model`. They run on any backend of Keras, as the recipes
that train them do. Kernels of transposed convolutions that are divisible by the stride leave no
checkerboards.
"""

from functools import partial

import keras
from keras import Input, Model, layers

# What `stylizer` adds to the variance v of a map before it divides by the deviation. Measured: each
# map of the bundled photographs has a variance above 0.01, and each map of an even picture, where
# nothing but rounding varies, one below 1e-11.
FLOOR = 1e-3


def mnist_decoder() -> Model:
    """Build the decoder of `mnist_wide`: from its features to the image that they may come from.

    From "pool2", (N, 7, 7, 64), to images (N, 28, 28, 1) in [0, 1].

    Source:
        Zheng et al., Insights from attacking interpretable models; after Mahendran and Vedaldi,
        2015.
    """
    features = Input((7, 7, 64), name="features")
    doubled = partial(
        layers.Conv2DTranspose, kernel_size=5, strides=2, padding="same", activation="relu"
    )
    x = doubled(64, name="deconv1")(features)
    x = doubled(32, name="deconv2")(x)
    x = layers.Conv2D(1, 3, padding="same", activation="sigmoid", name="picture")(x)
    return Model(features, x)


def protonet_decoder() -> Model:
    """Build the mirror of `protonet`'s four convolutions: from codes to images in [0, 1].

    From codes (N, 40) to images (N, 28, 28, 1).
    """
    codes = Input((40,), name="code")
    doubled = partial(layers.Conv2DTranspose, kernel_size=3, strides=2, padding="same")
    x = layers.Reshape((2, 2, 10), name="maps")(codes)
    x = doubled(32, activation="relu", name="deconv1")(x)
    x = doubled(32, activation="relu", name="deconv2")(x)
    # From 8x8 to the 7x7 that the third convolution of `protonet` saw.
    x = layers.Cropping2D(((0, 1), (0, 1)), name="seven")(x)
    x = doubled(32, activation="relu", name="deconv3")(x)
    return Model(codes, doubled(1, activation="sigmoid", name="picture")(x))


def tinynet_generator() -> Model:
    """Build the generator of `tinynet_robust`: from features "block4" to images in [0, 1].

    From (N, h, w, 256) to (N, 16h, 16w, 3).

    Source:
        Dosovitskiy and Brox, Generating images with perceptual similarity metrics based on deep
        networks, 2016.
    """
    features = Input((None, None, 256), name="features")
    x = layers.Conv2D(192, 3, padding="same", name="gather")(features)
    for number, filters in enumerate([128, 64, 32, 16], 1):
        x = layers.LeakyReLU(0.2, name=f"relu{number}")(x)
        x = layers.Conv2DTranspose(filters, 4, 2, padding="same", name=f"double{number}")(x)
    x = layers.LeakyReLU(0.2, name="relu5")(x)
    x = layers.Conv2D(3, 3, padding="same", activation="sigmoid", name="picture")(x)
    return Model(features, x)


def _normalized(x, *, name):
    """Each map brought to mean 0 and deviation 1, or to 0 where nothing but rounding varies."""
    x = layers.GroupNormalization(groups=-1, epsilon=FLOOR, center=False, scale=False, name=name)(x)
    # The variance is now v / (v + FLOOR): about 1 for what is seen, about 0 for rounding.
    # Multiplied by it, rounding dies out. A floor alone does not do that, because each of the
    # fourteen layers divides rounding by sqrt(FLOOR): even with a floor of 0.3, which changes
    # photographs by up to 0.5, noise of 1e-7 grew to 0.7.
    return x * keras.ops.mean(keras.ops.square(x), axis=(1, 2), keepdims=True)


def stylizer(styles: int = 4) -> keras.Model:
    """One small net that paints in several styles.

    Pictures (N, H, W, 3) in [0, 1] and style weights (N, styles) to pictures (N, H, W, 3).

    What it has learned of a style is in two numbers for each map: after a map was brought to mean 0
    and deviation 1 it is multiplied by one and shifted by the other. Weights (1, 0, 0, 0) give the
    first style; weights that mix, a mixed one. H and W: divisible by 4.
    A map in which only rounding varies is brought to 0: an even picture is painted in one color.
    Source: Johnson et al., Perceptual losses for real-time style transfer, 2016; Dumoulin et al., A
    learned representation for artistic style, 2017.
    """

    def convolution(x, filters, *, size, name, stride=1):
        before, after = (
            (size - stride) // 2,
            (size - stride + 1) // 2,
        )  # mirrored edges: the painting has no frame
        x = keras.ops.pad(x, [[0, 0], [before, after], [before, after], [0, 0]], mode="reflect")
        x = layers.Conv2D(filters, size, stride, use_bias=False, name=name)(x)
        x = _normalized(x, name=f"{name}_norm")
        gain, shift = (
            layers.Dense(filters, use_bias=False, kernel_initializer=start, name=f"{name}_{what}")(
                weights
            )[:, None, None]
            for what, start in (("gain", "ones"), ("shift", "zeros"))
        )
        return x * gain + shift

    def block(x, *, name):
        inner = layers.ReLU(name=f"{name}_relu")(
            convolution(x, x.shape[-1], size=3, name=f"{name}_conv1")
        )
        return layers.Add(name=name)(
            [x, convolution(inner, x.shape[-1], size=3, name=f"{name}_conv2")]
        )

    images = Input((None, None, 3), name="image")
    weights = Input((styles,), name="style")
    x = layers.Rescaling(2.0, offset=-1.0, name="to_minus_one_one")(images)
    for name, filters, size, stride in (
        ("strokes", 16, 9, 1),
        ("half", 32, 4, 2),
        ("quarter", 48, 4, 2),
    ):
        x = layers.ReLU(name=f"{name}_relu")(
            convolution(x, filters, size=size, stride=stride, name=name)
        )
    for number in range(1, 5):
        x = block(x, name=f"block{number}")
    for name, filters in (
        ("double", 32),
        ("whole", 16),
    ):  # enlarged first, convolved then: no checkerboards
        x = layers.UpSampling2D(2, name=f"{name}_larger")(x)
        x = layers.ReLU(name=f"{name}_relu")(convolution(x, filters, size=3, name=name))
    x = convolution(x, 3, size=9, name="paint")
    return Model([images, weights], layers.Activation("sigmoid", name="picture")(x))
