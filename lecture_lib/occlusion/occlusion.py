"""Maps from hiding: how a score falls when a part of the picture is covered, patch by patch (occlusion) or fairly shared (Shapley).

What is hidden is a mask (H, W), True where something covers the picture. What lies there instead is the `fill`: a number, a color
(C,) or a picture (H, W, C) in [0, 1], for example a blurred copy.
"""

from functools import partial
from itertools import chain

import numpy as np

from lecture_lib.core.gradients import value
from lecture_lib.core.scores import class_probability
from lecture_lib.models.backend import tf
from lecture_lib.models.batching import batches, counted
from lecture_lib.models.inference import as_tuple, one_image
from lecture_lib.occlusion.incremental import incremental_values


def occlusion_map(
    model,
    image,
    class_index,
    *,
    patch=None,
    stride=None,
    fill=0.5,
    of=class_probability,
    below=None,
):
    """P_c(I) − P_c(I, patch covered), at each pixel the mean over the patches that cover it.

    image: (H, W, C) in [0, 1]. class_index: 0..classes-1. patch: the side of the square in pixels, by default a quarter of the picture's
    shorter side; stride: how far it moves, 1..patch, by default a quarter of the patch; the last of a row ends at the edge. fill: what
    covers. of: the score that falls. below: a layer that the whole net goes through, or several in the order of the net; up to the last,
    only what the patch touches is computed anew, from one to the next (`touched`): the same map for less. Returns (H, W) float32 in units
    of that score: above 0 where the class needs what is there, below 0 where that speaks against it. An interrupt returns the map of the
    patches reached, 0 elsewhere.
    Raises ValueError for no image, no class, a patch larger than the picture or a stride larger than the patch.
    Source: Zeiler and Fergus, Visualizing and understanding convolutional networks, 2014.
    """
    image, score_of = one_image(model, image), partial(of, class_index=class_index)
    rows, columns = patch_places(image.shape[:2], patch=patch, stride=stride)
    drops, reached = np.zeros((2, len(rows) * len(columns)), np.float32)
    if below is None:
        masks = (row[:, None] & column for row in rows for column in columns)
        values = masked_scores(
            score_of(model),
            image,
            chain([np.zeros(image.shape[:2], bool)], masks),
            fill=fill,
            count=1 + len(drops),
        )
    else:
        values = incremental_values(
            model,
            image,
            (rows, columns),
            layers=as_tuple(below),
            fill=as_fill(fill, image),
            score_of=score_of,
        )
    whole = next(values)
    try:
        for place, covered in enumerate(values):
            drops[place], reached[place] = whole - covered, 1
    except KeyboardInterrupt:
        pass  # what was reached
    over_pixels = lambda numbers: (
        rows.T.astype(np.float32) @ numbers.reshape(len(rows), -1) @ columns
    )
    return over_pixels(drops) / np.maximum(over_pixels(reached), 1)


def patch_places(shape, *, patch=None, stride=None):
    """Where a patch comes to lie: (rows (n, H), columns (m, W)), boolean; the patch at place (i, j) covers rows[i] and columns[j]."""
    patch = max(1, min(shape) // 4) if patch is None else patch
    stride = max(1, round(patch / 4)) if stride is None else stride
    if not (
        1 <= patch <= min(shape)
        and 1 <= stride <= patch
        and int(patch) == patch
        and int(stride) == stride
    ):
        raise ValueError(
            f"The patch has 1 to {min(shape)} pixels a side and moves by 1 to {patch}; these were {patch} and {stride}."
        )
    ends = [np.append(np.arange(patch, side, stride), side)[:, None] for side in shape]
    return [
        (end - patch <= np.arange(side)) & (np.arange(side) < end)
        for end, side in zip(ends, shape, strict=True)
    ]


def masked_scores(score, image, masks, *, fill=0.5, count=None):
    """The score of the picture with each of the masks hidden, one number after another: S(I where visible, fill where hidden).

    masks: any number of (H, W) booleans, taken in batches; the pictures themselves only come into being in the compiled graph.
    fill: a number, a color (C,) or a picture (H, W, C) in [0, 1]. count: how many masks there are, for the bar of a long run.
    """
    fill = as_fill(fill, image)
    keywords = {
        "function": getattr(score, "func", score),
        "image": image,
        "fill": fill,
        **getattr(score, "keywords", {}),
    }
    yield from counted(
        partial(value, partial(_hidden_value, **keywords)),
        batches(mask[..., None] for mask in masks),
        count=count,
    )


def _hidden_value(masks, *, function, image, fill, **keywords):
    return function(tf.where(masks > 0, fill, image), **keywords)


def as_fill(fill, image):
    """The fill as a picture (H, W, C) float32; raises ValueError unless it is a number, a color or a picture in [0, 1]."""
    given = np.asarray(fill, np.float32)
    if (
        given.shape not in ((), image.shape[2:], image.shape)
        or not ((given >= 0) & (given <= 1)).all()
    ):
        raise ValueError(
            f"The fill is a number, a color {image.shape[2:]} or a picture {image.shape}, in [0, 1]; this is {given.shape}."
        )
    return np.broadcast_to(given, image.shape)
