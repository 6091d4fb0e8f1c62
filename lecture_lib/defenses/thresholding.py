"""Defenses against changes of at most ε a pixel: a threshold, an attack that knows it, and a proof.

Behind a threshold a network sees black and white only. All images within ε of one then give at most
2^k patterns, k the number of pixels that may fall on either side of μ. Where a network is a sum
over small windows, the worst of these patterns can be found (see `certificates`).
"""

from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np

from lecture_lib.core.ascent import identity
from lecture_lib.core.gradients import value
from lecture_lib.core.scores import class_margin
from lecture_lib.datasets.images import as_batch, unbatch
from lecture_lib.datasets.shapes import (
    Classes,
    Image,
    ImageOrImages,
    Images,
    Labels,
    Network,
    TensorImages,
)
from lecture_lib.defenses.certificates import lowest_margin
from lecture_lib.models.backend import keras, tf, usual_settings
from lecture_lib.models.checks import check_class
from lecture_lib.models.inference import class_scores
from lecture_lib.models.layers import compiled_outputs
from lecture_lib.models.remarks import interrupts_passed_on
from lecture_lib.models.surgery import clone

# Sums of float32 may differ by so much: a margin nearer to 0 than this proves nothing.
MARGIN_TOLERANCE = 1e-3


def robust_mask(
    model: Network,
    images: Images,
    labels: Labels,
    *,
    radii: Sequence[float],
    attacks: Sequence[Callable],
) -> np.ndarray:
    """Find which images keep the right prediction under each attack and at each radius.

    An image that was fooled once counts as fooled by all stronger attacks and at all larger radii,
    so that no attack looks weaker than another.

    Args:
        model: images -> logits (N, classes).
        images: (N, H, W, C) in [0, 1].
        labels: the true classes, (N,).
        radii: rising, from 0 on.
        attacks: functions (model, images, labels, *, epsilon) -> images, from the weakest to the
            strongest. They are given only the images that are not yet fooled.

    Returns:
        Booleans (attacks, radii, N).

    Raises:
        ValueError: for radii that do not rise.
    """
    if list(radii) != sorted(radii) or min(radii) < 0:
        raise ValueError(
            f"The radii rise from 0 on, as in [0, 0.1, 0.2]; these were {list(radii)}."
        )
    right_at_first = _is_right(model, images, labels)
    robust = np.zeros((len(attacks), len(radii), len(images)), bool)
    for row, attack in enumerate(attacks):
        for column, radius in enumerate(radii):
            under_weaker_attacks = robust[:row, column].all(axis=0)
            at_smaller_radii = robust[row, :column].all(axis=0)
            standing = np.flatnonzero(right_at_first & under_weaker_attacks & at_smaller_radii)
            if len(standing):
                with interrupts_passed_on():
                    moved = attack(model, images[standing], labels[standing], epsilon=radius)
                robust[row, column, standing] = _is_right(model, moved, labels[standing])
    return robust


def _is_right(model: Network, images: Images, labels: Labels) -> np.ndarray:
    return class_scores(model, images).argmax(axis=1) == labels


def decoded_features(
    model: Network, decoder: Network, images: ImageOrImages, *, layer: str
) -> np.ndarray:
    """Return the images that a decoder makes of a layer's features: g(φ_layer(I)).

    Args:
        model: images -> logits (N, classes).
        decoder: g, from the features of the layer to images.
        images: (H, W, C) or (N, H, W, C) in [0, 1].
        layer: the name of a layer.

    Returns:
        The decoder's images, one or a batch as given.

    Raises:
        ValueError: for a layer that the network does not have.
    """
    features = compiled_outputs(model, (layer,))(as_batch(images))[layer]
    return unbatch(decoder(features, training=False).numpy(), images)


# The threshold


def threshold(images: ImageOrImages, *, level: float = 0.38) -> ImageOrImages:
    """Return black and white images: T(I) = 1 where I > μ, and 0 elsewhere.

    Args:
        images: (H, W, C) or (N, H, W, C) in [0, 1].
        level: μ, at least 0 and below 1.

    Returns:
        float32, shaped like the images.

    Raises:
        ValueError: for a level or images out of range.

    Source:
        Zheng et al., Insights from attacking interpretable models.
    """
    return unbatch(np.float32(as_batch(images) > _checked_level(level)), images)


@usual_settings()
def with_threshold(model: Network, *, level: float = 0.38) -> Network:
    """Return a copy of the network that reads T(I) in place of I.

    The true gradient of T is 0 nearly everywhere, so that an attack along it would stand still.
    Here gradients pass straight through T, as if it were not there.

    Args:
        model: images -> logits (N, classes).
        level: μ, at least 0 and below 1.

    Returns:
        The copy, with a layer "threshold" before the first one.

    Raises:
        ValueError: for a level out of range.

    Source:
        Athalye, Carlini and Wagner, Obfuscated gradients give a false sense of security, 2018.
    """
    level = _checked_level(level)

    @tf.custom_gradient
    def threshold_straight_through(images: TensorImages) -> tuple[TensorImages, Callable]:
        return tf.cast(images > level, images.dtype), identity

    layer = keras.layers.Activation(threshold_straight_through, name="threshold")
    return clone(model, preprocess=layer)


def _checked_level(level: float) -> float:
    if not 0 <= level < 1:
        raise ValueError(
            f"The level of a threshold lies between 0 and 1, where pixels are; it was {level}."
        )
    return float(level)


def undecided_pixels(
    images: ImageOrImages, *, epsilon: float = 0.1, level: float = 0.38
) -> np.ndarray:
    """Find which pixels can be moved to either side of the level by a change of at most ε.

    max(0, I − ε) ≤ μ < min(1, I + ε)

    Args:
        images: (H, W, C) or (N, H, W, C) in [0, 1].
        epsilon: ε, 0 or more.
        level: μ, at least 0 and below 1.

    Returns:
        Booleans, shaped like the images.

    Raises:
        ValueError: for a level or images out of range.
    """
    level = _checked_level(level)
    batch = as_batch(images)
    reaches_black = np.maximum(batch - epsilon, 0) <= level
    reaches_white = np.minimum(batch + epsilon, 1) > level
    return unbatch(reaches_black & reaches_white, images)


def nearest_image_with_pattern(
    images: ImageOrImages, pattern: np.ndarray, *, level: float = 0.38
) -> ImageOrImages:
    """Return the image nearest to each one whose threshold is a given pattern.

    Pixels on the wrong side of the level move just across, all others stay.

    Args:
        images: (H, W, C) or (N, H, W, C) in [0, 1].
        pattern: zeros and ones, shaped like the images.
        level: μ, at least 0 and below 1.

    Returns:
        Images like those given, float32.

    Raises:
        ValueError: for a level or images out of range.
    """
    just_above = np.nextafter(np.float32(level), np.float32(1))
    across = np.where(pattern > 0, just_above, np.float32(level))
    fits = threshold(images, level=level) == pattern
    return np.where(fits, images, across).astype(np.float32)


# The attack that knows the threshold


def greedy_flip_attack(
    model: Network,
    images: ImageOrImages,
    labels: Classes,
    *,
    epsilon: float = 0.1,
    level: float = 0.38,
    steps: int = 40,
) -> ImageOrImages:
    """Move pixels across the level one by one, each time the one that lowers the margin most.

    This attack knows the threshold and needs no gradient. It ends when no pixel helps anymore.

    Args:
        model: the network that reads the patterns.
        images: (H, W, C) or (N, H, W, C) in [0, 1].
        labels: the true class, one for all images or one for each.
        epsilon: the most that a pixel moves, 0 or more.
        level: μ, at least 0 and below 1.
        steps: at most so many pixels are moved.

    Returns:
        Images like those given, within epsilon of them.

    Raises:
        ValueError: for a class, a level or images out of range.
    """
    batch = as_batch(images)
    patterns = threshold(batch, level=level)
    undecided = undecided_pixels(batch, epsilon=epsilon, level=level)
    one_each = np.broadcast_to(check_class(model, labels), len(batch))
    worst = [
        _flipped(model, pattern, pixels, label=label, steps=steps)
        for pattern, pixels, label in zip(patterns, undecided, one_each, strict=True)
    ]
    return unbatch(nearest_image_with_pattern(batch, np.stack(worst), level=level), images)


def _flipped(
    model: Network, pattern: Image, undecided: np.ndarray, *, label: int, steps: int
) -> Image:
    """The pattern after the flips of one image, (H, W, C)."""
    margin = class_margin(model, label)
    places = np.argwhere(undecided)
    if not len(places):
        return pattern
    # One image of zeros for each undecided pixel, with a 1 there.
    flips = np.zeros((len(places), *pattern.shape), bool)
    flips[(np.arange(len(places)), *places.T)] = True
    lowest = value(margin, pattern)
    for _ in range(steps):
        tried = np.abs(pattern - flips)
        margins = value(margin, tried)
        if margins.min() >= lowest:
            break
        pattern = tried[margins.argmin()]
        lowest = margins.min()
    return pattern


# The proof


class Certificate(NamedTuple):
    """What is proven of each image; one that is neither certified nor broken was not decided.

    Attributes:
        certified: proven that no image within ε is misclassified, booleans (N,).
        broken: an image within ε was found that is misclassified, booleans (N,).
        worst: the images within ε with the lowest margin found, (N, H, W, C).
        undecided_pixels: how many pixels of each image can cross the level, (N,).
    """

    certified: np.ndarray
    broken: np.ndarray
    worst: Images
    undecided_pixels: np.ndarray


def certify(
    model: Network,
    images: Images,
    labels: Classes,
    *,
    epsilon: float = 0.1,
    level: float = 0.38,
    max_shared_pixels: int = 18,
) -> Certificate:
    """Prove or refute that the network behind the threshold is right for all images within ε.

    min over I' of S_label(T(I')) − max_k S_k(T(I')) > 0,  k ≠ label, |I' − I| ≤ ε

    Args:
        model: the network that reads the patterns: convolutions and pools without padding, then one
            linear layer.
        images: (N, H, W, C) in [0, 1].
        labels: the true class, one for all images or one for each.
        epsilon: the most that a pixel moves, 0 or more.
        level: μ, at least 0 and below 1.
        max_shared_pixels: about how many pixels the windows of the network agree; more take longer
            and decide more images (see `lowest_margin`, which does the work).

    Returns:
        Certificate(certified, broken, worst, undecided_pixels).

    Raises:
        ValueError: for another kind of network, and for a class, a level or images out of range.
    """
    batch = as_batch(images)
    patterns = threshold(batch, level=level)
    undecided = undecided_pixels(batch, epsilon=epsilon, level=level)
    one_each = np.broadcast_to(check_class(model, labels), len(batch))
    options = {"max_shared_pixels": max_shared_pixels, "margin_tolerance": MARGIN_TOLERANCE}
    lowest = [
        lowest_margin(model, pattern, pixels, label=label, **options)
        for pattern, pixels, label in zip(patterns, undecided, one_each, strict=True)
    ]
    bounds = np.array([bound for bound, _ in lowest])
    worst_patterns = np.stack([pattern for _, pattern in lowest])
    worst = nearest_image_with_pattern(batch, worst_patterns, level=level)
    broken = ~_is_right(model, threshold(worst, level=level), one_each)
    return Certificate(bounds > MARGIN_TOLERANCE, broken, worst, undecided.sum(axis=(1, 2, 3)))
