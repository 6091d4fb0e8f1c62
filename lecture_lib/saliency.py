"""Saliency maps: which pixels, changed a little, change the score most.

Every map is (model, image, class_index, *, options) -> (H, W) float32, from an image (H, W, C) in [0, 1].
"""

import cv2
import numpy as np

from lecture_lib.core.gradients import gradient
from lecture_lib.core.scores import class_score
from lecture_lib.datasets.images import as_map, strongest_channel, to_uint8
from lecture_lib.models.batching import batches
from lecture_lib.models.inference import one_image


def saliency_map(model, image, class_index):
    """max over color of |∂S_c/∂I|, the score before softmax.

    image: (H, W, C) in [0, 1]. class_index: 0..classes-1. Returns (H, W) float32, 0 or more, in score per unit of a pixel.
    Source: Simonyan et al., Deep inside convolutional networks, 2014.
    """
    return strongest_channel(gradient(class_score(model, class_index), one_image(model, image)))


def smoothgrad_map(model, image, class_index, *, samples=24, noise=0.1, seed=0):
    """max over color of |mean of ∂S_c/∂I at I + noise|: the same map, averaged over pictures that only differ by noise.

    noise: standard deviation of the noise, where pixels run from 0 to 1. samples: how many noisy pictures. Returns (H, W) float32.
    Source: Smilkov et al., SmoothGrad: removing noise by adding noise, 2017 (mean of gradients first, absolute value after).
    """
    if not (samples >= 1 and noise >= 0):
        raise ValueError(
            f"SmoothGrad takes 1 or more samples and a noise of 0 or more; they were {samples} and {noise}."
        )
    image, random = one_image(model, image), np.random.default_rng(seed)
    noisy = (
        image + noise * random.standard_normal(image.shape, np.float32) for _ in range(samples)
    )
    return strongest_channel(mean_gradient(model, noisy, class_index))


def integrated_gradients_map(model, image, class_index, *, baseline=0.0, steps=64):
    """(I − baseline) · mean of ∂S_c/∂I along the straight way from baseline to I, summed over color.

    The map adds up to S_c(I) − S_c(baseline). baseline: a number or an image (H, W, C) in [0, 1]; steps: points on the way (midpoint rule).
    Returns (H, W) float32, in units of the score, signed.
    Source: Sundararajan et al., Axiomatic attribution for deep networks, 2017.
    """
    if steps < 1:
        raise ValueError(f"Integrated gradients takes 1 or more steps; it was {steps}.")
    image = one_image(model, image)
    if (
        np.shape(baseline) not in ((), image.shape)
        or not np.logical_and(0 <= np.asarray(baseline), np.asarray(baseline) <= 1).all()
    ):
        raise ValueError(
            f"The baseline is a number in [0, 1], or an image in [0, 1] of the shape {image.shape} of the picture."
        )
    way = image - np.asarray(baseline, np.float32)
    points = (image - way * np.float32(1 - (step + 0.5) / steps) for step in range(steps))
    return np.sum(way * mean_gradient(model, points, class_index), axis=-1)


def mean_gradient(model, images, class_index, *, batch_size=None):
    """The mean of ∂S_c/∂I over any number of images (H, W, C), given one after another and taken in batches."""
    score, total, count = class_score(model, class_index), 0.0, 0
    for batch in batches(images, size=batch_size):
        total, count = total + gradient(score, batch).sum(axis=0), count + len(batch)
    return total / count


def grabcut_mask(image, heatmap, *, foreground=0.95, background=0.3, rounds=5):
    """The object as a mask: pixels where the map is highest are of it, those where it is lowest are not, and GrabCut decides the others.

    image: (H, W, 1 or 3) in [0, 1]; heatmap: (H, W), high on the object. foreground and background: the quantiles of the map that are taken
    as certain. GrabCut (Rother et al., 2004) describes both by their colors and cuts where neighbors differ, `rounds` times.
    Returns (H, W) booleans, the largest connected piece. Raises ValueError for a map of another size or quantiles out of order.
    Source: Simonyan et al., Deep inside convolutional networks, 2014.
    """
    pixels, heatmap = to_uint8(image), as_map(heatmap)
    if pixels.shape[:2] != heatmap.shape:
        raise ValueError(
            f"The map is {heatmap.shape} but the picture {pixels.shape[:2]}; give both the same height and width."
        )
    if not 0 <= background < foreground <= 1:
        raise ValueError(
            f"The quantiles are 0 <= background < foreground <= 1; these were {background} and {foreground}."
        )
    low, high = np.quantile(heatmap, [background, foreground])
    labels = np.where(
        heatmap >= high, cv2.GC_FGD, np.where(heatmap <= low, cv2.GC_BGD, cv2.GC_PR_BGD)
    ).astype(np.uint8)
    cv2.setRNGSeed(0)  # it draws the first guess of its colors
    colors = np.ascontiguousarray(np.broadcast_to(pixels, (*heatmap.shape, 3)))
    cv2.grabCut(
        colors, labels, None, np.zeros((1, 65)), np.zeros((1, 65)), rounds, cv2.GC_INIT_WITH_MASK
    )
    count, pieces, sizes, _ = cv2.connectedComponentsWithStats(
        np.uint8((labels == cv2.GC_FGD) | (labels == cv2.GC_PR_FGD))
    )
    return (
        pieces == 1 + sizes[1:, cv2.CC_STAT_AREA].argmax()
        if count > 1
        else np.zeros(heatmap.shape, bool)
    )


def box_of(mask):
    """The smallest box around a mask (H, W), as (top, left, bottom, right), the last two one beyond it; ValueError for an empty mask."""
    rows, columns = np.nonzero(mask)
    if not rows.size:
        raise ValueError("The mask is empty, so that there is no box around it.")
    return int(rows.min()), int(columns.min()), int(rows.max()) + 1, int(columns.max()) + 1


def overlap(box, other):
    """Intersection over union of two boxes (top, left, bottom, right), in 0..1."""
    area = lambda top, left, bottom, right: max(0, bottom - top) * max(0, right - left)
    common = area(*np.maximum(box[:2], other[:2]), *np.minimum(box[2:], other[2:]))
    return common / (area(*box) + area(*other) - common)
