"""The nearest adversarial example of each image, by the attack of Carlini and Wagner."""

from typing import Any, NamedTuple

import numpy as np

from lecture_lib.adversarial.batches import attack_margin, check_attack
from lecture_lib.core.ascent import Ascent, adam, ascend, identity, length
from lecture_lib.core.gradients import value
from lecture_lib.core.penalties import l2
from lecture_lib.core.scores import Score
from lecture_lib.datasets.images import unbatch
from lecture_lib.datasets.shapes import (
    Classes,
    ImageOrImages,
    Images,
    Labels,
    Network,
    SeenImageOrImages,
    Tensor,
    TensorImages,
    TensorValues,
    Values,
)
from lecture_lib.models.backend import tf


def carlini_wagner(
    model: Network,
    images: ImageOrImages,
    labels: Classes,
    *,
    targeted: bool = False,
    steps: int = 200,
    binary_search_steps: int = 6,
    learning_rate: float = 0.02,
    initial_const: float = 1.0,
) -> SeenImageOrImages:
    """Find the nearest image that the network gets wrong, in Euclidean length.

    min over w of ‖I' − I‖² + c · max(0, S_label(I') − max_k S_k(I')),  I' = (tanh w + 1) / 2

    k runs over the other classes. The tangent keeps I' in [0, 1]. The constant c is searched for
    each image: ten times as large until the attack succeeds, then halfway between the largest that
    failed and the smallest that succeeded. Interrupting the kernel returns the nearest by then.

    Args:
        model: images -> logits (N, classes).
        images: (H, W, C) or (N, H, W, C) in [0, 1].
        labels: the true class, one for all images or one for each.
        targeted: labels are the classes wanted; the difference of the logits changes its sign.
        steps: how many of Adam for each constant.
        binary_search_steps: how many constants are tried for each image.
        learning_rate: of Adam, in the units of w.
        initial_const: c, the first constant that is tried, above 0.

    Returns:
        Images like those given: of all adversarial examples met on the way the nearest. An image
        for which there was none stays as it was.

    Raises:
        ValueError: for a class, an image or a constant out of range, and for no search.

    Source:
        Carlini and Wagner, Towards evaluating the robustness of neural networks, 2017.
    """
    if not (initial_const > 0 and binary_search_steps >= 1):
        raise ValueError(
            "One constant above 0 or more is tried; initial_const was "
            f"{initial_const} and binary_search_steps {binary_search_steps}."
        )
    batch, labels = check_attack(model, images, labels)
    one_each = np.broadcast_to(labels, len(batch))
    options = {"targeted": targeted, "steps": steps, "learning_rate": learning_rate}
    nearest = _none_found(batch)
    search = _first_constants(len(batch), initial_const)
    for _ in range(binary_search_steps):
        found, interrupted = _attack_with_constants(
            model, batch, one_each, search.constants, **options
        )
        _keep_nearer(nearest, found, np.flatnonzero(found.distances < nearest.distances))
        if interrupted:
            break
        search = _next_constants(search, success=np.isfinite(found.distances))
    return unbatch(nearest.images, images)


class _Nearest(NamedTuple):
    """The nearest adversarial example met for each image; at distance ∞ where there was none."""

    images: Images
    distances: Values


def _none_found(batch: Images) -> _Nearest:
    return _Nearest(batch.copy(), np.full(len(batch), np.inf))


def _keep_nearer(nearest: _Nearest, found: _Nearest, places: np.ndarray) -> None:
    """Write what was found at some places over the nearest so far."""
    nearest.images[places] = found.images[places]
    nearest.distances[places] = found.distances[places]


class _ConstantSearch(NamedTuple):
    """The binary search for the constant c of each image.

    Attributes:
        failed: the largest with which the attack failed, (N,); 0 at first.
        succeeded: the smallest with which it succeeded, (N,); ∞ at first.
        constants: what is tried next, (N,).
    """

    failed: Values
    succeeded: Values
    constants: Values


def _first_constants(count: int, initial_const: float) -> _ConstantSearch:
    return _ConstantSearch(
        failed=np.zeros(count),
        succeeded=np.full(count, np.inf),
        constants=np.full(count, float(initial_const)),
    )


def _next_constants(search: _ConstantSearch, *, success: np.ndarray) -> _ConstantSearch:
    failed = np.where(success, search.failed, search.constants)
    succeeded = np.where(success, search.constants, search.succeeded)
    halfway = (failed + succeeded) / 2
    constants = np.where(np.isfinite(succeeded), halfway, 10 * search.constants)
    return _ConstantSearch(failed, succeeded, constants)


def _attack_with_constants(
    model: Network,
    batch: Images,
    labels: Labels,
    constants: Values,
    *,
    targeted: bool,
    **options: Any,
) -> tuple[_Nearest, bool]:
    """The nearest that one descent for each image met, and whether that was interrupted."""
    distance = Score(_squared_distance, batch)
    lacking = Score(_positive_part, -attack_margin(model, labels, targeted=targeted))
    objective = (distance + constants * lacking).of(_images_of)
    nearest = _none_found(batch)

    def keep_nearest(step: int, steps: int, reached: Ascent) -> None:
        images = _images_of(reached.images).numpy()
        found = _Nearest(images, length(images - batch).ravel())
        # Only where the penalty is 0, but for rounding, the network is asked once more.
        penalties = -reached.values[-1] - found.distances**2
        may_succeed = penalties < 1e-4 * (1 + found.distances**2)
        places = np.flatnonzero(may_succeed & (found.distances < nearest.distances))
        succeeded = _succeeds(model, images[places], labels[places], targeted)
        _keep_nearer(nearest, found, places[succeeded])

    # The ascent of −objective is the descent of the objective; it starts where I' = I.
    start = np.arctanh((2 * batch - 1) * 0.999999)
    options |= {"direction": adam(), "project": identity, "watch": keep_nearest}
    return nearest, ascend(-objective, start, **options).interrupted


def _images_of(w: Tensor) -> TensorImages:
    """I' = (tanh w + 1) / 2, in [0, 1] for every w."""
    return (tf.tanh(w) + 1) / 2


def _squared_distance(images: TensorImages, originals: TensorImages) -> TensorValues:
    return l2(images - originals)


def _positive_part(images: TensorImages, score: Score) -> TensorValues:
    return tf.nn.relu(score(images))


def _succeeds(model: Network, images: Images, labels: Labels, targeted: bool) -> np.ndarray:
    if not len(images):
        return np.zeros(0, bool)
    return value(attack_margin(model, labels, targeted=targeted), images) > 0
