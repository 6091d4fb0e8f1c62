"""Perturbations for many images at once: one that is added to any image, and a patch."""

from collections.abc import Callable
from functools import partial

import numpy as np
from jaxtyping import Float

from lecture_lib.adversarial.attacks import project_linf
from lecture_lib.core.ascent import ascend, sign
from lecture_lib.core.scores import Score, log_probabilities, margins
from lecture_lib.core.transforms import seed_of
from lecture_lib.datasets.images import as_batch, as_image, unbatch
from lecture_lib.datasets.shapes import (
    ImageOrImages,
    Images,
    Network,
    SeenImage,
    Tensor,
    TensorImages,
    TensorValues,
)
from lecture_lib.models.backend import tf
from lecture_lib.models.checks import batch_for, one_class
from lecture_lib.models.inference import class_scores

Patch = Float[np.ndarray, "side side channels"]


def universal_perturbation(
    model: Network,
    images: Images,
    *,
    epsilon: float = 10 / 255,
    steps: int = 100,
    learning_rate: float | None = None,
    batch_size: int | None = None,
    watch: Callable | None = None,
) -> SeenImage:
    """Find one change that, added to any image, turns the prediction for most of them.

    δ ← clip(δ + η · sign(∂/∂δ mean over I of min(0.5, −margin(I + δ))), −ε, ε)

    The margin is how far the prediction of today is ahead of the best other class. An image that is
    lost by 0.5 pulls no more.

    Args:
        model: images -> logits (N, classes).
        images: those to learn from, (N, H, W, C) in [0, 1].
        epsilon: ε, the most that a pixel moves, in 0..1.
        steps: how many, 0 or more.
        learning_rate: η, the step of a pixel; None takes ε / 10.
        batch_size: how many of the images, drawn anew, a step looks at; None takes all. Many images
            make a change that holds for others, and small batches make that affordable.
        watch: (step, steps, ascent), called after each step; returning True ends it.

    Returns:
        δ, (H, W, C) float32 in [−ε, ε].

    Raises:
        ValueError: for images or an epsilon out of range.

    Source:
        Moosavi-Dezfooli et al., Universal adversarial perturbations, 2017; by gradients as in
        Shafahi et al., Universal adversarial training, 2020.
    """
    if not 0 <= epsilon <= 1:
        raise ValueError(
            f"Epsilon is the most a pixel may move, between 0 and 1; it was {epsilon}."
        )
    batch = batch_for(model, images)
    predictions = class_scores(model, batch).argmax(axis=1).astype(np.int32)
    count = min(batch_size or len(batch), len(batch))
    return ascend(
        Score(_mean_lost_margin, batch, predictions, model=model, count=count),
        np.zeros_like(batch[0]),
        steps=steps,
        learning_rate=epsilon / 10 if learning_rate is None else learning_rate,
        direction=sign,
        project=partial(project_linf, epsilon=epsilon),
        watch=watch,
    ).images


def _mean_lost_margin(
    changes: TensorImages,
    images: TensorImages,
    predictions: Tensor,
    *,
    model: Network,
    count: int,
) -> TensorValues:
    """One number for the one change (1, H, W, C) that `count` of the images carry."""
    if images.shape[0] is None or count < images.shape[0]:
        order = tf.argsort(tf.random.stateless_uniform([tf.shape(images)[0]], seed_of(changes)))
        images = tf.gather(images, order[:count])
        predictions = tf.gather(predictions, order[:count])
    logits = model(tf.clip_by_value(images + changes, 0.0, 1.0), training=False)
    return tf.reduce_mean(tf.minimum(0.5, -margins(logits, predictions)))[None]


def patch(
    model: Network,
    images: Images,
    target_class: int,
    *,
    share: float = 0.4,
    steps: int = 100,
    learning_rate: float = 0.1,
    seed: int = 0,
    watch: Callable | None = None,
) -> Patch:
    """Find a sticker that draws any image toward a target class wherever it is pasted.

    p ← clip(p + η · sign(∂/∂p mean over I of log P_target(I with p at a random place)))

    Args:
        model: images -> logits (N, classes).
        images: those to learn from, (N, H, W, C) in [0, 1].
        target_class: 0..classes-1.
        share: the side of the patch over the shorter side of the images, in 0..1.
        steps: how many, 0 or more.
        learning_rate: η, the step of a pixel.
        seed: of the gray noise that it starts from.
        watch: (step, steps, ascent), called after each step; returning True ends it.

    Returns:
        The patch, (side, side, C) float32 in [0, 1]; `paste` puts it on images.

    Raises:
        ValueError: for a class, images or a share out of range.

    Source:
        Brown et al., Adversarial patch, 2017.
    """
    batch = batch_for(model, images)
    target = one_class(model, target_class)
    shorter = min(batch.shape[1:3])
    side = int(share * shorter)
    if not 1 <= side <= shorter:
        raise ValueError(
            "A patch takes a share of the image between 0 and 1, one pixel at least; the share was "
            f"{share}."
        )
    start = np.random.default_rng(seed).uniform(0.4, 0.6, (side, side, batch.shape[3]))
    return ascend(
        Score(_mean_log_probability_with_patch, batch, target, model=model),
        start,
        steps=steps,
        learning_rate=learning_rate,
        direction=sign,
        watch=watch,
    ).images


def _mean_log_probability_with_patch(
    patches: TensorImages, images: TensorImages, target: Tensor, *, model: Network
) -> TensorValues:
    """One number for the one patch (1, side, side, C), pasted on all images."""
    places = tf.random.stateless_uniform([tf.shape(images)[0], 2], seed_of(patches))
    logits = model(_pasted(images, patches[0], places), training=False)
    return tf.reduce_mean(log_probabilities(logits, target))[None]


def paste(images: ImageOrImages, patch: Patch, *, seed: int = 0) -> ImageOrImages:
    """Return the images, each with the patch at a random place.

    Args:
        images: (H, W, C) or (N, H, W, C) in [0, 1].
        patch: (side, side, C) in [0, 1].
        seed: of the places.

    Returns:
        Images like those given.

    Raises:
        ValueError: for what is no images or no patch, and for a patch larger than they are.
    """
    patch = as_image(patch, channels=np.shape(patch)[-1])
    batch = as_batch(images, channels=patch.shape[-1])
    if max(patch.shape[:2]) > min(batch.shape[1:3]):
        raise ValueError(
            f"The patch {patch.shape[:2]} is larger than the image {batch.shape[1:3]}; make a "
            "smaller one."
        )
    places = np.random.default_rng(seed).random((len(batch), 2)).astype(np.float32)
    return unbatch(_pasted(batch, patch, places).numpy(), images)


def _pasted(images: TensorImages, patch: Tensor, places: Tensor) -> TensorImages:
    """The images with the patch on top; the gradient goes into the patch.

    Args:
        images: (N, H, W, C).
        patch: (side, side, C).
        places: (N, 2), row and column of its corner as shares of the room there is, in 0..1.
    """
    sides = tf.shape(patch)[:2]
    room = tf.shape(images)[1:3] - sides
    corners = tf.cast(tf.round(places * tf.cast(room, tf.float32)), tf.int32)

    def paste_on_one(image_and_corner: tuple) -> Tensor:
        image, corner = image_and_corner
        # Zeros around the patch make it as large as the image: before it, and behind it.
        rows_and_columns = tf.stack([corner, room - corner], axis=1)
        frame = tf.concat([rows_and_columns, [[0, 0]]], axis=0)
        is_patch = tf.pad(tf.ones_like(patch), frame) > 0
        return tf.where(is_patch, tf.pad(patch, frame), image)

    batch = tf.convert_to_tensor(images)
    return tf.map_fn(paste_on_one, (batch, corners), fn_output_signature=tf.float32)
