"""Scores of what lies inside a network: a channel, a neuron, whole layers, and what they hold."""

from collections.abc import Sequence
from numbers import Integral

import numpy as np

from lecture_lib.core.penalties import l2
from lecture_lib.core.scores import Score, numbers_at, select_per_row
from lecture_lib.datasets.shapes import Classes, Image, Network, Tensor, TensorImages, TensorValues
from lecture_lib.models.backend import tf
from lecture_lib.models.checks import image_of
from lecture_lib.models.layers import as_tuple, features, layer_outputs, map_features


def channel_score(model: Network, layer: str, channel: Classes) -> Score:
    """Score the mean of one channel of a layer over all its positions.

    Args:
        model: images -> logits (N, classes).
        layer: the name of a layer.
        channel: 0..channels-1, or one for each image (N,).

    Raises:
        ValueError: for a layer or a channel that the network does not have.
    """
    count = features(model, layer).shape[-1]
    for number in np.ravel(channel):
        _check_within(number, count, what=f"channel of {layer}")
    return Score(_channel_score, np.asarray(channel, np.int32), model=model, layer=layer)


def _channel_score(
    images: TensorImages, channel: Tensor, *, model: Network, layer: str
) -> TensorValues:
    activations = layer_outputs(model, layer)(images)[layer]
    positions = range(1, activations.shape.rank - 1)
    return select_per_row(tf.reduce_mean(activations, axis=positions), channel)


def neuron_score(model: Network, layer: str, row: int, column: int, channel: int) -> Score:
    """Score one neuron: φ_layer(I)[row, column, channel].

    Args:
        model: images -> logits (N, classes).
        layer: the name of a layer with rows and columns.
        row, column: its position on the layer's map of the images given, from 0.
        channel: 0..channels-1.

    Raises:
        ValueError: for a layer, a channel or a position that the network does not have.
    """
    *map_shape, channels = map_features(model, layer).shape[1:]
    _check_within(channel, channels, what=f"channel of {layer}")
    for number, count, what in zip((row, column), map_shape, ("row", "column"), strict=True):
        _check_within(number, count, what=f"{what} of {layer}")
    position = np.array([row, column, channel], np.int32)
    return Score(_neuron_score, position, model=model, layer=layer)


def _neuron_score(
    images: TensorImages, position: Tensor, *, model: Network, layer: str
) -> TensorValues:
    activations = layer_outputs(model, layer)(images)[layer]
    positions = tf.tile(position[None], [tf.shape(activations)[0], 1])
    return numbers_at(activations, positions)


def layer_energy(model: Network, layers: str | Sequence[str] | dict[str, float]) -> Score:
    """Score how active a layer is: the mean of its squared activations. DeepDream ascends it.

    S(I) = Σ over layers of weight · mean φ_layer(I)², the mean over positions and channels

    Args:
        model: images -> logits (N, classes).
        layers: the name of a layer, several names, or {name: weight}.

    Raises:
        ValueError: for a layer that the network does not have.
    """
    weights = layers if isinstance(layers, dict) else dict.fromkeys(as_tuple(layers), 1.0)
    for layer in weights:
        features(model, layer)
    numbers = np.float32([*weights.values()])
    return Score(_layer_energy, numbers, model=model, layers=tuple(weights))


def _layer_energy(
    images: TensorImages, weights: Tensor, *, model: Network, layers: tuple
) -> TensorValues:
    maps = layer_outputs(model, layers)(images)
    energies = [_mean_of_squares(maps[layer]) for layer in layers]  # each (N,)
    return tf.tensordot(weights, tf.stack(energies), axes=1)


def _mean_of_squares(activations: Tensor) -> TensorValues:
    return tf.reduce_mean(tf.square(activations), axis=range(1, activations.shape.rank))


def feature_distance(model: Network, layer: str, image: Image) -> Score:
    """Score the distance to an image in the features of a layer: ‖φ_layer(I) − φ_layer(image)‖².

    Args:
        model: images -> logits (N, classes).
        layer: the name of a layer.
        image: (H, W, C) in [0, 1]; its features are computed once, here.

    Raises:
        ValueError: for a layer that the network does not have, and for anything but one image.
    """
    target = layer_outputs(model, layer)(image_of(model, image)[None])[layer]
    return Score(_feature_distance, target, model=model, layer=layer)


def _feature_distance(
    images: TensorImages, target: Tensor, *, model: Network, layer: str
) -> TensorValues:
    return l2(layer_outputs(model, layer)(images)[layer] - target)


def _check_within(number: int, count: int | None, *, what: str) -> None:
    """Raise ValueError for what is no whole number in 0..count-1; None for any count."""
    is_whole = isinstance(number, Integral) and not isinstance(number, bool)
    if not is_whole or not 0 <= number < (np.inf if count is None else count):
        last = "on" if count is None else f"to {count - 1}"
        raise ValueError(f"There is no {what} numbered {number}; they are numbered from 0 {last}.")
