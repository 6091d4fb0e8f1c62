"""The layers of a network: their names, and what they make of images."""

from collections.abc import Callable, Sequence
from functools import partial

import numpy as np
from jaxtyping import Float

from lecture_lib.datasets.images import unbatch
from lecture_lib.datasets.shapes import (
    Activations,
    ImageOrImages,
    Network,
    Tensor,
    TensorImages,
)
from lecture_lib.models.backend import keras, tf
from lecture_lib.models.batching import batches
from lecture_lib.models.checks import batch_of, check_network
from lecture_lib.models.per_model_cache import kept_with_model

Rows = Float[np.ndarray, "images features"]  # one row of channel means for each image

# Names and symbolic outputs


def layer_names(model: Network, *, maps_only: bool = True) -> list[str]:
    """List the names of a network's layers in forward order.

    Args:
        model: images -> logits (N, classes).
        maps_only: only those whose output has rows, columns and channels.
    """
    layers = [layer for layer in model.layers if not isinstance(layer, keras.layers.InputLayer)]
    return [layer.name for layer in layers if not maps_only or len(_shape(layer)) == 4]


def _shape(layer: keras.layers.Layer) -> tuple:
    """The shape of a layer's output, of the first one where it has several."""
    return keras.tree.flatten(layer.output)[0].shape


def features(model: Network, layer: str) -> keras.KerasTensor:
    """Return the symbolic output of a layer, φ_layer, for building a model that ends there.

    Args:
        model: network of the course.
        layer: one of `layer_names(model, maps_only=False)`.

    Returns:
        symbolic tensor (None, h, w, channels), or (None, units).

    Raises:
        ValueError: for a name that the network does not have; it lists the layers.
    """
    check_network(model)
    known = layer_names(model, maps_only=False)
    if layer not in known:
        raise ValueError(f"This net has no layer {layer!r}; its layers are {', '.join(known)}.")
    return keras.tree.flatten(model.get_layer(layer).output)[0]


def map_features(model: Network, layer: str) -> keras.KerasTensor:
    """Return the symbolic output of a layer that has rows, columns and channels.

    Args:
        model: network of the course.
        layer: one of `layer_names(model)`.

    Returns:
        symbolic tensor (None, h, w, channels).

    Raises:
        ValueError: as `features` does, and for a layer without rows and columns.
    """
    output = features(model, layer)
    if len(output.shape) != 4:
        raise ValueError(f"Layer {layer!r} has no rows and columns; {_with_maps(model)}.")
    return output


def _with_maps(model: Network) -> str:
    names = layer_names(model)
    if names:
        return f"those that have are {', '.join(names)}"
    return "this network has none that has, as it is without convolutions"


def as_tuple(layers: str | Sequence[str]) -> tuple[str, ...]:
    """Return one layer name, or several, as a tuple of names."""
    return (layers,) if isinstance(layers, str) else tuple(layers)


def layer_outputs(model: Network, layers: str | Sequence[str]) -> keras.Model:
    """Make a Model from images to {layer: activations φ_layer(I)}, for one layer name or several.

    Its activations have the shape (N, h, w, channels), or (N, units).

    Args:
        model: network of the course.
        layers: name of a layer, or several.

    Returns:
        keras.Model, not compiled.

    Raises:
        ValueError: for a name that the network does not have; it lists the layers.
    """
    return keras.Model(model.input, {name: features(model, name) for name in as_tuple(layers)})


@kept_with_model
def compiled_outputs(model: Network, layers: str | tuple[str, ...]) -> Callable:
    """Compile `layer_outputs` once: a function from images (N, H, W, C) to {layer: tensor}.

    Args:
        model: images -> logits (N, classes).
        layers: one name, or a tuple of names.
    """
    graph = partial(_outputs, layer_outputs(model, layers))
    return tf.function(graph, autograph=False, reduce_retracing=True)


def _outputs(net: keras.Model, images: TensorImages) -> dict[str, Tensor]:
    return net(images, training=False)


@kept_with_model
def layers_and_scores(model: Network, layers: tuple[str, ...]) -> keras.Model:
    """Make a Model from images to [φ_1, φ_2, ..., S]: some layers, then the logits.

    It is what `gradient_at_layers` asks for; `layers` is a tuple of names.

    Args:
        model: network of the course.
        layers: tuple of names of layers.

    Returns:
        keras.Model, not compiled.
    """
    return keras.Model(model.input, [*(features(model, name) for name in layers), model.output])


# Outputs of images


def activation_maps(model: Network, layer: str, images: ImageOrImages) -> Activations:
    """Return the activations of a layer: φ_l(I).

    Args:
        model: images -> logits (N, classes).
        layer: the name of a layer with rows and columns.
        images: (H, W, C) or (N, H, W, C) in [0, 1].

    Returns:
        (h, w, channels) or (N, h, w, channels) float32.

    Raises:
        ValueError: for a layer without rows and columns, and for images that are none.
    """
    map_features(model, layer)
    forward = compiled_outputs(model, layer)
    maps = [forward(some)[layer].numpy() for some in batches(batch_of(model, images))]
    return unbatch(np.concatenate(maps), images)


def mean_activations(
    model: Network, layers: str | Sequence[str], images: ImageOrImages
) -> dict[str, Rows]:
    """Return the mean of each channel over its positions: φ̄_l(I).

    Args:
        model: images -> logits (N, classes).
        layers: one name or several.
        images: (H, W, C) or (N, H, W, C) in [0, 1].

    Returns:
        {layer: (N, channels) float32}.

    Raises:
        ValueError: for a layer that the network does not have, with those that it has.
    """
    names = as_tuple(layers)
    forward = _compiled_means(model, names)
    rows = {name: [] for name in names}
    for some in batches(batch_of(model, images)):
        for name, means in forward(some).items():
            rows[name].append(means)
    return {name: np.concatenate(parts) for name, parts in rows.items()}


@kept_with_model
def _compiled_means(model: Network, layers: tuple[str, ...]) -> Callable:
    # The means are taken within the graph, which lets go of each layer's maps as soon as it has
    # their means; otherwise the maps of all layers would be in memory at once.
    graph = partial(_means, layer_outputs(model, layers))
    return tf.function(graph, autograph=False, reduce_retracing=True)


def _means(net: keras.Model, images: TensorImages) -> dict[str, Tensor]:
    outputs = net(images, training=False)
    return {name: _mean_over_positions(values) for name, values in outputs.items()}


def _mean_over_positions(activations: Tensor) -> Tensor:
    """(N, h, w, channels) or (N, units) -> (N, channels)."""
    channels = activations.shape[-1]
    return tf.reduce_mean(tf.reshape(activations, [tf.shape(activations)[0], -1, channels]), axis=1)
