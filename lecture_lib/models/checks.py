"""What is asked of a network, checked before it is asked: networks, images and classes.

Each sentence of an error says what was given and what to do.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np

from lecture_lib.datasets.images import as_batch, as_image, unbatch
from lecture_lib.datasets.shapes import (
    Image,
    ImageOrImages,
    Network,
    SeenImage,
    SeenImageOrImages,
    SeenImages,
)
from lecture_lib.models.backend import keras
from lecture_lib.models.class_names import find_class
from lecture_lib.models.large_images import at_network_size
from lecture_lib.models.per_model_cache import kept_with_model

# Networks and images


def check_network(model: Network) -> None:
    """Raise ValueError for what is no network of the course, such as a plain Keras model."""
    if not is_network(model):
        what = "This Keras model" if isinstance(model, keras.Model) else f"A {type(model).__name__}"
        raise ValueError(
            f"{what} is no network of the course; wrap_model(model) makes one from a Keras model, "
            "images in [0, 1] -> logits."
        )


def is_network(model: Network) -> bool:
    """Say whether a model is a network of the course, whatever attributes others gave it."""
    return getattr(model, "probability", None) is not None


def check_has_classes(model: Network) -> None:
    """Raise ValueError for what is no network, or for a network without a head."""
    check_network(model)
    if not model.class_names:
        raise ValueError(
            f"This network has no classes, as it ends in maps of shape {model.output.shape[1:]}; "
            "put a head behind it, or ask for its layers."
        )


def batch_of(model: Network, images: ImageOrImages) -> SeenImages:
    """Return one image or several as a batch (N, H, W, C), large photographs made smaller.

    Raises:
        ValueError: for images that are none, and of another number of colors than the network
            reads.
    """
    check_network(model)
    return as_batch(at_network_size(model, images), channels=model.input.shape[-1])


def batch_for(model: Network, images: ImageOrImages) -> SeenImages:
    """Return one image or several as a batch (N, H, W, C) that fits the network.

    Args:
        model: network of the course.
        images: (H, W, C) or (N, H, W, C), floats in 0..1.

    Returns:
        (N, H, W, C) float32.

    Raises:
        ValueError: as `batch_of` does, and for a size that does not get through the network.
    """
    batch = batch_of(model, images)
    if not _accepts_shape(model, batch.shape[1:]):
        height, width = np.broadcast_to(model.image_size, 2)
        raise ValueError(
            f"Images of {batch.shape[1]} x {batch.shape[2]} pixels do not get through this net; it "
            f"was made for {height} x {width}, and resize_image(image, {model.image_size}) makes "
            "them so large."
        )
    return batch


@kept_with_model
def _accepts_shape(model: Network, shape: tuple) -> bool:
    # Asked beforehand: what TensorFlow says later on is a page long, or nothing at all.
    try:
        model.compute_output_shape((1, *shape))
    except NotImplementedError:
        return True  # a layer of somebody's own that cannot tell
    except ValueError:
        return False
    return True


def image_of(model: Network, image: Image) -> SeenImage:
    """Return one image (H, W, C), of a size of its own, a large photograph made smaller.

    Raises:
        ValueError: as `batch_of` does, and for several images.
    """
    check_network(model)
    return as_image(at_network_size(model, image), channels=model.input.shape[-1])


def start_of(model: Network, images: ImageOrImages) -> SeenImageOrImages:
    """Return images that an ascent starts from, one or several as given, checked like others.

    Each step ends in [0, 1], so that images in 0..255 would be white after the first.

    Raises:
        ValueError: as `batch_of` does.
    """
    return unbatch(batch_of(model, images), images)


def one_image(model: Network, image: Image) -> SeenImage:
    """Return one image (H, W, C) as float32, checked: it must fit the network.

    Args:
        model: network of the course.
        image: (H, W, C), floats in 0..1.

    Returns:
        (H, W, C) float32.

    Raises:
        ValueError: for anything but one image, and as `batch_for` does.
    """
    if np.ndim(image) != 3:
        raise ValueError(
            "A map explains one image of shape (height, width, colors); "
            f"this one has shape {np.shape(image)}."
        )
    return batch_for(model, image)[0]


# Classes


def class_index(model: Network, name: str) -> int:
    """Return the number of a class by its name, whatever its upper and lower case.

    A part of the name will do where only one class has it.

    Args:
        model: network that has class names.
        name: such as "tabby" or "teapot".

    Returns:
        int in 0..classes−1.

    Raises:
        ValueError: for a name that the network does not have; it lists those nearest to it.
    """
    check_has_classes(model)
    return find_class(str(name), model.class_names)


def check_class(model: Network, class_index: int | Sequence[int] | np.ndarray) -> np.ndarray:
    """Return a class index, or one per image, as an int32 array of shape () or (N,).

    Args:
        model: network that has classes.
        class_index: a whole number, or one per image.

    Returns:
        int32 array of shape () or (N,).

    Raises:
        ValueError: for what is no whole number in 0..classes-1.
    """
    check_has_classes(model)
    indices = np.asarray(class_index)
    classes = model.output.shape[-1]
    if not np.issubdtype(indices.dtype, np.integer) or indices.ndim > 1:
        raise ValueError(
            f"A class is a whole number from 0 to {classes - 1}, not {_in_short(class_index)}; "
            "class_index(model, name) looks one up."
        )
    if indices.size and not (indices.min() >= 0 and indices.max() < classes):
        raise ValueError(
            f"This net has {classes} classes, numbered from 0 to {classes - 1}; "
            f"{_in_short(class_index)} is not among them."
        )
    return indices.astype(np.int32)


def class_per_image(
    model: Network, class_index: int | Sequence[int] | np.ndarray, *, count: int
) -> np.ndarray:
    """Return one class index for each of `count` images, as an int32 array (count,).

    Args:
        model: images -> logits (N, classes).
        class_index: one for all images, or one for each.
        count: how many images there are.

    Raises:
        ValueError: as `check_class` does, and for another number of classes than of images.
    """
    indices = check_class(model, class_index)
    if indices.ndim and len(indices) != count:
        raise ValueError(
            f"There are {len(indices)} classes for {count} images; give one class, or one for each "
            "image."
        )
    return np.broadcast_to(indices, count)


def _in_short(given: Any) -> str:
    """What was given as a text of one line, long arrays cut off."""
    text = " ".join(str(given).split())
    return text if len(text) <= 60 else f"{text[:60]} ..."


def one_class(model: Network, class_index: int) -> int:
    """Return one class index, checked.

    Args:
        model: images -> logits (N, classes).
        class_index: c, 0..classes-1.

    Raises:
        ValueError: as `check_class` does, and for several classes.
    """
    index = check_class(model, class_index)
    if index.ndim:
        raise ValueError(
            f"One class is asked for, a whole number, and this is a row of {index.size}; ask for "
            "each class in turn, as in [explain(model, image, c) for c in classes]."
        )
    return int(index)
