"""Inversion: from the features of an image at a layer back to an image that has the same ones."""

from collections.abc import Callable
from functools import partial
from typing import NamedTuple

import numpy as np
from scipy.ndimage import gaussian_filter
from skimage.color import rgb2lab
from sklearn.linear_model import Ridge

from lecture_lib.core.ascent import Ascent, adam, ascend, clip
from lecture_lib.core.penalties import l2, total_variation_beta
from lecture_lib.core.scores import Score
from lecture_lib.core.transforms import from_gray
from lecture_lib.datasets.images import as_image, unbatch
from lecture_lib.datasets.shapes import (
    Image,
    ImageOrImages,
    Images,
    Network,
    Tensor,
    TensorImages,
    TensorValues,
    Values,
)
from lecture_lib.models.backend import tf
from lecture_lib.models.batching import batches
from lecture_lib.models.checks import batch_of, start_of
from lecture_lib.models.layers import layer_outputs, map_features

# By gradient descent


def invert(
    model: Network,
    image: ImageOrImages,
    *,
    layer: str,
    l6_weight: float = 1e-4,
    smoothness: float = 1e-4,
    beta: float = 2.0,
    steps: int = 100,
    learning_rate: float | Callable[[], float] = 0.05,
    start: ImageOrImages | None = None,
    seed: int = 0,
    watch: Callable | None = None,
) -> Ascent:
    """Find an image with the same features at a layer, by gradient descent with Adam.

    I* = argmin over I of ‖φ(I) − φ₀‖² / ‖φ₀‖² + l6_weight · ‖I − ½‖₆⁶ + smoothness · TV_β(I)

    Args:
        model: images -> logits (N, classes).
        image: (H, W, C) or (N, H, W, C) in [0, 1]; only its features φ₀ = φ(image) are used.
        layer: the name of a layer.
        l6_weight: of the penalty on pixels far from gray, 0 or more.
        smoothness: of the total variation, 0 or more.
        beta: the exponent of the total variation, above 0.
        steps: how many, 0 or more.
        learning_rate: about how far a pixel moves in a step.
        start: images in [0, 1], one for each image or several for one, by default gray with a
            little noise.
        seed: draws that noise.
        watch: (step, steps, ascent), called after each step; returning True ends the descent.

    Returns:
        An Ascent, images like `image`; its values are those of the expression with a minus sign, so
        that they rise to 0.

    Raises:
        ValueError: for weights below 0, for no image, for a layer that the network lacks, and for
            an image whose features there are all 0.

    Source:
        Mahendran and Vedaldi, Understanding deep image representations by inverting them, 2015.
    """
    if not (l6_weight >= 0 and smoothness >= 0 and beta > 0):
        raise ValueError(
            "The weights are 0 or more and β is above 0; they were "
            f"{l6_weight}, {smoothness} and {beta}."
        )
    batch = batch_of(model, image)
    target = _target_features(model, batch, layer=layer)
    loss = (
        Score(_relative_distance, target, model=model, layer=layer)
        + float(l6_weight) * l6_norm.of(from_gray)
        + float(smoothness) * total_variation_beta(beta)
    )
    if start is None:
        noise = np.random.default_rng(seed).standard_normal(batch.shape, np.float32)
        start = unbatch(clip(0.5 + 0.02 * noise), image)
    return ascend(
        -loss,
        start_of(model, start),
        steps=steps,
        learning_rate=learning_rate,
        direction=adam(),
        watch=watch,
    )


def _target_features(model: Network, batch: Images, *, layer: str) -> Tensor:
    """φ₀ of each image; a distance relative to features that are all 0 would be infinite."""
    target = layer_outputs(model, layer)(batch)[layer]
    if not np.all(l2(target)):
        raise ValueError(
            f"All features of this image in layer {layer!r} are 0, so no distance can be measured "
            "relative to them; choose another image or another layer."
        )
    return target


def _relative_distance(
    images: TensorImages, target: Tensor, *, model: Network, layer: str
) -> TensorValues:
    """‖φ(I) − φ₀‖² / ‖φ₀‖²."""
    return l2(layer_outputs(model, layer)(images)[layer] - target) / l2(target)


@Score
def l6_norm(images: TensorImages) -> TensorValues:
    """Return the sum of sixth powers of each image: ‖I‖₆⁶ = Σ I⁶.

    It is next to nothing for moderate numbers, and a wall for large ones.

    Args:
        images: tensor (N, ...).

    Returns:
        tensor (N,), at least 0.
    """
    return tf.reduce_sum(tf.reshape(images**6, [tf.shape(images)[0], -1]), axis=1)


# What is lost


def feature_error(
    model: Network, image: ImageOrImages, other: ImageOrImages, *, layer: str
) -> np.float32 | Values:
    """Return how far the features of other images are from those of an image.

    ‖φ(other) − φ(image)‖² / ‖φ(image)‖²

    Args:
        model: images -> logits (N, classes).
        image: (H, W, C), or one for each of the others (N, H, W, C), in [0, 1].
        other: (H, W, C), or (N, H, W, C), in [0, 1].
        layer: the name of a layer.

    Returns:
        0 for the same features, about 1 for an image without any: a number, or (N,) for a batch of
        others.

    Raises:
        ValueError: for an image whose features there are all 0, and for another number of images
            than of others.
    """
    target = _target_features(model, batch_of(model, image), layer=layer)
    batch = batch_of(model, other)
    if len(target) not in (1, len(batch)):
        raise ValueError(
            f"Features of {len(target)} images cannot be compared with those of {len(batch)}; give "
            "one image, or as many as there are others."
        )
    errors = _relative_distance(batch, target, model=model, layer=layer).numpy()
    return unbatch(errors, other)


class Similarity(NamedTuple):
    """How much of an image is left in another, part by part, as correlations in -1..1.

    Attributes:
        color: of the colors, a and b of CIELAB.
        shapes: of the lightness under a blur.
        texture: of what that blur took away.
    """

    color: float
    shapes: float
    texture: float


def reconstruction_similarity(image: Image, other: Image, *, sigma: float = 1.0) -> Similarity:
    """Compare two images part by part: their colors, their shapes, their texture.

    Args:
        image: (H, W, 3) in [0, 1].
        other: (H, W, 3) in [0, 1].
        sigma: the standard deviation of the blur that parts shapes from texture, in pixels.

    Returns:
        Similarity(color, shapes, texture), each a correlation over the pixels.
    """
    colors, shapes, textures = zip(
        _color_shapes_texture(image, sigma), _color_shapes_texture(other, sigma), strict=True
    )
    return Similarity(correlation(*colors), correlation(*shapes), correlation(*textures))


def _color_shapes_texture(image: Image, sigma: float) -> tuple:
    lab = rgb2lab(as_image(image, channels=3))  # (H, W, 3): lightness, a, b
    lightness = lab[..., 0]
    shapes = gaussian_filter(lightness, sigma)
    colors = lab[..., 1:] - lab[..., 1:].mean(axis=(0, 1))
    return colors, shapes, lightness - shapes


def correlation(one: np.ndarray, other: np.ndarray) -> float:
    """Return Pearson's correlation of two arrays of one shape, in -1..1.

    It is 0 where one of them is constant.

    Args:
        one: array of any shape.
        other: array of the same shape.

    Returns:
        float in −1..1.
    """
    if np.ptp(one) == 0 or np.ptp(other) == 0:
        return 0.0
    return float(np.corrcoef(np.ravel(one), np.ravel(other))[0, 1])


# In one pass


def fit_decoder(model: Network, images: Images, *, layer: str, weight: float = 1.0) -> Callable:
    """Learn to reconstruct images from features: linear regression, patch by patch.

    argmin over W of Σ ‖W · features around a position − the pixels there‖² + weight · ‖W‖²

    The 3 x 3 features around each position of the layer predict the patch of pixels that it stands
    for.

    Args:
        model: images -> logits (N, classes).
        images: (N, H, W, C) in [0, 1]; H and W are divisible by the layer's stride.
        layer: the name of a layer with rows and columns.
        weight: of the penalty on W, 0 or more.

    Returns:
        A decoder: images (H, W, C) or (N, H, W, C) -> what it makes of their features, images of
        the same size in [0, 1], in one pass.

    Raises:
        ValueError: for a layer without rows and columns, and for a size that is not divisible.

    Source:
        After Dosovitskiy and Brox, Inverting visual representations with convolutional networks,
        2016.
    """
    images = batch_of(model, images)
    neighborhoods = _neighborhoods(model, images, layer=layer)
    side = images.shape[1] // neighborhoods.shape[1]
    _check_divisible(images, neighborhoods, layer=layer, side=side)
    patches = _patches(images, side)
    regression = Ridge(weight).fit(_as_rows(neighborhoods), _as_rows(patches))
    return partial(_decode, model=model, layer=layer, regression=regression, side=side)


def _check_divisible(images: Images, neighborhoods: np.ndarray, *, layer: str, side: int) -> None:
    """Raise ValueError unless the patches of all positions make up the images."""
    rows, columns = neighborhoods.shape[1:3]
    if images.shape[1:3] != (rows * side, columns * side):
        raise ValueError(
            f"{layer} has {rows} x {columns} positions; the height and width of the images must be "
            f"these times {side}, and they are {images.shape[1]} x {images.shape[2]}: they must be "
            "divisible."
        )


def _decode(
    images: ImageOrImages, *, model: Network, layer: str, regression: Ridge, side: int
) -> ImageOrImages:
    """What a decoder makes of the features of images."""
    batch = batch_of(model, images)
    neighborhoods = _neighborhoods(model, batch, layer=layer)
    _check_divisible(batch, neighborhoods, layer=layer, side=side)
    patches = regression.predict(_as_rows(neighborhoods))  # (N · h · w, side · side · C)
    decoded = _images_of_patches(patches.reshape(*neighborhoods.shape[:3], -1), side)
    return unbatch(np.clip(decoded, 0, 1), images)


def _neighborhoods(model: Network, batch: Images, *, layer: str) -> np.ndarray:
    """The 3 x 3 features around each position of a layer, in one row: (N, h, w, 9 · channels)."""
    map_features(model, layer)
    outputs = layer_outputs(model, layer)
    maps = np.concatenate([outputs(some)[layer] for some in batches(batch)])
    padded = np.pad(maps, [(0, 0), (1, 1), (1, 1), (0, 0)], mode="edge")
    windows = np.lib.stride_tricks.sliding_window_view(padded, (3, 3), axis=(1, 2))
    return windows.reshape(*windows.shape[:3], -1)  # from (N, h, w, channels, 3, 3)


def _as_rows(arrays: np.ndarray) -> np.ndarray:
    """(N, h, w, numbers) -> (N · h · w, numbers)."""
    return arrays.reshape(-1, arrays.shape[-1])


def _patches(batch: Images, side: int) -> np.ndarray:
    """(N, H, W, C) -> (N, h, w, side · side · C), the patches of pixels that make up images."""
    count, height, width, channels = batch.shape
    rows = height // side
    columns = width // side
    split = batch.reshape(count, rows, side, columns, side, channels)
    return split.swapaxes(2, 3).reshape(count, rows, columns, -1)


def _images_of_patches(patches: np.ndarray, side: int) -> Images:
    """The inverse of `_patches`."""
    count, rows, columns, _ = patches.shape
    split = patches.reshape(count, rows, columns, side, side, -1)
    return split.swapaxes(2, 3).reshape(count, rows * side, columns * side, -1)
