"""Defenses against changes of at most ε a pixel: a threshold that leaves an attacker few pixels, an attack that knows it, and a proof.

Behind a threshold a net sees black and white only. All pictures within ε of one then give at most 2^k patterns, k the number of pixels
that may fall on either side of μ; and where a net adds up what small windows say, the worst of these patterns can be found.
"""

from functools import partial
from typing import NamedTuple

import numpy as np

from lecture_lib.core.gradients import value
from lecture_lib.core.scores import class_margin
from lecture_lib.datasets.images import as_batch, unbatch
from lecture_lib.defenses.certificates import lowest_margin
from lecture_lib.models.backend import keras, tf
from lecture_lib.models.inference import check_class, class_scores, compiled_outputs
from lecture_lib.models.surgery import rebuild

ROUNDING = (
    1e-3  # sums of float32 may differ by so much: a margin nearer to 0 than this proves nothing
)


def survivors(model, images, labels, *, radii, attacks):
    """Which images keep the right answer: (attacks, radii, N) booleans, an image fooled once being fooled by all that is stronger.

    images: (N, H, W, C) in [0, 1]; labels: (N,). radii: rising, from 0 on. attacks: functions (model, images, labels, *, epsilon) ->
    images, from the weakest to the strongest. Only images that still stand are attacked, so that no attack looks weaker than another.
    Raises ValueError for radii that do not rise.
    """
    if list(radii) != sorted(radii) or min(radii) < 0:
        raise ValueError(
            f"The radii rise from 0 on, as in [0, 0.1, 0.2]; these were {list(radii)}."
        )
    right = lambda pictures, answers: class_scores(model, pictures).argmax(axis=1) == answers
    kept = np.broadcast_to(right(images, labels), (len(attacks), len(radii), len(images))).copy()
    for number, attack in enumerate(attacks):
        for place, radius in enumerate(radii):
            weaker = [
                kept[number - 1, place] if number else True,
                kept[number, place - 1] if place else True,
            ]
            standing = np.flatnonzero(kept[number, place] & weaker[0] & weaker[1])
            kept[number, place] = False
            if standing.size:
                moved = attack(model, images[standing], labels[standing], epsilon=radius)
                kept[number, place, standing] = right(moved, labels[standing])
    return kept


def decoded_features(model, decoder, images, *, layer):
    """g(φ_layer(I)): what a decoder draws from a layer's features. images: (H, W, C) or (N, H, W, C) in [0, 1]; the decoder's pictures."""
    features = compiled_outputs(model, (layer,))(as_batch(images))[layer]
    return unbatch(decoder(features, training=False).numpy(), images)


def threshold(images, *, level=0.38):
    """T(I) = 1 where I > μ, and 0 elsewhere. images: (H, W, C) or (N, H, W, C) in [0, 1]; level: μ, in 0..1. Returns float32 like them.

    Raises ValueError for a level or images out of range. Source: Zheng et al., Insights from attacking interpretable models.
    """
    return unbatch(np.float32(as_batch(images) > _checked(level)), images)


def with_threshold(model, *, level=0.38):
    """A copy of the net that reads T(I) in place of I; gradients pass straight through T, as if it were not there.

    The true slope of T is 0 nearly everywhere, on which an attack would stand still. Raises ValueError for a level outside 0..1.
    Source: Athalye et al., Obfuscated gradients give a false sense of security, 2018.
    """
    level = _checked(level)
    return rebuild(
        model,
        preprocess=keras.layers.Activation(
            lambda images: _straight_through(images, level), name="threshold"
        ),
    )


def _straight_through(images, level):
    return tf.custom_gradient(lambda x: (tf.cast(x > level, x.dtype), lambda upstream: upstream))(
        images
    )


def _checked(level):
    if not 0 <= level < 1:
        raise ValueError(
            f"The level of a threshold lies between 0 and 1, where pixels are; it was {level}."
        )
    return float(level)


def fragile(images, *, epsilon=0.1, level=0.38):
    """Which pixels can be put on either side of μ: max(0, I − ε) ≤ μ < min(1, I + ε). Returns booleans shaped like the images."""
    batch = as_batch(images)
    return unbatch(
        (np.maximum(batch - epsilon, 0) <= _checked(level))
        & (np.minimum(batch + epsilon, 1) > level),
        images,
    )


def picture_of(pattern, images, *, level=0.38):
    """The picture nearest to I whose threshold is the pattern: pixels on the wrong side of μ move just across, all others stay."""
    across = np.where(
        pattern > 0, np.nextafter(np.float32(level), np.float32(1)), np.float32(level)
    )
    return np.where(threshold(images, level=level) == pattern, images, across).astype(np.float32)


def greedy_flip_attack(model, images, labels, *, epsilon=0.1, level=0.38, steps=40):
    """Try each fragile pixel on the other side of μ, keep the flip that costs the margin most, and go on until none helps.

    The attack that knows the threshold; it needs no slope. model: the net that reads the patterns. images: (H, W, C) or (N, H, W, C) in
    [0, 1]; labels: the true class, one for all or one each. steps: the most flips. Returns images within ε of those given.
    """
    batch = as_batch(images)
    cases = zip(
        threshold(batch, level=level), fragile(batch, epsilon=epsilon, level=level), strict=True
    )
    answers = np.broadcast_to(check_class(model, labels), len(batch))
    worst = [
        _flipped(model, *case, label=label, steps=steps)
        for case, label in zip(cases, answers, strict=True)
    ]
    return unbatch(picture_of(np.stack(worst), batch, level=level), images)


def _flipped(model, pattern, open_pixels, *, label, steps):
    margin, places = class_margin(model, label), np.argwhere(open_pixels)
    flips = np.zeros((len(places), *pattern.shape), bool)
    flips[(np.arange(len(places)), *places.T)] = True
    lowest = value(margin, pattern)
    for _ in range(steps if len(places) else 0):
        tried = np.abs(pattern - flips)
        margins = value(margin, tried)
        if margins.min() >= lowest:
            break
        pattern, lowest = tried[margins.argmin()], margins.min()
    return pattern


class Certificate(NamedTuple):
    """`certified`: proven that no picture within ε is misread; `broken`: one was found, it is in `worst`; `pixels`: how many are fragile.

    Arrays (N,), and images (N, H, W, C). An image of which neither is true was not decided.
    """

    certified: np.ndarray
    broken: np.ndarray
    worst: np.ndarray
    pixels: np.ndarray


def certify(model, images, labels, *, epsilon=0.1, level=0.38, together=18):
    """Prove or refute, image by image, that the net behind the threshold is right for all pictures within ε: min over T(I') of its margin.

    model: the net that reads the patterns, convolutions and pools without padding, then one linear layer. images: (N, H, W, C) in [0, 1];
    labels: the true class, one for all or one each. together: as in `certificates.lowest_margin`, which does the work.
    Returns a Certificate. Raises ValueError for another kind of net.
    """
    batch = as_batch(images)
    patterns, may = threshold(batch, level=level), fragile(batch, epsilon=epsilon, level=level)
    answers = np.broadcast_to(check_class(model, labels), len(batch))
    ask, cases = (
        partial(lowest_margin, model, together=together, enough=ROUNDING),
        zip(patterns, may, answers, strict=True),
    )
    lowest = [ask(pattern, open_pixels, label=label) for pattern, open_pixels, label in cases]
    worst = picture_of(np.stack([pattern for _, pattern in lowest]), batch, level=level)
    broken = class_scores(model, threshold(worst, level=level)).argmax(axis=1) != answers
    return Certificate(
        np.array([bound for bound, _ in lowest]) > ROUNDING, broken, worst, may.sum(axis=(1, 2, 3))
    )
