"""One channel: what changes without it, whom it helps, where it fires; nets of two channels."""

from functools import cache

import numpy as np
import pytest
from small_nets import assert_same_numbers, counting_net, numbers_of, random, small_net

from lecture_lib.activations import activation_maps
from lecture_lib.microscope import (
    before_relu,
    channels_for_class,
    channels_for_region,
    class_effects,
    firing,
    square_around,
    strongest_neuron,
    switched_off,
)
from lecture_lib.models.backend import keras
from lecture_lib.models.inference import class_scores
from lecture_lib.models.receptive_field import Box
from lecture_lib.models.surgery import named

layers = keras.layers
WEIGHTS = np.float32([[2, -1, 0], [3, 1, 0]])  # of two channels for three classes
IMAGES = random(3, 6, 6, 3, seed=1)


@cache
def two_channels():
    """φ_0 = red, φ_1 = green ("colors"); S = 2 φ̄_0 + 3 φ̄_1, −φ̄_0 + φ̄_1, and 0.5."""
    images = keras.Input((6, 6, 3), name="image")
    maps = layers.Conv2D(2, 1, use_bias=False, name="colors")(images)
    maps = layers.ReLU(name="relu")(maps)
    pooled = layers.GlobalAveragePooling2D(name="pool")(maps)
    model = keras.Model(images, layers.Dense(3, name="scores")(pooled))
    model.get_layer("colors").set_weights([np.eye(3, 2, dtype=np.float32)[None, None]])
    model.get_layer("scores").set_weights([WEIGHTS, np.float32([0, 0, 0.5])])
    return named(model, class_names=("sum", "difference", "constant"), image_size=6)


@cache
def with_a_way_around():
    """S = mean of relu(φ_0 − φ_1) + blue, where blue does not pass through "colors"."""
    images = keras.Input((6, 6, 3), name="image")
    maps = layers.Conv2D(2, 1, use_bias=False, name="colors")(images)
    apart = layers.Conv2D(1, 1, use_bias=False, activation="relu", name="apart")(maps)
    blue = layers.Conv2D(1, 1, use_bias=False, name="blue")(images)
    pooled = layers.GlobalAveragePooling2D(name="pool")(layers.Add(name="end")([apart, blue]))
    model = keras.Model(images, layers.Dense(1, use_bias=False, name="scores")(pooled))
    model.get_layer("colors").set_weights([np.eye(3, 2, dtype=np.float32)[None, None]])
    model.get_layer("apart").set_weights([np.float32([1, -1]).reshape(1, 1, 2, 1)])
    model.get_layer("blue").set_weights([np.float32([0, 0, 1]).reshape(1, 1, 3, 1)])
    model.get_layer("scores").set_weights([np.ones((1, 1), np.float32)])
    return named(model, class_names=("all",), image_size=6)


# What changes without it


@pytest.mark.parametrize("channel", [0, 1])
def test_behind_a_mean_a_channel_takes_its_weights_with_it(channel):
    model = two_channels()
    mean = IMAGES[..., channel].mean(axis=(1, 2))
    wanted = class_scores(model, IMAGES) - mean[:, None] * WEIGHTS[channel]
    np.testing.assert_allclose(switched_off(model, "relu", channel, IMAGES), wanted, atol=1e-5)


def test_a_channel_can_be_held_at_another_value_and_several_together():
    model = two_channels()
    held = switched_off(model, "relu", 0, IMAGES, value=0.25)
    mean = IMAGES[..., 0].mean(axis=(1, 2))
    wanted = class_scores(model, IMAGES) + (0.25 - mean)[:, None] * WEIGHTS[0]
    np.testing.assert_allclose(held, wanted, atol=1e-5)
    both = switched_off(model, "relu", [0, 1], IMAGES)
    np.testing.assert_allclose(both, np.tile([0, 0, 0.5], (3, 1)), atol=1e-6)
    apart = switched_off(model, "relu", [0, 1], IMAGES, value=np.float32([0.1, 0.2]))
    np.testing.assert_allclose(apart, np.tile([0.8, 0.1, 0.5], (3, 1)), atol=1e-6)


def test_paths_around_the_layer_stay_as_they_are():
    model = with_a_way_around()
    red, green, blue = np.moveaxis(IMAGES, -1, 0)
    whole = np.maximum(red - green, 0) + blue
    np.testing.assert_allclose(
        class_scores(model, IMAGES)[:, 0], whole.mean(axis=(1, 2)), atol=1e-5
    )
    without_green = (red + blue).mean(axis=(1, 2))
    found = switched_off(model, "colors", 1, IMAGES)[:, 0]
    np.testing.assert_allclose(found, without_green, atol=1e-5)


def test_a_unit_without_rows_and_columns_can_be_switched_off_too():
    model = two_channels()
    at_pool = switched_off(model, "pool", 1, IMAGES)
    np.testing.assert_allclose(at_pool, switched_off(model, "relu", 1, IMAGES), atol=1e-5)


def test_one_image_gives_one_row_and_the_network_stays_as_it_is():
    model = small_net()
    kept = numbers_of(model)
    one = switched_off(model, "conv1", 2, random(12, 12, 3))
    assert one.shape == (5,) and one.dtype == np.float32
    assert_same_numbers(model, kept)


@pytest.mark.parametrize("layer", ["colors", "apart", "end", "pool"])
def test_the_network_can_be_saved_afterward(layer):
    model = with_a_way_around()
    before = str(model.get_config())
    switched_off(model, layer, 0, IMAGES)
    assert str(model.get_config()) == before


def test_another_channel_value_or_picture_compiles_nothing_anew():
    model, calls = counting_net()
    for channel, value in [(0, 0.0), (1, 0.5), (3, 1.0)]:
        switched_off(model, "conv", channel, random(2, 6, 6, 3, seed=channel), value=value)
        if channel == 0:
            first = len(calls)
    assert len(calls) == first


# Whom it helps


def test_behind_a_mean_effects_are_exactly_what_switching_off_takes_away():
    model = two_channels()
    fall = (class_scores(model, IMAGES) - switched_off(model, "relu", 1, IMAGES)).mean(axis=0)
    np.testing.assert_allclose(class_effects(model, "relu", 1, IMAGES), fall, atol=1e-5)


def test_effects_are_the_speed_at_which_logits_change_with_the_channel():
    model = small_net()
    images = random(3, 12, 12, 3, seed=4)
    maps = activation_maps(model, "conv1", images)
    after = keras.Model(model.get_layer("conv1").output, model.output)
    step = np.zeros_like(maps)
    step[..., 2] = maps[..., 2] * 1e-2
    wanted = (after(maps + step) - after(maps - step)).numpy().mean(axis=0) / 2e-2
    found = class_effects(model, "conv1", 2, images)
    np.testing.assert_allclose(found, wanted, rtol=0.05, atol=2e-3)


def test_forward_and_backward_give_the_same_numbers():
    model = small_net()
    images = random(3, 12, 12, 3, seed=4)
    table = np.stack([class_effects(model, "conv1", channel, images) for channel in range(6)])
    for index in range(5):
        found = channels_for_class(model, "conv1", images, class_index=index)
        np.testing.assert_allclose(found, table[:, index], rtol=1e-4, atol=1e-5)


# Where and how often


def test_the_strongest_neuron_is_where_the_map_is_largest():
    maps = np.zeros((4, 5, 2), np.float32)
    maps[2, 3, 1] = 7
    assert strongest_neuron(maps, 1) == (2, 3, 7.0)


@pytest.mark.parametrize(
    "place, share, wanted",
    [
        ((10, 10), 0.4, (9, 9, 12, 12)),  # all that a 3x3 kernel reads
        ((0, 19), 0.4, (0, 18, 2, 20)),  # padding holds no pixels
        ((1, 10), 0.15, (0, 9, 3, 12)),
        ((10, 10), 0.1, (10, 10, 12, 12)),  # of 20 pixels
    ],
)
def test_a_square_around_a_neuron_is_what_it_reads_or_the_middle_of_it(place, share, wanted):
    found = square_around(small_net(), "conv1", *place, image_shape=(20, 20), share=share)
    assert tuple(found) == wanted


def test_how_strongly_and_how_often_channels_fire():
    images = np.zeros((2, 6, 6, 3), np.float32)
    images[0, :, :2, 0] = 0.5  # a third of one of two images
    found = firing(two_channels(), "relu", images)
    np.testing.assert_allclose(found.rate, [1 / 6, 0])
    np.testing.assert_allclose(found.mean, [1 / 12, 0])
    above = firing(two_channels(), "relu", images, threshold=0.6)
    np.testing.assert_array_equal(above.rate, [0, 0])


def test_channels_for_region_compare_inside_with_outside():
    image = np.zeros((6, 6, 3), np.float32)
    image[:2, :3, 0] = 1.0  # red fills the box,
    image[3:, :, 1] = 0.5  # green lies outside
    found = channels_for_region(two_channels(), "relu", image, box=Box(0, 0, 2, 3))
    np.testing.assert_allclose(found, [1.0, -9 / 30], atol=1e-6)


def test_a_small_box_asks_the_nearest_position_and_a_whole_one_leaves_nothing_outside():
    image = random(6, 6, 3, seed=2)
    whole = channels_for_region(two_channels(), "relu", image, box=Box(0, 0, 6, 6))
    np.testing.assert_allclose(whole, image[..., :2].mean(axis=(0, 1)), atol=1e-6)
    small = channels_for_region(two_channels(), "relu", image, box=(2.1, 3.1, 2.3, 3.3))
    others = image[..., :2].sum(axis=(0, 1)) - image[2, 3, :2]
    np.testing.assert_allclose(small, image[2, 3, :2] - others / 35, atol=1e-5)


def test_before_a_relu_lies_the_layer_that_feeds_it():
    assert before_relu(two_channels(), "relu") == "colors"
    assert before_relu(two_channels(), "colors") == "colors"


# Refusals


@pytest.mark.parametrize("channel", [2, -1, [0, 5], 0.5, []])
def test_a_channel_that_is_none_is_refused(channel):
    with pytest.raises(ValueError, match="2 channels, numbered from 0 to 1"):
        switched_off(two_channels(), "relu", channel, IMAGES)


@pytest.mark.parametrize(
    "function, given, options, words",
    [
        (switched_off, ("nowhere", 0, IMAGES), {}, "no layer 'nowhere'"),
        (class_effects, ("relu", 4, IMAGES), {}, "2 channels"),
        (channels_for_class, ("relu", IMAGES), {"class_index": 3}, "3 classes"),
        (firing, ("pool", IMAGES), {}, "no rows and columns"),
        (channels_for_region, ("relu", IMAGES[0]), {"box": (2, 2, 2, 4)}, "holds no pixel"),
        (channels_for_region, ("relu", IMAGES[0]), {"box": (7, 0, 9, 4)}, "holds no pixel"),
        (before_relu, ("nowhere",), {}, "no layer"),
    ],
)
def test_what_cannot_be_is_refused_in_a_sentence(function, given, options, words):
    with pytest.raises(ValueError, match=words):
        function(two_channels(), *given, **options)
