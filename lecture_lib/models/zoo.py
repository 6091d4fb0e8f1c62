"""Where networks come from: from the course itself, from their authors, or from a file of your own.

The course trained some itself; SqueezeNet and those of `keras.applications` are downloaded once; a
`.keras` file may hold any other.
"""

from collections.abc import Callable
from functools import lru_cache
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from lecture_lib.datasets import downloads
from lecture_lib.datasets.downloads import DATA
from lecture_lib.datasets.image_sets import CLASSES, IMAGENET_CLASSES
from lecture_lib.datasets.shapes import Network
from lecture_lib.models import pytorch_weights
from lecture_lib.models.backend import keras, usual_settings
from lecture_lib.models.classifiers import mnist_cnn, mnist_wide, protonet, squeezenet, tinynet
from lecture_lib.models.decoders import mnist_decoder, protonet_decoder, stylizer, tinynet_generator
from lecture_lib.models.efficientnet_lite0 import load_efficientnet_lite0
from lecture_lib.models.keras_files import is_file, read_keras_file
from lecture_lib.models.surgery import named
from lecture_lib.models.wrapping import wrap_model

SQUEEZENET = "squeezenet1.1/squeezenet1.1.bin"
BUNDLED = {
    "tinynet_robust": tinynet,
    "tinynet": tinynet,
    "mnist_cnn": mnist_cnn,
    "mnist_natural": mnist_wide,
    "mnist_robust": mnist_wide,
    "protonet": protonet,
}
DECODERS = {
    "mnist_natural_decoder": mnist_decoder,
    "mnist_robust_decoder": mnist_decoder,
    "protonet_decoder": protonet_decoder,
    "tinynet_generator": tinynet_generator,
    "stylizer": stylizer,
}


class Application(NamedTuple):
    """A network of `keras.applications` and how it wants its pixels.

    Attributes:
        build: the function of `keras.applications` that builds it.
        weights: the name of its file of weights.
        scale: what pixels in [0, 1] are multiplied by, one number or one for each color.
        offset: what is added to them then.
        size: the side in pixels of the images that it was trained on.
        blue_first: whether it reads its colors in the order blue, green, red.
    """

    build: Callable
    weights: str
    scale: float | list[float]
    offset: float | list[float] = 0.0
    size: int = 224
    blue_first: bool = False


# How networks take their pixels: from -1 to 1, or by the mean and the deviation of their training.
SYMMETRIC = {"scale": 2.0, "offset": -1.0}
CAFFE = {"scale": 255.0, "offset": [-123.68, -116.779, -103.939], "blue_first": True}
TORCH = {
    "scale": [1 / 0.229, 1 / 0.224, 1 / 0.225],
    "offset": [-0.485 / 0.229, -0.456 / 0.224, -0.406 / 0.225],
}
FILE = "weights_tf_dim_ordering_tf_kernels"  # what Keras calls most files of weights
KERAS = keras.applications
APPLICATIONS = {
    "resnet50v2": Application(KERAS.ResNet50V2, f"resnet50v2_{FILE}.h5", **SYMMETRIC),
    "vgg16": Application(KERAS.VGG16, f"vgg16_{FILE}.h5", **CAFFE),
    "vgg19": Application(KERAS.VGG19, f"vgg19_{FILE}.h5", **CAFFE),
    "inceptionv3": Application(KERAS.InceptionV3, f"inception_v3_{FILE}.h5", **SYMMETRIC, size=299),
    "mobilenetv2": Application(KERAS.MobileNetV2, f"mobilenet_v2_{FILE}_1.0_224.h5", **SYMMETRIC),
    "densenet121": Application(KERAS.DenseNet121, f"densenet121_{FILE}.h5", **TORCH),
    "efficientnetv2b0": Application(KERAS.EfficientNetV2B0, "efficientnetv2-b0.h5", scale=255.0),
}


def model_names() -> list[str]:
    """List the names that `load_model` knows, those that need no download first."""
    return [*BUNDLED, "efficientnet_lite0", "squeezenet", *APPLICATIONS]


def model_is_here(name: str) -> bool:
    """Say whether a network can be loaded now without a network connection.

    Args:
        name: one of `model_names()`.

    Returns:
        bool; False means that `load_model(name)` would download it.
    """
    if name == "efficientnet_lite0":
        return pytorch_weights.is_installed()
    if name == "squeezenet":
        return downloads.is_here(SQUEEZENET)
    if name in APPLICATIONS:
        return downloads.is_here(f"keras/{APPLICATIONS[name].weights}")
    return name in BUNDLED


def load_model(
    name: str | Path,
    *,
    weights: str | None = "trained",
    preprocess: Callable | None = None,
    class_names: Any = None,
    custom_objects: dict | None = None,
    **options: Any,
) -> Network:
    """Load a network by its name (see `model_names`), or from a `.keras` file of your own.

    Trained networks are kept (the last eight), so that asking again costs nothing and gives the
    same network: weights that were changed in it stay changed.

    Args:
        name: of a network, or a path that ends in `.keras`.
        weights: "trained", or None for the same architecture with untrained weights, drawn anew at
            each call.
        preprocess, class_names: for a file, what the model in it was trained behind, and the names
            of its classes, as `wrap_model` takes them.
        custom_objects: for a file, {name: class} of the layers of your own in it.
        options: for a file, the others of `wrap_model`.

    Raises:
        ValueError: for a name that is not known, or a file that is no functional model or holds
            code.
        FileNotFoundError: when the file or the weights are neither here nor to be had.
    """
    options |= {"preprocess": preprocess, "class_names": class_names}
    if is_file(name):
        model = read_keras_file(Path(name).expanduser(), custom_objects=custom_objects)
        return wrap_model(model, **options)
    options |= {"custom_objects": custom_objects}
    if given := [option for option, value in options.items() if value is not None]:
        raise ValueError(f"{given[0]} is for a file of your own; {name!r} has its own already.")
    return _load_trained(name) if weights is not None else _load(name, trained=False)


@lru_cache(maxsize=8)
def _load_trained(name: str) -> Network:
    return _load(name, trained=True)


@usual_settings()
def _load(name: str, *, trained: bool) -> Network:
    if name in BUNDLED:
        return load_bundled(name, trained=trained)
    if name == "efficientnet_lite0":
        return load_efficientnet_lite0(trained=trained)
    if name == "squeezenet":
        return load_squeezenet(trained=trained)
    if name in APPLICATIONS:
        return load_application(name, trained=trained)
    raise ValueError(
        f"There is no net named {name!r}; choose one of {', '.join(model_names())}, "
        "or a path that ends in .keras."
    )


# Those that the course trained


def load_bundled(name: str, *, trained: bool = True) -> Network:
    """Load a network that the course trained, from data/weights/NAME.npz (float16).

    Args:
        name: one of `BUNDLED`.
        trained: False leaves the weights as they are drawn.
    """
    model = BUNDLED[name]()
    if trained:
        read_weights(model, name)
    if model.input.shape[-1] == 1:  # digits are gray
        return named(model, class_names=[str(digit) for digit in range(10)], image_size=28)
    return named(model, class_names=CLASSES, image_size=64)


@lru_cache(maxsize=8)
@usual_settings()
def load_decoder(name: str) -> keras.Model:
    """Load a Model that draws images in [0, 1]: a decoder, a generator or a stylizer of the course.

    Args:
        name: "mnist_natural_decoder" or "mnist_robust_decoder", from "pool2" of that network,
            (N, 7, 7, 64), to (N, 28, 28, 1);
            "protonet_decoder", from "code" of `protonet`, (N, 40), to (N, 28, 28, 1);
            "tinynet_generator", from "block4" of `tinynet_robust`, (N, h, w, 256), to
            (N, 16h, 16w, 3);
            "stylizer", from a list of images (N, H, W, 3), H and W divisible by 4, and style
            weights (N, 4), for swirls, stained glass, dots and waves, to such images.

    Raises:
        ValueError: for another name.
    """
    if name not in DECODERS:
        raise ValueError(
            f"There is no decoder named {name!r}; choose one of {', '.join(DECODERS)}."
        )
    model = DECODERS[name]()
    read_weights(model, name)
    return model


def read_weights(model: keras.Model, name: str) -> None:
    """Give the layers of a model the weights of data/weights/NAME.npz."""
    with np.load(DATA / "weights" / f"{name}.npz", allow_pickle=False) as stored:
        for layer in model.layers:
            keys = [f"{layer.name}/{weight.name}" for weight in layer.weights]
            layer.set_weights([stored[key].astype("float32") for key in keys])


# Those of others


def load_squeezenet(*, trained: bool = True) -> Network:
    """Load SqueezeNet 1.1, trained on ImageNet, from its authors' file of 1,235,496 numbers.

    The file holds float16, convolution after convolution in forward order: the weights as (out, in,
    height, width), then the biases. The first convolution expects blue first.

    Args:
        trained: False leaves the weights as they are drawn.

    Source:
        Iandola et al., SqueezeNet: AlexNet-level accuracy with 50x fewer parameters, 2016.
    """
    model = squeezenet()
    if trained:
        _read_caffe_weights(model, np.fromfile(downloads.fetch(SQUEEZENET), np.float16))
        _turn_colors(model)
    return named(model, class_names=IMAGENET_CLASSES if trained else None, image_size=227)


def _read_caffe_weights(model: keras.Model, numbers: np.ndarray) -> None:
    """Give the convolutions of a model their weights from a row of numbers, in Caffe's order."""
    rest = numbers.astype(np.float32)
    for layer in _convolutions(model):
        height, width, channels, filters = layer.kernel.shape
        size = height * width * channels * filters
        kernel, bias, rest = np.split(rest, [size, size + filters])
        kernel = kernel.reshape(filters, channels, height, width)
        layer.set_weights([kernel.transpose(2, 3, 1, 0), bias])


def _convolutions(model: keras.Model) -> list[keras.layers.Layer]:
    return [layer for layer in model.layers if isinstance(layer, keras.layers.Conv2D)]


def _turn_colors(model: keras.Model) -> None:
    """Let a network that reads blue first read red first, so that its filters show true colors."""
    first = _convolutions(model)[0]
    kernel, *bias = first.get_weights()
    first.set_weights([kernel[:, :, ::-1], *bias])


def load_application(name: str, *, trained: bool = True) -> Network:
    """Load a network of `keras.applications`: preprocessing inside, softmax left out.

    Args:
        name: one of `APPLICATIONS`.
        trained: False leaves the weights as they are drawn.
    """
    application = APPLICATIONS[name]
    # Fetched first: where it cannot be had, nothing need be built.
    path = downloads.fetch(f"keras/{application.weights}") if trained else None
    model = application.build(weights=None)
    if trained:
        model.load_weights(path)
    if application.blue_first:
        _turn_colors(model)
    pixels = keras.layers.Rescaling(application.scale, offset=application.offset, name="preprocess")
    return wrap_model(
        model,
        preprocess=pixels,
        class_names=IMAGENET_CLASSES if trained else None,
        image_size=application.size,
        pixel_range=(0, 1),
    )
