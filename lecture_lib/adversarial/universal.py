"""Perturbations for many images at once: one that is added to every image, and a patch that is pasted anywhere."""

from functools import partial

import numpy as np

from lecture_lib.core.ascent import ascend, sign
from lecture_lib.core.scores import log_probabilities, margins
from lecture_lib.datasets.images import as_batch, unbatch
from lecture_lib.models.backend import tf
from lecture_lib.models.inference import batch_for, check_class, class_scores


def universal_perturbation(
    model, images, *, epsilon=10 / 255, steps=100, learning_rate=None, watch=None
):
    """δ ← clip(δ + η · sign(∂/∂δ mean over I of min(0.5, −margin(I + δ))), −ε, ε): one change that turns the answer for most pictures.

    images: (N, H, W, C) in [0, 1], those to learn it from; their answers are what the net says now. The margin is how far the old
    answer is ahead; a picture that is lost by 0.5 pulls no more. epsilon: in 0..1, the most a pixel moves. learning_rate: η, by default
    ε / 10. Returns δ (H, W, C) float32 in [−ε, ε]. Raises ValueError for images or an epsilon out of range.
    Source: Moosavi-Dezfooli et al., Universal adversarial perturbations, 2017; by gradients as in Shafahi et al., 2020.
    """
    if not 0 <= epsilon <= 1:
        raise ValueError(
            f"Epsilon is the most a pixel may move, between 0 and 1; it was {epsilon}."
        )
    batch = batch_for(model, images)
    answers = class_scores(model, batch).argmax(axis=1).astype(np.int32)
    objective = partial(_lost, model=model, images=batch, answers=answers)
    climb = ascend(
        objective,
        np.zeros_like(batch[0]),
        steps=steps,
        learning_rate=epsilon / 10 if learning_rate is None else learning_rate,
        direction=sign,
        project=lambda change: np.clip(change, -epsilon, epsilon),
        watch=watch,
    )
    return climb.images


def _lost(change, *, model, images, answers):
    scores = model(tf.clip_by_value(images + change, 0.0, 1.0), training=False)
    return tf.reduce_mean(tf.minimum(0.5, -margins(scores, answers)))[None]


def patch(
    model, images, target_class, *, share=0.4, steps=100, learning_rate=0.1, seed=0, watch=None
):
    """p ← clip(p + η · sign(∂/∂p mean over I of log P_target(I with p pasted at a random place))): a sticker for any picture.

    images: (N, H, W, C) in [0, 1], those to learn it from. target_class: 0..classes-1. share: side of the patch over the shorter side of
    the images, in 0..1. Returns the patch (side, side, C) in [0, 1]; `paste` puts it on pictures.
    Raises ValueError for a class, images or a share out of range. Source: Brown et al., Adversarial patch, 2017.
    """
    batch, target = batch_for(model, images), check_class(model, target_class)
    side = int(share * min(batch.shape[1:3]))
    if not 1 <= side <= min(batch.shape[1:3]):
        raise ValueError(
            f"A patch takes a share of the picture between 0 and 1, one pixel at least; the share was {share}."
        )
    start = (
        np.random.default_rng(seed)
        .uniform(0.4, 0.6, (side, side, batch.shape[3]))
        .astype(np.float32)
    )
    return ascend(
        partial(_patched, model=model, images=batch, class_index=target),
        start,
        steps=steps,
        learning_rate=learning_rate,
        direction=sign,
        watch=watch,
    ).images


def _patched(patches, *, model, images, class_index):
    seed = tf.stack(
        [tf.bitcast(tf.reduce_sum(patches), tf.int32), 0]
    )  # other places at every step, and yet repeatable
    pictures = _pasted(
        images, patches[0], tf.random.stateless_uniform([tf.shape(images)[0], 2], seed)
    )
    return tf.reduce_mean(log_probabilities(model(pictures, training=False), class_index))[None]


def paste(images, patch, *, seed=0):
    """The images (H, W, C) or (N, H, W, C) with the patch (side, side, C) put on each at a random place. ValueError for no images."""
    batch = as_batch(images, channels=np.shape(patch)[-1])
    if max(np.shape(patch)[:2]) > min(batch.shape[1:3]):
        raise ValueError(
            f"The patch {np.shape(patch)[:2]} is larger than the picture {batch.shape[1:3]}; make a smaller one."
        )
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
