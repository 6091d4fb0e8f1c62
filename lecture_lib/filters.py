"""Filters: the weights of a network looked at as pictures, and the pictures that filters answer to most."""

from functools import partial
from typing import NamedTuple

import numpy as np
from sklearn.linear_model import LogisticRegression

from lecture_lib.core.ascent import ascend, length, unit
from lecture_lib.core.scores import select_per_row
from lecture_lib.datasets.images import as_batch
from lecture_lib.models.backend import keras, tf
from lecture_lib.models.inference import layer_outputs, map_features


def convolution_names(model):
    """The names of the layers that hold a bank of filters, in forward order."""
    return [layer.name for layer in model.layers if type(layer) is keras.layers.Conv2D]


def filters_of(model, layer=None):
    """The filters of a convolution, by default the first, as (filters, height, width, channels of its input) float32.

    Raises ValueError for a layer that is no convolution, with the names of those that are.
    """
    names = convolution_names(model)
    if not names:
        raise ValueError("This net has no convolution, so it has no filters; choose another net.")
    if (layer := layer or names[0]) not in names:
        raise ValueError(f"{layer!r} is no layer with filters; those are {', '.join(names)}.")
    return np.moveaxis(model.get_layer(layer).get_weights()[0], -1, 0)


def filters_to_images(filters, *, one_scale=False):
    """½ + w / (2 max|w|): filters (N, h, w, 1 or 3) as pictures in [0, 1], where gray is a weight of 0 and light a positive one.

    one_scale: True takes the maximum over all filters, so that their strengths compare; False over each, so that each can be seen.
    """
    filters = np.asarray(filters, np.float32)
    if filters.ndim != 4 or filters.shape[-1] not in (1, 3):
        raise ValueError(
            f"Filters that have colors are (N, height, width, 1 or 3); these have the shape {filters.shape}."
        )
    most = np.abs(filters).max(axis=None if one_scale else (1, 2, 3), keepdims=True)
    return 0.5 + filters / np.where(most > 0, 2 * most, 1)


def filter_slices_to_images(filters):
    """Filters (N, h, w, channels) as gray tiles, one for each channel of the input, row by row: (N · channels, h, w, 1) in [0, 1].

    One scale for all; gray is a weight of 0. For filters that do not look at colors, which is every layer but the first.
    """
    planes = np.moveaxis(filters, -1, 1)
    return filters_to_images(planes.reshape(-1, *planes.shape[2:], 1), one_scale=True)


def answers(weights, inputs):
    """w · x for each input. weights: (h, w, C) or one for each input (N, h, w, C); inputs: (N, h, w, C). Returns (N,)."""
    return tf.reduce_sum(inputs * weights, axis=[1, 2, 3])


def best_input(weights):
    """argmax of w · x over ‖x‖ = 1, which is w / ‖w‖: of all inputs of one length the filter itself. weights: (..., h, w, C), not all 0."""
    if not np.all(length(weights) > 0):
        raise ValueError("A filter of zeros answers 0 to every input; it has no best one.")
    return unit(np.asarray(weights, np.float32))


def climb_to_best_input(weights, *, steps=40, learning_rate=0.3, seed=0):
    """The same by climbing: start at a random x of length 1, follow the gradient of w · x, return to length 1 after each step.

    weights: (h, w, C). Returns an Ascent whose image has the shape of the weights.
    """
    start = unit(np.random.default_rng(seed).standard_normal(weights.shape, np.float32))
    return ascend(
        partial(_answers, weights=np.float32(weights)),
        start,
        steps=steps,
        learning_rate=learning_rate,
        project=unit,
    )


def _answers(inputs, *, weights):
    return answers(weights, inputs)


class Templates(NamedTuple):
    """A linear classifier: `weights` (classes, H, W, C), one number `bias` a class, and its `accuracy` in 0..1 on pictures kept aside."""

    weights: np.ndarray
    bias: np.ndarray
    accuracy: float


def linear_templates(images, labels, *, penalty=1000.0, held_out=0.25, seed=0):
    """Train S_c(I) = w_c · I + b_c by logistic regression, and return each w_c in the shape of a picture: what it compares with.

    images: (N, H, W, C) in [0, 1]; labels: (N,) from 0 on. penalty: weight of ½‖w‖² beside the summed loss; more of it, smoother
    templates. held_out: the share of pictures, drawn with `seed`, that measure the accuracy. Raises ValueError where numbers do not match.
    """
    images, labels = as_batch(images), np.asarray(labels)
    if len(images) != len(labels) or not penalty > 0:
        raise ValueError(
            f"There are {len(images)} images but {len(labels)} labels, or the penalty {penalty} is not above 0."
        )
    order = np.random.default_rng(seed).permutation(len(images))
    kept, aside = np.split(order, [round(len(order) * (1 - held_out))])
    flat = images.reshape(len(images), -1)
    fit = LogisticRegression(C=1 / penalty, max_iter=500).fit(flat[kept], labels[kept])
    return Templates(
        fit.coef_.reshape(-1, *images.shape[1:]),
        fit.intercept_,
        fit.score(flat[aside], labels[aside]),
    )


def filter_score(model, layer, filter_index, *, border=2):
    """The mean of one filter's activation without a border, whose neurons see padding: mean φ[border:-border, border:-border, f].

    filter_index: 0..filters-1, or one per image (N,). Returns a score, images -> (N,). Raises ValueError for a number that is none.
    """
    indices, count = np.asarray(filter_index), map_features(model, layer).shape[-1]
    if (
        not np.issubdtype(indices.dtype, np.integer)
        or indices.ndim > 1
        or (indices < 0).any()
        or (indices >= count).any()
    ):
        raise ValueError(
            f"{layer} has {count} filters, numbered from 0 to {count - 1}; {filter_index} is not among them."
        )
    return partial(
        _filter_score,
        model=model,
        layer=layer,
        filter_index=indices.astype(np.int32),
        border=int(border),
    )


def _filter_score(images, *, model, layer, filter_index, border):
    maps = layer_outputs(model, layer)(images)[layer]
    rows, columns = tf.shape(maps)[1], tf.shape(maps)[2]
    edge = tf.minimum(
        border, (tf.minimum(rows, columns) - 1) // 2
    )  # of a small map something has to stay
    means = tf.reduce_mean(maps[:, edge : rows - edge, edge : columns - edge], axis=[1, 2])
    return select_per_row(means, filter_index)


def visualize_filter(
    model, layer, filter_index, *, iterations=30, learning_rate=10.0, start=None, seed=0, watch=None
):
    """argmax over I of the mean activation of a filter: climb from uniform noise in [0, ¼], each step `learning_rate` long.

    filter_index: 0..filters-1, or several (N,), climbed side by side. The defaults are those of the lecture's slides; here each step
    ends in [0, 1]. start: other images (H, W, C) or (N, H, W, C) to begin with. watch: as in `ascend`. A filter that
    answers 0 to the start has a gradient of 0 and stays there; `leaky_gradient_relu` helps. Returns an Ascent, images (H, W, C) or (N, H, W, C).
    Source: after Erhan et al., Visualizing higher-layer features of a deep network, 2009.
    """
    if start is None:
        shape = (*np.shape(filter_index), model.image_size, model.image_size, model.input.shape[-1])
        start = np.random.default_rng(seed).uniform(0, 0.25, shape)
    score = filter_score(model, layer, filter_index)
    return ascend(score, start, steps=iterations, learning_rate=learning_rate, watch=watch)


def leaky_gradient_relu(x, relu=tf.nn.relu):
    """ReLU whose backward pass lets a tenth of the gradient through where the input was negative: a silent neuron can wake up."""

    def value_and_slope(x):
        value = relu(x)
        return value, lambda upstream: upstream * (0.1 + 0.9 * tf.sign(value))

    return tf.custom_gradient(value_and_slope)(x)
