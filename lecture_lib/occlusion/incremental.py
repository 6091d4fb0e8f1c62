"""Occlusion at a part of its price: compute anew only what a patch changes.

A patch changes only those positions of a layer's map that read one of its pixels, and these read
only a window of the image around the patch. So the network computes the map of the whole image
once. For each patch it then computes the map of the window alone, and puts the changed positions
into a copy of the whole map. Along one axis, for a patch of 4 pixels and a convolution of 3:

    image, patch covered       . . . . . . # # # # . . . . . .
    window of it                       . . # # # # . .            read: all that the x need
    map of the window                  o x x x x x x o            within: the x; the o lack a pixel
    whole map, updated         . . . . . x x x x x x . . . . .    changed: where the x are put in

Through several layers this goes on from one to the next: the x of one map are the # of the next.
What has changed grows on its way, slowly where kernels are small. After the last layer that was
named, the rest of the network is computed as a whole.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import partial
from itertools import pairwise
from typing import NamedTuple

import numpy as np

from lecture_lib.core.gradients import value
from lecture_lib.datasets.shapes import Image, Network, Tensor, TensorImages
from lecture_lib.models.backend import keras, tf
from lecture_lib.models.batching import batches, default_batch_size, with_progress
from lecture_lib.models.layers import map_features
from lecture_lib.models.per_model_cache import kept_with_model
from lecture_lib.models.receptive_field import read_along
from lecture_lib.models.surgery import clone, weight_synchronizer, with_attributes_of


class Window(NamedTuple):
    """What a patch changes along one axis, rows or columns, in the words of the figure above.

    Attributes:
        read: where the window lies on the map before.
        changed: the positions that change, counted on the whole map of the layer.
        within: the same positions, counted on the map of the window alone.
    """

    read: slice
    changed: slice
    within: slice


class Stage(NamedTuple):
    """A part of the network, from one map to the next.

    Attributes:
        layer: the name of the layer whose map it computes.
        net: the part as a Model, for maps of any height and width.
        forward: the same, compiled: maps (N, h, w, channels) -> maps of the layer.
    """

    layer: str
    net: Network
    forward: Callable


def incremental_values(
    model: Network,
    image: Image,
    patches: tuple[np.ndarray, np.ndarray],
    *,
    places: Sequence[tuple[int, int]],
    layers: Sequence[str],
    fill: Image,
    score_of: Callable,
) -> Iterator[np.float32]:
    """Yield the score of the image, then that of the image with each of the patches covered.

    S(I), S(I with patch 0 covered), S(I with patch 1 covered), ...

    Args:
        model: images -> logits (N, classes).
        image: I, (H, W, C) in [0, 1].
        patches: which rows (n, H) and which columns (m, W) they cover, booleans.
        places: (i, j) of each patch, in this order; it covers rows i and columns j.
        layers: names of layers that the whole network goes through, in forward order.
        fill: what covers, (H, W, C) in [0, 1].
        score_of: network -> score. It is given the rest of the network after the last layer, whose
            images are the maps of that layer.

    Raises:
        ValueError: for a layer without rows and columns, and for one that a part of the network
            bypasses.
    """
    stages, rest, take_weights = stages_of(model, tuple(layers))
    take_weights()  # the model may have learned since
    score = score_of(rest)
    batch_size = default_batch_size(image.shape)

    # Three things go from stage to stage, beginning with the image itself: the map of the whole
    # image; the maps under the patches, made one after another only when they are asked for; and
    # the rows and columns in which these differ.
    whole = image
    maps = _covered_images(image, patches, places, fill)
    changed = patches
    for stage in stages:
        windows = _windows_per_axis(stage, changed)
        whole = stage.forward(whole[None]).numpy()[0]
        of_patches = [(windows[0][i], windows[1][j]) for i, j in places]
        maps = _updated_maps(stage, maps, whole, windows=of_patches, batch_size=batch_size)
        changed = _changed_per_axis(windows, whole.shape[:2])

    # The rest of the network reads the last maps as a whole.
    yield value(score, whole)
    yield from with_progress(
        partial(value, score), batches(maps, size=batch_size), count=len(places)
    )


def _covered_images(
    image: Image,
    patches: tuple[np.ndarray, np.ndarray],
    places: Sequence[tuple[int, int]],
    fill: Image,
) -> Iterator[np.ndarray]:
    rows, columns = patches
    for i, j in places:
        covered = rows[i][:, None, None] & columns[j][:, None]  # (H, W, 1)
        yield np.where(covered, fill, image)


def _updated_maps(
    stage: Stage,
    maps: Iterable[np.ndarray],
    whole: np.ndarray,
    *,
    windows: Sequence[tuple[Window, Window]],
    batch_size: int,
) -> Iterator[np.ndarray]:
    """The map of a stage's layer under each patch: that of the whole image, updated in a window.

    maps: those of the layer before. whole: the map of the whole image, (h, w, channels). windows:
    of each patch, for rows and for columns.
    """
    # Cut the window of each patch out of the map before, and send the windows through the stage.
    crops = (
        before[rows.read, columns.read]
        for before, (rows, columns) in zip(maps, windows, strict=True)
    )
    window_maps = _in_batches(stage.forward, crops, batch_size)

    # Put what has changed into a copy of the whole map.
    for window_map, (rows, columns) in zip(window_maps, windows, strict=True):
        updated = whole.copy()
        updated[rows.changed, columns.changed] = window_map[rows.within, columns.within]
        yield updated


def _in_batches(
    forward: Callable, maps: Iterable[np.ndarray], batch_size: int
) -> Iterator[np.ndarray]:
    for batch in batches(maps, size=batch_size):
        yield from forward(batch).numpy()


# Where the windows lie


def changed_windows(reads: Callable[[int], np.ndarray], patches: np.ndarray) -> list[Window]:
    """Find for each patch, along one axis, the smallest window from which its changes are exact.

    All windows have one size, so that they go through the network together.

    Args:
        reads: side -> which positions of the map read which of `side` pixels, booleans (positions,
            side).
        patches: which pixels each patch covers, booleans (n, side).

    Returns:
        n windows.
    """
    side = patches.shape[1]
    reads_whole = reads(side)  # (positions, side)
    stride = _stride(reads_whole)

    # The positions that read a pixel of the patch change, and they need all the pixels they read.
    changed = [_span((reads_whole & patch).any(axis=1)) for patch in patches]
    needed = [_span(reads_whole[positions].any(axis=0)) for positions in changed]

    # Try sizes from the smallest that can hold these pixels. They are shorter than the axis by a
    # multiple of the stride, as "same" padding then falls in the window as it does on the axis. The
    # last size is the whole axis, which is exact in any case.
    smallest = max(read.stop - read.start for read in needed)
    for size in range(side - (side - smallest) // stride * stride, side + 1, stride):
        windows = [
            _place_window(size, read, positions, side=side, stride=stride)
            for read, positions in zip(needed, changed, strict=True)
        ]
        reads_window = reads(size)
        if all(_window_is_exact(window, reads_window, reads_whole) for window in windows):
            break
    return windows


def _stride(reads: np.ndarray) -> int:
    """How many pixels the next position reads farther on."""
    first_pixels = reads.argmax(axis=1)
    return int(np.diff(first_pixels).max(initial=1))


def _span(flags: np.ndarray) -> slice:
    """From the first place that is true to the last."""
    places = np.flatnonzero(flags)
    return slice(places[0], places[-1] + 1) if len(places) else slice(0, 1)


def _place_window(size: int, read: slice, changed: slice, *, side: int, stride: int) -> Window:
    """A window of `size` pixels, as near to the first pixel that has to be read as it fits in."""
    # It begins at a multiple of the stride, so that its map is a piece of the whole map: the piece
    # from position `first` on.
    first = min(read.start, side - size) // stride
    start = first * stride
    return Window(
        read=slice(start, start + size),
        changed=changed,
        within=slice(changed.start - first, changed.stop - first),
    )


def _window_is_exact(window: Window, reads_window: np.ndarray, reads_whole: np.ndarray) -> bool:
    """Whether the changed positions read in the window what they read of the whole axis."""
    in_window = reads_window[window.within]
    in_whole = reads_whole[window.changed]
    reads_the_same = np.array_equal(in_window, in_whole[:, window.read])
    reads_nothing_beyond = in_window.sum() == in_whole.sum()
    return reads_the_same and bool(reads_nothing_beyond)


def _windows_per_axis(stage: Stage, changed: Sequence[np.ndarray]) -> list[list[Window]]:
    """For rows and for columns, the window of each patch."""
    axes = zip(_reads_per_axis(stage), changed, strict=True)
    return [changed_windows(reads, flags) for reads, flags in axes]


def _reads_per_axis(stage: Stage) -> list[Callable[[int], np.ndarray]]:
    """For rows and for columns, a function from a side to which positions read which pixels."""
    return [partial(_reads_along, stage, axis) for axis in (0, 1)]


def _reads_along(stage: Stage, axis: int, side: int) -> np.ndarray:
    return read_along(stage.net, stage.layer, image_shape=(side, side))[axis]


def _changed_per_axis(
    windows: Sequence[list[Window]], shape: tuple[int, int]
) -> tuple[np.ndarray, np.ndarray]:
    """For rows and for columns, which positions of a map have changed: booleans (patches, side)."""
    rows, columns = zip(windows, shape, strict=True)
    return _changed_flags(*rows), _changed_flags(*columns)


def _changed_flags(windows: list[Window], side: int) -> np.ndarray:
    flags = np.zeros((len(windows), side), bool)
    for row, window in zip(flags, windows, strict=True):
        row[window.changed] = True
    return flags


# The network, cut into stages


@kept_with_model
def stages_of(model: Network, layers: tuple[str, ...]) -> tuple[list[Stage], Network, Callable]:
    """Cut a network at each of its layers that are named.

    Args:
        model: images -> logits (N, classes).
        layers: names of layers that the whole network goes through, in forward order.

    Returns:
        (stages, rest, take_weights): the stages up to the last layer, which are copies; a Model
        from the maps of that layer to the logits; and a function () -> None that gives the stages
        the weights which the model has by then.

    Raises:
        ValueError: for a layer without rows and columns, and for one that a part of the network
            bypasses.
    """
    # Cut: from the image to the first layer, from layer to layer, from the last to the logits.
    ends = [model.input, *(map_features(model, layer) for layer in layers), model.output]
    names = ("the image", *layers)
    *parts, rest = [
        _part_between(start, end, after=name)
        for (start, end), name in zip(pairwise(ends), names, strict=True)
    ]

    # Copy what comes before the rest, so that it takes maps of any size.
    copies = {}
    stages = []
    for layer, part in zip(layers, parts, strict=True):
        net = clone(part, shape=(None, None, part.input.shape[-1]), copies=copies)
        stages.append(Stage(layer, with_attributes_of(model, net), _compiled(net)))
    return stages, with_attributes_of(model, rest), weight_synchronizer(copies)


def _part_between(start: Tensor, end: Tensor, *, after: str) -> Network:
    """The part of a network from the map of the layer `after` to another."""
    try:
        return keras.Model(start, end)
    except ValueError:
        raise ValueError(
            f"A part of the network bypasses {after!r}; choose layers that all of it goes through, "
            "in forward order."
        ) from None


def _compiled(net: Network) -> Callable:
    """A network as a function of maps of any number and size, compiled once."""
    signature = [tf.TensorSpec((None, None, None, net.input.shape[-1]))]
    return tf.function(partial(_forward, net), autograph=False, input_signature=signature)


def _forward(net: Network, maps: TensorImages) -> Tensor:
    return net(maps, training=False)
