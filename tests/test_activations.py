"""Activations: what a layer computes, and patches found where they were planted."""

import numpy as np
import pytest
from small_nets import graph, pixel_features, pixel_net, random, random_tinynet, small_net

from lecture_lib import activations
from lecture_lib.activations import (
    Patch,
    activation_maps,
    channels_to_images,
    top_activations,
    top_activations_of_layers,
    top_patches,
)
from lecture_lib.models.backend import keras
from lecture_lib.models.layers import layer_outputs
from lecture_lib.models.receptive_field import Box
from lecture_lib.models.remarks import Interrupted

layers = keras.layers
IMAGES = random(2, 12, 12, 3)


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


def test_several_layers_in_one_pass_are_each_layer_alone():
    images, channels = random(11, 12, 12, 3), {"conv2": [6, 2], "conv1": None}
    found = top_activations_of_layers(small_net(), channels, images[:5], count=4, batch_size=3)
    found = top_activations_of_layers(small_net(), channels, images[5:], so_far=found)
    assert list(found) == ["conv2", "conv1"]
    for layer, numbers in channels.items():
        alone = top_activations(small_net(), layer, images, channels=numbers, count=4)
        np.testing.assert_array_equal(found[layer].places, alone.places)
        np.testing.assert_allclose(found[layer].values, alone.values, rtol=1e-5)
        assert found[layer].seen == 11


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


def test_a_search_goes_on_where_it_was_interrupted():
    images = random(20, 12, 12, 3)

    def interrupted():
        yield from images[:13]
        raise KeyboardInterrupt

    with pytest.warns(Interrupted, match="after 12 images"):
        part = top_activations(small_net(), "conv2", interrupted(), count=6, batch_size=4)
    assert part.seen == 12
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
        (lambda: top_activations_of_layers(small_net(), {}, IMAGES), "at least one layer"),
        (
            lambda: top_activations_of_layers(
                small_net(),
                {"conv2": [0]},
                IMAGES,
                so_far=top_activations_of_layers(small_net(), {"relu2": [0]}, IMAGES),
            ),
            "same layers",
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
    assert activations._strongest_positions(net, ("edges",)).experimental_get_tracing_count() == 1


def test_a_highlight_leaves_the_box_and_pales_the_rest():
    image, box = 0.5 * np.ones((6, 8, 3), np.float32), Box(1, 2, 4, 5)
    lit = activations.highlight_box(image, box)
    np.testing.assert_array_equal(lit[1:4, 2:5], image[1:4, 2:5])
    assert np.all(lit[0] > 0.8) and np.all(image == 0.5) and lit.shape == image.shape


def test_a_cut_patch_is_a_square_around_the_box_also_at_the_edge():
    image = np.zeros((8, 10, 3), np.float32)
    image[0:2, 6:10] = 1
    patch = activations.cut_patch(image, Box(0, 6, 2, 10), size=4)
    assert patch.shape == (4, 4, 3)
    np.testing.assert_allclose(patch[:2], 1)  # the box, two rows of four
    np.testing.assert_allclose(patch[2:], 0.75, atol=0.01)  # black below it, mixed with white
