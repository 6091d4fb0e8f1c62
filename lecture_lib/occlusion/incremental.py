"""Occlusion for a part of its price: what a covered patch does not touch is not computed again.

A patch changes only those positions of a layer's map that read its pixels, and a window holds all that these read. So the net computes
the maps of the whole picture once; then, for each patch, those of a window, puts what has changed into the first, and goes on from layer
to layer: what has changed grows, slowly where kernels are small, until the rest of the net reads all of it.
"""

from collections.abc import Callable
from functools import lru_cache, partial
from itertools import pairwise, product
from typing import NamedTuple

import numpy as np

from lecture_lib.core.gradients import value
from lecture_lib.models.backend import keras, tf
from lecture_lib.models.batching import batches, counted, default_batch_size
from lecture_lib.models.inference import map_features
from lecture_lib.models.receptive_field import read_along
from lecture_lib.models.surgery import rebuild, weight_synchronizer


class Window(NamedTuple):
    """Along one axis: what is `read` of the map before, what has `changed` of the next one, and `within` the window's own."""

    read: slice
    changed: slice
    within: slice


class Stage(NamedTuple):
    """A part of the net from one map to the `layer` of the next, on maps of any size: as a Model, and compiled."""

    layer: str
    net: keras.Model
    forward: Callable


def incremental_values(model, image, patches, *, layers, fill, score_of):
    """S(I), then S(I with a patch covered) for each patch, one number after another; up to the last layer only what it touches is new.

    patches: which rows (n, H) and which columns (m, W) they cover, booleans; there are n · m. layers: names, in the order of the net.
    fill: (H, W, C). score_of: net -> score. Raises ValueError for a layer without rows and columns, and for one that a part of the net
    passes by.
    """
    stages, rest, take_weights = stages_of(model, layers)
    take_weights()  # the model may have learned since
    whole, touched, size, score = image, patches, default_batch_size(image.shape), score_of(rest)
    maps = (
        np.where(row[:, None, None] & column[:, None], fill, image)
        for row, column in product(*patches)
    )
    for stage in stages:
        windows = [
            changed_windows(reads, flags)
            for reads, flags in zip(_reads_per_axis(stage), touched, strict=True)
        ]
        whole = stage.forward(whole[None]).numpy()[0]
        maps = _anew(stage, maps, whole, windows=windows, size=size)
        touched = [
            _changed(along, side) for along, side in zip(windows, whole.shape[:2], strict=True)
        ]
    yield value(score, whole)
    yield from counted(
        partial(value, score), batches(maps, size=size), count=len(patches[0]) * len(patches[1])
    )


def _anew(stage, maps, whole, *, windows, size):
    """The maps of a stage's layer, one after another: in each only a window is new, the rest is that of the whole picture."""
    places = list(product(*windows))
    crops = (
        before[rows.read, columns.read]
        for before, (rows, columns) in zip(maps, places, strict=True)
    )
    parts = (part for some in batches(crops, size=size) for part in stage.forward(some).numpy())
    for part, (rows, columns) in zip(parts, places, strict=True):
        new = whole.copy()
        new[rows.changed, columns.changed] = part[rows.within, columns.within]
        yield new


def _changed(windows, side):
    """Which of `side` positions have changed for each window, booleans (n, side)."""
    return np.stack(
        [
            (np.arange(side) >= window.changed.start) & (np.arange(side) < window.changed.stop)
            for window in windows
        ]
    )


@lru_cache(maxsize=8)
def stages_of(model, layers):
    """The net cut at each layer: [Stage, ...] up to the last of them, a Model from there to the scores, and what gives the stages the
    weights of now. layers: a tuple of names."""
    copies, ends = (
        {},
        [model.input, *(map_features(model, layer) for layer in layers), model.output],
    )
    *before, rest = [
        _between(*pair, after=layer)
        for pair, layer in zip(pairwise(ends), ("the picture", *layers), strict=True)
    ]
    nets = [rebuild(net, shape=(None, None, net.input.shape[-1]), copies=copies) for net in before]
    return (
        [Stage(layer, net, _compiled(net)) for layer, net in zip(layers, nets, strict=True)],
        rest,
        weight_synchronizer(copies),
    )


def _between(start, end, *, after):
    """The part of a net from the map of the layer `after` to another."""
    try:
        return keras.Model(start, end)
    except ValueError:
        raise ValueError(
            f"A part of the net passes by {after!r}; choose layers that all of it goes through, in the order in which it "
            "does."
        ) from None


def _compiled(net):
    """A net as a function of maps of any number and size, compiled once."""
    signature = [tf.TensorSpec((None, None, None, net.input.shape[-1]))]
    return tf.function(
        lambda maps: net(maps, training=False), autograph=False, input_signature=signature
    )


def changed_windows(reads, patches):
    """The Window of each patch along one axis, all of one size: the smallest whose map reads there what the map of the picture reads.

    reads(side) -> which positions of the map read which of `side` pixels, booleans (positions, side). patches: (n, side), booleans.
    """
    side = patches.shape[1]
    whole = reads(side)
    stride = max(1, np.diff(whole.argmax(axis=1)).max(initial=1))
    changed = [_hull((whole & patch).any(axis=1)) for patch in patches]
    needed = [_hull(whole[positions].any(axis=0)) for positions in changed]
    smallest = max(read.stop - read.start for read in needed)
    for size in range(
        side - (side - smallest) // stride * stride, side + 1, stride
    ):  # of all these sizes paddings fall alike
        first = [min(read.start, side - size) // stride for read in needed]
        windows = [
            Window(
                slice(at * stride, at * stride + size),
                positions,
                slice(positions.start - at, positions.stop - at),
            )
            for at, positions in zip(first, changed, strict=True)
        ]
        if _serve(windows, reads(size), whole):
            return windows


def _serve(windows, own, whole):
    same = (np.array_equal(own[within], whole[changed, read]) for read, changed, within in windows)
    return all(same) and all(
        own[within].sum() == whole[changed].sum() for _, changed, within in windows
    )


def _hull(flags):
    """From the first that is true to the last, as a slice."""
    numbers = np.flatnonzero(flags)
    return slice(numbers[0], numbers[-1] + 1) if len(numbers) else slice(0, 1)


def _reads_per_axis(stage):
    """For rows and for columns, who reads whom in a map of a given side."""
    along = lambda axis: (
        lambda side: read_along(stage.net, stage.layer, image_shape=(side, side))[axis]
    )
    return along(0), along(1)
