"""What one asks of a network: logits, probabilities, likeliest classes.

A network is a `keras.Model` from images (N, H, W, C) in [0, 1] to logits (N, classes), the scores
before softmax. Preprocessing is inside the model, layers are flat and have names, `class_names` and
`image_size` are attributes. `zoo` says where networks come from, `surgery` makes one from another,
`layers` asks what lies within.
"""

from collections.abc import Callable
from functools import partial
from typing import NamedTuple

import numpy as np
from jaxtyping import Float
from scipy.special import expit, softmax

from lecture_lib.datasets.shapes import Image, ImageOrImages, Network, Tensor, TensorImages
from lecture_lib.models.backend import keras, tf
from lecture_lib.models.batching import batches
from lecture_lib.models.checks import batch_for, check_has_classes, check_network
from lecture_lib.models.per_model_cache import kept_with_model

Logits = Float[np.ndarray, "*images classes"]  # one number for each class, of one image or several


def class_scores(model: Network, images: ImageOrImages, *, batch_size: int | None = None) -> Logits:
    """Return the logits S(I), the scores of all classes before softmax.

    Args:
        model: images -> logits (N, classes).
        images: (H, W, C) or (N, H, W, C) in [0, 1].
        batch_size: how many images go through the network together, by default
            `default_batch_size`.

    Returns:
        (classes,) or (N, classes) float32.

    Raises:
        ValueError: for images that are none, or of a size that the network cannot take.
    """
    check_has_classes(model)
    forward = _compiled_forward(model)
    stacks = batches(batch_for(model, images), size=batch_size)
    scores = np.concatenate([forward(stack) for stack in stacks])
    return scores[0] if np.ndim(images) == 3 else scores


@kept_with_model
def _compiled_forward(model: Network) -> Callable:
    return tf.function(partial(_predict, model), autograph=False, reduce_retracing=True)


def _predict(model: keras.Model, images: TensorImages) -> Tensor:
    return model(images, training=False)


class Guess(NamedTuple):
    """One class that a network predicts for an image.

    Attributes:
        class_index: its number, from 0.
        class_name: its name.
        probability: P_c(I), in 0..1.
    """

    class_index: int
    class_name: str
    probability: float


def probabilities(model: Network, images: ImageOrImages) -> Logits:
    """Return the probability of each class, the softmax of the logits.

    P_c(I) = exp S_c(I) / Σ_k exp S_k(I)

    Where each label holds or not for itself, it is the sigmoid, 1 / (1 + exp −S_c(I)).

    Args:
        model: images -> logits (N, classes).
        images: (H, W, C) or (N, H, W, C) in [0, 1].

    Returns:
        (classes,) or (N, classes) float32, in 0..1.

    Raises:
        ValueError: for images that are none, and for a network whose scores are no logits.
    """
    return _as_probabilities(model, class_scores(model, images))


def _as_probabilities(model: Network, scores: Logits) -> Logits:
    if kind_of_probability(model) == "sigmoid":
        return expit(scores)
    return softmax(scores, axis=-1)


def kind_of_probability(model: Network) -> str:
    """Return what turns the logits of a network into probabilities: "softmax" or "sigmoid".

    Raises:
        ValueError: for a network whose scores are no logits, or that has no classes.
    """
    check_has_classes(model)
    kind = getattr(model, "probability", None) or "softmax"
    if kind == "none":
        raise ValueError(
            "This network gives a score without probabilities; "
            "wrap_model(model, probability='sigmoid') says that it is a logit."
        )
    return kind


def top_classes(model: Network, image: Image, *, count: int = 5) -> list[Guess]:
    """List the likeliest classes of one image, the likeliest first.

    Args:
        model: images -> logits (N, classes).
        image: (H, W, C) in [0, 1].
        count: how many, 1..classes.

    Returns:
        [Guess(class_index, class_name, probability), ...].

    Raises:
        ValueError: for anything but one image.
    """
    if np.ndim(image) != 3:
        raise ValueError(
            "The likeliest classes are those of one image (H, W, C); "
            f"this has the shape {np.shape(image)}."
        )
    check_network(model)
    return guesses_of(model, class_scores(model, image), count=count)


def guesses_of(model: Network, scores: Logits, *, count: int = 5) -> list[Guess]:
    """List the likeliest classes by the logits of one image, the likeliest first.

    Args:
        model: images -> logits (N, classes).
        scores: S(I), (classes,).
        count: how many, 1..classes.
    """
    chances = _as_probabilities(model, scores)
    likeliest = np.argsort(-chances)[:count]
    return [
        Guess(int(index), model.class_names[index], float(chances[index])) for index in likeliest
    ]
