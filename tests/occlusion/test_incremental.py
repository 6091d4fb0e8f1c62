"""Occlusion that computes only what a patch changes: the same map, from windows counted by hand."""

from functools import cache, partial

import numpy as np
import pytest
from small_nets import random, random_tinynet, small_net, stops_after

from lecture_lib.core.scores import class_score
from lecture_lib.models.backend import keras
from lecture_lib.models.layers import layer_outputs
from lecture_lib.models.receptive_field import read_along, receptive_field
from lecture_lib.models.surgery import named, with_shuffled_weights
from lecture_lib.occlusion import incremental
from lecture_lib.occlusion.incremental import Window, changed_windows, stages_of
from lecture_lib.occlusion.occlusion import coarse_first, occlusion_map

layers = keras.layers
KINDS = {
    "conv": partial(layers.Conv2D, 4),
    "max": layers.MaxPooling2D,
    "mean": layers.AveragePooling2D,
}


def convolutions(*kinds, padding="same", shape=(None, None, 3)):
    """A network of layers (kind, kernel, stride) with random weights; two scores at its end."""
    images = x = keras.Input(shape)
    for number, (kind, kernel, stride) in enumerate(kinds):
        x = KINDS[kind](kernel, stride, padding, name=f"layer{number}")(x)
    x = layers.Dense(2)(layers.GlobalMaxPooling2D()(layers.Activation("tanh", name="last")(x)))
    net = named(keras.Model(images, x), image_size=shape[0] or 24)
    return with_shuffled_weights(net, seed=3)


def row_reads(net, layer, side):
    """Which rows of a layer's map read which of `side` rows of pixels."""
    return read_along(net, layer, image_shape=(side, side))[0]


def between(start, stop, *, side=40):
    """A patch along one axis: (1, side) booleans, True from start to stop - 1."""
    places = np.arange(side)
    return ((places >= start) & (places < stop))[None]


# The same map


# One network for all images: what was compiled for the first serves for the others.
kept_convolutions = cache(convolutions)


@pytest.mark.parametrize("padding", ["same", "valid"])
@pytest.mark.parametrize(
    "kinds",
    [
        [("conv", 3, 1), ("conv", 3, 1)],
        [("conv", 8, 2), ("max", 2, 2), ("conv", 3, 1)],
        [("conv", 7, 2), ("max", 3, 2), ("conv", 3, 2)],
        [("conv", 5, 3), ("mean", 2, 1)],
        [("conv", 4, 4)],
        [("conv", 3, 1), ("conv", 1, 3), ("conv", 3, 1)],
    ],
)
@pytest.mark.parametrize(
    "shape, patch, stride", [((48, 48), 8, 5), ((47, 61), 9, 9), ((33, 50), 33, 4)]
)
def test_the_map_is_that_of_whole_images(padding, kinds, shape, patch, stride):
    net, image = kept_convolutions(*kinds, padding=padding), random(*shape, 3)
    fill = random(*shape, 3, seed=5)
    options = {"patch": patch, "stride": stride, "fill": fill, "score": class_score}
    wanted = occlusion_map(net, image, 1, **options)
    assert np.abs(wanted).max() > 1e-3
    for names in "last", [f"layer{number}" for number in range(len(kinds))]:
        found = occlusion_map(net, image, 1, **options, reuse_layers=names)
        np.testing.assert_allclose(found, wanted, rtol=1e-4, atol=1e-5 * np.abs(wanted).max())


@pytest.mark.parametrize(
    "layer", ["edges", "block1", "block3", ("edges", "block1", "block2", "block3")]
)
def test_paths_that_part_and_meet_again_are_computed_anew_together(layer):
    explain = partial(occlusion_map, random_tinynet(), random(96, 96, 3), 4, score=class_score)
    wanted = explain(patch=16, stride=16)
    found = explain(patch=16, stride=16, reuse_layers=layer)
    np.testing.assert_allclose(found, wanted, rtol=1e-3, atol=1e-4 * np.abs(wanted).max())


def test_a_network_that_takes_images_of_one_size_only_has_windows_too():
    net, image = convolutions(("conv", 3, 2), ("conv", 3, 1), shape=(32, 32, 3)), random(32, 32, 3)
    explain = partial(occlusion_map, net, image, 0, patch=8, stride=8, score=class_score)
    np.testing.assert_allclose(explain(reuse_layers="layer0"), explain(), rtol=1e-4, atol=1e-6)


def test_a_network_that_has_learned_since_is_asked_as_it_is_now():
    net, image = convolutions(("conv", 3, 1), ("conv", 3, 1)), random(24, 24, 3)
    explain = partial(occlusion_map, net, image, 0, patch=8, stride=8, score=class_score)
    before = explain(reuse_layers="layer1")
    for weight in net.get_layer("layer0").trainable_variables:
        weight.assign(-2 * weight)
    after = explain(reuse_layers="layer1")
    assert np.abs(after - before).max() > 1e-3
    np.testing.assert_allclose(after, explain(), rtol=1e-4, atol=1e-6)


def test_an_interrupt_returns_what_was_reached(monkeypatch):
    explain = partial(occlusion_map, small_net(), random(64, 64, 3), 2, patch=8, stride=8)
    full = explain()
    monkeypatch.setattr(incremental, "value", stops_after(incremental.value, 2))
    part = explain(reuse_layers="relu2")  # 64 places, 32 in a call
    for number, (i, j) in enumerate(coarse_first(8, 8)):
        of_patch = slice(8 * i, 8 * i + 8), slice(8 * j, 8 * j + 8)
        wanted = full[of_patch] if number < 32 else 0
        np.testing.assert_allclose(part[of_patch], wanted, rtol=1e-3, atol=1e-6)


# Windows


def test_two_convolutions_of_three_read_two_pixels_around_the_patch_and_two_more():
    net = convolutions(("conv", 3, 1), ("conv", 3, 1))
    patches = np.arange(40) // 4 == np.arange(10)[:, None]
    windows = changed_windows(partial(row_reads, net, "last"), patches)
    # Patch 5 covers the pixels 20 to 23.
    assert windows[5] == Window(slice(16, 28), slice(4, 8), slice(18, 26), within=slice(2, 10))
    assert windows[0] == Window(slice(0, 12), slice(0, 4), slice(0, 6), within=slice(0, 6))
    assert windows[9] == Window(slice(28, 40), slice(8, 12), slice(34, 40), within=slice(6, 12))


def test_from_layer_to_layer_a_convolution_of_three_changes_two_positions_more():
    """The figure of the module: it reads two positions around what has changed."""
    reads = partial(row_reads, convolutions(("conv", 3, 1)), "layer0")
    (first,) = changed_windows(reads, between(20, 24))
    assert first == Window(slice(18, 26), slice(2, 6), slice(19, 25), within=slice(1, 7))
    (second,) = changed_windows(reads, between(19, 25))
    assert second == Window(slice(17, 27), slice(2, 8), slice(18, 26), within=slice(1, 9))


def test_a_window_holds_the_patch_also_where_a_stride_leaves_out_its_pixels():
    """Of two pixels, a convolution of 1 with stride 3 reads none, or the first one alone."""
    reads = partial(row_reads, convolutions(("conv", 1, 3)), "layer0")
    for start in range(38):
        (window,) = changed_windows(reads, between(start, start + 2))
        held = np.arange(40)[window.read][window.covered]
        assert held.tolist() == [start, start + 1]


def test_where_no_smaller_window_is_exact_it_is_the_whole_axis():
    """Every position reads all: the window is all there is to read."""
    (window,) = changed_windows(lambda side: np.ones((side, side), bool), between(3, 5, side=12))
    assert window == Window(slice(0, 12), slice(3, 5), slice(0, 12), within=slice(0, 12))


def test_what_a_window_leaves_as_it_was_is_what_a_patch_does_not_change():
    net, image = random_tinynet(), random(96, 96, 3)
    covered = image.copy()
    covered[40:48] = 0
    maps = layer_outputs(net, "block1")(np.stack([image, covered]))["block1"].numpy()
    differ = np.flatnonzero((maps[0] != maps[1]).any(axis=(1, 2)))
    (window,) = changed_windows(partial(row_reads, net, "block1"), between(40, 48, side=96))
    assert window.changed.start <= differ.min() and differ.max() < window.changed.stop
    assert window.changed.stop - window.changed.start <= len(differ) + 2
    assert window.read.stop - window.read.start < 64


def test_rows_and_columns_are_read_as_receptive_fields_say():
    net = convolutions(("conv", (3, 5), (2, 1)), ("max", 2, 2))
    rows, columns = read_along(net, "last", image_shape=(30, 40))
    for row, column in (0, 0), (3, 9), (7, 19):
        top, left, bottom, right = receptive_field(net, "last", row, column, image_shape=(30, 40))
        assert np.flatnonzero(rows[row]).tolist() == list(range(top, bottom))
        assert np.flatnonzero(columns[column]).tolist() == list(range(left, right))


# Stages


def test_the_stages_of_a_network_one_after_another_are_the_network():
    net, image = random_tinynet(), random(1, 64, 64, 3)
    stages, rest, _ = stages_of(net, ("edges", "block2"))
    maps = image
    for stage in stages:
        maps = stage.forward(maps)
        wanted = layer_outputs(net, stage.layer)(image)[stage.layer]
        np.testing.assert_allclose(maps, wanted, rtol=1e-4, atol=1e-6)
    np.testing.assert_allclose(rest(maps), net(image), rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize(
    "layer, words",
    [
        ("nowhere", "no layer 'nowhere'"),
        ("scores", "no rows and columns"),
        ("block1_relu", "A part of the network bypasses 'block1_relu'"),
        (("block2", "block1"), "bypasses 'block2'; .* in forward order"),
    ],
)
def test_a_layer_that_does_not_part_the_network_is_refused(layer, words):
    with pytest.raises(ValueError, match=words):
        occlusion_map(random_tinynet(), random(64, 64, 3), 0, reuse_layers=layer)
