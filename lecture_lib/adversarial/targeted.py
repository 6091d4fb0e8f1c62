"""Adversarial images: a real picture, changed so little that nobody sees it, and read as something else.

The attacks that stay within a ball are written in `attacks`; here are those of the slides, and the two that serve any picture.
"""

from functools import partial
from typing import NamedTuple

import numpy as np

from lecture_lib.adversarial.attacks import (
    carlini_wagner,
    evaluate_changed_only,
    fgsm,
    l2_ball,
    max_ball,
    pgd,
)
from lecture_lib.core.ascent import ascend
from lecture_lib.core.scores import class_log_probability
from lecture_lib.datasets.images import unbatch
from lecture_lib.models.inference import batch_for, check_class

__all__ = [
    "Adversarial",
    "make_adversarial",
]


class Adversarial(NamedTuple):
    """What an attack reached: `image` like the one given, the target's `probability` in it, the `steps` it took, whether it `succeeded`.

    For a batch, probability, steps and succeeded are arrays (N,).
    """

    image: np.ndarray
    probability: np.ndarray
    steps: np.ndarray
    succeeded: np.ndarray


def make_adversarial(
    model, image, target_class, *, threshold=0.99, learning_rate=0.5, iterations=200, watch=None
):
    """I ← clip(I + learning_rate · g / ‖g‖), g = ∂ log P_target(I)/∂I, until P_target(I) > threshold.

    image: (H, W, C) or (N, H, W, C) in [0, 1], each attacked as if alone. target_class: 0..classes-1, or one per image. threshold: a
    probability in 0..1. learning_rate: the length of a step; the slides' 1, measured where pixels run from -1 to 1, is 0.5 here.
    The gradient of log P points where that of P points, and does not vanish when P is tiny. watch: as in `ascend`, of log P.
    Returns an Adversarial, also when the threshold was not reached. Raises ValueError for a class, an image or a threshold out of range.
    Source: Szegedy et al., Intriguing properties of neural networks, 2014.
    """
    if not 0 < threshold < 1:
        raise ValueError(f"The threshold is a probability between 0 and 1; it was {threshold}.")
    batch, targets, enough = (
        batch_for(model, image),
        check_class(model, target_class),
        np.log(threshold),
    )
    if targets.ndim and len(targets) != len(batch):
        raise ValueError(
            f"There are {len(targets)} target classes for {len(batch)} images; give one class, or one for each image."
        )
    score_of, alone = partial(class_log_probability, model), np.ndim(image) == 3
    evaluate = (
        None if alone else evaluate_changed_only(score_of, np.broadcast_to(targets, len(batch)))
    )
    climb = ascend(
        score_of(targets),
        unbatch(batch, image),
        steps=iterations,
        learning_rate=learning_rate,
        stop_above=enough,
        evaluate=evaluate,
        watch=watch,
    )
    steps = np.sum(
        climb.values[:-1] <= enough, axis=0
    )  # an image that is above the threshold takes no more
    return Adversarial(climb.images, np.exp(climb.values[-1]), steps, climb.values[-1] > enough)
