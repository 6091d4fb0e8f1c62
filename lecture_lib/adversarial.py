"""Adversarial images: a real picture, changed so little that nobody sees it, and read as something else.

The attacks that stay within a ball are written in `attacks`; here are those of the slides, and the two that serve any picture.
"""

from functools import partial
from typing import NamedTuple

import numpy as np

from lecture_lib.ascent import ascend, sign
from lecture_lib.attacks import carlini_wagner, fgsm, l2_ball, max_ball, only_moved, pgd
from lecture_lib.backend import tf
from lecture_lib.images import as_batch, unbatch
from lecture_lib.models import batch_for, check_class, class_scores
from lecture_lib.scores import class_log_probability, log_probabilities, margins

__all__ = ["Adversarial", "make_adversarial", "carlini_wagner", "fgsm", "l2_ball", "max_ball", "pgd", "universal_perturbation",
           "patch", "paste"]  # fmt: skip


class Adversarial(NamedTuple):
    """What an attack reached: `image` like the one given, the target's `probability` in it, the `steps` it took, whether it `succeeded`.

    For a batch, probability, steps and succeeded are arrays (N,).
    """

    image: np.ndarray
    probability: np.ndarray
    steps: np.ndarray
    succeeded: np.ndarray


def make_adversarial(model, image, target_class, *, threshold=0.99, learning_rate=0.5, iterations=200, watch=None):
    """I ← clip(I + learning_rate · g / ‖g‖), g = ∂ log P_target(I)/∂I, until P_target(I) > threshold.

    image: (H, W, C) or (N, H, W, C) in [0, 1], each attacked as if alone. target_class: 0..classes-1, or one per image. threshold: a
    probability in 0..1. learning_rate: the length of a step; the slides' 1, measured where pixels run from -1 to 1, is 0.5 here.
    The gradient of log P points where that of P points, and does not vanish when P is tiny. watch: as in `ascend`, of log P.
    Returns an Adversarial, also when the threshold was not reached. Raises ValueError for a class, an image or a threshold out of range.
    Source: Szegedy et al., Intriguing properties of neural networks, 2014.
    """
    if not 0 < threshold < 1:
        raise ValueError(f"The threshold is a probability between 0 and 1; it was {threshold}.")
    batch, targets, enough = batch_for(model, image), check_class(model, target_class), np.log(threshold)
    if targets.ndim and len(targets) != len(batch):
        raise ValueError(f"There are {len(targets)} target classes for {len(batch)} images; give one class, or one for each image.")
    score_of, alone = partial(class_log_probability, model), np.ndim(image) == 3
    evaluate = None if alone else only_moved(score_of, np.broadcast_to(targets, len(batch)))
    climb = ascend(score_of(targets), unbatch(batch, image), steps=iterations, learning_rate=learning_rate, stop_above=enough,
                   evaluate=evaluate, watch=watch)  # fmt: skip
    steps = np.sum(climb.values[:-1] <= enough, axis=0)  # an image that is above the threshold takes no more
    return Adversarial(climb.images, np.exp(climb.values[-1]), steps, climb.values[-1] > enough)


def universal_perturbation(model, images, *, epsilon=10 / 255, steps=100, learning_rate=None, watch=None):
    """δ ← clip(δ + η · sign(∂/∂δ mean over I of min(0.5, −margin(I + δ))), −ε, ε): one change that turns the answer for most pictures.

    images: (N, H, W, C) in [0, 1], those to learn it from; their answers are what the net says now. The margin is how far the old
    answer is ahead; a picture that is lost by 0.5 pulls no more. epsilon: in 0..1, the most a pixel moves. learning_rate: η, by default
    ε / 10. Returns δ (H, W, C) float32 in [−ε, ε]. Raises ValueError for images or an epsilon out of range.
    Source: Moosavi-Dezfooli et al., Universal adversarial perturbations, 2017; by gradients as in Shafahi et al., 2020.
    """
    if not 0 <= epsilon <= 1:
        raise ValueError(f"Epsilon is the most a pixel may move, between 0 and 1; it was {epsilon}.")
    batch = batch_for(model, images)
    answers = class_scores(model, batch).argmax(axis=1).astype(np.int32)
    objective = partial(_lost, model=model, images=batch, answers=answers)
    climb = ascend(objective, np.zeros_like(batch[0]), steps=steps, learning_rate=epsilon / 10 if learning_rate is None else learning_rate,
                   direction=sign, project=lambda change: np.clip(change, -epsilon, epsilon), watch=watch)  # fmt: skip
    return climb.images


def _lost(change, *, model, images, answers):
    scores = model(tf.clip_by_value(images + change, 0.0, 1.0), training=False)
    return tf.reduce_mean(tf.minimum(0.5, -margins(scores, answers)))[None]


def patch(model, images, target_class, *, share=0.4, steps=100, learning_rate=0.1, seed=0, watch=None):
    """p ← clip(p + η · sign(∂/∂p mean over I of log P_target(I with p pasted at a random place))): a sticker for any picture.

    images: (N, H, W, C) in [0, 1], those to learn it from. target_class: 0..classes-1. share: side of the patch over the shorter side of
    the images, in 0..1. Returns the patch (side, side, C) in [0, 1]; `paste` puts it on pictures.
    Raises ValueError for a class, images or a share out of range. Source: Brown et al., Adversarial patch, 2017.
    """
    batch, target = batch_for(model, images), check_class(model, target_class)
    side = int(share * min(batch.shape[1:3]))
    if not 1 <= side <= min(batch.shape[1:3]):
        raise ValueError(f"A patch takes a share of the picture between 0 and 1, one pixel at least; the share was {share}.")
    start = np.random.default_rng(seed).uniform(0.4, 0.6, (side, side, batch.shape[3])).astype(np.float32)
    return ascend(partial(_patched, model=model, images=batch, class_index=target), start, steps=steps, learning_rate=learning_rate,
                  direction=sign, watch=watch).images  # fmt: skip


def _patched(patches, *, model, images, class_index):
    seed = tf.stack([tf.bitcast(tf.reduce_sum(patches), tf.int32), 0])  # other places at every step, and yet repeatable
    pictures = _pasted(images, patches[0], tf.random.stateless_uniform([tf.shape(images)[0], 2], seed))
    return tf.reduce_mean(log_probabilities(model(pictures, training=False), class_index))[None]


def paste(images, patch, *, seed=0):
    """The images (H, W, C) or (N, H, W, C) with the patch (side, side, C) put on each at a random place. ValueError for no images."""
    batch = as_batch(images, channels=np.shape(patch)[-1])
    if max(np.shape(patch)[:2]) > min(batch.shape[1:3]):
        raise ValueError(f"The patch {np.shape(patch)[:2]} is larger than the picture {batch.shape[1:3]}; make a smaller one.")
    places = np.random.default_rng(seed).random((len(batch), 2)).astype(np.float32)
    return unbatch(_pasted(batch, np.asarray(patch, np.float32), places).numpy(), images)


def _pasted(images, patch, places):
    """Each image with the patch at its place (row, column), in shares of the room there is; the gradient goes into the patch."""
    room = tf.cast(tf.shape(images)[1:3] - tf.shape(patch)[:2], tf.float32)
    corners = tf.cast(tf.round(places * room), tf.int32)
    sides = tf.shape(patch)[:2]

    def put(image_and_corner):
        image, corner = image_and_corner
        margins = tf.stack([corner, tf.shape(image)[:2] - sides - corner], axis=1)
        frame = tf.concat([margins, [[0, 0]]], axis=0)
        return tf.where(tf.pad(tf.ones_like(patch), frame) > 0, tf.pad(patch, frame), image)

    return tf.map_fn(put, (tf.convert_to_tensor(images), corners), fn_output_signature=tf.float32)
