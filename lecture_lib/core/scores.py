"""Scores: functions from images (N, H, W, C) to one number per image (N,) that add and scale.

Here are those of a class. Those of channels and layers are in `layer_scores`, and those of the
picture alone, which are subtracted, in `penalties`.

An objective is written as on the slide,

    class_score(model, c) - 0.01 * l2 - 0.1 * total_variation

and is a score again. Its numbers (class, channel, weight) go into the compiled graph as tensors, so
that moving a slider compiles nothing anew; networks and names of layers are what the graph is built
around.
"""

from collections.abc import Callable
from functools import update_wrapper
from numbers import Number
from typing import Any

import numpy as np

from lecture_lib.datasets.shapes import Classes, Network, Tensor, TensorImages, TensorValues
from lecture_lib.models.backend import tf
from lecture_lib.models.checks import check_class
from lecture_lib.models.inference import kind_of_probability


class Score:
    """A function from images (N, ...) to one number per image (N,) that can be added and scaled.

    S(I) = function(I, *parts, **fixed)

    Args:
        function: (images, *parts, **fixed) -> one number per image (N,).
        parts: numbers, arrays, lists of arrays, or other scores. They may change without compiling
            anew.
        fixed: what the compiled graph is built around, such as a network or the name of a layer.
    """

    def __init__(self, function: Callable, *parts: Any, **fixed: Any) -> None:
        self.function = function
        self.parts = parts
        self.fixed = fixed
        update_wrapper(self, function)  # help(l2) shows the words of l2

    def __call__(self, images: TensorImages) -> TensorValues:
        return self.function(images, *self.parts, **self.fixed)

    def __add__(self, other: "Score | Callable | Number") -> "Score":
        return Score(_sum, self, as_part(other))

    def __mul__(self, other: "Score | Callable | Number") -> "Score":
        return Score(_product, self, as_part(other))

    def __sub__(self, other: "Score | Callable | Number") -> "Score":
        return self + -1.0 * as_part(other)

    def __rsub__(self, other: "Score | Callable | Number") -> "Score":
        return -self + other

    def __truediv__(self, number: Number) -> "Score":
        return self * (1.0 / number)

    def __neg__(self) -> "Score":
        return self * -1.0

    __radd__ = __add__
    __rmul__ = __mul__
    __array_ufunc__ = None  # so that a numpy number times a score is a score, too

    def of(self, view: Callable, *numbers: Any) -> "Score":
        """Return the score of what `view` makes of the images: S(view(I, *numbers)).

        Args:
            view: (images, *numbers) -> images, for example `random_jitter` or `fourier_to_image`.
            numbers: what may change without compiling anew.
        """
        return Score(_of_view, self, *numbers, view=view)


def _sum(images: TensorImages, one: Any, other: Any) -> TensorValues:
    return _evaluate(one, images) + _evaluate(other, images)


def _product(images: TensorImages, one: Any, other: Any) -> TensorValues:
    return _evaluate(one, images) * _evaluate(other, images)


def _of_view(images: TensorImages, score: Score, *numbers: Any, view: Callable) -> TensorValues:
    return score(view(images, *numbers))


def _evaluate(part: Any, images: TensorImages) -> Tensor:
    return part(images) if isinstance(part, Score) else tf.cast(part, tf.float32)


def as_part(other: Any) -> Any:
    """Return a plain function as a Score; scores, numbers and arrays stay as they are.

    Raises:
        TypeError: for what is none of these.
    """
    if isinstance(other, (Score, Number, np.ndarray, tf.Tensor)):
        return other
    if callable(other):
        return Score(other)
    raise TypeError(f"A score goes together with scores, functions and numbers, not {other!r}.")


def class_score(model: Network, class_index: Classes) -> Score:
    """Score the logit of a class, before softmax: S_c(I).

    Args:
        model: images -> logits (N, classes).
        class_index: c, 0..classes-1, or one for each image (N,).

    Raises:
        ValueError: for a class that the network does not have.
    """
    return Score(_class_score, check_class(model, class_index), model=model)


def _class_score(images: TensorImages, class_index: Tensor, *, model: Network) -> TensorValues:
    return select_per_row(model(images, training=False), class_index)


def select_per_row(rows: Tensor, place: Tensor) -> TensorValues:
    """Pick the number at one place of each row, or at a place of its own for each row.

    Args:
        rows: (N, numbers).
        place: a whole number, or (N,) whole numbers.

    Returns:
        (N,).
    """
    places = tf.broadcast_to(tf.cast(place, tf.int32), tf.shape(rows)[:1])
    return numbers_at(rows, places[:, None])


def numbers_at(arrays: Tensor, places: Tensor) -> TensorValues:
    """Pick one number of each array (N, ...), at its place (N, axes).

    The gradient of `gather` with `batch_dims` is 100 operations; this one's is a single one.
    """
    rows = tf.range(tf.shape(places)[0])[:, None]
    return tf.gather_nd(arrays, tf.concat([rows, places], axis=1))


def class_log_probability(model: Network, class_index: Classes) -> Score:
    """Score the logarithm of a class's probability, after softmax: log P_c(I).

    Its gradient points where that of P_c points, and does not vanish when P_c is tiny.

    Args:
        model: network that ends in logits.
        class_index: number of a class, or one per image.

    Returns:
        Score with values up to 0.

    Raises:
        ValueError: for a class that the network does not have.
    """
    return _score_by_kind(_class_log_probability, model, class_index)


def _score_by_kind(function: Callable, model: Network, class_index: Classes) -> Score:
    """A score whose formula depends on how the network's probabilities come from its logits."""
    kind = kind_of_probability(model)
    return Score(function, check_class(model, class_index), model=model, kind=kind)


def _class_log_probability(
    images: TensorImages, class_index: Tensor, *, model: Network, kind: str
) -> TensorValues:
    logits = model(images, training=False)
    if kind == "sigmoid":
        return -tf.nn.softplus(-select_per_row(logits, class_index))
    return log_probabilities(logits, class_index)


def log_probabilities(logits: Tensor, class_index: Tensor) -> TensorValues:
    """Return log P of one class, or of one class per image, from the logits.

    log P_c = −log(1 + Σ_k exp(S_k − S_c)), the sum over the other classes k. Unlike log(softmax),
    this has the right gradient even where P_c rounds to 1.

    Args:
        logits: S, (N, classes).
        class_index: a whole number, or (N,) whole numbers.

    Returns:
        (N,), at most 0.
    """
    rivals = tf.reduce_logsumexp(_others(logits, class_index), axis=1)
    return -tf.nn.softplus(rivals - select_per_row(logits, class_index))


def _others(logits: Tensor, class_index: Tensor) -> Tensor:
    """The logits with that of class c at −∞, so that no maximum and no sum counts it."""
    classes = tf.broadcast_to(class_index, tf.shape(logits)[:1])
    is_class = tf.one_hot(classes, tf.shape(logits)[1], on_value=True, off_value=False)
    return tf.where(is_class, -np.inf, logits)


def class_margin(model: Network, class_index: Classes) -> Score:
    """Score how far a class is ahead of the best other: S_c(I) − max_k S_k(I), k ≠ c.

    Below 0 the network predicts another class. Where each label holds or not for itself, it is
    S_c(I), as the sigmoid of 0 is a half.

    Args:
        model: network that ends in logits.
        class_index: number of a class, or one per image.

    Returns:
        Score in units of logits.

    Raises:
        ValueError: for a class that the network does not have.
    """
    return _score_by_kind(_class_margin, model, class_index)


def _class_margin(
    images: TensorImages, class_index: Tensor, *, model: Network, kind: str
) -> TensorValues:
    logits = model(images, training=False)
    if kind == "sigmoid":
        return select_per_row(logits, class_index)
    return margins(logits, class_index)


def margins(logits: Tensor, class_index: Tensor) -> TensorValues:
    """Return how far a class, or one per image, is ahead of the best other: logits -> (N,).

    Args:
        logits: tensor (N, classes).
        class_index: number of a class, or N of them.

    Returns:
        tensor (N,), in units of logits.
    """
    best_other = tf.reduce_max(_others(logits, class_index), axis=1)
    return select_per_row(logits, class_index) - best_other


def class_probability(model: Network, class_index: Classes) -> Score:
    """Score the probability of a class, after softmax: P_c(I), in 0..1.

    Args:
        model: network that ends in logits.
        class_index: number of a class, or one per image.

    Returns:
        Score with values in 0..1.

    Raises:
        ValueError: for a class that the network does not have.
    """
    return _score_by_kind(_class_probability, model, class_index)


def _class_probability(
    images: TensorImages, class_index: Tensor, *, model: Network, kind: str
) -> TensorValues:
    return tf.exp(_class_log_probability(images, class_index, model=model, kind=kind))
