"""Images of a class or of any score by their Fourier coefficients, jittered at each step."""

from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np

from lecture_lib.core.ascent import Ascent, ascend, identity, unit, watching
from lecture_lib.core.layer_scores import channel_score
from lecture_lib.core.penalties import l2
from lecture_lib.core.scores import Score, as_part, class_score
from lecture_lib.core.transforms import (
    FourierCoefficients,
    fourier_to_image,
    image_to_fourier,
    random_fourier_coefficients,
    random_jitter,
)
from lecture_lib.datasets.images import as_batch, unbatch
from lecture_lib.datasets.shapes import (
    Classes,
    Image,
    ImageOrImages,
    Network,
    Tensor,
    TensorImages,
    TensorValues,
)
from lecture_lib.models.checks import batch_of


def visualize_class_fourier(
    model: Network,
    class_index: Classes,
    *,
    size: int | tuple[int, int] | None = None,
    start: ImageOrImages | None = None,
    seed: int = 0,
    **options: Any,
) -> Ascent:
    """Draw a class by gradient ascent on Fourier coefficients, jittered at each step.

    z* = argmax over z of S_c(jitter(image(z)))

    Args:
        model: images -> logits (N, classes).
        class_index: c, 0..classes-1, or several (N,), which ascend side by side.
        size: side of the image in pixels, or (height, width), by default the network's own; an odd
            one becomes the next smaller multiple of 4.
        start: images in [0, 1], by default faint random coefficients.
        seed: draws these.
        options: those of `maximize_fourier`.

    Returns:
        An Ascent whose images are (H, W, C), or (N, H, W, C), in [0, 1].

    Raises:
        ValueError: for a class that the network does not have, and for a start of an odd side that
            is not square.

    Source:
        Olah, Mordvintsev and Schubert, Feature visualization, 2017.
    """
    score = class_score(model, class_index)
    if start is None:
        coefficients = random_fourier_coefficients(
            np.size(class_index),
            _fast_sides(model.image_size if size is None else size),
            channels=model.input.shape[-1],
            seed=seed,
        )
        coefficients = coefficients if np.ndim(class_index) else coefficients[0]
    else:
        coefficients = unbatch(image_to_fourier(batch_of(model, start)), start)
    return maximize_fourier(score, coefficients, **options)


def visualize_channel_fourier(
    model: Network,
    layer: str,
    channel: Classes,
    *,
    size: int | tuple[int, int] | None = None,
    seed: int = 0,
    **options: Any,
) -> Ascent:
    """Draw a channel of a layer by gradient ascent on Fourier coefficients, jittered at each step.

    z* = argmax over z of mean φ_channel(jitter(image(z))), the mean over all positions

    Args:
        model: images -> logits (N, classes).
        layer: the name of a layer; of a ReLU rather the layer before it, whose gradient is not 0
            where the channel is silent.
        channel: 0..channels-1, or several (N,), which ascend side by side.
        size: side of the image in pixels, or (height, width), by default the network's own; an odd
            one becomes the next smaller multiple of 4.
        seed: draws the faint random coefficients to start from.
        options: those of `maximize_fourier`.

    Returns:
        An Ascent whose images are (H, W, C), or (N, H, W, C), in [0, 1].

    Raises:
        ValueError: for a layer or a channel that the network does not have.

    Source:
        Olah, Mordvintsev and Schubert, Feature visualization, 2017.
    """
    score = channel_score(model, layer, channel)
    sides = _fast_sides(model.image_size if size is None else size)
    colors = model.input.shape[-1]
    start = random_fourier_coefficients(np.size(channel), sides, channels=colors, seed=seed)
    return maximize_fourier(score, start if np.ndim(channel) else start[0], **options)


def _fast_sides(size: int | tuple[int, int]) -> tuple[int, int]:
    """224 for 227: of 226 pixels SqueezeNet's gradient takes half as long again."""
    sides = [int(side) for side in np.broadcast_to(size, 2)]
    height, width = (side // 4 * 4 if side % 2 else side for side in sides)
    if min(height, width) < 2:
        raise ValueError(
            f"An image of Fourier coefficients has 4 or more pixels a side, not {size}."
        )
    return height, width


def maximize_fourier(
    score: Score | Callable,
    start: FourierCoefficients,
    *,
    shift: float = 0.06,
    zoom: float = 0.12,
    steps: int = 96,
    learning_rate: float | Callable[[], float] = 1.0,
    direction: Callable = unit,
    watch: Callable | None = None,
) -> Ascent:
    """Maximize any score by way of the Fourier coefficients of the image.

    z* = argmax over z of S(jitter(image(z)))

    Low frequencies weigh more than high ones, as in photographs, and the score must be high
    wherever jitter moves the image to.

    Args:
        score: S, images (N, H, W, C) -> (N,).
        start: the coefficients z to start from, of one image (2, 3, H, W // 2 + 1) or of
            several (N, ...); see `random_fourier_coefficients` and `image_to_fourier`.
        shift: the largest shift of the jitter, as a share of the side.
        zoom: its largest zoom, as a share.
        steps: how many, 0 or more.
        learning_rate: the length of a step.
        direction: gradients -> steps; `adam()`, at a learning rate of 0.01, lets high frequencies
            grow too, which makes large images sharper.
        watch: (step, steps, ascent), called after each step; returning True ends the ascent.

    Returns:
        An Ascent whose images are (H, W, 3), or (N, H, W, 3), in [0, 1].
    """
    options = {"steps": steps, "learning_rate": learning_rate, "direction": direction}
    return _ascend_coefficients(_jittered(score, shift, zoom), start, watch=watch, **options)


def accentuate(
    score: Score | Callable,
    photo: Image,
    *,
    weight: float = 5.0,
    shift: float = 0.03,
    zoom: float = 0.06,
    steps: int = 32,
    learning_rate: float | Callable[[], float] = 0.3,
    watch: Callable | None = None,
) -> Ascent:
    """Let a photograph show more of what a score responds to, and stay near to itself.

    z* = argmax over z of S(jitter(image(z))) − λ ‖image(z) − P‖² / ‖P − mean(P)‖²

    The ascent starts at the Fourier coefficients of the photograph P. Divided by how much P varies,
    the distance is a share: 0 for the photograph, 1 for a plain image of its mean color.

    Args:
        score: S, images (N, H, W, C) -> (N,).
        photo: P, (H, W, C) in [0, 1], square or of even height and width.
        weight: λ, 0 or more, in units of the score.
        shift: the largest shift of the jitter, as a share of the side.
        zoom: its largest zoom, as a share.
        steps: how many, 0 or more.
        learning_rate: the length of a step.
        watch: (step, steps, ascent), called after each step; returning True ends the ascent.

    Returns:
        An Ascent whose images are (H, W, C) in [0, 1].

    Raises:
        ValueError: for anything but one image that is not of one color alone, and for odd sides.

    Source:
        Hamblin et al., Feature accentuation: revealing what features respond to in natural images,
        2024; they measure the distance in a layer of the network, here it is one of pixels.
    """
    batch = as_batch(photo)
    spread = np.sum((batch - batch.mean(axis=(1, 2), keepdims=True)) ** 2)
    if len(batch) > 1 or not spread:
        raise ValueError("Accentuation starts from one image that is not of one color alone.")
    away = Score(_squared_distance, batch) / float(spread)
    objective = _jittered(score, shift, zoom) - weight * away
    options = {"steps": steps, "learning_rate": learning_rate, "watch": watch}
    return _ascend_coefficients(objective, image_to_fourier(batch)[0], **options)


def _squared_distance(images: TensorImages, target: Tensor) -> TensorValues:
    return l2(images - target)


def _jittered(score: Score | Callable, shift: float, zoom: float) -> Score:
    return as_part(score).of(random_jitter, np.float32(shift), np.float32(zoom))


def _ascend_coefficients(
    objective: Score, start: FourierCoefficients, *, watch: Callable | None, **options: Any
) -> Ascent:
    """Maximize a score of images, of one (2, 3, H, W // 2 + 1) or several, by coefficients."""
    single = np.ndim(start) == 4
    view = partial(_with_images, single=single)
    options |= {"project": identity, "watch": watching(watch, view)}
    first = start[None] if single else start
    return view(ascend(objective.of(fourier_to_image), first, **options))


def _with_images(reached: Ascent, *, single: bool) -> Ascent:
    """An ascent of coefficients with the images that they add up to."""
    images = fourier_to_image(reached.images).numpy()
    if single:
        return reached._replace(images=images[0], values=reached.values[:, 0], frames=[])
    return reached._replace(images=images)
