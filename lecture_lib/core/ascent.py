"""Gradient ascent, the one loop of the course: value and gradient, direction, step, project, record."""

from typing import NamedTuple

import numpy as np

from lecture_lib.core.gradients import value_and_gradient


class Ascent(NamedTuple):
    """What a climb reached: `images` shaped like the start, `values` (steps + 1,) or (steps + 1, N), `frames` as images."""

    images: np.ndarray
    values: np.ndarray
    frames: list


def ascend(
    objective,
    start,
    *,
    steps=60,
    learning_rate=0.1,
    direction=None,
    project=None,
    evaluate=None,
    stop_above=None,
    frames_every=0,
    watch=None,
):
    """I ← project(I + learning_rate · direction(∂S/∂I)), again and again.

    objective: images (N, ...) -> (N,), made larger. start: one image (H, W, C) or a batch (N, ...). learning_rate: the length of a step
    in the units of the image, 0 or more, or a function () -> length, which is asked before each step. direction: gradients (N, ...) ->
    steps, by default each image's gradient at length 1. project: images -> images, by default back into [0, 1]; what it returns may
    have another size. evaluate: (objective, images) -> (value, gradient), by default `value_and_gradient`; DeepDream's goes tile by
    tile. stop_above: an image stays as it is once its value is above this. frames_every: keep a copy of every so many steps (0: none).
    watch(step, steps, ascent) is called after each step with what was reached so far, and ends the climb by returning True.
    Interrupting the kernel also returns what was reached. Raises ValueError when a gradient is not finite. Returns an Ascent.
    """
    rate_now = learning_rate if callable(learning_rate) else lambda: learning_rate
    if not (steps >= 0 and rate_now() >= 0):  # a NaN is not
        raise ValueError(
            f"Steps and learning rate are 0 or more; they were {steps} and {rate_now()}."
        )
    direction, project = direction or unit, project or clip
    following, values, frames = np.array(start, np.float32), [], []
    try:
        for step in range(steps + 1):
            value, slope = (evaluate or value_and_gradient)(objective, following)
            images, values = (
                following,
                [*values, value],
            )  # together, so that an interrupt never parts them
            if frames_every and step % frames_every == 0:
                frames.append(images.copy())
            climbing = (
                np.ones_like(value, bool)
                if stop_above is None
                else ~(np.asarray(value) > stop_above)
            )
            stop = watch is not None and watch(
                step, steps, Ascent(images, np.array(values), frames)
            )
            if stop or step == steps or not climbing.any():
                break
            step_taken = project(images + rate_now() * direction(_finite(slope, step)))
            following = (
                step_taken
                if climbing.all()
                else np.where(_per_image(climbing, images), step_taken, images)
            )
    except KeyboardInterrupt:
        if not values:
            raise
    return Ascent(images, np.array(values), frames)


def _per_image(flags, images):
    return np.reshape(flags, np.shape(flags) + (1,) * (images.ndim - np.ndim(flags)))


def _finite(slope, step):
    if not np.isfinite(slope).all():
        raise ValueError(
            f"The gradient stopped being finite at step {step}; a smaller learning rate may help."
        )
    return slope


def length(images):
    """‖I‖, the Euclidean length of each image, kept as (..., 1, 1, 1) so that it divides; in double precision, where tiny squares live."""
    axes = tuple(range(0 if np.ndim(images) == 3 else 1, np.ndim(images)))
    return np.sqrt(np.sum(np.square(images, dtype=np.float64), axis=axes, keepdims=True))


def unit(gradients):
    """g / ‖g‖ for each image on its own, at length exactly 1; a gradient of 0 stays 0.

    There is no floor under the length: a saturated softmax has gradients of 1e-9, and they deserve a whole step too.
    """
    lengths = length(gradients).astype(
        gradients.dtype
    )  # never shorter than its largest number, so it stays above 0
    return gradients / np.where(lengths > 0, lengths, 1)


def adam(*, memory=0.9, square_memory=0.999):
    """A direction that remembers: m / √v, m and v the running means of the gradient and of its square, for each pixel on its own.

    Its steps are about 1 for every pixel, so learning rates are small, 0.01 to 0.1. Make a new one for each climb.
    Source: Kingma and Ba, Adam: a method for stochastic optimization, 2015.
    """
    step, mean, square = 0, 0.0, 0.0

    def direction(gradients):
        nonlocal step, mean, square
        step += 1
        mean = memory * mean + (1 - memory) * gradients
        square = square_memory * square + (1 - square_memory) * np.square(gradients)
        return mean / (1 - memory**step) / (np.sqrt(square / (1 - square_memory**step)) + 1e-8)

    return direction


def clip(images):
    """Each pixel moved back into [0, 1]."""
    return np.clip(images, 0, 1)


def sign(gradients):
    """The sign of each number: the steepest step when the largest change of a pixel is what counts."""
    return np.sign(gradients)


def identity(images):
    """The images as they are."""
    return images
