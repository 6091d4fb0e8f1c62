"""Saliency maps: which pixels, changed a little, change the score most.

Every map is (model, image, class_index, *, options) -> (H, W) float32, from an image (H, W, C) in [0, 1].
"""

from itertools import islice

import numpy as np

from lecture_lib.gradients import gradient
from lecture_lib.images import as_batch
from lecture_lib.scores import class_score


def saliency_map(model, image, class_index):
    """max over colour of |∂S_c/∂I|, the score before softmax.

    image: (H, W, C) in [0, 1]. class_index: 0..classes-1. Returns (H, W) float32, 0 or more, in score per unit of a pixel.
    Source: Simonyan et al., Deep inside convolutional networks, 2014.
    """
    return strongest_colour(gradient(class_score(model, class_index), one_image(model, image)))


def smoothgrad_map(model, image, class_index, *, samples=24, noise=0.1, seed=0):
    """max over colour of |mean of ∂S_c/∂I at I + noise|: the same map, averaged over pictures that only differ by noise.

    noise: standard deviation of the noise, where pixels run from 0 to 1. samples: how many noisy pictures. Returns (H, W) float32.
    Source: Smilkov et al., SmoothGrad: removing noise by adding noise, 2017 (mean of gradients first, absolute value after).
    """
    if not (samples >= 1 and noise >= 0):
        raise ValueError(f"SmoothGrad takes 1 or more samples and a noise of 0 or more; they were {samples} and {noise}.")
    image, random = one_image(model, image), np.random.default_rng(seed)
    noisy = (image + noise * random.standard_normal(image.shape, np.float32) for _ in range(samples))
    return strongest_colour(mean_gradient(model, noisy, class_index))


def integrated_gradients_map(model, image, class_index, *, baseline=0.0, steps=64):
    """(I − baseline) · mean of ∂S_c/∂I along the straight way from baseline to I, summed over colour.

    The map adds up to S_c(I) − S_c(baseline). baseline: a number or an image (H, W, C) in [0, 1]; steps: points on the way (midpoint rule).
    Returns (H, W) float32, in units of the score, signed.
    Source: Sundararajan et al., Axiomatic attribution for deep networks, 2017.
    """
    if steps < 1:
        raise ValueError(f"Integrated gradients takes 1 or more steps; it was {steps}.")
    image = one_image(model, image)
    if np.shape(baseline) not in ((), image.shape) or not np.logical_and(0 <= np.asarray(baseline), np.asarray(baseline) <= 1).all():
        raise ValueError(f"The baseline is a number in [0, 1], or an image in [0, 1] of the shape {image.shape} of the picture.")
    way = image - np.asarray(baseline, np.float32)
    points = (image - way * np.float32(1 - (step + 0.5) / steps) for step in range(steps))
    return np.sum(way * mean_gradient(model, points, class_index), axis=-1)


def mean_gradient(model, images, class_index, *, batch_size=8):
    """The mean of ∂S_c/∂I over any number of images (H, W, C), given one after another and taken in batches."""
    score, images, total, count = class_score(model, class_index), iter(images), 0.0, 0
    while batch := list(islice(images, batch_size)):
        total, count = total + gradient(score, np.stack(batch)).sum(axis=0), count + len(batch)
    return total / count


def strongest_colour(gradients):
    """The absolute value that is largest among the colours of each pixel: (H, W, C) -> (H, W)."""
    return np.abs(gradients).max(axis=-1)


def one_image(model, image):
    """One image (H, W, C), checked: finite, in [0, 1], with as many colours as the net reads."""
    if np.ndim(image) != 3:
        raise ValueError(f"A map explains one image of shape (height, width, colours); this one has shape {np.shape(image)}.")
    return as_batch(image, channels=model.input.shape[-1])[0]
