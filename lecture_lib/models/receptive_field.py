"""Receptive fields: which pixels of the picture a neuron can see, worked out from the layers between them.

A layer with windows says which rows of its input one row of its output reads, and the same for columns. A chain of layers multiplies
these tables, and where paths meet, a pixel counts if any path leads to it. Nothing is measured, so nothing depends on the weights.
"""

from functools import lru_cache
from typing import NamedTuple

import numpy as np

from lecture_lib.models.backend import keras
from lecture_lib.models.inference import map_features

layers = keras.layers
WINDOWED = (
    layers.Conv2D,
    layers.DepthwiseConv2D,
    layers.SeparableConv2D,
    layers.MaxPooling2D,
    layers.AveragePooling2D,
)
BORDERS = (layers.ZeroPadding2D, layers.Cropping2D)
WHOLE = (layers.GlobalAveragePooling2D, layers.GlobalMaxPooling2D)
# Each position of the output is computed from the same position of the inputs.
POINTWISE = (
    layers.Activation,
    layers.ReLU,
    layers.LeakyReLU,
    layers.PReLU,
    layers.ELU,
    layers.BatchNormalization,
    layers.LayerNormalization,
    layers.Rescaling,
    layers.Normalization,
    layers.Dropout,
    layers.SpatialDropout2D,
    layers.Add,
    layers.Subtract,
    layers.Multiply,
    layers.Average,
    layers.Maximum,
    layers.Minimum,
    layers.Concatenate,
    layers.Identity,
)
ARITHMETIC = {
    "Add",
    "Subtract",
    "Multiply",
    "Divide",
    "TrueDivide",
    "Relu",
    "Relu6",
}  # written as x * 2, without a layer


class Box(NamedTuple):
    """A rectangle of pixels: rows from top to bottom - 1, columns from left to right - 1."""

    top: int
    left: int
    bottom: int
    right: int


def receptive_field(model, layer, row, column, *, image_shape):
    """The smallest Box with every pixel that the neuron at (row, column) of a layer reads: row r reads r·stride − padding + tap·dilation.

    layer: a name of a layer with rows and columns; row, column: counted on its map, from 0. image_shape: (H, W) or (H, W, C) in pixels.
    The box ends at the picture's edge, because padding holds no pixels. Exact for convolutions, pools, padding, sums, concatenations and
    what works point by point. Raises ValueError for a neuron or layer that is none, and for kinds of layers that are not among these.
    """
    seen = visible_pixels(model, layer, row, column, image_shape=image_shape)
    if not seen.any():
        raise ValueError(
            f"The neuron at row {row}, column {column} of {layer} sees padding only, no pixel of the picture."
        )
    rows, columns = np.flatnonzero(seen.any(axis=1)), np.flatnonzero(seen.any(axis=0))
    return Box(int(rows[0]), int(columns[0]), int(rows[-1]) + 1, int(columns[-1]) + 1)


def visible_pixels(model, layer, row, column, *, image_shape):
    """Which pixels a neuron reads, as a bool array (H, W): inside the box of `receptive_field`, a dilated kernel leaves holes."""
    target, sizes, steps = _trace(model, layer, tuple(image_shape[:2]))
    height, width = sizes[target]
    if not (0 <= row < height and 0 <= column < width):
        raise ValueError(
            f"The map of {layer} has rows 0 to {height - 1}, columns 0 to {width - 1}; there is no ({row}, {column})."
        )
    reached = {tensor: np.zeros(size, bool) for tensor, size in sizes.items()}
    reached[target][row, column] = True
    for output, source, rows, columns in reversed(steps):
        if reached[output].any():
            reached[source] |= _carried(reached[output], rows, columns)
    return reached[id(model.input)]


def read_along(model, layer, *, image_shape):
    """Which rows of the picture each row of a layer's map reads, and the same for columns: bool arrays (h, H) and (w, W)."""
    target, _, steps = _trace(model, layer, tuple(image_shape[:2]))
    reads = {id(model.input): [np.eye(side, dtype=bool) for side in image_shape[:2]]}
    for output, source, *tables in steps:
        found = [
            (table.astype(np.float32) @ known) > 0
            for table, known in zip(tables, reads[source], strict=True)
        ]
        reads[output] = [
            new | old for new, old in zip(found, reads.get(output, found), strict=True)
        ]
    return reads[target]


def _carried(mask, rows, columns):
    """From a mask on the output to one on the input, with the tables of who reads whom: Rᵀ · mask · C, in true and false."""
    return (rows.T.astype(np.float32) @ mask.astype(np.float32) @ columns.astype(np.float32)) > 0


@lru_cache(maxsize=16)
def _trace(model, layer, image_size):
    """(the layer's tensor, {tensor: (height, width)}, [(output, input, row table, column table)] from the picture on)."""
    target = map_features(model, layer)
    if any(
        wanted not in (None, given)
        for wanted, given in zip(model.input.shape[1:3], image_size, strict=True)
    ):
        raise ValueError(
            f"This net takes pictures of {model.input.shape[1]}x{model.input.shape[2]} pixels, not {image_size}."
        )
    sizes, steps = {id(model.input): image_size}, []
    for operation, inputs, output in _in_forward_order(target, model.input):
        tables = [
            [_table(operation, axis, sizes[id(tensor)][axis]) for axis in (0, 1)]
            for tensor in inputs
        ]
        shape = [max(len(table[axis]) for table in tables) for axis in (0, 1)]
        sizes[id(output)] = tuple(shape)
        for tensor, table in zip(inputs, tables, strict=True):
            rows, columns = (
                np.broadcast_to(part, (length, part.shape[1]))
                for part, length in zip(table, shape, strict=True)
            )
            steps.append((id(output), id(tensor), rows, columns))
    return id(target), sizes, steps


def _in_forward_order(target, image):
    """[(layer or operation, input tensors, output tensor)] of all that lies between the picture and a tensor, each after what it needs."""
    order, known, waiting = [], {id(image)}, [target]
    while waiting:
        history = waiting[-1]._keras_history
        inputs = history.operation._inbound_nodes[history.node_index].input_tensors
        missing = [tensor for tensor in inputs if id(tensor) not in known]
        if id(waiting[-1]) in known or not missing:
            output = waiting.pop()
            if id(output) not in known:
                order.append((history.operation, inputs, output))
            known.add(id(output))
        waiting += missing
    return order


def _table(layer, axis, size):
    """Who reads whom along one axis: bool (positions of the output, positions of the input)."""
    kernel, stride, dilation, before, after = _window(layer, axis, size)
    count = (size + before + after - (kernel - 1) * dilation - 1) // stride + 1
    if count < 1:
        raise ValueError(
            f"The picture is too small: {layer.name} has {size} rows or columns left and needs more; give a larger one."
        )
    read = np.arange(count)[:, None] * stride - before + np.arange(kernel) * dilation
    return (read[:, :, None] == np.arange(size)).any(axis=1)


def _window(layer, axis, size):
    """(kernel, stride, dilation, padding before, padding after) of a layer along one axis; without a window, one by one."""
    if getattr(layer, "data_format", "channels_last") != "channels_last":
        raise ValueError(
            f"{layer.name} keeps its channels first; receptive fields are traced with channels last."
        )
    if isinstance(layer, WHOLE) or (
        isinstance(layer, layers.Reshape) and layer.target_shape[:2] == (1, 1)
    ):
        return size, 1, 1, 0, 0
    if isinstance(layer, BORDERS):
        before, after = (
            layer.padding
            if isinstance(layer, layers.ZeroPadding2D)
            else np.negative(layer.cropping)
        )[axis]
        return 1, 1, 1, int(before), int(after)
    if isinstance(layer, WINDOWED):
        kernel, stride = (
            getattr(layer, "kernel_size", getattr(layer, "pool_size", None))[axis],
            layer.strides[axis],
        )
        dilation = getattr(layer, "dilation_rate", (1, 1))[axis]
        missing = (
            max((-(-size // stride) - 1) * stride + (kernel - 1) * dilation + 1 - size, 0)
            if layer.padding == "same"
            else 0
        )
        return kernel, stride, dilation, missing // 2, missing - missing // 2
    along_channels = np.isin(
        getattr(layer, "axis", -1), (-1, 3)
    ).all()  # a Concatenate can also put maps side by side
    if (isinstance(layer, POINTWISE) and along_channels) or type(layer).__name__ in ARITHMETIC:
        return 1, 1, 1, 0, 0
    raise ValueError(
        f"{layer.name} is a {type(layer).__name__}, whose receptive field is not worked out here; choose a layer before it."
    )
