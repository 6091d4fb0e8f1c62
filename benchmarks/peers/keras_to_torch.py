"""A network of Keras as a module of PyTorch: libraries of both sides explain the same net.

The module runs the Keras graph layer by layer on images (N, C, H, W); `net.layer("conv1")` is the
module of one layer, which is what a library that hooks into layers asks for. It is in evaluation
mode, its weights are copies that want no gradient. Padding is that of
TensorFlow: with "same" and a stride, the odd pixel is added at the bottom and at the right.
"""

import numpy as np
import torch
from torch import nn

from lecture_lib.models.backend import keras


class TorchNet(nn.Module):
    """The graph of a Keras model on PyTorch's parts: images (N, C, H, W) -> scores (N, classes)."""

    def __init__(self, model):
        super().__init__()
        self.graph = model
        self.places = {layer.name: place for place, layer in enumerate(model.layers)}
        self.parts = nn.ModuleList(map(torch_layer, model.layers))
        self.eval().requires_grad_(False)

    def layer(self, name):
        """The module of the layer of this name."""
        return self.parts[self.places[name]]

    def forward(self, images):
        known = {id(self.graph.input): images}
        for node in (
            node
            for depth in sorted(self.graph._nodes_by_depth, reverse=True)
            for node in self.graph._nodes_by_depth[depth]
        ):
            if not node.is_input:
                given = [known[id(tensor)] for tensor in node.input_tensors]
                known[id(node.outputs[0])] = self.layer(node.operation.name)(*given)
        return known[id(self.graph.output)]


def torch_net(model):
    """A `TorchNet` of a functional Keras model with its channels last.

    Raises:
        ValueError: for a layer that has no counterpart here.
    """
    return TorchNet(model)


class Same(nn.Module):
    """TensorFlow's padding "same": as much as the windows need, the odd pixel last.

    window, strides: (rows, columns). value: what is added.
    """

    def __init__(self, window, strides, value=0.0):
        super().__init__()
        self.window = window
        self.strides = strides
        self.value = value

    def forward(self, x):
        needed = [
            max(0, (-(-side // step) - 1) * step + window - side)
            for side, window, step in zip(x.shape[2:], self.window, self.strides, strict=True)
        ]
        (top, bottom), (left, right) = [(need // 2, need - need // 2) for need in needed]
        return nn.functional.pad(x, (left, right, top, bottom), value=self.value)


class Rescaled(nn.Module):
    """scale · x + offset, numbers or one for each channel."""

    def __init__(self, scale, offset):
        super().__init__()
        numbers = (
            torch.tensor(np.reshape(number, (-1, 1, 1)), dtype=torch.float32)
            for number in (scale, offset)
        )
        self.scale, self.offset = map(nn.Parameter, numbers)

    def forward(self, x):
        return self.scale * x + self.offset


class Flat(nn.Module):
    """Rows, columns and channels in one row, in the order of Keras: channels last."""

    def forward(self, x):
        return (x.permute(0, 2, 3, 1) if x.ndim == 4 else x).flatten(1)


class Mean(nn.Module):
    """The mean of each channel."""

    def forward(self, x):
        return x.mean((2, 3))


class Sum(nn.Module):
    """The sum of several tensors."""

    def forward(self, *xs):
        return sum(xs[1:], xs[0])


class Joined(nn.Module):
    """The channels of several tensors, one after another."""

    def forward(self, *xs):
        return torch.cat(xs, 1)


def torch_layer(layer):
    """One layer of Keras as a module of PyTorch with the same weights."""
    kinds = {
        keras.layers.InputLayer: nothing,
        keras.layers.Dropout: nothing,
        keras.layers.Flatten: lambda _: Flat(),
        keras.layers.GlobalAveragePooling2D: lambda _: Mean(),
        keras.layers.Add: lambda _: Sum(),
        keras.layers.Concatenate: lambda _: Joined(),
        keras.layers.Activation: activation,
        keras.layers.ReLU: relu,
        keras.layers.Rescaling: lambda layer: Rescaled(layer.scale, layer.offset),
        keras.layers.ZeroPadding2D: zeros,
        keras.layers.DepthwiseConv2D: convolution,
        keras.layers.Conv2D: convolution,
        keras.layers.MaxPooling2D: pooling,
        keras.layers.AveragePooling2D: pooling,
        keras.layers.BatchNormalization: normalization,
        keras.layers.Dense: dense,
    }
    if type(layer) not in kinds:
        raise ValueError(
            f"The layer {layer.name!r} is a {type(layer).__name__}, which is not translated to "
            "PyTorch."
        )
    return kinds[type(layer)](layer)


def nothing(_):
    return nn.Identity()


def activation(layer):
    """The activation at the end of a layer."""
    names = {
        "linear": nn.Identity,
        "relu": nn.ReLU,
        "relu6": nn.ReLU6,
        "softmax": lambda: nn.Softmax(1),
    }
    if layer.activation.__name__ not in names:
        raise ValueError(
            f"The layer {layer.name!r} ends in {layer.activation.__name__}, which is not "
            "translated to PyTorch."
        )
    return names[layer.activation.__name__]()


def relu(layer):
    if layer.negative_slope or layer.threshold or layer.max_value not in (None, 6):
        raise ValueError(
            f"The layer {layer.name!r} is a ReLU with settings that are not translated to PyTorch."
        )
    return nn.ReLU6() if layer.max_value else nn.ReLU()


def zeros(layer):
    (top, bottom), (left, right) = layer.padding
    return nn.ZeroPad2d((left, right, top, bottom))


def convolution(layer):
    """Convolution, a filter for each channel or for all; padding first, activation last."""
    kernel = layer.kernel.numpy()
    each = isinstance(layer, keras.layers.DepthwiseConv2D)
    kernel = np.transpose(kernel, (2, 3, 0, 1) if each else (3, 2, 0, 1))
    kernel = kernel.reshape(-1, 1, *kernel.shape[2:]) if each else kernel
    groups = len(kernel) // layer.depth_multiplier if each else layer.groups
    made = nn.Conv2d(
        kernel.shape[1] * groups,
        len(kernel),
        kernel.shape[2:],
        layer.strides,
        0,
        layer.dilation_rate,
        groups,
        layer.use_bias,
    )
    fill(made, kernel, layer.bias.numpy() if layer.use_bias else None)
    window = [
        1 + (side - 1) * apart
        for side, apart in zip(kernel.shape[2:], layer.dilation_rate, strict=True)
    ]
    return in_a_row(
        [Same(window, layer.strides)] if layer.padding == "same" else [], made, activation(layer)
    )


def pooling(layer):
    """The largest or the mean number of windows.

    Means only of windows side by side, of which the last may be cut off.
    """
    largest = isinstance(layer, keras.layers.MaxPooling2D)
    padded = layer.padding == "same"
    if largest:
        return in_a_row(
            [Same(layer.pool_size, layer.strides, -np.inf)] if padded else [],
            nn.MaxPool2d(layer.pool_size, layer.strides),
        )
    if padded and layer.pool_size != layer.strides:
        raise ValueError(
            f"The layer {layer.name!r} takes means of padded windows, which is not translated to "
            "PyTorch."
        )
    return nn.AvgPool2d(layer.pool_size, layer.strides, ceil_mode=padded)


def normalization(layer):
    made = nn.BatchNorm2d(layer.moving_mean.shape[0], layer.epsilon)
    one = np.ones(made.num_features, np.float32)
    zero = np.zeros(made.num_features, np.float32)
    fill(
        made,
        layer.gamma.numpy() if layer.scale else one,
        layer.beta.numpy() if layer.center else zero,
    )
    made.running_mean.copy_(torch.tensor(layer.moving_mean.numpy()))
    made.running_var.copy_(torch.tensor(layer.moving_variance.numpy()))
    return made


def dense(layer):
    made = nn.Linear(*layer.kernel.shape, bias=layer.use_bias)
    fill(made, layer.kernel.numpy().T, layer.bias.numpy() if layer.use_bias else None)
    return in_a_row([], made, activation(layer))


def fill(made, weight, bias):
    made.weight = nn.Parameter(torch.tensor(np.ascontiguousarray(weight)))
    if bias is not None:
        made.bias = nn.Parameter(torch.tensor(bias))


def in_a_row(before, *after):
    """Modules one after another, without those that do nothing."""
    steps = [*before, *(step for step in after if not isinstance(step, nn.Identity))]
    return steps[0] if len(steps) == 1 else nn.Sequential(*steps)
