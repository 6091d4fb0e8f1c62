"""EfficientNet-Lite0: its architecture, written out, and its ImageNet weights, folded.

The weights come in an installed package; `pytorch_weights` finds and reads them.
"""

from typing import NamedTuple

import numpy as np

from lecture_lib.datasets.image_sets import IMAGENET_CLASSES
from lecture_lib.models.backend import keras
from lecture_lib.models.pytorch_weights import read_state, read_weights_file
from lecture_lib.models.surgery import named

layers = keras.layers
IMAGE_SIZE = 224
EPSILON = 1e-3  # added to the variance by every batch normalization of this network


class Stage(NamedTuple):
    """Blocks in a row that give maps of one size: the first has the stride, the others have 1."""

    repeats: int
    kernel_size: int
    stride: int
    expansion: int
    filters: int


STAGES = (
    Stage(repeats=1, kernel_size=3, stride=1, expansion=1, filters=16),
    Stage(repeats=2, kernel_size=3, stride=2, expansion=6, filters=24),
    Stage(repeats=2, kernel_size=5, stride=2, expansion=6, filters=40),
    Stage(repeats=3, kernel_size=3, stride=2, expansion=6, filters=80),
    Stage(repeats=3, kernel_size=5, stride=1, expansion=6, filters=112),
    Stage(repeats=4, kernel_size=5, stride=2, expansion=6, filters=192),
    Stage(repeats=1, kernel_size=3, stride=1, expansion=6, filters=320),
)


def efficientnet_lite0(classes: int = 1000) -> keras.Model:
    """Build the untrained network: a convolution, 16 inverted residual blocks, a linear classifier.

    Every normalization is already folded into its convolution. There is no squeeze-and-excitation,
    every ReLU is capped at 6, and average pooling with one linear layer makes CAM exact.

    Args:
        classes: Number of scores, 1,000 for ImageNet.

    Returns:
        A model from images (N, H, W, 3) in [0, 1], any H and W, to scores (N, classes).

    Source: Tan and Le, EfficientNet: rethinking model scaling for convolutional neural networks,
        2019; Sandler et al., MobileNetV2: inverted residuals and linear bottlenecks, 2018.
    """
    images = keras.Input((None, None, 3), name="image")
    x = layers.Rescaling(255 / 128, offset=-127 / 128, name="to_minus_one_one")(images)
    x = _convolution(x, 32, kernel_size=3, stride=2, name="stem")  # (N, H/2, W/2, 32)
    number = 0
    for stage in STAGES:
        for repeat in range(stage.repeats):
            number += 1
            stride = stage.stride if repeat == 0 else 1
            x = _inverted_residual(x, stage, stride=stride, name=f"block{number}")
    x = _convolution(x, 1280, kernel_size=1, name="head")  # (N, H/32, W/32, 1280)
    x = layers.GlobalAveragePooling2D(name="pool")(x)
    return keras.Model(images, layers.Dense(classes, name="scores")(x))


def _inverted_residual(
    x: keras.KerasTensor, stage: Stage, *, stride: int, name: str
) -> keras.KerasTensor:
    """Widen by a 1x1 convolution, filter each channel alone, narrow again; add where it fits."""
    shortcut = x
    channels = x.shape[-1]
    if stage.expansion > 1:
        x = _convolution(x, channels * stage.expansion, kernel_size=1, name=f"{name}_expand")
    depthwise = layers.DepthwiseConv2D(
        stage.kernel_size, strides=stride, padding="same", name=f"{name}_depthwise"
    )
    x = layers.ReLU(6.0, name=f"{name}_depthwise_relu")(depthwise(x))
    x = layers.Conv2D(stage.filters, 1, name=f"{name}_project")(x)  # linear: no ReLU follows
    if stride == 1 and channels == stage.filters:
        x = layers.Add(name=name)([shortcut, x])
    return x


def _convolution(
    x: keras.KerasTensor, filters: int, *, kernel_size: int, name: str, stride: int = 1
) -> keras.KerasTensor:
    x = layers.Conv2D(filters, kernel_size, strides=stride, padding="same", name=name)(x)
    return layers.ReLU(6.0, name=f"{name}_relu")(x)


# The trained network


def load_efficientnet_lite0(*, trained: bool = True) -> keras.Model:
    """Load EfficientNet-Lite0 with the weights that Google trained on ImageNet.

    Args:
        trained: False for the same architecture with untrained weights; it needs no package.

    Returns:
        A network of the course, made for images of 224 x 224 pixels.

    Raises:
        FileNotFoundError: The package, or the file in it, is not installed.
        ValueError: The file is damaged or cannot be opened.
    """
    if not trained:
        return named(efficientnet_lite0(), class_names=None, image_size=IMAGE_SIZE)
    state = read_state(read_weights_file())
    model = efficientnet_lite0()
    for layer in model.layers:
        if isinstance(layer, (layers.Conv2D, layers.DepthwiseConv2D)):
            layer.set_weights(folded_weights(layer, state))
    model.get_layer("scores").set_weights([state["_fc.weight"].T, state["_fc.bias"]])
    return named(model, class_names=IMAGENET_CLASSES, image_size=IMAGE_SIZE)


# What the file calls the kernel and the normalization of a layer, after the block's own prefix
NAMES_IN_FILE = {
    "stem": ("_conv_stem", "_bn0"),
    "expand": ("_expand_conv", "_bn0"),
    "depthwise": ("_depthwise_conv", "_bn1"),
    "project": ("_project_conv", "_bn2"),
    "head": ("_conv_head", "_bn1"),
}
SYMBOLS = {"gamma": "weight", "beta": "bias", "mean": "running_mean", "variance": "running_var"}


def folded_weights(layer: keras.Layer, state: dict[str, np.ndarray]) -> list[np.ndarray]:
    """Give the kernel and bias of a convolution as Keras stores them, with normalization folded in.

    Args:
        layer: A convolution of `efficientnet_lite0`, known by its name.
        state: The arrays of the file, as `read_state` returns them.
    """
    block, _, part = layer.name.rpartition("_")
    prefix = f"_blocks.{int(block.removeprefix('block')) - 1}." if block else ""
    convolution, normalization = (prefix + end for end in NAMES_IN_FILE[part])
    parts = {symbol: state[f"{normalization}.{name}"] for symbol, name in SYMBOLS.items()}
    kernel, bias = fold_normalization(state[f"{convolution}.weight"], **parts)
    # PyTorch: (filters, channels, height, width), and (channels, 1, height, width) for a depthwise
    order = (2, 3, 0, 1) if part == "depthwise" else (2, 3, 1, 0)
    return [kernel.transpose(order), bias]


def fold_normalization(
    kernel: np.ndarray,
    *,
    gamma: np.ndarray,
    beta: np.ndarray,
    mean: np.ndarray,
    variance: np.ndarray,
) -> tuple[np.ndarray, np.ndarray]:
    """Fold a batch normalization into the convolution before it, which had no bias.

    γ (W * x − μ) / √(σ² + ε) + β = W' * x + b', with W' = W γ / √(σ² + ε) and
    b' = β − μ γ / √(σ² + ε), separately for each filter.

    Args:
        kernel: W, its filters along the first axis, (filters, ...).
        gamma, beta: γ and β, the learned scale and shift, (filters,) each.
        mean, variance: μ and σ², measured while it was trained, (filters,) each.

    Returns:
        W' of the shape of W, and b' (filters,).
    """
    scale = gamma / np.sqrt(variance + EPSILON)
    return kernel * scale.reshape(-1, *[1] * (kernel.ndim - 1)), beta - mean * scale
