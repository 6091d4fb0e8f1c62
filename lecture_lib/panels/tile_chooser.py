"""A panel whose channel is chosen among the tiles of its layer: by a click, keys, or a slider."""

from collections.abc import Callable
from functools import wraps
from typing import Any

import ipywidgets
import numpy as np
from jaxtyping import Float

from lecture_lib.activations import channels_to_images
from lecture_lib.datasets.images import resize_image
from lecture_lib.datasets.shapes import Image
from lecture_lib.models.layers import activation_maps
from lecture_lib.models.zoo import load_model
from lecture_lib.panels.background import are_same
from lecture_lib.panels.channel_tiles import LARGEST_TILE, ChannelTiles, show_order, show_tiles
from lecture_lib.panels.interactive import explore_panel
from lecture_lib.panels.panel import Panel, display_panel, place_below

Tiles = Float[np.ndarray, "tiles tile_height tile_width 1"]


def layer_tiles(net: str, layer: str, picture: Image, **others: Any) -> Tiles:
    """Return a small gray image of each channel of a layer, its map for a picture.

    Args:
        net: the name of a network.
        layer: the name of a layer with rows and columns.
        picture: (H, W, 3) in [0, 1].
        **others: values of other controls, which do not matter.

    Returns:
        (channels, h, w, 1) in [0, 1]; the largest activation of each channel is white.
    """
    model = load_model(net)
    maps = activation_maps(model, layer, resize_image(picture, model.image_size))
    step = -(-maps.shape[0] // LARGEST_TILE)
    return channels_to_images(maps[::step, ::step])


def explore_tiles(
    function: Callable, *, alt: str | Callable, tiles: Callable = layer_tiles, **controls: Any
) -> None:
    """Show the panel of `explore` with the channels of a layer as tiles under it.

    A click on a tile, or arrow keys and Enter, chooses its channel, which is framed.

    Args:
        function: see `explore`; one of its arguments is `channel`.
        alt: see `explore`.
        tiles: is called with the values of all controls but `channel`, and returns an image of each
            channel, (channels, h, w, 1 or 3) in [0, 1].
        **controls: see `explore`; `channel` is a slider, such as `channel_slider_for` returns.
    """
    display_panel(explore_tiles_panel(function, alt=alt, tiles=tiles, **controls))


def explore_tiles_panel(
    function: Callable, *, alt: str | Callable, tiles: Callable = layer_tiles, **controls: Any
) -> Panel:
    """Return the Panel of `explore_tiles`, not yet shown."""
    chooser = ChannelTiles()
    shown: dict[str, Any] = {}

    @wraps(function)
    def answer(**values: Any) -> Any:
        result = function(**values)
        others = {name: value for name, value in values.items() if name not in ("channel", "watch")}
        if not (shown and are_same(others, shown)):
            images = tiles(**others)
            show_tiles(chooser, images)
            show_order(chooser, range(len(images)), {})
            shown.update(others)
        return result

    panel = explore_panel(answer, alt=alt, **controls)
    _follow_each_other(chooser, panel.controls["channel"].sources[0])
    place_below(panel, chooser)
    return panel


def _follow_each_other(chooser: ChannelTiles, slider: ipywidgets.IntSlider) -> None:
    """Let the tile that is chosen and the slider be one channel."""

    def choose(change: Any) -> None:
        slider.value = chooser.chosen
        mark(change)  # of a layer with fewer channels the slider takes the last

    def mark(change: Any) -> None:
        chooser.chosen = slider.value

    mark(None)
    slider.observe(mark, names="value")
    chooser.observe(choose, names="chosen")
