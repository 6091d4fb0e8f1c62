"""Filters: the weights of a network looked at as images, and images that excite filters most."""

from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np
from sklearn.linear_model import LogisticRegression

from lecture_lib.core.ascent import Ascent, ascend, length, unit
from lecture_lib.core.scores import Score, select_per_row
from lecture_lib.datasets.images import as_batch
from lecture_lib.datasets.shapes import (
    Filters,
    ImageOrImages,
    Images,
    Labels,
    Network,
    Tensor,
    TensorImages,
    TensorValues,
)
from lecture_lib.models.backend import keras, tf
from lecture_lib.models.checks import check_network, start_of
from lecture_lib.models.layers import layer_outputs, map_features


def convolution_names(model: Network) -> list[str]:
    """Return the names of the layers that hold a bank of filters, in forward order.

    Args:
        model: any network of the course.

    Returns:
        list of str; of plain convolutions, not of depthwise ones.
    """
    return [layer.name for layer in model.layers if type(layer) is keras.layers.Conv2D]


def filters_of(model: Network, layer: str | None = None) -> Filters:
    """Return the filters of a convolution.

    Args:
        model: images -> logits (N, classes).
        layer: the name of a convolution, by default the first.

    Returns:
        (filters, height, width, channels of its input) float32.

    Raises:
        ValueError: for a layer that is no convolution, with the names of those that are.
    """
    check_network(model)
    names = convolution_names(model)
    if not names:
        raise ValueError("This net has no convolution, so it has no filters; choose another net.")
    layer = layer or names[0]
    if layer not in names:
        raise ValueError(f"{layer!r} is no layer with filters; those are {', '.join(names)}.")
    return np.moveaxis(model.get_layer(layer).get_weights()[0], -1, 0)


def filters_to_images(filters: Filters, *, one_scale: bool = False) -> Images:
    """Return filters as images: a weight of 0 is gray, a positive one light, a negative one dark.

    I = ½ + w / (2 max|w|)

    Args:
        filters: (N, h, w, 1 or 3).
        one_scale: True takes the maximum over all filters, so that their strengths compare; False
            over each, so that each can be seen.

    Returns:
        (N, h, w, 1 or 3) in [0, 1].

    Raises:
        ValueError: for filters without colors.
    """
    filters = np.asarray(filters, np.float32)
    if filters.ndim != 4 or filters.shape[-1] not in (1, 3):
        raise ValueError(
            "Filters that have colors are (N, height, width, 1 or 3); these have the shape "
            f"{filters.shape}."
        )
    most = np.abs(filters).max(axis=None if one_scale else (1, 2, 3), keepdims=True)
    return 0.5 + filters / np.where(most > 0, 2 * most, 1)


def filter_slices_to_images(filters: Filters) -> Images:
    """Return filters as gray images, one for each channel of the input, row by row.

    For filters that do not look at colors, which is every layer but the first.

    Args:
        filters: (N, h, w, channels).

    Returns:
        (N · channels, h, w, 1) in [0, 1], all on one scale; a weight of 0 is gray.
    """
    slices = np.moveaxis(filters, -1, 1)  # (N, channels, h, w)
    return filters_to_images(slices.reshape(-1, *slices.shape[2:], 1), one_scale=True)


def filter_response(weights: Tensor, inputs: TensorImages) -> TensorValues:
    """Return the response of a filter to each input: w · x.

    Args:
        weights: (h, w, C), or one for each input (N, h, w, C).
        inputs: (N, h, w, C).

    Returns:
        (N,).
    """
    return tf.reduce_sum(inputs * weights, axis=[1, 2, 3])


def best_input(weights: np.ndarray) -> np.ndarray:
    """Return the input of length 1 that excites a filter most, which is the filter itself.

    argmax of w · x over ‖x‖ = 1 is w / ‖w‖

    Args:
        weights: (..., h, w, C), not all 0.

    Raises:
        ValueError: for a filter of zeros.
    """
    if not np.all(length(weights) > 0):
        raise ValueError("A filter of zeros answers 0 to every input; it has no best one.")
    return unit(np.asarray(weights, np.float32))


def ascend_to_best_input(
    weights: np.ndarray, *, steps: int = 40, learning_rate: float = 0.3, seed: int = 0
) -> Ascent:
    """Find the same input by gradient ascent, from a random one and at length 1 after each step.

    Args:
        weights: (h, w, C).
        steps: how many, 0 or more.
        learning_rate: the length of a step.
        seed: draws the start.

    Returns:
        An Ascent whose image has the shape of the weights.
    """
    start = unit(np.random.default_rng(seed).standard_normal(weights.shape, np.float32))
    score = Score(_response_to, np.float32(weights))
    return ascend(score, start, steps=steps, learning_rate=learning_rate, project=unit)


def _response_to(inputs: TensorImages, weights: Tensor) -> TensorValues:
    return filter_response(weights, inputs)


class Templates(NamedTuple):
    """A linear classifier.

    Attributes:
        weights: w, (classes, H, W, C), shaped like images.
        bias: b, (classes,).
        accuracy: on images kept aside, in 0..1.
    """

    weights: np.ndarray
    bias: np.ndarray
    accuracy: float


def linear_templates(
    images: Images,
    labels: Labels,
    *,
    penalty: float = 1000.0,
    held_out: float = 0.25,
    seed: int = 0,
) -> Templates:
    """Train a linear classifier, whose weights are templates that images are compared with.

    S_c(I) = w_c · I + b_c, by logistic regression

    Two classes have one logit S; as templates, S_1 = S / 2 and S_0 = −S / 2.

    Args:
        images: (N, H, W, C) in [0, 1].
        labels: (N,) from 0 on, 2 classes or more, each with an image to learn from.
        penalty: the weight of ½‖w‖² beside the summed loss; more of it, smoother templates.
        held_out: the share of images that measure the accuracy, between 0 and 1.
        seed: draws these images.

    Raises:
        ValueError: where numbers do not match, and for classes without an image to learn from.
    """
    images = as_batch(images)
    labels = np.asarray(labels)
    _check_examples(images, labels, penalty=penalty, held_out=held_out)
    order = np.random.default_rng(seed).permutation(len(images))
    trained, aside = np.split(order, [round(len(order) * (1 - held_out))])
    _check_classes(labels, trained)
    flat = images.reshape(len(images), -1)
    two = labels.max() == 1  # one logit, whose two halves have together half of its ‖w‖²
    strength = (2 if two else 1) / penalty
    fit = LogisticRegression(C=strength, max_iter=500).fit(flat[trained], labels[trained])
    weights = np.concatenate([-fit.coef_, fit.coef_]) / 2 if two else fit.coef_
    bias = np.concatenate([-fit.intercept_, fit.intercept_]) / 2 if two else fit.intercept_
    accuracy = fit.score(flat[aside], labels[aside])
    return Templates(weights.reshape(-1, *images.shape[1:]), bias, accuracy)


def _check_examples(images: Images, labels: np.ndarray, *, penalty: float, held_out: float) -> None:
    if labels.shape != (len(images),) or not penalty > 0:
        raise ValueError(
            f"There are {len(images)} images but {labels.size} labels, or the penalty {penalty} is "
            "not above 0."
        )
    if not 0.5 <= held_out * len(images) <= len(images) - 0.5:
        raise ValueError(
            "Some images are learned from and some are held out, a share between 0 and 1; it was "
            f"{held_out} of {len(images)}."
        )


def _check_classes(labels: np.ndarray, trained: np.ndarray) -> None:
    """Every class from 0 to the last needs an example, as its template has its place by number."""
    known = np.unique(labels[trained])
    if len(known) < 2 or not np.array_equal(known, np.arange(labels.max() + 1)):
        raise ValueError(
            "The labels run from 0 on, of two classes or more, each with some images to learn "
            f"from; these have images of {', '.join(map(str, known))}."
        )


def filter_score(
    model: Network, layer: str, filter_index: int | Sequence[int], *, border: int = 2
) -> Score:
    """Score the mean activation of a filter, without the border, whose neurons see padding.

    mean of φ_layer(I)[border:-border, border:-border, filter]

    Args:
        model: images -> logits (N, classes).
        layer: the name of a layer with rows and columns.
        filter_index: 0..filters-1, or one for each image (N,).
        border: how many positions at each edge do not count.

    Raises:
        ValueError: for a layer or a filter that the network does not have, and a border that is
            none.
    """
    indices = np.asarray(filter_index)
    count = map_features(model, layer).shape[-1]
    whole = np.issubdtype(indices.dtype, np.integer) and indices.ndim <= 1
    if not whole or (indices < 0).any() or (indices >= count).any():
        raise ValueError(
            f"{layer} has {count} filters, numbered from 0 to {count - 1}; {filter_index} is not "
            "among them."
        )
    if not border >= 0 or int(border) != border:
        raise ValueError(f"A border is a whole number of positions, 0 or more; it was {border}.")
    return Score(_filter_score, indices.astype(np.int32), int(border), model=model, layer=layer)


def _filter_score(
    images: TensorImages, filter_index: Tensor, border: Tensor, *, model: Network, layer: str
) -> TensorValues:
    maps = layer_outputs(model, layer)(images)[layer]
    _, rows, columns, _ = tf.unstack(tf.shape(maps))
    # Of a small map something has to stay.
    edge = tf.minimum(border, (tf.minimum(rows, columns) - 1) // 2)
    means = tf.reduce_mean(maps[:, edge : rows - edge, edge : columns - edge], axis=[1, 2])
    return select_per_row(means, filter_index)


def visualize_filter(
    model: Network,
    layer: str,
    filter_index: int | Sequence[int],
    *,
    steps: int = 30,
    learning_rate: float = 10.0,
    start: ImageOrImages | None = None,
    seed: int = 0,
    watch: Callable | None = None,
) -> Ascent:
    """Find an image that excites a filter, by gradient ascent from uniform noise in [0, ¼].

    argmax over I of the mean activation of the filter

    The defaults are those of the lecture's slides; here each step ends in [0, 1]. A filter whose
    activations are all 0 for the start has a gradient of 0 and stays there; `leaky_gradient_relu`
    helps.

    Args:
        model: images -> logits (N, classes).
        layer: the name of a layer with rows and columns.
        filter_index: 0..filters-1, or several (N,), which ascend side by side.
        steps: how many, 0 or more.
        learning_rate: the length of a step.
        start: other images (H, W, C) or (N, H, W, C) to begin with.
        seed: draws the noise.
        watch: (step, steps, ascent), called after each step; returning True ends the ascent.

    Returns:
        An Ascent whose images are (H, W, C) or (N, H, W, C).

    Raises:
        ValueError: for a layer or a filter that the network does not have, and for a start that is
            no images.

    Source:
        After Erhan et al., Visualizing higher-layer features of a deep network, 2009.
    """
    if start is None:
        sides = np.broadcast_to(model.image_size, 2)
        shape = (*np.shape(filter_index), *sides, model.input.shape[-1])
        start = np.random.default_rng(seed).uniform(0, 0.25, shape)
    score = filter_score(model, layer, filter_index)
    return ascend(
        score, start_of(model, start), steps=steps, learning_rate=learning_rate, watch=watch
    )


def leaky_gradient_relu(x: Tensor, relu: Callable = tf.nn.relu) -> Tensor:
    """Compute a ReLU that lets a tenth of the gradient through where its input was negative.

    A neuron whose activation is 0 can then be reached by gradient ascent.

    Args:
        x: any tensor.
        relu: the function whose values it gives, such as `tf.nn.relu6` where a network caps them.
    """

    def value_and_gradient(x: Tensor) -> tuple[Tensor, Callable]:
        value = relu(x)

        def backward(upstream: Tensor) -> Tensor:
            return upstream * (0.1 + 0.9 * tf.sign(value))

        return value, backward

    return tf.custom_gradient(value_and_gradient)(x)
