"""The layers that occlusion chooses by itself: the same map, where it pays, and only there."""

from functools import partial

import numpy as np
import pytest
from small_nets import random, random_tinynet, small_net

from lecture_lib.core.penalties import l2
from lecture_lib.core.scores import class_log_probability, class_margin, class_score
from lecture_lib.models.backend import keras
from lecture_lib.models.efficientnet_lite0 import load_efficientnet_lite0
from lecture_lib.models.surgery import named
from lecture_lib.occlusion import occlusion, reuse
from lecture_lib.occlusion.occlusion import occlusion_map, patch_places
from lecture_lib.occlusion.reuse import layers_to_reuse, map_cuts

layers = keras.layers


@pytest.fixture
def always(monkeypatch):
    """Let it pay from the first pixel on."""
    monkeypatch.setattr(reuse, "FEWEST_PIXELS", 0)


@pytest.mark.parametrize("score", [class_score, class_log_probability, class_margin])
@pytest.mark.parametrize("patch, stride", [(16, 10), (40, None), ((8, 24), (6, 10))])
def test_the_map_is_that_of_the_whole_network(always, score, patch, stride):
    explain = partial(occlusion_map, random_tinynet(), random(96, 96, 3), 4, score=score)
    wanted = explain(patch=patch, stride=stride, reuse_layers=None)
    # The scores are near −4 and have seven digits.
    np.testing.assert_allclose(explain(patch=patch, stride=stride), wanted, rtol=1e-3, atol=1e-6)


def test_a_network_with_blocks_that_part_and_meet_gives_the_same_map(always):
    net = load_efficientnet_lite0(trained=False)
    image = random(224, 224, 3)
    explain = partial(occlusion_map, net, image, 7, patch=56, stride=42, score=class_score)
    wanted = explain(reuse_layers=None)
    np.testing.assert_allclose(explain(), wanted, rtol=1e-3, atol=1e-4 * np.abs(wanted).max())


def test_of_each_size_of_map_it_is_the_first_of_the_narrowest_cuts():
    net = load_efficientnet_lite0(trained=False)
    image = random(224, 224, 3)
    chosen = layers_to_reuse(net, image, patch_places((224, 224)))
    assert chosen == ("block1_project", "block2_project", "block4_project", "block6_project")


def test_a_layer_that_only_pads_is_left_out():
    images = keras.Input((None, None, 3))
    x = layers.Conv2D(8, 3, strides=2, padding="same", name="first")(images)
    x = layers.ZeroPadding2D(1, name="pad")(x)
    x = layers.Conv2D(8, 3, strides=2, name="second")(x)
    x = layers.Dense(2)(layers.GlobalMaxPooling2D()(x))
    net = named(keras.Model(images, x), class_names=None, image_size=224)
    assert "pad" in map_cuts(net)
    patches = patch_places((224, 224), patch=32, stride=16)
    assert layers_to_reuse(net, random(224, 224, 3), patches) == ("first", "second")


def test_a_patch_that_changes_most_of_a_map_leaves_nothing_to_reuse():
    net = load_efficientnet_lite0(trained=False)
    image = random(224, 224, 3)
    assert layers_to_reuse(net, image, patch_places((224, 224), patch=200, stride=2)) == ()


def test_few_small_images_go_through_the_whole_network():
    net = random_tinynet()
    assert layers_to_reuse(net, random(64, 64, 3), patch_places((64, 64))) == ()


def test_a_cut_is_what_no_path_bypasses():
    """Two branches meet in "sum": neither alone is a cut."""
    images = keras.Input((None, None, 3))
    x = layers.Conv2D(4, 3, name="first")(images)
    left = layers.Conv2D(4, 3, padding="same", name="left")(x)
    x = layers.Add(name="sum")([left, x])
    x = layers.Conv2D(4, 3, name="last")(x)
    net = keras.Model(images, layers.Dense(2)(layers.GlobalMaxPooling2D()(x)))
    assert map_cuts(net) == ["first", "sum", "last"]


def test_a_layer_with_unknown_windows_is_no_hindrance(always):
    images = keras.Input((None, None, 3))
    x = layers.Lambda(lambda x: keras.ops.flip(x, axis=1), name="flip")(images)
    x = layers.GlobalMaxPooling2D()(layers.Conv2D(4, 3)(x))
    net = named(keras.Model(images, layers.Dense(2)(x)), image_size=24)
    assert layers_to_reuse(net, random(24, 24, 3), patch_places((24, 24))) == ()
    assert occlusion_map(net, random(24, 24, 3), 0, patch=8).shape == (24, 24)


def test_a_score_that_reads_pixels_is_asked_about_whole_images(always, monkeypatch):
    monkeypatch.setattr(occlusion, "incremental_values", None)  # calling it is an error
    found = occlusion_map(small_net(), random(24, 24, 3), 1, score=lambda model, c: l2)
    assert np.isfinite(found).all()
