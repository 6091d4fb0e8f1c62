"""Occlusion for a part of its price: what a covered patch does not touch is not computed again.

A patch changes only those positions of a layer's map that read its pixels, and a window of the picture holds all that these read. So the
net computes the map of the whole picture once; then, for each patch, that of a window, puts what has changed into the first, and goes on.
"""

from functools import lru_cache, partial
from itertools import product
from typing import NamedTuple

import numpy as np

from lecture_lib.backend import keras
from lecture_lib.batches import at_once, batches, counted
from lecture_lib.gradients import value
from lecture_lib.models import compiled_outputs, map_features
from lecture_lib.receptive_field import read_along
from lecture_lib.surgery import rebuild, taking_weights


class Window(NamedTuple):
    """Along one axis: `pixels` to cut out, positions that have `changed` in the map of the picture, and `within` that of the window."""

    pixels: slice
    changed: slice
    within: slice


def touched_values(model, image, patches, *, layer, fill, score_of):
    """S(I), then S(I with a patch covered) for each patch, one number after another; up to φ_layer only what a patch touches is new.

    patches: which rows (n, H) and which columns (m, W) they cover, booleans; there are n · m. fill: (H, W, C). score_of: net -> score.
    Raises ValueError for a layer without rows and columns, and for one that a part of the net passes by.
    """
    front, back, take_weights = halves(model, layer)
    take_weights()  # the model may have learned since
    forward, score, size = compiled_outputs(front, (layer,)), score_of(back), at_once(image.shape)
    windows = [windows_of(along, covered) for along, covered in zip(_readers(front, layer), patches, strict=True)]
    places = list(product(zip(patches[0], windows[0], strict=True), zip(patches[1], windows[1], strict=True)))
    whole = forward(image[None])[layer].numpy()[0]
    crops = (_covered(image, fill, *place) for place in places)
    anew = (part for some in batches(crops, size=size) for part in forward(some)[layer].numpy())
    maps = (_with_part(whole, part, *place) for part, place in zip(anew, places, strict=True))
    yield value(score, whole)
    yield from counted(partial(value, score), batches(maps, size=size), count=len(places))


def _covered(image, fill, across, down):
    """The window of the picture around one patch, with the patch covered."""
    (row, rows), (column, columns) = across, down
    inside = row[rows.pixels, None, None] & column[columns.pixels, None]
    return np.where(inside, fill[rows.pixels, columns.pixels], image[rows.pixels, columns.pixels])


def _with_part(whole, part, across, down):
    """The map of the picture, with what has changed taken from the map of the window."""
    (_, rows), (_, columns) = across, down
    new = whole.copy()
    new[rows.changed, columns.changed] = part[rows.within, columns.within]
    return new


@lru_cache(maxsize=8)
def halves(model, layer):
    """The net cut in two at φ: Models from images of any size to φ and from φ to the scores; what gives the first the weights of now."""
    seen, copies = map_features(model, layer), {}
    front = rebuild(keras.Model(model.input, seen), shape=(None, None, model.input.shape[-1]), copies=copies)
    try:
        return front, keras.Model(seen, model.output), taking_weights(copies)
    except ValueError:
        raise ValueError(f"A part of the net passes by {layer!r}; choose a layer that all of it goes through.") from None


def windows_of(reads, patches):
    """The Window of each patch along one axis, all of one size: the smallest whose map reads there what the map of the picture reads.

    reads(side) -> which positions of the map read which of `side` pixels, booleans (positions, side). patches: (n, side), booleans.
    """
    side = patches.shape[1]
    whole = reads(side)
    stride = max(1, np.diff(whole.argmax(axis=1)).max(initial=1))
    changed = [_hull((whole & patch).any(axis=1)) for patch in patches]
    needed = [_hull(whole[positions].any(axis=0)) for positions in changed]
    smallest = max(pixels.stop - pixels.start for pixels in needed)
    for size in range(side - (side - smallest) // stride * stride, side + 1, stride):  # of all these sizes paddings fall alike
        first = [min(pixels.start, side - size) // stride for pixels in needed]
        windows = [Window(slice(at * stride, at * stride + size), positions, slice(positions.start - at, positions.stop - at))
                   for at, positions in zip(first, changed, strict=True)]  # fmt: skip
        if _serve(windows, reads(size), whole):
            return windows


def _serve(windows, own, whole):
    same = (np.array_equal(own[within], whole[changed, pixels]) for pixels, changed, within in windows)
    return all(same) and all(own[within].sum() == whole[changed].sum() for _, changed, within in windows)


def _hull(flags):
    """From the first that is true to the last, as a slice."""
    numbers = np.flatnonzero(flags)
    return slice(numbers[0], numbers[-1] + 1) if len(numbers) else slice(0, 1)


def _readers(front, layer):
    """For rows and for columns, who reads whom in a picture of a given side."""
    along = lambda axis: lambda side: read_along(front, layer, image_shape=(side, side))[axis]
    return along(0), along(1)
