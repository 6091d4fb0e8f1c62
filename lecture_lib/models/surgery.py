"""Networks made from networks: layers copied, one kind of part exchanged."""

import inspect
import re
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import numpy as np

from lecture_lib.datasets.shapes import Network, Tensor
from lecture_lib.models.backend import keras, tf, usual_settings
from lecture_lib.models.class_names import as_class_names
from lecture_lib.models.layer_copies import copy, copy_operation, free_name

# What makes a model a network of the course

# What a network carries with it: `wrapping` says what they mean.
ATTRIBUTES = ("class_names", "image_size", "probability")


def named(
    model: keras.Model,
    *,
    class_names: Any = None,
    image_size: int | tuple[int, int],
    probability: str = "softmax",
) -> Network:
    """Give a network its attributes `class_names`, `image_size` and `probability`, and return it.

    Args:
        model: images -> (N, classes).
        class_names: one for each logit, in any form that `as_class_names` reads, or None for
            "class 0", "class 1", ...
        image_size: the side in pixels of the images that it was made for, or (height, width).
        probability: what turns its logits into probabilities: "softmax" for classes of which one
            is right, "sigmoid" for labels that hold or not, each for itself; "none" for scores that
            are no logits.

    Raises:
        ValueError: for a model without one logit per class, or for a wrong number of names.
    """
    if len(model.output.shape) != 2:
        raise ValueError(
            "A network gives one score per class, shape (N, classes); "
            f"this one ends in shape {model.output.shape}."
        )
    model.class_names = as_class_names(class_names, count=model.output.shape[-1])
    model.image_size = image_size
    model.probability = probability
    return model


def without_classes(model: keras.Model, *, image_size: int | tuple[int, int]) -> Network:
    """Give a network that ends in maps, and has no classes, its attributes, and return it."""
    model.class_names = ()
    model.image_size = image_size
    model.probability = "none"
    return model


def with_attributes_of(model: Network, made: keras.Model) -> Network:
    """Give a model the attributes of the network that it was made from, and return it."""
    for attribute in ATTRIBUTES:
        setattr(made, attribute, getattr(model, attribute, None))
    return made


# Copies


@usual_settings()
def clone(
    model: keras.Model,
    *,
    clone_function: Callable | None = None,
    preprocess: Callable[[Tensor], Tensor] | None = None,
    shape: tuple | None = None,
    copies: dict | None = None,
    separate: bool = False,
    exchange: Callable | None = None,
) -> keras.Model:
    """Copy a model with its weights, each layer as `clone_function` makes it.

    It is `keras.models.clone_model`, which leaves weights behind, with four things more: weights,
    preprocessing, another shape of the images, and nested models unpacked. A layer that stands
    twice in the model stands twice in the copy, or is two layers there.

    Args:
        model: a graph of layers with one input and one output.
        clone_function: layer -> the layer in its place, with weights of the same shapes; by default
            `copy`.
        preprocess: images -> images, what to do with them first.
        shape: of one image, (H, W, C), if it is to change; None for a side of any length.
        copies: an empty dict, to be filled with {layer: its copy}.
        separate: whether a layer that stands twice becomes two with the same weights, each with an
            output of its own.
        exchange: (layer or operation, its inputs, its options, its outputs) -> the outputs that are
            to be used in the copy.
    """
    copies = {} if copies is None else copies
    repeated = {} if separate else None
    images = keras.Input(shape or model.input.shape[1:], name="image", dtype="float32")
    pixels = preprocess(images) if preprocess else images
    new = keras.models.clone_model(
        keras.Model(model.inputs[0], model.outputs[0]),
        input_tensors=images,
        clone_function=partial(_copy_once, clone_function or copy, copies, exchange),
        call_function=partial(_call, images, pixels, repeated, exchange),
    )
    _copy_weights(copies)
    for first, others in (repeated or {}).items():
        for other in others:
            _copy_weights({first: other})
    return with_attributes_of(model, new)


def _copy_once(
    clone_function: Callable, copies: dict, exchange: Callable | None, layer: keras.Operation
) -> keras.Operation:
    if isinstance(layer, keras.Model):
        return _copied_inside(clone_function, copies, exchange, layer)
    if not isinstance(layer, keras.layers.Layer):
        return copy_operation(layer)
    if layer not in copies:
        made = clone_function(layer)
        taken = {"image", *(other.name for other in copies.values())}
        made.name = free_name(_for_a_graph(made.name), taken)
        copies[layer] = made
    return copies[layer]


def _for_a_graph(name: str) -> str:
    """A name of the letters that TensorFlow takes: my_conv for "my conv"."""
    return re.sub(r"[^A-Za-z0-9_.-]", "_", name).lstrip("_-") or "layer"


def _copied_inside(
    clone_function: Callable, copies: dict, exchange: Callable | None, model: keras.Model
) -> keras.Model:
    """A copy of a model that stands in the model, with a list of inputs and one of outputs."""
    check_is_graph(model)
    return keras.models.clone_model(
        keras.Model(model.inputs, model.outputs),
        input_tensors=[keras.Input(x.shape[1:], dtype="float32") for x in model.inputs],
        clone_function=partial(_copy_once, clone_function, copies, exchange),
        call_function=partial(_call, None, None, None, exchange),
    )


def check_is_graph(model: keras.Model) -> None:
    """Raise ValueError for a model that is no graph of layers: its layers cannot be reached."""
    if isinstance(model, keras.Sequential) and not model.built:
        raise ValueError(
            "The Sequential model has no input shape yet; "
            "begin it with keras.Input((height, width, 3))."
        )
    if not hasattr(model, "inputs") or _has_own_call(model):
        raise ValueError(
            "A model must be functional or Sequential, so that its layers can be reached; this one "
            "is a class of its own. With images = keras.Input((height, width, 3)), "
            "keras.Model(images, model.call(images)) is functional, if it is made of Keras layers."
        )


def _has_own_call(model: keras.Model) -> bool:
    """Whether the class of a model computes something around its graph, or in its place."""
    owner = next(kind for kind in type(model).__mro__ if "call" in vars(kind))
    return not owner.__module__.startswith("keras.")


def _call(
    images: Tensor,
    pixels: Tensor,
    repeated: dict | None,
    exchange: Callable | None,
    layer: keras.Operation,
    *inputs: Any,
    **options: Any,
) -> Tensor:
    """Call a layer of the copy; what reads the images reads the preprocessed pixels."""
    if images is not None:
        inputs, options = keras.tree.map_structure(
            lambda x: pixels if x is images else x, (inputs, options)
        )
    if isinstance(layer, keras.Model):
        given = keras.tree.flatten(inputs or options.get("inputs"))
        return layer.call(given)  # its layers one by one: that unpacks it
    if repeated is not None and isinstance(layer, keras.layers.Layer):
        layer = _one_for_each_call(layer, repeated)
    options = _options_for(layer, options)
    outputs = layer(*inputs, **options)
    if exchange is not None:
        outputs = exchange(layer, inputs, options, outputs)
    return inputs[0] if _changes_no_number(layer, inputs, outputs) else outputs


def _changes_no_number(layer: keras.Operation, inputs: tuple, outputs: Any) -> bool:
    """Whether an operation brings floats to floats, or only keeps training from what is before."""
    name = type(layer).__name__
    if name in ("Cast", "ConvertToTensor"):  # the copy has one precision
        return "float" in inputs[0].dtype and "float" in outputs.dtype
    return name == "StopGradient"


def _options_for(layer: keras.Operation, options: dict) -> dict:
    """Those options that a layer takes: what stands in its place may know no mask, no training."""
    given = {name: value for name, value in options.items() if value is not None}
    asked = given.pop("training", None)
    if asked is not None and "training" in inspect.signature(layer.call).parameters:
        given["training"] = False  # Keras predicts so, too, where a layer was called with True
    return given


def _one_for_each_call(layer: keras.layers.Layer, repeated: dict) -> keras.layers.Layer:
    """The layer at its first call, later a copy; `repeated` keeps {layer: its copies}."""
    if layer not in repeated:
        repeated[layer] = []
        return layer
    other = copy(layer)
    other.name = f"{layer.name}_call{len(repeated[layer]) + 2}"
    repeated[layer].append(other)
    return other


def _copy_weights(copies: dict) -> None:
    for original, made in copies.items():
        if made.weights:
            made.set_weights(original.get_weights())
        if isinstance(made, keras.layers.Normalization):
            made.finalize_state()  # it computes with numbers derived from its weights


def weight_synchronizer(copies: dict) -> Callable[[], None]:
    """Compile a function that gives copies the weights that their originals have by then.

    Args:
        copies: {layer: its copy}, as `clone` fills it.
    """
    pairs = []
    for original, made in copies.items():
        pairs += zip(original.weights, made.weights, strict=True)
    return tf.function(partial(_assign, pairs), autograph=False)


def _assign(pairs: list) -> None:
    for original, made in pairs:
        made.assign(original)


# One part exchanged


def with_shuffled_weights(
    model: Network, *, layers: Sequence[str] | None = None, seed: int = 0
) -> Network:
    """Copy a network and put the numbers of each kernel in random order: it knows nothing anymore.

    Args:
        model: images -> logits (N, classes).
        layers: the names of the layers to shuffle, by default all.
        seed: of the random order.

    Raises:
        ValueError: for a name that the network does not have.

    Source:
        After Adebayo et al., Sanity checks for saliency maps, 2018, who draw new numbers.
    """
    random = np.random.default_rng(seed)
    net = clone(model)
    names = [layer.name for layer in net.layers]
    if unknown := [name for name in layers or [] if name not in names]:
        raise ValueError(
            f"This net has no layer {unknown[0]!r}; its layers are {', '.join(names)}."
        )
    for layer in net.layers if layers is None else map(net.get_layer, layers):
        layer.set_weights([_shuffled(weight, random) for weight in layer.get_weights()])
    return net


def _shuffled(weight: np.ndarray, random: np.random.Generator) -> np.ndarray:
    """A kernel's numbers in random order; a bias stays."""
    return random.permutation(weight.ravel()).reshape(weight.shape) if weight.ndim > 1 else weight
