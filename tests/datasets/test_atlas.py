"""The atlas: sheets of tiles in data/atlas, one tile for each channel of a layer."""

import numpy as np
import pytest

from lecture_lib.datasets.atlas import ATLAS, atlas_layers, atlas_tiles
from lecture_lib.models.layers import features
from lecture_lib.models.zoo import load_bundled

SHEETS = [(net, layer) for net, layers in atlas_layers().items() for layer in layers]


def test_nine_layers_of_one_network_and_four_of_the_other_are_at_most_three_megabytes():
    assert {net: len(layers) for net, layers in atlas_layers().items()} == {
        "tinynet_robust": 9,
        "efficientnet_lite0": 4,
    }
    assert sum(path.stat().st_size for path in ATLAS.rglob("*.*")) <= 3_000_000


@pytest.mark.parametrize("net, layer", SHEETS)
def test_each_channel_has_a_tile_that_shows_something(net, layer):
    tiles = atlas_tiles(net, layer)
    shape = atlas_layers()[net][layer]
    assert tiles.shape == (shape["channels"], shape["side"], shape["side"], 3)
    assert tiles.min() >= 0 and tiles.max() <= 1
    means = tiles.mean(axis=(1, 2))
    assert np.abs(means[1:] - means[:-1]).sum(axis=1).min() > 0  # no two neighbors are one picture


def test_the_layers_have_as_many_channels_as_tiles():
    model = load_bundled("tinynet_robust")
    for layer, shape in atlas_layers()["tinynet_robust"].items():
        assert features(model, layer).shape[-1] == shape["channels"]


def test_a_layer_that_was_not_drawn_is_refused_with_those_that_were():
    with pytest.raises(ValueError, match="no pictures of pool of tinynet_robust.*block4"):
        atlas_tiles("tinynet_robust", "pool")
    with pytest.raises(ValueError, match="layers of mine in it: none"):
        atlas_tiles("mine", "pool")
