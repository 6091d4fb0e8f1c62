"""Where networks come from: each computes what its authors' does, or says why it cannot be had."""

import json
import socket
import zipfile

import numpy as np
import pooch
import pytest
from data_here import needs_mnist, validation_pictures
from small_nets import cut_short, random, small_net, softmax

from lecture_lib.datasets import digits, downloads
from lecture_lib.datasets.images import imagenet_photo_names, load_image, photo_names
from lecture_lib.models import pytorch_weights, zoo
from lecture_lib.models.backend import keras
from lecture_lib.models.checks import class_index
from lecture_lib.models.inference import class_scores
from lecture_lib.models.layers import layer_names
from lecture_lib.models.zoo import load_model, model_is_here, model_names

layers = keras.layers
needs_squeezenet = pytest.mark.skipif(
    not model_is_here("squeezenet"), reason="SqueezeNet is not here; LECTURE_DATA names its folder"
)


@pytest.fixture
def nothing_here(monkeypatch, tmp_path):
    """No network, no cache, no folder of one's own."""

    def refuse(*_, **__):
        raise OSError("no network in this test")

    monkeypatch.setattr(pooch, "os_cache", lambda project: tmp_path / project)
    monkeypatch.delenv("LECTURE_DATA", raising=False)
    monkeypatch.setattr(socket.socket, "connect", refuse)
    monkeypatch.setattr(socket, "getaddrinfo", refuse)
    zoo._load_trained.cache_clear()
    yield
    zoo._load_trained.cache_clear()


# Networks of Keras


PREPROCESS = {
    "resnet50v2": keras.applications.resnet_v2.preprocess_input,
    "vgg16": keras.applications.vgg16.preprocess_input,
    "vgg19": keras.applications.vgg19.preprocess_input,
    "inceptionv3": keras.applications.inception_v3.preprocess_input,
    "mobilenetv2": keras.applications.mobilenet_v2.preprocess_input,
    "densenet121": keras.applications.densenet.preprocess_input,
    "efficientnetv2b0": keras.applications.efficientnet_v2.preprocess_input,
}


def raw_logits(model, images):
    """The logits of a network of `keras.applications`, before its softmax."""
    kernel, bias = (np.float64(weight) for weight in model.layers[-1].get_weights())
    features = keras.Model(model.input, model.layers[-2].output)(images, training=False)
    return features.numpy() @ kernel + bias


@pytest.mark.parametrize("name", zoo.APPLICATIONS)
def test_a_network_of_keras_computes_what_theirs_does(name, monkeypatch):
    """On the same image, 0..255 for theirs and 0..1 for ours, with blocks of each kind.

    With colors swapped the difference must be far above the tolerance. That every block is copied
    rightly, `wrap_model` tries itself whenever it copies.
    """
    side = 80  # one of those that Inception takes
    application = zoo.APPLICATIONS[name]
    image = random(side, side, 3, seed=1) * np.float32([1.0, 0.6, 0.2])
    theirs = cut_short(name, side=side)
    expected = raw_logits(theirs, PREPROCESS[name](255 * image[None]))[0]
    monkeypatch.setitem(zoo.APPLICATIONS, name, application._replace(build=lambda weights: theirs))
    ours = zoo.load_application(name, trained=False)
    found, swapped = class_scores(ours, np.stack([image, image[..., ::-1]]))
    spread = expected.std()
    assert np.abs(found - expected).max() <= 1e-5 * max(spread, np.abs(expected).max())
    assert np.abs(swapped - expected).max() > 0.1 * spread
    assert ours.image_size == application.size and len(ours.class_names) == 10
    assert not any(isinstance(layer, keras.Model) for layer in ours.layers)


# Networks by name


def test_untrained_weights_are_drawn_anew_and_trained_ones_kept():
    one, other = (load_model("mnist_cnn", weights=None) for _ in range(2))
    assert not np.array_equal(one.get_weights()[0], other.get_weights()[0])
    assert load_model("tinynet") is load_model("tinynet")


@pytest.mark.parametrize(
    "name, parameters, shape",
    [
        ("tinynet_robust", 1_838_744, (64, 64, 3)),
        ("tinynet", 1_838_744, (64, 64, 3)),
        ("mnist_cnn", 34_826, (28, 28, 1)),
        ("mnist_natural", 3_274_634, (28, 28, 1)),
        ("mnist_robust", 3_274_634, (28, 28, 1)),
        ("protonet", 22_456, (28, 28, 1)),
    ],
)
def test_a_bundled_network_loads_with_no_connection(name, parameters, shape, nothing_here):
    net = load_model(name)
    assert model_is_here(name) and net.count_params() == parameters
    assert net.image_size == shape[0]
    logits = class_scores(net, random(3, *shape))
    assert logits.shape == (3, len(net.class_names)) and np.isfinite(logits).all()
    assert np.ptp(logits, axis=1).min() > 0.1


def test_bundled_networks_know_the_names_of_their_classes():
    listed = (downloads.DATA / "tables" / "tinynet_classes.txt").read_text().splitlines()
    assert load_model("tinynet").class_names == tuple(listed)
    assert load_model("protonet").class_names == tuple("0123456789")


def test_all_networks_have_names_and_those_that_are_here_are_known(nothing_here):
    others = ["efficientnet_lite0", "squeezenet", *zoo.APPLICATIONS]
    assert model_names() == [*zoo.BUNDLED, *others]
    assert model_names()[0] == "tinynet_robust"
    installed = ["efficientnet_lite0"] if pytorch_weights.is_installed() else []
    assert [name for name in model_names() if model_is_here(name)] == [*zoo.BUNDLED, *installed]
    assert not model_is_here("no such net")


@pytest.mark.parametrize("name", ["squeezenet", "vgg16", "resnet50v2"])
def test_weights_that_cannot_be_had_give_a_sentence(name, nothing_here):
    sentence = "cannot be downloaded, as there is no connection.*by hand and save it as"
    with pytest.raises(FileNotFoundError, match=sentence):
        load_model(name)


@pytest.mark.parametrize("name", ["vgg", "", None, 5])
def test_an_unknown_name_lists_the_networks(name):
    sentence = "no net named .*tinynet_robust.*resnet50v2.*path that ends in .keras"
    with pytest.raises(ValueError, match=sentence):
        load_model(name)


# Files of one's own


@pytest.mark.parametrize("as_given", [str, lambda path: path])
def test_a_keras_file_comes_back_as_a_network(as_given, tmp_path):
    parts = [
        layers.Conv2D(4, 3, activation="relu", name="conv"),
        layers.GlobalAveragePooling2D(),
        layers.Dense(3, activation="softmax"),
    ]
    theirs = keras.Sequential([keras.Input((8, 8, 3)), *parts])
    theirs.save(tmp_path / "own.keras")
    net = load_model(as_given(tmp_path / "own.keras"))
    images = random(2, 8, 8, 3)
    np.testing.assert_allclose(softmax(class_scores(net, images)), theirs(images), rtol=1e-4)
    assert layer_names(net) == ["conv"]


def test_a_network_of_the_course_comes_back_from_its_file(tmp_path):
    small_net().save(tmp_path / "small.keras")
    images = random(2, 8, 8, 3)
    found = class_scores(load_model(tmp_path / "small.keras"), images)
    np.testing.assert_allclose(found, class_scores(small_net(), images), rtol=1e-5)


def lambda_net(path):
    images = keras.Input((8, 8, 3))
    pooled = layers.GlobalAveragePooling2D()(layers.Lambda(lambda x: 2 * x)(images))
    keras.Model(images, layers.Dense(2)(pooled)).save(path)


def test_a_file_with_code_in_it_is_refused(tmp_path):
    lambda_net(tmp_path / "code.keras")
    sentence = (
        r"code.keras could not be read .*; files that hold code \(Lambda layers\) are refused"
    )
    with pytest.raises(ValueError, match=sentence):
        load_model(tmp_path / "code.keras")


def no_zip(path):
    path.write_bytes(b"this is no zip file")


def empty(path):
    path.write_bytes(b"")


def other_zip(path):
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("hello.txt", "hello")


def cut_off(path):
    small_net().save(path)
    path.write_bytes(path.read_bytes()[:-3000])


@pytest.mark.parametrize("write", [no_zip, empty, other_zip, cut_off])
def test_a_file_that_is_no_model_gives_a_sentence(write, tmp_path):
    write(tmp_path / "own.keras")
    with pytest.raises(ValueError, match="own.keras (could not be read as a|holds no) Keras model"):
        load_model(tmp_path / "own.keras")


@pytest.mark.parametrize("name", ["missing.keras", "folder.keras"])
def test_a_file_that_is_missing_gives_a_sentence(name, tmp_path):
    (tmp_path / "folder.keras").mkdir()
    with pytest.raises(FileNotFoundError, match=f"There is no file .*{name}"):
        load_model(tmp_path / name)


# SqueezeNet


@needs_squeezenet
def test_squeezenet_classifies_the_photographs():
    photos = imagenet_photo_names()
    net = load_model("squeezenet")
    if not set(photos) <= set(photo_names()):
        pytest.skip("the photographs of ImageNet are not here; LECTURE_DATA names their folder")
    images = np.stack([load_image(name, size=227) for name in photos])
    wanted = [class_index(net, name) for name in photos]
    assert np.mean(class_scores(net, images).argmax(axis=1) == wanted) >= 0.6


def first_convolution(images):
    """What the first layer of SqueezeNet gives for images (N, H, W, 3)."""
    net = load_model("squeezenet")
    return keras.Model(net.input, net.get_layer("conv1").output)(images).numpy()


@needs_squeezenet
def test_squeezenets_preprocessing_is_that_of_its_authors():
    """BGR in 0..255 less the mean, through the first convolution as the file holds it."""
    count = 64 * 3 * 9
    stored = np.fromfile(downloads.fetch(zoo.SQUEEZENET), np.float16)
    numbers = stored[: count + 64].astype(np.float64)
    kernel = numbers[:count].reshape(64, 3, 3, 3)  # filter, color (blue first), row, column
    image = load_image("cat", size=63)
    pixels = 255 * np.float64(image)[..., ::-1] - [104, 117, 123]
    # Row, column, color, row of the patch, column of the patch; every second one.
    patches = np.lib.stride_tricks.sliding_window_view(pixels, (3, 3), axis=(0, 1))[::2, ::2]
    expected = np.maximum(np.einsum("abcij,fcij->abf", patches, kernel) + numbers[count:], 0)
    np.testing.assert_allclose(first_convolution(image[None])[0], expected, rtol=1e-3, atol=2e-3)


@needs_squeezenet
def test_squeezenets_first_filters_are_in_the_order_of_colors():
    """What a filter of red does on a red image, and not on a blue one."""
    kernel = load_model("squeezenet").get_layer("conv1").get_weights()[0].sum(axis=(0, 1))
    reddest = int(np.argmax(kernel[0] - kernel[2]))  # kernel: color, filter
    images = np.zeros((2, 35, 35, 3), np.float32)
    images[0, ..., 0] = 1
    images[1, ..., 2] = 1
    red, blue = first_convolution(images)[..., reddest].mean(axis=(1, 2))
    assert kernel[0, reddest] > 0 > kernel[2, reddest] and red > blue


@needs_squeezenet
def test_squeezenets_layers_are_all_there_by_name():
    net = load_model("squeezenet")
    parts = ("squeeze1x1", "expand1x1", "expand3x3")
    for number in range(2, 10):
        assert {f"fire{number}_{part}" for part in parts} <= set(layer_names(net))
    assert net.class_names[:3] == ("tench", "goldfish", "great white shark")
    assert len(net.class_names) == 1000


# Accuracy


def accuracy(net, images, labels):
    return np.mean(class_scores(net, images, batch_size=100).argmax(axis=1) == labels)


@needs_mnist
def test_mnist_cnn_classifies_mnist():
    _, _, images, labels = digits.load_mnist()
    assert accuracy(load_model("mnist_cnn"), images, labels) >= 0.9927


def test_mnist_cnn_classifies_the_digits_that_need_no_download():
    images, labels = digits.load_digits()
    assert accuracy(load_model("mnist_cnn"), images[1000:], labels[1000:]) >= 0.9


@pytest.mark.parametrize("name", ["tinynet", "tinynet_robust"])
def test_a_tinynet_reaches_the_accuracy_that_was_written_down(name):
    written = json.loads((downloads.DATA / "tables" / "accuracy.json").read_text())
    images, labels = validation_pictures()
    assert accuracy(load_model(name), images, labels) >= written[name]["validation"] - 0.005
