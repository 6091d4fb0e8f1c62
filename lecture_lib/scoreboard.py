"""The scoreboard: maps graded against a cause that is known, beside maps that know nothing.

A measure compares a map (H, W) with a mask (H, W), True where the cause is, or with the network
itself. What is high in a map speaks for the class; where maps tie, a measure counts what a random
choice among the tied pixels would give.
"""

import time
import zlib
from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from scipy.stats import bootstrap, spearmanr
from skimage.filters import sobel
from sklearn.metrics import roc_auc_score

from lecture_lib.core.regularizers import gaussian_window
from lecture_lib.datasets.images import as_map
from lecture_lib.datasets.shapes import Image, Images, Labels, Map, Mask, Network, Values
from lecture_lib.models.checks import check_class, one_class, one_image
from lecture_lib.models.inference import class_scores
from lecture_lib.models.large_images import at_a_size_for_networks
from lecture_lib.models.remarks import interrupts_passed_on
from lecture_lib.models.surgery import with_shuffled_weights

# Measures against a mask


def pointing_game(heatmap: Map, mask: Mask) -> float:
    """Say whether the highest pixel lies in the mask: 1 or 0; of several, the share that does.

    By chance it is the mask's share of the image.

    Args:
        heatmap: (H, W), any finite numbers.
        mask: (H, W) booleans, some True and some False.

    Raises:
        ValueError: for a map or a mask that is none.

    Source:
        Zhang et al., Top-down neural attention by excitation backprop, 2016.
    """
    heatmap, mask = _checked(heatmap, mask)
    return float(mask[heatmap == heatmap.max()].mean())


def mass_inside(heatmap: Map, mask: Mask) -> float:
    """Return how much of what speaks for the class lies in the mask, in 0..1.

    Σ inside of max(M, 0) / Σ everywhere of max(M, 0)

    By chance, and for a map with nothing above 0, it is the mask's share of the image.

    Args:
        heatmap: (H, W), what lies below 0 counts as 0.
        mask: (H, W) bool, True within the object.

    Returns:
        float in 0..1.
    """
    heatmap, mask = _checked(heatmap, mask)
    positive = np.maximum(heatmap, 0, dtype=np.float64)
    if not positive.any():
        return float(mask.mean())
    return float(positive[mask].sum() / positive.sum())


def area_under_roc(heatmap: Map, mask: Mask) -> float:
    """Return how well a map ranks the mask above the rest: 1 is perfect, ½ is chance.

    P(M inside > M outside) + ½ P(M inside = M outside), for one pixel drawn from each

    Args:
        heatmap: (H, W), of any range.
        mask: (H, W) bool, True within the object.

    Returns:
        float in 0..1.

    Source:
        Mann and Whitney, On a test of whether one of two random variables is stochastically larger
        than the other, 1947.
    """
    heatmap, mask = _checked(heatmap, mask)
    return float(roc_auc_score(mask.ravel(), heatmap.ravel()))


def _checked(heatmap: Map, mask: Mask) -> tuple[np.ndarray, np.ndarray]:
    heatmap = as_map(heatmap)
    mask = np.asarray(mask)
    if mask.shape != heatmap.shape or mask.dtype != bool or mask.all() or not mask.any():
        raise ValueError(
            f"A mask is boolean, shaped like the map {heatmap.shape}, with True and False in it; "
            f"this one is {mask.shape}."
        )
    return heatmap, mask


# Measures against the network


def deletion_curve(
    model: Network,
    image: Image,
    class_index: int,
    *,
    heatmap: Map,
    steps: int = 10,
    fill: float | Image = 0.5,
    seed: int = 0,
) -> np.ndarray:
    """Return the logit of a class while ever more of the highest pixels are replaced.

    A good map makes it fall early.

    Args:
        model: images -> logits (N, classes).
        image: (H, W, C) in [0, 1].
        class_index: c, 0..classes-1.
        heatmap: (H, W); pixels that tie go in random order.
        steps: the shares replaced are 0, 1/steps, ..., 1.
        fill: what replaces them, a number or an image in [0, 1].
        seed: draws the order of tied pixels.

    Returns:
        (steps + 1,) logits, from the whole image to the fill alone.

    Raises:
        ValueError: for a map that does not fit the image, or no steps.

    Source:
        Petsiuk et al., RISE: randomized input sampling for explanation of black-box models, 2018.
    """
    image = one_image(model, image)
    index = one_class(model, class_index)
    covered = _covered(image, heatmap, steps=steps, fill=fill, seed=seed)
    return class_scores(model, covered)[:, index]


def _covered(image: Image, heatmap: Map, *, steps: int, fill: float | Image, seed: int) -> Images:
    """The image with ever more of the highest pixels replaced: (steps + 1, H, W, C)."""
    heatmap = as_map(heatmap)
    if heatmap.shape != image.shape[:2] or steps < 1:
        raise ValueError(
            f"The map must be {image.shape[:2]} like the picture and steps 1 or more; they are "
            f"{heatmap.shape} and {steps}."
        )
    # The rank of each pixel: 0 for the highest, ties broken by random numbers.
    ties = np.random.default_rng(seed).random(heatmap.size)
    order = np.lexsort((ties, -heatmap.ravel()))
    rank = np.argsort(order).reshape(*heatmap.shape, 1)
    # One image for each share, with the pixels of the lowest ranks gone.
    counts = np.linspace(0, heatmap.size, steps + 1).round()
    gone = np.stack([rank < count for count in counts])
    return np.where(gone, np.float32(fill), image)


def insertion_curve(
    model: Network,
    image: Image,
    class_index: int,
    *,
    heatmap: Map,
    steps: int = 10,
    fill: float | Image = 0.5,
    seed: int = 0,
) -> np.ndarray:
    """Return the logit of a class while ever more of the highest pixels are put into the fill.

    This is `deletion_curve` the other way round, with the same arguments. A good map makes it rise
    early.
    """
    lowest_first = -as_map(heatmap)  # as floats, since −1 is 255 in whole numbers of 8 bits
    deleted = deletion_curve(
        model, image, class_index, heatmap=lowest_first, steps=steps, fill=fill, seed=seed
    )
    return deleted[::-1]


def normalized_auc(curve: np.ndarray) -> float:
    """Return the mean height of a curve, 0 at the lower of its two ends and 1 at the upper.

    Args:
        curve: (steps + 1,) numbers, joined by the trapezoid rule.

    Raises:
        ValueError: for what is no curve.
    """
    curve = np.asarray(curve, np.float64)
    if curve.ndim != 1 or len(curve) < 2 or not np.isfinite(curve).all():
        raise ValueError(
            "A curve is a row of two finite numbers or more; this array has the shape "
            f"{curve.shape}."
        )
    low, high = sorted((curve[0], curve[-1]))
    heights = (curve - low) / max(high - low, 1e-6)
    return float((heights[1:] + heights[:-1]).mean() / 2)


def rank_correlation(heatmap: Map, other: Map) -> float:
    """Return the rank correlation of two maps, in -1..1.

    Two constant maps are alike; a constant one and another are not.

    Args:
        heatmap: (H, W), of any range.
        other: (H, W), of any range.

    Returns:
        float in -1..1.

    Source:
        Adebayo et al., Sanity checks for saliency maps, 2018.
    """
    constant = [np.ptp(one) == 0 for one in (heatmap, other)]
    if any(constant):
        return float(all(constant))
    return float(spearmanr(np.ravel(heatmap), np.ravel(other)).statistic)


# Baselines: maps that know nothing of the network. A map that does not beat them explains nothing.


@at_a_size_for_networks
def random_map(model: Network, image: Image, class_index: int, *, seed: int = 0) -> Map:
    """Return a random number for each pixel, the same whenever it is the same image.

    Args:
        model: network of the course.
        image: (H, W, C) in 0..1.
        class_index: not used; a map is asked for by these three.
        seed: of the random numbers.

    Returns:
        (H, W) float32 in [0, 1).
    """
    image = one_image(model, image)
    random = np.random.default_rng([seed, zlib.crc32(image.tobytes())])
    return random.random(image.shape[:2], np.float32)


@at_a_size_for_networks
def center_map(model: Network, image: Image, class_index: int, *, width: float = 0.25) -> Map:
    """Return a blob in the middle: exp(−½ (distance / (width · side))²).

    Args:
        model: network of the course.
        image: (H, W, C) in 0..1.
        class_index: not used; a map is asked for by these three.
        width: standard deviation of the blob, as a share of the side.

    Returns:
        (H, W) float32 in (0, 1].
    """
    return gaussian_window(one_image(model, image).shape[:2], width=width)


@at_a_size_for_networks
def edge_map(model: Network, image: Image, class_index: int) -> Map:
    """Return how steep the image itself is, by a Sobel filter of its mean over colors.

    Returns:
        (H, W) float32, 0 or more.
    """
    return sobel(one_image(model, image).mean(axis=-1)).astype(np.float32)


# The table


class Grades(NamedTuple):
    """One number an image (N,) for each measure.

    Attributes:
        pointing, mass, roc, insertion: higher is better.
        deletion: lower is better.
        rank_correlation: with the map of a network with shuffled weights, regardless of its sign;
            lower is better.
        seconds: what the map took.
        heatmaps: what was graded, (N, H, W).
    """

    pointing: np.ndarray
    mass: np.ndarray
    roc: np.ndarray
    insertion: np.ndarray
    deletion: np.ndarray
    rank_correlation: np.ndarray
    seconds: np.ndarray
    heatmaps: np.ndarray


def grade(
    maps: dict[str, Callable],
    model: Network,
    images: Images,
    *,
    classes: Labels,
    masks: np.ndarray,
    steps: int = 10,
    shuffled: Network | None = None,
) -> dict[str, Grades]:
    """Measure each map on each image in every way.

    Args:
        maps: {name: map function (model, image, class_index) -> (H, W)}.
        model: images -> logits (N, classes).
        images: (N, H, W, C) in [0, 1].
        classes: (N,) class numbers.
        masks: (N, H, W) booleans, True where the cause is.
        steps: of the deletion and insertion curves, which end in gray.
        shuffled: the network with shuffled weights; None makes one. Who grades again gives it, as
            each network is compiled once for each map.

    Returns:
        {name: Grades}.

    Raises:
        ValueError: for unequal numbers of images, classes and masks.
    """
    if not len(images) == len(classes) == len(masks):
        raise ValueError(
            f"Each picture needs one class and one mask: {len(images)} pictures, {len(classes)} "
            f"classes, {len(masks)} masks."
        )
    networks = (model, shuffled or with_shuffled_weights(model))
    classes = check_class(model, np.asarray(classes))
    table = {}
    for name, explain in maps.items():
        explain(model, images[0], int(classes[0]))  # compiles, so that this is not timed
        with interrupts_passed_on():
            rows = [
                _grades(explain, networks, image, index=int(index), mask=mask, steps=steps)
                for image, index, mask in zip(images, classes, masks, strict=True)
            ]
        table[name] = Grades(*map(np.array, zip(*rows, strict=True)))
    return table


def _grades(
    explain: Callable,
    networks: tuple[Network, Network],
    image: Image,
    *,
    index: int,
    mask: Mask,
    steps: int,
) -> Grades:
    model, shuffled = networks
    began = time.perf_counter()
    heatmap = explain(model, image, index)
    seconds = time.perf_counter() - began
    deleted = deletion_curve(model, image, index, heatmap=heatmap, steps=steps)
    inserted = insertion_curve(model, image, index, heatmap=heatmap, steps=steps)
    return Grades(
        pointing=pointing_game(heatmap, mask),
        mass=mass_inside(heatmap, mask),
        roc=area_under_roc(heatmap, mask),
        insertion=normalized_auc(inserted),
        deletion=normalized_auc(deleted),
        rank_correlation=abs(rank_correlation(heatmap, explain(shuffled, image, index))),
        seconds=seconds,
        heatmaps=heatmap,
    )


def bootstrap_interval(
    values: Values, *, level: float = 0.95, samples: int = 2000, seed: int = 0
) -> tuple[float, float]:
    """Return where the mean of some values lies, by drawing samples from them with replacement.

    Args:
        values: (N,).
        level: the share of such means that the interval holds.
        samples: how many are drawn.
        seed: draws them.

    Returns:
        (low, high).

    Raises:
        ValueError: for anything but one row of numbers, and a level out of range.

    Source:
        Efron, Bootstrap methods: another look at the jackknife, 1979.
    """
    values = np.asarray(values, np.float64)
    if values.ndim != 1 or not values.size or not np.isfinite(values).all():
        raise ValueError(
            "An interval takes one number or more, all finite, shape (N,); these have the shape "
            f"{values.shape}."
        )
    if not 0 < level < 1:
        raise ValueError(f"The level of an interval lies between 0 and 1; it was {level}.")
    if np.ptp(values) == 0:  # all means are the same, and scipy would warn
        return float(values[0]), float(values[0])
    found = bootstrap(
        (values,),
        np.mean,
        confidence_level=level,
        n_resamples=samples,
        method="percentile",
        rng=np.random.default_rng(seed),
    )
    return float(found.confidence_interval.low), float(found.confidence_interval.high)
