"""A network that is a sum over windows, images with pixels near the level, and their patterns."""

from functools import cache
from itertools import product

import numpy as np
from small_nets import normal

from lecture_lib.models.backend import keras
from lecture_lib.models.inference import class_scores
from lecture_lib.models.surgery import named


@cache
def windows_net(side=(7, 6), *, seed=0):
    """Windows of 4x4 pixels that overlap by two, with random weights that are always the same."""
    images = keras.Input((*side, 1), name="image")
    maps = keras.layers.Conv2D(5, 3, activation="relu", name="conv")(images)
    maps = keras.layers.MaxPooling2D(2, name="pool")(maps)
    flat = keras.layers.Dropout(0.5)(keras.layers.Flatten(name="flatten")(maps))
    model = keras.Model(images, keras.layers.Dense(3, name="scores")(flat))
    shapes = [weight.shape for weight in model.get_weights()]
    model.set_weights([normal(*shape, seed=seed + part) for part, shape in enumerate(shapes)])
    return named(model, class_names=None, image_size=side[0])


def grays(count, shape, *, share, seed):
    """Images of black and white with a share of pixels near the level."""
    numbers = np.random.default_rng(seed)
    near = numbers.uniform(0.3, 0.46, (count, *shape))
    is_near = numbers.random((count, *shape)) < share
    black_or_white = numbers.integers(0, 2, (count, *shape))
    return np.where(is_near, near, black_or_white).astype(np.float32)


def all_patterns(pattern, undecided):
    """The pattern with every setting of its undecided pixels, (2^pixels, H, W, C)."""
    places = tuple(np.argwhere(undecided).T)
    count = len(places[0])
    patterns = np.repeat(pattern[None], 2**count, axis=0)
    patterns[(slice(None), *places)] = list(product((0, 1), repeat=count))
    return patterns


def lowest_by_trying(net, pattern, undecided, label):
    """The lowest margin over all patterns, each of them given to the network."""
    scores = class_scores(net, all_patterns(pattern, undecided))
    return (scores[:, [label]] - np.delete(scores, label, axis=1)).min()
