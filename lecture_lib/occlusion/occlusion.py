"""Occlusion maps: how a score falls when a patch covers a part of the image.

What is hidden is a mask (H, W), True where something covers the image. What lies there instead is
the fill: a number, a color (C,) or an image (H, W, C) in [0, 1], for example a blurred copy.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import partial
from itertools import chain

import numpy as np
from jaxtyping import Bool

from lecture_lib.core.gradients import value
from lecture_lib.core.scores import (
    Score,
    as_part,
    class_log_probability,
    class_margin,
    class_probability,
    class_score,
)
from lecture_lib.datasets.images import as_image
from lecture_lib.datasets.shapes import Image, Map, Mask, Network, Tensor, TensorImages
from lecture_lib.models.backend import tf
from lecture_lib.models.batching import batches, with_progress
from lecture_lib.models.checks import one_class, one_image
from lecture_lib.models.large_images import at_a_size_for_networks
from lecture_lib.models.layers import as_tuple
from lecture_lib.models.remarks import say_interrupted
from lecture_lib.occlusion.incremental import incremental_values
from lecture_lib.occlusion.reuse import layers_to_reuse

Fill = float | np.ndarray
Sides = int | tuple[int, int]  # of a square, or (rows, columns)
# For each place of the patch along one axis, which pixels of that axis it covers.
Places = Bool[np.ndarray, "_ _"]
# They see the image through the network alone, so that the rest of a network can take its place.
SCORES_OF_A_CLASS = (class_probability, class_score, class_log_probability, class_margin)


@at_a_size_for_networks
def occlusion_map(
    model: Network,
    image: Image,
    class_index: int,
    *,
    patch: Sides | None = None,
    stride: Sides | None = None,
    fill: Fill = 0.5,
    score: Callable = class_probability,
    reuse_layers: str | Sequence[str] | None = "auto",
    watch: Callable | None = None,
) -> Map:
    """Map how far a score falls when a patch covers a part of the image.

    M[r, k] = mean of S(I) − S(I with a patch covered), over the patches that cover pixel (r, k)

    Every fourth place along each axis comes first, then every second, then the rest: after a small
    part of the time there is a coarse map of the whole image.

    Args:
        model: images -> logits (N, classes).
        image: I, (H, W, C) in [0, 1].
        class_index: c, 0..classes-1.
        patch: the side of the square in pixels, 1..min(H, W), by default a quarter of the shorter
            side; or (height, width) of a rectangle.
        stride: how far the patch moves in pixels, 1..patch, by default a quarter of the patch; or
            (down, to the right). The last patch of a row ends at the edge of the image.
        fill: what covers: a number, a color (C,) or an image (H, W, C) in [0, 1].
        score: (model, class_index) -> the score that falls, such as `class_score`, or a function of
            your own that returns any function images -> (N,).
        reuse_layers: where to compute only what a patch changes, which gives the same map in less
            time. "auto" chooses layers where that pays, for the scores of a class in core.scores.
            None computes the whole network for every patch. Or the name of a layer that the whole
            network goes through, or several in forward order, for a score that sees the image
            through the network alone.
        watch: (step, steps, map), called after every eighth patch with the map of the patches
            reached; returning True ends it there.

    Returns:
        (H, W) float32 in units of the score: above 0 where the class needs what is there, below 0
        where that speaks against it. An interrupt returns the map of the patches reached, 0
        elsewhere.

    Raises:
        ValueError: for anything but one image, for a class that the network does not have, a patch
            larger than the image, a stride larger than the patch, or a fill outside [0, 1].

    Source:
        Zeiler and Fergus, Visualizing and understanding convolutional networks, 2014.
    """
    image = one_image(model, image)
    class_index = one_class(model, class_index)
    patches = patch_places(image.shape[:2], patch=patch, stride=stride)
    if isinstance(reuse_layers, str) and reuse_layers == "auto":
        sees_network_alone = score in SCORES_OF_A_CLASS
        reuse_layers = layers_to_reuse(model, image, patches) if sees_network_alone else None
    places = coarse_first(*map(len, patches))
    if not reuse_layers:
        values = _covered_values(score(model, class_index), image, patches, places, fill=fill)
    else:
        values = incremental_values(
            model,
            image,
            patches,
            places=places,
            layers=as_tuple(reuse_layers),
            fill=as_fill(fill, image),
            score_of=lambda net: score(net, class_index),
        )
    return _map_reached(values, places, patches, watch=watch)


def patch_places(
    shape: tuple[int, int], *, patch: Sides | None = None, stride: Sides | None = None
) -> tuple[Places, Places]:
    """Return where a patch comes to lie: the patch at place (i, j) covers rows[i] and columns[j].

    Args:
        shape: (H, W) in pixels.
        patch: the side of the square in pixels, 1..min(H, W), by default a quarter of the shorter
            side; or (height, width) of a rectangle.
        stride: how far the patch moves in pixels, 1..patch, by default a quarter of the patch; or
            (down, to the right).

    Returns:
        (rows, columns), booleans (n, H) and (m, W): which rows and which columns are covered.

    Raises:
        ValueError: for a patch larger than the image or a stride larger than the patch.
    """
    patch = max(1, min(shape) // 4) if patch is None else patch
    sides = _rows_and_columns(patch, what="patch")
    quarters = tuple(max(1, round(side / 4)) for side in sides)
    strides = _rows_and_columns(quarters if stride is None else stride, what="stride")
    axes = list(zip(shape, sides, strides, strict=True))
    if not all(_fits(*axis) for axis in axes):
        raise ValueError(
            f"The patch has 1 to {min(shape)} pixels a side and moves by 1 to its own side; these "
            f"were {patch} and {strides if stride is None else stride}."
        )
    rows, columns = [_places_along(*axis) for axis in axes]
    return rows, columns


def coarse_first(rows: int, columns: int) -> list[tuple[int, int]]:
    """Return the places (i, j) of a table in the order in which an interlaced picture is loaded.

    Every fourth row and column first, and the last ones; then every second; then all others.

    Args:
        rows: how many, 1 or more.
        columns: how many, 1 or more.

    Returns:
        rows · columns pairs, i in 0..rows-1 and j in 0..columns-1.
    """
    # A place comes with the later one of its row and its column.
    rounds = np.maximum.outer(_interlaced(rows), _interlaced(columns))
    order = np.argsort(rounds, axis=None, kind="stable")
    return [divmod(int(place), columns) for place in order]


def _interlaced(count: int) -> np.ndarray:
    """In which round each of `count` lines comes: 0, 1 or 2."""
    lines = np.arange(count)
    rounds = np.where(lines % 4 == 0, 0, np.where(lines % 2 == 0, 1, 2))
    rounds[-1] = 0
    return rounds


def _rows_and_columns(given: Sides, *, what: str) -> tuple[float, float]:
    """What counts along rows and along columns: two numbers, or one for both."""
    numbers = (given, given) if np.ndim(given) == 0 else tuple(given)
    if len(numbers) != 2:
        raise ValueError(
            f"The {what} is one number or two, (rows, columns), in pixels; this was {given}."
        )
    return numbers


def _fits(whole: int, side: float, step: float) -> bool:
    return _is_whole_number(side, whole) and _is_whole_number(step, side)


def _is_whole_number(number: float, largest: float) -> bool:
    return 1 <= number <= largest and int(number) == number


def _places_along(side: int, patch: int, stride: int) -> Places:
    """Which pixels of an axis each patch covers; the last patch ends at the edge."""
    ends = np.append(np.arange(patch, side, stride), side)[:, None]  # (places, 1)
    pixels = np.arange(side)
    return (ends - patch <= pixels) & (pixels < ends)  # (places, side)


def masked_scores(
    score: Score | Callable,
    image: Image,
    masks: Iterable[Mask],
    *,
    fill: Fill = 0.5,
    count: int | None = None,
) -> Iterator[np.float32]:
    """Yield the score of the image under each of the masks: S(I where visible, fill where hidden).

    The masks are taken in batches, and the hidden images come into being inside the compiled graph
    only, so that any number of masks fits into memory.

    Args:
        score: images (N, H, W, C) -> one number per image (N,).
        image: I, (H, W, C) in [0, 1].
        masks: (H, W) booleans each, True where the image is hidden.
        fill: what covers: a number, a color (C,) or an image (H, W, C) in [0, 1].
        count: how many masks there are, for the progress bar of a long run.

    Raises:
        ValueError: for anything but one image, and for a fill that is none of these.
    """
    image = as_image(image, channels=np.shape(image)[-1])
    # To the composed score the masks are its images: S(hide(mask, I, fill)).
    of_masks = as_part(score).of(_hide, image, as_fill(fill, image))
    stacks = batches(mask[..., None] for mask in masks)  # (n, H, W, 1) each
    yield from with_progress(partial(value, of_masks), stacks, count=count)


def _hide(masks: Tensor, image: Tensor, fill: Tensor) -> TensorImages:
    return tf.where(masks > 0, fill, image)


def as_fill(fill: Fill, image: Image) -> Image:
    """Return the fill as an image, which may be a number, a color or an image itself.

    Args:
        fill: a number, a color (C,) or an image (H, W, C), in [0, 1].
        image: (H, W, C), for its shape.

    Returns:
        (H, W, C) float32.

    Raises:
        ValueError: for another shape, or numbers outside [0, 1].
    """
    given = np.asarray(fill, np.float32)
    has_a_shape_that_fits = given.shape in ((), image.shape[2:], image.shape)
    if not has_a_shape_that_fits or not ((given >= 0) & (given <= 1)).all():
        raise ValueError(
            f"The fill is a number, a color {image.shape[2:]} or an image {image.shape}, in "
            f"[0, 1]; this is {given.shape}."
        )
    return np.broadcast_to(given, image.shape)


# The steps of an occlusion map


def _covered_values(
    score: Score | Callable,
    image: Image,
    patches: tuple[Places, Places],
    places: list[tuple[int, int]],
    *,
    fill: Fill,
) -> Iterator[np.float32]:
    """S(I), then S(I with a patch covered) for each place, each through the whole network."""
    rows, columns = patches
    nothing = np.zeros(image.shape[:2], bool)
    masks = (rows[i][:, None] & columns[j] for i, j in places)
    return masked_scores(score, image, chain([nothing], masks), fill=fill, count=1 + len(places))


def _map_reached(
    values: Iterator[np.float32],
    places: list[tuple[int, int]],
    patches: tuple[Places, Places],
    *,
    watch: Callable | None,
) -> Map:
    """The map of S(I), then S(I with a patch covered) for each place, until an interrupt."""
    drops = np.full((len(patches[0]), len(patches[1])), np.nan, np.float32)  # until reached
    whole = next(values)
    try:
        for step, (place, covered) in enumerate(zip(places, values, strict=True), start=1):
            drops[place] = whole - covered
            if watch and _is_due(step, len(places)):
                heatmap = _mean_over_patches(drops, *patches)
                if watch(step, len(places), heatmap):
                    return heatmap
    except KeyboardInterrupt:
        reached = int(np.isfinite(drops).sum())
        say_interrupted(f"The map shows {reached} of {len(places)} patches, and 0 elsewhere.")
    return _mean_over_patches(drops, *patches)


def _is_due(step: int, steps: int) -> bool:
    return step % 8 == 0 or step == steps


def _mean_over_patches(drops: np.ndarray, rows: Places, columns: Places) -> Map:
    """At each pixel, the mean drop over the patches that cover it; 0 where none was reached."""
    totals = _sum_over_patches(np.nan_to_num(drops), rows, columns)
    counts = _sum_over_patches(np.isfinite(drops), rows, columns)
    return totals / np.maximum(counts, 1)


def _sum_over_patches(numbers: np.ndarray, rows: Places, columns: Places) -> Map:
    """Σ_ij rows[i, r] · numbers[i, j] · columns[j, k] for each pixel (r, k)."""
    # Each number goes to all pixels of its patch. Not @, whose threads would wait for one another
    # longer than so small products take.
    along_rows = np.einsum("ir,ij->rj", rows.astype(np.float32), numbers.astype(np.float32))
    return np.einsum("rj,jk->rk", along_rows, columns.astype(np.float32))
