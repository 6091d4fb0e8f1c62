"""The channels of a layer as tiles to choose from, beside a picture to drag a box on."""

from collections.abc import Mapping, Sequence
from math import ceil, sqrt
from pathlib import Path

import anywidget
import numpy as np
import traitlets

from lecture_lib.datasets.saving import encode_jpeg, encode_png
from lecture_lib.datasets.shapes import Image, Images
from lecture_lib.figures.html import tile
from lecture_lib.models.receptive_field import Box

LARGEST_TILE = 48  # pixels of a tile, in the picture of all tiles


class ChannelTiles(anywidget.AnyWidget):
    """Tiles of channels, one of them chosen, and a picture with a box.

    Attributes:
        picture: the bytes of a JPEG; words: what it shows. Without one there are tiles alone.
        sheet: the bytes of a PNG or JPEG with the tiles of all channels by number, `columns` in a
            row, each of `side` pixels; count: how many channels there are.
        order: the numbers of the channels as they are to be shown.
        names: {number: name} of those that have one.
        chosen: the number of the chosen channel, -1 for none.
        box: (top, left, bottom, right) as shares of the picture's sides, or nothing.
    """

    _esm = Path(__file__).with_name("channel_tiles.js")
    picture = traitlets.Bytes().tag(sync=True)
    words = traitlets.Unicode().tag(sync=True)
    sheet = traitlets.Bytes().tag(sync=True)
    columns = traitlets.Int(1).tag(sync=True)
    side = traitlets.Int(1).tag(sync=True)
    count = traitlets.Int(0).tag(sync=True)
    order = traitlets.List().tag(sync=True)
    names = traitlets.Dict().tag(sync=True)
    chosen = traitlets.Int(-1).tag(sync=True)
    box = traitlets.List().tag(sync=True)


def show_picture(tiles: ChannelTiles, image: Image, words: str) -> None:
    """Put a picture beside the tiles; a box on it stays.

    Args:
        tiles: where.
        image: (H, W, 3) in [0, 1].
        words: what it shows.
    """
    with tiles.hold_sync():
        tiles.words = words
        tiles.picture = encode_jpeg(image)


def show_tiles(tiles: ChannelTiles, images: Images) -> None:
    """Give each channel its tile, in the order of their numbers.

    Args:
        tiles: where.
        images: (channels, side, side, 1 or 3) in [0, 1].
    """
    columns = ceil(sqrt(len(images)))
    encode = encode_png if images.shape[-1] == 1 else encode_jpeg  # gray maps stay exact
    with tiles.hold_sync():
        tiles.columns = columns
        tiles.side = images.shape[1]
        tiles.count = len(images)
        tiles.sheet = encode(tile(images, columns=columns, gap=0))


def show_order(tiles: ChannelTiles, order: Sequence[int], names: Mapping[int, str]) -> None:
    """Put the tiles into an order, with their names.

    Args:
        tiles: where.
        order: numbers of channels.
        names: {number: name} of those that have one.
    """
    with tiles.hold_sync():
        tiles.names = {str(number): name for number, name in names.items()}
        tiles.order = [int(number) for number in order]


def box_in_pixels(shares: Sequence[float], image_shape: Sequence[int]) -> Box | None:
    """Return a box of shares of an image's sides in whole pixels; None where there is no box.

    Args:
        shares: (top, left, bottom, right) in 0..1, or nothing.
        image_shape: (H, W) or (H, W, C).
    """
    if len(shares) < 4:
        return None
    height, width = image_shape[:2]
    sides = np.multiply(shares, [height, width, height, width])
    top, left = np.floor(sides[:2]).astype(int)
    bottom, right = np.ceil(sides[2:]).astype(int)
    return Box(int(top), int(left), int(bottom), int(right))
