"""The card: images with words above them, three in a row."""

import numpy as np
from small_nets import random, small_net

from lecture_lib.activations import activation_maps
from lecture_lib.figures.images import heat
from lecture_lib.panels import channel_card
from lecture_lib.panels.channel_card import GAP, LINE, SIDE
from lecture_lib.panels.color_scale import BESIDE, SCALE


def gray(shade, *, wide=1):
    return np.full((30, 30 * wide, 3), shade, np.float32)


def test_images_stand_three_in_a_row_and_a_wide_one_takes_two_places():
    card = channel_card.composed(
        {"a": gray(0.1), "b": gray(0.2), "c": gray(0.3), "d": gray(0.4), "e": gray(0.5, wide=2)}
    )
    assert card.shape == (2 * (LINE + SIDE) + GAP, 3 * SIDE + 2 * GAP, 3)
    for number, shade in enumerate((0.1, 0.2, 0.3, 0.4, 0.5)):
        row, column = divmod(number, 3)
        middle = row * (LINE + SIDE + GAP) + LINE + 50, column * (SIDE + GAP) + SIDE // 2
        np.testing.assert_allclose(card[middle], shade, atol=0.01)
    assert card[:LINE].min() < 0.5  # the words


def test_a_wide_image_begins_a_row_where_one_place_is_left():
    card = channel_card.composed({"a": gray(0.1), "b": gray(0.2), "e": gray(0.5, wide=2)})
    np.testing.assert_allclose(card[LINE + SIDE + GAP + LINE + 50, SIDE + GAP // 2], 0.5, atol=0.01)


def test_what_a_neuron_reads_is_lit():
    model = small_net()
    image = 0.5 * random(40, 40, 3)
    maps = np.zeros_like(activation_maps(model, "conv1", image))
    maps[20, 10, 3] = 1
    lit, size = channel_card.what_it_reads(model, "conv1", 3, image=image, maps=maps)
    assert size == "3 x 3"
    same = np.all(lit == image, axis=-1)
    assert same.sum() == 9 and same[19:22, 9:12].all()


def test_a_map_has_the_scale_of_its_colors_below():
    maps = np.zeros((14, 14, 3), np.float32)
    maps[7, 7, 1] = 2.46
    drawn = channel_card.map_on_picture(random(28, 28, 3), maps, 1)
    strip = drawn[SIDE:]
    assert strip.shape == (SCALE, SIDE, 3)
    bar = strip[12, BESIDE : SIDE - BESIDE]
    np.testing.assert_allclose(bar, heat(np.linspace(0, 2.5, len(bar))[None])[0], atol=1 / 255)
    for beside in (strip[:, : BESIDE - 4], strip[:, SIDE - BESIDE + 4 :]):
        assert beside.min() < 0.3 and beside[:, [0, -1]].min() > 0.9  # a number, no digit cut off


def test_what_is_higher_than_a_cell_makes_room_for_itself():
    high = np.full((SIDE + SCALE, SIDE, 3), 0.1, np.float32)
    card = channel_card.composed({"high": high, "next": gray(0.2), "below": gray(0.4, wide=2)})
    assert card.shape[0] == 2 * LINE + SIDE + SCALE + GAP + SIDE
    np.testing.assert_allclose(card[LINE : LINE + SIDE + SCALE, :SIDE], 0.1, atol=0.01)
    np.testing.assert_allclose(card[LINE + SIDE + SCALE + GAP + LINE + 9, :SIDE], 0.4, atol=0.01)
