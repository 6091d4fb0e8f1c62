"""Photographs of many megapixels: their maps are computed at a size that networks are made for.

The activations of a network for 12 megapixels take many gigabytes of memory, and what a network
recognizes has the size of its training images there, not that of the photograph.
"""

import warnings
from collections.abc import Callable
from functools import partial, wraps
from typing import Any

import cv2
import numpy as np

from lecture_lib.datasets.images import resize_image
from lecture_lib.datasets.shapes import Image, Network
from lecture_lib.models.inference import one_image

MAX_PIXELS = 1_500_000  # of an image that a map is computed for as it is
LENGTHS = ("patch", "stride")  # options that are lengths in pixels of the image


def at_a_size_for_networks(explain: Callable) -> Callable:
    """Let a map of a large image be computed at the size of the network, and enlarged.

    Args:
        explain: (model, image, ..., **options) -> map (H, W); options may be images of the same
            size.

    Returns:
        A function of the same arguments; it warns where it works at another size.
    """

    @wraps(explain)
    def explain_smaller(model: Network, image: Image, *arguments: Any, **options: Any) -> Any:
        if np.ndim(image) != 3 or np.prod(np.shape(image)[:2]) <= MAX_PIXELS:
            return explain(model, image, *arguments, **options)
        image = one_image(model, image)  # says what is wrong with it
        size = _smaller_size(model, image)
        _warn(image.shape, size)
        change = partial(_made_smaller, shape=image.shape, size=size)
        changed = {name: change(value, name=name) for name, value in options.items()}
        heatmap = explain(model, resize_image(image, size), *arguments, **changed)
        is_full = heatmap.shape == size
        return cv2.resize(heatmap, image.shape[1::-1]) if is_full else heatmap

    return explain_smaller


def _smaller_size(model: Network, image: Image) -> tuple[int, int]:
    """The size of an image whose shorter side is that of the network's own images."""
    scale = np.min(model.image_size) / min(image.shape[:2])
    height, width = (round(side * scale) for side in image.shape[:2])
    return height, width


def _made_smaller(value: Any, *, name: str, shape: tuple, size: tuple[int, int]) -> Any:
    """An option as it is at the smaller size."""
    if name in LENGTHS and value is not None:
        lengths = np.maximum(1, np.round(np.multiply(value, size[0] / shape[0])))
        return tuple(map(int, lengths)) if np.ndim(value) else int(lengths)
    is_image = isinstance(value, np.ndarray) and value.shape == shape
    return resize_image(value, size) if is_image else value


def _warn(shape: tuple, size: tuple[int, int]) -> None:
    warnings.warn(
        f"The image has {shape[0] * shape[1] / 1e6:.0f} megapixels, so its map was computed at "
        f"{size[0]} x {size[1]} pixels, a size that this network is made for, and enlarged.",
        stacklevel=3,
    )
