"""The recipes that made the weights: what they do to images is what they say.

They run here on the backend that the course uses.
"""

import csv
from functools import partial

import numpy as np
import pytest
from recipes_loader import RECIPES, recipe
from small_nets import linear_net, normal, random

from lecture_lib.core import penalties
from lecture_lib.datasets.image_sets import CLASSES, IMAGENET_CLASSES
from lecture_lib.models import classifiers
from lecture_lib.models.inference import class_scores
from lecture_lib.style_transfer import gram


@pytest.fixture(autouse=True)
def recipes_find_one_another(monkeypatch):
    monkeypatch.syspath_prepend(RECIPES)


# Batches


def batches_of(images, **options):
    return recipe("batches").ShiftedImages(images, np.arange(len(images)), batch=4, **options)


def examples(batches):
    """All (image, label) of one pass."""
    for number in range(len(batches)):
        yield from zip(*batches[number], strict=True)


def test_every_image_comes_once_in_a_pass_and_in_another_order_in_the_next():
    batches = batches_of(random(12, 5, 5, 1), shift=0)
    passes = []
    for _ in range(2):
        passes.append([label for _, label in examples(batches)])
        batches.on_epoch_end()
    assert sorted(passes[0]) == sorted(passes[1]) == list(range(12)) and passes[0] != passes[1]


def places_of(part, whole):
    """Where an image of 6x6 pixels stands in one of 10x10."""
    return [
        (row, column)
        for row, column in np.ndindex(5, 5)
        if np.array_equal(part, whole[row : row + 6, column : column + 6])
    ]


def test_an_image_is_shifted_as_a_whole_and_what_comes_in_is_black():
    images = random(40, 6, 6, 1) + np.float32(0.1)
    moves = set()
    for shifted, label in examples(batches_of(images, shift=2)):
        (place,) = places_of(shifted, np.pad(images[label], [(2, 2), (2, 2), (0, 0)]))
        moves.add(place)
    assert len(moves) > 12
    assert {row for row, _ in moves} == {column for _, column in moves} == set(range(5))


def test_bytes_become_numbers_from_0_to_1_and_mirrored_images_are_mirrored():
    images = np.random.default_rng(0).integers(0, 256, (40, 5, 5, 3), np.uint8)
    mirrored = 0
    for found, label in examples(batches_of(images, shift=0, mirrored=True)):
        original = np.float32(images[label]) / 255
        is_same = np.array_equal(found, original)
        mirrored += not is_same
        assert is_same or np.array_equal(found, original[:, ::-1])
    assert 8 <= mirrored <= 32


def test_an_enlarged_image_is_a_part_of_it_at_the_old_size():
    rows = np.broadcast_to(np.arange(0, 240, 15, dtype=np.uint8)[:, None, None], (8, 16, 16, 3))
    for enlarged, _ in examples(batches_of(rows, shift=0, smallest=8)):
        steps = np.diff(255 * enlarged[2:-2, 4, 0])
        assert enlarged.shape == (16, 16, 3) and 15 / 2 - 1 <= steps.mean() <= 15 + 1


def bent(images, *, seed, **options):
    return recipe("batches").elastic(images, random=np.random.default_rng(seed), **options)


def test_bending_by_nothing_changes_nothing_and_bending_keeps_the_ink():
    images = np.zeros((5, 28, 28, 1), np.float32)
    images[:, 8:20, 12:16] = 1
    np.testing.assert_array_equal(bent(images, seed=0, alpha=0), images)
    one, same, other = (bent(images, seed=seed) for seed in (0, 0, 1))
    np.testing.assert_array_equal(one, same)
    assert np.abs(one - other).max() > 0.1 and one.min() >= 0 and one.max() <= 1
    np.testing.assert_allclose(one.sum(axis=(1, 2, 3)), images.sum(axis=(1, 2, 3)), rtol=0.3)


def test_many_images_are_evaluated_in_parts_that_are_floats():
    images = np.random.default_rng(0).integers(0, 256, (7, 4, 4, 3), np.uint8)
    sizes = []

    def evaluate(part):
        sizes.append(len(part))
        return part.mean(axis=(1, 2))

    found = recipe("batches").in_parts(evaluate, images, size=3, desc="images")
    np.testing.assert_allclose(found, images.mean(axis=(1, 2)) / 255, rtol=1e-5)
    assert sizes == [3, 3, 1]


# Attacks


def test_one_step_moves_every_pixel_of_a_linear_network_against_the_class():
    weights = normal(6, 6, 1, 2, seed=1)
    images = 0.3 + 0.4 * random(3, 6, 6, 1)
    labels = np.array([0, 1, 0], np.int32)
    attack = partial(recipe("linf_attack").improved_attack, linear_net(weights), images, labels)
    change = attack(start=0 * images, radius=0.1, steps=1, step=0.1)
    # For class 0 the loss grows toward class 1.
    against = np.sign(weights[..., 1] - weights[..., 0])
    np.testing.assert_allclose(change, 0.1 * np.stack([against, -against, against]), atol=1e-6)


def test_an_attack_goes_on_from_its_start_and_stays_in_the_ball_and_the_box():
    images = random(4, 6, 6, 1)
    labels = np.array([0, 1, 2, 0], np.int32)
    net = linear_net(normal(6, 6, 1, 3, seed=2))
    attack = partial(recipe("linf_attack").improved_attack, net, images, labels, radius=0.25)
    whole = attack(start=0 * images, steps=4, step=0.1)
    half = attack(start=0 * images, steps=2, step=0.1)
    np.testing.assert_allclose(attack(start=half, steps=2, step=0.1), whole, atol=1e-6)
    attacked = images + whole
    assert np.abs(whole).max() <= 0.25 + 1e-6
    assert attacked.min() >= -1e-6 and attacked.max() <= 1 + 1e-6


def test_accuracy_is_the_share_of_right_predictions_and_an_attack_lowers_it():
    net = linear_net(normal(6, 6, 1, 3, seed=2))
    images = random(50, 6, 6, 1)
    labels = class_scores(net, images).argmax(axis=1).astype(np.int32)
    labels[:10] = (labels[:10] + 1) % 3
    accuracy = partial(recipe("linf_attack").attacked_accuracy, net, images, labels, batch=16)
    assert accuracy() == 0.8
    assert accuracy(radius=0.3) < 0.2


# Networks


def test_channels_first_is_a_matter_of_order_alone():
    """Compared are the graphs: shapes, and weights in their order.

    TensorFlow convolves on processors in the other order only.
    """
    plain = classifiers.mnist_wide()
    turned = recipe("train_mnist_wide").channels_first(plain)
    assert [weight.shape for weight in plain.weights] == [weight.shape for weight in turned.weights]
    assert turned.get_layer("pool2").output.shape == (None, 64, 7, 7)
    assert turned.get_layer("flatten").output.shape == (None, 3136)


def test_what_is_exported_is_what_is_read_back(monkeypatch, tmp_path):
    export = recipe("export")
    monkeypatch.setattr(export, "DATA", tmp_path)
    (tmp_path / "weights").mkdir()
    net, plain, other = (linear_net(normal(28, 28, 1, 3, seed=seed)) for seed in (1, 5, 6))
    export.export(net, plain, "net")
    back = export.stored(other, "net")
    images = random(4, 28, 28, 1)
    np.testing.assert_allclose(class_scores(back, images), class_scores(net, images), atol=0.02)
    assert not list(tmp_path.rglob("*.part*"))


# Facets and prototypes


def clusters(*counts):
    """Points in eight dimensions, so many in each of some clusters that lie far apart."""
    return np.concatenate(
        [normal(count, 8, seed=count) + 40 * place for place, count in enumerate(counts)]
    )


def test_a_group_has_thirty_images_at_least_and_the_largest_comes_first():
    groups = recipe("make_facets").groups
    assert list(np.bincount(groups(clusters(40, 100, 60, 35)))) == [100, 60, 40, 35]
    assert np.bincount(groups(clusters(100, 80, 70, 5))).min() >= 30


def test_facets_are_the_means_of_groups():
    images = np.random.default_rng(0).integers(0, 256, (70, 4, 4, 3), np.uint8)
    features = np.repeat([0.0, 90.0], [30, 40])[:, None, None, None] + normal(70, 2, 2, 8)
    rows = list(recipe("make_facets").means(images, features, 7))
    assert [row["count"] for row in rows] == [40, 30]
    assert {row["class_index"] for row in rows} == {7}
    np.testing.assert_array_equal(rows[0]["pictures"], np.rint(images[30:].mean(axis=0)))
    np.testing.assert_allclose(rows[1]["features"], features[:30].mean(axis=0), atol=1e-3)


def test_the_losses_of_protonet_are_those_of_the_paper():
    losses = recipe("train_protonet")
    images, drawn = (random(4, 3, 3, 1, seed=seed) for seed in (0, 1))
    errors = np.square(drawn - images).sum(axis=(1, 2, 3))
    np.testing.assert_allclose(losses.squared_error(images, drawn), errors, rtol=1e-5)
    distances = random(4, 5, seed=2)
    expected = distances.min(axis=0).mean() + distances.min(axis=1).mean()
    np.testing.assert_allclose(losses.prototype_distance(None, distances), expected, rtol=1e-6)


# Stylized images


def test_the_parts_of_the_stylizers_loss_are_those_of_style_transfer():
    losses = recipe("train_stylizer")
    maps, others = (normal(3, 5, 4, 6, seed=seed) for seed in (1, 2))
    np.testing.assert_allclose(losses.gram(maps), gram(maps), rtol=1e-4, atol=1e-6)
    expected = np.square(maps - others).sum(axis=(1, 2, 3)) / np.square(others).sum(axis=(1, 2, 3))
    np.testing.assert_allclose(losses.share(maps, others), expected, rtol=1e-4)
    images = random(2, losses.SIDE, losses.SIDE, 3)
    per_pixel = penalties.total_variation(images) / losses.SIDE**2
    np.testing.assert_allclose(losses.total_variation(images), per_pixel, rtol=1e-4)


def test_the_stylizers_objective_is_nothing_for_what_is_alike():
    losses = recipe("train_stylizer")
    layers = enumerate(losses.STYLE_LAYERS)
    maps = {layer: normal(2, 4, 4, 5, seed=number) for number, layer in layers}
    grams = {layer: gram(values) for layer, values in maps.items()}
    same = losses.parts(maps, maps, grams)
    half = {layer: 0.5 * values for layer, values in maps.items()}
    doubled = {layer: 2 * values for layer, values in grams.items()}
    other = losses.parts(maps, half, doubled)
    np.testing.assert_allclose(same["content"], 0, atol=1e-6)
    np.testing.assert_allclose(same["style"], 0, atol=1e-6)
    np.testing.assert_allclose(other["content"], 1, rtol=1e-4)  # (1 - 0.5)² / 0.5²
    np.testing.assert_allclose(other["style"], 0.25, rtol=1e-4)  # (1 - 2)² / 2²


@pytest.mark.parametrize(
    "ratio, added", [((1, 0), 0), ((1, 1), 20), ((1, 3), 60), ((2, 1), 10), ((4, 1), 5)]
)
def test_a_mixture_has_so_many_stylized_images_no_two_of_them_alike(ratio, added):
    images = np.zeros((20, 2, 2, 3), np.uint8)
    labels = np.arange(20)
    numbers = np.arange(1, 81, dtype=np.uint8).reshape(4, 20, 1, 1, 1)
    painted = np.broadcast_to(numbers, (4, 20, 2, 2, 3))
    mixed, answers = recipe("stylized_augmentation").mixture(
        images, labels, painted, ratio=ratio, random=np.random.default_rng(0)
    )
    assert len(mixed) == len(answers) == 20 + added and not mixed[:20].any()
    found = mixed[20:, 0, 0, 0]
    assert len(set(found)) == added
    np.testing.assert_array_equal((found - 1) % 20, answers[20:])


# Texture or shape


def test_pictures_in_which_cues_disagree_ask_for_classes_that_all_networks_know():
    cues = recipe("cue_conflict")
    questions = cues.questions()
    assert len(set(questions)) == len(questions) == 12 + 3 * 12 * 11
    assert all(shape == texture for weight, shape, texture in questions if not weight)
    assert all(shape != texture for weight, shape, texture in questions if weight)
    assert set(cues.TWELVE) <= set(CLASSES) & set(IMAGENET_CLASSES)


def test_the_table_of_cues_holds_an_answer_of_each_network_to_each_question():
    cues = recipe("cue_conflict")
    with cues.TABLE.open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    asked = [(int(row["style_weight"]), row["shape"], row["texture"]) for row in rows]
    networks = [(*question, row["network"]) for question, row in zip(asked, rows, strict=True)]
    assert set(asked) == set(cues.questions())
    assert len(set(networks)) == len(rows) == len(cues.NETWORKS) * len(cues.questions())
    assert {row["decision"] for row in rows} <= set(cues.TWELVE)
