"""Class visualization: images of what a class, a channel or a neuron responds to most.

Gradient ascent on the score, from an image that shows nothing.
"""

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import numpy as np

from lecture_lib.core.ascent import Ascent, ascend, identity, unit
from lecture_lib.core.scores import (
    Score,
    as_part,
    channel_score,
    class_score,
    l2,
    total_variation,
)
from lecture_lib.core.transforms import (
    FourierCoefficients,
    fourier_to_image,
    from_gray,
    image_to_fourier,
    random_fourier_coefficients,
    random_jitter,
)
from lecture_lib.datasets.downloads import DATA
from lecture_lib.datasets.images import as_batch, resize_image, unbatch
from lecture_lib.datasets.shapes import Classes, ImageOrImages, Images, Network
from lecture_lib.models.inference import class_scores

# Pixel by pixel


def visualize_class(
    model: Network,
    class_index: Classes,
    *,
    size: int | None = None,
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
        size: side of the image in pixels, by default the network's own.
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
    return maximize_pixels(score, start, weight=weight, **options)


def visualize_channel(
    model: Network,
    layer: str,
    channel: Classes,
    *,
    size: int | None = None,
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
        size: side of the image in pixels, by default the network's own.
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
    return maximize_pixels(score, start, weight=weight, **options)


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
    """
    objective = (
        as_part(score).of(transform)
        - float(weight) * l2.of(from_gray)
        - float(smoothness) * total_variation
    )
    return ascend(objective, start, steps=steps, learning_rate=learning_rate, **options)


def gray_noise(
    model: Network,
    *,
    size: int | None = None,
    shape: tuple[int, ...] = (),
    seed: int = 0,
    noise: float = 0.02,
) -> ImageOrImages:
    """Return gray images with a little noise, to start from.

    Args:
        model: the network that they are for.
        size: their side in pixels, by default the network's own.
        shape: () for one image, (N,) for several.
        seed: the same seed, the same images.
        noise: the standard deviation of the pixels around ½.

    Returns:
        (H, W, C), or (N, H, W, C), float32 in [0, 1].
    """
    side = size or model.image_size
    channels = model.input.shape[-1]
    pixels = np.random.default_rng(seed).standard_normal((*shape, side, side, channels), np.float32)
    return np.clip(0.5 + noise * pixels, 0, 1)


# By Fourier coefficients


def visualize_class_fourier(
    model: Network,
    class_index: Classes,
    *,
    size: int | None = None,
    start: ImageOrImages | None = None,
    seed: int = 0,
    **options: Any,
) -> Ascent:
    """Draw a class by gradient ascent on Fourier coefficients, jittered at each step.

    z* = argmax over z of S_c(jitter(image(z)))

    Args:
        model: images -> logits (N, classes).
        class_index: c, 0..classes-1, or several (N,), which ascend side by side.
        size: side of the image in pixels, by default the network's own; an odd one becomes the next
            smaller multiple of 4.
        start: square images in [0, 1], by default faint random coefficients.
        seed: draws these.
        options: those of `maximize_fourier`.

    Returns:
        An Ascent whose images are (H, W, 3), or (N, H, W, 3), in [0, 1].

    Raises:
        ValueError: for a class that the network does not have.

    Source:
        Olah, Mordvintsev and Schubert, Feature visualization, 2017.
    """
    score = class_score(model, class_index)
    if start is None:
        coefficients = random_fourier_coefficients(
            np.size(class_index), _fast_side(size or model.image_size), seed=seed
        )
        coefficients = coefficients if np.ndim(class_index) else coefficients[0]
    else:
        coefficients = unbatch(image_to_fourier(as_batch(start, channels=3)), start)
    return maximize_fourier(score, coefficients, **options)


def _fast_side(side: int) -> int:
    """224 for 227: of 226 pixels SqueezeNet's gradient takes half as long again."""
    return side // 4 * 4 if side % 2 else side


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
        start: the coefficients z to start from, of one image (2, 3, side, side // 2 + 1) or of
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
    jittered = as_part(score).of(random_jitter, np.float32(shift), np.float32(zoom))
    objective = jittered.of(fourier_to_image)
    single = np.ndim(start) == 4
    reached = ascend(
        objective,
        start[None] if single else start,
        steps=steps,
        learning_rate=learning_rate,
        direction=direction,
        project=identity,
        watch=watch and partial(_watch_images, watch, single),
    )
    return _with_images(reached, single)


def _watch_images(watch: Callable, single: bool, step: int, steps: int, reached: Ascent) -> Any:
    return watch(step, steps, _with_images(reached, single))


def _with_images(reached: Ascent, single: bool) -> Ascent:
    """An ascent of coefficients with the images that they add up to."""
    images = fourier_to_image(reached.images).numpy()
    if single:
        return Ascent(images[0], reached.values[:, 0], [])
    return reached._replace(images=images)


# Several sides of a class, and a judge


def facets(class_index: int) -> Images:
    """Return images from which ascents show several sides of one class.

    They are the means of two to four groups of photographs that look alike: the groups that k-means
    finds in the features of tinynet_robust.

    Args:
        class_index: 0..39, a class of the tinynets.

    Returns:
        (groups, 64, 64, 3) float32 in [0, 1], the largest group first.

    Raises:
        ValueError: for another class.

    Source:
        Nguyen, Yosinski and Clune, Multifaceted feature visualization, 2016.
    """
    with np.load(DATA / "weights" / "facets.npz", allow_pickle=False) as stored:
        is_of_class = stored["class_index"] == class_index
        if not is_of_class.any():
            raise ValueError(
                f"There are facets of the classes 0 to {stored['class_index'].max()} of the "
                f"tinynets, not of {class_index}."
            )
        return stored["pictures"][is_of_class].astype(np.float32) / 255


def top_k_recognition_rate(
    judge: Network, images: Images | Sequence, class_names: Sequence[str], *, k: int = 5
) -> float:
    """Return the share of images whose class another network ranks among its first k.

    Classes that the judge does not know are left out.

    Args:
        judge: a network that did not take part in making the images.
        images: (N, H, W, 3) in [0, 1]; they are resized for the judge.
        class_names: what each image should show, N names.
        k: how many guesses the judge has.

    Returns:
        A number in 0..1.

    Raises:
        ValueError: when the judge knows none of the names.
    """
    known = [number for number, name in enumerate(class_names) if name in judge.class_names]
    if not known:
        raise ValueError(
            "The judge knows none of these classes; take a network that shares some with the one "
            "that was visualized."
        )
    wanted = [judge.class_names.index(class_names[number]) for number in known]
    resized = np.stack([resize_image(images[number], judge.image_size) for number in known])
    guesses = np.argsort(-class_scores(judge, resized), axis=1)[:, :k]  # (known, k)
    return float(np.mean((guesses == np.array(wanted)[:, None]).any(axis=1)))
