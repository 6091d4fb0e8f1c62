"""A network that learns new classes in a second: its features stay, its last layer is new."""

from collections.abc import Callable, Sequence
from functools import partial

import numpy as np
from jaxtyping import Float
from sklearn.linear_model import LogisticRegression

from lecture_lib.datasets.shapes import Images, Labels, Network
from lecture_lib.models.backend import keras, tf, usual_settings
from lecture_lib.models.batching import batches
from lecture_lib.models.checks import batch_for, check_has_classes
from lecture_lib.models.per_model_cache import kept_with_model
from lecture_lib.models.surgery import named


@usual_settings()
def with_new_classes(
    model: Network,
    images: Images,
    labels: Labels | Sequence[int],
    *,
    class_names: Sequence[str],
    penalty: float = 1.0,
) -> Network:
    """Give a network new classes: a logistic regression on its features in place of its last layer.

    S = f(I) W + b, with f the features that the last layer reads, and W and b from

    min over W, b of Σ −log P_label(f W + b) + penalty / 2 · ‖W‖²

    The features stay as they are. Where the last layer reads the means of its maps, CAM is exact
    for the new classes, too.

    Args:
        model: images -> logits (N, classes), which ends in a linear layer.
        images: examples, (N, H, W, C) in [0, 1].
        labels: (N,), for each image the index of its class in `class_names`.
        class_names: two or more.
        penalty: on large weights, above 0.

    Returns:
        The network with the new classes. It shares all layers but the last with `model`.

    Raises:
        ValueError: for a network that ends otherwise, for a class without an example, and for
            labels that do not fit.
    """
    labels = np.asarray(labels)
    if not penalty > 0:
        raise ValueError(f"The penalty on large weights is above 0; it was {penalty}.")
    _check_labels(labels, len(images), class_names)
    check_ends_linearly(model)
    examples = last_features(model, images)
    regression = LogisticRegression(C=1 / penalty, max_iter=2000).fit(examples, labels)
    last = keras.layers.Dense(len(class_names), name="new_scores")
    new = keras.Model(model.input, last(model.layers[-1].input))
    last.set_weights(_weights_of(regression))
    return named(new, class_names=class_names, image_size=model.image_size)


def _check_labels(labels: np.ndarray, count: int, class_names: Sequence[str]) -> None:
    if labels.shape != (count,) or len(class_names) < 2:
        raise ValueError(
            f"There are {count} examples and labels of the shape {labels.shape} for "
            f"{len(class_names)} classes; give one label for each example and two classes or more."
        )
    if not np.issubdtype(labels.dtype, np.integer):
        raise ValueError(
            f"A label is the number of its class in class_names, from 0; these are {labels[:3]} ..."
        )
    empty = set(range(len(class_names))) ^ set(labels.tolist())
    if empty:
        number = min(empty)
        known = number in range(len(class_names))
        what = f"“{class_names[number]}” has no example" if known else f"there is no class {number}"
        raise ValueError(f"Each class needs examples and each label a class, but {what}.")


def last_features(model: Network, images: Images) -> Float[np.ndarray, "images features"]:
    """Return what the last layer of a network reads.

    Args:
        model: images -> logits (N, classes).
        images: (N, H, W, C) in [0, 1].
    """
    forward = _without_its_last_layer(model)
    stacks = batches(batch_for(model, images))
    return np.concatenate([forward(stack) for stack in stacks])


@kept_with_model
def _without_its_last_layer(model: Network) -> Callable:
    """Compiled, it lets go of the maps of a layer once the next one has read them."""
    forward = keras.Model(model.input, model.layers[-1].input)
    return tf.function(partial(forward, training=False), autograph=False, reduce_retracing=True)


def check_ends_linearly(model: Network) -> None:
    """Raise ValueError for a network whose scores are not the outputs of a linear layer."""
    check_has_classes(model)
    last = model.layers[-1]
    is_linear = isinstance(last, keras.layers.Dense) and last.output is model.output
    if not is_linear or last.activation is not keras.activations.linear:
        raise ValueError(
            "What is asked for takes the place of a linear layer at the end of the network; this "
            f"one ends in a layer of the kind {type(last).__name__}, or in something behind it."
        )


def _weights_of(regression: LogisticRegression) -> list[np.ndarray]:
    """Kernel and bias with one column for each class.

    For two classes the regression has one logit: half of it for one, minus half for the other.
    """
    weights = regression.coef_.T  # (features, classes), or (features, 1)
    bias = regression.intercept_
    if len(bias) == 1:
        weights = np.concatenate([-weights, weights], axis=1) / 2
        bias = np.concatenate([-bias, bias]) / 2
    return [np.float32(weights), np.float32(bias)]
