"""The tiles under a panel: a click on one chooses its channel, and the slider frames its tile."""

import ipywidgets
import numpy as np
from waiting import wait_until

from lecture_lib.activations import channels_to_images
from lecture_lib.datasets.images import load_image
from lecture_lib.models.layers import activation_maps
from lecture_lib.models.zoo import load_model
from lecture_lib.panels.channel_tiles import ChannelTiles
from lecture_lib.panels.tile_chooser import explore_tiles_panel, layer_tiles


def shades(layer):
    """As many gray tiles as the number of a layer says, from black to white."""
    steps = np.linspace(0, 1, layer, dtype=np.float32)
    return np.ones((layer, 8, 8, 1), np.float32) * steps[:, None, None, None]


def panel_of(calls=None):
    """A panel, its tiles and its slider; `calls` gets each layer whose tiles are made."""

    def tiles(layer):
        if calls is not None:
            calls.append(layer)
        return shades(layer)

    def answer(layer, channel):
        return np.repeat(shades(layer)[channel], 3, axis=-1), f"channel {channel} of {layer}"

    slider = ipywidgets.IntSlider(2, 0, 8)
    panel = explore_tiles_panel(answer, alt="gray", tiles=tiles, layer=[9, 4], channel=slider)
    (chooser,) = [child for child in panel.box.children if isinstance(child, ChannelTiles)]
    return panel, chooser, slider


def test_each_channel_has_a_tile_and_the_chosen_one_is_framed():
    _, chooser, slider = panel_of()
    assert chooser.count == 9 and chooser.order == list(range(9))
    assert chooser.chosen == slider.value == 2
    slider.value = 5
    assert chooser.chosen == 5


def test_a_click_on_a_tile_chooses_its_channel():
    panel, chooser, slider = panel_of()
    chooser.chosen = 7
    assert slider.value == 7
    wait_until(lambda: "channel 7 of 9" in panel.status.value)
    np.testing.assert_allclose(panel.shown["image"], 7 / 8)


def test_tiles_are_made_anew_for_another_layer_only():
    calls = []
    panel, chooser, slider = panel_of(calls)
    slider.value = 3
    wait_until(lambda: "channel 3 of 9" in panel.status.value)
    assert calls == [9]
    panel.controls["layer"].sources[0].value = 4
    wait_until(lambda: "channel 3 of 4" in panel.status.value)
    assert calls == [9, 4] and chooser.count == 4


def test_a_tile_that_the_slider_does_not_have_is_its_last():
    _, chooser, slider = panel_of()
    slider.max = 3
    chooser.chosen = 7  # a click just before the tiles of another layer came
    assert slider.value == chooser.chosen == 3


def test_the_tiles_of_a_layer_are_its_maps():
    model = load_model("tinynet_robust")
    picture = load_image("coffee", size=model.image_size)
    tiles = layer_tiles("tinynet_robust", "block3", picture, shade=1)
    np.testing.assert_array_equal(
        tiles, channels_to_images(activation_maps(model, "block3", picture))
    )
