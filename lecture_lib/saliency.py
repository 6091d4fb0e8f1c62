"""Saliency maps: which pixels, changed a little, change the score most.

Every map is a function (model, image, class_index, *, options) -> (H, W) float32, from an image
(H, W, C) in [0, 1].
"""

from collections.abc import Iterable, Iterator, Sequence
from itertools import repeat

import cv2
import numpy as np
from jaxtyping import Float

from lecture_lib.core.gradients import gradient
from lecture_lib.core.scores import Score, class_score
from lecture_lib.datasets.images import as_map, strongest_channel, to_uint8
from lecture_lib.datasets.shapes import Image, Images, Labels, Map, Mask, Network
from lecture_lib.models.batching import batches, default_batch_size
from lecture_lib.models.checks import check_class, one_class, one_image
from lecture_lib.models.large_images import at_a_size_for_networks

Maps = Float[np.ndarray, "classes seen_height seen_width"]
Box = tuple[int, int, int, int]  # top, left, bottom, right, the last two one beyond the box


@at_a_size_for_networks
def saliency_map(model: Network, image: Image, class_index: int) -> Map:
    """Map how strongly each pixel influences the score of a class, before softmax.

    M = max over color of |∂S_c/∂I|

    Args:
        model: images -> logits (N, classes).
        image: I, (H, W, C) in [0, 1].
        class_index: c, 0..classes-1.

    Returns:
        (H, W) float32, 0 or more, in units of the score per unit of a pixel.

    Raises:
        ValueError: for anything but one image, and for a class that the network does not have.

    Source:
        Simonyan, Vedaldi and Zisserman, Deep inside convolutional networks, 2014.
    """
    image = one_image(model, image)
    score = class_score(model, one_class(model, class_index))
    return strongest_channel(gradient(score, image))


def saliency_maps(model: Network, image: Image, classes: Sequence[int] | Labels) -> Maps:
    """Map what `saliency_map` does for several classes, which go through the network together.

    M_c = max over color of |∂S_c/∂I|, for each class c

    Args:
        model: images -> logits (N, classes).
        image: I, (H, W, C) in [0, 1].
        classes: c, each 0..classes-1.

    Returns:
        (classes, H, W) float32; of an image of many megapixels, at the size at which the network
        sees it.

    Raises:
        ValueError: as `saliency_map` does.
    """
    image = one_image(model, image)
    asked = check_class(model, np.atleast_1d(classes))
    together = default_batch_size(image.shape)
    maps = []
    for some in np.split(asked, range(together, len(asked), together)):
        copies = np.repeat(image[None], len(some), axis=0)  # one for each class
        maps.append(strongest_channel(gradient(class_score(model, some), copies)))
    return np.concatenate(maps)


@at_a_size_for_networks
def smoothgrad_map(
    model: Network,
    image: Image,
    class_index: int,
    *,
    samples: int = 24,
    noise: float = 0.1,
    seed: int = 0,
) -> Map:
    """Map the saliency of the gradient averaged over copies of the image that differ by noise.

    M = max over color of |mean of ∂S_c/∂I at I + noise|

    Args:
        model: images -> logits (N, classes).
        image: I, (H, W, C) in [0, 1].
        class_index: c, 0..classes-1.
        samples: how many noisy copies, 1 or more.
        noise: the standard deviation of the noise in units of a pixel, 0 or more.
        seed: of the noise.

    Returns:
        (H, W) float32, 0 or more, in units of the score per unit of a pixel.

    Raises:
        ValueError: for anything but one image, for a class that the network does not have, and for
            samples or a noise out of range.

    Source:
        Smilkov et al., SmoothGrad: removing noise by adding noise, 2017. The mean is taken first,
        the absolute value after it.
    """
    if not (samples >= 1 and noise >= 0):
        raise ValueError(
            "SmoothGrad takes 1 or more samples and a noise of 0 or more; they were "
            f"{samples} and {noise}."
        )
    image = one_image(model, image)
    random = np.random.default_rng(seed)
    noisy = (
        image + noise * random.standard_normal(image.shape, np.float32) for _ in range(samples)
    )
    return strongest_channel(mean_gradient(model, noisy, class_index))


@at_a_size_for_networks
def integrated_gradients_map(
    model: Network,
    image: Image,
    class_index: int,
    *,
    baseline: float | Image = 0.0,
    steps: int = 32,
) -> Map:
    """Map what each pixel contributes to the difference between the scores of image and baseline.

    M = Σ over color of (I − B) · mean of ∂S_c/∂I at B + t (I − B), over t in 0..1

    The map adds up to S_c(I) − S_c(B), up to the error of the mean. Many networks answer to the
    faintest trace of an image, so that most of this difference arises near the baseline. The parts
    into which the line is cut are short there: they end at t = (n / steps)², n = 1, 2, ..., steps.

    Args:
        model: images -> logits (N, classes).
        image: I, (H, W, C) in [0, 1].
        class_index: c, 0..classes-1.
        baseline: B, a number or an image (H, W, C), in [0, 1].
        steps: at how many points of the straight line the gradient is taken, 1 or more. Each is
            the middle of its part of the line, and counts by the length of that part.

    Returns:
        (H, W) float32, signed, in units of the score.

    Raises:
        ValueError: for anything but one image, for a class that the network does not have, and for
            steps or a baseline out of range.

    Source:
        Sundararajan, Taly and Yan, Axiomatic attribution for deep networks, 2017.
    """
    if steps < 1:
        raise ValueError(f"Integrated gradients takes 1 or more steps; it was {steps}.")
    image = one_image(model, image)
    baseline = _checked_baseline(baseline, image)
    difference = image - baseline  # I − B
    ends = np.linspace(0, 1, steps + 1, dtype=np.float32) ** 2  # of the parts of the line
    middles = (ends[:-1] + ends[1:]) / 2  # t
    points = (baseline + t * difference for t in middles)
    gradients = mean_gradient(model, points, class_index, weights=np.diff(ends))
    return np.sum(difference * gradients, axis=-1)


def _checked_baseline(baseline: float | Image, image: Image) -> np.ndarray:
    given = np.asarray(baseline, np.float32)
    if given.shape not in ((), image.shape) or not ((given >= 0) & (given <= 1)).all():
        raise ValueError(
            "The baseline is a number in [0, 1], or an image in [0, 1] of the shape "
            f"{image.shape} of the image that is explained."
        )
    return given


def mean_gradient(
    model: Network,
    images: Iterable[Image],
    class_index: int,
    *,
    weights: Iterable[float] | None = None,
    batch_size: int | None = None,
) -> Image:
    """Average the gradient of a class's score over any number of images.

    Σ_n w_n ∂S_c/∂I (I_n) / Σ_n w_n

    Args:
        model: images -> logits (N, classes).
        images: I_n, (H, W, C) each. They may come one after another, and only one batch of them is
            in memory at a time.
        class_index: c, 0..classes-1.
        weights: w_n, one for each image; None weighs all alike.
        batch_size: how many go through the network together, by default as many as suit it.

    Returns:
        (H, W, C) float32.
    """
    score = class_score(model, one_class(model, class_index))
    gradients = _one_by_one(score, batches(images, size=batch_size))
    total = 0.0
    whole = 0.0
    for at_image, weight in zip(
        gradients, repeat(1.0) if weights is None else weights, strict=False
    ):
        total += weight * at_image
        whole += weight
    return total / whole


def _one_by_one(score: Score, stacks: Iterable[Images]) -> Iterator[Image]:
    """The gradients of a score with respect to images that come in batches."""
    for stack in stacks:
        yield from gradient(score, stack)


def clip_strongest(heatmap: Map, *, percentile: float = 99.0) -> Map:
    """Clip a map where it is strongest, so that its colors are not spent on a few pixels.

    M clipped to −s..s, where s is a percentile of |M|

    Args:
        heatmap: M, (H, W).
        percentile: how many percent of the pixels stay as they are, 0..100.

    Returns:
        (H, W) float32 in the units of the map.

    Raises:
        ValueError: for a map that is none, and a percentile out of range.
    """
    heatmap = as_map(heatmap)
    if not 0 <= percentile <= 100:
        raise ValueError(f"The percentile is 0 to 100; it was {percentile}.")
    strongest = np.percentile(np.abs(heatmap), percentile)  # s
    return np.clip(heatmap, -strongest, strongest)


# From a map to a mask and a box


def grabcut_mask(
    image: Image,
    heatmap: Map,
    *,
    foreground: float = 0.95,
    background: float = 0.3,
    rounds: int = 5,
) -> Mask:
    """Cut out an object: where the map is high is the object, where it is low is the background.

    GrabCut decides the pixels between them. It describes the colors of both regions and cuts where
    neighboring pixels differ, several times over.

    Args:
        image: (H, W, 1 or 3) in [0, 1].
        heatmap: (H, W), high on the object.
        foreground: the quantile of the map above which a pixel is certainly of the object.
        background: the quantile below which it certainly is not; 0 <= background < foreground <= 1.
        rounds: how often GrabCut describes and cuts.

    Returns:
        (H, W) booleans, the largest connected piece of the object.

    Raises:
        ValueError: for a map of another size than the image, or quantiles out of order.

    Source:
        Simonyan, Vedaldi and Zisserman, Deep inside convolutional networks, 2014. Rother,
        Kolmogorov and Blake, GrabCut, 2004.
    """
    pixels = to_uint8(image)
    heatmap = as_map(heatmap)
    _check_sizes(pixels, heatmap)
    _check_quantiles(background, foreground)

    # What is certain, and what is left to GrabCut.
    low, high = np.quantile(heatmap, [background, foreground])
    labels = np.full(heatmap.shape, cv2.GC_PR_BGD, np.uint8)  # probably background
    labels[heatmap <= low] = cv2.GC_BGD
    labels[heatmap >= high] = cv2.GC_FGD

    _decide(pixels, labels, rounds)
    return _largest_piece((labels == cv2.GC_FGD) | (labels == cv2.GC_PR_FGD))


def _check_sizes(pixels: np.ndarray, heatmap: Map) -> None:
    if pixels.shape[:2] != heatmap.shape:
        raise ValueError(
            f"The map is {heatmap.shape} but the image {pixels.shape[:2]}; give both the same "
            "height and width."
        )


def _check_quantiles(background: float, foreground: float) -> None:
    if not 0 <= background < foreground <= 1:
        raise ValueError(
            "The quantiles are 0 <= background < foreground <= 1; these were "
            f"{background} and {foreground}."
        )


def _decide(pixels: np.ndarray, labels: np.ndarray, rounds: int) -> None:
    """Write GrabCut's decisions into the labels that are not certain."""
    cv2.setRNGSeed(0)  # it draws the first guess of its colors
    colors = np.ascontiguousarray(np.broadcast_to(pixels, (*labels.shape, 3)))
    background_model = np.zeros((1, 65))  # GrabCut's notes on both regions
    foreground_model = np.zeros((1, 65))
    cv2.grabCut(
        colors, labels, None, background_model, foreground_model, rounds, cv2.GC_INIT_WITH_MASK
    )


def _largest_piece(mask: Mask) -> Mask:
    """The largest connected piece of a mask; piece 0 is all that lies outside."""
    count, pieces, statistics, _ = cv2.connectedComponentsWithStats(mask.astype(np.uint8))
    if count == 1:
        return np.zeros(mask.shape, bool)
    sizes = statistics[1:, cv2.CC_STAT_AREA]
    return pieces == 1 + sizes.argmax()


def box_of(mask: Mask) -> Box:
    """Return the smallest box around a mask.

    Args:
        mask: (H, W) booleans.

    Returns:
        (top, left, bottom, right), the last two one beyond the mask.

    Raises:
        ValueError: for an empty mask.
    """
    rows, columns = np.nonzero(mask)
    if not rows.size:
        raise ValueError("The mask is empty, so that there is no box around it.")
    return int(rows.min()), int(columns.min()), int(rows.max()) + 1, int(columns.max()) + 1


def overlap(box: Box, other: Box) -> float:
    """Return the intersection over union of two boxes, 0..1.

    Args:
        box: (top, left, bottom, right), the last two one beyond the box.
        other: the same.
    """
    top_left = np.maximum(box[:2], other[:2])
    bottom_right = np.minimum(box[2:], other[2:])
    common = _area(*top_left, *bottom_right)
    return common / (_area(*box) + _area(*other) - common)


def _area(top: int, left: int, bottom: int, right: int) -> int:
    return int(max(0, bottom - top) * max(0, right - left))
