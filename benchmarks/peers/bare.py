"""The bare passes of a net, compiled, at the batch size that is fastest here.

No map and no attack can do without them.
"""

from functools import cache

import numpy as np
from side_by_side import seconds

from lecture_lib.models.backend import keras, tf
from lecture_lib.models.batching import default_batch_size
from lecture_lib.models.zoo import load_model

BATCHES = 1, 4, 6, 8, 16, 32
TRAINED = ("efficientnet_lite0", "squeezenet")


def forward_of(model):
    """images -> scores, compiled."""
    return tf.function(
        lambda images: model(images, training=False), autograph=False, reduce_retracing=True
    )


def gradient_of(model):
    """images -> the gradient of score 3, compiled."""

    def gradient(images):
        with tf.GradientTape() as tape:
            tape.watch(images)
            score = model(images, training=False)[:, 3]
        return tape.gradient(score, images)

    return tf.function(gradient, autograph=False, reduce_retracing=True)


def best_batch(function, image):
    """The batch size that is fastest an image."""
    costs = {}
    for size in (size for size in BATCHES if size <= default_batch_size(image.shape)):
        batch = tf.constant(np.repeat(image[None], size, axis=0))
        function(batch)
        costs[size] = min(seconds(lambda batch=batch: function(batch)) for _ in range(3)) / size
    return min(costs, key=costs.get)


def passes(function, image, *, count, size):
    """The work of `count` passes in whole batches of `size`, and how many passes it really does."""
    batch = tf.constant(np.repeat(image[None], min(size, count), axis=0))
    calls = max(1, count // size)
    return (lambda: [function(batch).numpy() for _ in range(calls)]), calls * min(size, count)


@cache
def untrained(name):
    """A net of random weights, always the same; those of `TRAINED` have the weights they learned.

    Batch normalization takes its means and spreads from eight pictures of noise: without, numbers
    shrink from layer to layer, to scores of 1e-12 in MobileNetV2, and rounding would be all there
    is to compare.
    """
    if name in TRAINED:
        return load_model(name)
    keras.utils.set_random_seed(0)
    model = load_model(name, weights=None)
    for layer in model.layers:
        if isinstance(layer, keras.layers.BatchNormalization):
            layer.momentum = 0.0
    model(noise_pictures(8), training=True)
    return model


def noise_pictures(count, *, side=224, seed=0):
    """Pictures (count, side, side, 3) of random pixels in [0, 1]."""
    return np.random.default_rng(seed).random((count, side, side, 3), np.float32)
