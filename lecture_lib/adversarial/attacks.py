"""Attacks within a ball: no image moves farther than a radius, until the prediction is wrong.

All of them are gradient ascents of one loss, of each image as if it were alone. They differ in the
shape of the ball, which is that of its norm, and in the step that is the steepest there.
"""

import warnings
from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from lecture_lib.core.ascent import Ascent, ascend, clip, length, sign, unit
from lecture_lib.core.gradients import value, value_and_gradient
from lecture_lib.core.scores import Score, class_log_probability, class_margin
from lecture_lib.datasets.images import unbatch
from lecture_lib.datasets.shapes import (
    Classes,
    ImageOrImages,
    Images,
    Labels,
    Network,
    SeenImageOrImages,
    SeenImages,
    Values,
)
from lecture_lib.models.batching import default_batch_size
from lecture_lib.models.checks import batch_for, check_class

# Balls: how far a change may go, and which step is the steepest


def project_linf(changes: np.ndarray, epsilon: float) -> np.ndarray:
    """Return the changes with each number moved back into [−ε, ε]."""
    return np.clip(changes, -epsilon, epsilon)


def project_l2(changes: Images, epsilon: float) -> Images:
    """Return the changes, each shortened to the Euclidean length ε where it is longer."""
    shares = np.minimum(1, epsilon / np.maximum(length(changes), 1e-12))
    return changes * shares.astype(np.float32)


def _random_linf(generator: np.random.Generator, shape: tuple, epsilon: float) -> Images:
    """Changes that are spread evenly over the box."""
    return generator.uniform(-epsilon, epsilon, shape).astype(np.float32)


def _random_l2(generator: np.random.Generator, shape: tuple, epsilon: float) -> Images:
    """Changes of any direction and any share of the radius."""
    directions = unit(generator.standard_normal(shape).astype(np.float32))
    lengths = epsilon * generator.random((shape[0], 1, 1, 1))
    return directions * lengths.astype(np.float32)


class Ball(NamedTuple):
    """What an attack within a ball takes from its norm.

    Attributes:
        direction: gradients -> steps, the steepest ones of length 1 in this norm.
        project: (changes, epsilon) -> changes, moved back into the ball of radius epsilon.
        random: (generator, shape, epsilon) -> random changes within the ball.
    """

    direction: Callable
    project: Callable
    random: Callable


BALLS = {
    "linf": Ball(sign, project_linf, _random_linf),  # the largest change of a pixel
    "l2": Ball(unit, project_l2, _random_l2),  # the Euclidean length of the whole change
}


def _ball_of(norm: str) -> Ball:
    if norm not in list(BALLS):
        raise ValueError(f'The norm of an attack is "linf" or "l2"; it was {norm!r}.')
    return BALLS[norm]


# Attacks of a given radius


def fgsm(
    model: Network,
    images: ImageOrImages,
    labels: Classes,
    *,
    epsilon: float = 8 / 255,
    targeted: bool = False,
) -> SeenImageOrImages:
    """Take one step that moves every pixel by ε: the fast gradient sign method.

    I + ε · sign(∂L/∂I),  L = −log P_label(I)

    That is the largest rise of a linear loss when no pixel may move by more than ε.

    Args:
        model: images -> logits (N, classes).
        images: (H, W, C) or (N, H, W, C) in [0, 1].
        labels: the true class, one for all images or one for each.
        epsilon: ε, 0 or more, in the units of a pixel.
        targeted: labels are the classes wanted, and the loss is +log P_label.

    Returns:
        Images like those given, in [0, 1].

    Raises:
        ValueError: for a class, an image or an epsilon out of range.

    Warns:
        UserWarning: where the gradient of the loss is 0 everywhere, so that the attack stood still.

    Source:
        Goodfellow, Shlens and Szegedy, Explaining and harnessing adversarial examples, 2015.
    """
    batch, labels = check_attack(model, images, labels, epsilon=epsilon)
    has_gradient = np.zeros(len(batch), bool)
    moved = _ascend_in_ball(
        model,
        batch,
        labels,
        originals=batch,
        ball=BALLS["linf"],
        epsilon=epsilon,
        steps=1,
        learning_rate=epsilon,
        targeted=targeted,
        has_gradient=has_gradient,
    ).images
    warn_of_zero_gradients(model, moved, labels, has_gradient=has_gradient, targeted=targeted)
    return unbatch(moved, images)


def pgd(
    model: Network,
    images: ImageOrImages,
    labels: Classes,
    *,
    epsilon: float = 8 / 255,
    norm: str = "linf",
    steps: int = 20,
    learning_rate: float | None = None,
    restarts: int = 1,
    targeted: bool = False,
    seed: int = 0,
) -> SeenImageOrImages:
    """Ascend the loss from random places in a ball around each image: projected gradient descent.

    I ← project(I + η · direction(∂L/∂I)),  L = −log P_label(I)

    Interrupting the kernel returns what was reached, and says so: a weaker attack.

    Args:
        model: images -> logits (N, classes).
        images: (H, W, C) or (N, H, W, C) in [0, 1].
        labels: the true class, one for all images or one for each.
        epsilon: the radius of the ball, 0 or more.
        norm: "linf", where no pixel moves by more than epsilon, or "l2", where the Euclidean length
            of the whole change is at most epsilon.
        steps: how many from each start, 0 or more.
        learning_rate: η, the length of a step in this norm; None takes 2.5 ε / steps.
        restarts: how many random starts, 1 or more; of each image the result of several is kept
            that is farthest on the wrong side (targeted: on the wanted side) of the decision
            boundary.
        targeted: labels are the classes wanted, and the loss is +log P_label.
        seed: of the random starts.

    Returns:
        Images like those given, in [0, 1].

    Raises:
        ValueError: for another norm, and for a class, an image or an epsilon out of range.

    Warns:
        UserWarning: where the gradient of the loss is 0 everywhere, so that the attack stood still.

    Source:
        Madry et al., Towards deep learning models resistant to adversarial attacks, 2018.
    """
    ball = _ball_of(norm)
    batch, labels = check_attack(model, images, labels, epsilon=epsilon)
    rate = 2.5 * epsilon / max(steps, 1) if learning_rate is None else learning_rate
    has_gradient = np.full(len(batch), steps * restarts == 0)
    options = {"steps": steps, "learning_rate": rate, "has_gradient": has_gradient}
    generator = np.random.default_rng(seed)
    reached = []
    for _ in range(restarts):
        start = clip(batch + ball.random(generator, batch.shape, epsilon))
        moved = _ascend_in_ball(
            model,
            start,
            labels,
            originals=batch,
            ball=ball,
            epsilon=epsilon,
            targeted=targeted,
            **options,
        )
        reached.append(moved.images)
        if moved.interrupted:
            break
    best = _farthest(attack_margin(model, labels, targeted=targeted), reached or [batch.copy()])
    warn_of_zero_gradients(model, best, labels, has_gradient=has_gradient, targeted=targeted)
    return unbatch(best, images)


def _farthest(margin: Score, copies: list[Images]) -> Images:
    """Of each image, the copy with the largest margin; of a single copy nothing is asked."""
    if len(copies) == 1:
        return copies[0]
    best = np.argmax([value(margin, copy) for copy in copies], axis=0)  # (N,)
    return np.stack(copies)[best, np.arange(len(best))]


def _ascend_in_ball(
    model: Network,
    start: Images,
    labels: Classes,
    *,
    originals: Images,
    ball: Ball,
    epsilon: float,
    steps: int,
    learning_rate: float,
    targeted: bool,
    has_gradient: np.ndarray,
) -> Ascent:
    """What some steps up the loss −log P_label reach; targeted, up log P_label.

    In `has_gradient` (N,) it is noted which images have one.
    """

    def loss(classes: Classes) -> Score:
        log_probability = class_log_probability(model, classes)
        return log_probability if targeted else -log_probability

    def project(images: Images) -> Images:
        return clip(originals + ball.project(images - originals, epsilon))

    # The gradient where the ascent ends leads nowhere: for FGSM it would be half of the work.
    one_each = np.broadcast_to(labels, len(start))
    evaluate = evaluate_changed_only(loss, one_each, evaluations=steps)
    return ascend(
        loss(labels),
        start,
        steps=steps,
        learning_rate=learning_rate,
        direction=ball.direction,
        project=project,
        evaluate=note_gradients(evaluate, has_gradient),
    )


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
