"""Panels while they work, in JupyterLab in a browser: slow answers are left, tiles are chosen."""

import pytest
from browsing import (
    changed,
    needs_chromium,
    new_page,
    panel_of,
    picture_of,
    screenshot,
    serious,
    started_chromium,
    status,
)
from lab import cell, errors_in, notebook_of, run_all_cells, started_lab, write
from waiting import wait_until

pytestmark = needs_chromium
SLOW = """
import numpy as np
from lecture_lib.neighbors import tsne_map
from lecture_lib.panels import explore, pictures_at
points = np.random.default_rng(0).standard_normal((600, 20)).astype(np.float32)
ink = np.zeros((600, 4, 4, 3), np.float32)
finished = []
def map_of(perplexity):
    places = tsne_map(points, perplexity=perplexity, steps=500 if perplexity == 5 else 3000)
    finished.append(perplexity)
    return pictures_at(places, ink, width=320, size=4), f"finished: {finished}"
explore(map_of, perplexity=[5, 30, 50, 100], alt="a map of dots")"""
COARSE = """
import time
from lecture_lib.datasets import load_image, photo_names
from lecture_lib.figures import heat
from lecture_lib.models import load_model
from lecture_lib.occlusion import occlusion_map
model = load_model("tinynet_robust")
picture = load_image("coffee", size=model.image_size)
def occlude(patch, watch):
    def draw(step, steps, fall):
        time.sleep(0.5 if patch == 8 else 0)  # slow enough to be seen, and then left
        return watch(step, steps, heat(fall, signed=True))
    stride = 1 if patch < 32 else 16
    fall = occlusion_map(model, picture, 0, patch=patch, stride=stride, watch=draw)
    return heat(fall, signed=True), f"patch {patch}"
explore(occlude, patch=[32, 8, 12], alt="an occlusion map")"""
TILES = """
from lecture_lib.activations import activation_maps, channels_to_images
from lecture_lib.panels import (
    channel_slider_for, explore_tiles, layer_dropdown_for, net_dropdown, picture_dropdown
)
def one_map(net, layer, channel, picture):
    maps = activation_maps(load_model(net), layer, picture)
    return np.repeat(channels_to_images(maps)[channel], 3, axis=-1), f"channel {channel}"
def layers_of(net):
    return ["edges", "block1", "block2"]
def count_of(net, layer):
    return load_model(net).get_layer(layer).output.shape[-1]
net = net_dropdown(["tinynet_robust", "tinynet"])
layer = layer_dropdown_for(net, layers_of, value="block2")
explore_tiles(
    one_map, net=net, layer=layer,
    channel=channel_slider_for(net, layer, count_of, value=100),
    picture=picture_dropdown(photo_names(), value="coffee", size=64), alt="one map")"""


@pytest.fixture(scope="module")
def page(tmp_path_factory):
    folder = tmp_path_factory.mktemp("work")
    (folder / "notebooks").mkdir()
    path = folder / "notebooks" / "panels.ipynb"
    write(notebook_of(map(cell, [SLOW, COARSE, TILES])), path)
    with started_lab(folder) as address, started_chromium() as browser:
        page = new_page(browser)
        page.goto(address.format("panels"))
        run_all_cells(page, path)
        assert errors_in(path) == []
        yield page


def choose(panel, option):
    panel.locator(".widget-dropdown select").first.select_option(option)


# Slow answers


def test_a_map_by_tsne_says_how_far_it_is_and_is_left_for_a_newer_one(page):
    panel = panel_of(page, 0)
    choose(panel, "30")
    wait_until(lambda: "of 3000" in status(panel), "it says how far it is")
    screenshot(page, "slow-answer")
    choose(panel, "50")
    page.wait_for_timeout(300)
    choose(panel, "5")  # which is on view
    wait_until(lambda: status(panel) == "finished: [5]", "its words come back")
    choose(panel, "100")
    wait_until(lambda: "of 3000" in status(panel), "it says how far it is")
    choose(panel, "30")
    wait_until(lambda: status(panel) == "finished: [5, 30]", "only the last is there")
    assert panel.get_by_role("alert").count() == 0 and page.complaints == []


def test_a_coarse_map_comes_first_and_is_left_for_that_of_another_patch(page):
    panel = panel_of(page, 1)
    before = picture_of(panel)
    choose(panel, "8")
    changed(panel, before)
    assert "Computing" in status(panel)
    screenshot(page, "coarse-first")
    choose(panel, "12")
    wait_until(lambda: status(panel) in ("patch 8", "patch 12"), "the map is there")
    assert status(panel) == "patch 12"
    assert panel.get_by_role("alert").count() == 0 and page.complaints == []


# Tiles to choose from


def framed(panel):
    """The channel whose tile is framed, and whether the tile is in the part of the list seen."""
    tile = panel.locator(".tile[aria-selected=true]")
    return int(tile.get_attribute("data-channel")), tile.evaluate(
        """tile => {
            const list = tile.parentElement.getBoundingClientRect();
            const own = tile.getBoundingClientRect();
            return own.top >= list.top - 1 && own.bottom <= list.bottom + 1;
        }"""
    )


def test_the_chosen_channel_is_framed_and_seen(page):
    panel = panel_of(page, 2)
    assert panel.locator(".tile").count() == 128 and panel.locator("canvas").count() == 0
    assert framed(panel) == (100, True)
    screenshot(page, "tiles-to-choose")


def test_a_click_on_a_tile_chooses_its_channel(page):
    panel = panel_of(page, 2)
    panel.locator(".tile").nth(96).click()
    wait_until(lambda: status(panel) == "channel 96", "the channel is shown")
    assert framed(panel) == (96, True)
    assert panel.get_by_role("slider").first.get_attribute("aria-valuenow") == "96.0"


def test_arrow_keys_and_enter_choose_a_tile_and_the_slider_frames_one(page):
    panel = panel_of(page, 2)
    tiles = panel.get_by_role("listbox")
    tiles.press("Home")
    tiles.press("ArrowRight")
    tiles.press("ArrowRight")
    assert framed(panel)[0] == 96  # only Enter chooses
    tiles.press("Enter")
    wait_until(lambda: status(panel) == "channel 2", "the channel is shown")
    panel.get_by_role("slider").first.press("ArrowRight")
    wait_until(lambda: status(panel) == "channel 3", "the slider chooses, too")
    wait_until(lambda: framed(panel) == (3, True), "its tile is framed")


def test_another_layer_has_its_own_tiles(page):
    panel = panel_of(page, 2)
    panel.locator(".widget-dropdown select").nth(1).select_option("edges")
    wait_until(lambda: panel.locator(".tile").count() == 48, "the tiles are those of the layer")
    assert serious(page, ".lecture-panel") == [] and page.complaints == []
