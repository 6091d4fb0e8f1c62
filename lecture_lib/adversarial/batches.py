"""What all attacks on a batch have in common: each image is attacked as if it were alone.

Images and classes are looked at first; images that have arrived cost nothing more; and an attack
that stood still for want of a gradient says so.
"""

import warnings
from collections.abc import Callable

import numpy as np

from lecture_lib.core.gradients import value, value_and_gradient
from lecture_lib.core.scores import Score, class_margin
from lecture_lib.datasets.shapes import (
    Classes,
    ImageOrImages,
    Images,
    Labels,
    Network,
    SeenImages,
    Values,
)
from lecture_lib.models.batching import default_batch_size
from lecture_lib.models.checks import batch_for, check_class


def check_attack(
    model: Network,
    images: ImageOrImages,
    classes: Classes,
    *,
    epsilon: float = 0.0,
    called: str = "labels",
) -> tuple[SeenImages, np.ndarray]:
    """Return images as a batch and their classes as an array, after a look at both.

    Args:
        model: images -> logits (N, classes).
        images: (H, W, C) or (N, H, W, C) in [0, 1].
        classes: one for all images or one for each.
        epsilon: the radius of the ball.
        called: what the classes are called in an error message.

    Returns:
        (images (N, H, W, C), classes () or (N,)).

    Raises:
        ValueError: for a class, an image or an epsilon out of range, and for another number of
            classes than of images.
    """
    if not 0 <= epsilon < np.inf:
        raise ValueError(
            "Epsilon is the radius of the ball, 0 or more in the units of the image; it was "
            f"{epsilon}."
        )
    batch = batch_for(model, images)
    classes = check_class(model, classes)
    if classes.ndim and len(classes) != len(batch):
        raise ValueError(
            f"There are {len(classes)} {called} for {len(batch)} images; "
            "give one class, or one for each image."
        )
    return batch, classes


def attack_margin(model: Network, labels: Classes, *, targeted: bool = False) -> Score:
    """Score how far an image is beyond the decision boundary, above 0 where the attack succeeded.

    max_k S_k(I) − S_label(I), k ≠ label; targeted, S_label(I) − max_k S_k(I)

    Args:
        model: images -> logits (N, classes).
        labels: the true class, one for all images or one for each.
        targeted: labels are the classes wanted.

    Raises:
        ValueError: for a class that the network does not have.
    """
    margin = class_margin(model, labels)
    return margin if targeted else -margin


def evaluate_changed_only(
    score_of: Callable[[Labels], Score],
    classes: Labels,
    *,
    batch_size: int | None = None,
    evaluations: int | None = None,
) -> Callable:
    """Make an `evaluate` for `ascend` that computes only what has changed since the last step.

    Images that have arrived cost nothing more, and the others go on as if they were alone.

    Args:
        score_of: classes (n,) -> the score of n images.
        classes: (N,), one for each image.
        batch_size: how many images go through the network at once; None takes `default_batch_size`.
        evaluations: after so many calls nothing is computed anymore, for an ascent of which only
            the images are wanted; None always computes.

    Returns:
        (score, images (N, H, W, C)) -> (values (N,), gradients (N, H, W, C)).
    """
    calls = 0
    seen = np.nan  # differs from every image, so that the first call computes all of them
    values = np.zeros(len(classes), np.float32)
    gradients = None

    def evaluate(_: Score, images: Images) -> tuple[Values, Images]:
        nonlocal calls, seen, gradients
        if gradients is None:
            gradients = np.zeros_like(images)
        calls += 1
        if evaluations is None or calls <= evaluations:
            changed = np.flatnonzero((images != seen).any(axis=(1, 2, 3)))
            for some in _in_batches(changed, batch_size or default_batch_size(images.shape)):
                score = score_of(classes[some])
                values[some], gradients[some] = value_and_gradient(score, images[some])
            seen = images.copy()
        return values.copy(), gradients

    return evaluate


def _in_batches(places: np.ndarray, size: int) -> list[np.ndarray]:
    return [places[first : first + size] for first in range(0, len(places), size)]


# Gradients that are 0


def note_gradients(evaluate: Callable, has_gradient: np.ndarray) -> Callable:
    """Make an `evaluate` for `ascend` that notes which images ever had a gradient other than 0.

    Args:
        evaluate: (score, images) -> (values, gradients).
        has_gradient: booleans (N,), one for each image; True is written into them.

    Returns:
        (score, images) -> (values, gradients), the same.
    """

    def noting(score: Score, images: ImageOrImages) -> tuple:
        values, gradients = evaluate(score, images)
        np.logical_or(
            has_gradient, gradients.reshape(len(has_gradient), -1).any(axis=1), out=has_gradient
        )
        return values, gradients

    return noting


def warn_of_zero_gradients(
    model: Network,
    images: Images,
    labels: Classes,
    *,
    has_gradient: np.ndarray,
    targeted: bool = False,
) -> None:
    """Warn of an attack that stood still for want of a gradient: that is no robustness.

    Args:
        model: images -> logits (N, classes).
        images: what the attack has made, (N, H, W, C) in [0, 1].
        labels: the true class, one for all images or one for each.
        has_gradient: booleans (N,), see `note_gradients`.
        targeted: labels are the classes wanted.
    """
    still = np.flatnonzero(~has_gradient)
    if not len(still):
        return
    one_each = np.broadcast_to(labels, len(images))
    # An image that is where it should be needs no gradient.
    margin = value(attack_margin(model, one_each[still], targeted=targeted), images[still])
    count = int(np.sum(margin <= 0))
    if count:
        warnings.warn(
            f"The gradient of the loss is 0 for {count} of {len(images)} images, so the attack "
            "could not move them on purpose. That proves no robustness: attack the network "
            "without what hides its gradient, or with an attack that needs none.",
            stacklevel=3,
        )
