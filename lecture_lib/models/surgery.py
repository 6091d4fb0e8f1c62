"""Networks made from networks: the same layers copied, one kind of part exchanged, the original left as it was."""

from functools import partial

import numpy as np

from lecture_lib.models.backend import keras, tf


def wrap_model(model, *, preprocess=None, class_names=None, image_size=None):
    """Any Keras model as a network of the course: images in [0, 1] in, class scores before softmax out, its layers flat and named.

    model: functional or Sequential, pictures (N, H, W, C) in, one vector (N, classes) out; a softmax at its end is left out, models
    nested in it are unpacked. preprocess: tensor of images in [0, 1] -> what the model was trained on, built from Keras layers or
    operations. class_names: one for each score, by default "class 0", ... image_size: the side that pictures should have, by default
    the model's own, or 224. Raises ValueError for a model that is no graph of layers, or for a wrong number of names.
    """
    graph = _graph(model)
    shape = tuple(graph.input.shape[1:])
    size = image_size or shape[0] or 224
    try:
        flat = rebuild(graph, preprocess=preprocess, shape=(None, None, shape[-1]))
    except (
        ValueError,
        TypeError,
    ):  # a Flatten before a Dense layer, for example, fixes the size of the picture
        flat = rebuild(graph, preprocess=preprocess, shape=shape)
    flat = rebuild(flat, exchange=partial(_without_softmax, last=flat.layers[-1]))
    return named(flat, class_names=class_names, image_size=size)


def named(model, *, class_names, image_size):
    """Give a network its `class_names` (one for each score) and `image_size` (the side of the pictures it was made for)."""
    if len(model.output.shape) != 2:
        raise ValueError(
            f"A network gives one score per class, shape (N, classes); this one ends in shape {model.output.shape}."
        )
    names = tuple(class_names or (f"class {index}" for index in range(model.output.shape[-1])))
    if len(names) != model.output.shape[-1]:
        raise ValueError(
            f"The model has {model.output.shape[-1]} classes, but {len(names)} class names were given."
        )
    model.class_names, model.image_size = names, image_size
    return model


def rebuild(model, *, exchange=None, preprocess=None, shape=None, copies=None):
    """The same net again on copies of its layers, nested models unpacked: `exchange(layer)` is the layer to use in its place.

    exchange: layer -> a new layer, by default a copy. preprocess: what to do with the images first. shape: of one image, if it is to
    change. copies: an empty dict, to be filled with {layer: its copy}. The weights are copied; a layer that stands twice in the net
    stands twice in the copy.
    """
    exchange, copies = exchange or copy, {} if copies is None else copies

    def call(layer, *args, **kwargs):
        if isinstance(layer, keras.Model):
            return _run(_graph(layer), args[0], call)
        if not isinstance(layer, keras.layers.Layer):
            return layer(
                *args, **kwargs
            )  # an operation such as x * 2, which has no weights and no name
        if layer not in copies:
            copies[layer] = exchange(layer)
            if copies[layer].name in {other.name for other in list(copies.values())[:-1]}:
                copies[layer].name = f"{copies[layer].name}_{len(copies)}"
        given = {
            name: value for name, value in kwargs.items() if value is not None
        }  # what stands in its place may know no mask
        return copies[layer](*args, **given)

    images = keras.Input(shape or model.input.shape[1:], name="image")
    new = keras.Model(
        images, _run(_graph(model), preprocess(images) if preprocess else images, call)
    )
    for old, made in copies.items():
        if made.weights:
            made.set_weights(old.get_weights())
        if isinstance(made, keras.layers.Normalization):
            made.finalize_state()  # it computes with numbers derived from its weights
    for attribute in ("class_names", "image_size"):
        setattr(new, attribute, getattr(model, attribute, None))
    return new


def weight_synchronizer(copies):
    """A function, compiled, that gives copies the weights which their originals have by then. copies: as `rebuild` fills it."""
    pairs = [
        pair
        for layer, made in copies.items()
        for pair in zip(layer.weights, made.weights, strict=True)
    ]
    return tf.function(partial(_assign, pairs), autograph=False)


def _assign(pairs):
    for old, new in pairs:
        new.assign(old)


def _run(graph, tensor, call):
    return graph._run_through_graph(tensor, operation_fn=lambda layer: partial(call, layer))


def _graph(model):
    if isinstance(model, keras.Sequential):
        if not model.built:
            raise ValueError(
                "The Sequential model has no input shape yet; begin it with keras.Input((height, width, 3))."
            )
        return model._functional
    if not hasattr(model, "_run_through_graph"):
        raise ValueError(
            "A model must be functional or Sequential, so that its layers can be reached; this one is a class of its own."
        )
    if len(model.inputs) != 1 or len(model.outputs) != 1:
        raise ValueError(
            f"A network has one input and one output; this model has {len(model.inputs)} and {len(model.outputs)}."
        )
    return model


def copy(layer):
    """A new layer of the same kind and settings, without its weights."""
    config = layer.get_config()
    if isinstance(config.get("activation"), str | None):
        return layer.__class__.from_config(config)
    made = layer.__class__.from_config(
        config | {"activation": None}
    )  # a function of one's own, which no settings can hold
    made.activation = layer.activation
    return made


def _without_softmax(layer, *, last):
    made = copy(layer)
    if layer is not last:
        return made
    if isinstance(layer, keras.layers.Softmax):
        return keras.layers.Activation("linear", name=layer.name)
    if getattr(getattr(layer, "activation", None), "__name__", "").startswith(
        "softmax"
    ):  # that of Keras or of TensorFlow
        made.activation = keras.activations.linear
    return made


def with_relu_rule(model, rule, *, copies=None):
    """A copy of the net whose every ReLU is computed by `rule`, for example `gradients.guided_relu`; the original stays untouched.

    rule: tensor -> tensor with the same forward values as ReLU and a backward pass of its own; where a ReLU is capped, it is given
    the capped function as `relu`. A leaky ReLU is another function and stays as it is. copies: as in `rebuild`.
    """

    def capped(cap):
        relu = keras.ops.relu6 if cap == 6 else lambda x: keras.ops.clip(x, 0, cap)
        return lambda x: rule(x, relu=relu)

    def exchange(layer):
        made = copy(layer)
        if (
            isinstance(layer, keras.layers.ReLU)
            and not layer.negative_slope
            and not layer.threshold
        ):
            return keras.layers.Activation(
                rule if layer.max_value is None else capped(layer.max_value), name=layer.name
            )
        if getattr(layer, "activation", None) is keras.activations.relu:
            made.activation = rule
        if getattr(layer, "activation", None) is keras.activations.relu6:
            made.activation = capped(6)
        return made

    return rebuild(model, exchange=exchange, copies=copies)


def with_shuffled_weights(model, *, layers=None, seed=0):
    """A copy of the net that knows nothing: the numbers of each kernel are put in random order, all else stays.

    layers: the names of those to shuffle, by default all. Raises ValueError for a name that the net does not have.
    Source: after Adebayo et al., Sanity checks for saliency maps, 2018, who draw new numbers.
    """
    random, net = np.random.default_rng(seed), rebuild(model)
    names = [layer.name for layer in net.layers]
    if unknown := [name for name in layers or [] if name not in names]:
        raise ValueError(
            f"This net has no layer {unknown[0]!r}; its layers are {', '.join(names)}."
        )
    for layer in net.layers if layers is None else map(net.get_layer, layers):
        layer.set_weights(
            [
                random.permutation(w.ravel()).reshape(w.shape) if w.ndim > 1 else w
                for w in layer.get_weights()
            ]
        )
    return net
