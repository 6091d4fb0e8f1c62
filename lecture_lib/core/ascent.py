"""Gradient ascent, the one loop of the course: value and gradient, direction, step, record."""

from collections.abc import Callable
from functools import partial
from typing import Any, NamedTuple

import numpy as np

from lecture_lib.core.gradients import value_and_gradient
from lecture_lib.core.scores import Score
from lecture_lib.models.parts import between_parts
from lecture_lib.models.remarks import say_interrupted


class Ascent(NamedTuple):
    """What an ascent reached.

    Attributes:
        images: shaped like the start.
        values: the score before the first step and after each, (steps + 1,) or (steps + 1, N).
        frames: copies of the images on the way, a list.
        interrupted: whether somebody has interrupted the kernel before it was done.
    """

    images: np.ndarray
    values: np.ndarray
    frames: list
    interrupted: bool = False


# Directions: gradients -> steps


def length(images: np.ndarray) -> np.ndarray:
    """Return the Euclidean length of each image: ‖I‖, kept as (..., 1, 1, 1) so that it divides.

    In double precision, as the squares of small gradients are 0 in single precision.

    Args:
        images: one image (H, W, C), or several (N, H, W, C).

    Returns:
        array of shape (1, 1, 1) or (N, 1, 1, 1), float64, at least 0.
    """
    axes = tuple(range(0 if np.ndim(images) == 3 else 1, np.ndim(images)))
    squares = np.square(images, dtype=np.float64)
    return np.sqrt(np.sum(squares, axis=axes, keepdims=True))


def unit(gradients: np.ndarray) -> np.ndarray:
    """Return each image's gradient at length exactly 1: g / ‖g‖; a gradient of 0 stays 0.

    There is no floor under the length: a saturated softmax has gradients of 1e-9, and they deserve
    a whole step too.

    Args:
        gradients: (H, W, C) or (N, H, W, C), of any size.

    Returns:
        array of the same shape and type.
    """
    # Never shorter than its largest number, so it stays above 0 in single precision.
    lengths = length(gradients).astype(gradients.dtype)
    return gradients / np.where(lengths > 0, lengths, 1)


def sign(gradients: np.ndarray) -> np.ndarray:
    """Return the sign of each number: the steepest step when no pixel may move by more than ε.

    Args:
        gradients: array of any shape.

    Returns:
        array of the same shape, of −1, 0 and 1.
    """
    return np.sign(gradients)


def adam(*, memory: float = 0.9, square_memory: float = 0.999) -> Callable:
    """Return a direction with memory: m / √v, the running means of the gradient and of its square.

    Its steps are about 1 for every pixel, so learning rates are small, 0.01 to 0.1. Make a new one
    for each ascent.

    Args:
        memory: the share of the old mean that is kept, β₁.
        square_memory: the same for the squares, β₂.

    Source:
        Kingma and Ba, Adam: a method for stochastic optimization, 2015.
    """
    step, mean, square = 0, 0.0, 0.0

    def direction(gradients: np.ndarray) -> np.ndarray:
        nonlocal step, mean, square
        step += 1
        mean = memory * mean + (1 - memory) * gradients
        square = square_memory * square + (1 - square_memory) * np.square(gradients)
        # Both means start at 0 and are too small at first; dividing by what they have seen mends
        # that.
        unbiased_mean = mean / (1 - memory**step)
        unbiased_square = square / (1 - square_memory**step)
        return unbiased_mean / (np.sqrt(unbiased_square) + 1e-8)

    return direction


# Projections: images -> images


def clip(images: np.ndarray) -> np.ndarray:
    """Return the images with each pixel moved back into [0, 1].

    Args:
        images: array of any shape; not a number stays not a number.

    Returns:
        array of the same shape, in 0..1.
    """
    return np.clip(images, 0, 1)


def identity(images: Any) -> Any:
    """Return the images as they are, arrays or tensors.

    Args:
        images: array or tensor of any shape.

    Returns:
        the same object.
    """
    return images


# The loop


def ascend(
    score: Score | Callable,
    start: np.ndarray,
    *,
    steps: int = 60,
    learning_rate: float | Callable[[], float] = 0.1,
    direction: Callable = unit,
    project: Callable = clip,
    evaluate: Callable = value_and_gradient,
    stop_above: float | None = None,
    frames_every: int = 0,
    watch: Callable | None = None,
) -> Ascent:
    """Follow the gradient of a score uphill, step by step.

    I ← project(I + learning_rate · direction(∂S/∂I))

    Interrupting the kernel returns what was reached, and says so.

    Args:
        score: images (N, ...) -> (N,), to be maximized.
        start: one image (H, W, C), or a batch (N, ...).
        steps: how many, 0 or more.
        learning_rate: the length of a step in the units of the image, 0 or more; or a function ()
            -> length, which is asked before each step.
        direction: gradients -> steps; `unit` takes each image's gradient at length 1.
        project: images -> images; `clip` moves them back into [0, 1]. What it returns may have
            another size.
        evaluate: (score, images) -> (value, gradient).
        stop_above: an image stays as it is once its value is above this.
        frames_every: keep a copy after every so many steps; 0 keeps none.
        watch: (step, steps, ascent), called after each step with what was reached; returning True
            ends the ascent.

    Returns:
        Ascent(images, values, frames, interrupted).

    Raises:
        ValueError: for steps or a learning rate below 0, and when a gradient is not finite.

    Warns:
        Interrupted: where it was.
    """
    _check_options(steps, _now(learning_rate))
    images = np.array(start, np.float32)
    reached = Ascent(images, np.array([]), [])
    try:
        for step in range(steps + 1):
            value, gradient = evaluate(score, images)
            reached = _record(reached, images, value, frame=_is_due(step, frames_every))
            unfinished = _not_above(stop_above, value)
            if _told_to_stop(watch, step, steps, reached) or step == steps or not unfinished.any():
                break
            moved = project(images + _now(learning_rate) * direction(_finite(gradient, step)))
            images = _move_only(unfinished, images, moved)
            between_parts(step + 1, steps)
    except KeyboardInterrupt:
        return _interrupted(reached, steps)
    return reached


def _record(reached: Ascent, images: np.ndarray, value: Any, *, frame: bool) -> Ascent:
    """What was reached, as a new Ascent: an interrupt never parts the images from their values."""
    frames = [*reached.frames, images.copy()] if frame else reached.frames
    return Ascent(images, np.array([*reached.values, value]), frames)


def _is_due(step: int, frames_every: int) -> bool:
    return frames_every > 0 and step % frames_every == 0


def _not_above(limit: float | None, value: Any) -> np.ndarray:
    """Which images go on; a value that is NaN is not above the limit."""
    if limit is None:
        return np.ones_like(value, bool)
    return np.asarray(~(np.asarray(value) > limit))


def watching(watch: Callable | None, view: Callable) -> Callable | None:
    """Return a `watch` that is shown another view of an ascent, such as the images it stands for.

    Args:
        watch: (step, steps, ascent), or None, which stays None.
        view: Ascent -> Ascent.
    """
    return watch and partial(_watch_view, watch, view)


def _watch_view(watch: Callable, view: Callable, step: int, steps: int, reached: Ascent) -> Any:
    return watch(step, steps, view(reached))


def _told_to_stop(watch: Callable | None, step: int, steps: int, reached: Ascent) -> bool:
    return watch is not None and bool(watch(step, steps, reached))


def _move_only(chosen: np.ndarray, images: np.ndarray, moved: np.ndarray) -> np.ndarray:
    if chosen.all():
        return moved  # which may have another size, as in DeepDream
    flags = np.reshape(chosen, np.shape(chosen) + (1,) * (images.ndim - np.ndim(chosen)))
    return np.where(flags, moved, images)


def _now(learning_rate: float | Callable[[], float]) -> float:
    return learning_rate() if callable(learning_rate) else learning_rate


def _check_options(steps: int, learning_rate: float) -> None:
    if not (steps >= 0 and learning_rate >= 0):
        raise ValueError(
            f"Steps and learning rate are 0 or more; they were {steps} and {learning_rate}."
        )


def _interrupted(reached: Ascent, steps: int) -> Ascent:
    """What was reached, with a remark; the interrupt again where it came before the first value."""
    if not len(reached.values):
        raise KeyboardInterrupt
    taken = len(reached.values) - 1
    say_interrupted(f"This is what was reached after step {taken} of {steps}.")
    return reached._replace(interrupted=True)


def _finite(gradient: np.ndarray, step: int) -> np.ndarray:
    if not np.isfinite(gradient).all():
        raise ValueError(
            f"The gradient stopped being finite at step {step}; a smaller learning rate may help."
        )
    return gradient
