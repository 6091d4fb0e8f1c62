"""Where networks come from: each computes what its authors' does, and each that cannot be had says so in a sentence."""

import json
import socket
import zipfile

import numpy as np
import pooch
import pytest
from data_here import needs_mnist, validation_pictures
from small_nets import random, small_net

from lecture_lib.datasets import digits, downloads
from lecture_lib.datasets.images import imagenet_photo_names, load_image, photo_names
from lecture_lib.models import zoo
from lecture_lib.models.backend import keras
from lecture_lib.models.inference import class_index, class_scores, layer_names
from lecture_lib.models.zoo import load_model, model_is_here, model_names

layers = keras.layers
needs_squeezenet = pytest.mark.skipif(
    not model_is_here("squeezenet"), reason="SqueezeNet is not here; LECTURE_DATA names its folder"
)


def weights_of(name):
    """The name of a bundled net; a test that asks for one whose weights are not in data/ yet is skipped."""
    if not (zoo.DATA / "weights" / f"{name}.npz").is_file():
        pytest.skip(f"data/{name}.npz is not there yet")
    return name


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


PREPROCESS = {
    "resnet50v2": keras.applications.resnet_v2.preprocess_input,
    "vgg16": keras.applications.vgg16.preprocess_input,
    "vgg19": keras.applications.vgg19.preprocess_input,
    "inceptionv3": keras.applications.inception_v3.preprocess_input,
    "mobilenetv2": keras.applications.mobilenet_v2.preprocess_input,
    "densenet121": keras.applications.densenet.preprocess_input,
    "efficientnetv2b0": keras.applications.efficientnet_v2.preprocess_input,
}


def raw_scores(model, pictures):
    """The scores of a net of `keras.applications` before its softmax."""
    last = model.layers[-1]
    kernel, bias = (np.float64(weight) for weight in last.get_weights())
    return (
        keras.Model(model.input, model.layers[-2].output)(pictures, training=False).numpy() @ kernel
        + bias
    )


@pytest.mark.parametrize("name", zoo.APPLICATIONS)
def test_a_net_of_keras_computes_what_theirs_does(name, monkeypatch):
    """On the same picture, 0..255 for theirs and 0..1 for ours; with colors swapped the difference must be far above the tolerance."""
    side, application = 96, zoo.APPLICATIONS[name]
    image = random(side, side, 3, seed=1) * np.float32([1.0, 0.6, 0.2])
    theirs = application.build(weights=None, input_shape=(side, side, 3), classes=50)
    expected = raw_scores(theirs, PREPROCESS[name](255 * image[None]))[0]
    monkeypatch.setitem(zoo.APPLICATIONS, name, application._replace(build=lambda weights: theirs))
    ours = zoo.load_application(name, trained=False)
    found, swapped = class_scores(ours, np.stack([image, image[..., ::-1]]))
    spread = expected.std()
    assert np.abs(found - expected).max() <= 1e-5 * max(spread, np.abs(expected).max())
    assert np.abs(swapped - expected).max() > 0.1 * spread
    assert ours.image_size == application.size and len(ours.class_names) == 50
    assert not any(isinstance(layer, keras.Model) for layer in ours.layers)


def test_untrained_weights_are_drawn_anew_and_trained_ones_kept():
    one, other = (load_model("mnist_cnn", weights=None) for _ in range(2))
    assert not np.array_equal(one.get_weights()[0], other.get_weights()[0])
    assert load_model(weights_of("tinynet")) is load_model("tinynet")


@pytest.mark.parametrize(
    "name, parameters, size, some_names",
    [
        ("tinynet_robust", 1_838_744, (64, 64, 3), None),
        ("tinynet", 1_838_744, (64, 64, 3), None),
        ("mnist_cnn", 34_826, (28, 28, 1), tuple("0123456789")),
        ("mnist_natural", 3_274_634, (28, 28, 1), tuple("0123456789")),
        ("mnist_robust", 3_274_634, (28, 28, 1), tuple("0123456789")),
        ("protonet", 22_456, (28, 28, 1), tuple("0123456789")),
    ],
)
def test_a_bundled_net_loads_with_no_network(name, parameters, size, some_names, nothing_here):
    net = load_model(weights_of(name))
    assert model_is_here(name) and net.count_params() == parameters and net.image_size == size[0]
    assert net.class_names == (
        some_names or tuple((zoo.DATA / "tables" / "tinynet_classes.txt").read_text().splitlines())
    )
    scores = class_scores(net, random(3, *size))
    assert (
        scores.shape == (3, len(net.class_names))
        and np.isfinite(scores).all()
        and np.ptp(scores, axis=1).min() > 0.1
    )


def test_all_nets_have_names_and_those_that_are_here_are_known(nothing_here):
    assert (
        model_names() == [*zoo.BUNDLED, "squeezenet", *zoo.APPLICATIONS]
        and model_names()[0] == "tinynet_robust"
    )
    assert [name for name in model_names() if model_is_here(name)] == list(zoo.BUNDLED)
    assert not model_is_here("no such net")


@pytest.mark.parametrize("name", ["squeezenet", "vgg16", "resnet50v2"])
def test_weights_that_cannot_be_had_give_a_sentence(name, nothing_here):
    with pytest.raises(
        FileNotFoundError,
        match="cannot be downloaded, as there is no connection.*by hand and save it as",
    ):
        load_model(name)


@pytest.mark.parametrize("name", ["vgg", "", None, 5])
def test_an_unknown_name_lists_the_nets(name):
    with pytest.raises(
        ValueError, match="no net named .*tinynet_robust.*resnet50v2.*path that ends in .keras"
    ):
        load_model(name)


def test_a_keras_file_comes_back_as_a_network(tmp_path):
    theirs = keras.Sequential(
        [
            keras.Input((8, 8, 3)),
            layers.Conv2D(4, 3, activation="relu", name="conv"),
            layers.GlobalAveragePooling2D(),
            layers.Dense(3, activation="softmax"),
        ]
    )
    theirs.save(tmp_path / "own.keras")
    for path in tmp_path / "own.keras", str(tmp_path / "own.keras"):
        net = load_model(path)
        powers = np.exp(class_scores(net, images := random(2, 8, 8, 3)))
        np.testing.assert_allclose(
            powers / powers.sum(axis=1, keepdims=True), theirs(images), rtol=1e-4
        )
        assert layer_names(net) == ["conv"]


def test_a_network_of_the_course_comes_back_from_its_file(tmp_path):
    small_net().save(tmp_path / "small.keras")
    images = random(2, 8, 8, 3)
    np.testing.assert_allclose(
        class_scores(load_model(tmp_path / "small.keras"), images),
        class_scores(small_net(), images),
        rtol=1e-5,
    )


def lambda_net(path):
    images = keras.Input((8, 8, 3))
    pooled = layers.GlobalAveragePooling2D()(layers.Lambda(lambda x: 2 * x)(images))
    keras.Model(images, layers.Dense(2)(pooled)).save(path)


def test_a_file_with_code_in_it_is_refused(tmp_path):
    lambda_net(tmp_path / "code.keras")
    with pytest.raises(
        ValueError,
        match=r"code.keras could not be read .*; files that hold code \(Lambda layers\) are refused",
    ):
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
    with pytest.raises(ValueError, match="own.keras could not be read as a Keras model"):
        load_model(tmp_path / "own.keras")


@pytest.mark.parametrize("name", ["missing.keras", "folder.keras"])
def test_a_file_that_is_missing_gives_a_sentence(name, tmp_path):
    (tmp_path / "folder.keras").mkdir()
    with pytest.raises(FileNotFoundError, match=f"There is no file .*{name}"):
        load_model(tmp_path / name)


@needs_squeezenet
def test_squeezenet_reads_the_photographs():
    photos, net = imagenet_photo_names(), load_model("squeezenet")
    if not set(photos) <= set(photo_names()):
        pytest.skip(
            "the photographs of ImageNet are not here; LECTURE_DATA names the folder that holds them"
        )
    images = np.stack([load_image(name, size=227) for name in photos])
    right = [
        guess == class_index(net, name)
        for guess, name in zip(class_scores(net, images).argmax(axis=1), photos, strict=True)
    ]
    assert np.mean(right) >= 0.6


@needs_squeezenet
def test_squeezenets_preprocessing_is_that_of_its_authors():
    """BGR in 0..255 less the mean, through the first convolution as the file holds it."""
    image, count = load_image("cat", size=63), 64 * 3 * 9
    numbers = np.fromfile(downloads.fetch(zoo.SQUEEZENET), np.float16)[: count + 64].astype(
        np.float64
    )
    pixels = 255 * np.float64(image)[..., ::-1] - [104, 117, 123]
    kernel = numbers[:count].reshape(64, 3, 3, 3)  # filter, color (blue first), row, column
    patches = np.lib.stride_tricks.sliding_window_view(pixels, (3, 3), axis=(0, 1))[
        ::2, ::2
    ]  # row, column, color, row, column
    expected = np.maximum(np.einsum("abcij,fcij->abf", patches, kernel) + numbers[count:], 0)
    net = load_model("squeezenet")
    found = keras.Model(net.input, net.get_layer("conv1").output)(image[None])[0]
    np.testing.assert_allclose(found, expected, rtol=1e-3, atol=2e-3)


@needs_squeezenet
def test_squeezenets_first_filters_are_in_the_order_of_colors():
    """What a filter that loves red does on a red picture, and not on a blue one."""
    net = load_model("squeezenet")
    kernel = net.get_layer("conv1").get_weights()[0].sum(axis=(0, 1))  # color, filter
    reddest = int(np.argmax(kernel[0] - kernel[2]))
    red, blue = np.zeros((2, 35, 35, 3), np.float32)
    red[..., 0] = blue[..., 2] = 1
    found = (
        keras.Model(net.input, net.get_layer("conv1").output)(np.stack([red, blue]))
        .numpy()[..., reddest]
        .mean(axis=(1, 2))
    )
    assert kernel[0, reddest] > 0 > kernel[2, reddest] and found[0] > found[1]


@needs_squeezenet
def test_squeezenets_layers_are_all_there_by_name():
    names = layer_names(load_model("squeezenet"))
    assert {
        f"fire{number}_{part}"
        for number in range(2, 10)
        for part in ("squeeze1x1", "expand1x1", "expand3x3")
    } <= set(names)
    assert load_model("squeezenet").class_names[:3] == ("tench", "goldfish", "great white shark")
    assert len(load_model("squeezenet").class_names) == 1000


def accuracy(net, images, labels):
    return np.mean(class_scores(net, images, batch_size=100).argmax(axis=1) == labels)


@needs_mnist
def test_mnist_cnn_reads_mnist():
    _, _, images, labels = digits.load_mnist()
    assert accuracy(load_model(weights_of("mnist_cnn")), images, labels) >= 0.9927


def test_mnist_cnn_reads_the_digits_that_need_no_download():
    images, labels = digits.load_digits()
    assert accuracy(load_model(weights_of("mnist_cnn")), images[1000:], labels[1000:]) >= 0.9


@pytest.mark.parametrize("name", ["tinynet", "tinynet_robust"])
def test_a_tinynet_reaches_the_accuracy_that_was_written_down(name):
    if not (zoo.DATA / "tables" / "accuracy.json").is_file():
        pytest.skip("data/tables/accuracy.json is not there yet")
    written = json.loads((zoo.DATA / "tables" / "accuracy.json").read_text())[weights_of(name)][
        "validation"
    ]
    assert (
        accuracy(load_model(name), *validation_pictures())
        >= written - 0.005
    )
