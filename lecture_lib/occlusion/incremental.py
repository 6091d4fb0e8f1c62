"""Occlusion at a part of its price: compute anew only what a patch changes.

A patch changes only those positions of a layer's map that read one of its pixels, and these read
only a window of the image around the patch. So the network computes the map of the whole image
once. For each patch it then computes the map of the window alone, of which it needs the block that
changes. Along one axis, for a patch of 4 pixels and a convolution of 3:

    image, patch covered       . . . . . . # # # # . . . . . .
    window of it                       . . # # # # . .            read: all that the x need
    map of the window                  o x x x x x x o            within: the x; the o lack a pixel
    whole map, updated         . . . . . x x x x x x . . . . .    changed: where the x belong

Through several layers this goes on from one to the next: the x of one map are the # of the next.
What has changed grows on its way, slowly where kernels are small. After the last layer that was
named the block is put into a copy of the whole map, and the rest of the network reads all of it.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import partial
from itertools import pairwise
from typing import NamedTuple

import numpy as np

from lecture_lib.core.gradients import value
from lecture_lib.datasets.shapes import Image, Network, Tensor, TensorImages
from lecture_lib.models.backend import keras, tf
from lecture_lib.models.batching import batches, with_progress
from lecture_lib.models.layers import map_features
from lecture_lib.models.per_model_cache import kept_with_model
from lecture_lib.models.receptive_field import read_along
from lecture_lib.models.surgery import clone, weight_synchronizer, with_attributes_of


class Window(NamedTuple):
    """What a patch changes along one axis, rows or columns, in the words of the figure above.

    Attributes:
        read: where the window lies on the map before.
        covered: the positions that have changed before, the #, counted on the window.
        changed: the positions that change, counted on the whole map of the layer.
        within: the same positions, counted on the map of the window alone.
    """

    read: slice
    covered: slice
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
    blocks = _covered_blocks(image, patches, places, fill)
    whole, maps = _through_stages(stages, image, blocks, patches=patches, places=places)
    # Windows and maps are smaller than the image, so that more of them go through together.
    yield value(score, whole)
    yield from with_progress(partial(value, score), batches(maps), count=len(places))


def _covered_blocks(
    image: Image,
    patches: tuple[np.ndarray, np.ndarray],
    places: Sequence[tuple[int, int]],
    fill: Image,
) -> Iterator[np.ndarray]:
    """What lies where a patch is: the fill, and the image where its rows and columns leave it."""
    for i, j in places:
        rows, columns = patches[0][i], patches[1][j]
        block = _span(rows), _span(columns)
        covered = rows[block[0], None, None] & columns[block[1], None]
        yield np.where(covered, fill[block], image[block])


def _through_stages(
    stages: Sequence[Stage],
    image: Image,
    blocks: Iterator[np.ndarray],
    *,
    patches: tuple[np.ndarray, np.ndarray],
    places: Sequence[tuple[int, int]],
) -> tuple[np.ndarray, Iterator[np.ndarray]]:
    """The map of the last stage's layer: that of the whole image, and those under the patches."""
    # Three things go from stage to stage: the map of the whole image, the blocks of it that the
    # patches change, which come into being one after another only when they are asked for, and
    # the rows and columns that these take.
    whole = image
    changed = patches
    for stage in stages:
        windows = _windows_per_axis(stage, changed)
        of_patches = [(windows[0][i], windows[1][j]) for i, j in places]
        blocks = _changed_blocks(stage, blocks, whole, windows=of_patches)
        whole = stage.forward(whole[None]).numpy()[0]
        changed = _changed_per_axis(windows, whole.shape[:2])

    # What comes after the stages reads the whole map, with the block in its place.
    maps = (
        _with_block(whole, (rows.changed, columns.changed), block)
        for block, (rows, columns) in zip(blocks, of_patches, strict=True)
    )
    return whole, maps


def _changed_blocks(
    stage: Stage,
    blocks: Iterable[np.ndarray],
    before: np.ndarray,
    *,
    windows: Sequence[tuple[Window, Window]],
) -> Iterator[np.ndarray]:
    """The blocks of a stage's map that the patches change, from those of the map before.

    before: the map before of the whole image, (h, w, channels). windows: of each patch, for rows
    and for columns.
    """
    # Cut the window of each patch out of the map before, with what has changed in it.
    crops = (
        _with_block(before[rows.read, columns.read], (rows.covered, columns.covered), block)
        for block, (rows, columns) in zip(blocks, windows, strict=True)
    )

    # Send the windows through the stage. Where they lack a pixel, their maps are not right.
    window_maps = _in_batches(stage.forward, crops)
    for window_map, (rows, columns) in zip(window_maps, windows, strict=True):
        yield window_map[rows.within, columns.within]


def _with_block(values: np.ndarray, place: tuple[slice, slice], block: np.ndarray) -> np.ndarray:
    """A copy of a map, or of a window of it, with a block put in its place."""
    updated = values.copy()
    updated[place] = block
    return updated


def _in_batches(forward: Callable, maps: Iterable[np.ndarray]) -> Iterator[np.ndarray]:
    for batch in batches(maps):
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
    # The patch itself is needed too, also where a stride leaves out some of its pixels.
    covered = [_span(patch) for patch in patches]
    changed = [_span((reads_whole & patch).any(axis=1)) for patch in patches]
    needed = [
        _span(reads_whole[positions].any(axis=0) | patch)
        for positions, patch in zip(changed, patches, strict=True)
    ]

    # Try sizes from the smallest that can hold these pixels. They are shorter than the axis by a
    # multiple of the stride, as "same" padding then falls in the window as it does on the axis. The
    # last size is the whole axis, which is exact in any case.
    smallest = max(pixels.stop - pixels.start for pixels in needed)
    for size in range(side - (side - smallest) // stride * stride, side + 1, stride):
        windows = [
            _place_window(size, *places, side=side, stride=stride)
            for places in zip(needed, covered, changed, strict=True)
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
    if not flags.any():
        return slice(0, 1)
    return slice(int(flags.argmax()), len(flags) - int(flags[::-1].argmax()))


def _place_window(
    size: int, needed: slice, covered: slice, changed: slice, *, side: int, stride: int
) -> Window:
    """A window of `size` pixels, as near to the first pixel that it needs as it fits in."""
    # It begins at a multiple of the stride, so that its map is a piece of the whole map: the piece
    # from position `first` on.
    first = min(needed.start, side - size) // stride
    start = first * stride
    return Window(
        read=slice(start, start + size),
        covered=slice(covered.start - start, covered.stop - start),
        changed=changed,
        within=slice(changed.start - first, changed.stop - first),
    )


def _window_is_exact(window: Window, reads_window: np.ndarray, reads_whole: np.ndarray) -> bool:
    """Whether the changed positions read in the window what they read of the whole axis.

    And whether the window holds the patch.
    """
    in_window = reads_window[window.within]
    in_whole = reads_whole[window.changed]
    reads_the_same = np.array_equal(in_window, in_whole[:, window.read])
    reads_nothing_beyond = in_window.sum() == in_whole.sum()
    holds_the_patch = window.covered.stop <= window.read.stop - window.read.start
    return reads_the_same and bool(reads_nothing_beyond and holds_the_patch)


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
