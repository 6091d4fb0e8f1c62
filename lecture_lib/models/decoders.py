"""Architectures whose output is an image: decoders, a generator, a stylizer.

Each function returns an untrained `keras.Model`. They run on any backend of Keras, as the recipes
that train them do. Kernels of transposed convolutions that are divisible by the stride leave no
checkerboards.
"""

from functools import partial

import keras
from keras import Input, Model, layers

from lecture_lib.datasets.shapes import Tensor

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


def stylizer(styles: int = 4) -> Model:
    """Build one small network that paints images in several styles.

    From images (N, H, W, 3) in [0, 1], H and W divisible by 4, and style weights (N, styles) to
    images (N, H, W, 3). What it learns of a style is in two numbers per map: after a map was
    brought to mean 0 and deviation 1 it is multiplied by one and shifted by the other. Weights (1,
    0, 0, 0) give the first style; weights that mix, a mixed one. A map in which only rounding
    varies is brought to 0: an even image is painted in one color.

    Args:
        styles: how many styles it learns.

    Source:
        Johnson et al., Perceptual losses for real-time style transfer, 2016; Dumoulin et al., A
        learned representation for artistic style, 2017.
    """
    images = Input((None, None, 3), name="image")
    style = Input((styles,), name="style")
    convolution = partial(_styled_convolution, style)
    x = layers.Rescaling(2.0, offset=-1.0, name="to_minus_one_one")(images)
    x = _rectified(convolution(x, 16, size=9, name="strokes"), name="strokes")
    x = _rectified(convolution(x, 32, size=4, stride=2, name="half"), name="half")
    x = _rectified(convolution(x, 48, size=4, stride=2, name="quarter"), name="quarter")
    for number in range(1, 5):
        x = _styled_block(convolution, x, name=f"block{number}")
    # Enlarged first, convolved then: no checkerboards.
    x = layers.UpSampling2D(2, name="double_larger")(x)
    x = _rectified(convolution(x, 32, size=3, name="double"), name="double")
    x = layers.UpSampling2D(2, name="whole_larger")(x)
    x = _rectified(convolution(x, 16, size=3, name="whole"), name="whole")
    x = convolution(x, 3, size=9, name="paint")
    return Model([images, style], layers.Activation("sigmoid", name="picture")(x))


def _rectified(x: Tensor, *, name: str) -> Tensor:
    return layers.ReLU(name=f"{name}_relu")(x)


def _styled_convolution(
    style: Tensor, x: Tensor, filters: int, *, size: int, name: str, stride: int = 1
) -> Tensor:
    """A convolution whose maps are normalized, then scaled and shifted as the style asks."""
    # Mirrored edges: the painting has no frame.
    before = (size - stride) // 2
    after = size - stride - before
    x = keras.ops.pad(x, [[0, 0], [before, after], [before, after], [0, 0]], mode="reflect")
    x = layers.Conv2D(filters, size, stride, use_bias=False, name=name)(x)
    x = _normalized(x, name=f"{name}_norm")
    of_style = partial(layers.Dense, filters, use_bias=False)
    gain = of_style(kernel_initializer="ones", name=f"{name}_gain")(style)
    shift = of_style(kernel_initializer="zeros", name=f"{name}_shift")(style)
    return x * gain[:, None, None] + shift[:, None, None]


def _normalized(x: Tensor, *, name: str) -> Tensor:
    """Each map brought to mean 0 and deviation 1, or to 0 where nothing but rounding varies."""
    x = layers.GroupNormalization(groups=-1, epsilon=FLOOR, center=False, scale=False, name=name)(x)
    # The variance is now v / (v + FLOOR): about 1 for what is seen, about 0 for rounding.
    # Multiplied by it, rounding dies out. A floor alone does not do that, because each of the
    # fourteen layers divides rounding by sqrt(FLOOR): even with a floor of 0.3, which changes
    # photographs by up to 0.5, noise of 1e-7 grew to 0.7.
    return x * keras.ops.mean(keras.ops.square(x), axis=(1, 2), keepdims=True)


def _styled_block(convolution: partial, x: Tensor, *, name: str) -> Tensor:
    """x + F(x); F: two convolutions with a ReLU between them."""
    filters = x.shape[-1]
    inner = convolution(x, filters, size=3, name=f"{name}_conv1")
    inner = _rectified(inner, name=name)
    return layers.Add(name=name)([x, convolution(inner, filters, size=3, name=f"{name}_conv2")])
