"""The files that travel with the course.

Each is on its card, whole, small enough, and does what the card says.
"""

import csv
import hashlib
import json
import re

import numpy as np
import pytest
from data_here import needs_mnist, validation_pictures
from small_nets import normal

from lecture_lib.adversarial.attacks import pgd
from lecture_lib.datasets import digits
from lecture_lib.datasets.images import load_image
from lecture_lib.datasets.paintings import painted_dots, painted_waves, stained_glass, swirls
from lecture_lib.models import zoo
from lecture_lib.models.backend import keras
from lecture_lib.models.decoders import FLOOR
from lecture_lib.models.inference import class_scores, probabilities, top_classes
from lecture_lib.models.zoo import load_model
from lecture_lib.style_transfer import style_score

CARD = (zoo.DATA / "README.md").read_text(encoding="utf-8")
FILES = sorted(path.name for path in (zoo.DATA / "weights").glob("*.npz"))
ROWS = {
    name: (int(size.replace(",", "")), checksum)
    for name, size, checksum in re.findall(
        r"^\| `(\w+\.npz)` \| ([\d,]+) \| `(\w{64})` \|$", CARD, re.MULTILINE
    )
}
WRITTEN = json.loads((zoo.DATA / "tables" / "accuracy.json").read_text())
NETS = zoo.BUNDLED | zoo.DECODERS
PARAMETERS = {
    "tinynet_robust": 1_838_744,
    "tinynet": 1_838_744,
    "mnist_cnn": 34_826,
    "mnist_natural": 3_274_634,
    "mnist_robust": 3_274_634,
    "protonet": 22_456,
    "mnist_natural_decoder": 153_985,
    "mnist_robust_decoder": 153_985,
    "protonet_decoder": 21_697,
    "tinynet_generator": 1_008_483,
    "stylizer": 229_112,
}


def arrays_of(name):
    with np.load(zoo.DATA / "weights" / name, allow_pickle=False) as stored:
        return {key: stored[key] for key in stored.files}


# The files


def test_every_file_of_numbers_is_on_the_card():
    assert sorted(ROWS) == FILES


@pytest.mark.parametrize("name", FILES)
def test_a_file_is_the_one_that_the_card_describes(name):
    data = (zoo.DATA / "weights" / name).read_bytes()
    assert (len(data), hashlib.sha256(data).hexdigest()) == ROWS[name]


def test_all_weights_together_are_small_enough_to_travel():
    assert sum((zoo.DATA / "weights" / name).stat().st_size for name in FILES) <= 30_000_000


def test_every_file_of_weights_belongs_to_a_net_or_a_part():
    assert set(FILES) - {"facets.npz"} == {f"{name}.npz" for name in NETS}


@pytest.mark.parametrize("name", NETS)
def test_the_weights_fill_their_architecture_and_nothing_is_left_over(name):
    model, arrays = NETS[name](), arrays_of(f"{name}.npz")
    shapes = {
        f"{layer.name}/{weight.name}": tuple(weight.shape)
        for layer in model.layers
        for weight in layer.weights
    }
    assert {key: array.shape for key, array in arrays.items()} == shapes
    assert sum(array.size for array in arrays.values()) == model.count_params() == PARAMETERS[name]
    assert all(array.dtype == np.float16 and np.isfinite(array).all() for array in arrays.values())


# What the nets do


def share_correct(model, images, labels):
    return np.mean(class_scores(model, images, batch_size=100).argmax(axis=1) == labels)


@pytest.fixture(scope="module")
def test_digits():
    _, _, images, labels = digits.load_mnist()
    return images, labels


CATS, OFFICERS = {"tabby", "Egyptian cat"}, {"bow tie", "military uniform"}


@pytest.mark.parametrize(
    "name, photo, right",
    [
        ("tinynet", "cat", CATS),
        ("tinynet", "coffee", {"espresso"}),
        ("tinynet_robust", "coffee", {"espresso"}),
        ("tinynet", "naval officer", OFFICERS),
        ("tinynet_robust", "naval officer", OFFICERS),
    ],
)
def test_the_photographs_that_come_along_are_read_rightly(name, photo, right):
    """But for one: to `tinynet_robust`, the face of the cat from so near is a golden retriever's,
    as its card says.
    """
    assert top_classes(load_model(name), load_image(photo, size=64), count=1)[0].class_name in right


@needs_mnist
@pytest.mark.parametrize(
    "name, least",
    [("mnist_cnn", 0.9927), ("mnist_natural", 0.99), ("mnist_robust", 0.98), ("protonet", 0.99)],
)
def test_a_digit_reader_reads_what_the_card_says(name, least, test_digits):
    share = share_correct(load_model(name), *test_digits)
    assert share >= least and share == pytest.approx(WRITTEN[name]["mnist_test"], abs=2e-3)


@needs_mnist
@pytest.mark.parametrize(
    "name, low, high", [("mnist_natural", 0.0, 0.05), ("mnist_robust", 0.9, 1.0)]
)
def test_one_of_the_counterparts_withstands_an_attack(name, low, high, test_digits):
    images, labels = (part[:200] for part in test_digits)
    net = load_model(name)
    assert low <= share_correct(net, pgd(net, images, labels, epsilon=0.3), labels) <= high


@pytest.mark.parametrize("name", ["tinynet", "tinynet_robust"])
def test_a_tinynet_withstands_an_attack_as_its_card_says(name):
    """Every tenth picture: the share of 200 may differ from that of all 2,000 by some two standard
    deviations.
    """
    images, labels = (part[::10] for part in validation_pictures())
    net = load_model(name)
    share = share_correct(net, pgd(net, images, labels, epsilon=0.5, steps=20, norm="l2"), labels)
    assert share == pytest.approx(WRITTEN[name]["attacked_l2_0.5"], abs=0.07)


# What the parts draw


def features_of(name, layer, images):
    net = load_model(name)
    return keras.Model(net.input, net.get_layer(layer).output)(images).numpy()


@pytest.mark.parametrize(
    "name, layer", [("mnist_natural", "pool2"), ("mnist_robust", "pool2"), ("protonet", "code")]
)
def test_a_decoder_draws_digits_that_it_never_saw(name, layer):
    """Those of scikit-learn; drawing their mean each time would leave an error of 1."""
    images = digits.load_digits()[0][:100]
    drawn = zoo.load_decoder(f"{name}_decoder")(features_of(name, layer, images)).numpy()
    assert np.square(drawn - images).mean() < 0.5 * np.square(images - images.mean(axis=0)).mean()


def test_every_prototype_is_a_digit_to_another_net():
    prototypes = load_model("protonet").get_layer("prototypes").get_weights()[0]
    chances = probabilities(
        load_model("mnist_cnn"), zoo.load_decoder("protonet_decoder")(prototypes).numpy()
    )
    assert (
        chances.shape == (15, 10)
        and chances.max(axis=1).min() > 0.8
        and set(chances.argmax(axis=1)) == set(range(10))
    )


def test_the_generator_draws_pictures_in_which_its_net_sees_the_class():
    """From the mean features of a group of pictures; chance is 1 in 8."""
    facets = arrays_of("facets.npz")
    drawn = zoo.load_decoder("tinynet_generator")(facets["features"].astype(np.float32)).numpy()
    guesses = class_scores(load_model("tinynet_robust"), drawn).argsort(axis=1)[:, -5:]
    assert (guesses == facets["class_index"][:, None]).any(axis=1).mean() >= 0.5


def test_the_stylizer_brings_a_picture_near_the_paintings_in_the_eyes_of_the_robust_net():
    """The style part of style transfer: the photograph's own is about 1.

    Each painting must bring it below a third, nearest to itself.
    """
    model, photo = load_model("tinynet_robust"), load_image("cat", size=128)
    paintings = [paint() for paint in (swirls, stained_glass, painted_dots, painted_waves)]
    styles = [
        style_score(model, photo, painting, content_weight=0, style_weight=1, smoothness=0)
        for painting in paintings
    ]
    painted = zoo.load_decoder("stylizer")(
        [np.stack([photo] * 4), np.eye(4, dtype=np.float32)]
    ).numpy()
    away = -np.stack([style(painted) for style in styles])  # style, painted picture
    before = -np.concatenate([style(photo[None]) for style in styles])
    assert (away.argmin(axis=0) == range(4)).all() and (np.diag(away) < before / 3).all()


@pytest.mark.parametrize("level", [0.0, 0.7, 1.0])
def test_the_stylizer_paints_an_even_canvas_in_one_color_whatever_rounding_adds(level):
    """Processors differ in rounding: noise of its size, and of a thousand times it, is not seen."""
    canvas, noise = np.full((1, 64, 72, 3), level, np.float32), normal(1, 64, 72, 3)
    canvases = [canvas, canvas + 1e-7 * noise, canvas + 1e-4 * noise]
    painter = zoo.load_decoder("stylizer")
    for style in np.eye(4, dtype=np.float32):
        even, *noisy = (painter([each, style[None]]).numpy()[0] for each in canvases)
        assert np.ptp(even, axis=(0, 1)).max() < 1e-5
        assert max(np.abs(even - painted).max() for painted in noisy) < 0.5 / 255


def test_the_stylizer_paints_an_even_half_evenly():
    """60 pixels away from the photograph beside it; a pixel's color depends on those within 50."""
    photo, even = load_image("cat", size=128), np.full((128, 128, 3), 0.7, np.float32)
    beside = np.concatenate([photo, even], axis=1)
    for style in np.eye(4, dtype=np.float32):
        painted = zoo.load_decoder("stylizer")([beside[None], style[None]]).numpy()[0]
        assert np.ptp(painted[:, 188:], axis=(0, 1)).max() < 1e-4
        assert np.ptp(painted[:, :128], axis=(0, 1)).min() > 0.2


def test_the_stylizers_floor_is_far_below_the_variances_of_photographs_and_far_above_rounding():
    painter, style = zoo.load_decoder("stylizer"), np.float32([[0.25] * 4])
    convolutions = [layer for layer in painter.layers if isinstance(layer, keras.layers.Conv2D)]
    maps_of = keras.Model(painter.inputs, [layer.output for layer in convolutions])

    def variances(picture):
        maps = maps_of([picture[None], style])
        return np.concatenate([np.var(each, axis=(0, 1, 2), dtype=np.float64) for each in maps])

    photos = [load_image(name, size=(128, 128)) for name in ("cat", "tower", "cameraman")]
    canvases = [np.full((64, 72, 3), level, np.float32) for level in (0.3, 0.7, 1.0)]
    seen = min(variances(photo).min() for photo in photos)
    rounding = max(variances(canvas).max() for canvas in canvases)
    assert rounding < 1e-6 * FLOOR and 10 * FLOOR < seen


def test_a_part_is_kept_and_an_unknown_one_lists_them():
    assert zoo.load_decoder("mnist_natural_decoder") is zoo.load_decoder("mnist_natural_decoder")
    with pytest.raises(ValueError, match="no decoder named 'decoder'.*mnist_natural_decoder"):
        zoo.load_decoder("decoder")


def test_facets_are_means_of_many_pictures_of_every_class():
    facets = arrays_of("facets.npz")
    assert (
        set(facets["class_index"]) == set(range(40))
        and facets["count"].min() >= 30
        and facets["count"].sum() == 20_000
    )
    assert facets["pictures"].shape == (158, 64, 64, 3) and facets["features"].shape == (
        158,
        4,
        4,
        256,
    )
    assert facets["pictures"].dtype == np.uint8 and facets["features"].min() >= 0


# The table of stylized augmentation


def test_the_more_of_the_pictures_are_stylized_the_fewer_are_read_rightly():
    """Two runs a ratio of original to stylized."""
    ratios = (1, 0), (1, 1), (1, 2), (1, 3), (1, 4), (2, 1), (4, 1)
    with open(zoo.DATA / "tables" / "stylized_augmentation.csv", newline="") as file:
        rows = list(csv.DictReader(file))
    shares = {}
    for row in rows:
        shares.setdefault((int(row["original"]), int(row["stylized"])), []).append(
            (float(row["clean"]), float(row["attacked"]))
        )
    assert {ratio: len(runs) for ratio, runs in shares.items()} == dict.fromkeys(ratios, 2)
    clean = [np.mean(shares[1, count], axis=0)[0] for count in range(5)]
    assert clean == sorted(clean, reverse=True)
    assert all(0.1 < attacked < share < 1 for runs in shares.values() for share, attacked in runs)
