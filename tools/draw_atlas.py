"""Draw the atlas: a picture that maximizes each channel of some layers, for data/atlas.

    python tools/draw_atlas.py [NET [LAYER ...]]

Gradient ascent on Fourier coefficients, many channels side by side, on the layer before the ReLU.
Early layers see little, so their pictures are small. About 20 minutes of processor time; each
finished layer lies in checkpoints/atlas, so that an interrupted run goes on where it stopped.
"""

import json
import sys
from math import ceil, sqrt
from pathlib import Path
from typing import NamedTuple

import numpy as np
from PIL import Image

from lecture_lib.class_visualization import maximize_fourier
from lecture_lib.core.layer_scores import channel_score
from lecture_lib.core.transforms import random_fourier_coefficients
from lecture_lib.datasets.images import resize_image, to_uint8
from lecture_lib.microscope import before_relu
from lecture_lib.models.layers import features
from lecture_lib.models.remarks import interrupts_passed_on
from lecture_lib.models.zoo import load_model

COURSE = Path(__file__).resolve().parent.parent
FINISHED = COURSE / "checkpoints" / "atlas"
ATLAS = COURSE / "data" / "atlas"
TOGETHER = 32  # channels that ascend side by side


class Drawing(NamedTuple):
    """How the channels of a layer are drawn: side in pixels, steps, side of a tile, quality.

    The mean of a linear filter over all positions sees nothing but the mean color; so the first
    layer is maximized behind its ReLU, all others before it, where no channel is silent.
    """

    size: int
    steps: int
    tile: int
    quality: int
    behind_relu: bool = False
    shift: float = 0.06  # of the jitter
    zoom: float = 0.12


LAYERS = {
    "tinynet_robust": {
        "edges": Drawing(32, 64, 40, 60, behind_relu=True),
        "block1_relu": Drawing(32, 48, 40, 60),
        "block1": Drawing(48, 48, 48, 60),
        "block2_relu": Drawing(48, 48, 48, 60),
        "block2": Drawing(64, 64, 48, 60),
        "block3_relu": Drawing(64, 64, 48, 60),
        "block3": Drawing(64, 64, 48, 60),
        "block4_relu": Drawing(64, 64, 48, 60),
        "block4": Drawing(64, 96, 56, 60),
    },
    "efficientnet_lite0": {
        "block5_expand_relu": Drawing(64, 64, 48, 60),
        "block8_expand_relu": Drawing(80, 64, 48, 60),
        "block12_expand_relu": Drawing(96, 80, 56, 55),
        "head_relu": Drawing(112, 64, 56, 50, shift=0.12, zoom=0.25),
    },
}


def score_of(model, layer, channels, drawing):
    """What is maximized for channels of a layer, side by side."""
    before = channel_score(model, before_relu(model, layer), channels)
    if not drawing.behind_relu:
        return before
    # The small part before the ReLU wakes those that are silent at the start.
    return channel_score(model, layer, channels) + 0.1 * before


def draw_layer(net, layer, drawing):
    """The pictures of all channels of a layer, (channels, size, size, 3) uint8."""
    model = load_model(net)
    count = features(model, layer).shape[-1]
    images = []
    for start in range(0, count, TOGETHER):
        channels = np.arange(start, min(start + TOGETHER, count))
        reached = maximize_fourier(
            score_of(model, layer, channels, drawing),
            random_fourier_coefficients(len(channels), drawing.size),
            steps=drawing.steps,
            shift=drawing.shift,
            zoom=drawing.zoom,
        )
        images += list(to_uint8(reached.images))
        print(f"{net}, {layer}: {len(images)} of {count}", flush=True)
    return np.stack(images)


def load_or_draw(net, layer, drawing):
    """The pictures of a layer, from the file of an earlier run where there is one."""
    path = FINISHED / net / f"{layer}.npy"
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        part = path.with_suffix(".part.npy")
        with interrupts_passed_on():  # a picture that was cut short would count as finished
            np.save(part, draw_layer(net, layer, drawing))
        part.replace(path)
    return np.load(path)


def write_sheet(images, path, drawing):
    """Write pictures as one sheet of tiles; return what atlas.json says of it."""
    tiles = [to_uint8(resize_image(image / np.float32(255), drawing.tile)) for image in images]
    columns = ceil(sqrt(len(tiles)))
    missing = -len(tiles) % columns
    tiles += [np.full_like(tiles[0], 255)] * missing
    rows = np.stack(tiles).reshape(-1, columns, drawing.tile, drawing.tile, 3).swapaxes(1, 2)
    sheet = rows.reshape(-1, columns * drawing.tile, 3)
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(sheet).save(path, "WEBP", quality=drawing.quality, method=6)
    return {"channels": len(images), "side": drawing.tile, "columns": columns}


def main(net=None, *layers):
    """Draw what is asked for, by default all, and write atlas.json."""
    for name in [net] if net else LAYERS:
        for layer in layers or LAYERS[name]:
            load_or_draw(name, layer, LAYERS[name][layer])
    table = {}
    for name, drawings in LAYERS.items():
        table[name] = {}
        for layer, drawing in drawings.items():
            path = FINISHED / name / f"{layer}.npy"
            if path.exists():
                sheet = ATLAS / name / f"{layer}.webp"
                table[name][layer] = write_sheet(np.load(path), sheet, drawing)
    (ATLAS / "atlas.json").write_text(json.dumps(table, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main(*sys.argv[1:])
