"""Priors: what is known of photographs before any net is asked, as functions for `ascend`.

A projection goes from images to images in [0, 1], a direction from gradients to steps of length 1, both of shape (H, W, C) or (N, H, W, C);
numbers are bound with `functools.partial`, two priors are one called after the other.
"""

import numpy as np
from scipy.ndimage import gaussian_filter

from lecture_lib.core.ascent import clip, unit


def blurred(images, *, sigma=0.5):
    """The images under a Gaussian blur of standard deviation `sigma`, in pixels: neighbors in photographs are alike.

    Source: Yosinski et al., Understanding neural networks through deep visualization, 2015.
    """
    if not sigma >= 0:
        raise ValueError(f"The blur's standard deviation is 0 or more pixels; it was {sigma}.")
    return gaussian_filter(
        clip(images), (0,) * (np.ndim(images) - 3) + (sigma, sigma, 0), mode="nearest"
    )


def clip_small_pixels(images, *, share=0.2):
    """The images with the `share` of their pixels that are nearest to gray made gray: what does not matter stays empty.

    Source: Yosinski et al., 2015, who clip what is nearest to the mean picture, which is gray here.
    """
    images = clip(images)
    return np.where(_largest(images - 0.5, share), images, np.float32(0.5))


def drop_small_gradients(gradients, *, share=0.5):
    """Steps of length 1 that leave the `share` of the pixels with the smallest gradients where they are.

    Source: after Yosinski et al., 2015, who turn the pixels with small gradients to the mean picture; here they wait.
    """
    return unit(np.where(_largest(gradients, share), gradients, np.float32(0)))


def center_biased(gradients, *, width=0.25):
    """Steps of length 1 that are largest in the middle: gradient times exp(−d² / 2 width²), d the distance from it in shares of the side.

    Source: Nguyen et al., Multifaceted feature visualization, 2016.
    """
    if not width > 0:
        raise ValueError(f"The width of the middle is above 0; it was {width}.")
    return unit(gradients * gaussian_window(np.shape(gradients)[-3:-1], width=width)[..., None])


def gaussian_window(shape, *, width):
    """exp(−d² / 2 width²), d the distance from the middle in shares of the side: (H, W) float32 in (0, 1]."""
    rows, columns = (np.linspace(-0.5, 0.5, side) for side in shape)
    return np.exp(-(rows[:, None] ** 2 + columns**2) / (2 * width**2)).astype(np.float32)


def _largest(arrays, share):
    """Where the length over the colors is not among the `share` smallest of its image: flags (..., H, W, 1)."""
    if not 0 <= share < 1:
        raise ValueError(
            f"The share of pixels to leave out is from 0 up to, but not, 1; it was {share}."
        )
    lengths = np.linalg.norm(arrays, axis=-1, keepdims=True)
    return lengths >= np.quantile(lengths, share, axis=(-3, -2, -1), keepdims=True)
