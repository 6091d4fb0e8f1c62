"""Activations: what a layer computes, receptive fields, and patches found where they were planted."""

import numpy as np
import pytest
from small_nets import named, pixel_features, pixel_net, random, random_tinynet, small_net

from lecture_lib import activations
from lecture_lib.activations import (
    Patch,
    activation_maps,
    channels_to_images,
    top_activations,
    top_patches,
)
from lecture_lib.models.backend import keras
from lecture_lib.models.inference import layer_outputs
from lecture_lib.models.receptive_field import Box, receptive_field, visible_pixels
from lecture_lib.models.zoo import load_model, model_is_here

layers = keras.layers


def graph(build, *, channels=3):
    """A network of convolutions as `build` connects them; its maps are those of "end"."""
    keras.utils.set_random_seed(5)
    images = keras.Input((None, None, channels), name="image")
    x = layers.Activation("linear", name="end")(build(images))
    return named(
        keras.Model(images, layers.Dense(2)(layers.GlobalAveragePooling2D()(x))),
        class_names=None,
        image_size=24,
    )


def conv(x, size=3, stride=1, padding="same", dilation=1, kind=layers.Conv2D, **options):
    options = options or ({} if kind is layers.DepthwiseConv2D else {"filters": 3})
    dilation = {"dilation_rate": dilation} if dilation != 1 else {}
    return kind(kernel_size=size, strides=stride, padding=padding, **dilation, **options)(x)


def pooled_sum(x):
    """A strided path, and beside it a shortcut that pools and projects, as in a residual net."""
    long = conv(conv(x, 4, 2), 3)
    return layers.ELU()(
        layers.Add()([long, conv(layers.AveragePooling2D(2, padding="same")(x), 1)])
    )


def corner(x):
    """One path sees the padding only where another sees pixels."""
    padded = layers.ZeroPadding2D(((2, 0), (1, 3)))(x)
    return layers.Concatenate()([conv(padded, 1), conv(padded, (3, 1))])


GRAPHS = {
    "3x3": conv,
    "even, strided": lambda x: conv(conv(x, 8, 2), 4, 2),
    "valid": lambda x: conv(conv(x, 5, 2, "valid"), 3, 1, "valid"),
    "dilated": lambda x: conv(conv(x, 3, dilation=3), 3, dilation=2),
    "stride beyond the kernel": lambda x: conv(conv(x, 1, 3), 3),
    "oblong": lambda x: conv(conv(x, (1, 5)), (3, 1), padding="valid"),
    "depthwise and separable": lambda x: conv(
        conv(x, 3, 2, kind=layers.DepthwiseConv2D), 5, kind=layers.SeparableConv2D
    ),
    "average pools": lambda x: layers.AveragePooling2D(3, 2)(
        layers.AveragePooling2D(2, padding="same")(conv(x))
    ),
    "padding and cropping": lambda x: layers.Cropping2D(((1, 2), (0, 3)))(
        conv(layers.ZeroPadding2D((3, 1))(x), 5, 1, "valid")
    ),
    "sum of paths": pooled_sum,
    "concatenated paths": lambda x: conv(
        layers.Concatenate()([conv(x, 1), conv(x, 5), layers.BatchNormalization()(conv(x, 3))]),
        3,
        2,
    ),
    "arithmetic": lambda x: conv(keras.ops.multiply(x, 2.0) - 1.0, 3) + conv(x, 5),
    "gates for channels": lambda x: layers.Multiply()(
        [conv(x), layers.Reshape((1, 1, 3))(layers.GlobalAveragePooling2D()(x))]
    ),
    "a corner of padding": corner,
}


def changed_by(model, layer, row, column, *, shape, seed=0):
    """The pixels that a neuron answers to, found by changing each pixel alone: bool (H, W)."""
    height, width = shape
    net, found, count = layer_outputs(model, layer), np.zeros(shape, bool), height * width
    for image in random(2, height, width, model.input.shape[-1], seed=seed):
        pictures = np.repeat(image[None], 1 + count, axis=0)  # the first one stays as it is
        pictures[(1 + np.arange(count), *np.divmod(np.arange(count), width))] += 0.5
        values = net(pictures)[layer].numpy()[:, row, column]
        found |= np.any(np.abs(values[1:] - values[0]) > 1e-6, axis=-1).reshape(shape)
    return found


def box_of(mask):
    rows, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
    return Box(rows[0], columns[0], rows[-1] + 1, columns[-1] + 1)


@pytest.mark.parametrize("name", GRAPHS)
@pytest.mark.parametrize("shape", [(16, 16), (13, 18)])
def test_a_receptive_field_holds_the_pixels_that_change_the_neuron_and_no_other(name, shape):
    net = graph(GRAPHS[name])
    height, width = activation_maps(net, "end", random(*shape, 3)).shape[:2]
    for row, column in {
        (0, 0),
        (height // 2, width // 2),
        (height - 1, width - 1),
        (height - 1, width // 3),
    }:
        seen = changed_by(net, "end", row, column, shape=shape)
        if name != "a corner of padding" or seen.any():
            np.testing.assert_array_equal(
                visible_pixels(net, "end", row, column, image_shape=shape), seen
            )
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
    trained = name in ("tinynet", "mnist_cnn") or (name == "squeezenet" and model_is_here(name))
    net = load_model(name, weights="trained" if trained else None)
    image, other = (random(side, side, net.input.shape[-1], seed=seed) for seed in (1, 2))
    net_of_layer = layer_outputs(net, layer)
    height, width = net_of_layer(image[None])[layer].shape[1:3]
    for row, column in ((height // 2, width // 2), (0, width - 1)):
        top, left, bottom, right = receptive_field(net, layer, row, column, image_shape=image.shape)
        outside, edges = other.copy(), [image.copy() for _ in range(4)]
        outside[top:bottom, left:right] = image[top:bottom, left:right]
        for edge, line in zip(
            edges,
            (
                (top, slice(left, right)),
                (bottom - 1, slice(left, right)),
                (slice(top, bottom), left),
                (slice(top, bottom), right - 1),
            ),
            strict=True,
        ):
            edge[line] = other[line]
        values = np.concatenate(
            [
                net_of_layer(picture[None])[layer][:, row, column]
                for picture in (image, outside, *edges)
            ]
        )
        np.testing.assert_array_equal(values[0], values[1])
        assert all(np.any(value != values[0]) for value in values[2:])


@pytest.mark.parametrize(
    "ask, sentence",
    [
        (
            lambda: receptive_field(small_net(), "conv2", 12, 0, image_shape=(12, 12)),
            "rows 0 to 11, columns 0 to 11",
        ),
        (
            lambda: receptive_field(small_net(), "conv2", 0, -1, image_shape=(12, 12)),
            r"there is no \(0, -1\)",
        ),
        (
            lambda: receptive_field(small_net(), "conv3", 0, 0, image_shape=(12, 12)),
            "no layer 'conv3'",
        ),
        (
            lambda: receptive_field(small_net(), "scores", 0, 0, image_shape=(12, 12)),
            "no rows and columns",
        ),
        (
            lambda: receptive_field(
                graph(lambda x: conv(layers.UpSampling2D()(x))), "end", 0, 0, image_shape=(8, 8)
            ),
            "is a UpSampling2D",
        ),
        (
            lambda: receptive_field(
                graph(lambda x: layers.Conv2DTranspose(3, 3)(x)), "end", 0, 0, image_shape=(8, 8)
            ),
            "is a Conv2DTranspose",
        ),
        (
            lambda: receptive_field(
                graph(lambda x: layers.Dense(3)(x)), "end", 0, 0, image_shape=(8, 8)
            ),
            "is a Dense",
        ),
        (
            lambda: receptive_field(
                graph(lambda x: layers.Concatenate(axis=1)([x, x])), "end", 0, 0, image_shape=(8, 8)
            ),
            "is a Concatenate",
        ),
        (
            lambda: receptive_field(
                graph(lambda x: conv(x, 9, 1, "valid")), "end", 0, 0, image_shape=(8, 8)
            ),
            "too small",
        ),
        (
            lambda: receptive_field(load_model("mnist_cnn"), "conv1", 0, 0, image_shape=(32, 32)),
            "28x28",
        ),
    ],
)
def test_what_has_no_receptive_field_gives_a_sentence(ask, sentence):
    with pytest.raises(ValueError, match=sentence):
        ask()


# Maps


def test_activations_are_those_of_the_layer_one_by_one_as_in_a_batch():
    images = random(11, 6, 5, 3)
    np.testing.assert_allclose(
        activation_maps(pixel_net(), "conv", images), pixel_features(images), rtol=1e-4, atol=1e-5
    )
    np.testing.assert_allclose(
        activation_maps(pixel_net(), "conv", images[3]),
        pixel_features(images)[3],
        rtol=1e-4,
        atol=1e-5,
    )


def test_tiles_have_one_white_each_or_one_for_all():
    maps = np.float32([[[0, 4], [1, -2]]])  # channel 0: (0, 1), channel 1: (4, -2)
    np.testing.assert_array_equal(channels_to_images(maps)[..., 0], [[[0, 1]], [[1, 0]]])
    np.testing.assert_array_equal(
        channels_to_images(maps, one_scale=True)[..., 0], [[[0, 0.25]], [[1, 0]]]
    )
    np.testing.assert_array_equal(
        channels_to_images(np.zeros((2, 2, 3), np.float32)), np.zeros((3, 2, 2, 1))
    )


# Patches


def bright_squares():
    """A net whose one channel is the brightness of 3x3 squares, and images with one such square."""
    net = graph(lambda x: layers.Conv2D(2, 3, 2, use_bias=False, name="mean")(x))
    net.get_layer("mean").set_weights(
        [np.stack([np.full((3, 3, 3), 1 / 27), -np.full((3, 3, 3), 1 / 27)], axis=-1)]
    )
    images, corners = (
        np.zeros((7, 13, 11, 3), np.float32),
        [(0, 0), (4, 6), (10, 8), (2, 2), (8, 0), (6, 4), (10, 0)],
    )
    for number, (top, left) in enumerate(corners):
        images[number, top : top + 3, left : left + 3] = 0.3 + 0.1 * number
    return net, images, corners


def test_a_planted_bright_square_is_found_at_its_place():
    net, images, corners = bright_squares()
    found = top_patches(net, "end", 0, images, count=4)
    assert [patch.image_index for patch in found] == [6, 5, 4, 3]
    assert [patch.box for patch in found] == [
        (top, left, top + 3, left + 3) for top, left in (corners[number] for number in (6, 5, 4, 3))
    ]
    np.testing.assert_allclose([patch.value for patch in found], [0.9, 0.8, 0.7, 0.6], rtol=1e-5)
    assert isinstance(found[0], Patch)


def by_hand(net, layer, images, channel, count):
    maps = layer_outputs(net, layer)(images)[layer].numpy()[..., channel]
    best = maps.reshape(len(images), -1).max(axis=1)
    order = np.argsort(-best, kind="stable")[:count]
    return [
        (number, *np.unravel_index(maps[number].argmax(), maps.shape[1:])) for number in order
    ], best[order]


@pytest.mark.parametrize("batch_size", [1, 3, 8])
def test_all_channels_in_one_pass_are_each_channel_alone_and_as_by_hand(batch_size):
    images = random(13, 12, 10, 3)
    search = top_activations(small_net(), "relu2", images, count=5, batch_size=batch_size)
    assert search.values.shape == (8, 5) and search.places.shape == (8, 5, 3) and search.seen == 13
    for channel in range(8):
        places, values = by_hand(small_net(), "relu2", images, channel, 5)
        np.testing.assert_array_equal(search.places[channel], places)
        np.testing.assert_allclose(search.values[channel], values, rtol=1e-5)
    lists = top_patches(small_net(), "relu2", [6, 2], images, count=3)
    assert [[patch.image_index for patch in patches] for patches in lists] == search.places[
        [6, 2], :3, 0
    ].tolist()
    assert lists[0] == top_patches(small_net(), "relu2", 6, images, count=3)


def test_a_stream_gives_what_an_array_gives_and_reads_each_picture_once():
    images, read = random(10, 12, 12, 3), []

    def stream():
        for number, image in enumerate(images):
            read.append(number)
            yield image

    assert top_patches(small_net(), "conv2", 1, stream()) == top_patches(
        small_net(), "conv2", 1, images
    )
    assert read == list(range(10))


def test_a_search_goes_on_where_it_was_interrupted(capsys):
    images = random(20, 12, 12, 3)

    def interrupted():
        yield from images[:13]
        raise KeyboardInterrupt

    part = top_activations(small_net(), "conv2", interrupted(), count=6, batch_size=4)
    assert part.seen == 12 and "after 12 pictures" in capsys.readouterr().out
    whole, on = top_activations(small_net(), "conv2", images, count=6), None
    on = top_activations(small_net(), "conv2", images[part.seen :], so_far=part)
    np.testing.assert_array_equal(on.places, whole.places)
    np.testing.assert_allclose(on.values, whole.values, rtol=1e-5)
    assert on.seen == 20


def test_fewer_pictures_than_asked_for_give_fewer_patches():
    assert len(top_patches(small_net(), "conv2", 0, random(3, 12, 12, 3))) == 3
    assert top_patches(small_net(), "conv2", 0, iter([])) == []


def test_equal_pictures_stay_in_their_order():
    found = top_patches(
        small_net(), "conv2", 4, np.repeat(random(1, 12, 12, 3), 6, axis=0), count=4
    )
    assert [patch.image_index for patch in found] == [0, 1, 2, 3]


@pytest.mark.parametrize(
    "ask, sentence",
    [
        (lambda: top_patches(small_net(), "conv2", 8, random(2, 12, 12, 3)), "from 0 to 7"),
        (lambda: top_patches(small_net(), "conv2", [1, -1], random(2, 12, 12, 3)), "from 0 to 7"),
        (lambda: top_patches(small_net(), "conv2", 1.5, random(2, 12, 12, 3)), "from 0 to 7"),
        (
            lambda: top_patches(small_net(), "scores", 0, random(2, 12, 12, 3)),
            "no rows and columns",
        ),
        (lambda: top_patches(small_net(), "conv9", 0, random(2, 12, 12, 3)), "no layer 'conv9'"),
        (lambda: top_patches(small_net(), "conv2", 0, 255 * random(2, 12, 12, 3)), "divide by 255"),
        (lambda: top_patches(small_net(), "conv2", 0, random(2, 12, 12, 1)), r"\(H, W, 3\)"),
        (
            lambda: top_patches(small_net(), "conv2", 0, [random(12, 12, 3), random(9, 12, 3)]),
            "one size",
        ),
        (
            lambda: top_patches(small_net(), "conv2", 0, random(2, 12, 12, 3), count=0),
            "At least one",
        ),
        (
            lambda: top_activations(
                small_net(),
                "conv2",
                random(2, 9, 9, 3),
                count=2,
                so_far=top_activations(small_net(), "conv2", random(2, 12, 12, 3)),
            ),
            "one size",
        ),
        (
            lambda: top_activations(
                small_net(),
                "conv2",
                random(2, 12, 12, 3),
                channels=[0, 1],
                so_far=top_activations(small_net(), "conv2", random(2, 12, 12, 3)),
            ),
            "same channels",
        ),
    ],
)
def test_what_cannot_be_searched_gives_a_sentence(ask, sentence):
    with pytest.raises(ValueError, match=sentence):
        ask()


def test_other_channels_pictures_and_batches_compile_nothing_anew():
    net = random_tinynet()
    for channels, count, side in ((None, 4, 32), ([3], 4, 32), ([40, 7], 5, 48)):
        top_activations(
            net, "edges", random(count, side, side, 3, seed=count), channels=channels, batch_size=4
        )
    assert activations._strongest(net, "edges").experimental_get_tracing_count() == 1


def test_spotlight_leaves_the_box_and_pales_the_rest():
    image, box = 0.5 * np.ones((6, 8, 3), np.float32), Box(1, 2, 4, 5)
    lit = activations.highlight_box(image, box)
    np.testing.assert_array_equal(lit[1:4, 2:5], image[1:4, 2:5])
    assert np.all(lit[0] > 0.8) and np.all(image == 0.5) and lit.shape == image.shape
