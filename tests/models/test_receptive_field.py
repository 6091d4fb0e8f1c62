"""Receptive fields, compared with the pixels that change a neuron when they are changed."""

from functools import cache

import numpy as np
import pytest
from small_nets import LAST_BLOCKS, first_blocks, graph, random, small_net

from lecture_lib.models.backend import keras
from lecture_lib.models.layers import layer_outputs
from lecture_lib.models.receptive_field import Box, read_along, receptive_field, visible_pixels
from lecture_lib.models.zoo import load_model, model_is_here

layers = keras.layers


def conv(x, size=3, stride=1, padding="same", dilation=1, kind=layers.Conv2D):
    options = {} if kind is layers.DepthwiseConv2D else {"filters": 3}
    if dilation != 1:
        options["dilation_rate"] = dilation
    return kind(kernel_size=size, strides=stride, padding=padding, **options)(x)


# Graphs of layers


def depthwise_and_separable(x):
    x = conv(x, 3, 2, kind=layers.DepthwiseConv2D)
    return conv(x, 5, kind=layers.SeparableConv2D)


def average_pools(x):
    x = layers.AveragePooling2D(2, padding="same")(conv(x))
    return layers.AveragePooling2D(3, 2)(x)


def padding_and_cropping(x):
    x = conv(layers.ZeroPadding2D((3, 1))(x), 5, 1, "valid")
    return layers.Cropping2D(((1, 2), (0, 3)))(x)


def sum_of_paths(x):
    """A strided path, and beside it a shortcut that pools and projects, as in a residual net."""
    long = conv(conv(x, 4, 2), 3)
    short = conv(layers.AveragePooling2D(2, padding="same")(x), 1)
    return layers.ELU()(layers.Add()([long, short]))


def concatenated_paths(x):
    paths = [conv(x, 1), conv(x, 5), layers.BatchNormalization()(conv(x, 3))]
    return conv(layers.Concatenate()(paths), 3, 2)


def gates_for_channels(x):
    gates = layers.Reshape((1, 1, 3))(layers.GlobalAveragePooling2D()(x))
    return layers.Multiply()([conv(x), gates])


def corner_of_padding(x):
    """One path sees the padding only where another sees pixels."""
    padded = layers.ZeroPadding2D(((2, 0), (1, 3)))(x)
    return layers.Concatenate()([conv(padded, 1), conv(padded, (3, 1))])


def shared_layer(x):
    """One convolution, twice in a row."""
    shared = layers.Conv2D(3, 3, padding="same")
    return layers.Add()([shared(x), shared(shared(x))])


GRAPHS = {
    "3x3": conv,
    "even, strided": lambda x: conv(conv(x, 8, 2), 4, 2),
    "valid": lambda x: conv(conv(x, 5, 2, "valid"), 3, 1, "valid"),
    "dilated": lambda x: conv(conv(x, 3, dilation=3), 3, dilation=2),
    "stride beyond the kernel": lambda x: conv(conv(x, 1, 3), 3),
    "oblong": lambda x: conv(conv(x, (1, 5)), (3, 1), padding="valid"),
    "depthwise and separable": depthwise_and_separable,
    "average pools": average_pools,
    "padding and cropping": padding_and_cropping,
    "sum of paths": sum_of_paths,
    "concatenated paths": concatenated_paths,
    "arithmetic": lambda x: conv(keras.ops.multiply(x, 2.0) - 1.0, 3) + conv(x, 5),
    "gates for channels": gates_for_channels,
    "a corner of padding": corner_of_padding,
    "a shared layer": shared_layer,
}


# Compared with pixels that are changed


def changed_by(model, layer, row, column, *, shape, seed=0):
    """The pixels that a neuron answers to, found by changing each pixel alone: bool (H, W)."""
    height, width = shape
    count = height * width
    net = layer_outputs(model, layer)
    found = np.zeros(shape, bool)
    for image in random(2, height, width, model.input.shape[-1], seed=seed):
        images = np.repeat(image[None], 1 + count, axis=0)  # the first one stays as it is
        images[(1 + np.arange(count), *np.divmod(np.arange(count), width))] += 0.5
        values = net(images)[layer].numpy()[:, row, column]
        found |= np.any(np.abs(values[1:] - values[0]) > 1e-6, axis=-1).reshape(shape)
    return found


def box_of(mask):
    rows = np.flatnonzero(mask.any(axis=1))
    columns = np.flatnonzero(mask.any(axis=0))
    return Box(rows[0], columns[0], rows[-1] + 1, columns[-1] + 1)


def some_places(height, width):
    """Two corners, the middle, and a place at the lower edge."""
    corners = [(0, 0), (height - 1, width - 1)]
    return {*corners, (height // 2, width // 2), (height - 1, width // 3)}


@pytest.mark.parametrize("name", GRAPHS)
@pytest.mark.parametrize("shape", [(16, 16), (13, 18)])
def test_a_receptive_field_holds_the_pixels_that_change_the_neuron_and_no_other(name, shape):
    net = graph(GRAPHS[name])
    maps = layer_outputs(net, "end")(random(1, *shape, 3))["end"]
    for row, column in some_places(*maps.shape[1:3]):
        seen = changed_by(net, "end", row, column, shape=shape)
        if name != "a corner of padding" or seen.any():
            found = visible_pixels(net, "end", row, column, image_shape=shape)
            np.testing.assert_array_equal(found, seen)
            assert receptive_field(net, "end", row, column, image_shape=(*shape, 3)) == box_of(seen)


def test_a_neuron_that_sees_padding_only_gives_a_sentence():
    net = graph(lambda x: conv(layers.ZeroPadding2D(3)(x), 1))
    with pytest.raises(ValueError, match="sees padding only"):
        receptive_field(net, "end", 0, 5, image_shape=(8, 8))
    assert receptive_field(net, "end", 3, 3, image_shape=(8, 8)) == (0, 0, 1, 1)


def test_fields_worked_out_on_paper():
    """Three 3x3 convolutions see 7x7; stride 2 doubles the steps behind it: 3 + 2 · 2 = 7."""
    row_of_three = graph(lambda x: conv(conv(conv(x))))
    assert receptive_field(row_of_three, "end", 10, 9, image_shape=(24, 24)) == (7, 6, 14, 13)
    halved = graph(lambda x: conv(conv(x, 3, 2, "valid"), 3, 1, "valid"))
    assert receptive_field(halved, "end", 2, 3, image_shape=(24, 24)) == (4, 6, 11, 13)


def edges_of(box):
    """Its first and last row, its first and last column."""
    rows = slice(box.top, box.bottom)
    columns = slice(box.left, box.right)
    return [(box.top, columns), (box.bottom - 1, columns), (rows, box.left), (rows, box.right - 1)]


def exchanged(image, other, place):
    """The image with a part of another one."""
    image = image.copy()
    image[place] = other[place]
    return image


@cache
def net_of(name):
    """A network by its name, with trained weights where they are here; those of Keras cut short."""
    if name in LAST_BLOCKS:
        return first_blocks(name)
    return load_model(name, weights="trained" if model_is_here(name) else None)


@pytest.mark.parametrize(
    "name, layer, side",
    [
        ("tinynet", "block1", 64),
        ("tinynet", "block2", 64),
        ("tinynet", "block4_conv1", 64),
        ("mnist_cnn", "conv2", 28),
        ("squeezenet", "fire3", 67),
        ("squeezenet", "fire5", 80),
        ("resnet50v2", "conv2_block3_out", 64),
        ("mobilenetv2", "block_5_add", 64),
    ],
)
def test_nothing_outside_the_field_of_a_deep_neuron_counts_and_all_its_edges_do(name, layer, side):
    """No pixel outside the box changes the neuron; the outermost row or column inside does."""
    net = net_of(name)
    image, other = (random(side, side, net.input.shape[-1], seed=seed) for seed in (1, 2))
    outputs = layer_outputs(net, layer)
    height, width = outputs(image[None])[layer].shape[1:3]
    for row, column in ((height // 2, width // 2), (0, width - 1)):
        box = receptive_field(net, layer, row, column, image_shape=image.shape)
        inside = (slice(box.top, box.bottom), slice(box.left, box.right))
        changed = [exchanged(image, other, edge) for edge in edges_of(box)]
        images = [image, exchanged(other, image, inside), *changed]
        values = [outputs(one[None])[layer][0, row, column] for one in images]
        np.testing.assert_array_equal(values[0], values[1])
        assert all(np.any(value != values[0]) for value in values[2:])


@pytest.mark.parametrize("row, column", [(0, 0), (3, 9), (7, 19)])
def test_rows_and_columns_are_read_as_receptive_fields_say(row, column):
    net = graph(lambda x: layers.MaxPooling2D(2)(conv(x, (3, 5), (2, 1))))
    rows, columns = read_along(net, "end", image_shape=(32, 40))
    top, left, bottom, right = receptive_field(net, "end", row, column, image_shape=(32, 40))
    assert np.flatnonzero(rows[row]).tolist() == list(range(top, bottom))
    assert np.flatnonzero(columns[column]).tolist() == list(range(left, right))


def test_tracing_leaves_the_network_as_it_was():
    net = graph(sum_of_paths)
    before = repr(net.get_config())
    receptive_field(net, "end", 0, 0, image_shape=(16, 16))
    assert repr(net.get_config()) == before
    # A layer that is called a second time has no single output anymore.
    assert all(layer.output is not None for layer in net.layers)


@pytest.mark.parametrize(
    "spelled",
    [
        lambda x: layers.SpectralNormalization(layers.Conv2D(3, 3, padding="same"))(x),
        lambda x: layers.Dense(3)(conv(x)),
        lambda x: keras.ops.gelu(conv(x) * -2.0) ** 2,
        lambda x: keras.ops.where(conv(x) > 0, conv(x), 0.0),
        lambda x: keras.ops.maximum(conv(x), 0.0),
    ],
)
def test_what_looks_at_one_position_after_a_convolution_sees_what_the_convolution_sees(spelled):
    found = receptive_field(graph(spelled), "end", 3, 4, image_shape=(8, 9))
    assert found == receptive_field(graph(conv), "end", 3, 4, image_shape=(8, 9))


# What has no receptive field


def field_of(build):
    return receptive_field(graph(build), "end", 0, 0, image_shape=(8, 8))


@pytest.mark.parametrize(
    "layer, row, column, sentence",
    [
        ("conv2", 12, 0, "rows 0 to 11, columns 0 to 11"),
        ("conv2", 0, -1, r"there is no \(0, -1\)"),
        ("conv3", 0, 0, "no layer 'conv3'"),
        ("scores", 0, 0, "no rows and columns"),
    ],
)
def test_a_neuron_that_is_none_gives_a_sentence(layer, row, column, sentence):
    with pytest.raises(ValueError, match=sentence):
        receptive_field(small_net(), layer, row, column, image_shape=(12, 12))


@pytest.mark.parametrize(
    "build, sentence",
    [
        (lambda x: conv(layers.UpSampling2D()(x)), "is a UpSampling2D"),
        (lambda x: layers.Conv2DTranspose(3, 3)(x), "is a Conv2DTranspose"),
        (lambda x: layers.Permute((2, 1, 3))(x), "is a Permute"),
        (lambda x: layers.Concatenate(axis=1)([x, x]), "is a Concatenate"),
        (lambda x: keras.ops.split(conv(x, 1), 3, axis=-1)[0], "is a Split"),
        (lambda x: conv(x, 9, 1, "valid"), "too small"),
    ],
)
def test_layers_that_are_not_traced_and_images_that_end_give_a_sentence(build, sentence):
    with pytest.raises(ValueError, match=sentence):
        field_of(build)


def test_a_size_that_a_network_cannot_take_gives_a_sentence():
    with pytest.raises(ValueError, match="28x28"):
        receptive_field(load_model("mnist_cnn"), "conv1", 0, 0, image_shape=(32, 32))
