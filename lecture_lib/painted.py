"""Pictures and nets with a cause that is known: patterns and colours painted onto photographs, badges at known places, nets that see them.

A pattern is a function of two coordinates, both in radians: above zero is ink, below is ground.
"""

from typing import NamedTuple

import numpy as np
from sklearn.linear_model import LogisticRegression

from lecture_lib.backend import keras
from lecture_lib.images import as_batch, unbatch
from lecture_lib.models import class_scores, features
from lecture_lib.surgery import named, wrap_model


def stripes(x, y):
    """sin x: bands along y."""
    return np.sin(x) + 0 * y


def dots(x, y):
    """cos x + cos y − 0.9: a round spot at every full turn of both."""
    return np.cos(x) + np.cos(y) - 0.9


def checks(x, y):
    """sin x · sin y: the squares of a chess board."""
    return 2 * np.sin(x) * np.sin(y)


def paint_pattern(images, pattern, *, periods=(10, 24), seed=0):
    """Each image with a pattern in dark ink over it, at an angle, a size and a place of its own.

    images: (H, W, 3) or (N, H, W, 3) in [0, 1]. pattern: `stripes`, `dots`, `checks` or another function of (x, y), or several, of which
    each image gets one. periods: smallest and largest distance between repeats, in pixels. Returns float32 in [0, 1] of the same shape.
    """
    batch, random = as_batch(images, channels=3), np.random.default_rng(seed)
    patterns = [pattern] if callable(pattern) else list(pattern)
    inks = [_ink(patterns[random.integers(len(patterns))], image.shape, periods, random) for image in batch]
    darkness = random.uniform(0, 0.4, (len(batch), 1, 1, 3))
    return unbatch(np.float32(batch + np.stack(inks) * (darkness - batch)), images)


def _ink(pattern, shape, periods, random):
    """How much of each pixel is ink: the pattern turned, scaled and shifted, with edges about one pixel soft. (H, W, 1) in [0, 1]."""
    angle, period = random.uniform(0, np.pi), random.uniform(*periods)
    rows, columns = 2 * np.pi / period * np.mgrid[: shape[0], : shape[1]]
    x = np.cos(angle) * columns + np.sin(angle) * rows + random.uniform(0, 2 * np.pi)
    y = np.cos(angle) * rows - np.sin(angle) * columns + random.uniform(0, 2 * np.pi)
    return np.clip(0.5 + period / 6 * pattern(x, y), 0, 1)[..., None]


def paint_colour(images, colour=None, *, strength=0.8, seed=0):
    """Each image in shades of one colour, from black over the colour to nearly white, as bright as it was.

    images: (H, W, 3) or (N, H, W, 3) in [0, 1]. colour: three numbers in [0, 1], varied a little from image to image; None draws any colour
    for each. strength: in [0, 1]; 0 leaves the images alone. Returns float32 in [0, 1] of the same shape.
    """
    batch, random = as_batch(images, channels=3), np.random.default_rng(seed)
    shape = (len(batch), 1, 1, 3)
    colours = random.random(shape) if colour is None else np.clip(np.asarray(colour) + random.normal(0, 0.06, shape), 0, 1)
    light = (batch @ np.float32([0.299, 0.587, 0.114]))[..., None]
    shades = np.where(light < 0.5, 2 * light * colours, colours + 0.7 * (2 * light - 1) * (1 - colours))
    return unbatch(np.float32((1 - strength) * batch + strength * shades), images)


def ring(x, y):
    """A red ring on white: colours (..., 3) at places x, y in [-1, 1]."""
    return _two_colours(np.abs(np.hypot(x, y) - 0.55) < 0.25, (0.85, 0.1, 0.1), (1.0, 1.0, 1.0))


def cross(x, y):
    """A blue cross on white: colours (..., 3) at places x, y in [-1, 1]."""
    return _two_colours(np.minimum(np.abs(x), np.abs(y)) < 0.25, (0.1, 0.2, 0.85), (1.0, 1.0, 1.0))


def _two_colours(ink, colour, ground):
    return np.where(ink[..., None], np.float32(colour), np.float32(ground))


class Marked(NamedTuple):
    """Pictures with badges: `images` (N, H, W, 3) in [0, 1], and `masks` (badges, N, H, W), True where that badge covers the picture."""

    images: np.ndarray
    masks: np.ndarray


def paint_badges(images, badges, *, diameter=21, seed=0):
    """Round badges painted onto each image at places drawn at random, none over another: their masks say exactly where.

    images: (N, H, W, 3) in [0, 1]. badges: functions like `ring` and `cross`. diameter: in pixels. Returns Marked(images, masks).
    Raises ValueError when the badges do not fit side by side.
    """
    batch, random = np.array(as_batch(images, channels=3)), np.random.default_rng(seed)
    height, width = batch.shape[1:3]
    if diameter * (len(badges) + 1) > min(height, width):
        raise ValueError(f"{len(badges)} badges of {diameter} pixels find no place in {height} × {width}; make them smaller.")
    masks = np.zeros((len(badges), *batch.shape[:3]), bool)
    for number, image in enumerate(batch):
        for badge, mask in zip(badges, masks[:, number], strict=True):
            mask[:] = _free_place(masks[:, number].any(axis=0), diameter, random)
            rows, columns = np.nonzero(mask)
            middle = lambda places: (2 * places - places.min() - places.max()) / diameter
            image[mask] = badge(middle(columns), middle(rows))
    return Marked(batch, masks)


def _free_place(taken, diameter, random):
    """A disc at a random place where nothing is yet: (H, W) booleans."""
    rows, columns = np.indices(taken.shape)
    while True:
        top, left = (random.integers(0, side - diameter + 1) + (diameter - 1) / 2 for side in taken.shape)
        disc = np.hypot(rows - top, columns - left) <= diameter / 2
        if not (disc & taken).any():
            return disc


def badge_net(trunk, photographs, *, badges=(ring, cross), layer="block3", seed=0):
    """A net whose scores are caused by badges alone, learned in seconds: one linear head a badge on the mean activations of a layer.

    trunk: a network. photographs: (N, H, W, 3). They are shown with every combination of the badges, so that whatever else they show is
    of no use, and one badge says nothing about another. Class k of the net is badges[k]: a score above 0 says that it is there.
    """
    present = np.indices((2,) * len(badges)).reshape(len(badges), -1).T.astype(bool)
    worn = lambda row: [badge for badge, there in zip(badges, row, strict=True) if there]
    groups = [paint_badges(photographs, worn(row), seed=seed + number).images for number, row in enumerate(present)]
    pooled = keras.Model(trunk.input, keras.layers.GlobalAveragePooling2D(name="pool")(features(trunk, layer)))
    means, answers = np.concatenate([class_scores(pooled, group) for group in groups]), np.repeat(present, len(photographs), axis=0)
    heads = [LogisticRegression(C=100.0, solver="newton-cg", max_iter=1000).fit(means, there) for there in answers.T]
    scores = keras.layers.Dense(len(badges), name="scores")
    net = keras.Model(trunk.input, scores(pooled.output))
    scores.set_weights([np.concatenate([head.coef_ for head in heads]).T, np.concatenate([head.intercept_ for head in heads])])
    return wrap_model(net, class_names=[badge.__name__ for badge in badges], image_size=trunk.image_size)


def colour_net():
    """A net set by hand for badges on grey photographs: S_ring is the mean of relu(red − blue), S_cross that of relu(blue − red).

    Grey and white pixels have no red without blue: a score has no other cause than the coloured pixels, each as much as any other.
    """
    images = keras.Input((None, None, 3), name="image")
    maps = keras.layers.Conv2D(2, 1, activation="relu", use_bias=False, name="colours")(images)
    scores = keras.layers.Dense(2, use_bias=False, name="scores")
    net = keras.Model(images, scores(keras.layers.GlobalAveragePooling2D(name="pool")(maps)))
    net.get_layer("colours").set_weights([np.float32([[1, -1], [0, 0], [-1, 1]])[None, None]])
    scores.set_weights([np.eye(2, dtype=np.float32)])
    return named(net, class_names=("ring", "cross"), image_size=64)
