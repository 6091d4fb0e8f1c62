"""Anybody's Keras model becomes a network of the course: images in [0, 1] in, logits out.

It is read step by step: its input, its layers, the range of its pixels, its logits, the names of
its classes. What cannot be read rightly is refused in one sentence.
"""

import re
from collections.abc import Callable, Mapping
from numbers import Integral
from typing import Any

import numpy as np

from lecture_lib.datasets.decoding import check_size
from lecture_lib.datasets.shapes import Images, Network, Tensor, TensorImages
from lecture_lib.models.backend import keras, tf, usual_settings
from lecture_lib.models.checks import is_network
from lecture_lib.models.class_names import as_class_names
from lecture_lib.models.flat_copies import flat_copy, in_a_line, outputs_of
from lecture_lib.models.graph_calls import Graph, graph_of
from lecture_lib.models.input_layers import InputKind, read_input
from lecture_lib.models.layer_copies import Borrowed
from lecture_lib.models.output_layers import Ending, check_several, find_ending, with_logits
from lecture_lib.models.pixel_range import as_layer_call, find_pixel_range, range_for
from lecture_lib.models.remarks import say
from lecture_lib.models.surgery import clone, named, without_classes

PROBABILITIES = ("softmax", "sigmoid", "none")
# How the names of losses begin whose outputs are no logits: of regression, of margins.
OF_SCORES = (
    *("mean_", "mse", "mae", "msle", "mape", "huber", "log_cosh", "logcosh", "poisson", "cosine"),
    *("hinge", "squared_hinge", "categorical_hinge"),
)
FADES = (
    "The probabilities of this model do not end in one softmax or sigmoid that could be left out, "
    "as in an average of several, or 1 - p beside p. Its scores are their logarithms, whose "
    "gradients fade where a class is nearly certain; a model that ends in logits shows more."
)
# Operations of Keras whose gradient is none.
WITHOUT_GRADIENT = ("Round", "Floor", "Ceil", "Trunc", "FloorDivide", "Sign", "Cast", "Argmax")
SOME_SIDE = 96  # of the images that a network is tried on, where it takes any size


@usual_settings()
def wrap_model(
    model: keras.Model,
    *,
    preprocess: Callable | None = None,
    class_names: Any = None,
    image_size: int | tuple[int, int] | None = None,
    pixel_range: tuple[float, float] | None = None,
    probability: str | None = None,
) -> Network:
    """Make a network of the course from any Keras model: images in [0, 1] in, logits out.

    The network is a copy with float32 weights. Models nested in it are unpacked, so that all layers
    are reached by their names; a softmax or sigmoid at its end is left out. One sigmoid gives two
    classes, with the logits 0 and z. Where the model scales its pixels itself, it is fed 0..255.

    Args:
        model: functional or Sequential, images (N, H, W, C) in, one vector (N, classes) out, or
            maps for a model without a head.
        preprocess: what the model was trained behind, `keras.applications.NAME.preprocess_input`
            or a function of images in [0, 1], built from Keras layers or operations of Keras or
            TensorFlow.
        class_names: one for each class, a list or {number: name} or {name: number}, by default
            "class 0", "class 1", ...
        image_size: the side in pixels that images should have, or (height, width); by default the
            model's own, or 224.
        pixel_range: what black and white are for the model (or for `preprocess`), such as (0, 255);
            by default it is found out.
        probability: "softmax", "sigmoid" or "none", what turns its outputs into probabilities where
            the model itself does not; by default softmax for several outputs, none for one.

    Raises:
        ValueError: for a model that is no graph of layers, that reads no images, whose weights are
            not finite or whose layers cannot be copied, and for a wrong number of names.
    """
    kind = read_input(model)
    _check_options(probability, preprocess, image_size, pixel_range)
    class_names = _or_own(class_names, model, "class_names")
    image_size = _or_own(image_size, model, "image_size")
    probability = _or_own(probability, model, "probability")
    images = _images_to_try(kind, image_size)
    flat = flat_copy(model, kind, images)

    # The range of the pixels is asked for behind the given preprocessing, so this goes first.
    pixel_range = pixel_range or range_for(preprocess)
    graph = graph_of(_behind(preprocess, flat, images))
    ending = _complete_ending(model, graph, images, probability)
    to_logits = with_logits(graph, ending)
    scale = _scale(model, graph, ending, images=images, pixel_range=pixel_range)

    net = clone(to_logits, preprocess=scale, separate=True)
    _check_numbers(net, images)
    return _with_names(net, ending, class_names, image_size=image_size or _own_size(kind))


def _check_options(probability: Any, preprocess: Any, image_size: Any, pixel_range: Any) -> None:
    if probability not in (None, *PROBABILITIES):
        raise ValueError(
            f"probability is {probability!r}; it must be one of {', '.join(PROBABILITIES)}."
        )
    if preprocess is not None and not callable(preprocess):
        raise ValueError(
            "preprocess is a function, such as keras.applications.vgg16.preprocess_input, not "
            f"{preprocess!r}."
        )
    if image_size is not None:
        check_size(image_size)
    if pixel_range is not None and not _is_range(pixel_range):
        raise ValueError(
            f"pixel_range is {pixel_range!r}; give what black and white are, such as (0, 255)."
        )


def _is_range(pair: Any) -> bool:
    try:
        black, white = map(float, pair)
    except (TypeError, ValueError):
        return False
    return bool(np.isfinite([black, white]).all() and black != white)


def _or_own(given: Any, model: keras.Model, attribute: str) -> Any:
    """What was given, or else what a network that was wrapped before says of itself."""
    return getattr(model, attribute) if given is None and is_network(model) else given


def _images_to_try(kind: InputKind, image_size: int | tuple[int, int] | None) -> Images:
    """Four images of whole numbers over 255: noise, dark noise, a bright one and a gradient."""
    own = np.broadcast_to(image_size or SOME_SIDE, 2)
    height, width = (side or int(other) for side, other in zip(kind.shape[:2], own, strict=True))
    noise = np.random.default_rng(0).integers(0, 256, (height, width, kind.shape[-1]))
    ramp = np.linspace(0, 255, width).astype(int)[None, :, None] + 0 * noise
    return np.float32([noise, noise // 8, 255 - noise // 8, ramp]) / 255


def _behind(preprocess: Callable | None, model: keras.Model, images: Images) -> keras.Model:
    """The model behind its preprocessing, tried on an image."""
    if preprocess is None:
        return model
    try:
        behind = clone(model, preprocess=as_layer_call(preprocess))
        outputs_of(behind, images[:1])
        return behind
    except Exception as error:  # what is said of a function in a graph has many kinds
        raise ValueError(
            "preprocess cannot be built into the network; it takes images (N, height, width, "
            f"{images.shape[-1]}) and is made of operations of Keras or TensorFlow: "
            f"{in_a_line(error)}."
        ) from None


def _check_numbers(model: keras.Model, images: Images) -> None:
    """Raise ValueError for a network whose outputs are not finite, or that has no gradient."""
    batch = model.inputs[0].shape[0] or 1
    if not np.isfinite(outputs_of(model, np.resize(images, (batch, *images.shape[1:])))).all():
        raise ValueError(
            "This model gives NaN or infinite numbers for an ordinary image, though its weights "
            "are finite; look for a negative variance, a division by 0 or weights that are too "
            "large."
        )
    _check_gradient(model, images)


def _check_gradient(model: keras.Model, images: Images) -> None:
    """Raise ValueError where a function in the model has no gradient, such as some of tf.image."""
    if not any(_may_have_no_gradient(operation) for operation in model.operations):
        return

    @tf.function(autograph=False)
    def gradient(pixels: TensorImages) -> Tensor:
        return tf.gradients(model(pixels, training=False), pixels)[0]

    try:
        if gradient.get_concrete_function(images[:1]).structured_outputs is None:  # never run
            raise ValueError(
                "The scores of this model have no gradient with respect to its images, as behind "
                "rounding, comparing or tf.stop_gradient; leave that function out."
            )
    except LookupError as error:
        name = re.search(r"op type: (\w+)", str(error)).group(1)
        raise ValueError(
            f"A function in this model, {name}, has no gradient in TensorFlow; write it with other "
            "operations, or leave it out and apply it to the images yourself."
        ) from None


def _may_have_no_gradient(operation: keras.Operation) -> bool:
    return isinstance(operation, Borrowed) or type(operation).__name__ in WITHOUT_GRADIENT


# The range of its pixels


def _scale(
    model: keras.Model,
    graph: Graph,
    ending: Ending,
    *,
    images: Images,
    pixel_range: tuple[float, float] | None,
) -> keras.layers.Layer | None:
    """A layer that brings images in [0, 1] to the model's range, None where it has the same."""
    if pixel_range is None and "int" in model.inputs[0].dtype:
        pixel_range = (0, 255)
    if pixel_range is None:
        found = find_pixel_range(graph, images, logits=ending.logits)
        say(found.remark)
        pixel_range = (0, found.white)
    black, white = map(float, pixel_range)
    if (black, white) == (0, 1):
        return None
    return keras.layers.Rescaling(white - black, offset=black, name="pixel_range")


# Its logits


def _complete_ending(
    model: keras.Model, graph: Graph, images: Images, probability: str | None
) -> Ending:
    """What the model ends in, with "softmax", "sigmoid" or "none" for its probabilities."""
    if probability == "none":
        return Ending(graph.output, "none")
    ending = find_ending(graph, images)
    say(FADES if ending.made_of == "probabilities" else "")
    if ending.probability is not None:
        return ending
    loss = _name_of(getattr(model, "loss", None))
    kind = probability or _from_training(loss, ending.logits) or _from_outputs(graph, images)
    if kind == "softmax":
        check_several(ending.logits.shape[-1])
    return ending._replace(probability=kind)


def _from_training(loss: str, outputs: keras.KerasTensor) -> str | None:
    """The kind of probabilities that outputs without softmax or sigmoid were trained for."""
    if len(outputs.shape) != 2 or loss.startswith(OF_SCORES):
        return "none"
    if loss.startswith("binary"):
        return "sigmoid"
    return "softmax" if loss and outputs.shape[-1] > 1 else None


def _from_outputs(graph: Graph, images: Images) -> str:
    """The kind that outputs look like which nobody says anything about."""
    outputs = np.asarray(graph.compute([(graph.images, images)], graph.output))
    if outputs.shape[-1] == 1:
        say(
            "This model ends in one number without a sigmoid, which is taken for a score without "
            "probabilities; if it is a logit, probability='sigmoid' says so."
        )
        return "none"
    if 0 < outputs.min() and outputs.max() <= 1:
        say(
            "The outputs of this model lie from 0 to 1 and do not sum to 1, and yet they are taken "
            "for logits; if they are none, leave out the layer that makes them, or say what they "
            "are by probability='sigmoid' or 'none'."
        )
    if outputs.min() == 0:
        say(
            "This model ends in a ReLU, so its outputs are taken for features, scores without "
            "probabilities; if they are logits, probability='softmax' says so."
        )
        return "none"
    return "softmax"


def _name_of(loss: Any) -> str:
    """The name of a loss as it is written as a text, "" for none; of several, the first."""
    if isinstance(loss, (list, tuple, dict)):
        loss = next(iter(loss.values() if isinstance(loss, dict) else loss), None)
    name = loss if isinstance(loss, str) else getattr(loss, "name", getattr(loss, "__name__", ""))
    return str(name or "").lower()


# Its names


def _with_names(
    net: keras.Model, ending: Ending, class_names: Any, *, image_size: int | tuple[int, int]
) -> Network:
    if len(net.output.shape) != 2:
        return without_classes(net, image_size=image_size)
    if net.output.shape[-1] == 1 and class_names is None:
        class_names = ["score"]
    kind = ending.probability
    if ending.logits.shape[-1] < net.output.shape[-1]:  # one sigmoid, two classes
        class_names = _names_of_two(class_names)
        kind = "softmax"
    return named(net, class_names=class_names, image_size=image_size, probability=kind)


def _names_of_two(names: Any) -> Any:
    """The names of the two classes of a network with one sigmoid: "not X" and "X"."""
    if names is None:
        names = "class 1"
    if isinstance(names, (str, bytes)):
        names = [names]
    if not hasattr(names, "__len__") or len(names) != 1:
        return names
    if isinstance(names, Mapping):  # {1: "cat"} or {"cat": 1}
        ((key, value),) = names.items()
        names = [value if isinstance(key, Integral) else key]
    (name,) = as_class_names(names, count=1)
    return (f"not {name}", name)


def _own_size(kind: InputKind) -> int | tuple[int, int]:
    """The side of the images that a model was made for, (height, width) where they differ."""
    height, width = (side or 224 for side in kind.shape[:2])
    return height if height == width else (height, width)
