"""Inversion: from what a layer says of a picture back to a picture of which it says the same."""

from functools import partial
from typing import NamedTuple

import numpy as np
from scipy.ndimage import gaussian_filter
from skimage.color import rgb2lab
from sklearn.linear_model import Ridge

from lecture_lib.core.ascent import adam, ascend, clip
from lecture_lib.core.scores import l2, total_variation_beta
from lecture_lib.datasets.images import as_batch, unbatch
from lecture_lib.models.backend import tf
from lecture_lib.models.batching import batches
from lecture_lib.models.inference import layer_outputs, map_features


def invert(
    model,
    image,
    *,
    layer,
    l6_weight=1e-4,
    smoothness=1e-4,
    beta=2.0,
    steps=100,
    learning_rate=0.05,
    start=None,
    seed=0,
    watch=None,
):
    """argmin over I of ‖φ(I) − φ₀‖² / ‖φ₀‖² + l6_weight · ‖I − ½‖₆⁶ + smoothness · TV_β(I), φ₀ = φ(image), by gradient descent (Adam).

    image: (H, W, C) or (N, H, W, C) in [0, 1]; nothing but its features φ₀ is used. layer: a name. l6_weight, smoothness: 0 or more.
    start: images in [0, 1], by default gray noise from `seed`. learning_rate: about how far a pixel moves in a step.
    Returns an Ascent; its values are those of the expression with a minus sign: the climb goes up to 0. Raises ValueError for bad input.
    Source: Mahendran and Vedaldi, Understanding deep image representations by inverting them, 2015.
    """
    if not (l6_weight >= 0 and smoothness >= 0 and beta > 0):
        raise ValueError(
            f"The weights are 0 or more and β is above 0; they were {l6_weight}, {smoothness} and {beta}."
        )
    batch = as_batch(image, channels=model.input.shape[-1])
    target = layer_outputs(model, layer)(batch)[layer]
    objective = partial(
        _likeness,
        model=model,
        layer=layer,
        target=target,
        size=l2(target),
        l6_weight=float(l6_weight),
        smoothness=float(smoothness),
        beta=float(beta),
    )
    noise = np.random.default_rng(seed).standard_normal(batch.shape, np.float32)
    start = unbatch(clip(0.5 + 0.02 * noise), image) if start is None else start
    return ascend(
        objective, start, steps=steps, learning_rate=learning_rate, direction=adam(), watch=watch
    )


def _likeness(images, *, model, layer, target, size, l6_weight, smoothness, beta):
    distance = l2(layer_outputs(model, layer)(images)[layer] - target) / size
    return -(
        distance
        + l6_weight * l6_norm(images - 0.5)
        + smoothness * total_variation_beta(beta)(images)
    )


def l6_norm(images):
    """‖I‖₆⁶ = Σ I⁶: next to nothing for moderate numbers, and a wall for large ones. images: (N, ...). Returns (N,)."""
    return tf.reduce_sum(tf.reshape(images**6, [tf.shape(images)[0], -1]), axis=1)


def feature_error(model, image, other, *, layer):
    """‖φ(other) − φ(image)‖² / ‖φ(image)‖²: 0 for the same features, about 1 for a picture that says nothing. One number a picture."""
    phi = layer_outputs(model, layer)
    target, found = (
        phi(as_batch(pictures, channels=model.input.shape[-1]))[layer]
        for pictures in (image, other)
    )
    return unbatch((l2(found - target) / l2(target)).numpy(), other)


class Kept(NamedTuple):
    """How much of a picture is left, as correlations from -1 to 1: of its colors, its light and dark, its fine texture."""

    color: float
    shapes: float
    texture: float


def kept(image, other, *, fine=1.0):
    """Compare two pictures part by part: the colors (a and b of CIELAB), the lightness under a blur, and what the blur took away.

    image, other: (H, W, 3) in [0, 1]. fine: standard deviation of the blur, in pixels. Returns Kept, each a correlation over the pixels.
    """
    labs = [rgb2lab(as_batch(picture, channels=3)[0]) for picture in (image, other)]
    light = [lab[..., 0] for lab in labs]
    blurred = [gaussian_filter(plane, fine) for plane in light]
    detail = [plane - smooth for plane, smooth in zip(light, blurred, strict=True)]
    colors = [lab[..., 1:] - lab[..., 1:].mean(axis=(0, 1)) for lab in labs]
    return Kept(*(correlation(*pair) for pair in (colors, blurred, detail)))


def correlation(one, other):
    """Pearson's correlation of two arrays of one shape, in -1..1; 0 where one of them is constant."""
    one, other = np.ravel(one) - np.mean(one), np.ravel(other) - np.mean(other)
    lengths = np.linalg.norm(one) * np.linalg.norm(other)
    return float(one @ other / lengths) if lengths else 0.0


def fit_decoder(model, pictures, *, layer, weight=1.0):
    """Learn to see pictures in features: argmin over W of Σ ‖W · φ around a place − the pixels there‖² + weight · ‖W‖².

    The answer is linear regression from the 3 x 3 features around each place of the layer to the square of pixels it stands for.
    pictures: (N, H, W, C) in [0, 1], H and W divisible by the layer's stride. Returns a decoder: images (N, H, W, C) -> what it makes of
    their features (N, H, W, C) in [0, 1], in one pass. Source: after Dosovitskiy and Brox, Inverting visual representations, 2016.
    """
    pictures = as_batch(pictures, channels=model.input.shape[-1])
    seen = _neighborhoods(model, pictures, layer=layer)
    rows, columns = seen.shape[1:3]
    side = pictures.shape[1] // rows
    if pictures.shape[1:3] != (rows * side, columns * side):
        raise ValueError(
            f"{layer} has {rows} x {columns} places; the height and width of the pictures must be divisible by these."
        )
    squares = _squares(pictures, side)
    regression = Ridge(weight).fit(
        seen.reshape(-1, seen.shape[-1]), squares.reshape(-1, squares.shape[-1])
    )
    return partial(decode, model=model, layer=layer, regression=regression, side=side)


def decode(images, *, model, layer, regression, side):
    """What a decoder from `fit_decoder` makes of the features of images (H, W, C) or (N, H, W, C): pictures of the same size, in [0, 1]."""
    seen = _neighborhoods(model, as_batch(images, channels=model.input.shape[-1]), layer=layer)
    count, rows, columns, _ = seen.shape
    squares = regression.predict(seen.reshape(-1, seen.shape[-1])).reshape(
        count, rows, columns, side, side, -1
    )
    pictures = squares.swapaxes(2, 3).reshape(count, rows * side, columns * side, -1)
    return unbatch(np.clip(pictures, 0, 1), images)


def _neighborhoods(model, batch, *, layer):
    """The 3 x 3 features around each place of a layer, in one row: (N, h, w, 9 · channels)."""
    map_features(model, layer)
    net = layer_outputs(model, layer)
    seen = [net(some)[layer] for some in batches(batch)]
    padded = np.pad(np.concatenate(seen), [(0, 0), (1, 1), (1, 1), (0, 0)], mode="edge")
    windows = np.lib.stride_tricks.sliding_window_view(
        padded, (3, 3), axis=(1, 2)
    )  # (N, h, w, channels, 3, 3)
    return windows.reshape(*windows.shape[:3], -1)


def _squares(batch, side):
    """The squares of pixels that make up pictures: (N, H, W, C) -> (N, H / side, W / side, side · side · C)."""
    count, height, width, _ = batch.shape
    rows, columns = height // side, width // side
    return (
        batch.reshape(count, rows, side, columns, side, -1)
        .swapaxes(2, 3)
        .reshape(count, rows, columns, -1)
    )
