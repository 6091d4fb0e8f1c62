"""Stickers for a camera: patches trained over random ways of printing, holding and photographing.

A patch that was made for pixels meets ink, light and an angle once it is printed. So it is trained
on the mean over random transformations t (expectation over transformations):

    p* = argmax over p of E over I, t of log P_target(t(I, p))
"""

from collections.abc import Callable
from functools import partial
from typing import NamedTuple

import numpy as np

from lecture_lib.adversarial.universal import Patch
from lecture_lib.core.ascent import adam, ascend
from lecture_lib.core.scores import Score, log_probabilities
from lecture_lib.core.transforms import blurred_by, seed_of, warped_onto
from lecture_lib.datasets.images import as_batch, as_image, unbatch
from lecture_lib.datasets.shapes import ImageOrImages, Images, Network, Tensor, TensorImages
from lecture_lib.models.backend import tf
from lecture_lib.models.checks import batch_for, one_class


class Conditions(NamedTuple):
    """How a printed sticker may be met; each number is the most that is drawn, 0 is not at all.

    Attributes:
        rotation: turned by up to so many degrees, to the left or to the right.
        scale: its side is longer or shorter by up to this share.
        tilt: each corner moves by up to this share of the side, which is perspective.
        ink: a printer's black is up to so light and its white up to so dark, color by color.
        light: the whole picture is brighter or darker by up to this much.
        contrast: the whole picture loses or gains up to this share of its contrast.
        blur: the standard deviation of a Gaussian blur, in pixels.
        noise: the standard deviation of the noise of each pixel.
    """

    rotation: float = 20.0
    scale: float = 0.1
    tilt: float = 0.08
    ink: float = 0.1
    light: float = 0.1
    contrast: float = 0.2
    blur: float = 0.8
    noise: float = 0.02


HANDHELD = Conditions()
PASTED = Conditions(0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0)  # as a patch lies on the pixels


def make_sticker(
    model: Network,
    images: Images,
    target_class: int,
    *,
    area: tuple[float, float] = (1 / 16, 1 / 6),
    conditions: Conditions = HANDHELD,
    side: int = 100,
    steps: int = 90,
    learning_rate: float = 0.06,
    batch_size: int = 12,
    seed: int = 0,
    watch: Callable | None = None,
) -> Patch:
    """Find a sticker that draws photographs toward a target class when a camera sees it.

    p ← clip(p + η · Adam(∂/∂p mean over I of log P_target(t(I, p)))), with another t for each I

    Args:
        model: images -> logits (N, classes).
        images: those to learn from, (N, H, W, C) in [0, 1].
        target_class: 0..classes-1.
        area: the smallest and the largest part of the picture that it covers, each in 0..1.
        conditions: how it is printed, held and photographed.
        side: of the sticker, in pixels.
        steps: how many, 0 or more.
        learning_rate: η, about the first step of a pixel; it falls evenly to a tenth.
        batch_size: how many of the images, drawn anew, a step looks at.
        seed: of the gray noise that it starts from.
        watch: (step, steps, ascent), called after each step; returning True ends it.

    Returns:
        The sticker, (side, side, C) float32 in [0, 1]; `photograph` shows it to a camera.

    Raises:
        ValueError: for a class, images, steps or an area out of range.

    Source:
        Athalye et al., Synthesizing robust adversarial examples, 2018. Brown et al., Adversarial
        patch, 2017. Eykholt et al., Robust physical-world attacks on deep learning visual
        classification, 2018.
    """
    batch = batch_for(model, images)
    _check_area(*area)
    start = np.random.default_rng(seed).uniform(0.4, 0.6, (side, side, batch.shape[3]))
    numbers = [np.float32(area), np.float32(conditions)]
    score = Score(
        _mean_log_probability_seen,
        batch,
        one_class(model, target_class),
        *numbers,
        model=model,
        count=min(batch_size, len(batch)),
    )
    # Asked once before the first step, to be checked, and once for each step.
    rates = iter(np.linspace(learning_rate, learning_rate / 10, max(steps, 0) + 1))
    options = {"steps": steps, "learning_rate": partial(next, rates), "watch": watch}
    return ascend(score, start, direction=adam(), **options).images


def _mean_log_probability_seen(
    stickers: TensorImages,
    images: TensorImages,
    target: Tensor,
    area: Tensor,
    conditions: Tensor,
    *,
    model: Network,
    count: int,
) -> Tensor:
    """One number for the one sticker (1, side, side, C), seen on `count` of the images."""
    seed = seed_of(stickers)
    order = tf.argsort(tf.random.stateless_uniform([tf.shape(images)[0]], seed + 1))
    seen = _photographed(tf.gather(images, order[:count]), stickers[0], area, conditions, seed)
    logits = model(seen, training=False)
    return tf.reduce_mean(log_probabilities(logits, target))[None]


def photograph(
    images: ImageOrImages,
    sticker: Patch,
    *,
    area: float = 1 / 5,
    conditions: Conditions = HANDHELD,
    seed: int = 0,
) -> ImageOrImages:
    """Return the images as a camera sees them with the sticker, each in a random way.

    Args:
        images: (H, W, C) or (N, H, W, C) in [0, 1].
        sticker: (side, side, C) in [0, 1].
        area: the part of the picture that it covers, in 0..1, before scale and tilt.
        conditions: how it is printed, held and photographed.
        seed: of the random ways.

    Returns:
        Images like those given.

    Raises:
        ValueError: for what is no images or no sticker, and an area out of range.
    """
    sticker = as_image(sticker, channels=np.shape(sticker)[-1])
    batch = as_batch(images, channels=sticker.shape[-1])
    _check_area(area, area)
    numbers = [np.float32([area, area]), np.float32(conditions), np.int32([seed, 7])]
    seen = _photographed(batch, sticker, *numbers)
    return unbatch(seen.numpy(), images)


def _check_area(smallest: float, largest: float) -> None:
    if not 0 < smallest <= largest <= 1:
        raise ValueError(
            "A sticker covers a part of the picture between 0 and 1, the smaller one first; the "
            f"area was {smallest:.3g} to {largest:.3g}."
        )


def _photographed(
    images: TensorImages, sticker: Tensor, area: Tensor, conditions: Tensor, seed: Tensor
) -> TensorImages:
    """The images with the sticker, as a camera sees them; the gradient goes into the sticker.

    Args:
        images: (N, H, W, C).
        sticker: (side, side, C).
        area: (2,), the smallest and the largest part of a picture.
        conditions: (8,), the numbers of `Conditions`.
        seed: (2,) whole numbers.
    """
    rotation, scale, tilt, ink, light, contrast, blur, noise = tf.unstack(conditions)
    count = tf.shape(images)[0]
    of_corners, of_ink, of_light, of_noise = tf.unstack(tf.random.split(seed, 4))

    # Print it, then hold it into the picture.
    corners = _corners(tf.shape(images)[:3], area, [rotation, scale, tilt], of_corners)
    printed = _printed(sticker, count, ink, of_ink)  # (N, side, side, C)
    held = warped_onto(images, printed, corners)

    # The light, the lens and the sensor of the camera change the whole picture.
    numbers = tf.random.stateless_uniform([3, count, 1, 1, 1], of_light, -1.0, 1.0)
    lit = 0.5 + (1 + contrast * numbers[0]) * (held - 0.5) + light * numbers[1]
    sharpness = blur * tf.abs(numbers[2, :, 0, 0, 0])  # (N,)
    grain = noise * tf.random.stateless_normal(tf.shape(images), of_noise)
    return tf.clip_by_value(blurred_by(lit, sharpness) + grain, 0.0, 1.0)


def _printed(sticker: Tensor, count: Tensor, ink: Tensor, seed: Tensor) -> TensorImages:
    """The sticker as `count` printers print it: the black and the white of each ink are its own."""
    channels = tf.shape(sticker)[-1]
    ends = ink * tf.random.stateless_uniform([2, count, 1, 1, channels], seed)
    return ends[0] + (1 - ends[0] - ends[1]) * sticker


def _corners(shape: Tensor, area: Tensor, options: list, seed: Tensor) -> Tensor:
    """Where the four corners of the sticker lie, (N, 4, 2), columns and rows in pixels.

    Args:
        shape: of the images, (N, H, W).
        area: (2,), the smallest and the largest part of a picture.
        options: rotation in degrees, scale and tilt.
        seed: (2,) whole numbers.
    """
    rotation, scale, tilt = options
    count, height, width = tf.unstack(shape)
    numbers = tf.random.stateless_uniform([count, 13], seed, -1.0, 1.0)
    # A square around 0, turned and distorted.
    share = area[0] * (area[1] / area[0]) ** ((numbers[:, 0] + 1) / 2)
    sides = tf.sqrt(share * tf.cast(height * width, tf.float32)) * (1 + scale * numbers[:, 1])
    square = tf.constant([[-0.5, -0.5], [0.5, -0.5], [0.5, 0.5], [-0.5, 0.5]])
    square += tilt * tf.reshape(numbers[:, 2:10], [count, 4, 2])
    angle = rotation * numbers[:, 10] * (np.pi / 180)
    rows = tf.stack([tf.cos(angle), tf.sin(angle), -tf.sin(angle), tf.cos(angle)], axis=1)
    turned = square @ tf.reshape(rows, [count, 2, 2]) * sides[:, None, None]
    # Its place: anywhere within the picture.
    first = tf.reduce_min(turned, axis=1)  # (N, 2)
    room = tf.cast([width, height], tf.float32) - tf.reduce_max(turned, axis=1) + first
    places = (numbers[:, 11:13] + 1) / 2 * room - first
    return turned + places[:, None] - 0.5  # the middle of the first pixel is 0
