"""Where networks come from: those the course trained itself, SqueezeNet, `keras.applications`, and `.keras` files of your own."""

from functools import lru_cache
from pathlib import Path
from typing import NamedTuple

import numpy as np

from lecture_lib.datasets import downloads
from lecture_lib.datasets.downloads import DATA
from lecture_lib.datasets.image_sets import CLASSES
from lecture_lib.models.backend import keras
from lecture_lib.models.classifiers import mnist_cnn, mnist_wide, protonet, squeezenet, tinynet
from lecture_lib.models.decoders import mnist_decoder, protonet_decoder, stylizer, tinynet_generator
from lecture_lib.models.surgery import named, wrap_model

LABELS, SQUEEZENET = "squeezenet1.1/squeezenet1.1.labels", "squeezenet1.1/squeezenet1.1.bin"
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
    """A net of `keras.applications`: its builder, its weights, and how it wants its pixels: scale · I + offset, blue first or not."""

    build: object
    weights: str
    scale: object
    offset: object = 0.0
    size: int = 224
    blue_first: bool = False


CAFFE = {"scale": 255.0, "offset": [-123.68, -116.779, -103.939], "blue_first": True}
TORCH = {
    "scale": [1 / 0.229, 1 / 0.224, 1 / 0.225],
    "offset": [-0.485 / 0.229, -0.456 / 0.224, -0.406 / 0.225],
}
APPLICATIONS = {
    "resnet50v2": Application(
        keras.applications.ResNet50V2, "resnet50v2_weights_tf_dim_ordering_tf_kernels.h5", 2.0, -1.0
    ),
    "vgg16": Application(
        keras.applications.VGG16, "vgg16_weights_tf_dim_ordering_tf_kernels.h5", **CAFFE
    ),
    "vgg19": Application(
        keras.applications.VGG19, "vgg19_weights_tf_dim_ordering_tf_kernels.h5", **CAFFE
    ),
    "inceptionv3": Application(
        keras.applications.InceptionV3,
        "inception_v3_weights_tf_dim_ordering_tf_kernels.h5",
        2.0,
        -1.0,
        299,
    ),
    "mobilenetv2": Application(
        keras.applications.MobileNetV2,
        "mobilenet_v2_weights_tf_dim_ordering_tf_kernels_1.0_224.h5",
        2.0,
        -1.0,
    ),
    "densenet121": Application(
        keras.applications.DenseNet121, "densenet121_weights_tf_dim_ordering_tf_kernels.h5", **TORCH
    ),
    "efficientnetv2b0": Application(
        keras.applications.EfficientNetV2B0, "efficientnetv2-b0.h5", 255.0
    ),
}


def model_names():
    """The names that `load_model` knows: bundled nets first, then those that are downloaded once."""
    return [*BUNDLED, "squeezenet", *APPLICATIONS]


def model_is_here(name):
    """Whether a net can be loaded now without a network."""
    if name == "squeezenet":
        return downloads.is_here(SQUEEZENET) and downloads.is_here(LABELS)
    return name in BUNDLED or (
        name in APPLICATIONS and downloads.is_here(f"keras/{APPLICATIONS[name].weights}")
    )


def load_model(name, *, weights="trained"):
    """A network by name (see `model_names`), or from a `.keras` file of your own.

    weights: "trained", or None for the same architecture with untrained weights, drawn anew at each call. Trained nets are kept (the
    last eight), so that asking again costs nothing. Raises ValueError for a name that is not known or a file that is no functional
    model or holds code, FileNotFoundError when the file or the weights are neither here nor to be had.
    """
    if str(name).endswith(".keras"):
        return wrap_model(read_keras_file(name))
    return _load_trained(name) if weights is not None else _load(name, trained=False)


@lru_cache(maxsize=8)
def _load_trained(name):
    return _load(name, trained=True)


def _load(name, *, trained):
    if name in BUNDLED:
        return load_bundled(name, trained=trained)
    if name == "squeezenet":
        return load_squeezenet(trained=trained)
    if name in APPLICATIONS:
        return load_application(name, trained=trained)
    raise ValueError(
        f"There is no net named {name!r}; choose one of {', '.join(model_names())}, or a path that ends in .keras."
    )


def load_bundled(name, *, trained=True):
    """A net that the course trained itself, from data/weights/NAME.npz (float16)."""
    model = BUNDLED[name]()
    digits = model.input.shape[-1] == 1
    if trained:
        read_weights(model, name)
    class_names = [str(digit) for digit in range(10)] if digits else CLASSES
    return named(model, class_names=class_names, image_size=28 if digits else 64)


@lru_cache(maxsize=8)
def load_decoder(name):
    """A Model that draws pictures in [0, 1], trained by the course: a decoder, a generator or a stylizer.

    name: "mnist_natural_decoder" or "mnist_robust_decoder", from "pool2" of that net, (N, 7, 7, 64), to (N, 28, 28, 1);
    "protonet_decoder", from "code" of `protonet`, (N, 40), to (N, 28, 28, 1); "tinynet_generator", from "block4" of `tinynet_robust`,
    (N, h, w, 256), to (N, 16h, 16w, 3); "stylizer", from a list of pictures (N, H, W, 3), H and W divisible by 4, and style weights
    (N, 4), for swirls, stained glass, dots and waves, to such pictures. Raises ValueError for another name.
    """
    if name not in DECODERS:
        raise ValueError(f"There is no part named {name!r}; choose one of {', '.join(DECODERS)}.")
    model = DECODERS[name]()
    read_weights(model, name)
    return model


def read_weights(model, name):
    """Give the layers of a model the weights of data/weights/NAME.npz."""
    with np.load(DATA / "weights" / f"{name}.npz", allow_pickle=False) as stored:
        for layer in model.layers:
            layer.set_weights(
                [
                    stored[f"{layer.name}/{weight.name}"].astype("float32")
                    for weight in layer.weights
                ]
            )


def load_squeezenet(*, trained=True):
    """SqueezeNet 1.1, trained on ImageNet by its authors, from their file of 1,235,496 float16 numbers.

    The file holds each convolution in forward order: weights as (out, in, height, width), then biases; its first layer expects blue first.
    Source: Iandola et al., SqueezeNet: AlexNet-level accuracy with 50x fewer parameters, 2016.
    """
    model = squeezenet()
    if trained:
        numbers, start = np.fromfile(downloads.fetch(SQUEEZENET), np.float16).astype(np.float32), 0
        for layer in (layer for layer in model.layers if isinstance(layer, keras.layers.Conv2D)):
            height, width, channels, filters = layer.kernel.shape
            stop = start + height * width * channels * filters
            kernel = (
                numbers[start:stop].reshape(filters, channels, height, width).transpose(2, 3, 1, 0)
            )
            layer.set_weights(
                [
                    kernel[:, :, ::-1] if layer.name == "conv1" else kernel,
                    numbers[stop : stop + filters],
                ]
            )
            start = stop + filters
    return named(model, class_names=imagenet_class_names() if trained else None, image_size=227)


def load_application(name, *, trained=True):
    """A net of `keras.applications` with its preprocessing inside and its softmax left out."""
    application = APPLICATIONS[name]
    path = downloads.fetch(f"keras/{application.weights}") if trained else None
    model = application.build(weights=None)
    if trained:
        model.load_weights(path)
    if application.blue_first:  # so that the filters of the first layer show their true colors
        first = next(layer for layer in model.layers if isinstance(layer, keras.layers.Conv2D))
        first.set_weights([first.get_weights()[0][:, :, ::-1], *first.get_weights()[1:]])
    pixels = keras.layers.Rescaling(application.scale, offset=application.offset, name="preprocess")
    return wrap_model(
        model,
        preprocess=pixels,
        class_names=imagenet_class_names() if trained else None,
        image_size=application.size,
    )


def imagenet_class_names():
    """The 1,000 class names of ImageNet, in the order of the scores, each without its synonyms."""
    lines = downloads.fetch(LABELS).read_text(encoding="utf-8").splitlines()
    return [line.split(",")[0].strip() for line in lines if line.strip()]


def read_keras_file(path):
    """A Keras model from a `.keras` file; code in the file is never run."""
    if not Path(path).is_file():
        raise FileNotFoundError(f"There is no file {path}.")
    try:
        return keras.saving.load_model(path, compile=False, safe_mode=True)
    except Exception as error:
        reason = " ".join(str(error).split())[:200]
        raise ValueError(
            f"{path} could not be read as a Keras model; files that hold code (Lambda layers) are refused. {reason}"
        ) from None
