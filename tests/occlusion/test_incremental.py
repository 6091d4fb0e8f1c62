"""Occlusion that computes anew only what a patch touches: the same map, from windows that can be counted by hand."""

import numpy as np
import pytest
from small_nets import random, random_tinynet, small_net, stops_after

from lecture_lib.core.scores import class_score
from lecture_lib.models.backend import keras
from lecture_lib.models.inference import layer_outputs
from lecture_lib.models.receptive_field import read_along, receptive_field
from lecture_lib.models.surgery import with_shuffled_weights
from lecture_lib.occlusion import incremental
from lecture_lib.occlusion.incremental import Window, changed_windows, stages_of
from lecture_lib.occlusion.occlusion import occlusion_map

layers = keras.layers


def convolutions(*kinds, padding="same", shape=(None, None, 3)):
    """A net of layers of kernel and stride, "max" or "mean" before a pool, with random weights; two scores at its end."""
    images = x = keras.Input(shape)
    for number, (kind, kernel, stride) in enumerate(kinds):
        made = {"conv": layers.Conv2D, "max": layers.MaxPooling2D, "mean": layers.AveragePooling2D}[
            kind
        ]
        filters = (4,) if kind == "conv" else ()
        x = made(*filters, kernel, stride, padding, name=f"layer{number}")(x)
    x = layers.Dense(2)(layers.GlobalMaxPooling2D()(layers.Activation("tanh", name="last")(x)))
    return with_shuffled_weights(keras.Model(images, x), seed=3)


@pytest.mark.parametrize("padding", ["same", "valid"])
@pytest.mark.parametrize(
    "kinds",
    [
        [("conv", 3, 1), ("conv", 3, 1)],
        [("conv", 8, 2), ("max", 2, 2), ("conv", 3, 1)],
        [("conv", 7, 2), ("max", 3, 2), ("conv", 3, 2)],
        [("conv", 5, 3), ("mean", 2, 1)],
        [("conv", 4, 4)],
    ],
)
@pytest.mark.parametrize(
    "shape, patch, stride", [((48, 48), 8, 5), ((47, 61), 9, 9), ((33, 50), 33, 4)]
)
def test_the_map_is_that_of_whole_pictures(padding, kinds, shape, patch, stride):
    net, image, fill = (
        convolutions(*kinds, padding=padding),
        random(*shape, 3),
        random(*shape, 3, seed=5),
    )
    options = {"patch": patch, "stride": stride, "fill": fill, "of": class_score}
    wanted = occlusion_map(net, image, 1, **options)
    assert np.abs(wanted).max() > 1e-3
    for below in "last", [f"layer{number}" for number in range(len(kinds))]:
        found = occlusion_map(net, image, 1, **options, below=below)
        np.testing.assert_allclose(found, wanted, rtol=1e-4, atol=1e-5 * np.abs(wanted).max())


@pytest.mark.parametrize(
    "layer", ["edges", "block1", "block3", ("edges", "block1", "block2", "block3")]
)
def test_paths_that_part_and_meet_again_are_computed_anew_together(layer):
    net, image = random_tinynet(), random(96, 96, 3)
    wanted = occlusion_map(net, image, 4, patch=16, stride=16, of=class_score)
    found = occlusion_map(net, image, 4, patch=16, stride=16, of=class_score, below=layer)
    np.testing.assert_allclose(found, wanted, rtol=1e-3, atol=1e-4 * np.abs(wanted).max())


def test_two_convolutions_of_three_read_two_pixels_around_the_patch_and_two_more():
    net, patch = (
        convolutions(("conv", 3, 1), ("conv", 3, 1)),
        np.arange(40) // 4 == np.arange(10)[:, None],
    )
    windows = changed_windows(
        lambda side: read_along(net, "last", image_shape=(side, side))[0], patch
    )
    assert windows[5] == Window(
        read=slice(16, 28), changed=slice(18, 26), within=slice(2, 10)
    )  # the patch is 20 to 23
    assert windows[0] == Window(slice(0, 12), slice(0, 6), slice(0, 6)) and windows[9] == Window(
        slice(28, 40), slice(34, 40), slice(6, 12)
    )


def test_what_a_window_leaves_as_it_was_is_what_a_patch_does_not_change():
    net, image = random_tinynet(), random(96, 96, 3)
    covered, maps = image.copy(), layer_outputs(net, "block1")
    covered[40:48] = 0
    rows = maps(np.stack([image, covered]))["block1"].numpy()
    differ = np.flatnonzero((rows[0] != rows[1]).any(axis=(1, 2)))
    patch = (np.arange(96) >= 40) & (np.arange(96) < 48)
    (window,) = changed_windows(
        lambda side: read_along(net, "block1", image_shape=(side, side))[0], patch[None]
    )
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


def test_a_net_that_takes_pictures_of_one_size_only_has_windows_too():
    net, image = convolutions(("conv", 3, 2), ("conv", 3, 1), shape=(32, 32, 3)), random(32, 32, 3)
    found = occlusion_map(net, image, 0, patch=8, stride=8, below="layer0", of=class_score)
    np.testing.assert_allclose(
        found, occlusion_map(net, image, 0, patch=8, stride=8, of=class_score), rtol=1e-4, atol=1e-6
    )


def test_a_net_that_has_learned_since_is_asked_as_it_is_now():
    net, image, options = (
        convolutions(("conv", 3, 1), ("conv", 3, 1)),
        random(24, 24, 3),
        {"patch": 8, "stride": 8, "of": class_score},
    )
    before = occlusion_map(net, image, 0, **options, below="layer1")
    for weight in net.get_layer("layer0").trainable_variables:
        weight.assign(-2 * weight)
    after = occlusion_map(net, image, 0, **options, below="layer1")
    assert np.abs(after - before).max() > 1e-3
    np.testing.assert_allclose(after, occlusion_map(net, image, 0, **options), rtol=1e-4, atol=1e-6)


def test_an_interrupt_returns_what_was_reached(monkeypatch):
    full = occlusion_map(small_net(), random(64, 64, 3), 2, patch=8, stride=8)
    monkeypatch.setattr(incremental, "value", stops_after(incremental.value, 2))
    part = occlusion_map(
        small_net(), random(64, 64, 3), 2, patch=8, stride=8, below="relu2"
    )  # 64 places, 32 in a call
    np.testing.assert_allclose(part[:32], full[:32], rtol=1e-3, atol=1e-6)
    assert not part[32:].any()


def test_the_parts_of_a_net_one_after_another_are_the_net():
    net, image = random_tinynet(), random(1, 64, 64, 3)
    stages, rest, _ = stages_of(net, ("edges", "block2"))
    maps = image
    for stage in stages:
        maps = stage.forward(maps)
        np.testing.assert_allclose(
            maps, layer_outputs(net, stage.layer)(image)[stage.layer], rtol=1e-4, atol=1e-6
        )
    np.testing.assert_allclose(rest(maps), net(image), rtol=1e-4, atol=1e-6)


def test_from_layer_to_layer_a_convolution_of_three_changes_two_positions_more_and_reads_two_around_these():
    net, patch = convolutions(("conv", 3, 1)), (np.arange(40) >= 20) & (np.arange(40) < 24)
    reads = lambda side: read_along(net, "layer0", image_shape=(side, side))[0]
    (first,) = changed_windows(reads, patch[None])
    assert first == Window(read=slice(18, 26), changed=slice(19, 25), within=slice(1, 7))
    (second,) = changed_windows(reads, (np.arange(40) >= 19)[None] & (np.arange(40) < 25))
    assert second == Window(read=slice(17, 27), changed=slice(18, 26), within=slice(1, 9))


@pytest.mark.parametrize(
    "layer, words",
    [
        ("nowhere", "no layer 'nowhere'"),
        ("scores", "no rows and columns"),
        ("block1_relu", "A part of the net passes by 'block1_relu'"),
        (("block2", "block1"), "passes by 'block2'; .* in the order in which it does"),
    ],
)
def test_a_layer_that_does_not_part_the_net_is_refused(layer, words):
    with pytest.raises(ValueError, match=words):
        occlusion_map(random_tinynet(), random(64, 64, 3), 0, below=layer)
