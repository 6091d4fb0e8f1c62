"""Shapley values: each part of an image gets its fair share of a score.

The share of a part is the mean of what it adds to the score, over all orders in which the parts can
be uncovered. A set of visible parts is a coalition: booleans (n,), True where a part is visible.
"""

from collections.abc import Callable
from functools import partial
from math import factorial
from typing import NamedTuple

import cv2
import numpy as np
from jaxtyping import Bool, Float, Integer
from skimage.segmentation import find_boundaries

from lecture_lib.core.scores import Score, class_score
from lecture_lib.datasets.shapes import Image, Map, Mask, Network
from lecture_lib.figures.images import overlay
from lecture_lib.models.checks import one_class, one_image
from lecture_lib.models.large_images import at_a_size_for_networks
from lecture_lib.occlusion.occlusion import Fill, masked_scores

MOST_PARTS = 16  # 16 parts can be hidden in 65,536 ways

Parts = Integer[np.ndarray, "height width"]  # the number of the part of each pixel, from 0
Shares = Float[np.ndarray, "parts"]  # one number for each part
Coalitions = Bool[np.ndarray, "coalitions parts"]
Figure = Float[np.ndarray, "rows columns 3"]  # in [0, 1], of another size than the image


class Shapley(NamedTuple):
    """Each part's share of a score.

    Attributes:
        values: φ, (n,), in units of the score.
        errors: the standard error of each value, (n,); 0 where it is exact.
        parts: the number of the part of each pixel, (H, W).
    """

    values: Shares
    errors: Shares
    parts: Parts


@at_a_size_for_networks
def shapley_map(
    model: Network,
    image: Image,
    class_index: int,
    *,
    grid: int | Parts = 3,
    samples: int | None = None,
    seed: int = 0,
    fill: Fill = 0.5,
    score: Callable = class_score,
) -> Map:
    """Map the Shapley value of each part of the image, spread evenly over its pixels.

    The map adds up to S(I) − S(all hidden).

    Args:
        model: network of the course.
        image: (H, W, C) in 0..1.
        class_index: number of the class whose score is shared out.
        grid: parts along a side, or an array (H, W) that numbers the parts.
        samples: orders of the parts that are drawn; None for all coalitions, exactly.
        seed: of the orders.
        fill: what is seen where a part is hidden, see `occlusion_map`.
        score: such as `class_score` or `class_probability`.

    Returns:
        (H, W) float32, score per pixel, signed.

    Source:
        Lundberg and Lee, A unified approach to interpreting model predictions, 2017.
    """
    shares = shapley_values(
        model, image, class_index, grid=grid, samples=samples, seed=seed, fill=fill, score=score
    )
    sizes = np.bincount(shares.parts.ravel())  # pixels of each part
    per_pixel = shares.values / sizes
    return per_pixel[shares.parts].astype(np.float32)


def shapley_values(
    model: Network,
    image: Image,
    class_index: int,
    *,
    grid: int | Parts = 3,
    samples: int | None = None,
    seed: int = 0,
    fill: Fill = 0.5,
    score: Callable = class_score,
) -> Shapley:
    """Share a score out among the parts of the image: the mean gain of each over all orders.

    φ_i = mean over the orders of S(parts before i, and i) − S(parts before i)

    Parts that have not had their turn are hidden. The values add up to S(I) − S(all hidden), exact
    or sampled.

    Args:
        model: images -> logits (N, classes).
        image: I, (H, W, C) in [0, 1].
        class_index: c, 0..classes-1.
        grid: how many parts a side, or (H, W) whole numbers, the number of the part of each pixel
            from 0 to n − 1.
        samples: None asks about all 2ⁿ coalitions, for at most 16 parts; a number draws so many
            random orders, which takes up to n − 1 images each.
        seed: of the random orders.
        fill: what hides: a number, a color (C,) or an image (H, W, C) in [0, 1].
        score: (model, class_index) -> the score to share out, such as `class_probability`, or a
            function of your own that returns any function images -> (N,).

    Returns:
        Shapley(values, errors, parts).

    Raises:
        ValueError: for anything but one image, for a class that the network does not have, too many
            parts, parts that are not numbered from 0, fewer than 2 samples, or a fill outside
            [0, 1].

    Source:
        Shapley, A value for n-person games, 1953. Castro et al., Polynomial calculation of the
        Shapley value based on sampling, 2009.
    """
    image = one_image(model, image)
    class_index = one_class(model, class_index)
    parts = _as_parts(grid, image.shape[:2])
    count = int(parts.max()) + 1
    evaluate = partial(
        _coalition_scores, score(model, class_index), image=image, parts=parts, fill=fill
    )
    if samples is None:
        values = exact_shares(evaluate, count)
        return Shapley(values, np.zeros(count), parts)
    values, errors = sampled_shares(evaluate, count, samples=samples, seed=seed)
    return Shapley(values, errors, parts)


def grid_parts(shape: tuple[int, int], grid: int) -> Parts:
    """Cut an image into grid × grid parts of nearly one size, numbered row by row.

    Args:
        shape: (H, W) in pixels.
        grid: how many parts a side, 1..min(H, W).

    Returns:
        (H, W) whole numbers from 0 to grid² − 1.

    Raises:
        ValueError: for a grid of fewer or more parts.
    """
    if not 1 <= grid <= min(shape) or int(grid) != grid:
        raise ValueError(f"The grid has 1 to {min(shape)} parts a side; it was asked for {grid}.")
    height, width = shape
    grid = int(grid)
    rows = np.arange(height) * grid // height
    columns = np.arange(width) * grid // width
    return rows[:, None] * grid + columns


def _as_parts(grid: int | Parts, shape: tuple[int, int]) -> Parts:
    if np.ndim(grid) == 0:
        return grid_parts(shape, grid)
    parts = np.asarray(grid)
    if parts.shape != shape or parts.dtype.kind not in "iu" or not _are_numbered_from_0(parts):
        raise ValueError(
            "The parts are whole numbers from 0 up, none left out, one for each pixel of "
            f"{shape}; their shape is {parts.shape}."
        )
    return parts


def _are_numbered_from_0(parts: np.ndarray) -> bool:
    return np.array_equal(np.unique(parts), np.arange(parts.max() + 1))


def _coalition_scores(
    score: Score | Callable, coalitions: Coalitions, *, image: Image, parts: Parts, fill: Fill
) -> np.ndarray:
    """The score of the image with the parts of each coalition visible, (N,) in double precision."""
    # Orders have coalitions in common, above all small and large ones; each is asked about once.
    different, places = np.unique(coalitions, axis=0, return_inverse=True)
    masks = (~visible[parts] for visible in different)
    scores = masked_scores(score, image, masks, fill=fill, count=len(different))
    return np.fromiter(scores, np.float64, len(different))[places]


def exact_shares(evaluate: Callable, count: int) -> Shares:
    """Return the Shapley values of a game from all its coalitions.

    φ_i = Σ |T|! (n − |T| − 1)! / n! · (S(T and i) − S(T)), over the coalitions T without i

    Args:
        evaluate: coalitions (N, n), booleans -> their scores (N,).
        count: n, the number of parts, at most 16.

    Raises:
        ValueError: for more parts.
    """
    if count > MOST_PARTS:
        raise ValueError(
            f"{count} parts can be hidden in 2^{count} ways, too many; for more than {MOST_PARTS} "
            "give samples, such as 100."
        )
    # The scores of all coalitions, as a cube with an axis for each part: 0 hidden, 1 visible.
    cube = (2,) * count
    coalitions = np.indices(cube).reshape(count, -1).T.astype(bool)  # (2ⁿ, n)
    scores = evaluate(coalitions).reshape(cube)

    # The weight of each coalition T of the other parts depends on its size |T| alone.
    weights = np.array(
        [factorial(size) * factorial(count - size - 1) / factorial(count) for size in range(count)]
    )
    sizes = np.indices(cube[1:]).sum(axis=0, dtype=int)  # (2,) * (n − 1)

    # What part i adds to each T is the difference along axis i.
    gains = [np.diff(scores, axis=part).squeeze(part) for part in range(count)]
    return np.array([(weights[sizes] * gain).sum() for gain in gains])


def sampled_shares(
    evaluate: Callable, count: int, *, samples: int, seed: int
) -> tuple[Shares, Shares]:
    """Estimate the Shapley values of a game from random orders of its parts.

    Args:
        evaluate: coalitions (N, n), booleans -> their scores (N,).
        count: n, the number of parts.
        samples: how many orders, 2 or more.
        seed: of the random orders.

    Returns:
        (values, errors): the mean gain of each part, (n,), and the standard error of that mean.

    Raises:
        ValueError: for fewer than 2 samples.
    """
    if samples < 2:
        raise ValueError(f"A standard error needs 2 or more samples; it was {samples}.")
    # An order of the parts for each sample, and the turn of each part in it.
    random = np.random.default_rng(seed)
    orders = random.permuted(np.tile(np.arange(count), (samples, 1)), axis=1)  # (samples, n)
    turns = np.argsort(orders, axis=1)  # (samples, n)

    # After t turns, those parts are visible whose turn was before t.
    between = turns[:, None, :] < np.arange(1, count)[:, None]  # (samples, n − 1, n)

    # Nothing and everything visible are the same in all orders, so they are asked about once.
    hidden = np.zeros((1, count), bool)
    nothing, everything, *others = evaluate(np.concatenate([hidden, ~hidden, *between]))
    scores = np.full((samples, count + 1), nothing)
    scores[:, 1:-1] = np.reshape(others, (samples, count - 1))
    scores[:, -1] = everything

    # The gain of each turn, put in the place of the part whose turn it was.
    gains = np.take_along_axis(np.diff(scores, axis=1), turns, axis=1)
    return gains.mean(axis=0), gains.std(axis=0, ddof=1) / np.sqrt(samples)


# A figure of the shares


def shares_on_image(
    image: Image, shares: Shapley, *, width: int = 640, least: float = 0.01
) -> Figure:
    """Draw the shares of the parts over the grayed image: red raise the score, blue lower it.

    Args:
        image: (H, W, 1 or 3) in [0, 1].
        shares: what `shapley_values` returned for it.
        width: of the figure in pixels.
        least: the size of a share from which its number stands in its part, 0 or more.

    Returns:
        (height, width, 3) in [0, 1].
    """
    height = round(width * image.shape[0] / image.shape[1])
    size = (width, height)
    three_colors = np.ascontiguousarray(np.broadcast_to(image, (*image.shape[:2], 3)))
    large = cv2.resize(three_colors, size, interpolation=cv2.INTER_LINEAR).clip(0, 1)
    parts = cv2.resize(shares.parts.astype(np.int32), size, interpolation=cv2.INTER_NEAREST)

    # One color for each part, and its edge in white.
    drawn = overlay(large, shares.values[parts].astype(np.float32), signed=True, strength=0.75)
    drawn[find_boundaries(parts)] = 1

    levels = np.rint(255 * drawn).astype(np.uint8)  # text is written on 8 bits
    for part, share in enumerate(shares.values):
        if abs(share) >= least:
            _write(levels, f"{share:.2f}", _deepest_point(parts == part))
    return levels.astype(np.float32) / 255


def _deepest_point(mask: Mask) -> tuple[int, int]:
    """The (column, row) of a part that lies farthest from its edge."""
    depth = cv2.distanceTransform(np.pad(mask, 1).astype(np.uint8), cv2.DIST_L2, 3)[1:-1, 1:-1]
    row, column = np.unravel_index(depth.argmax(), depth.shape)
    return int(column), int(row)


def _write(levels: np.ndarray, text: str, center: tuple[int, int]) -> None:
    """Write into an image of 8 bits, white where it is dark and black where it is bright."""
    style = {"fontFace": cv2.FONT_HERSHEY_SIMPLEX, "fontScale": 0.8, "thickness": 2}
    (wide, high), _ = cv2.getTextSize(text, *style.values())
    column = int(np.clip(center[0] - wide // 2, 2, levels.shape[1] - wide - 2))
    row = center[1] + high // 2
    ground = levels[row - high : row, column : column + wide]
    color = (255, 255, 255) if ground.mean() < 120 else (0, 0, 0)
    cv2.putText(levels, text, (column, row), color=color, lineType=cv2.LINE_AA, **style)
