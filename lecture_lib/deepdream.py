"""DeepDream: what a layer responds to in an image is made stronger, from small copies to large."""

from collections.abc import Callable, Sequence
from functools import partial
from itertools import count
from typing import Any

import numpy as np

from lecture_lib.core.ascent import Ascent, ascend, clip, unit
from lecture_lib.core.layer_scores import layer_energy
from lecture_lib.core.scores import Score
from lecture_lib.core.tiling import SMALLEST, add_lost_detail, jittered_gradient, pyramid, resize
from lecture_lib.datasets.shapes import (
    Image,
    ImageOrImages,
    Network,
    Tensor,
    TensorImages,
    TensorValues,
)
from lecture_lib.models.backend import tf
from lecture_lib.models.checks import image_of
from lecture_lib.models.large_images import at_most
from lecture_lib.models.layers import as_tuple, layer_outputs, map_features

MOST_PIXELS = 6_000_000  # of an image; the steps take about twenty times its memory


def dream(
    model: Network,
    image: Image,
    *,
    layer: str | Sequence[str] | dict[str, float],
    guide: Image | None = None,
    **options: Any,
) -> Ascent:
    """Make what a layer responds to in a photograph stronger, octave by octave.

    I* = argmax over I of mean f(I)², f the activations of the layer

    Args:
        model: images -> logits (N, classes).
        image: (H, W, C) in [0, 1], of any size that the network can take.
        layer: a name, several names, or {name: weight}.
        guide: an image whose features shall be found in place of the strongest ones; it takes one
            layer. None for plain dreaming.
        options: those of `maximize_octaves`.

    Returns:
        An Ascent whose images are (H, W, C) in [0, 1].

    Raises:
        ValueError: for a layer that the network does not have, or one without rows and columns,
            for anything but one image, and for a guide with several layers.

    Source:
        Mordvintsev, Olah and Tyka, Inceptionism: going deeper into neural networks, 2015.
    """
    for name in as_tuple(layer):
        map_features(model, name)
    if guide is None:
        return maximize_octaves(layer_energy(model, layer), image, **options)
    if len(as_tuple(layer)) > 1:
        raise ValueError(f"With a guide one layer dreams; these are {', '.join(as_tuple(layer))}.")
    score = guided_objective(model, *as_tuple(layer), guide)
    return maximize_octaves(score, image, **options)


def guided_objective(model: Network, layer: str, guide: Image) -> Score:
    """Score how well each position suits the feature of the guide that suits it best.

    S(I) = mean over positions i of max over the guide's positions j of f_i(I) · g_j

    Args:
        model: images -> logits (N, classes).
        layer: the name of a layer with rows and columns.
        guide: (H, W, C) in [0, 1]; its features g are computed once, here.

    Raises:
        ValueError: for a layer that the network does not have, or one without rows and columns.
    """
    map_features(model, layer)
    maps = layer_outputs(model, layer)(image_of(model, guide)[None])[layer]
    features = tf.reshape(maps, [-1, maps.shape[-1]])  # (positions, channels)
    return Score(_guided_objective, features, model=model, layer=layer)


def _guided_objective(
    images: TensorImages, features: Tensor, *, model: Network, layer: str
) -> TensorValues:
    maps = layer_outputs(model, layer)(images)[layer]
    matches = tf.einsum("nhwc,gc->nhwg", maps, features)
    return tf.reduce_mean(tf.reduce_max(matches, axis=-1), axis=[1, 2])


def maximize_octaves(
    score: Score | Callable,
    image: Image,
    *,
    octaves: int = 4,
    octave_scale: float = 1.4,
    steps: int = 15,
    learning_rate: float | Callable[[], float] = 0.01,
    shift: int = 16,
    tile: int = 512,
    seed: int = 0,
    frames_every: int = 0,
    watch: Callable | None = None,
) -> Ascent:
    """Maximize any score on a small copy of an image first, then on larger and larger ones.

    The detail that a small copy has lost is put back each time.

    Args:
        score: images (N, H, W, C) -> (N,).
        image: (H, W, C) in [0, 1]; one of more than 6 megapixels is made smaller first.
        octaves: how many sizes, 1 or more; the last is the image's own.
        octave_scale: how many times larger each size is than the one before, above 1.
        steps: for each octave, 0 or more.
        learning_rate: how far a pixel moves in a step, as a root mean square.
        shift: before each step the image is shifted by up to so many pixels, so that no seam and no
            edge stays in one place; 0 for none.
        tile: the image is cut into tiles of at most so many pixels a side, which bounds the memory.
        seed: draws the shifts and the cuts.
        frames_every: keep a copy after every so many steps; 0 keeps none.
        watch: (step, steps, ascent), called after each step of all octaves; returning True ends
            the ascent.

    Returns:
        An Ascent: images (H, W, C) in [0, 1], values (octaves · steps + 1,).

    Raises:
        ValueError: for options out of range, and for an octave that the score does not fit.
    """
    _check_options(octaves, octave_scale, steps, shift, tile)
    image = at_most(image, MOST_PIXELS)
    copies = pyramid(image, octaves=octaves, scale=octave_scale)
    _check_smallest(copies[0], octaves)
    random = np.random.default_rng(seed)
    reached = ascend(
        score,
        copies[0],
        steps=octaves * steps,
        learning_rate=learning_rate,
        direction=rms_unit,
        evaluate=partial(_evaluate_octave, reach=shift, tile=tile, random=random),
        project=_octave_by_octave(copies, steps),
        frames_every=frames_every,
        watch=watch,
    )
    # An ascent that was stopped early is enlarged to the image's own size.
    copy = next(copy for copy in copies if copy.shape == reached.images.shape)
    return reached._replace(images=add_lost_detail(reached.images, copy, copies[-1]))


def _check_options(octaves: int, octave_scale: float, steps: int, shift: int, tile: int) -> None:
    if not (octaves >= 1 and octave_scale > 1 and steps >= 0 and shift >= 0 and tile >= SMALLEST):
        raise ValueError(
            "Dreaming takes 1 or more octaves, each more than 1 times larger, 0 or more steps, a "
            f"shift of 0 or more and tiles of {SMALLEST} or more pixels; they were {octaves}, "
            f"{octave_scale}, {steps}, {shift}, {tile}."
        )


def _check_smallest(copy: Image, octaves: int) -> None:
    height, width = copy.shape[:2]
    if min(height, width) < SMALLEST:
        raise ValueError(
            f"The smallest of {octaves} octaves has {height} x {width} pixels, which is too "
            "few; take fewer octaves or a larger image."
        )


def _evaluate_octave(score: Score | Callable, image: Image, **options: Any) -> tuple:
    """Value and `jittered_gradient`, with a sentence below what a network says of a wrong size."""
    try:
        return jittered_gradient(score, image, **options)
    except ValueError as error:
        height, width = image.shape[:2]
        raise ValueError(
            f"The score cannot be computed for an octave of {height} x {width} pixels. If they are "
            "too few, or the wrong ones for a network of one fixed size, take fewer octaves or a "
            "larger image."
        ) from error


def _octave_by_octave(copies: list[np.ndarray], steps: int) -> Callable:
    """A projection that goes on to the next larger copy after every so many steps."""
    taken = count(1)

    def project(image: Image) -> np.ndarray:
        octave, rest = divmod(next(taken), steps)
        if rest or octave == len(copies):
            return clip(image)
        return add_lost_detail(clip(image), copies[octave - 1], copies[octave])

    return project


def rms_unit(gradients: ImageOrImages) -> ImageOrImages:
    """Return the gradient with a root mean square of 1, whatever the size: g / √(mean g²)."""
    return unit(gradients) * np.float32(np.sqrt(gradients.size))


def zoom_film(
    score: Score | Callable,
    image: Image,
    *,
    frames: int = 24,
    zoom: float = 1.05,
    steps: int = 4,
    learning_rate: float = 0.01,
    seed: int = 0,
) -> list[Image]:
    """Return a film: each frame is the center of the one before it, enlarged and dreamed upon.

    Interrupting the kernel returns the frames that were reached.

    Args:
        score: images (N, H, W, C) -> (N,), such as `layer_energy`.
        image: (H, W, C) in [0, 1], where the film begins.
        frames: how many.
        zoom: how many times nearer each frame is, above 1.
        steps: for each of the two octaves of a frame.
        learning_rate: how far a pixel moves in a step, as a root mean square.
        seed: draws shifts and cuts.

    Returns:
        The frames, each (H, W, C) in [0, 1].

    Raises:
        ValueError: for a zoom that is not above 1.
    """
    if not zoom > 1:
        raise ValueError(f"The zoom is a factor above 1, such as 1.05; it was {zoom}.")
    film = []
    for frame in range(frames):
        dreamed = maximize_octaves(
            score, image, octaves=2, steps=steps, learning_rate=learning_rate, seed=seed + frame
        )
        film.append(dreamed.images)
        if dreamed.interrupted:
            break
        image = _nearer(dreamed.images, zoom)
    return film


def _nearer(image: Image, zoom: float) -> Image:
    """The center of an image, enlarged to its size."""
    height, width = image.shape[:2]
    top = round(height * (1 - 1 / zoom) / 2)
    left = round(width * (1 - 1 / zoom) / 2)
    center = image[top : height - top, left : width - left]
    return clip(resize(center, (height, width)))
