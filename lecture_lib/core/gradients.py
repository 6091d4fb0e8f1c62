"""Gradients of scores with respect to images: the only place where a tape records.

    value_and_gradient(S, I) = S(I), ∂S/∂I

A score is any function from images (N, ...) to one number per image (N,). The graph of a `Score` is
compiled once for its structure, that is its functions, networks and names of layers; its numbers
are inputs of the graph. What a function of your own reads from outside, such as a weight, is part
of the structure: with another weight it is another graph.
"""

from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np

from lecture_lib.core.scores import Score, as_part, select_per_row
from lecture_lib.core.structures import (
    networks_in,
    numbers_of,
    read_outside,
    rebuilt,
    structure_of,
)
from lecture_lib.datasets.shapes import (
    Classes,
    Image,
    Labels,
    Network,
    Tensor,
    TensorImages,
    TensorValues,
)
from lecture_lib.models.backend import tf
from lecture_lib.models.per_model_cache import kept_with_model

# How lines of an error begin that say where in a compiled graph it is, and not what is wrong.
ABOUT_THE_GRAPH = ("Graph execution error", "Detected at node", "File ", "[[")


def gradient(score: Score | Callable, images: np.ndarray) -> np.ndarray:
    """Return how each pixel would change the score: ∂S/∂I.

    Args:
        score: images (N, ...) -> one number per image (N,).
        images: one image (H, W, C), or a batch (N, ...).

    Returns:
        float32 of the shape of `images`, in units of the score per unit of a pixel.

    Raises:
        ValueError: when the images hold a number that is not finite, or the score is not one number
            per image.
    """
    return value_and_gradient(score, images)[1]


def value_and_gradient(score: Score | Callable, images: np.ndarray) -> tuple[Any, np.ndarray]:
    """Return the score S(I) of each image together with its gradient ∂S/∂I, from one pass.

    Args:
        score: images (N, ...) -> one number per image (N,).
        images: one image (H, W, C), or a batch (N, ...).

    Returns:
        (value, gradient): a number and (H, W, C) for one image, (N,) and (N, ...) for a batch,
        float32.

    Raises:
        ValueError: when the images hold a number that is not finite, or the score is not one number
            per image.
    """
    images = np.asarray(images, np.float32)
    if not np.isfinite(images).all():
        raise ValueError(
            "The images hold a NaN or an infinite number; a gradient needs finite pixels."
        )
    return tuple(_run(compiled_gradient, score, images))


def value(score: Score | Callable, images: np.ndarray) -> Any:
    """Return the score S(I) of each image, without the pass backward.

    Args:
        score: images (N, ...) -> one number per image (N,).
        images: one image (H, W, C), or a batch (N, ...).

    Returns:
        A number for one image, (N,) float32 for a batch.

    Raises:
        ValueError: where the images do not fit the score.
    """
    return _run(compiled_value, score, np.asarray(images, np.float32))[0]


def _run(compiled: Callable, score: Score | Callable, images: np.ndarray) -> list:
    """What a compiled graph returns, as arrays, without their first axis for a single image."""
    single = images.ndim == 3
    score = as_part(score)
    structure = structure_of(score)
    graph = compiled(next(networks_in(structure), None), structure, read_outside(structure))
    batch = images[None] if single else images
    try:
        results = [result.numpy() for result in graph(batch, numbers_of(score))]
    except tf.errors.InvalidArgumentError as error:
        raise ValueError(
            f"The score does not fit images of shape {images.shape}: {_reason(error)}"
        ) from None
    _check_one_number_per_image(results[0], len(batch))
    return [result[0] for result in results] if single else results


def _reason(error: tf.errors.InvalidArgumentError) -> str:
    """The line that says what is wrong, among those that say where in the graph it is."""
    lines = [line.strip() for line in error.message.splitlines()]
    said = [line for line in lines if line and not line.startswith(ABOUT_THE_GRAPH)]
    return (said or lines)[0]


def _check_one_number_per_image(values: np.ndarray, count: int) -> None:
    # Where a score compares several images with others, their numbers may not match.
    if values.shape != (count,):
        raise ValueError(
            "A score gives one number per image, shape (N,); this one gave shape "
            f"{values.shape} for {count} images."
        )


# Compiled once for each structure


@kept_with_model
def compiled_gradient(_: Network | None, structure: tuple, _outside: tuple) -> Callable:
    """Compile images, numbers -> (values, gradients) for scores of one structure."""
    # A partial and not an inner function: TensorFlow takes all copies of one inner function for a
    # single function that is traced too often.
    graph = partial(_value_and_gradient, structure)
    return _direct(tf.function(graph, autograph=False, reduce_retracing=True))


def _value_and_gradient(
    structure: tuple, images: TensorImages, numbers: list
) -> tuple[TensorValues, TensorImages]:
    with tf.GradientTape() as tape:
        tape.watch(images)
        values = tf.convert_to_tensor(rebuilt(structure, iter(numbers))(images))
    return values, tape.gradient(values, images, unconnected_gradients="zero")


@kept_with_model
def compiled_value(_: Network | None, structure: tuple, _outside: tuple) -> Callable:
    """Compile images, numbers -> (values,) for scores of one structure."""
    graph = tf.function(partial(_value, structure), autograph=False, reduce_retracing=True)
    return _direct(graph, any_number=True)


def _value(structure: tuple, images: TensorImages, numbers: list) -> tuple[TensorValues]:
    return (rebuilt(structure, iter(numbers))(images),)


def _direct(graph: Callable, *, any_number: bool = False) -> Callable:
    """Call the trace that a graph has for these shapes, without asking the graph for it each time.

    A tf.function compares all variables that it reads before it knows which of its traces is meant.
    For a network of a hundred variables that takes 0.2 to 0.4 ms of each call.

    Args:
        graph: a tf.function (images, numbers) -> tensors.
        any_number: whether one trace serves any number of images.
    """
    traces = {}

    def run(images: np.ndarray, numbers: list) -> tuple:
        shape = (None, *images.shape[1:]) if any_number else images.shape
        key = shape, str(tf.nest.map_structure(tf.TensorSpec.from_tensor, numbers))
        if key not in traces:
            traces[key] = graph.get_concrete_function(tf.TensorSpec(shape), numbers)
        return traces[key](tf.convert_to_tensor(images), numbers)

    return run


# Gradients inside a network


@kept_with_model
def _compiled_inside(outputs: Network, function: Callable) -> Callable:
    """Compile function(outputs, ...) for a network that gives its layers and its logits."""
    return tf.function(partial(function, outputs), autograph=False, reduce_retracing=True)


def gradient_at_layers(
    outputs: Network, images: TensorImages, class_index: Classes
) -> tuple[list[Tensor], list[Tensor]]:
    """Return the activations φ_l(I) of some layers, and the gradients ∂S_c/∂φ_l of a class at them.

    One pass forward, and back no further than to the lowest of the layers.

    Args:
        outputs: a Model from images to [φ_1, φ_2, ..., logits].
        images: (N, H, W, C).
        class_index: c, 0..classes-1, or one for each image (N,).

    Returns:
        ([φ_1, ...], [∂S_c/∂φ_1, ...]), tensors; the gradient is 0 where the score does not depend
        on a layer.
    """
    graph = _compiled_inside(outputs, _gradient_at_layers)
    return graph(tf.convert_to_tensor(images, tf.float32), tf.convert_to_tensor(class_index))


def _gradient_at_layers(outputs: Network, images: TensorImages, class_index: Tensor) -> tuple:
    with tf.GradientTape() as tape:
        # so that all is recorded; the graph leaves out what lies below the layers
        tape.watch(images)
        *activations, logits = outputs(images, training=False)
        values = select_per_row(logits, class_index)  # (N,)
    return activations, tape.gradient(values, activations, unconnected_gradients="zero")


def mean_gradients_at_layers(
    outputs: Network, image: Image, classes: Labels
) -> tuple[list[np.ndarray], list[np.ndarray]]:
    """Return the activations A_l of some layers, and the mean gradients of several classes there.

    α_l[c, k] = mean of ∂S_c/∂A_l[..., k] over rows and columns, for each class c and channel k

    One pass forward for as many classes as fit into the memory together, 8 to 32. Their passes
    backward go together, no further than to the lowest of the layers, and only the means are kept.

    Args:
        outputs: a Model from images to [A_1, A_2, ..., logits], the layers with rows and columns.
        image: (H, W, C).
        classes: c, (classes,), each 0..classes-1.

    Returns:
        ([A_1, ...], [α_1, ...]), arrays (h, w, channels) and (classes, channels).
    """
    image = tf.convert_to_tensor(image, tf.float32)
    graph = _compiled_inside(outputs, _mean_gradients_at_layers)
    # One graph for any number of classes, traced before the first of them arrive.
    graph.get_concrete_function(image, tf.TensorSpec((None,), tf.int32))
    # The gradients of many classes at many layers would fill the memory.
    together = max(8, 32 // (len(outputs.outputs) - 1))
    alphas = []
    for part in np.split(classes, range(together, len(classes), together)):
        activations, means = graph(image, tf.convert_to_tensor(part, tf.int32))
        alphas.append([at_layer.numpy() for at_layer in means])
    at_layers = [np.concatenate(at_layer) for at_layer in zip(*alphas, strict=True)]
    return [at_layer.numpy()[0] for at_layer in activations], at_layers


def _mean_gradients_at_layers(outputs: Network, image: Tensor, classes: Tensor) -> tuple:
    with tf.GradientTape() as tape:
        tape.watch(image)  # so that all is recorded
        *activations, logits = outputs(image[None], training=False)
        scores = tf.gather(logits[0], classes)  # S_c, (classes,)
    # ∂S_c/∂A of each layer, (classes, 1, h, w, channels)
    gradients = tape.jacobian(scores, activations, unconnected_gradients="zero")
    return activations, [tf.reduce_mean(at_layer, axis=[1, 2, 3]) for at_layer in gradients]


def gradient_at_layers_of_prediction(
    outputs: Network, images: TensorImages
) -> tuple[list[Tensor], list[Tensor], Tensor]:
    """Return what `gradient_at_layers` does for the class of the largest logit, and the logits.

    S = max_c S_c, so that one pass answers both which class is predicted and where.

    Args:
        outputs: a Model from images to [φ_1, φ_2, ..., logits].
        images: (N, H, W, C).

    Returns:
        ([φ_1, ...], [∂S/∂φ_1, ...], logits (N, classes)), tensors.
    """
    return _compiled_inside(outputs, _gradient_of_prediction)(
        tf.convert_to_tensor(images, tf.float32)
    )


def _gradient_of_prediction(outputs: Network, images: TensorImages) -> tuple:
    with tf.GradientTape() as tape:
        tape.watch(images)
        *activations, logits = outputs(images, training=False)
        values = tf.reduce_max(logits, axis=-1)
    gradients = tape.gradient(values, activations, unconnected_gradients="zero")
    return activations, gradients, logits


def derivative_along(function: Callable, point: Tensor, direction: Tensor) -> Tensor:
    """Return how fast all outputs of a function change along a direction: ∂f(x + ε v)/∂ε at ε = 0.

    It is computed forward, together with f: one pass, however many outputs there are, where going
    backward takes a pass for each of them.

    Args:
        function: f, tensor -> tensor.
        point: x.
        direction: v, of the shape of x.

    Returns:
        A tensor of the shape of f(x).
    """
    with tf.autodiff.ForwardAccumulator(point, direction) as accumulator:
        outputs = function(point)
    return accumulator.jvp(outputs, unconnected_gradients="zero")
