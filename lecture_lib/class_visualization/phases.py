"""Images of a class or of any score by their phases, under the amplitudes of photographs.

One function goes from phases to an image; the rest is `ascend`, of a score that is asked about
random crops.
"""

from collections.abc import Callable
from functools import lru_cache, partial
from typing import Any

import numpy as np

from lecture_lib.class_visualization.crops import over_random_crops
from lecture_lib.core.ascent import Ascent, adam, ascend, identity, watching
from lecture_lib.core.scores import Score, class_score
from lecture_lib.datasets.image_sets import random_crops
from lecture_lib.datasets.images import unbatch
from lecture_lib.datasets.shapes import Classes, Network, Tensor, TensorImages
from lecture_lib.models.backend import tf

Phases = np.ndarray  # (3, height, width // 2 + 1) of one image, or (N, ...) of several

# Three axes of color that vary independently in photographs: brightness, red against blue, green
# against both. Each row says how much of red, green and blue is in it.
COLOR_AXES = np.float32(
    [[0.5628, 0.5845, 0.5845], [0.1948, 0.0, -0.1948], [0.0433, -0.1082, 0.0649]]
)


def visualize_class_phases(
    model: Network,
    class_index: Classes,
    *,
    size: int | tuple[int, int] | None = None,
    seed: int = 0,
    crops: int = 8,
    **options: Any,
) -> Ascent:
    """Draw a class by gradient ascent on the phases of an image, which is seen in random crops.

    φ* = argmax over φ of the mean over crops of S_c(crop(image(φ)))

    Args:
        model: images -> logits (N, classes), with three colors.
        class_index: c, 0..classes-1, or several (N,), which ascend side by side.
        size: side of the image in pixels, or (height, width), made even; by default 256, in the
            proportions of the network's own images.
        seed: draws the phases to start from.
        crops: how many crops of each image the network sees at each step.
        options: those of `maximize_phases`.

    Returns:
        An Ascent whose images are (H, W, 3), or (N, H, W, 3), in [0, 1].

    Raises:
        ValueError: for a class that the network does not have, and for a gray network.

    Source:
        Fel et al., Unlocking feature visualization for deeper networks with magnitude constrained
        optimization, 2023.
    """
    _check_colors(model)
    several = bool(np.ndim(class_index))
    # One class for each crop of each image.
    score = class_score(model, np.repeat(class_index, crops) if several else class_index)
    sides = _in_proportion(model.image_size) if size is None else size
    phases = random_phases(np.size(class_index), sides, seed=seed)
    start = phases if several else phases[0]
    return maximize_phases(score, start, crop_size=model.image_size, crops=crops, **options)


def _in_proportion(image_size: int | tuple[int, int], *, shorter: int = 256) -> tuple[int, int]:
    """(height, width) whose shorter side is 256, of the same proportions."""
    sides = np.broadcast_to(image_size, 2)
    height, width = (int(side) for side in np.rint(sides * shorter / sides.min()))
    return height, width


def _check_colors(model: Network) -> None:
    if model.input.shape[-1] != 3:
        raise ValueError(
            "Phases make images in three colors, and this network takes images of "
            f"{model.input.shape[-1]}; visualize it by its pixels."
        )


def maximize_phases(
    score: Score | Callable,
    start: Phases,
    *,
    crop_size: int | tuple[int, int] = 224,
    crops: int = 8,
    sides: tuple[float, float] = (0.25, 0.55),
    noise: float = 0.06,
    contrast: float = 1.8,
    steps: int = 100,
    learning_rate: float | Callable[[], float] = 1.0,
    watch: Callable | None = None,
) -> Ascent:
    """Maximize any score by way of the phases of the image, seen in random crops.

    φ* = argmax over φ of the mean over crops of S(crop(image(φ)) + noise)

    How strong each frequency is stays as in photographs, so the ascent cannot fill the image with
    the high frequencies that networks respond to and photographs lack. And the score must be high
    in most crops, so an object has to be whole and in several places.

    Args:
        score: S, crops (N · crops, h, w, 3) -> one number for each crop.
        start: the phases φ to start from, of one image or of several; see `random_phases`.
        crop_size: side of the crops in pixels, as the network takes them, or (h, w).
        crops: how many crops of each image a step sees.
        sides: the smallest and the largest side of a crop, as shares of the image's.
        noise: standard deviation of the noise on each crop.
        contrast: of the image, above 0.
        steps: how many, 0 or more.
        learning_rate: the length of a step of Adam, in units of a phase.
        watch: (step, steps, ascent), called after each step; returning True ends the ascent.

    Returns:
        An Ascent whose images are (H, W, 3), or (N, H, W, 3), in [0, 1].
    """
    rows, columns = np.shape(start)[-2:]
    amplitudes = mean_amplitudes(rows, 2 * columns - 2)
    seen = over_random_crops(score, crop_size=crop_size, crops=crops, sides=sides, noise=noise)
    view = partial(_with_images, amplitudes=amplitudes, contrast=contrast)
    reached = ascend(
        seen.of(phases_to_image, amplitudes, float(contrast)),
        start,
        steps=steps,
        learning_rate=learning_rate,
        direction=adam(),
        project=identity,
        watch=watching(watch, view),
    )
    return view(reached)


def _with_images(reached: Ascent, *, amplitudes: np.ndarray, contrast: float) -> Ascent:
    """An ascent of phases, (3, ...) or (N, 3, ...), with the images that they stand for."""
    phases = reached.images
    batch = phases[None] if phases.ndim == 3 else phases
    images = phases_to_image(batch, amplitudes, float(contrast)).numpy()
    return reached._replace(images=unbatch(images, phases))


# From phases to an image


def phases_to_image(phases: Tensor, amplitudes: Tensor, contrast: float = 1.8) -> TensorImages:
    """Return the images that have these phases and the amplitudes of photographs.

    I = sigmoid(contrast · C · F⁻¹(amplitudes · exp(i φ))), C the axes of color

    Args:
        phases: φ, (N, 3, H, W // 2 + 1), any real numbers; those of an image are standardized to
            mean 0 and standard deviation 1, and so are its planes, so that no scale matters.
        amplitudes: (3, H, W // 2 + 1), how strong each frequency is; see `mean_amplitudes`.
        contrast: above 0.

    Returns:
        A tensor (N, H, W, 3) in [0, 1].

    Source:
        Fel et al., Unlocking feature visualization for deeper networks with magnitude constrained
        optimization, 2023.
    """
    height = tf.shape(phases)[2]
    width = 2 * (tf.shape(phases)[3] - 1)
    angles = _standardized(phases)
    spectrum = tf.complex(amplitudes * tf.cos(angles), amplitudes * tf.sin(angles))
    planes = tf.signal.irfft2d(spectrum, [height, width])  # (N, 3, H, W)
    colors = tf.einsum("nchw,cd->nhwd", _standardized(planes), COLOR_AXES)  # (N, H, W, 3)
    return tf.sigmoid(contrast * colors)


def _standardized(numbers: Tensor) -> Tensor:
    """Mean 0 and standard deviation 1 for each image."""
    mean, variance = tf.nn.moments(numbers, axes=[1, 2, 3], keepdims=True)
    return (numbers - mean) / (tf.sqrt(variance) + 1e-6)


def random_phases(count: int, size: int | tuple[int, int] = 256, *, seed: int = 0) -> Phases:
    """Draw random phases for `phases_to_image`.

    Args:
        count: how many images they stand for.
        size: side of the images in pixels, or (height, width); an odd one becomes the even one
            below.
        seed: the same seed, the same phases.

    Returns:
        (count, 3, height, width // 2 + 1) float32.
    """
    height, width = np.broadcast_to(size, 2) // 2 * 2
    if min(height, width) < 2:
        raise ValueError(f"An image of phases has 2 or more pixels a side, not {size}.")
    shape = (count, 3, height, width // 2 + 1)
    return np.random.default_rng(seed).standard_normal(shape, np.float32)


@lru_cache(maxsize=8)
def mean_amplitudes(height: int = 256, width: int = 256) -> np.ndarray:
    """Return how strong each frequency is in photographs: mean |F(C⁻¹ · (I − ½))|.

    The mean goes over 80 crops of the photographs that come with the course.

    Args:
        height, width: of the images, in pixels.

    Returns:
        (3, height, width // 2 + 1) float32, for the three axes of color.
    """
    photographs = random_crops(80, size=max(height, width), seed=0)[:, :height, :width]
    planes = (photographs - 0.5) @ np.linalg.inv(COLOR_AXES)  # (80, H, W, 3)
    spectra = np.fft.rfft2(planes, axes=(1, 2))
    return np.abs(spectra).mean(axis=0).transpose(2, 0, 1).astype(np.float32)
