"""Images of a class, a channel or any score, pixel by pixel: gradient ascent with a penalty."""

from collections.abc import Callable
from typing import Any

import numpy as np

from lecture_lib.class_visualization.starts import gray_noise
from lecture_lib.core.ascent import Ascent, ascend, identity
from lecture_lib.core.layer_scores import channel_score
from lecture_lib.core.penalties import l2, total_variation
from lecture_lib.core.scores import Score, as_part, class_score
from lecture_lib.core.transforms import from_gray
from lecture_lib.datasets.images import as_batch, unbatch
from lecture_lib.datasets.shapes import Classes, ImageOrImages, Network
from lecture_lib.models.checks import start_of


def visualize_class(
    model: Network,
    class_index: Classes,
    *,
    size: int | tuple[int, int] | None = None,
    weight: float = 0.01,
    start: ImageOrImages | None = None,
    seed: int = 0,
    **options: Any,
) -> Ascent:
    """Draw a class by gradient ascent on its score; the penalty pulls to gray, not to black.

    I* = argmax over I of S_c(I) − weight · ‖I − ½‖²

    Args:
        model: images -> logits (N, classes).
        class_index: c, 0..classes-1, or several (N,), which ascend side by side.
        size: side of the image in pixels, or (height, width), by default the network's own.
        weight: of the penalty, 0 or more.
        start: images in [0, 1], by default gray with a little noise.
        seed: draws that noise.
        options: those of `maximize_pixels`.

    Returns:
        An Ascent whose images are (H, W, C), or (N, H, W, C), in [0, 1].

    Raises:
        ValueError: for a class that the network does not have.

    Source:
        Simonyan, Vedaldi and Zisserman, Deep inside convolutional networks, 2014.
    """
    score = class_score(model, class_index)
    if start is None:
        start = gray_noise(model, size=size, shape=np.shape(class_index), seed=seed)
    return maximize_pixels(score, start_of(model, start), weight=weight, **options)


def visualize_channel(
    model: Network,
    layer: str,
    channel: Classes,
    *,
    size: int | tuple[int, int] | None = None,
    weight: float = 0.01,
    start: ImageOrImages | None = None,
    seed: int = 0,
    **options: Any,
) -> Ascent:
    """Draw a channel of any layer by gradient ascent on the mean of its activations.

    I* = argmax over I of mean φ_channel(I) − weight · ‖I − ½‖²

    Args:
        model: images -> logits (N, classes).
        layer: the name of a layer.
        channel: 0..channels-1, or several (N,), which ascend side by side.
        size: side of the image in pixels, or (height, width), by default the network's own.
        weight: of the penalty, 0 or more.
        start: images in [0, 1], by default gray with a little noise.
        seed: draws that noise.
        options: those of `maximize_pixels`.

    Returns:
        An Ascent whose images are (H, W, C), or (N, H, W, C), in [0, 1].

    Raises:
        ValueError: for a layer or a channel that the network does not have.
    """
    score = channel_score(model, layer, channel)
    if start is None:
        start = gray_noise(model, size=size, shape=np.shape(channel), seed=seed)
    return maximize_pixels(score, start_of(model, start), weight=weight, **options)


def maximize_pixels(
    score: Score | Callable,
    start: ImageOrImages,
    *,
    weight: float = 0.01,
    smoothness: float = 0.0,
    transform: Callable = identity,
    steps: int = 60,
    learning_rate: float | Callable[[], float] = 1.0,
    **options: Any,
) -> Ascent:
    """Maximize any score pixel by pixel, with penalties on the image.

    I* = argmax over I of S(transform(I)) − weight · ‖I − ½‖² − smoothness · TV(I)

    Args:
        score: S, images (N, H, W, C) -> (N,).
        start: (H, W, C) or (N, H, W, C) in [0, 1].
        weight: how strongly the image is pulled to gray, 0 or more.
        smoothness: how much differences between neighbors cost, 0 or more.
        transform: what is done to the images before they are scored, such as `random_jitter`.
        steps: how many, 0 or more.
        learning_rate: the length of a step.
        options: direction, project (see `core.regularizers`), watch, frames_every and
            stop_above, those of `ascend`.

    Returns:
        An Ascent; its values are those of the whole expression.

    Raises:
        ValueError: for a start that is no images.
    """
    objective = (
        as_part(score).of(transform)
        - float(weight) * l2.of(from_gray)
        - float(smoothness) * total_variation
    )
    start = unbatch(as_batch(start, channels=np.shape(start)[-1]), start)
    return ascend(objective, start, steps=steps, learning_rate=learning_rate, **options)
