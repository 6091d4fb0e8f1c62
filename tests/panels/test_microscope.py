"""The microscope's panel without a browser: what it answers at once, and what comes later."""

import numpy as np
import pytest
from panel_tools import GRAY
from small_nets import random, small_net
from waiting import wait_until

from lecture_lib.datasets.saving import encode_jpeg
from lecture_lib.microscope import channels_for_class, switched_off
from lecture_lib.models.inference import class_scores
from lecture_lib.panels import channel_answers, channel_study, microscope
from lecture_lib.panels.camera import Camera, cameras_of
from lecture_lib.panels.channel_tiles import ChannelTiles
from lecture_lib.panels.controls import Control, class_box, dropdown_of, labeled

PICTURES = {"noise": random(12, 12, 3, seed=8), "gray": GRAY[:12, :12]}


@pytest.fixture(autouse=True)
def small_and_alone(tmp_path, monkeypatch):
    """The panel sees one small network, and keeps its files in a folder of its own."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    for module in (channel_answers, microscope):
        monkeypatch.setattr(module, "load_model", lambda name: small_net())
    monkeypatch.setattr(channel_answers, "SMALLEST", 12)
    monkeypatch.setattr(channel_study, "PICTURES", 16)
    monkeypatch.setattr(channel_study, "STEPS", 4)
    channel_study.survey_pictures.cache_clear()
    yield
    channel_study.survey_pictures.cache_clear()


def list_of(options, name):
    dropdown = labeled(dropdown_of(options, options[0], what=name), name)
    return Control(dropdown, [dropdown], lambda: dropdown.value)


@pytest.fixture
def made(monkeypatch):
    """A panel and its tiles, with everything about its first channel known."""
    found = []

    class Tiles(ChannelTiles):
        def __init__(self, **traits):
            super().__init__(**traits)
            found.append(self)

    monkeypatch.setattr(microscope, "ChannelTiles", Tiles)
    picture = list_of(list(PICTURES), "picture")
    picture.sources.append(Camera(shape=[12, 12]))
    panel = microscope.explore_channels_panel(
        net=list_of(["small"], "net"),
        layer=list_of(["relu2", "conv1"], "layer"),
        picture=picture._replace(read=lambda: PICTURES[picture.sources[0].value]),
        class_name=class_box([f"class {number}" for number in range(5)], value="class 0"),
    )
    return panel, found[0]


def table_of(panel):
    return panel.box.children[4].children[1].value


def choose(panel, name, value):
    panel.controls[name].sources[0].value = value


def says(panel, words):
    wait_until(lambda: words in panel.status.value, f"the status says {words}")


def test_the_first_card_is_whole(made):
    panel, tiles = made
    assert "alert" not in panel.status.value and tiles.count == 8
    assert tiles.chosen == tiles.order[0] and sorted(tiles.order) == list(range(8))
    for words in ("relu2, channel", "fires at", "Adds most", "at its mean"):
        assert words in table_of(panel)
    assert "…" not in table_of(panel)


def test_it_notices_in_the_browser_when_its_kernel_has_ended(made):
    panel, _ = made
    assert panel.page_side in panel.box.children


def test_another_tile_brings_its_logits(made):
    panel, tiles = made
    channel = tiles.order[3]
    tiles.chosen = channel
    wait_until(lambda: f"channel {channel}<" in table_of(panel), "another table")
    image = PICTURES["noise"]
    likeliest = int(class_scores(small_net(), image).argmax())
    off = switched_off(small_net(), "relu2", channel, np.round(image * 255) / np.float32(255))
    wait_until(lambda: f"<td>{off[likeliest]:.2f}</td>" in table_of(panel), "its logits")


def test_a_class_orders_the_channels_by_what_they_add(made):
    panel, tiles = made
    choose(panel, "class_name", "class 3")
    says(panel, "the logit of class 3")
    image = np.round(PICTURES["noise"] * 255) / np.float32(255)
    wanted = np.argsort(
        -channels_for_class(small_net(), "relu2", image, class_index=3), kind="stable"
    )
    assert tiles.order == wanted.tolist()


def test_a_box_orders_the_channels_and_taking_it_away_goes_back(made):
    panel, tiles = made
    tiles.box = [0.1, 0.1, 0.5, 0.5]
    says(panel, "in the box")
    assert panel.controls["order"].sources[0].value == "in the box"
    tiles.box = []
    says(panel, "strongest neuron")


def test_without_a_box_a_sentence_says_what_to_do(made):
    panel, tiles = made
    choose(panel, "order", "in the box")
    says(panel, "Drag a box on the picture first")


def test_a_layer_that_is_not_in_the_atlas_shows_maps_and_says_so(made):
    panel, tiles = made
    choose(panel, "tiles_show", "what maximizes it")
    says(panel, "not in the atlas")
    assert tiles.count == 8


def test_another_layer_begins_with_its_own_strongest(made):
    panel, tiles = made
    choose(panel, "layer", "conv1")
    wait_until(lambda: "conv1, channel" in table_of(panel), "the other layer")
    assert tiles.count == 6 and 0 <= tiles.chosen < 6


def test_a_live_camera_is_told_that_its_frame_was_answered(made):
    panel, _ = made
    (camera,) = cameras_of(panel.controls.values())
    sent = []
    camera.send = lambda message, buffers=None: sent.append(message)
    assert camera.offers_live
    frame = {"kind": "frame", "view": "a", "number": 7, "live": True, "first": False}
    camera._handle_custom_msg(frame, [memoryview(encode_jpeg(GRAY))])
    wait_until(lambda: sent, "the frame is answered")
    assert sent[0]["kind"] == "answered" and sent[0]["number"] == 7


def test_stop_ends_what_takes_a_while_and_nothing_half_done_is_kept(tmp_path):
    def watch(step, steps, reached):
        return step == 1

    with pytest.raises(channel_study.Stopped):
        channel_study.maximizing_image(small_net(), "relu2", 0, watch=watch)
    assert not list(tmp_path.rglob("drawn_image*"))
    image = channel_study.maximizing_image(small_net(), "relu2", 0, watch=lambda *_: False)
    assert image.shape == (12, 12, 3) and len(list(tmp_path.rglob("drawn_image*"))) == 1
