"""Maps graded against a cause that is known: measures, baselines, and the table of all of them.

A measure compares a map (H, W) with a mask (H, W), True where the cause is, or with the net itself. What is high in a map speaks for the
class; where maps tie, a measure counts what a random choice among the tied pixels would give.
"""

import time
import zlib
from typing import NamedTuple

import numpy as np
from scipy.stats import rankdata, spearmanr
from skimage.filters import sobel

from lecture_lib.core.regularizers import gaussian_window
from lecture_lib.datasets.images import as_map
from lecture_lib.models.inference import check_class, class_scores, one_image
from lecture_lib.models.surgery import with_shuffled_weights


def pointing_game(heatmap, mask):
    """Whether the highest pixel lies in the mask: 1 or 0; of several highest ones, the share that does.

    heatmap: (H, W), any finite numbers. mask: (H, W) booleans, some True. By chance it is the mask's share of the picture.
    Source: Zhang et al., Top-down neural attention by excitation backprop, 2016.
    """
    heatmap, mask = _checked(heatmap, mask)
    return float(mask[heatmap == heatmap.max()].mean())


def mass_inside(heatmap, mask):
    """Σ inside of max(M, 0) / Σ everywhere of max(M, 0), in 0..1: how much of what speaks for the class lies in the mask.

    By chance, and for a map with nothing above 0, it is the mask's share of the picture. Arguments as in `pointing_game`.
    """
    heatmap, mask = _checked(heatmap, mask)
    positive = np.maximum(heatmap, 0, dtype=np.float64)
    return float(positive[mask].sum() / positive.sum()) if positive.any() else float(mask.mean())


def area_under_roc(heatmap, mask):
    """P(M inside > M outside) + ½ P(M inside = M outside), for one pixel drawn from each: 1 is perfect, ½ is chance.

    Arguments as in `pointing_game`; the mask must have both. Source: Mann and Whitney, On a test of whether one of two random variables
    is stochastically larger than the other, 1947.
    """
    heatmap, mask = _checked(heatmap, mask)
    inside, outside = mask.sum(), (~mask).sum()
    return float(
        (rankdata(heatmap)[mask.ravel()].sum() - inside * (inside + 1) / 2) / (inside * outside)
    )


def _checked(heatmap, mask):
    heatmap, mask = as_map(heatmap), np.asarray(mask)
    if mask.shape != heatmap.shape or mask.dtype != bool or mask.all() or not mask.any():
        raise ValueError(
            f"A mask is boolean, shaped like the map {heatmap.shape}, with True and False in it; this one is {mask.shape}."
        )
    return heatmap, mask


def deletion_curve(model, image, class_index, *, heatmap, steps=10, fill=0.5, seed=0):
    """S_c of the picture with ever more of its highest pixels replaced by the fill: all shares 0, 1/steps, ..., 1.

    image: (H, W, C) in [0, 1]. heatmap: (H, W); pixels that tie go in random order. fill: a number or a picture in [0, 1].
    Returns (steps + 1,) scores, from the whole picture to the fill alone. A good map makes them fall early.
    Source: Petsiuk et al., RISE: randomized input sampling for explanation of black-box models, 2018.
    """
    image, heatmap, index = (
        one_image(model, image),
        as_map(heatmap),
        check_class(model, class_index),
    )
    if heatmap.shape != image.shape[:2] or steps < 1:
        raise ValueError(
            f"The map must be {image.shape[:2]} like the picture and steps 1 or more; they are {heatmap.shape} and {steps}."
        )
    order = np.lexsort((np.random.default_rng(seed).random(heatmap.size), -heatmap.ravel()))
    rank = np.argsort(order).reshape(*heatmap.shape, 1)
    gone = np.stack([rank < count for count in np.linspace(0, heatmap.size, steps + 1).round()])
    return class_scores(model, np.where(gone, np.float32(fill), image))[:, index]


def insertion_curve(model, image, class_index, *, heatmap, steps=10, fill=0.5, seed=0):
    """S_c of the fill with ever more of the picture's highest pixels put in: `deletion_curve` the other way round.

    A good map makes it rise early. Arguments, result and source as in `deletion_curve`.
    """
    curve = deletion_curve(
        model, image, class_index, heatmap=-np.asarray(heatmap), steps=steps, fill=fill, seed=seed
    )
    return curve[::-1]


def normalized_auc(curve):
    """The mean height of a curve of scores, 0 at the lower of its two ends and 1 at the upper; the trapezoid rule."""
    low, high = sorted((curve[0], curve[-1]))
    heights = (np.asarray(curve, np.float64) - low) / max(high - low, 1e-6)
    return float((heights[1:] + heights[:-1]).mean() / 2)


def likeness(heatmap, other):
    """The rank correlation of two maps, in -1..1; two constant maps are alike, a constant one and another are not.

    Source: Adebayo et al., Sanity checks for saliency maps, 2018.
    """
    constant = [np.ptp(m) == 0 for m in (heatmap, other)]
    return (
        float(all(constant))
        if any(constant)
        else float(spearmanr(np.ravel(heatmap), np.ravel(other)).statistic)
    )


# Baselines: maps that know nothing of the net. Whoever does not beat them has explained nothing.


def random_map(model, image, class_index, *, seed=0):
    """A random number for each pixel, the same whenever it is the same picture: (H, W) float32 in [0, 1)."""
    image = one_image(model, image)
    return np.random.default_rng([seed, zlib.crc32(image.tobytes())]).random(
        image.shape[:2], np.float32
    )


def center_map(model, image, class_index, *, width=0.25):
    """A blob in the middle, exp(−½ (distance / (width · side))²): (H, W) float32 in (0, 1]."""
    return gaussian_window(one_image(model, image).shape[:2], width=width)


def edge_map(model, image, class_index):
    """How steep the picture itself is, by a Sobel filter of its mean over colors: (H, W) float32, 0 or more."""
    return sobel(one_image(model, image).mean(axis=-1)).astype(np.float32)


class Grades(NamedTuple):
    """One number a picture (N,) for each measure: the first three, insertion higher is better; the rest, lower."""

    pointing: np.ndarray
    mass: np.ndarray
    roc: np.ndarray
    insertion: np.ndarray
    deletion: np.ndarray
    likeness: np.ndarray  # to the map of a net with random weights, regardless of its sign
    seconds: np.ndarray


def grade(maps, model, images, *, classes, masks, steps=10):
    """Each map of {name: map function} on each picture, measured in every way: {name: Grades}.

    images: (N, H, W, C). classes: (N,) class numbers. masks: (N, H, W) booleans, where the cause is. steps: of the two curves. The first
    picture is explained once more at the start, so that what is compiled then is not timed. Raises ValueError for unequal numbers of them.
    """
    if not len(images) == len(classes) == len(masks):
        raise ValueError(
            f"Each picture needs one class and one mask: {len(images)} pictures, {len(classes)} classes, {len(masks)} masks."
        )
    ignorant = with_shuffled_weights(model)
    rows = {name: [] for name in maps}
    for name, explain in maps.items():
        explain(model, images[0], int(classes[0]))
        for image, index, mask in zip(images, classes, masks, strict=True):
            rows[name].append(
                _grades(
                    explain,
                    model,
                    image,
                    class_index=int(index),
                    mask=mask,
                    ignorant=ignorant,
                    steps=steps,
                )
            )
    return {name: Grades(*map(np.array, zip(*row, strict=True))) for name, row in rows.items()}


def _grades(explain, model, image, *, class_index, mask, ignorant, steps):
    began = time.perf_counter()
    heatmap = explain(model, image, class_index)
    seconds = time.perf_counter() - began
    curves = [
        make(model, image, class_index, heatmap=heatmap, steps=steps)
        for make in (insertion_curve, deletion_curve)
    ]
    blind = likeness(heatmap, explain(ignorant, image, class_index))
    return Grades(
        pointing_game(heatmap, mask),
        mass_inside(heatmap, mask),
        area_under_roc(heatmap, mask),
        *map(normalized_auc, curves),
        abs(blind),
        seconds,
    )


def bootstrap_interval(values, *, level=0.95, samples=2000, seed=0):
    """Where the mean lies: the middle `level` of the means of samples drawn anew, with replacement, from the values (N,): (low, high).

    Source: Efron, Bootstrap methods: another look at the jackknife, 1979.
    """
    values = np.asarray(values, np.float64)
    if values.ndim != 1 or not values.size:
        raise ValueError(
            f"An interval takes one number or more, shape (N,); these have the shape {values.shape}."
        )
    means = np.random.default_rng(seed).choice(values, (samples, len(values))).mean(axis=1)
    return tuple(np.quantile(means, [(1 - level) / 2, (1 + level) / 2]))
