"""Networks as people bring them: each computes what a plain reference computes, or is no network.

All of them have the same numbers as their reference, in layers "conv1", "conv2" and "scores".
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache, partial
from typing import Any, NamedTuple

import numpy as np
from small_nets import normal

from lecture_lib.models.backend import keras, tf
from lecture_lib.models.surgery import named, without_classes

layers, ops = keras.layers, keras.ops
SIDE = 16


class Brought(NamedTuple):
    """A model somebody brings.

    Attributes:
        build: () -> their model.
        reference: the name of the plain network that computes the same, or the sentence with which
            it is refused.
        options: of `wrap_model`.
    """

    build: Callable
    reference: str
    options: dict = {}


# The same numbers in every one of them


def number_of(shape: tuple, seed: int) -> np.ndarray:
    """Numbers that half precision holds exactly: sixteenths."""
    return np.round(8 * normal(*shape, seed=seed)) / 16


def numbers(name: str, shapes: list[tuple]) -> list[np.ndarray]:
    """The weights of a layer by its name; of one class or two, those of the last of three."""
    seed = {"conv1": 1, "conv2": 11, "scores": 21}[name]
    found = []
    for part, shape in enumerate(shapes):
        whole = (*shape[:-1], 3) if name == "scores" else shape
        found.append(number_of(whole, seed + part)[..., -shape[-1] :])
    return found


def all_layers(model: keras.Model) -> Iterator:
    """The layers of a model, of the models in it, and of the layers around layers."""
    for layer in model.layers:
        inside = getattr(layer, "layer", None)
        yield from all_layers(layer) if isinstance(layer, keras.Model) else [inside or layer]


def with_numbers(model: keras.Model) -> keras.Model:
    """The model with the numbers in its layers."""
    for layer in all_layers(model):
        name = layer.name.removesuffix("_again")
        if name in ("conv1", "conv2", "scores"):
            shapes = [weight.shape for weight in layer.get_weights()]
            layer.set_weights(numbers(name, shapes))
    return model


# Plain references


def trunk(x: Any, *, suffix: str = "", **options: Any) -> Any:
    """Two convolutions and the mean."""
    convolution = partial(layers.Conv2D, padding="same", activation="relu", **options)
    x = convolution(6, 3, name=f"conv1{suffix}")(x)
    x = convolution(8, 3, name=f"conv2{suffix}")(x)
    return layers.GlobalAveragePooling2D()(x)


def model_of(
    head: Callable,
    *,
    front: Callable = lambda images: images,
    body: Callable = trunk,
    shape: tuple = (SIDE, SIDE, 3),
) -> keras.Model:
    """A functional model: front, body, head, with the numbers in it."""
    images = keras.Input(shape)
    return with_numbers(keras.Model(images, head(body(front(images)))))


def dense(classes: int = 3, **options: Any) -> layers.Dense:
    """The last layer."""
    return layers.Dense(classes, name="scores", **options)


def two_classes(x: Any) -> Any:
    """Logits (0, z) with plain weights."""
    return layers.Dense(2, name="two")(x)


def two_net() -> keras.Model:
    """The plain network of two classes, the first with weights 0."""
    model = model_of(two_classes)
    weights = numbers("scores", [(8, 1), (1,)])
    model.get_layer("two").set_weights(
        [np.concatenate([np.zeros_like(weight), weight], axis=-1) for weight in weights]
    )
    return named(model, class_names=("not class 1", "class 1"), image_size=SIDE)


REFERENCES = {
    "two",
    "headless",
    "three",
    "labels",
    "score",
    "gray",
    "symmetric",
    "log",
    "twice",
    "wide",
    "no convolution",
}


@cache
def reference(name: str) -> keras.Model:
    """A plain network by its name."""
    if name == "two":
        return two_net()
    if name == "headless":
        images = keras.Input((None, None, 3))
        x = layers.Conv2D(6, 3, padding="same", activation="relu", name="conv1")(images)
        x = layers.Conv2D(8, 3, padding="same", activation="relu", name="conv2")(x)
        return without_classes(with_numbers(keras.Model(images, x)), image_size=SIDE)
    plain = {
        "three": lambda: model_of(dense()),
        "labels": lambda: model_of(dense()),
        "score": lambda: model_of(dense(1)),
        "gray": lambda: model_of(dense(), shape=(SIDE, SIDE, 1)),
        "symmetric": lambda: model_of(dense(), front=layers.Rescaling(2.0, offset=-1.0)),
        "log": lambda: model_of(lambda x: ops.log_softmax(dense()(x))),
        "twice": lambda: model_of(dense(), body=two_trunks),
        "wide": lambda: model_of(dense(), shape=(SIDE, 20, 3)),
        "no convolution": lambda: model_of(dense(), body=layers.Flatten(), shape=(4, 4, 3)),
    }
    kind = {"labels": "sigmoid", "score": "none"}.get(name, "softmax")
    size = {"wide": (SIDE, 20), "no convolution": 4}.get(name, SIDE)
    return named(plain[name](), image_size=size, probability=kind)


# Fronts, bodies and heads of people's own


@keras.saving.register_keras_serializable("tests")
class Times(layers.Layer):
    """Multiplies; its settings do not say by what, a mistake that is often made."""

    def __init__(self, factor=7.0, **options):
        super().__init__(**options)
        self.factor = factor

    def call(self, x):
        return self.factor * x

    def get_config(self):
        return super().get_config()


def softmax_head(x: Any) -> Any:
    return dense(activation="softmax")(x)


def after_softmax(*last: Any) -> Callable:
    """A head with layers behind its softmax."""

    def head(x: Any) -> Any:
        x = softmax_head(x)
        for layer in last:
            x = layer(x)
        return x

    return head


def function_head(function: Callable) -> Callable:
    return lambda x: function(dense()(x))


def average_of_two(x: Any) -> Any:
    logits = dense()(x)
    return layers.Average()([layers.Softmax()(logits), layers.Softmax()(logits)])


def softmax_by_hand(x: Any) -> Any:
    logits = dense()(x)
    powers = ops.exp(logits - ops.max(logits, axis=-1, keepdims=True))
    return powers / ops.sum(powers, axis=-1, keepdims=True)


def cooler(x: Any) -> Any:
    """A softmax of half the logits, whose weights are doubled: the same as the reference."""
    return layers.Softmax()(layers.Rescaling(2.0)(dense()(x)) / 2.0)


def adapted() -> layers.Normalization:
    return layers.Normalization(mean=[127.5] * 3, variance=[127.5**2] * 3)


def augmented(images: Any) -> Any:
    x = layers.RandomFlip()(images)
    x = layers.RandomRotation(0.1)(x)
    return layers.GaussianNoise(0.1)(layers.RandomZoom(0.1)(x))


def nested(x: Any) -> Any:
    """A base that stands in the model, called with training=False as in transfer learning."""
    images = keras.Input(x.shape[1:])
    return keras.Model(images, trunk(images), name="base")(x, training=False)


def called_twice(x: Any) -> Any:
    images = keras.Input(x.shape[1:])
    base = keras.Model(images, trunk(images), name="base")
    return layers.Average()([base(x), base(x)])


def two_trunks(x: Any) -> Any:
    """What a base called twice is, as layers that stand once."""
    outputs = [trunk(x, suffix=suffix) for suffix in ("", "_again")]
    return layers.Average()(outputs)


def with_lambda(x: Any) -> Any:
    return trunk(layers.Lambda(lambda x: 1.0 * x)(x))


def with_own_layer(x: Any) -> Any:
    return trunk(Times(1.0)(x))


def own_initializer(shape: tuple, dtype: Any = None) -> Any:
    return ops.ones(shape, dtype)


def clashing(x: Any) -> Any:
    """Two models joined whose layers have the same names, and one that a copy might get."""
    images = keras.Input(x.shape[1:])
    same = partial(layers.Activation, "linear")
    first = keras.Model(images, same(name="conv")(same(name="conv_2")(images)))
    more = keras.Input(x.shape[1:])
    second = keras.Model(more, same(name="conv_2")(same(name="conv")(more)))
    return trunk(second(first(x)))


def spaced(x: Any) -> Any:
    """Names that TensorFlow takes for no scope of its own."""
    x = layers.Activation("linear", name="my größe 1")(x)
    return trunk(layers.Activation("linear", name="my größe 1 ")(x))


def on_every_row(x: Any) -> Any:
    return layers.TimeDistributed(layers.Activation("linear"))(x)


def on_others_layers() -> keras.Model:
    """A new head on the layers of a model that was called before on other images."""
    other = model_of(dense(2))
    other(keras.Input((SIDE, SIDE, 3)))
    return with_numbers(keras.Model(other.inputs[0], dense()(other.layers[-2].output)))


def in_form(inputs: Callable, outputs: Callable) -> Callable:
    """Builds a model whose input and output stand in a list or a dict."""

    def build() -> keras.Model:
        plain = model_of(softmax_head)
        return keras.Model(inputs(plain.inputs[0]), outputs(plain.outputs[0]))

    return build


@contextmanager
def setting(name: str, value: str) -> Iterator[None]:
    """One of Keras's global settings, for a while."""
    before = getattr(keras.config, name)()
    getattr(keras.config, f"set_{name}")(value)
    try:
        yield
    finally:
        getattr(keras.config, f"set_{name}")(before)


def under(name: str, value: str, build: Callable) -> Callable:
    """Builds a model while Keras has another global setting."""

    def built() -> keras.Model:
        with setting(name, value):
            return build()

    return built


def trained_with(loss: Any) -> Callable:
    """Builds a model that ends in one number and was compiled with a loss."""

    def build() -> keras.Model:
        model = model_of(dense(1))
        model.compile(loss=loss)
        return model

    return build


def sequential(*parts: Any, shape: tuple = (SIDE, SIDE, 3)) -> keras.Model:
    return keras.Sequential([keras.Input(shape), *parts])


def diverged() -> keras.Model:
    model = model_of(softmax_head)
    model.set_weights([np.nan * weight for weight in model.get_weights()])
    return model


def two_inputs() -> keras.Model:
    images = [keras.Input((SIDE, SIDE, 3)), keras.Input((SIDE, SIDE, 3))]
    return keras.Model(images, dense()(trunk(layers.Add()(images))))


def two_outputs() -> keras.Model:
    images = keras.Input((SIDE, SIDE, 3))
    x = trunk(images)
    return keras.Model(images, {"class": layers.Dense(3)(x), "age": layers.Dense(1)(x)})


def siamese() -> keras.Model:
    base = model_of(dense())
    images = [keras.Input((SIDE, SIDE, 3)), keras.Input((SIDE, SIDE, 3))]
    return keras.Model(images, base(images[0]) - base(images[1]))


def subclass_inside() -> keras.Model:
    images = keras.Input((SIDE, SIDE, 3))
    return keras.Model(images, dense()(trunk(OwnClass()(images))))


def negative_variance() -> keras.Model:
    model = model_of(dense(), front=layers.BatchNormalization(name="norm"))
    layer = model.get_layer("norm")
    layer.set_weights([*layer.get_weights()[:3], np.full(3, -1.0)])
    return model


class OwnClass(keras.Model):
    def call(self, images):
        return images


class OwnCall(keras.Model):
    """A graph with something around it."""

    def __init__(self):
        images = keras.Input((SIDE, SIDE, 3))
        super().__init__(images, softmax_head(trunk(images)))

    def call(self, images, **options):
        return super().call(1 - images, **options)


def quantized() -> keras.Model:
    model = three()
    model.quantize("int8")
    return model


half_policy = partial(under, "dtype_policy")
three = partial(model_of, softmax_head)
to_symmetric = keras.applications.mobilenet_v2.preprocess_input

BROUGHT = {
    # Ends
    "softmax as an activation": Brought(three, "three"),
    "logits": Brought(partial(model_of, dense()), "three"),
    "ops.softmax": Brought(partial(model_of, function_head(ops.softmax)), "three"),
    "a lambda around softmax": Brought(
        partial(model_of, function_head(layers.Activation(lambda z: ops.softmax(z)))), "three"
    ),
    "softmax, then float32, Dropout, Reshape": Brought(
        partial(
            model_of,
            after_softmax(
                layers.Activation("linear", dtype="float32"),
                layers.Dropout(0.5),
                layers.Reshape((3, 1)),
                layers.Flatten(),
                layers.Identity(),
            ),
        ),
        "three",
    ),
    "softmax of half the logits": Brought(partial(model_of, cooler), "three"),
    "log-softmax": Brought(partial(model_of, function_head(ops.log_softmax)), "three"),
    "an average of softmaxes": Brought(partial(model_of, average_of_two), "three"),
    "softmax by hand": Brought(partial(model_of, softmax_by_hand), "three"),
    "log-softmax by hand": Brought(
        partial(model_of, function_head(lambda z: z - ops.logsumexp(z, axis=-1, keepdims=True))),
        "three",
    ),
    "sigmoid by hand": Brought(
        partial(model_of, lambda x: 1.0 / (1.0 + ops.exp(-dense(1)(x)))), "two"
    ),
    "percent": Brought(partial(model_of, after_softmax(layers.Rescaling(100.0))), "log"),
    "one sigmoid": Brought(partial(model_of, dense(1, activation="sigmoid")), "two"),
    "one sigmoid, as a layer": Brought(
        partial(model_of, lambda x: layers.Activation("sigmoid")(dense(1)(x))), "two"
    ),
    "one logit, by its loss": Brought(
        trained_with(keras.losses.BinaryCrossentropy(from_logits=True)), "two"
    ),
    "one logit, by a keyword": Brought(
        partial(model_of, dense(1)), "two", {"probability": "sigmoid"}
    ),
    "several sigmoids": Brought(partial(model_of, dense(activation="sigmoid")), "labels"),
    "regression": Brought(trained_with("mse"), "score"),
    "no head": Brought(
        lambda: with_numbers(
            sequential(
                layers.Conv2D(6, 3, padding="same", activation="relu", name="conv1"),
                layers.Conv2D(8, 3, padding="same", activation="relu", name="conv2"),
            )
        ),
        "headless",
    ),
    # Pixels
    "Rescaling(1/255)": Brought(partial(three, front=layers.Rescaling(1 / 255)), "three"),
    "Rescaling(1/127.5, -1)": Brought(
        partial(three, front=layers.Rescaling(1 / 127.5, offset=-1.0)), "symmetric"
    ),
    "x / 255": Brought(partial(three, front=lambda images: images / 255.0), "three"),
    "Lambda(x / 255)": Brought(
        partial(three, front=layers.Lambda(lambda images: images / 255.0)), "three"
    ),
    "Normalization": Brought(partial(three, front=adapted()), "symmetric"),
    "preprocess_input outside": Brought(three, "symmetric", {"preprocess": to_symmetric}),
    "preprocess_input inside": Brought(partial(three, front=to_symmetric), "symmetric"),
    "tf.image outside": Brought(
        three,
        "symmetric",
        {"preprocess": lambda x: tf.image.flip_up_down(tf.image.flip_up_down(x)) * 2.0 - 1.0},
    ),
    "0..255, by a keyword": Brought(
        partial(three, front=layers.Rescaling(1 / 255)), "three", {"pixel_range": (0, 255)}
    ),
    # Inputs
    "[i] -> [o]": Brought(in_form(lambda i: [i], lambda o: [o]), "three"),
    "{i} -> {o}": Brought(in_form(lambda i: {"i": i}, lambda o: {"o": o}), "three"),
    "(height, width)": Brought(
        lambda: model_of(softmax_head, front=layers.Reshape((SIDE, SIDE, 1)), shape=(SIDE, SIDE)),
        "gray",
    ),
    "not square": Brought(partial(three, shape=(SIDE, 20, 3)), "wide"),
    "channels first": Brought(
        under("image_data_format", "channels_first", partial(three, shape=(3, SIDE, SIDE))), "three"
    ),
    "channels first, turned inside": Brought(
        partial(three, front=layers.Permute((2, 3, 1)), shape=(3, SIDE, SIDE)), "three"
    ),
    # Precision
    "mixed_float16": Brought(half_policy("mixed_float16", three), "three"),
    "bfloat16": Brought(half_policy("bfloat16", three), "three"),
    "float64": Brought(half_policy("float64", three), "three"),
    # Layers
    "augmentation and noise inside": Brought(partial(three, front=augmented), "three"),
    "a base inside": Brought(partial(three, body=nested), "three"),
    "a base called twice": Brought(partial(three, body=called_twice), "twice"),
    "on another's layers": Brought(on_others_layers, "three"),
    "Lambda": Brought(partial(three, body=with_lambda), "three"),
    "a layer that hides its settings": Brought(partial(three, body=with_own_layer), "three"),
    "an initializer of one's own": Brought(
        partial(three, body=partial(trunk, kernel_initializer=own_initializer)), "three"
    ),
    "names with spaces": Brought(partial(three, body=spaced), "three"),
    "TimeDistributed": Brought(partial(three, front=on_every_row), "three"),
    "clashing names": Brought(partial(three, body=clashing), "three"),
    "no convolution": Brought(
        partial(three, body=layers.Flatten(), shape=(4, 4, 3)), "no convolution"
    ),
    # What is no network
    "a negative variance": Brought(negative_variance, "NaN or infinite numbers for an ordinary"),
    "argmax": Brought(
        partial(model_of, lambda x: ops.argmax(dense()(x), axis=-1)), "without an axis of classes"
    ),
    "one-hot of argmax": Brought(
        partial(model_of, lambda x: ops.one_hot(ops.argmax(dense()(x), axis=-1), 3)),
        "ends in decisions",
    ),
    "a threshold": Brought(
        partial(model_of, lambda x: ops.cast(dense(3, activation="sigmoid")(x) > 0.5, "float32")),
        "ends in decisions",
    ),
    "two outputs": Brought(two_outputs, "one input and one output; this model has 2 outputs"),
    "two images": Brought(siamese, "this model has 2 inputs: wrap a model in it"),
    "a subclassed model inside": Brought(subclass_inside, "must be functional or Sequential"),
    "a function without a gradient": Brought(
        three, "has no gradient", {"preprocess": lambda x: tf.image.adjust_contrast(x, 2.0)}
    ),
    "softmax over one": Brought(
        partial(model_of, dense(1, activation="softmax")), "softmax over a single output"
    ),
    "NaN": Brought(diverged, "Weights of the layer 'conv1' are NaN"),
    "LSTM": Brought(
        lambda: sequential(layers.LSTM(4), layers.Dense(3), shape=(10, 8)), "arrays of shape"
    ),
    "Conv1D": Brought(
        lambda: sequential(layers.Conv1D(4, 3), layers.Flatten(), layers.Dense(3), shape=(10, 8)),
        "arrays of shape",
    ),
    "Conv3D": Brought(
        lambda: sequential(
            layers.Conv3D(4, 3), layers.Flatten(), layers.Dense(3), shape=(5, 5, 5, 1)
        ),
        "arrays of shape",
    ),
    "pixels in a row": Brought(
        lambda: sequential(layers.Dense(3), shape=(784,)), r"keras.Input\(\(28, 28, 1\)\)"
    ),
    "two inputs": Brought(two_inputs, "one input and one output"),
    "a class of its own": Brought(OwnClass, r"model.call\(images\)\) is functional"),
    "a call of its own": Brought(OwnCall, "must be functional or Sequential"),
    "quantized": Brought(quantized, "wrap the model as it was before model.quantize"),
    "rounded": Brought(
        partial(three, front=lambda images: ops.round(images)), "rounding, comparing"
    ),
    "tf.stop_gradient": Brought(
        partial(three, front=layers.Lambda(lambda images: tf.stop_gradient(images))),
        "have no gradient with respect to its images",
    ),
    "softmax over one, by a keyword": Brought(
        partial(model_of, dense(1)), "softmax over a single output", {"probability": "softmax"}
    ),
    "a row of unknown length": Brought(
        lambda: sequential(layers.Flatten(), shape=(None, None, 3)), "build it with a size"
    ),
    "channels first, flattened otherwise": Brought(
        lambda: sequential(
            layers.Conv2D(4, 3, data_format="channels_first"),
            layers.Flatten(data_format="channels_last"),
            layers.Dense(3),
            shape=(3, SIDE, SIDE),
        ),
        "as its channels come first .* build it with them last",
    ),
    "a path": Brought(lambda: "own.keras", r"load_model\('own.keras'\) reads"),
    "no Keras": Brought(lambda: np.zeros(3), "is no model of Keras 3"),
}
