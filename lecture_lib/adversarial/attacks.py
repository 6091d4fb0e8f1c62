"""Attacks within a ball: no image moves farther than a radius, until the prediction is wrong.

All of them are gradient ascents of one loss, of each image as if it were alone. They differ in the
shape of the ball, which is that of its norm, and in the step that is the steepest there.
"""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from lecture_lib.adversarial.batches import (
    attack_margin,
    check_attack,
    evaluate_changed_only,
    note_gradients,
    warn_of_zero_gradients,
)
from lecture_lib.core.ascent import Ascent, ascend, clip, length, sign, unit
from lecture_lib.core.gradients import value
from lecture_lib.core.scores import Score, class_log_probability
from lecture_lib.datasets.images import unbatch
from lecture_lib.datasets.shapes import (
    Classes,
    ImageOrImages,
    Images,
    Network,
    SeenImageOrImages,
)

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
        ValueError: for another norm, for no start, and for a class, an image or an epsilon out of
            range.

    Warns:
        UserWarning: where the gradient of the loss is 0 everywhere, so that the attack stood still.

    Source:
        Madry et al., Towards deep learning models resistant to adversarial attacks, 2018.
    """
    ball = _ball_of(norm)
    _check_restarts(restarts)
    batch, labels = check_attack(model, images, labels, epsilon=epsilon)
    rate = 2.5 * epsilon / max(steps, 1) if learning_rate is None else learning_rate
    has_gradient = np.full(len(batch), steps * restarts == 0)
    options = {"steps": steps, "learning_rate": rate, "has_gradient": has_gradient}
    generator = np.random.default_rng(seed)
    reached = []
    for _ in range(restarts):
        moved = _ascend_in_ball(
            model,
            clip(batch + ball.random(generator, batch.shape, epsilon)),
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
    best = _farthest(attack_margin(model, labels, targeted=targeted), reached)
    warn_of_zero_gradients(model, best, labels, has_gradient=has_gradient, targeted=targeted)
    return unbatch(best, images)


def _check_restarts(restarts: int) -> None:
    if restarts < 1:
        raise ValueError(f"An attack has 1 or more random starts; restarts was {restarts}.")


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
