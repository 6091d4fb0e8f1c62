"""Maps from hiding: how a score falls when a part of the picture is covered, patch by patch (occlusion) or fairly shared (Shapley).

What is hidden is a mask (H, W), True where something covers the picture. What lies there instead is the `fill`: a number, a colour
(C,) or a picture (H, W, C) in [0, 1], for example a blurred copy.
"""

from functools import partial
from itertools import chain
from math import factorial
from typing import NamedTuple

import numpy as np

from lecture_lib.backend import tf
from lecture_lib.batches import batches, counted
from lecture_lib.gradients import value
from lecture_lib.models import as_names
from lecture_lib.saliency import one_image
from lecture_lib.scores import class_probability, class_score
from lecture_lib.touched import touched_values

MOST_PARTS = 16  # 16 parts can be hidden in 65,536 ways


def occlusion_map(model, image, class_index, *, patch=None, stride=None, fill=0.5, of=class_probability, below=None):
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
        values = hidden_values(score_of(model), image, chain([np.zeros(image.shape[:2], bool)], masks), fill=fill, count=1 + len(drops))
    else:
        values = touched_values(model, image, (rows, columns), layers=as_names(below), fill=as_fill(fill, image), score_of=score_of)
    whole = next(values)
    try:
        for place, covered in enumerate(values):
            drops[place], reached[place] = whole - covered, 1
    except KeyboardInterrupt:
        pass  # what was reached
    over_pixels = lambda numbers: rows.T.astype(np.float32) @ numbers.reshape(len(rows), -1) @ columns
    return over_pixels(drops) / np.maximum(over_pixels(reached), 1)


def patch_places(shape, *, patch=None, stride=None):
    """Where a patch comes to lie: (rows (n, H), columns (m, W)), boolean; the patch at place (i, j) covers rows[i] and columns[j]."""
    patch = max(1, min(shape) // 4) if patch is None else patch
    stride = max(1, round(patch / 4)) if stride is None else stride
    if not (1 <= patch <= min(shape) and 1 <= stride <= patch and int(patch) == patch and int(stride) == stride):
        raise ValueError(f"The patch has 1 to {min(shape)} pixels a side and moves by 1 to {patch}; these were {patch} and {stride}.")
    ends = [np.append(np.arange(patch, side, stride), side)[:, None] for side in shape]
    return [(end - patch <= np.arange(side)) & (np.arange(side) < end) for end, side in zip(ends, shape, strict=True)]


def hidden_values(score, image, masks, *, fill=0.5, count=None):
    """The score of the picture with each of the masks hidden, one number after another: S(I where visible, fill where hidden).

    masks: any number of (H, W) booleans, taken in batches; the pictures themselves only come into being in the compiled graph.
    fill: a number, a colour (C,) or a picture (H, W, C) in [0, 1]. count: how many masks there are, for the bar of a long run.
    """
    fill = as_fill(fill, image)
    keywords = {"function": getattr(score, "func", score), "image": image, "fill": fill, **getattr(score, "keywords", {})}
    yield from counted(partial(value, partial(_hidden_value, **keywords)), batches(mask[..., None] for mask in masks), count=count)


def _hidden_value(masks, *, function, image, fill, **keywords):
    return function(tf.where(masks > 0, fill, image), **keywords)


def as_fill(fill, image):
    """The fill as a picture (H, W, C) float32; raises ValueError unless it is a number, a colour or a picture in [0, 1]."""
    given = np.asarray(fill, np.float32)
    if given.shape not in ((), image.shape[2:], image.shape) or not ((given >= 0) & (given <= 1)).all():
        raise ValueError(f"The fill is a number, a colour {image.shape[2:]} or a picture {image.shape}, in [0, 1]; this is {given.shape}.")
    return np.broadcast_to(given, image.shape)


class Shapley(NamedTuple):
    """Each part's share of a score: `values` (n,), their standard `errors` (n,), 0 if exact, and `parts` (H, W), the part of each pixel."""

    values: np.ndarray
    errors: np.ndarray
    parts: np.ndarray


def shapley_map(model, image, class_index, *, grid=3, samples=None, seed=0, fill=0.5, of=class_score):
    """The Shapley value of each part of the picture, spread over its pixels, so that the map adds up to S_c(I) − S_c(all hidden).

    Arguments as in `shapley_values`. Returns (H, W) float32, score per pixel, signed.
    Source: Lundberg and Lee, A unified approach to interpreting model predictions, 2017.
    """
    shares = shapley_values(model, image, class_index, grid=grid, samples=samples, seed=seed, fill=fill, of=of)
    return (shares.values / np.bincount(shares.parts.ravel()))[shares.parts].astype(np.float32)


def shapley_values(model, image, class_index, *, grid=3, samples=None, seed=0, fill=0.5, of=class_score):
    """φ_i = mean over all orders of the parts of S(those before i, and i) − S(those before i); parts not yet named are hidden.

    grid: how many parts a side, or an array (H, W) that numbers the part of each pixel from 0 to n − 1. samples: None asks about all
    2ⁿ pictures (at most 16 parts), a number so many random orders, n − 1 pictures each. fill: what hides. of: the score to share out.
    Returns Shapley(values, errors, parts). The values add up to S(I) − S(all hidden) in both ways. Raises ValueError for bad arguments.
    Source: Shapley, A value for n-person games, 1953; Castro et al., Polynomial calculation of the Shapley value, 2009 (sampling).
    """
    image, score = one_image(model, image), of(model, class_index)
    parts = grid_parts(image.shape[:2], grid) if np.ndim(grid) == 0 else _checked_parts(grid, image.shape[:2])
    ask = lambda shown: _value_of_shown(score, image, parts, shown=shown, fill=fill)
    count = parts.max() + 1
    values, errors = _exact(ask, count) if samples is None else _sampled(ask, count, samples=samples, seed=seed)
    return Shapley(values, errors, parts)


def grid_parts(shape, grid):
    """The picture cut into grid × grid parts of nearly one size, numbered row by row: (H, W) whole numbers."""
    if not 1 <= grid <= min(shape):
        raise ValueError(f"The grid has 1 to {min(shape)} parts a side; it was asked for {grid}.")
    return (np.arange(shape[0]) * grid // shape[0])[:, None] * grid + np.arange(shape[1]) * grid // shape[1]


def _checked_parts(parts, shape):
    parts = np.asarray(parts)
    if parts.shape != shape or parts.dtype.kind not in "iu" or not np.array_equal(np.unique(parts), np.arange(parts.max() + 1)):
        raise ValueError(f"The parts are whole numbers from 0 up, none left out, one a pixel of {shape}; their shape is {parts.shape}.")
    return parts


def _value_of_shown(score, image, parts, *, shown, fill):
    """shown: (N, n) booleans, which parts of each picture are visible. Returns the scores (N,) in double precision."""
    masks = (~visible[parts] for visible in shown)
    return np.fromiter(hidden_values(score, image, masks, fill=fill, count=len(shown)), np.float64, len(shown))


def _exact(ask, count):
    """φ_i = Σ over the sets T without i of |T|! (n − |T| − 1)! / n! · (S(T and i) − S(T))."""
    if count > MOST_PARTS:
        raise ValueError(f"{count} parts can be hidden in 2^{count} ways, too many; for more than {MOST_PARTS} give samples, such as 100.")
    shown = np.indices((2,) * count).reshape(count, -1).T.astype(bool)  # all sets of parts
    scores = ask(shown).reshape((2,) * count)
    weights = np.array([factorial(t) * factorial(count - t - 1) / factorial(count) for t in range(count)])
    weight = weights[np.indices((2,) * (count - 1)).sum(axis=0, dtype=int)]  # of each set without i, by its size
    gains = [np.diff(scores, axis=part).squeeze(part) for part in range(count)]
    return np.array([(weight * gain).sum() for gain in gains]), np.zeros(count)


def _sampled(ask, count, *, samples, seed):
    """The mean gain of each part over random orders, and the standard error of that mean."""
    if samples < 2:
        raise ValueError(f"A standard error needs 2 or more samples; it was {samples}.")
    orders = np.random.default_rng(seed).permuted(np.tile(np.arange(count), (samples, 1)), axis=1)
    ranks = np.argsort(orders, axis=1)
    shown = ranks[:, None, :] < np.arange(1, count)[:, None]  # (samples, n - 1, n): after 1, 2, ... steps, which parts are visible
    nothing, everything, *between = ask(np.concatenate([np.zeros((1, count), bool), np.ones((1, count), bool), *shown]))
    scores = np.full((samples, count + 1), nothing)
    scores[:, 1:-1], scores[:, -1] = np.reshape(between, (samples, count - 1)), everything
    gains = np.take_along_axis(np.diff(scores, axis=1), ranks, axis=1)
    return gains.mean(axis=0), gains.std(axis=0, ddof=1) / np.sqrt(samples)
