"""Networks made from networks: layers copied, one kind of part exchanged."""

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import numpy as np

from lecture_lib.datasets.shapes import Network, Tensor
from lecture_lib.models.backend import keras, tf

# Anybody's model becomes a network of the course


def wrap_model(
    model: keras.Model,
    *,
    preprocess: Callable[[Tensor], Tensor] | None = None,
    class_names: Sequence[str] | None = None,
    image_size: int | None = None,
) -> Network:
    """Make a network of the course from any Keras model: images in [0, 1] in, logits out.

    A softmax at its end is left out, and models nested in it are unpacked, so that all layers are
    reached by their names.

    Args:
        model: functional or Sequential, images (N, H, W, C) in, one vector (N, classes) out.
        preprocess: images in [0, 1] -> what the model was trained on, built from Keras layers or
            operations.
        class_names: one for each logit, by default "class 0", "class 1", ...
        image_size: the side in pixels that images should have, by default the model's own, or 224.

    Raises:
        ValueError: for a model that is no graph of layers, or for a wrong number of names.
    """
    graph = _graph(model)
    shape = graph.input.shape[1:]
    try:
        net = _without_softmax(graph, preprocess, (None, None, shape[-1]))
    except (ValueError, TypeError):  # a Dense layer after a Flatten, for example, fixes the size
        net = _without_softmax(graph, preprocess, shape)
    return named(net, class_names=class_names, image_size=image_size or shape[0] or 224)


def _graph(model: keras.Model) -> keras.Model:
    """A functional or Sequential model as a functional one of the same layers."""
    if isinstance(model, keras.Sequential) and not model.built:
        raise ValueError(
            "The Sequential model has no input shape yet; "
            "begin it with keras.Input((height, width, 3))."
        )
    if not hasattr(model, "inputs"):
        raise ValueError(
            "A model must be functional or Sequential, so that its layers can be reached; "
            "this one is a class of its own."
        )
    if len(model.inputs) != 1 or len(model.outputs) != 1:
        raise ValueError(
            "A network has one input and one output; "
            f"this model has {len(model.inputs)} and {len(model.outputs)}."
        )
    return keras.Model(model.inputs[0], model.outputs[0])


def _without_softmax(graph: keras.Model, preprocess: Callable | None, shape: tuple) -> keras.Model:
    """A flat copy of a graph for images of another shape, without a softmax at its end."""
    flat = clone(graph, preprocess=preprocess, shape=shape)
    return clone(flat, clone_function=partial(_linear_end, last=flat.layers[-1]))


def _linear_end(layer: keras.layers.Layer, *, last: keras.layers.Layer) -> keras.layers.Layer:
    if layer is last and isinstance(layer, keras.layers.Softmax):
        return keras.layers.Activation("linear", name=layer.name)
    made = copy(layer)
    # Softmax may be that of Keras or of TensorFlow.
    activation = getattr(getattr(layer, "activation", None), "__name__", "")
    if layer is last and activation.startswith("softmax"):
        made.activation = keras.activations.linear
    return made


def named(model: keras.Model, *, class_names: Sequence[str] | None, image_size: int) -> Network:
    """Give a network the attributes `class_names` and `image_size`, and return it.

    Args:
        model: images -> (N, classes).
        class_names: one for each logit, or None for "class 0", "class 1", ...
        image_size: the side in pixels of the images that it was made for.

    Raises:
        ValueError: for a model without one logit per class, or for a wrong number of names.
    """
    if len(model.output.shape) != 2:
        raise ValueError(
            "A network gives one score per class, shape (N, classes); "
            f"this one ends in shape {model.output.shape}."
        )
    classes = model.output.shape[-1]
    names = tuple(class_names or (f"class {index}" for index in range(classes)))
    if len(names) != classes:
        raise ValueError(
            f"The model has {classes} classes, but {len(names)} class names were given."
        )
    model.class_names = names
    model.image_size = image_size
    return model


# Copies


def clone(
    model: keras.Model,
    *,
    clone_function: Callable | None = None,
    preprocess: Callable[[Tensor], Tensor] | None = None,
    shape: tuple | None = None,
    copies: dict | None = None,
) -> keras.Model:
    """Copy a model with its weights, each layer as `clone_function` makes it.

    It is `keras.models.clone_model`, which leaves weights behind, with four things more: weights,
    preprocessing, another shape of the images, and nested models unpacked. A layer that stands
    twice in the model stands twice in the copy.

    Args:
        model: a graph of layers with one input and one output.
        clone_function: layer -> the layer in its place, with weights of the same shapes; by default
            `copy`.
        preprocess: images -> images, what to do with them first.
        shape: of one image, (H, W, C), if it is to change; None for a side of any length.
        copies: an empty dict, to be filled with {layer: its copy}.
    """
    copies = {} if copies is None else copies
    images = keras.Input(shape or model.input.shape[1:], name="image")
    pixels = preprocess(images) if preprocess else images
    new = keras.models.clone_model(
        _graph(model),
        input_tensors=images,
        clone_function=partial(_copy_once, clone_function or copy, copies),
        call_function=partial(_call, images, pixels),
    )
    _copy_weights(copies)
    for attribute in ("class_names", "image_size"):
        setattr(new, attribute, getattr(model, attribute, None))
    return new


def _copy_once(clone_function: Callable, copies: dict, layer: keras.Operation) -> keras.Operation:
    if isinstance(layer, keras.Model):
        return clone(_graph(layer), clone_function=clone_function, copies=copies)
    if not isinstance(layer, keras.layers.Layer):
        return layer  # an operation such as x * 2, which has no weights and no name
    if layer not in copies:
        made = clone_function(layer)
        if made.name in {other.name for other in copies.values()}:
            made.name = f"{made.name}_{len(copies) + 1}"
        copies[layer] = made
    return copies[layer]


def _call(
    images: Tensor, pixels: Tensor, layer: keras.Operation, *inputs: Any, **options: Any
) -> Tensor:
    """Call a layer of the copy; what reads the images reads the preprocessed pixels."""
    inputs = keras.tree.map_structure(lambda x: pixels if x is images else x, inputs)
    if isinstance(layer, keras.Model):
        return layer.call(*inputs)  # its layers one by one: that unpacks it
    # What stands in a layer's place may know no mask.
    given = {name: value for name, value in options.items() if value is not None}
    return layer(*inputs, **given)


def _copy_weights(copies: dict) -> None:
    for original, made in copies.items():
        if made.weights:
            made.set_weights(original.get_weights())
        if isinstance(made, keras.layers.Normalization):
            made.finalize_state()  # it computes with numbers derived from its weights


def copy(layer: keras.layers.Layer) -> keras.layers.Layer:
    """Make a new layer of the same kind and settings, without the weights."""
    config = layer.get_config()
    if isinstance(config.get("activation"), str | None):
        return layer.__class__.from_config(config)
    # The activation is a function of one's own, which no settings can hold.
    made = layer.__class__.from_config(config | {"activation": None})
    made.activation = layer.activation
    return made


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


def with_relu_rule(model: Network, rule: Callable, *, copies: dict | None = None) -> Network:
    """Copy a network with every ReLU computed by another rule; the original stays untouched.

    A leaky ReLU is another function and stays as it is.

    Args:
        model: images -> logits (N, classes).
        rule: tensor -> tensor with the values of ReLU and a backward pass of its own, for example
            `guided_relu`; where a ReLU is capped, it is given the capped function as `relu`.
        copies: an empty dict, to be filled with {layer: its copy}.
    """
    return clone(model, clone_function=partial(_with_rule, rule), copies=copies)


def _with_rule(rule: Callable, layer: keras.layers.Layer) -> keras.layers.Layer:
    if isinstance(layer, keras.layers.ReLU) and not layer.negative_slope and not layer.threshold:
        return keras.layers.Activation(_capped(rule, layer.max_value), name=layer.name)
    made = copy(layer)
    activation = getattr(layer, "activation", None)
    if activation is keras.activations.relu:
        made.activation = rule
    if activation is keras.activations.relu6:
        made.activation = _capped(rule, 6)
    return made


def _capped(rule: Callable, cap: float | None) -> Callable:
    """The rule for a ReLU whose values end at `cap`; for None, the rule itself."""
    if cap is None:
        return rule
    relu = keras.ops.relu6 if cap == 6 else partial(keras.ops.clip, x_min=0, x_max=cap)

    def capped_rule(x: Tensor) -> Tensor:
        return rule(x, relu=relu)

    return capped_rule


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
