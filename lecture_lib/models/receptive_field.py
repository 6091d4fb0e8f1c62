"""Receptive fields: which pixels of the image a neuron reads, worked out from the layers between.

A layer with windows says which rows of its input one row of its output reads, and the same for
columns. A chain of layers multiplies these tables, and where paths meet, a pixel counts if any path
leads to it. Nothing is measured, so nothing depends on the weights.
"""

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from jaxtyping import Bool

from lecture_lib.datasets.shapes import Mask, Network
from lecture_lib.models.backend import keras
from lecture_lib.models.layer_copies import Borrowed
from lecture_lib.models.layers import map_features
from lecture_lib.models.per_model_cache import kept_with_model

# Along one axis: whether a position of the output (row of the table) reads one of the input.
Table = Bool[np.ndarray, "_ _"]

IMAGE = "image"  # the name of the tensor that all begins with

layers = keras.layers
WINDOWED = (
    layers.Conv2D,
    layers.DepthwiseConv2D,
    layers.SeparableConv2D,
    layers.MaxPooling2D,
    layers.AveragePooling2D,
)
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
    layers.Dense,
)
# Operations written as x * 2 or ops.relu(x), without a layer.
ARITHMETIC = {
    *("Add", "Subtract", "Multiply", "Divide", "TrueDivide", "Negative", "Power", "Square", "Sqrt"),
    *("Maximum", "Minimum", "Clip", "Absolute", "Exp", "Log", "Cast", "Where", "Greater"),
    *("Relu", "Relu6", "LeakyRelu", "Elu", "Selu", "Silu", "Gelu", "Sigmoid", "Tanh", "Softplus"),
    *("HardSigmoid", "HardSilu"),
}


class Box(NamedTuple):
    """A rectangle of pixels.

    Attributes:
        top, left: its first row and its first column.
        bottom, right: the row and the column behind its last.
    """

    top: int
    left: int
    bottom: int
    right: int


def receptive_field(
    model: Network, layer: str, row: int, column: int, *, image_shape: Sequence[int]
) -> Box:
    """Return the smallest box with every pixel that a neuron reads.

    Row r of a layer reads the rows r·stride − padding + tap·dilation of its input, for each tap of
    the kernel. This is exact for convolutions, pools, padding, sums, concatenations and what works
    point by point.

    Args:
        model: images -> logits (N, classes).
        layer: the name of a layer with rows and columns.
        row, column: the neuron's place on the layer's map, from 0.
        image_shape: (H, W) or (H, W, C) in pixels.

    Returns:
        Box(top, left, bottom, right), which ends at the edge of the image, as padding holds no
        pixels.

    Raises:
        ValueError: for a neuron or layer that is none, and for kinds of layers that are not among
            those above.
    """
    trace = _trace(model, layer, tuple(image_shape[:2]))
    if trace.some_windows_are_blind:
        seen = visible_pixels(model, layer, row, column, image_shape=image_shape)
        rows = seen.any(axis=1)
        columns = seen.any(axis=0)
    else:
        rows, columns = _rows_and_columns(trace, row, column, layer=layer)
    if not rows.any():
        raise ValueError(
            f"The neuron at row {row}, column {column} of {layer} sees padding only, "
            "no pixel of the image."
        )
    seen_rows = np.flatnonzero(rows)
    seen_columns = np.flatnonzero(columns)
    return Box(
        top=int(seen_rows[0]),
        left=int(seen_columns[0]),
        bottom=int(seen_rows[-1]) + 1,
        right=int(seen_columns[-1]) + 1,
    )


def visible_pixels(
    model: Network, layer: str, row: int, column: int, *, image_shape: Sequence[int]
) -> Mask:
    """Return which pixels a neuron reads, as a bool array (H, W).

    Inside the box of `receptive_field`, a dilated kernel leaves holes. The arguments are those of
    `receptive_field`.

    Args:
        model: network of the course.
        layer: name of a layer with rows and columns.
        row: of the neuron, from 0 at the top.
        column: of the neuron, from 0 at the left.
        image_shape: (H, W, ...) of the images that the network reads.

    Returns:
        (H, W) bool, True where the neuron reads.
    """
    trace = _trace(model, layer, tuple(image_shape[:2]))
    target = _checked_place(trace, row, column, layer=layer)
    reached = {tensor: np.zeros(size, bool) for tensor, size in trace.sizes.items()}
    reached[target][row, column] = True
    for step in reversed(trace.steps):
        if reached[step.output].any():
            reached[step.source] |= _carried_back(reached[step.output], step)
    return reached[IMAGE]


def _checked_place(trace: "_Trace", row: int, column: int, *, layer: str) -> str:
    """The name of the layer's tensor, which must have a neuron there."""
    target = trace.steps[-1].output
    height, width = trace.sizes[target]
    if not (0 <= row < height and 0 <= column < width):
        raise ValueError(
            f"The map of {layer} has rows 0 to {height - 1}, columns 0 to {width - 1}; "
            f"there is no ({row}, {column})."
        )
    return target


def _rows_and_columns(
    trace: "_Trace", row: int, column: int, *, layer: str
) -> tuple[np.ndarray, np.ndarray]:
    """Which rows and which columns of the image a neuron reads, as bool vectors.

    Rows and columns are followed separately, which is quicker than a mask of both. It is right
    where every window sees something: then no path ends in padding along one axis only.
    """
    target = _checked_place(trace, row, column, layer=layer)
    rows = {tensor: np.zeros(size[0], bool) for tensor, size in trace.sizes.items()}
    columns = {tensor: np.zeros(size[1], bool) for tensor, size in trace.sizes.items()}
    rows[target][row] = True
    columns[target][column] = True
    for step in reversed(trace.steps):
        rows[step.source] |= step.rows[rows[step.output]].any(axis=0)
        columns[step.source] |= step.columns[columns[step.output]].any(axis=0)
    return rows[IMAGE], columns[IMAGE]


def read_along(model: Network, layer: str, *, image_shape: Sequence[int]) -> list[Table]:
    """Return which rows of the image each row of a layer's map reads, and the same for columns.

    Args:
        model: images -> logits (N, classes).
        layer: the name of a layer with rows and columns.
        image_shape: (H, W) or (H, W, C) in pixels.

    Returns:
        Two bool arrays, (h, H) and (w, W).
    """
    return _read_along(model, layer, tuple(image_shape[:2]))


@kept_with_model
def _read_along(model: Network, layer: str, image_shape: tuple[int, int]) -> list[Table]:
    reads = {IMAGE: [np.eye(side, dtype=bool) for side in image_shape]}
    steps = _trace(model, layer, image_shape).steps
    for step in steps:
        for axis, table in enumerate((step.rows, step.columns)):
            found = (table.astype(np.float32) @ reads[step.source][axis]) > 0
            known = reads.setdefault(step.output, [False, False])
            known[axis] = known[axis] | found
    found = reads[steps[-1].output]
    for table in found:
        table.setflags(write=False)  # it is kept
    return found


# From the image to the layer, step by step


class _Step(NamedTuple):
    """That one tensor is computed from another: which of its rows reads which, and its columns."""

    output: str
    source: str
    rows: Table
    columns: Table


class _Trace(NamedTuple):
    """All steps from the image to a layer in forward order, and the size of each tensor's map.

    A window is blind where it lies on padding altogether.
    """

    steps: list
    sizes: dict
    some_windows_are_blind: bool


def _carried_back(mask: np.ndarray, step: _Step) -> np.ndarray:
    """From a mask on the output of a step to one on its source: Rᵀ · mask · C, true or false."""
    rows = step.rows.T.astype(np.float32)
    return (rows @ mask.astype(np.float32) @ step.columns.astype(np.float32)) > 0


@kept_with_model
def _trace(model: Network, layer: str, image_size: tuple) -> _Trace:
    _check_image_size(model, image_size)
    steps = []
    sizes = {IMAGE: image_size}
    for operation, sources, output in _calls(model.input, map_features(model, layer)):
        # What each input gives along both axes; where one has a single position, all share it.
        tables = [_tables(operation, sizes[source]) for source in sources]
        height = max(len(rows) for rows, _ in tables)
        width = max(len(columns) for _, columns in tables)
        sizes[output] = (height, width)
        for source, (rows, columns) in zip(sources, tables, strict=True):
            every_row = np.broadcast_to(rows, (height, rows.shape[1]))
            every_column = np.broadcast_to(columns, (width, columns.shape[1]))
            steps.append(_Step(output, source, every_row, every_column))
    tables = [table for step in steps for table in (step.rows, step.columns)]
    return _Trace(steps, sizes, not all(table.any(axis=1).all() for table in tables))


def _check_image_size(model: Network, image_size: tuple) -> None:
    wanted = model.input.shape[1:3]
    if any(side not in (None, given) for side, given in zip(wanted, image_size, strict=True)):
        raise ValueError(
            f"This net takes images of {wanted[0]}x{wanted[1]} pixels, not {image_size}."
        )


class _StandIn(keras.Operation):
    """Takes a layer's place in a graph that is walked through, not computed."""

    def compute_output_spec(self, *inputs: Any, **options: Any) -> keras.KerasTensor:
        return keras.KerasTensor((None,))


def _calls(images: keras.KerasTensor, target: keras.KerasTensor) -> list[tuple]:
    """[(layer or operation, names of its inputs, name of its output)] in forward order."""
    calls = []

    def record(operation: keras.Operation, *inputs: Any, **options: Any) -> keras.KerasTensor:
        _window(operation, 0, 1)  # an error for kinds of layers that are not traced
        output = _StandIn()(*inputs, **options)
        given = keras.tree.flatten((inputs, options))
        tensors = [value for value in given if isinstance(value, keras.KerasTensor)]
        calls.append((operation, [tensor.name for tensor in tensors], output.name))
        return output

    keras.models.clone_model(
        keras.Model(images, target),
        input_tensors=keras.Input(images.shape[1:], name=IMAGE),
        clone_function=lambda operation: operation,
        call_function=record,
    )
    return calls


# Who reads whom within one layer


def _tables(layer: keras.Operation, size: tuple) -> tuple[Table, Table]:
    """The tables of a layer for the rows and for the columns of an input of this size."""
    return _table(layer, 0, size[0]), _table(layer, 1, size[1])


def _table(layer: keras.Operation, axis: int, size: int) -> Table:
    kernel, stride, dilation, before, after = _window(layer, axis, size)
    count = (size + before + after - (kernel - 1) * dilation - 1) // stride + 1
    if count < 1:
        raise ValueError(
            f"The image is too small: {layer.name} has {size} rows or columns left and needs more; "
            "give a larger one."
        )
    read = np.arange(count)[:, None] * stride - before + np.arange(kernel) * dilation
    return (read[:, :, None] == np.arange(size)).any(axis=1)


def _window(layer: keras.Operation, axis: int, size: int) -> tuple[int, int, int, int, int]:
    """(kernel, stride, dilation, padding before, padding after) of a layer along one axis."""
    if getattr(layer, "data_format", "channels_last") != "channels_last":
        raise ValueError(
            f"{layer.name} keeps its channels first; "
            "receptive fields are traced with channels last."
        )
    if isinstance(layer, layers.SpectralNormalization):
        layer = layer.layer
    if _reads_everything(layer):
        return size, 1, 1, 0, 0
    if isinstance(layer, layers.ZeroPadding2D):
        before, after = layer.padding[axis]
        return 1, 1, 1, before, after
    if isinstance(layer, layers.Cropping2D):
        before, after = layer.cropping[axis]
        return 1, 1, 1, -before, -after
    if isinstance(layer, WINDOWED):
        return _sliding_window(layer, axis, size)
    if _is_pointwise(layer):
        return 1, 1, 1, 0, 0
    raise ValueError(
        f"{layer.name} is a {_kind(layer)}, whose receptive field is not worked out here; "
        "choose a layer before it, if there is one."
    )


def _kind(layer: keras.Operation) -> str:
    """The name of a layer's class, of the layer inside where it is borrowed."""
    return type(layer.layer if isinstance(layer, Borrowed) else layer).__name__


def _reads_everything(layer: keras.Operation) -> bool:
    """Global pooling, also where its result gets rows and columns again, one of each."""
    to_one = isinstance(layer, layers.Reshape) and layer.target_shape[:2] == (1, 1)
    return isinstance(layer, WHOLE) or to_one


def _is_pointwise(layer: keras.Operation) -> bool:
    # A Concatenate can also put maps side by side.
    along_channels = np.isin(getattr(layer, "axis", -1), (-1, 3)).all()
    known = isinstance(layer, POINTWISE) and along_channels
    return bool(known) or type(layer).__name__ in ARITHMETIC


def _sliding_window(layer: keras.Operation, axis: int, size: int) -> tuple:
    is_pool = isinstance(layer, (layers.MaxPooling2D, layers.AveragePooling2D))
    kernel = (layer.pool_size if is_pool else layer.kernel_size)[axis]
    stride = layer.strides[axis]
    dilation = getattr(layer, "dilation_rate", (1, 1))[axis]
    if layer.padding == "valid":
        return kernel, stride, dilation, 0, 0
    # "same": as many positions as strides fit into the size, the odd row of padding behind.
    positions = -(-size // stride)
    missing = max((positions - 1) * stride + (kernel - 1) * dilation + 1 - size, 0)
    return kernel, stride, dilation, missing // 2, missing - missing // 2
