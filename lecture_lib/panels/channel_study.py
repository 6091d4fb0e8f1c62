"""What takes a while to know about a channel: computed once, and kept on this user's disk."""

from collections.abc import Callable
from functools import lru_cache
from typing import Any

import numpy as np
from jaxtyping import Float

from lecture_lib.activations import Patch, top_activations
from lecture_lib.class_visualization import visualize_channel_fourier
from lecture_lib.datasets.atlas import atlas_layers, atlas_tiles
from lecture_lib.datasets.image_sets import random_crops
from lecture_lib.datasets.shapes import Image, Images, Network
from lecture_lib.microscope import Firing, before_relu, class_effects, firing, square_around
from lecture_lib.models.batching import batches
from lecture_lib.models.cache import cached

PICTURES = 120  # crops of photographs in which patches are looked for
FOR_EFFECTS = 32  # of them, over which the effects on classes are averaged
PATCHES = 8  # of each channel
STEPS = 96  # of the ascent


class Stopped(Exception):  # noqa: N818 - somebody wanted no more; nothing went wrong
    """Raised in the middle of a computation whose `watch` said that it shall end."""


@lru_cache(maxsize=2)
def survey_pictures(size: int) -> Images:
    """Return the pictures in which the panel looks for patches: crops of the photographs."""
    return random_crops(PICTURES, size=size, seed=5)


def strongest_places(
    model: Network, layer: str, images: Images, *, watch: Callable
) -> Float[np.ndarray, "layer_channels patches four"]:
    """Find where each channel of a layer fires most: image, row, column and activation.

    Args:
        model: images -> logits (N, classes).
        layer: the name of a layer with rows and columns.
        images: (N, H, W, C) in [0, 1].
        watch: (images seen, images), returning True to stop.

    Raises:
        Stopped: when the watch says so.
    """
    found = None
    for some in batches(images):
        found = top_activations(model, layer, some, count=PATCHES, so_far=found)
        if watch(found.seen, len(images)):
            raise Stopped
    return np.concatenate([found.places, found.values[..., None]], axis=-1)


def patches_for(model: Network, layer: str, channel: int, *, watch: Callable) -> list[Patch]:
    """Return the patches of a channel in the survey's pictures, the strongest first.

    They are looked for before the ReLU, where those that a cap makes equal still differ.
    """
    layer = before_relu(model, layer)
    images = survey_pictures(_side(model))
    places = cached(strongest_places, model, layer, images, uncounted={"watch": watch})
    patches = []
    for *place, value in places[channel]:
        image_index, row, column = map(int, place)
        if value > -np.inf:
            box = square_around(model, layer, row, column, image_shape=images.shape[1:3])
            patches.append(Patch(image_index, box, float(value)))
    return patches


def mean_and_rate(model: Network, layer: str, channel: int) -> tuple[float, float]:
    """Return the mean of a channel over the survey's pictures, and how often it fires there."""
    found = Firing(*cached(firing, model, layer, survey_pictures(_side(model))))
    return float(found.mean[channel]), float(found.rate[channel])


def effects_for(model: Network, layer: str, channel: int) -> np.ndarray:
    """Return what a channel adds to each logit on average over pictures: `class_effects`."""
    images = survey_pictures(_side(model))[:FOR_EFFECTS]
    return cached(class_effects, model, layer, channel, images)


def _side(model: Network) -> int:
    return int(np.min(model.image_size))


def is_in_atlas(net: str, layer: str) -> bool:
    """Say whether the pictures of a layer were drawn beforehand."""
    return layer in atlas_layers().get(net, {})


def atlas_image(net: str, layer: str, channel: int) -> Image | None:
    """Return the picture of a channel in the atlas, None where the layer is not in it."""
    return atlas_tiles(net, layer)[channel] if is_in_atlas(net, layer) else None


def maximizing_image(model: Network, layer: str, channel: int, *, watch: Callable) -> Image:
    """Draw what maximizes a channel, or take it from the disk where it was drawn before.

    Args:
        model: images -> logits (N, classes).
        layer: the name of a layer.
        channel: 0..channels-1.
        watch: (step, steps, ascent), returning True to stop.

    Raises:
        Stopped: when the watch says so.
    """
    return cached(drawn_image, model, layer, channel, uncounted={"watch": watch})


def drawn_image(model: Network, layer: str, channel: int, *, watch: Callable) -> Image:
    """Draw what maximizes a channel; arguments as in `maximizing_image`."""

    def watch_and_stop(step: int, steps: int, reached: Any) -> bool:
        if watch(step, steps, reached):
            raise Stopped
        return False

    layer = before_relu(model, layer)
    return visualize_channel_fourier(
        model, layer, channel, steps=STEPS, watch=watch_and_stop
    ).images
