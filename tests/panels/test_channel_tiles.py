"""What the tiles are told: a picture, a sheet, an order; and what a box on the picture means."""

import io

import numpy as np
import pytest
from PIL import Image

from lecture_lib.panels.channel_tiles import (
    ChannelTiles,
    box_in_pixels,
    show_order,
    show_picture,
    show_tiles,
)


def test_each_channel_has_its_place_on_the_sheet():
    images = np.linspace(0, 1, 5, dtype=np.float32)[:, None, None, None] * np.ones((5, 7, 7, 1))
    tiles = ChannelTiles()
    show_tiles(tiles, images.astype(np.float32))
    assert (tiles.columns, tiles.side, tiles.count) == (3, 7, 5)
    sheet = np.asarray(Image.open(io.BytesIO(tiles.sheet)), float) / 255
    assert sheet.shape == (14, 21)
    for channel in range(5):
        row, column = divmod(channel, 3)
        np.testing.assert_allclose(sheet[7 * row + 3, 7 * column + 3], channel / 4, atol=0.01)


def test_the_picture_comes_with_its_words_and_the_order_with_names():
    tiles = ChannelTiles()
    show_picture(tiles, np.full((24, 24, 3), 0.5, np.float32), "gray")
    assert Image.open(io.BytesIO(tiles.picture)).size == (24, 24) and tiles.words == "gray"
    show_order(tiles, np.array([2, 0, 1]), {2: "wheels"})
    assert tiles.order == [2, 0, 1] and tiles.names == {"2": "wheels"}


@pytest.mark.parametrize(
    "shares, wanted",
    [
        ([], None),
        ([0, 0, 1, 1], (0, 0, 100, 200)),
        ([0.101, 0.2, 0.3, 0.4999], (10, 40, 30, 100)),
    ],
)
def test_a_box_of_shares_is_a_box_of_whole_pixels(shares, wanted):
    found = box_in_pixels(shares, (100, 200, 3))
    assert found is None if wanted is None else tuple(found) == wanted
