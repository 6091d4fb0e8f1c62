"""Activations: what each channel of a layer makes of an image, and which patches excite it most."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import NamedTuple

import numpy as np
from jaxtyping import Float
from tqdm.auto import tqdm

from lecture_lib.datasets.images import as_batch, resize_image
from lecture_lib.datasets.shapes import Activations, Image, Images, Network
from lecture_lib.models.backend import tf
from lecture_lib.models.batching import batches
from lecture_lib.models.large_images import is_large
from lecture_lib.models.layers import activation_maps, features, layer_outputs, map_features
from lecture_lib.models.per_model_cache import kept_with_model
from lecture_lib.models.receptive_field import Box, receptive_field
from lecture_lib.models.remarks import say_interrupted

__all__ = [
    "Patch",
    "TopActivations",
    "activation_maps",
    "channels_to_images",
    "cut_patch",
    "highlight_box",
    "patches_of",
    "receptive_field",
    "top_activations",
    "top_activations_of_layers",
    "top_patches",
]


def channels_to_images(maps: Activations, *, one_scale: bool = False) -> Images:
    """Return the channels of activations as gray images: 0 is black, the largest number white.

    Args:
        maps: (h, w, channels), any numbers; those below 0 are black, too.
        one_scale: False gives each channel its own white, so that weak ones can be seen; True one
            white for all, so that strengths compare.

    Returns:
        (channels, h, w, 1) in [0, 1].
    """
    tiles = np.moveaxis(np.asarray(maps, np.float32), -1, 0)[..., None]  # (channels, h, w, 1)
    tiles = np.maximum(tiles, 0)
    most = tiles.max() if one_scale else tiles.max(axis=(1, 2, 3), keepdims=True)
    return tiles / np.where(most > 0, most, 1)


class Patch(NamedTuple):
    """Where a channel was excited.

    Attributes:
        image_index: the number of the image.
        box: what the neuron sees of it.
        value: its activation.
    """

    image_index: int
    box: Box
    value: float


class TopActivations(NamedTuple):
    """The strongest activations of n channels so far; a search can go on from here.

    Attributes:
        values: (n, count), the largest first, -inf where there is nothing yet.
        places: (n, count, 3), the image, row and column of each.
        seen: how many images were looked at.
        image_shape: their (H, W), None before the first.
    """

    values: np.ndarray
    places: np.ndarray
    seen: int
    image_shape: tuple | None


def top_activations(
    model: Network,
    layer: str,
    images: Iterable[Image],
    *,
    channels: int | Sequence[int] | None = None,
    count: int = 9,
    so_far: TopActivations | None = None,
    batch_size: int | None = None,
) -> TopActivations:
    """Find the images that excite each channel of a layer most.

    argmax over images and positions of φ_l(I)[row, column, channel]

    Each image counts once, at its strongest position, and one pass serves all channels.
    Interrupting the kernel returns what was reached.

    Args:
        model: images -> logits (N, classes).
        layer: the name of a layer with rows and columns.
        images: (N, H, W, C) in [0, 1], or anything that yields images (H, W, C) of one size.
        channels: their numbers, by default all.
        count: how many images to keep for each channel.
        so_far: an earlier result for the same channels, to go on with further images, numbered from
            `so_far.seen`.
        batch_size: how many images are in memory at a time, by default 8 to 32.

    Raises:
        ValueError: for a layer, channel or image that is none.

    Warns:
        Interrupted: where it was.
    """
    earlier = None if so_far is None else {layer: so_far}
    found = top_activations_of_layers(
        model, {layer: channels}, images, count=count, so_far=earlier, batch_size=batch_size
    )
    return found[layer]


def top_activations_of_layers(
    model: Network,
    channels: Mapping[str, int | Sequence[int] | None],
    images: Iterable[Image],
    *,
    count: int = 9,
    so_far: Mapping[str, TopActivations] | None = None,
    batch_size: int | None = None,
) -> dict[str, TopActivations]:
    """Find the images that excite channels of several layers most, in one pass through the network.

    Args:
        model: images -> logits (N, classes).
        channels: {layer: numbers of its channels, None for all}.
        images, count, batch_size: see `top_activations`.
        so_far: an earlier result for the same layers and channels, to go on with further images.

    Returns:
        {layer: what `top_activations` returns for it}.

    Raises:
        ValueError: for a layer, channel or image that is none.
    """
    numbers = _checked_layers(model, channels)
    found = _start_of_search(numbers, count=count, so_far=so_far)
    strongest = _strongest_positions(model, tuple(numbers))
    total = len(images) if hasattr(images, "__len__") else None
    try:
        with tqdm(total=total, desc="images", delay=20) as progress:  # only when it takes long
            for some in batches(images, size=batch_size):
                batch = _fitting(model, some)
                peaks = strongest(batch, numbers)
                found = {layer: _merge(found[layer], peaks[layer], batch) for layer in numbers}
                progress.update(len(batch))
    except KeyboardInterrupt:
        seen = min(search.seen for search in found.values())
        say_interrupted(f"The search ended after {seen} images; so_far= goes on from there.")
    return found


def _checked_layers(
    model: Network, channels: Mapping[str, int | Sequence[int] | None]
) -> dict[str, np.ndarray]:
    """The numbers of the channels of each layer, checked."""
    if not channels:
        raise ValueError("Name at least one layer and its channels.")
    for layer in channels:
        map_features(model, layer)
    return {layer: _checked_channels(model, layer, some) for layer, some in channels.items()}


def _start_of_search(
    channels: dict[str, np.ndarray], *, count: int, so_far: Mapping[str, TopActivations] | None
) -> dict[str, TopActivations]:
    """What was found earlier, checked; where there is nothing, an empty result for each layer."""
    if so_far is None:
        return {layer: _nothing_yet(len(some), count) for layer, some in channels.items()}
    if set(so_far) != set(channels):
        raise ValueError(
            f"so_far holds {', '.join(so_far)}, and {', '.join(channels)} are asked for; go on "
            "with the same layers."
        )
    for layer, some in channels.items():
        _check_same_channels(so_far[layer], some)
    return {layer: so_far[layer] for layer in channels}


def _fitting(model: Network, images: Images) -> Images:
    """The images, checked; of those made smaller, no patches could be cut out afterward."""
    if is_large(images):
        raise ValueError(
            f"Images of {images.shape[1]} x {images.shape[2]} pixels are too large for a network; "
            "fit_within(image, 512) makes one smaller."
        )
    return as_batch(images, channels=model.input.shape[-1])


def _checked_channels(
    model: Network, layer: str, channels: int | Sequence[int] | None
) -> np.ndarray:
    count = features(model, layer).shape[-1]
    numbers = np.arange(count) if channels is None else np.atleast_1d(np.asarray(channels))
    whole = np.issubdtype(numbers.dtype, np.integer) and numbers.size > 0
    if not whole or numbers.min() < 0 or numbers.max() >= count:
        raise ValueError(
            f"{layer} has {count} channels, numbered from 0 to {count - 1}; {channels} are not "
            "among them."
        )
    return numbers.astype(np.int32)


def _nothing_yet(channels: int, count: int) -> TopActivations:
    if count < 1:
        raise ValueError(f"At least one patch is looked for; count was {count}.")
    values = np.full((channels, count), -np.inf, np.float32)
    return TopActivations(values, np.zeros((channels, count, 3), np.int64), 0, None)


def _check_same_channels(found: TopActivations, channels: np.ndarray) -> None:
    if len(found.values) != len(channels):
        raise ValueError(
            f"so_far holds {len(found.values)} channels and {len(channels)} are asked for; go on "
            "with the same channels."
        )


@kept_with_model
def _strongest_positions(model: Network, layers: tuple[str, ...]) -> Callable:
    """Compile images, {layer: channels} -> {layer: its largest numbers, where they are, width}.

    The numbers are those of each image and channel, (N, n); positions are counted row by row, on
    maps of that width.
    """
    outputs = layer_outputs(model, layers)
    some_channels = {layer: tf.TensorSpec([None], tf.int32) for layer in layers}
    signature = [tf.TensorSpec(model.input.shape), some_channels]

    @tf.function(autograph=False, input_signature=signature)
    def strongest(images: tf.Tensor, channels: dict[str, tf.Tensor]) -> dict[str, tuple]:
        maps = outputs(images, training=False)
        return {layer: _peaks(tf.gather(maps[layer], channels[layer], axis=-1)) for layer in layers}

    return strongest


def _peaks(maps: tf.Tensor) -> tuple:
    """The largest number of each map (N, h, w, n), its position row by row, and the width."""
    flat = tf.reshape(maps, [tf.shape(maps)[0], -1, tf.shape(maps)[-1]])  # (N, h · w, n)
    return tf.reduce_max(flat, axis=1), tf.argmax(flat, axis=1), tf.shape(maps)[2]


def _merge(found: TopActivations, strongest: tuple, batch: Images) -> TopActivations:
    """The best of what was found and of one more batch."""
    if found.image_shape not in (None, batch.shape[1:3]):
        raise ValueError(
            f"The images so far have {found.image_shape} pixels and these {batch.shape[1:3]}; give "
            "all one size."
        )
    values, flat, width = (part.numpy() for part in strongest)
    numbers = np.broadcast_to(found.seen + np.arange(len(batch))[:, None], flat.shape)
    places = np.stack([numbers, flat // width, flat % width], axis=-1)  # (N, n, 3)
    # Channels first, then old and new side by side: (n, count + N).
    values = np.concatenate([found.values, values.T], axis=1)
    places = np.concatenate([found.places, places.swapaxes(0, 1)], axis=1)
    # A stable sort keeps, of equals, the earlier image first.
    count = found.values.shape[1]
    order = np.argsort(-values, axis=1, kind="stable")[:, :count]
    return TopActivations(
        np.take_along_axis(values, order, axis=1),
        np.take_along_axis(places, order[..., None], axis=1),
        found.seen + len(batch),
        batch.shape[1:3],
    )


def patches_of(model: Network, layer: str, found: TopActivations, *, row: int = 0) -> list[Patch]:
    """Return what was found for one channel as patches, the strongest first.

    Args:
        model, layer: those that were searched.
        found: what `top_activations` returned.
        row: which of the channels that were asked for, from 0.
    """
    patches = []
    for place, value in zip(found.places[row], found.values[row], strict=True):
        if value > -np.inf:
            image_index, *neuron = (int(number) for number in place)
            box = receptive_field(model, layer, *neuron, image_shape=found.image_shape)
            patches.append(Patch(image_index, box, float(value)))
    return patches


def top_patches(
    model: Network,
    layer: str,
    channel: int | Sequence[int],
    images: Iterable[Image],
    *,
    count: int = 9,
) -> list:
    """Find the patches that excite a channel most, each cut to what the neuron sees.

    Args:
        model: images -> logits (N, classes).
        layer: the name of a layer with rows and columns.
        channel: 0..channels-1, or a list of them, which one pass serves.
        images: (N, H, W, C) in [0, 1], or anything that yields images (H, W, C) of one size.
        count: how many patches; fewer come back where there are fewer images.

    Returns:
        [Patch(image_index, box, value), ...], the strongest first; a list of such lists for a list
        of channels.

    Raises:
        ValueError: for a layer, channel or image that is none.

    Source:
        Girshick et al., Rich feature hierarchies for accurate object detection and semantic
        segmentation, 2014.
    """
    found = top_activations(model, layer, images, channels=channel, count=count)
    lists = [patches_of(model, layer, found, row=row) for row in range(len(found.values))]
    return lists if np.ndim(channel) else lists[0]


def highlight_box(image: Image, box: Box, *, fade: float = 0.75) -> Image:
    """Return an image whose parts outside a box are mixed with white.

    Args:
        image: (H, W, C) in [0, 1].
        box: what stays as it is.
        fade: the share of white outside, in 0..1.
    """
    faded = 1 - (1 - fade) * (1 - image)
    inside = slice(box.top, box.bottom), slice(box.left, box.right)
    faded[inside] = image[inside]
    return faded


def cut_patch(image: Image, box: Box, *, size: int = 96) -> Float[np.ndarray, "side side channels"]:
    """Cut the square around a box out of an image; what lies outside the box is pale.

    A box that the edge of the image cuts off is no square: its longer side decides.

    Args:
        image: (H, W, 3) in [0, 1].
        box: what a neuron sees, such as `receptive_field` gives it.
        size: side of the result, in pixels.

    Returns:
        (size, size, 3) in [0, 1].
    """
    lit = highlight_box(image, box)
    height, width = image.shape[:2]
    side = min(max(box.bottom - box.top, box.right - box.left), height, width)
    top = min(box.top, height - side)
    left = min(box.left, width - side)
    return resize_image(lit[top : top + side, left : left + side], size)
