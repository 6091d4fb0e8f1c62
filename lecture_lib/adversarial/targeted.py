"""Targeted attacks: an image, hardly changed, that a network assigns to the class wanted."""

import warnings
from collections.abc import Callable
from functools import partial
from typing import NamedTuple

import numpy as np

from lecture_lib.adversarial.batches import (
    check_attack,
    evaluate_changed_only,
    note_gradients,
    warn_of_zero_gradients,
)
from lecture_lib.core.ascent import ascend
from lecture_lib.core.gradients import value_and_gradient
from lecture_lib.core.scores import class_log_probability
from lecture_lib.datasets.images import unbatch
from lecture_lib.datasets.shapes import Classes, ImageOrImages, Labels, Network, Values


class Adversarial(NamedTuple):
    """What an attack reached; for a batch, all but the images are arrays (N,).

    Attributes:
        images: shaped like those given.
        probability: that of the target class, P_target(images), in 0..1.
        steps: how many were taken.
        succeeded: whether the probability is above the threshold.
    """

    images: ImageOrImages
    probability: float | Values
    steps: int | Labels
    succeeded: bool | np.ndarray


def make_adversarial(
    model: Network,
    images: ImageOrImages,
    target_class: Classes,
    *,
    threshold: float = 0.99,
    learning_rate: float = 0.5,
    steps: int = 200,
    watch: Callable | None = None,
) -> Adversarial:
    """Change images until the network assigns a target class more than some probability.

    I ← clip(I + learning_rate · g / ‖g‖),  g = ∂ log P_target(I)/∂I,  until P_target(I) > threshold

    The gradient of log P points where that of P points, and does not vanish when P is tiny. Each
    image is attacked as if it were alone.

    Args:
        model: images -> logits (N, classes).
        images: (H, W, C) or (N, H, W, C) in [0, 1].
        target_class: 0..classes-1, one for all images or one for each.
        threshold: a probability, between 0 and 1.
        learning_rate: the Euclidean length of a step; the slides' 1, measured where pixels run from
            −1 to 1, is 0.5 here.
        steps: at most so many, 0 or more.
        watch: (step, steps, ascent) of log P, called after each step; returning True ends the
            attack.

    Returns:
        Adversarial(images, probability, steps, succeeded), also when the threshold was not reached.

    Raises:
        ValueError: for a class, an image or a threshold out of range.

    Warns:
        UserWarning: where an image is above the threshold before the first step, and where the
            gradient is 0 everywhere.

    Source:
        Szegedy et al., Intriguing properties of neural networks, 2014.
    """
    if not 0 < threshold < 1:
        raise ValueError(f"The threshold is a probability between 0 and 1; it was {threshold}.")
    batch, targets = check_attack(model, images, target_class, called="target classes")
    log_threshold = np.log(threshold)
    has_gradient = np.full(len(batch), steps == 0)
    ascent = ascend(
        class_log_probability(model, targets),
        unbatch(batch, images),
        steps=steps,
        learning_rate=learning_rate,
        stop_above=log_threshold,
        evaluate=note_gradients(_evaluate(model, images, targets), has_gradient),
        watch=watch,
    )
    last = ascent.values[-1]
    # An image that is above the threshold takes no more steps.
    steps_taken = np.sum(ascent.values[:-1] <= log_threshold, axis=0)
    _warn_of_no_step(np.atleast_1d(ascent.values[0] > log_threshold))
    reached = ascent.images.reshape(batch.shape)
    warn_of_zero_gradients(model, reached, targets, has_gradient=has_gradient, targeted=True)
    return Adversarial(ascent.images, np.exp(last), steps_taken, last > log_threshold)


def _warn_of_no_step(above_at_first: np.ndarray) -> None:
    """Say where there was nothing to attack. above_at_first: booleans (N,)."""
    count = int(above_at_first.sum())
    if count:
        warnings.warn(
            f"{count} of {len(above_at_first)} images had the target's probability above the "
            "threshold before the first step, so they were not changed; choose a class that the "
            "network does not predict.",
            stacklevel=3,
        )


def _evaluate(model: Network, images: ImageOrImages, targets: Classes) -> Callable:
    """For one image the usual one; in a batch, images that are above the threshold cost nothing."""
    if np.ndim(images) == 3:
        return value_and_gradient
    one_each = np.broadcast_to(targets, len(images))
    return evaluate_changed_only(partial(class_log_probability, model), one_each)
