"""What one asks of a network: logits, probabilities, likeliest classes, the outputs of its layers.

A network is a `keras.Model` from images (N, H, W, C) in [0, 1] to logits (N, classes), the scores
before softmax. Preprocessing is inside the model, layers are flat and have names, `class_names` and
`image_size` are attributes. `zoo` says where networks come from, `surgery` makes one from another.
"""

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, NamedTuple

import numpy as np
from jaxtyping import Float
from scipy.special import expit, softmax

from lecture_lib.datasets.images import as_batch
from lecture_lib.datasets.shapes import (
    Image,
    ImageOrImages,
    Network,
    SeenImage,
    SeenImages,
    Tensor,
    TensorImages,
)
from lecture_lib.models.backend import keras, tf
from lecture_lib.models.batching import batches
from lecture_lib.models.class_names import find_class
from lecture_lib.models.large_images import at_network_size
from lecture_lib.models.per_model_cache import kept_with_model

Logits = Float[np.ndarray, "*images classes"]  # one number for each class, of one image or several

# Logits, probabilities, likeliest classes


def class_scores(model: Network, images: ImageOrImages, *, batch_size: int | None = None) -> Logits:
    """Return the logits S(I), the scores of all classes before softmax.

    Args:
        model: images -> logits (N, classes).
        images: (H, W, C) or (N, H, W, C) in [0, 1].
        batch_size: how many images go through the network together, by default
            `default_batch_size`.

    Returns:
        (classes,) or (N, classes) float32.

    Raises:
        ValueError: for images that are none, or of a size that the network cannot take.
    """
    check_has_classes(model)
    forward = _compiled_forward(model)
    stacks = batches(batch_for(model, images), size=batch_size)
    scores = np.concatenate([forward(stack) for stack in stacks])
    return scores[0] if np.ndim(images) == 3 else scores


@kept_with_model
def _compiled_forward(model: Network) -> Callable:
    return tf.function(partial(_predict, model), autograph=False, reduce_retracing=True)


def _predict(model: keras.Model, images: TensorImages) -> Tensor:
    return model(images, training=False)


class Guess(NamedTuple):
    """One class that a network predicts for an image.

    Attributes:
        class_index: its number, from 0.
        class_name: its name.
        probability: P_c(I), in 0..1.
    """

    class_index: int
    class_name: str
    probability: float


def probabilities(model: Network, images: ImageOrImages) -> Logits:
    """Return the probability of each class, the softmax of the logits.

    P_c(I) = exp S_c(I) / Σ_k exp S_k(I)

    Where each label holds or not for itself, it is the sigmoid, 1 / (1 + exp −S_c(I)).

    Args:
        model: images -> logits (N, classes).
        images: (H, W, C) or (N, H, W, C) in [0, 1].

    Returns:
        (classes,) or (N, classes) float32, in 0..1.

    Raises:
        ValueError: for images that are none, and for a network whose scores are no logits.
    """
    return _as_probabilities(model, class_scores(model, images))


def _as_probabilities(model: Network, scores: Logits) -> Logits:
    if kind_of_probability(model) == "sigmoid":
        return expit(scores)
    return softmax(scores, axis=-1)


def kind_of_probability(model: Network) -> str:
    """Return what turns the logits of a network into probabilities: "softmax" or "sigmoid".

    Raises:
        ValueError: for a network whose scores are no logits, or that has no classes.
    """
    check_has_classes(model)
    kind = getattr(model, "probability", None) or "softmax"
    if kind == "none":
        raise ValueError(
            "This network gives a score without probabilities; "
            "wrap_model(model, probability='sigmoid') says that it is a logit."
        )
    return kind


def top_classes(model: Network, image: Image, *, count: int = 5) -> list[Guess]:
    """List the likeliest classes of one image, the likeliest first.

    Args:
        model: images -> logits (N, classes).
        image: (H, W, C) in [0, 1].
        count: how many, 1..classes.

    Returns:
        [Guess(class_index, class_name, probability), ...].

    Raises:
        ValueError: for anything but one image.
    """
    if np.ndim(image) != 3:
        raise ValueError(
            "The likeliest classes are those of one image (H, W, C); "
            f"this has the shape {np.shape(image)}."
        )
    check_network(model)
    return guesses_of(model, class_scores(model, image), count=count)


def guesses_of(model: Network, scores: Logits, *, count: int = 5) -> list[Guess]:
    """List the likeliest classes by the logits of one image, the likeliest first.

    Args:
        model: images -> logits (N, classes).
        scores: S(I), (classes,).
        count: how many, 1..classes.
    """
    chances = _as_probabilities(model, scores)
    likeliest = np.argsort(-chances)[:count]
    return [
        Guess(int(index), model.class_names[index], float(chances[index])) for index in likeliest
    ]


# Networks, images and classes, checked


def check_network(model: Network) -> None:
    """Raise ValueError for what is no network of the course, such as a plain Keras model."""
    if getattr(model, "class_names", None) is None:
        what = "This Keras model" if isinstance(model, keras.Model) else f"A {type(model).__name__}"
        raise ValueError(
            f"{what} is no network of the course; wrap_model(model) makes one from a Keras model, "
            "images in [0, 1] -> logits."
        )


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
    return find_class(name, model.class_names)


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
            f"A map explains one class, a whole number, and this is a row of {index.size}; ask for "
            "the map of each class, as in [explain(model, image, c) for c in classes]."
        )
    return int(index)


# Layers and their outputs


def layer_names(model: Network, *, maps_only: bool = True) -> list[str]:
    """List the names of a network's layers in forward order.

    Args:
        model: images -> logits (N, classes).
        maps_only: only those whose output has rows, columns and channels.
    """
    layers = [layer for layer in model.layers if not isinstance(layer, keras.layers.InputLayer)]
    return [layer.name for layer in layers if not maps_only or len(_shape(layer)) == 4]


def _shape(layer: keras.layers.Layer) -> tuple:
    """The shape of a layer's output, of the first one where it has several."""
    return keras.tree.flatten(layer.output)[0].shape


def features(model: Network, layer: str) -> keras.KerasTensor:
    """Return the symbolic output of a layer, φ_layer, for building a model that ends there.

    Args:
        model: network of the course.
        layer: one of `layer_names(model, maps_only=False)`.

    Returns:
        symbolic tensor (None, h, w, channels), or (None, units).

    Raises:
        ValueError: for a name that the network does not have; it lists the layers.
    """
    check_network(model)
    known = layer_names(model, maps_only=False)
    if layer not in known:
        raise ValueError(f"This net has no layer {layer!r}; its layers are {', '.join(known)}.")
    return keras.tree.flatten(model.get_layer(layer).output)[0]


def map_features(model: Network, layer: str) -> keras.KerasTensor:
    """Return the symbolic output of a layer that has rows, columns and channels.

    Args:
        model: network of the course.
        layer: one of `layer_names(model)`.

    Returns:
        symbolic tensor (None, h, w, channels).

    Raises:
        ValueError: as `features` does, and for a layer without rows and columns.
    """
    output = features(model, layer)
    if len(output.shape) != 4:
        raise ValueError(f"Layer {layer!r} has no rows and columns; {_with_maps(model)}.")
    return output


def _with_maps(model: Network) -> str:
    names = layer_names(model)
    if names:
        return f"those that have are {', '.join(names)}"
    return "this network has none that has, as it is without convolutions"


def as_tuple(layers: str | Sequence[str]) -> tuple[str, ...]:
    """Return one layer name, or several, as a tuple of names."""
    return (layers,) if isinstance(layers, str) else tuple(layers)


def layer_outputs(model: Network, layers: str | Sequence[str]) -> keras.Model:
    """Make a Model from images to {layer: activations φ_layer(I)}, for one layer name or several.

    Its activations have the shape (N, h, w, channels), or (N, units).

    Args:
        model: network of the course.
        layers: name of a layer, or several.

    Returns:
        keras.Model, not compiled.

    Raises:
        ValueError: for a name that the network does not have; it lists the layers.
    """
    return keras.Model(model.input, {name: features(model, name) for name in as_tuple(layers)})


@kept_with_model
def compiled_outputs(model: Network, layers: str | tuple[str, ...]) -> Callable:
    """Compile `layer_outputs` once: a function from images (N, H, W, C) to {layer: tensor}.

    Args:
        model: images -> logits (N, classes).
        layers: one name, or a tuple of names.
    """
    outputs = layer_outputs(model, layers)
    return tf.function(partial(_predict, outputs), autograph=False, reduce_retracing=True)


@kept_with_model
def layers_and_scores(model: Network, layers: tuple[str, ...]) -> keras.Model:
    """Make a Model from images to [φ_1, φ_2, ..., S]: some layers, then the logits.

    It is what `gradient_at_layers` asks for; `layers` is a tuple of names.

    Args:
        model: network of the course.
        layers: tuple of names of layers.

    Returns:
        keras.Model, not compiled.
    """
    return keras.Model(model.input, [*(features(model, name) for name in layers), model.output])
