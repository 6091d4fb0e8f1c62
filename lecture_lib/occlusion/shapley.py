"""Shapley values: each part of a picture gets its fair share of a score, the mean of what it adds over all orders."""

from math import factorial
from typing import NamedTuple

import numpy as np

from lecture_lib.core.scores import class_score
from lecture_lib.models.inference import one_image
from lecture_lib.occlusion.occlusion import masked_scores

MOST_PARTS = 16  # 16 parts can be hidden in 65,536 ways


class Shapley(NamedTuple):
    """Each part's share of a score: `values` (n,), their standard `errors` (n,), 0 if exact, and `parts` (H, W), the part of each pixel."""

    values: np.ndarray
    errors: np.ndarray
    parts: np.ndarray


def shapley_map(
    model, image, class_index, *, grid=3, samples=None, seed=0, fill=0.5, of=class_score
):
    """The Shapley value of each part of the picture, spread over its pixels, so that the map adds up to S_c(I) − S_c(all hidden).

    Arguments as in `shapley_values`. Returns (H, W) float32, score per pixel, signed.
    Source: Lundberg and Lee, A unified approach to interpreting model predictions, 2017.
    """
    shares = shapley_values(
        model, image, class_index, grid=grid, samples=samples, seed=seed, fill=fill, of=of
    )
    return (shares.values / np.bincount(shares.parts.ravel()))[shares.parts].astype(np.float32)


def shapley_values(
    model, image, class_index, *, grid=3, samples=None, seed=0, fill=0.5, of=class_score
):
    """φ_i = mean over all orders of the parts of S(those before i, and i) − S(those before i); parts not yet named are hidden.

    grid: how many parts a side, or an array (H, W) that numbers the part of each pixel from 0 to n − 1. samples: None asks about all
    2ⁿ pictures (at most 16 parts), a number so many random orders, n − 1 pictures each. fill: what hides. of: the score to share out.
    Returns Shapley(values, errors, parts). The values add up to S(I) − S(all hidden) in both ways. Raises ValueError for bad arguments.
    Source: Shapley, A value for n-person games, 1953; Castro et al., Polynomial calculation of the Shapley value, 2009 (sampling).
    """
    image, score = one_image(model, image), of(model, class_index)
    parts = (
        grid_parts(image.shape[:2], grid)
        if np.ndim(grid) == 0
        else _checked_parts(grid, image.shape[:2])
    )
    ask = lambda shown: _value_of_shown(score, image, parts, shown=shown, fill=fill)
    count = parts.max() + 1
    values, errors = (
        _exact(ask, count) if samples is None else _sampled(ask, count, samples=samples, seed=seed)
    )
    return Shapley(values, errors, parts)


def grid_parts(shape, grid):
    """The picture cut into grid × grid parts of nearly one size, numbered row by row: (H, W) whole numbers."""
    if not 1 <= grid <= min(shape):
        raise ValueError(f"The grid has 1 to {min(shape)} parts a side; it was asked for {grid}.")
    return (np.arange(shape[0]) * grid // shape[0])[:, None] * grid + np.arange(
        shape[1]
    ) * grid // shape[1]


def _checked_parts(parts, shape):
    parts = np.asarray(parts)
    if (
        parts.shape != shape
        or parts.dtype.kind not in "iu"
        or not np.array_equal(np.unique(parts), np.arange(parts.max() + 1))
    ):
        raise ValueError(
            f"The parts are whole numbers from 0 up, none left out, one a pixel of {shape}; their shape is {parts.shape}."
        )
    return parts


def _value_of_shown(score, image, parts, *, shown, fill):
    """shown: (N, n) booleans, which parts of each picture are visible. Returns the scores (N,) in double precision."""
    masks = (~visible[parts] for visible in shown)
    return np.fromiter(
        masked_scores(score, image, masks, fill=fill, count=len(shown)), np.float64, len(shown)
    )


def _exact(ask, count):
    """φ_i = Σ over the sets T without i of |T|! (n − |T| − 1)! / n! · (S(T and i) − S(T))."""
    if count > MOST_PARTS:
        raise ValueError(
            f"{count} parts can be hidden in 2^{count} ways, too many; for more than {MOST_PARTS} give samples, such as 100."
        )
    shown = np.indices((2,) * count).reshape(count, -1).T.astype(bool)  # all sets of parts
    scores = ask(shown).reshape((2,) * count)
    weights = np.array(
        [factorial(t) * factorial(count - t - 1) / factorial(count) for t in range(count)]
    )
    weight = weights[
        np.indices((2,) * (count - 1)).sum(axis=0, dtype=int)
    ]  # of each set without i, by its size
    gains = [np.diff(scores, axis=part).squeeze(part) for part in range(count)]
    return np.array([(weight * gain).sum() for gain in gains]), np.zeros(count)


def _sampled(ask, count, *, samples, seed):
    """The mean gain of each part over random orders, and the standard error of that mean."""
    if samples < 2:
        raise ValueError(f"A standard error needs 2 or more samples; it was {samples}.")
    orders = np.random.default_rng(seed).permuted(np.tile(np.arange(count), (samples, 1)), axis=1)
    ranks = np.argsort(orders, axis=1)
    shown = (
        ranks[:, None, :] < np.arange(1, count)[:, None]
    )  # (samples, n - 1, n): after 1, 2, ... steps, which parts are visible
    nothing, everything, *between = ask(
        np.concatenate([np.zeros((1, count), bool), np.ones((1, count), bool), *shown])
    )
    scores = np.full((samples, count + 1), nothing)
    scores[:, 1:-1], scores[:, -1] = np.reshape(between, (samples, count - 1)), everything
    gains = np.take_along_axis(np.diff(scores, axis=1), ranks, axis=1)
    return gains.mean(axis=0), gains.std(axis=0, ddof=1) / np.sqrt(samples)
