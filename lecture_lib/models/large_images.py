"""Photographs of many megapixels: they are seen at a size that networks are made for.

The activations of a network for 12 megapixels take many gigabytes of memory, and what a network
recognizes has the size of its training images there, not that of the photograph.
"""

from collections.abc import Callable
from functools import partial, wraps
from typing import Any

import cv2
import numpy as np

from lecture_lib.datasets.images import as_batch, resize_image, unbatch
from lecture_lib.datasets.shapes import Image, Network
from lecture_lib.models.remarks import say

MAX_PIXELS = 1_500_000  # of an image that goes through a network as it is
LENGTHS = ("patch", "stride")  # options that are lengths in pixels of the image


def is_large(images: Any) -> bool:
    """Say whether images (H, W, C) or (N, H, W, C) have too many pixels for most networks."""
    return np.ndim(images) in (3, 4) and bool(np.prod(np.shape(images)[-3:-1]) > MAX_PIXELS)


def at_network_size(model: Network, images: Any) -> Any:
    """Return large images at a size that the network is made for, and say so; others as they are.

    Args:
        model: images -> logits (N, classes).
        images: (H, W, C) or (N, H, W, C) in [0, 1]; what is none is left to others to refuse.

    Returns:
        The same, or smaller copies whose shorter side is that of the network's own images. A
        network that takes images of one size only is left to say so itself.

    Warns:
        UserWarning: where it returns smaller copies.
    """
    own_size = getattr(model, "image_size", None)
    if not is_large(images) or own_size is None or None not in model.input.shape[1:3]:
        return images
    batch = as_batch(images, channels=model.input.shape[-1])  # says what is wrong with them
    height, width = batch.shape[1:3]
    most = max(MAX_PIXELS, np.prod(np.broadcast_to(own_size, 2)))  # of one made for large images
    scale = min(np.min(own_size) / min(height, width), np.sqrt(most / (height * width)))
    if scale >= 1:
        return images
    size = _even(scale * height), _even(scale * width)
    say(
        f"Images of {height * width / 1e6:.0f} megapixels are seen at {size[0]} x {size[1]} "
        "pixels, a size that this network is made for."
    )
    return unbatch(np.stack([_resized(image, size) for image in batch]), images)


def at_most(image: Any, pixels: int) -> Any:
    """Return an image of at most so many pixels, and say so where it had more.

    Args:
        image: (H, W, C) in [0, 1]; what is none is left to others to refuse.
        pixels: how many.

    Warns:
        UserWarning: where it returns a smaller copy.
    """
    if np.ndim(image) != 3 or np.prod(np.shape(image)[:2]) <= pixels:
        return image
    height, width = np.shape(image)[:2]
    scale = np.sqrt(pixels / (height * width))
    size = _even(scale * height), _even(scale * width)
    say(
        f"The image of {height * width / 1e6:.0f} megapixels is made {size[0]} x {size[1]} pixels "
        "first, as a larger one takes too much memory."
    )
    return _resized(image, size)


def _resized(image: Image, size: tuple[int, int]) -> np.ndarray:
    """An image of any number of channels at another size."""
    if image.shape[-1] == 3:
        return resize_image(image, size)
    channels = np.split(image, image.shape[-1], axis=-1)
    return np.concatenate([resize_image(gray, size)[..., :1] for gray in channels], axis=-1)


def _even(side: float) -> int:
    """The nearest even number of pixels, as Fourier coefficients need it."""
    return max(2, 2 * round(side / 2))


def at_a_size_for_networks(explain: Callable) -> Callable:
    """Let a map of a large image be computed at the size of the network, and enlarged.

    Args:
        explain: (model, image, ..., **options) -> map (H, W); options may be images, or numbers of
            the parts of each pixel, of the same size.

    Returns:
        A function of the same arguments; it warns where it works at another size.
    """

    @wraps(explain)
    def explain_smaller(model: Network, image: Image, *arguments: Any, **options: Any) -> Any:
        smaller = at_network_size(model, image)
        if np.ndim(image) != 3 or smaller is image:
            return explain(model, image, *arguments, **options)
        size = smaller.shape[:2]
        change = partial(_made_smaller, shape=image.shape, size=size)
        changed = {name: change(value, name=name) for name, value in options.items()}
        heatmap = explain(model, smaller, *arguments, **changed)
        is_full = heatmap.shape == size and options.get("full_size", True)
        return cv2.resize(heatmap, image.shape[1::-1]) if is_full else heatmap

    return explain_smaller


def _made_smaller(value: Any, *, name: str, shape: tuple, size: tuple[int, int]) -> Any:
    """An option as it is at the smaller size."""
    if name in LENGTHS and value is not None:
        lengths = np.maximum(1, np.round(np.multiply(value, size[0] / shape[0])))
        return tuple(map(int, lengths)) if np.ndim(value) else int(lengths)
    is_array = isinstance(value, np.ndarray)
    if is_array and value.shape == shape:
        return _resized(value, size)
    if is_array and value.shape == shape[:2]:  # the number of the part of each pixel
        return cv2.resize(value.astype(np.int32), size[::-1], interpolation=cv2.INTER_NEAREST)
    return value
