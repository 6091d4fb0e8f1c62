"""Attacks within a ball: each image is moved no farther than a radius from where it was, so that a net's answer turns wrong.

All of them are climbs of one loss, as if each image of a batch were alone; they differ in the shape of the ball and in the step.
"""

from functools import partial
from itertools import count

import numpy as np

from lecture_lib.core.ascent import adam, ascend, clip, identity, length, sign, unit
from lecture_lib.core.gradients import value, value_and_gradient
from lecture_lib.core.scores import class_log_probability, class_margin, l2, margins
from lecture_lib.datasets.images import unbatch
from lecture_lib.models.backend import tf
from lecture_lib.models.batching import default_batch_size
from lecture_lib.models.inference import batch_for, check_class


def fgsm(model, images, labels, *, epsilon=8 / 255, targeted=False):
    """I + ε · sign(∂ loss/∂I), loss = −log P_label(I): the largest rise of a linear loss when no pixel may move by more than ε.

    images: (H, W, C) or (N, H, W, C) in [0, 1]. labels: the true class, one for all or one per image; targeted: the class wanted, and
    log P_label is climbed instead. epsilon: in 0..1. Returns images like those given. Raises ValueError for a class, an image or an
    epsilon out of range. Source: Goodfellow, Shlens, Szegedy, Explaining and harnessing adversarial examples, 2015.
    """
    batch, labels = _checked(model, images, labels, epsilon)
    moved = _climb(
        model,
        batch,
        labels,
        around=batch,
        epsilon=epsilon,
        steps=1,
        learning_rate=epsilon,
        targeted=targeted,
        ball=max_ball,
    )
    return unbatch(moved, images)


def pgd(
    model,
    images,
    labels,
    *,
    epsilon=8 / 255,
    steps=20,
    learning_rate=None,
    restarts=1,
    targeted=False,
    ball=None,
    seed=0,
):
    """I ← project(I + η · direction(∂ loss/∂I)) from random places of a ball around each image, again and again: projected gradient.

    images, labels, targeted: as in `fgsm`. epsilon: radius of the ball. ball: `max_ball` (every pixel within ε, the default) or
    `l2_ball` (Euclidean length within ε). learning_rate: η, by default 2.5 ε / steps. restarts: how many random starts; of each image the
    copy is kept that is farthest on the wrong side (targeted: on the wanted one). Returns images like those given.
    Raises ValueError as `fgsm` does. Source: Madry et al., Toward deep learning models resistant to adversarial attacks, 2018.
    """
    batch, labels = _checked(model, images, labels, epsilon)
    random, ball, best = np.random.default_rng(seed), ball or max_ball, batch.copy()
    reached = _attack_margin(model, best, labels, targeted)
    for _ in range(restarts):
        start = clip(batch + _random_places(random, batch.shape, epsilon, ball))
        rate = 2.5 * epsilon / max(steps, 1) if learning_rate is None else learning_rate
        moved = _climb(
            model,
            start,
            labels,
            around=batch,
            epsilon=epsilon,
            steps=steps,
            learning_rate=rate,
            targeted=targeted,
            ball=ball,
        )
        value = _attack_margin(model, moved, labels, targeted)
        better = value > reached
        best[better], reached = moved[better], np.maximum(value, reached)
    return unbatch(best, images)


def carlini_wagner(
    model, images, labels, *, targeted=False, steps=200, searches=6, learning_rate=0.02, weight=1.0
):
    """min over w of ‖I' − I‖² + weight · max(0, margin(I')), I' = (tanh w + 1) / 2: the nearest image with a wrong answer.

    images, labels, targeted: as in `fgsm`. The margin is how far the net still is from the answer wanted. weight: where to begin; it is
    searched for each image: ten times as large until the attack succeeds, then halfway between what failed and what did.
    searches: how many weights are tried, steps of Adam at each. Returns images like those given: of all the wrong answers met on the way
    the nearest; an image that never gave one stays as it was. Raises ValueError as `fgsm` does.
    Source: Carlini and Wagner, Toward evaluating the robustness of neural networks, 2017.
    """
    batch, labels = _checked(model, images, labels, 0)
    best, shortest = batch.copy(), np.full(len(batch), np.inf)
    low, high, weights = (
        np.zeros(len(batch)),
        np.full(len(batch), np.inf),
        np.full(len(batch), float(weight)),
    )
    for _ in range(searches):
        found, lengths = _nearest_fooled(
            model,
            batch,
            labels,
            weights=weights,
            side=-1 if targeted else 1,
            steps=steps,
            rate=learning_rate,
        )
        best[lengths < shortest], shortest = (
            found[lengths < shortest],
            np.minimum(lengths, shortest),
        )
        fooled = np.isfinite(lengths)
        low, high = np.where(fooled, low, weights), np.where(fooled, weights, high)
        weights = np.where(np.isfinite(high), (low + np.minimum(high, 1e9)) / 2, 10 * weights)
    return unbatch(best, images)


def _nearest_fooled(model, batch, labels, *, weights, side, steps, rate):
    """One climb: of each image the nearest copy with the answer wanted that was met, and how far it is; infinitely far, if none was."""
    best, shortest = batch.copy(), np.full(len(batch), np.inf)
    labels, picture_of = np.broadcast_to(labels, len(batch)), lambda w: (np.tanh(w) + 1) / 2

    def keep_nearest(step, steps, reached):
        pictures = picture_of(reached.images)
        lengths = length(pictures - batch).ravel()
        penalty = (
            -reached.values[-1] - lengths**2
        )  # 0, but for rounding, where the answer is wrong: only those are asked again
        nearer = np.flatnonzero((lengths < shortest) & (penalty < 1e-4 * (1 + lengths**2)))
        if len(nearer):
            nearer = nearer[side * value(class_margin(model, labels[nearer]), pictures[nearer]) < 0]
            best[nearer], shortest[nearer] = pictures[nearer], lengths[nearer]

    numbers = {
        "class_index": labels,
        "original": batch,
        "weights": np.float32(weights),
        "side": np.float32(side),
    }
    start = np.arctanh((2 * batch - 1) * 0.999999)
    ascend(
        partial(_cw_objective, model=model, **numbers),
        start,
        steps=steps,
        learning_rate=rate,
        direction=adam(),
        project=identity,
        watch=keep_nearest,
    )
    return best, shortest


def _cw_objective(w, *, model, class_index, original, weights, side):
    images = (tf.tanh(w) + 1) / 2
    ahead = tf.nn.relu(side * margins(model(images, training=False), class_index))
    return -l2(images - original) - weights * ahead


def evaluate_changed_only(score_of, classes, *, together=None):
    """An `evaluate` for `ascend` that asks only about images that have moved since it last did: those that are finished cost nothing more.

    score_of: classes (n,) -> the score of n images. classes: one per image (N,). together: how many images go through the net at once,
    by default `default_batch_size`. Returns a function (objective, images (N, H, W, C)) -> (values (N,), gradients (N, H, W, C)).
    """
    asked, values, slopes = None, np.empty(len(classes), np.float32), None

    def evaluate(objective, images):
        nonlocal asked, slopes
        moved = (
            np.arange(len(images))
            if asked is None
            else np.flatnonzero((images != asked).any(axis=(1, 2, 3)))
        )
        slopes = np.empty_like(images) if slopes is None else slopes
        size = together or default_batch_size(images.shape)
        for some in (moved[i : i + size] for i in range(0, len(moved), size)):
            values[some], slopes[some] = value_and_gradient(score_of(classes[some]), images[some])
        asked = images.copy()
        return values.copy(), slopes

    return evaluate


def max_ball(change, epsilon):
    """The change (N, H, W, C) with every number moved back into [−ε, ε]."""
    return np.clip(change, -epsilon, epsilon)


def l2_ball(change, epsilon):
    """The change (N, H, W, C), shortened to Euclidean length ε for each image where it is longer."""
    return change * np.minimum(1, epsilon / np.maximum(length(change), 1e-12)).astype(np.float32)


def _climb(model, start, labels, *, around, epsilon, steps, learning_rate, targeted, ball):
    loss = class_log_probability(model, labels)
    direction = sign if ball is max_ball else unit
    away = (
        direction if targeted else lambda slope: -direction(slope)
    )  # the loss is −log P: its gradient, turned round
    project = lambda images: clip(around + ball(images - around, epsilon))
    evaluate, asked = (
        evaluate_changed_only(
            partial(class_log_probability, model), np.broadcast_to(labels, len(start))
        ),
        count(),
    )

    def before_steps(
        objective, images
    ):  # where the climb ends nobody asks for the slope: for FGSM that is half the work
        return (
            evaluate(objective, images)
            if next(asked) < steps
            else (np.zeros(len(images)), np.zeros_like(images))
        )

    return ascend(
        loss,
        start,
        steps=steps,
        learning_rate=learning_rate,
        direction=away,
        project=project,
        evaluate=before_steps,
    ).images


def _attack_margin(model, images, labels, targeted):
    margin = value(class_margin(model, labels), images)
    return margin if targeted else -margin


def _random_places(random, shape, epsilon, ball):
    """Places spread over the ball: evenly in the box, or in any direction at any share of the radius."""
    if ball is max_ball:
        return random.uniform(-epsilon, epsilon, shape).astype(np.float32)
    ways = unit(random.standard_normal(shape).astype(np.float32))
    return ways * (epsilon * random.random((shape[0], 1, 1, 1))).astype(np.float32)


def _checked(model, images, labels, epsilon):
    if not 0 <= epsilon < np.inf:
        raise ValueError(
            f"Epsilon is the radius of the ball, 0 or more in the units of the image; it was {epsilon}."
        )
    batch, labels = batch_for(model, images), check_class(model, labels)
    if labels.ndim and len(labels) != len(batch):
        raise ValueError(
            f"There are {len(labels)} labels for {len(batch)} images; give one class, or one for each image."
        )
    return batch, labels
