"""One channel under the microscope: where it fires, for which classes, and what it is needed for.

That a channel fires when a class is there is a correlation. What the network does without the
channel is an effect: hold it at a constant, compute all that comes after it anew, and compare.
"""

from collections.abc import Callable, Sequence
from functools import partial
from typing import NamedTuple

import numpy as np
from jaxtyping import Float

from lecture_lib.core.gradients import derivative_along, gradient_at_layers
from lecture_lib.datasets.images import unbatch
from lecture_lib.datasets.shapes import (
    Activations,
    Image,
    ImageOrImages,
    Network,
    Tensor,
    TensorImages,
)
from lecture_lib.models.backend import keras, tf
from lecture_lib.models.batching import batches
from lecture_lib.models.checks import batch_for, check_has_classes, one_class, one_image
from lecture_lib.models.inference import Logits
from lecture_lib.models.layers import compiled_outputs, features, layers_and_scores, map_features
from lecture_lib.models.per_model_cache import kept_with_model
from lecture_lib.models.receptive_field import Box, read_along, receptive_field

PerChannel = Float[np.ndarray, "layer_channels"]
PerClass = Float[np.ndarray, "classes"]


# What changes without it


def switched_off(
    model: Network,
    layer: str,
    channel: int | Sequence[int],
    images: ImageOrImages,
    *,
    value: float | PerChannel = 0.0,
) -> Logits:
    """Return the logits of a network one of whose channels is held at a value: S(I | φ_k := v).

    All that comes after the layer is computed anew; the network itself stays as it is.

    Args:
        model: images -> logits (N, classes).
        layer: the name of a layer.
        channel: k, 0..channels-1, or several, which are held together.
        images: (H, W, C) or (N, H, W, C) in [0, 1].
        value: v, what the channel is held at: 0, or its mean over other images; or one number for
            each channel of the layer.

    Returns:
        (classes,) or (N, classes) float32.

    Raises:
        ValueError: for a layer or channel that the network does not have, and for images that do
            not fit it.

    Source:
        Bau et al., Understanding the role of individual units in a deep neural network, 2020.
    """
    is_held = _is_chosen(model, layer, channel)
    held_at = np.broadcast_to(np.float32(value), is_held.shape)
    forward = _compiled(model, layer, _logits_without)
    stacks = batches(batch_for(model, images))
    scores = np.concatenate([forward(stack, is_held, held_at) for stack in stacks])
    return unbatch(scores, images)


def _is_chosen(model: Network, layer: str, channel: int | Sequence[int]) -> np.ndarray:
    """Whether each channel of a layer is among those that are asked for, (channels,) booleans."""
    check_has_classes(model)
    count = features(model, layer).shape[-1]
    numbers = np.atleast_1d(np.asarray(channel))
    is_whole = np.issubdtype(numbers.dtype, np.integer) and numbers.size > 0
    if not is_whole or numbers.min() < 0 or numbers.max() >= count:
        raise ValueError(
            f"{layer} has {count} channels, numbered from 0 to {count - 1}; {channel} is not among "
            "them."
        )
    return np.isin(np.arange(count), numbers)


@kept_with_model
def _after(model: Network, layer: str) -> keras.Model:
    """The part of a network behind a layer: [images, φ_l] -> logits.

    The images are needed too, as some paths may lead around the layer.
    """
    images = model.input
    history = images._keras_history
    try:
        return keras.Model([images, features(model, layer)], model.output)
    finally:
        # Keras notes at the images that they belong to the new model; the network could not be
        # saved any longer.
        images._keras_history = history


@kept_with_model
def _compiled(model: Network, layer: str, work: Callable) -> Callable:
    """Compile work(the network up to the layer, what comes after it, ...) once."""
    until = layers_and_scores(model, (layer,))
    graph = partial(work, until, _after(model, layer))
    return tf.function(graph, autograph=False, reduce_retracing=True)


def _logits_without(
    until: keras.Model, after: keras.Model, images: TensorImages, is_held: Tensor, value: Tensor
) -> Tensor:
    activations, _ = until(images, training=False)
    return after([images, tf.where(is_held, value, activations)], training=False)


# Which classes a channel helps, and which channels help a class


def class_effects(model: Network, layer: str, channel: int, images: ImageOrImages) -> PerClass:
    """Estimate what a channel adds to the logit of each class, on average over images.

    E_c = mean over images of Σ_positions φ_k ∂S_c/∂φ_k

    It is how fast all logits would fall if the channel were turned down. One pass in forward mode
    gives all classes. Where only a mean and a linear layer come after the channel, as in the last
    layer of many networks, it is exact: w_kc · mean(φ_k), what switching it off takes away.

    Args:
        model: images -> logits (N, classes).
        layer: the name of a layer.
        channel: k, 0..channels-1.
        images: (H, W, C) or (N, H, W, C) in [0, 1].

    Returns:
        (classes,) float32, in units of the logits; above 0 where the channel helps the class.

    Raises:
        ValueError: for a layer or channel that the network does not have, and for images that do
            not fit it.
    """
    is_chosen = _is_chosen(model, layer, channel)
    forward = _compiled(model, layer, _effects)
    stacks = batches(batch_for(model, images))
    return np.concatenate([forward(stack, is_chosen) for stack in stacks]).mean(axis=0)


def _effects(
    until: keras.Model, after: keras.Model, images: TensorImages, is_chosen: Tensor
) -> Tensor:
    activations, _ = until(images, training=False)
    # The direction is the channel's own activation; along it the logits change by φ_k ∂S/∂φ_k.
    direction = tf.where(is_chosen, activations, 0.0)
    return derivative_along(lambda maps: after([images, maps]), activations, direction)


def channels_for_class(
    model: Network, layer: str, images: ImageOrImages, *, class_index: int
) -> PerChannel:
    """Estimate what each channel of a layer adds to the logit of a class, on average over images.

    E_k = mean over images of Σ_positions φ_k ∂S_c/∂φ_k

    These are the numbers of `class_effects` the other way round: one pass backward gives all
    channels of one class.

    Args:
        model: images -> logits (N, classes).
        layer: the name of a layer.
        images: (H, W, C) or (N, H, W, C) in [0, 1].
        class_index: c, 0..classes-1.

    Returns:
        (channels,) float32, in units of the logit.

    Raises:
        ValueError: for a layer or a class that the network does not have.
    """
    index = one_class(model, class_index)
    outputs = layers_and_scores(model, (layer,))
    rows = []
    for stack in batches(batch_for(model, images)):
        (activations,), (gradients,) = gradient_at_layers(outputs, stack, index)
        products = (activations * gradients).numpy()
        rows.append(products.reshape(len(stack), -1, products.shape[-1]).sum(axis=1))
    return np.concatenate(rows).mean(axis=0)


# Where and how often channels fire


def strongest_neuron(maps: Activations, channel: int) -> tuple[int, int, float]:
    """Find the neuron of a channel that fires most: (row, column, its activation).

    Args:
        maps: (h, w, channels), such as `activation_maps` returns them.
        channel: its number, from 0.
    """
    one = maps[..., channel]
    row, column = np.unravel_index(one.argmax(), one.shape)
    return int(row), int(column), float(one.max())


def square_around(
    model: Network,
    layer: str,
    row: int,
    column: int,
    *,
    image_shape: Sequence[int],
    share: float = 0.4,
) -> Box:
    """Return the middle of what a neuron reads: a square around its place, inside the image.

    Deep neurons can read the whole image and still answer mostly to the middle of it: the effective
    receptive field is smaller than the theoretical one.

    Args:
        model: images -> logits (N, classes).
        layer: the name of a layer with rows and columns.
        row, column: the neuron's place on the layer's map, from 0.
        image_shape: (H, W) or (H, W, C) in pixels.
        share: the largest side of the square, as a share of the image's shorter side.

    Raises:
        ValueError: for a layer or a neuron that the network does not have.

    Source:
        Luo et al., Understanding the effective receptive field in deep convolutional neural
        networks, 2016.
    """
    box = receptive_field(model, layer, row, column, image_shape=image_shape)
    height, width = image_shape[:2]
    reads = max(box.bottom - box.top, box.right - box.left)
    side = max(1, min(reads, round(share * min(height, width))))
    rows, columns = read_along(model, layer, image_shape=image_shape)
    top = _start(row, positions=len(rows), pixels=height, side=side)
    left = _start(column, positions=len(columns), pixels=width, side=side)
    return Box(top, left, top + side, left + side)


def _start(position: int, *, positions: int, pixels: int, side: int) -> int:
    middle = (position + 0.5) * pixels / positions
    return int(np.clip(round(middle - side / 2), 0, pixels - side))


class Firing(NamedTuple):
    """How strongly and how often the channels of a layer fire.

    Attributes:
        mean: of the activations of each channel, (channels,).
        rate: the share of its neurons above a threshold, (channels,) in 0..1.
    """

    mean: np.ndarray
    rate: np.ndarray


def firing(model: Network, layer: str, images: ImageOrImages, *, threshold: float = 0.0) -> Firing:
    """Measure how strongly and how often each channel of a layer fires.

    Both numbers go over all positions of all images.

    Args:
        model: images -> logits (N, classes).
        layer: the name of a layer with rows and columns.
        images: (H, W, C) or (N, H, W, C) in [0, 1].
        threshold: 0 counts what passes a ReLU.

    Raises:
        ValueError: for a layer without rows and columns, and for images that do not fit.
    """
    map_features(model, layer)
    forward = compiled_outputs(model, layer)
    means = []
    rates = []
    for stack in batches(batch_for(model, images)):
        maps = forward(stack)[layer].numpy()
        means += list(maps.mean(axis=(1, 2)))
        rates += list((maps > threshold).mean(axis=(1, 2)))
    return Firing(np.mean(means, axis=0), np.mean(rates, axis=0))


def channels_for_region(model: Network, layer: str, image: Image, *, box: Box) -> PerChannel:
    """Measure how much more each channel fires inside a box than outside: φ̄_inside − φ̄_outside.

    A position of the layer lies in the box if the middle of its part of the image does; of a box
    that holds no middle, it is the position nearest to the middle of the box.

    Args:
        model: images -> logits (N, classes).
        layer: the name of a layer with rows and columns.
        image: (H, W, C) in [0, 1].
        box: (top, left, bottom, right) in pixels of the image.

    Returns:
        (channels,) float32; a box around the whole image leaves 0 outside.

    Raises:
        ValueError: for a layer without rows and columns, for anything but one image, and for a box
            without pixels of the image.
    """
    map_features(model, layer)
    image = one_image(model, image)
    maps = compiled_outputs(model, layer)(image[None])[layer].numpy()[0]  # (h, w, channels)
    is_inside = _positions_in(box, maps.shape[:2], image.shape[:2])
    outside = maps[~is_inside].mean(axis=0) if not is_inside.all() else 0.0
    return maps[is_inside].mean(axis=0) - outside


def _positions_in(box: Box, map_shape: tuple, image_shape: tuple) -> np.ndarray:
    """Which positions of a layer lie in a box of the image, (h, w) booleans."""
    top, left, bottom, right = box
    height, width = image_shape
    if not (max(top, 0) < min(bottom, height) and max(left, 0) < min(right, width)):
        raise ValueError(
            f"The box {tuple(box)} holds no pixel of an image of {height} x {width}; give (top, "
            "left, bottom, right)."
        )
    rows = _inside(top, bottom, positions=map_shape[0], pixels=height)
    columns = _inside(left, right, positions=map_shape[1], pixels=width)
    return rows[:, None] & columns


def _inside(start: float, end: float, *, positions: int, pixels: int) -> np.ndarray:
    middles = (np.arange(positions) + 0.5) * pixels / positions
    found = (start <= middles) & (middles < end)
    if not found.any():
        found[np.abs(middles - (start + end) / 2).argmin()] = True
    return found


# What is maximized for it


def before_relu(model: Network, layer: str) -> str:
    """Return the name of the layer whose output a ReLU layer gets; of another, its own name.

    Before the ReLU the gradient of a channel is not 0 where the channel is silent, so that gradient
    ascent can start.

    Args:
        model: images -> logits (N, classes).
        layer: the name of a layer.

    Raises:
        ValueError: for a layer that the network does not have.
    """
    features(model, layer)
    asked = model.get_layer(layer)
    if not isinstance(asked, keras.layers.ReLU):
        return layer
    before = asked.input._keras_history.operation
    return before.name if isinstance(before, keras.layers.Layer) else layer
