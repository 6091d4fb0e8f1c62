"""What a net of windows says at worst when some pixels of a black and white picture may be set at will: found, not sampled.

A net without padding that ends in one linear layer is a sum: each place of its last map is a window on a few pixels, and adds its part to
every score. k open pixels give 2^k pictures; but a window that sees three of them knows eight cases only.
"""

from functools import lru_cache
from itertools import product
from typing import NamedTuple

import numpy as np

from lecture_lib.models.backend import keras
from lecture_lib.models.inference import compiled_outputs, layer_names
from lecture_lib.models.receptive_field import receptive_field
from lecture_lib.models.surgery import rebuild

MOST_SEEN = 14  # open pixels of one window: 2^14 cases
NO_SUM = "This net is no sum over windows; give convolutions and pools without padding, then one linear layer."


class _Windows(NamedTuple):
    """A net as Σ over windows of features(window) · weights[window] + bias: their boxes, and the net for one window."""

    boxes: list
    net: keras.Model
    weights: np.ndarray
    bias: np.ndarray


@lru_cache(maxsize=4)
def _windows(model):
    layer, head = layer_names(model)[-1:], model.layers[-1]
    shape = model.get_layer(layer[0]).output.shape[1:] if layer else (None,)
    if (
        None in shape
        or not isinstance(head, keras.layers.Dense)
        or head.kernel.shape[0] != np.prod(shape)
    ):
        raise ValueError(NO_SUM)
    size = model.input.shape[1:3]
    boxes = [
        receptive_field(model, layer[0], *place, image_shape=size)
        for place in np.ndindex(shape[:2])
    ]
    sides = {(box.bottom - box.top, box.right - box.left) for box in boxes}
    if len(sides) > 1:
        raise ValueError(NO_SUM)
    net = rebuild(
        keras.Model(model.input, model.get_layer(layer[0]).output),
        shape=(*sides.pop(), model.input.shape[-1]),
    )
    return _Windows(
        boxes, net, head.kernel.numpy().reshape(len(boxes), shape[-1], -1), head.bias.numpy()
    )


def lowest_margin(model, pattern, open_pixels, *, label, together=18, enough=np.inf):
    """min over rivals and over all settings of the open pixels of S_label − S_rival, or a bound below it: (bound, pattern found).

    model: convolutions and pools without padding, then one linear layer. pattern: (H, W, C) of zeros and ones; open_pixels: booleans.
    First each window is at its own worst, whatever its neighbors say of the same pixel. Rivals that are not behind by `enough` then are
    asked again, with up to `together` of the pixels that several windows see at one value in all: exact, if there are no more of these.
    The bound is −∞ where a window sees more than 14 open pixels. Raises ValueError for a net that is no such sum of windows.
    """
    windows, places = _windows(model), np.argwhere(open_pixels)
    seen = [
        np.flatnonzero(
            (places[:, :2] >= box[:2]).all(axis=1) & (places[:, :2] < box[2:]).all(axis=1)
        )
        for box in windows.boxes
    ]
    if max(map(len, seen)) > MOST_SEEN:
        return -np.inf, pattern
    tables = _tables(windows, pattern, places, seen)
    times = np.bincount(np.concatenate(seen).astype(int), minlength=len(places))
    shared = sorted(np.argsort(-times, kind="stable")[: min(together, (times > 1).sum())].tolist())
    lowest, choice = np.inf, np.zeros(len(places))
    for rival in np.delete(np.arange(len(windows.bias)), label):
        gaps, ahead = (
            [table[..., label] - table[..., rival] for table in tables],
            windows.bias[label] - windows.bias[rival],
        )
        for joint in [], shared:
            total, bits = _least_sum(gaps, seen, joint, count=len(places))
            if total + ahead > enough:
                break
        lowest, choice = (total + ahead, bits) if total + ahead < lowest else (lowest, choice)
    found = pattern.copy()
    found[tuple(places.T)] = choice
    return lowest, found


def _tables(windows, pattern, places, seen):
    """For each window the scores (2, ..., 2, classes) that it adds, one axis for each fragile pixel it sees."""
    crops = []
    for box, pixels in zip(windows.boxes, seen, strict=True):
        choices = np.array(list(product((0, 1), repeat=len(pixels))), np.float32).reshape(
            2 ** len(pixels), len(pixels)
        )
        crop = np.repeat(
            pattern[None, box.top : box.bottom, box.left : box.right], len(choices), axis=0
        )
        rows, columns, channels = (places[pixels] - (box.top, box.left, 0)).T
        crop[:, rows, columns, channels] = choices
        crops.append(crop)
    layer, ends = windows.net.layers[-1].name, np.cumsum([len(crop) for crop in crops])
    ask, crops = compiled_outputs(windows.net, (layer,)), np.concatenate(crops)
    features = np.concatenate(
        [ask(crops[i : i + 2048])[layer].numpy()[:, 0, 0] for i in range(0, len(crops), 2048)]
    )
    parts = zip(np.split(features, ends[:-1]), windows.weights, seen, strict=True)
    return [(part @ weights).reshape(*(2,) * len(pixels), -1) for part, weights, pixels in parts]


def _least_sum(tables, seen, joint, *, count):
    """min over patterns of Σ tables, where the pixels `joint` agree in all windows and the others may differ: (sum, the pattern's bits)."""
    total, bits = np.zeros([1] * len(joint)), np.zeros(count)
    for table, pixels in zip(tables, seen, strict=True):
        alone = tuple(axis for axis, pixel in enumerate(pixels) if pixel not in joint)
        total = total + table.min(axis=alone).reshape(
            [2 if pixel in pixels else 1 for pixel in joint]
        )
    place = dict(zip(joint, np.unravel_index(total.argmin(), total.shape), strict=True))
    bits[list(place)] = list(place.values())
    for table, pixels in zip(tables, seen, strict=True):
        rest = table[tuple(place.get(pixel, slice(None)) for pixel in pixels)]
        bits[[pixel for pixel in pixels if pixel not in place]] = np.unravel_index(
            rest.argmin(), rest.shape
        )
    return total.min(), bits
