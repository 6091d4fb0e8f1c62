"""What is left of an attack when its picture is rounded, saved, sent, made smaller, or shown to a net that it was not made for."""

from typing import NamedTuple

import numpy as np
from skimage.metrics import structural_similarity

from lecture_lib.core.ascent import clip, identity, length
from lecture_lib.core.gradients import value
from lecture_lib.core.scores import class_margin
from lecture_lib.datasets.images import (
    decode_image,
    encode_jpeg,
    encode_png,
    resize_image,
    to_uint8,
)
from lecture_lib.models.backend import keras
from lecture_lib.models.inference import batch_for, class_scores


class Survival(NamedTuple):
    """One stage: the share of pictures that still fool the net, and how far all are from the originals, in the middle (medians).

    success in 0..1; l2: ‖I' − I‖; largest: max |I' − I|; ssim: structural similarity, 1 for equal pictures.
    """

    stage: str
    success: float
    l2: float
    largest: float
    ssim: float


def stages():
    """The stages of a picture's life, {name: image (H, W, C) -> image in [0, 1]}; only "float" hands on what lies outside [0, 1]."""
    return {
        "float": identity,
        "clipped": clip,
        "8 bits": lambda image: to_uint8(clip(image)) / np.float32(255),
        "save_img": lambda image: (
            np.asarray(keras.utils.array_to_img(image), np.float32).reshape(image.shape) / 255
        ),
        "PNG": lambda image: decode_image(encode_png(clip(image))),
        "JPEG 90": lambda image: decode_image(encode_jpeg(clip(image), quality=90)),
        "JPEG 75": lambda image: decode_image(encode_jpeg(clip(image), quality=75)),
        "resized": lambda image: resize_image(
            resize_image(clip(image), _smaller(image)), image.shape[:2]
        ),
    }


def _smaller(image):
    """Three quarters of its height and width."""
    return tuple(max(1, 3 * side // 4) for side in image.shape[:2])


def survival(model, images, attacked, *, labels, targeted=False):
    """How an attack fares at each of the `stages`: a list of Survival, one row a stage.

    images: the originals, (N, H, W, C) in [0, 1], 7 pixels high and wide at least. attacked: their adversarial twins; numbers beyond
    [0, 1] are allowed, as an attack that does not clip leaves them. labels: the right answers, one or (N,); a picture fools the net when
    the answer is another. targeted: labels are the classes wanted, and a picture fools the net when that is the answer.
    Raises ValueError for images that do not fit one another or the net, and for a class out of range.
    Source of SSIM: Wang et al., Image quality assessment: from error visibility to structural similarity, 2004.
    """
    batch, attacked = batch_for(model, images), np.asarray(attacked, np.float32)
    if attacked.shape != batch.shape:
        raise ValueError(
            f"The originals have the shape {batch.shape}, the attacked pictures {attacked.shape}; give as many of one size."
        )
    margin, rows = class_margin(model, labels), []
    for name, stage in stages().items():
        reached = np.stack(
            [stage(picture)[..., : batch.shape[-1]] for picture in attacked]
        )  # gray files come back in three colors
        fooled = (value(margin, reached) > 0) == targeted
        rows.append(Survival(name, float(fooled.mean()), *sizes(batch, reached)))
    return rows


def sizes(images, changed):
    """How far pictures are from their originals: the medians of ‖I' − I‖, max |I' − I| and SSIM. images, changed: (N, H, W, C)."""
    change = changed - images
    ssim = [
        structural_similarity(*pair, channel_axis=-1, data_range=1)
        for pair in zip(images, changed, strict=True)
    ]
    return tuple(
        float(np.median(numbers))
        for numbers in (length(change), np.abs(change).max(axis=(1, 2, 3)), ssim)
    )


def transfer(models, images, attack):
    """share[i, j] of the pictures whose answer net j changes when they were attacked on net i, in 0..1: (nets, nets).

    models: nets that take these images, (N, H, W, C) in [0, 1]. attack: (model, images, labels) -> images, as `fgsm` and its kin; each net
    is attacked away from its own answers and asked whether it keeps them. Raises ValueError for images that do not fit.
    Source: Szegedy et al., Intriguing properties of neural networks, 2014.
    """
    answers = [class_scores(model, images).argmax(axis=1) for model in models]
    moved = [attack(model, images, answer) for model, answer in zip(models, answers, strict=True)]
    asked = lambda pictures: [
        np.mean(class_scores(model, pictures).argmax(axis=1) != a)
        for model, a in zip(models, answers, strict=True)
    ]
    return np.array([asked(pictures) for pictures in moved])
