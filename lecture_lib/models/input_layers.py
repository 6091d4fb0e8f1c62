"""What a network of somebody's own reads: images, and in which form.

The course's networks read images (N, height, width, channels). Two other forms are brought into
this one: gray images without a channel (N, height, width), and channels first (N, channels, height,
width). Sequences, volumes and rows of numbers are refused.
"""

from collections.abc import Iterator
from math import isqrt
from pathlib import Path
from typing import NamedTuple

import numpy as np

from lecture_lib.datasets.shapes import Images
from lecture_lib.models.backend import keras
from lecture_lib.models.layer_copies import copy
from lecture_lib.models.surgery import check_is_graph

layers = keras.layers
SEQUENCE_LAYERS = (layers.Conv1D, layers.RNN, layers.Bidirectional, layers.Embedding)
# Layers whose axis counts the channels; these are axis 1 where they come first.
WITH_AXIS = (
    layers.BatchNormalization,
    layers.LayerNormalization,
    layers.GroupNormalization,
    layers.Normalization,
    layers.Concatenate,
    layers.Softmax,
)


class InputKind(NamedTuple):
    """In which form a network reads its images.

    Attributes:
        shape: of one image in the course's form, (height, width, channels); None for any side.
        channels_first: whether it reads (N, channels, height, width).
        turned_inside: whether it reads these and turns them into (N, height, width, channels).
        without_channel: whether it reads (N, height, width).
    """

    shape: tuple
    channels_first: bool = False
    turned_inside: bool = False
    without_channel: bool = False


def read_input(model: keras.Model) -> InputKind:
    """Find out in which form a model reads its images.

    Raises:
        ValueError: for a model that is no graph, that reads several things, or no images.
    """
    _check_is_model(model)
    check_is_graph(model)
    _check_one_of_each(model)
    _check_outputs(model)
    shape = tuple(model.inputs[0].shape[1:])
    if len(shape) == 2 and not _reads_sequences(model):
        return InputKind((*shape, 1), without_channel=True)
    if len(shape) != 3 or _unknown_channels(shape, model):
        raise ValueError(_no_image(shape))
    if has_channels_first(model):
        return InputKind((*shape[1:], shape[0]), channels_first=True)
    if shape[0] in (1, 3) and shape[-1] not in (1, 3):  # as of a net converted from PyTorch
        return InputKind((*shape[1:], shape[0]), turned_inside=True)
    return InputKind(shape)


def into_their_form(kind: InputKind) -> keras.layers.Layer | None:
    """Return a layer that brings images to the form a network reads; None for layers turned so."""
    if kind.without_channel:
        return layers.Reshape(kind.shape[:2], name="without_channel")
    return layers.Permute((3, 1, 2), name="channels_first") if kind.turned_inside else None


def _check_is_model(model: keras.Model) -> None:
    if isinstance(model, str | Path):
        raise ValueError(f"load_model({str(model)!r}) reads a network from a file or by its name.")
    if not isinstance(model, keras.Model):
        raise ValueError(
            f"A {type(model).__name__} of {type(model).__module__} is no model of Keras 3, and "
            "others are not read; build it from keras.layers, and give it the weights."
        )
    if any(getattr(layer, "quantization_mode", None) for layer in all_layers(model)):
        raise ValueError(
            "This model is quantized, and whole numbers have no gradients; wrap the model as it "
            "was before model.quantize."
        )


def _check_one_of_each(model: keras.Model) -> None:
    if len(model.inputs) != 1:
        raise ValueError(
            f"A network has one input and one output; this model has {len(model.inputs)} inputs: "
            "wrap a model in it that reads one of them, such as the base of a siamese network."
        )
    if len(model.outputs) != 1:
        raise ValueError(
            f"A network has one input and one output; this model has {len(model.outputs)} outputs, "
            "and keras.Model(model.inputs[0], model.outputs[0]) has the first of them alone."
        )


def _check_outputs(model: keras.Model) -> None:
    if len(model.outputs[0].shape) == 2 and model.outputs[0].shape[1] is None:
        raise ValueError(
            "How many numbers this model gives depends on the size of its images; build it with a "
            "size, as in keras.Input((224, 224, 3))."
        )
    if len(model.outputs[0].shape) < 2:
        raise ValueError(
            "This model gives one number for each image without an axis of classes; leave out what "
            "takes it away, such as squeeze or argmax, so that it ends in (N, 1) or (N, classes)."
        )


def _unknown_channels(shape: tuple, model: keras.Model) -> bool:
    return shape[0 if has_channels_first(model) else -1] is None


def _reads_sequences(model: keras.Model) -> bool:
    return any(isinstance(layer, SEQUENCE_LAYERS) for layer in all_layers(model))


def _no_image(shape: tuple) -> str:
    begins = f"This model reads arrays of shape {shape}, no images (height, width, channels)"
    side = isqrt(shape[0] or 0) if len(shape) == 1 else 0
    if side and side**2 == shape[0]:
        return (
            f"{begins}; where they are images in a row, wrap keras.Sequential(["
            f"keras.Input(({side}, {side}, 1)), keras.layers.Flatten(), model])."
        )
    return f"{begins}; networks for sequences, volumes or tables are not among those of the course."


def all_layers(model: keras.Model) -> Iterator[keras.layers.Layer]:
    """Yield the layers of a model and of the models in it."""
    for layer in model.layers:
        if isinstance(layer, keras.Model):
            yield from all_layers(layer)
        else:
            yield layer


def has_channels_first(model: keras.Model) -> bool:
    """Say whether convolutions of a model read (N, channels, height, width)."""
    windowed = (layers.Conv2D, layers.DepthwiseConv2D, layers.SeparableConv2D, layers.MaxPooling2D)
    return any(
        isinstance(layer, windowed) and layer.data_format == "channels_first"
        for layer in all_layers(model)
    )


# From the course's form to theirs


def in_their_form(images: Images, kind: InputKind) -> np.ndarray:
    """Return images (N, H, W, C) as a network reads them that was not wrapped yet."""
    if kind.without_channel:
        return images[..., 0]
    is_turned = kind.channels_first or kind.turned_inside
    return np.moveaxis(images, -1, 1) if is_turned else images


def channels_last_copy(layer: keras.layers.Layer) -> keras.layers.Layer:
    """Copy a layer of a network with its channels first, as one with its channels last."""
    if isinstance(layer, WITH_AXIS):
        return copy(layer, change=_with_last_axis)
    return copy(layer, change=_with_channels_last)


def _with_last_axis(config: dict) -> dict:
    axis = config["axis"]
    if axis not in (1, [1], (1,)):
        return config
    return config | {"axis": -1 if isinstance(axis, int) else [-1]}


def _with_channels_last(config: dict) -> dict:
    return config | {"data_format": "channels_last"} if "data_format" in config else config
