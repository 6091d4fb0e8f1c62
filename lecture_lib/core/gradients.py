"""Gradients of scores with respect to images: the only place where a tape records.

A score is any function from images (N, ...) to one number per image (N,). A score made by `scores` is a `functools.partial`:
its numbers (class, channel, weight) go into the compiled graph as tensors, so that moving a slider compiles nothing anew.
"""

from functools import lru_cache, partial

import numpy as np

from lecture_lib.models.backend import tf


def gradient(score, images):
    """How each pixel would move the score: ∂S/∂I.

    images: one image (H, W, C) or a batch (N, H, W, C). Returns float32 of the same shape.
    Raises ValueError when the images hold a number that is not finite or the score is not one number per image.
    """
    return value_and_gradient(score, images)[1]


def value_and_gradient(score, images):
    """The score S(I) of each image, and its gradient ∂S/∂I.

    images: one image (H, W, C), or a batch (N, ...). Returns (value, gradient): a number and (H, W, C), or (N,) and (N, ...), float32.
    """
    images = np.asarray(images, np.float32)
    if not np.isfinite(images).all():
        raise ValueError(
            "The images hold a NaN or an infinite number; a gradient needs finite pixels."
        )
    return tuple(_asked(_compiled, score, images))


def value(score, images):
    """The score S(I) of each image, compiled like `value_and_gradient` but without its pass backwards.

    images: one image (H, W, C), or a batch (N, ...). Returns a number, or (N,) float32. Raises ValueError where they do not fit the score.
    """
    return _asked(_compiled_forward, score, np.asarray(images, np.float32))[0]


def _asked(compiled, score, images):
    """What the compiled graph of a score answers, as a list of arrays, without their first axis for a single image."""
    single = images.ndim == 3
    function, constants, numbers = _split(score)
    try:
        answers = compiled(function, constants)(images[None] if single else images, numbers)
    except tf.errors.InvalidArgumentError as error:
        raise ValueError(
            f"The score does not fit images of shape {images.shape}: {error.message.splitlines()[0]}"
        ) from None
    return [answer.numpy()[0] if single else answer.numpy() for answer in answers]


@lru_cache(maxsize=32)
def _compiled_forward(function, constants):
    compiled = tf.function(
        partial(_value, function, constants), autograph=False, reduce_retracing=True
    )

    def ask(images, numbers):
        compiled.get_concrete_function(
            tf.TensorSpec((None, *images.shape[1:])), numbers
        )  # one graph for any number of images
        return compiled(images, numbers)

    return ask


def _value(function, constants, images, numbers):
    return (function(images, **dict(constants), **numbers),)


def _split(score):
    """Take a partial apart: its function, what the graph is built around (nets, layer names), and the numbers that may move."""
    keywords = score.keywords if isinstance(score, partial) and not score.args else {}
    numbers = {
        key: tf.nest.map_structure(tf.convert_to_tensor, value)
        for key, value in keywords.items()
        if _is_numeric(value)
    }
    constants = tuple((key, value) for key, value in keywords.items() if key not in numbers)
    return (score.func if keywords else score), constants, numbers


def _is_numeric(value):
    flat = tf.nest.flatten(value)
    return bool(flat) and all(
        isinstance(item, (int, float, np.ndarray, np.generic, tf.Tensor)) for item in flat
    )


@lru_cache(maxsize=32)
def _compiled(function, constants):
    """The value and gradient of one function around given nets, compiled at the first call; the cache keeps the last 32."""
    # A partial and not an inner function: TensorFlow takes all copies of one inner function for one that is traced too often.
    return tf.function(
        partial(_value_and_gradient, function, constants), autograph=False, reduce_retracing=True
    )


def _value_and_gradient(function, constants, images, numbers):
    with tf.GradientTape() as tape:
        tape.watch(images)
        values = tf.convert_to_tensor(function(images, **dict(constants), **numbers))
    if values.shape.rank != 1:
        raise ValueError(
            f"A score gives one number per image, shape (N,); this one gave shape {tuple(values.shape)}."
        )
    return values, tape.gradient(values, images, unconnected_gradients="zero")


def gradient_at_layers(outputs, images, class_index):
    """φ_l(I) and ∂S_c/∂φ_l for layers l inside a net: one pass forward, and back no further than to the lowest of them.

    outputs: a Model from images to [φ_1, φ_2, ..., scores]. images: (N, H, W, C). class_index: 0..classes-1.
    Returns ([φ_1, ...], [∂S_c/∂φ_1, ...]), lists of tensors; a layer that the score does not depend on has slopes of 0.
    """
    return _compiled_at_layers(outputs)(
        tf.convert_to_tensor(images, tf.float32), tf.convert_to_tensor(class_index)
    )


@lru_cache(maxsize=32)
def _compiled_at_layers(outputs):
    return tf.function(
        partial(_gradient_at_layers, outputs), autograph=False, reduce_retracing=True
    )


def _gradient_at_layers(outputs, images, class_index):
    with tf.GradientTape() as tape:
        tape.watch(
            images
        )  # so that all is recorded; what lies below the layers is left out of the compiled graph
        *activations, scores = outputs(images, training=False)
        values = tf.gather(scores, class_index, axis=-1)
    return activations, tape.gradient(values, activations, unconnected_gradients="zero")
