"""Scores: functions from images (N, H, W, C) to one number per image (N,), to climb, to take gradients of, to add up.

The functions named after what they score return such a function; the penalties `l2`, `total_variation` and `total_variation_beta` are such
functions. So an objective is written as it is said: `lambda images: score(images) - 0.1 * total_variation(images)`.
"""

from functools import partial

import numpy as np

from lecture_lib.models.backend import tf
from lecture_lib.models.inference import check_class, features, layer_outputs


def class_score(model, class_index):
    """S_c(I), the score of class c before softmax. class_index: 0..classes-1, or one per image (N,)."""
    return partial(_class_score, model=model, class_index=check_class(model, class_index))


def _class_score(images, *, model, class_index):
    return select_per_row(model(images, training=False), class_index)


def select_per_row(rows, place):
    """From rows (N, numbers) the number at one place, or at one place per row: (N,)."""
    return tf.gather(rows, tf.broadcast_to(place, tf.shape(rows)[:1]), axis=1, batch_dims=1)


def class_log_probability(model, class_index):
    """log P_c(I), after softmax: its gradient points where that of P_c points, and does not fade when P_c is tiny."""
    return partial(_class_log_probability, model=model, class_index=check_class(model, class_index))


def _class_log_probability(images, *, model, class_index):
    return log_probabilities(model(images, training=False), class_index)


def log_probabilities(scores, class_index):
    """From scores (N, classes), log P of one class, or of one class per image: (N,)."""
    # log P_c = −log(1 + Σ exp(S_k − S_c)) over the other classes k: unlike 1 − P_c, its slope is right even where P_c rounds to 1.
    return -tf.nn.softplus(
        tf.reduce_logsumexp(_others(scores, class_index), axis=1)
        - select_per_row(scores, class_index)
    )


def _others(scores, class_index):
    """The scores (N, classes) with that of class c at −∞, so that no maximum and no sum counts it."""
    classes = tf.broadcast_to(class_index, tf.shape(scores)[:1])
    return tf.where(
        tf.one_hot(classes, tf.shape(scores)[1], on_value=True, off_value=False), -np.inf, scores
    )


def class_margin(model, class_index):
    """S_c(I) − max over k ≠ c of S_k(I): how far class c is ahead of the best other; below 0 the net answers something else."""
    return partial(_class_margin, model=model, class_index=check_class(model, class_index))


def _class_margin(images, *, model, class_index):
    return margins(model(images, training=False), class_index)


def margins(scores, class_index):
    """From scores (N, classes), how far one class, or one per image, is ahead of the best other: (N,)."""
    return select_per_row(scores, class_index) - tf.reduce_max(_others(scores, class_index), axis=1)


def class_probability(model, class_index):
    """P_c(I), the probability of class c after softmax, in 0..1. class_index: 0..classes-1, or one per image (N,)."""
    return partial(_class_probability, model=model, class_index=check_class(model, class_index))


def _class_probability(images, *, model, class_index):
    return tf.exp(_class_log_probability(images, model=model, class_index=class_index))


def channel_score(model, layer, channel):
    """The mean of one channel of a layer over all its positions. layer: a name; channel: 0..channels-1, or one per image (N,)."""
    for number in np.ravel(channel):
        _check_within(number, features(model, layer).shape[-1], f"channel of {layer}")
    return partial(_channel_score, model=model, layer=layer, channel=np.asarray(channel, np.int32))


def _channel_score(images, *, model, layer, channel):
    activations = layer_outputs(model, layer)(images)[layer]
    return select_per_row(
        tf.reduce_mean(activations, axis=range(1, activations.shape.rank - 1)), channel
    )


def neuron_score(model, layer, row, column, channel):
    """One neuron: φ_layer(I)[row, column, channel]. Rows and columns count on the layer's map for the images given."""
    _check_within(channel, features(model, layer).shape[-1], f"channel of {layer}")
    return partial(
        _neuron_score, model=model, layer=layer, position=np.array([row, column, channel], np.int32)
    )


def _neuron_score(images, *, model, layer, position):
    activations = layer_outputs(model, layer)(images)[layer]
    return tf.gather_nd(
        activations, tf.tile(position[None], [tf.shape(activations)[0], 1]), batch_dims=1
    )


def layer_energy(model, layer):
    """Σ φ_layer(I)², all a layer has to say, squared: what DeepDream climbs."""
    features(model, layer)
    return partial(_layer_energy, model=model, layer=layer)


def _layer_energy(images, *, model, layer):
    return l2(layer_outputs(model, layer)(images)[layer])


def feature_distance(model, layer, image):
    """‖φ_layer(I) − φ_layer(image)‖², how far the images are from a given one, seen from a layer. image: (H, W, C)."""
    target = layer_outputs(model, layer)(np.asarray(image, np.float32)[None])[layer]
    return partial(_feature_distance, model=model, layer=layer, target=target)


def _feature_distance(images, *, model, layer, target):
    return l2(layer_outputs(model, layer)(images)[layer] - target)


def l2(images):
    """‖I‖², the sum of squares of each image. images: (N, ...). Returns (N,)."""
    return tf.reduce_sum(tf.reshape(tf.square(images), [tf.shape(images)[0], -1]), axis=1)


def total_variation(images):
    """Σ |I[r+1, c] − I[r, c]| + |I[r, c+1] − I[r, c]|, the unrest between neighboring pixels. images: (N, H, W, C). Returns (N,)."""
    return tf.image.total_variation(tf.convert_to_tensor(images))


def total_variation_beta(images, *, beta=2.0):
    """TV_β = Σ ((I[r, c+1] − I[r, c])² + (I[r+1, c] − I[r, c])²)^(β/2): for β = 2 edges blur, for β = 1 they stay and the rest is flat.

    images: (N, H, W, C). Returns (N,). Source: Mahendran and Vedaldi, Understanding deep image representations by
    inverting them, 2015.
    """
    inside = lambda size: tf.cast(
        tf.range(size) < size - 1, images.dtype
    )  # beyond the edge nothing changes
    _, height, width, _ = tf.unstack(tf.shape(images))
    right = (tf.roll(images, -1, axis=2) - images) * inside(width)[
        :, None
    ]  # slices would cost thrice as much on the way back
    down = (tf.roll(images, -1, axis=1) - images) * inside(height)[:, None, None]
    logs = tf.math.log(right**2 + down**2 + 1e-8)  # the root of 0 has no slope
    return tf.reduce_sum(
        tf.exp(beta / 2 * logs), axis=[1, 2, 3]
    )  # a power, in two thirds of the time of **


def _check_within(number, count, what):
    if not 0 <= number < count:
        raise ValueError(
            f"There is no {what} numbered {number}; they are numbered from 0 to {count - 1}."
        )
