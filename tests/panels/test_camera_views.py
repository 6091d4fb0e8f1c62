"""What a network answers to the camera: classes and their evidence, or a layer's channels."""

import numpy as np
import pytest
from small_nets import random, small_net

from lecture_lib.figures.images import overlay
from lecture_lib.grad_cam import grad_cam_map
from lecture_lib.models.inference import top_classes
from lecture_lib.panels.camera import cameras_of
from lecture_lib.panels.camera_views import (
    channel_tiles,
    classes_and_map,
    live_camera_panel,
    sheet_of,
)
from lecture_lib.panels.color_scale import SCALE, with_scale

IMAGE = random(12, 10, 3)


def test_the_map_is_that_of_the_predicted_class():
    net = small_net()
    shown, guesses = classes_and_map(net, IMAGE, count=2)
    for guess, wanted in zip(guesses, top_classes(net, IMAGE, count=2), strict=True):
        assert guess[:2] == wanted[:2] and guess.probability == pytest.approx(wanted.probability)
    expected = grad_cam_map(net, IMAGE, guesses[0].class_index)
    factor = shown.shape[1] // IMAGE.shape[1]  # a small picture is enlarged for its scale
    drawn = shown[:-SCALE][::factor, ::factor]
    np.testing.assert_allclose(drawn, overlay(IMAGE, expected), atol=1e-5)
    np.testing.assert_array_equal(shown, with_scale(drawn, expected))


def test_a_panel_draws_a_bar_for_each_class_and_says_the_first():
    guesses = top_classes(small_net(), IMAGE, count=3)

    def answer(image):
        return image, guesses

    panel = live_camera_panel(answer, alt="a photograph", size=48)
    assert panel.status.value.count("lecture-bar") == 3
    assert panel.shown["text"] == f"{guesses[0].class_name}, {guesses[0].probability:.0%}"
    assert panel.shown["image"].shape == (48, 48, 3)


def test_an_answer_has_controls_of_its_own_and_words_that_know_them():
    def answer(image, shade):
        return image * shade

    panel = live_camera_panel(answer, alt=lambda shade: f"shade {shade}", size=32, shade=[0.5, 1.0])
    (camera,) = cameras_of(panel.controls.values())
    assert panel.shown["words"] == "shade 0.5" and camera.shape == [32, 32]


def test_tiles_are_in_order_of_their_strength():
    net = small_net()
    by_number, text = channel_tiles(net, IMAGE, layer="conv1")
    strongest, same = channel_tiles(net, IMAGE, layer="conv1", order="strongest first")
    assert text == same and by_number.shape == strongest.shape
    with pytest.raises(ValueError, match="order"):
        channel_tiles(net, IMAGE, layer="conv1", order="loudest")
    with pytest.raises(ValueError, match="no rows and columns"):
        channel_tiles(net, IMAGE, layer="pool")


@pytest.mark.parametrize("count, side", [(1, 7), (96, 112), (1280, 7)])
def test_a_sheet_of_any_layer_is_about_as_wide_as_the_page(count, side):
    sheet = sheet_of(np.zeros((count, side, side, 1), np.float32))
    height, width, _ = sheet.shape
    assert 320 <= width <= 640 and height <= 640
