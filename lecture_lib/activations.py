"""Activations: what every channel of a layer makes of a picture, and which patches of many pictures excite a channel most."""

from functools import lru_cache
from typing import NamedTuple

import numpy as np
from tqdm.auto import tqdm

from lecture_lib.datasets.images import as_batch, unbatch
from lecture_lib.models.backend import tf
from lecture_lib.models.batching import batches
from lecture_lib.models.inference import features, layer_outputs, map_features
from lecture_lib.models.receptive_field import Box, receptive_field

__all__ = [
    "activation_maps",
    "channels_to_images",
    "receptive_field",
    "top_activations",
    "patches_of",
    "top_patches",
    "highlight_box",
]


def activation_maps(model, layer, images):
    """φ_l(I), the output of a layer. images: (H, W, C) or (N, H, W, C) in [0, 1]; returns (h, w, channels) or (N, h, w, channels)."""
    map_features(model, layer)
    batch, net = as_batch(images, channels=model.input.shape[-1]), layer_outputs(model, layer)
    maps = [net(some, training=False)[layer].numpy() for some in batches(batch)]
    return unbatch(np.concatenate(maps), images)


def channels_to_images(maps, *, one_scale=False):
    """The channels of activations (h, w, channels) as gray pictures (channels, h, w, 1) in [0, 1]: 0 is black, the largest number white.

    one_scale: False gives each channel its own white, so that weak ones can be seen; True one white for all, so that strengths compare.
    Numbers below 0 are black too.
    """
    tiles = np.maximum(np.moveaxis(np.asarray(maps, np.float32), -1, 0)[..., None], 0)
    most = tiles.max() if one_scale else tiles.max(axis=(1, 2, 3), keepdims=True)
    return tiles / np.where(most > 0, most, 1)


class Patch(NamedTuple):
    """Where a channel was excited: picture number `image_index`, the Box that the neuron sees, and its `value`."""

    image_index: int
    box: Box
    value: float


class Search(NamedTuple):
    """The strongest neurons of each of n channels, after `seen` pictures of (H, W) = `image_shape`; it can go on from here.

    values: (n, count), the largest first, -inf where there is nothing yet. places: (n, count, 3), the picture, row and column of each.
    """

    values: np.ndarray
    places: np.ndarray
    seen: int
    image_shape: tuple


def top_activations(model, layer, images, *, channels=None, count=9, so_far=None, batch_size=None):
    """argmax over pictures and positions of φ_l(I)[row, column, channel]: for each channel its `count` strongest pictures, as a Search.

    images: an array (N, H, W, C) in [0, 1] or anything that yields pictures (H, W, C) of one size; only `batch_size` of them, by
    default 8 to 32, are in memory at a time. channels: numbers, by default all; one forward pass serves them all. Each picture counts
    once, at its strongest position. so_far: an earlier Search for the same channels, to go on with further pictures, numbered from
    so_far.seen. Interrupting the kernel returns what was reached. Raises ValueError for a layer, channel or picture that is none.
    """
    map_features(model, layer)
    channels = _checked_channels(model, layer, channels)
    found = so_far or _nothing(len(channels), count)
    if len(found.values) != len(channels):
        raise ValueError(
            f"so_far holds {len(found.values)} channels and {len(channels)} are asked for; go on with the same channels."
        )
    progress = tqdm(
        total=len(images) if hasattr(images, "__len__") else None, desc="pictures", delay=20
    )  # only when it takes long
    try:
        with progress:
            for batch in batches(images, size=batch_size):
                found = _merged(
                    found,
                    _strongest(model, layer)(
                        as_batch(batch, channels=model.input.shape[-1]), channels
                    ),
                    batch,
                )
                progress.update(len(batch))
    except KeyboardInterrupt:
        print(f"Stopped after {found.seen} pictures; so_far= goes on from there.")
    return found


def _checked_channels(model, layer, channels):
    count = features(model, layer).shape[-1]
    numbers = np.arange(count) if channels is None else np.atleast_1d(np.asarray(channels))
    if (
        not np.issubdtype(numbers.dtype, np.integer)
        or not numbers.size
        or numbers.min() < 0
        or numbers.max() >= count
    ):
        raise ValueError(
            f"{layer} has {count} channels, numbered from 0 to {count - 1}; {channels} are not among them."
        )
    return numbers.astype(np.int32)


def _nothing(channels, count):
    if count < 1:
        raise ValueError(f"At least one patch is looked for; count was {count}.")
    return Search(
        np.full((channels, count), -np.inf, np.float32),
        np.zeros((channels, count, 3), np.int64),
        0,
        None,
    )


@lru_cache(maxsize=16)
def _strongest(model, layer):
    """images, channels -> the largest number of each channel (N, n) and its position, counted row by row (N, n)."""
    outputs = layer_outputs(model, layer)

    @tf.function(
        autograph=False,
        input_signature=[tf.TensorSpec(model.input.shape), tf.TensorSpec([None], tf.int32)],
    )
    def strongest(images, channels):
        maps = tf.gather(outputs(images, training=False)[layer], channels, axis=-1)
        flat = tf.reshape(maps, [tf.shape(maps)[0], -1, tf.shape(maps)[-1]])
        return tf.reduce_max(flat, axis=1), tf.argmax(flat, axis=1), tf.shape(maps)[2]

    return strongest


def _merged(found, strongest, batch):
    """The best of what was found and of one batch, whose columns are pictures: sorted together, the first `count` stay."""
    if found.image_shape not in (None, batch.shape[1:3]):
        raise ValueError(
            f"The pictures so far have {found.image_shape} pixels and these {batch.shape[1:3]}; give all one size."
        )
    values, flat, width = (part.numpy() for part in strongest)
    numbers = np.broadcast_to(found.seen + np.arange(len(batch))[:, None], flat.shape)
    places = np.stack([numbers, flat // width, flat % width], axis=-1)
    values = np.concatenate([found.values, values.T], axis=1)
    places = np.concatenate([found.places, places.swapaxes(0, 1)], axis=1)
    order = np.argsort(-values, axis=1, kind="stable")[
        :, : found.values.shape[1]
    ]  # of equals, the earlier picture first
    best = np.take_along_axis(places, order[..., None], axis=1)
    return Search(
        np.take_along_axis(values, order, axis=1), best, found.seen + len(batch), batch.shape[1:3]
    )


def patches_of(model, layer, search, *, row=0):
    """What a Search found for its channel number `row` as a list of Patch(image_index, box, value), the strongest first."""
    boxed = zip(search.places[row], search.values[row], strict=True)
    box = lambda place: receptive_field(
        model, layer, int(place[1]), int(place[2]), image_shape=search.image_shape
    )
    return [
        Patch(int(place[0]), box(place), float(value)) for place, value in boxed if value > -np.inf
    ]


def top_patches(model, layer, channel, images, *, count=9):
    """The patches of many pictures that excite a channel most, each cut to what the neuron sees: [Patch(image_index, box, value)].

    channel: 0..channels-1, or a list of such, which gives a list of lists after one pass. images, interrupts and errors: as in
    `top_activations`. Fewer than `count` come back where there are fewer pictures.
    Source: Girshick et al., Rich feature hierarchies for accurate object detection and semantic segmentation, 2014.
    """
    search = top_activations(model, layer, images, channels=channel, count=count)
    lists = [patches_of(model, layer, search, row=row) for row in range(len(search.values))]
    return lists if np.ndim(channel) else lists[0]


def highlight_box(image, box, *, pale=0.75):
    """A picture (H, W, C) in [0, 1] whose parts outside a Box are mixed with white: pale is the share of white, in 0..1."""
    lit = 1 - (1 - pale) * (1 - image)
    inside = slice(box.top, box.bottom), slice(box.left, box.right)
    lit[inside] = image[inside]
    return lit
