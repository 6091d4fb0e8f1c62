"""The atlas: a picture that maximizes each channel of some layers, drawn beforehand.

`tools/draw_atlas.py` draws it into data/atlas, one sheet of tiles for each layer.
"""

import json
from functools import lru_cache

import numpy as np
from PIL import Image as PillowImage

from lecture_lib.datasets.downloads import DATA
from lecture_lib.datasets.shapes import Images

ATLAS = DATA / "atlas"


@lru_cache(maxsize=1)
def atlas_layers() -> dict[str, dict[str, dict[str, int]]]:
    """Return what is in the atlas: {net: {layer: {"channels", "side", "columns"}}}."""
    return json.loads((ATLAS / "atlas.json").read_text(encoding="utf-8"))


@lru_cache(maxsize=4)
def atlas_tiles(net: str, layer: str) -> Images:
    """Load the pictures of all channels of a layer.

    Args:
        net: the name of a network, such as "tinynet_robust".
        layer: the name of a layer.

    Returns:
        (channels, side, side, 3) float32 in [0, 1].

    Raises:
        ValueError: for a layer that is not in the atlas; it lists those that are.
    """
    known = atlas_layers().get(net, {})
    if layer not in known:
        here = ", ".join(known) or "none"
        raise ValueError(
            f"The atlas has no pictures of {layer} of {net}; the layers of {net} in it: {here}."
        )
    shape = known[layer]
    side = shape["side"]
    with PillowImage.open(ATLAS / net / f"{layer}.webp") as sheet:
        pixels = np.asarray(sheet.convert("RGB"), np.float32) / 255
    rows = pixels.reshape(-1, side, shape["columns"], side, 3).swapaxes(1, 2)
    return rows.reshape(-1, side, side, 3)[: shape["channels"]]
