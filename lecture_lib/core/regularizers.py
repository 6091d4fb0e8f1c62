"""Regularizers: what is known of photographs before any network is asked, for `ascend`.

A projection goes from images to images in [0, 1], a direction from gradients to steps of length 1,
both of shape (H, W, C) or (N, H, W, C). Numbers are bound with `functools.partial`; two
regularizers are one called after the other.
"""

import numpy as np
from scipy.ndimage import gaussian_filter

from lecture_lib.core.ascent import clip, unit
from lecture_lib.datasets.shapes import ImageOrImages, Map


def blurred(images: ImageOrImages, *, sigma: float = 0.5) -> ImageOrImages:
    """Return the images under a Gaussian blur: neighbors in photographs are alike.

    Args:
        images: (H, W, C) or (N, H, W, C); they are clipped into [0, 1] first.
        sigma: the standard deviation of the blur in pixels, 0 or more.

    Raises:
        ValueError: for a sigma below 0.

    Source:
        Yosinski et al., Understanding neural networks through deep visualization, 2015.
    """
    if not sigma >= 0:
        raise ValueError(f"The blur's standard deviation is 0 or more pixels; it was {sigma}.")
    batch_axes = (0,) * (np.ndim(images) - 3)
    return gaussian_filter(clip(images), (*batch_axes, sigma, sigma, 0), mode="nearest")


def clip_small_pixels(images: ImageOrImages, *, share: float = 0.2) -> ImageOrImages:
    """Return the images with the pixels nearest to gray made gray: what does not matter is empty.

    Args:
        images: (H, W, C) or (N, H, W, C); they are clipped into [0, 1] first.
        share: the share of each image's pixels that become gray, 0 up to, but not, 1.

    Raises:
        ValueError: for a share out of range.

    Source:
        Yosinski et al., Understanding neural networks through deep visualization, 2015; they clip
        what is nearest to the mean image, which is gray here.
    """
    images = clip(images)
    return np.where(_is_large(images - 0.5, share), images, np.float32(0.5))


def drop_small_gradients(gradients: ImageOrImages, *, share: float = 0.5) -> ImageOrImages:
    """Return steps of length 1 that leave the pixels with the smallest gradients where they are.

    Args:
        gradients: (H, W, C) or (N, H, W, C).
        share: the share of each image's pixels that wait, 0 up to, but not, 1.

    Raises:
        ValueError: for a share out of range.

    Source:
        After Yosinski et al., Understanding neural networks through deep visualization, 2015; they
        turn the pixels with small gradients to the mean image, here they wait.
    """
    return unit(np.where(_is_large(gradients, share), gradients, np.float32(0)))


def center_biased(gradients: ImageOrImages, *, width: float = 0.25) -> ImageOrImages:
    """Return steps of length 1 that are largest in the center of the image.

    step ∝ gradient · exp(−d² / 2 width²), d the distance from the center in shares of the side

    Args:
        gradients: (H, W, C) or (N, H, W, C).
        width: the standard deviation of the bell, in shares of the side, above 0.

    Raises:
        ValueError: for a width that is not above 0.

    Source:
        Nguyen, Yosinski and Clune, Multifaceted feature visualization, 2016.
    """
    if not width > 0:
        raise ValueError(f"The width of the center is above 0; it was {width}.")
    window = gaussian_window(np.shape(gradients)[-3:-1], width=width)
    return unit(gradients * window[..., None])


def gaussian_window(shape: tuple[int, int], *, width: float) -> Map:
    """Return a bell over an image: exp(−d² / 2 width²), d the distance from its center.

    Args:
        shape: (H, W).
        width: the standard deviation, in shares of the side.

    Returns:
        (H, W) float32 in (0, 1].
    """
    rows = np.linspace(-0.5, 0.5, shape[0])
    columns = np.linspace(-0.5, 0.5, shape[1])
    squared_distances = rows[:, None] ** 2 + columns**2  # (H, W)
    return np.exp(-squared_distances / (2 * width**2)).astype(np.float32)


def _is_large(arrays: ImageOrImages, share: float) -> np.ndarray:
    """Whether a pixel's length over the colors is not among the smallest: flags (..., H, W, 1)."""
    if not 0 <= share < 1:
        raise ValueError(
            f"The share of pixels to leave out is from 0 up to, but not, 1; it was {share}."
        )
    lengths = np.linalg.norm(arrays, axis=-1, keepdims=True)
    return lengths >= np.quantile(lengths, share, axis=(-3, -2, -1), keepdims=True)
