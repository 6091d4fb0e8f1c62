"""The files that travel with the course: each is on its card, whole, small enough, and does what the card says."""

import hashlib
import json
import re

import numpy as np
import pytest
from test_zoo import needs_mnist

from lecture_lib import digits, zoo
from lecture_lib.ascent import ascend, clip, sign
from lecture_lib.models import class_scores, load_model
from lecture_lib.scores import class_log_probability

CARD = (zoo.DATA / "README.md").read_text(encoding="utf-8")
FILES = sorted(path.name for path in zoo.DATA.glob("*.npz"))
ROWS = {name: (int(size.replace(",", "")), checksum)
        for name, size, checksum in re.findall(r"^\| `(\w+\.npz)` \| ([\d,]+) \| `(\w{64})` \|$", CARD, re.MULTILINE)}  # fmt: skip
WRITTEN = json.loads((zoo.DATA / "accuracy.json").read_text())
PARAMETERS = {"tinynet_robust": 1_838_744, "tinynet": 1_838_744, "mnist_cnn": 34_826, "mnist_robust": 3_274_634}


def arrays_of(name):
    with np.load(zoo.DATA / name, allow_pickle=False) as stored:
        return {key: stored[key] for key in stored.files}


# The files


def test_every_file_of_numbers_is_on_the_card():
    assert sorted(ROWS) == FILES


@pytest.mark.parametrize("name", FILES)
def test_a_file_is_the_one_that_the_card_describes(name):
    data = (zoo.DATA / name).read_bytes()
    assert (len(data), hashlib.sha256(data).hexdigest()) == ROWS[name]


def test_all_weights_together_are_small_enough_to_travel():
    assert sum((zoo.DATA / name).stat().st_size for name in FILES) <= 30_000_000


def test_every_file_of_weights_belongs_to_a_net_or_a_part():
    assert set(FILES) - {"facets.npz"} == {f"{name}.npz" for name in zoo.BUNDLED}


@pytest.mark.parametrize("name", zoo.BUNDLED)
def test_the_weights_fill_their_architecture_and_nothing_is_left_over(name):
    model, arrays = zoo.BUNDLED[name](), arrays_of(f"{name}.npz")
    shapes = {f"{layer.name}/{weight.name}": tuple(weight.shape) for layer in model.layers for weight in layer.weights}
    assert {key: array.shape for key, array in arrays.items()} == shapes
    assert sum(array.size for array in arrays.values()) == model.count_params() == PARAMETERS[name]
    assert all(array.dtype == np.float16 and np.isfinite(array).all() for array in arrays.values())


# What the nets do


def pgd(model, images, labels, *, radius, steps, learning_rate):
    """Images within `radius` of a pixel, after steps of ±learning_rate that make the true class less likely."""
    inside = lambda moved: clip(np.clip(moved, images - radius, images + radius))
    start = inside(images + np.random.default_rng(0).uniform(-radius, radius, images.shape).astype(np.float32))
    score = class_log_probability(model, labels)
    return ascend(lambda x: -score(x), start, steps=steps, learning_rate=learning_rate, direction=sign, project=inside).images


def share_right(model, images, labels):
    return np.mean(class_scores(model, images, batch_size=100).argmax(axis=1) == labels)


@pytest.fixture(scope="module")
def test_digits():
    _, _, images, labels = digits.load_mnist()
    return images, labels


@needs_mnist
@pytest.mark.parametrize("name, least", [("mnist_cnn", 0.9927), ("mnist_robust", 0.98)])
def test_a_digit_reader_reads_what_the_card_says(name, least, test_digits):
    share = share_right(load_model(name), *test_digits)
    assert share >= least and share == pytest.approx(WRITTEN[name]["mnist_test"], abs=2e-3)


@needs_mnist
@pytest.mark.parametrize("name, low, high", [("mnist_cnn", 0.0, 0.1), ("mnist_robust", 0.8, 1.0)])
def test_one_digit_reader_withstands_an_attack_and_one_does_not(name, low, high, test_digits):
    images, labels = (part[:200] for part in test_digits)
    net = load_model(name)
    assert low <= share_right(net, pgd(net, images, labels, radius=0.3, steps=20, learning_rate=0.04), labels) <= high


def test_facets_are_means_of_many_pictures_of_every_class():
    facets = arrays_of("facets.npz")
    assert set(facets["class_index"]) == set(range(40)) and facets["count"].min() >= 30 and facets["count"].sum() == 20_000
    assert facets["pictures"].shape == (158, 64, 64, 3) and facets["features"].shape == (158, 4, 4, 256)
    assert facets["pictures"].dtype == np.uint8 and facets["features"].min() >= 0
