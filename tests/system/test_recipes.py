"""The recipes that made the weights.

What they do to pictures is what they say, on the backend that the course uses.
"""

import numpy as np
import pytest
from recipes_loader import RECIPES, recipe
from small_nets import linear_net, normal, random

from lecture_lib.core import scores
from lecture_lib.models import classifiers
from lecture_lib.models.inference import class_scores
from lecture_lib.style_transfer import gram


@pytest.fixture(autouse=True)
def recipes_find_one_another(monkeypatch):
    monkeypatch.syspath_prepend(RECIPES)


# Batches


def batches_of(pictures, **options):
    return recipe("batches").Moved(pictures, np.arange(len(pictures)), batch=4, **options)


def test_every_picture_comes_once_in_a_pass_and_in_another_order_in_the_next():
    batches = batches_of(random(12, 5, 5, 1), shift=0)
    passes = []
    for _ in range(2):
        passes.append(np.concatenate([batches[number][1] for number in range(len(batches))]))
        batches.on_epoch_end()
    assert sorted(passes[0]) == sorted(passes[1]) == list(range(12)) and not np.array_equal(*passes)


def test_a_picture_is_shifted_as_a_whole_and_what_comes_in_is_black():
    pictures, moves = random(40, 6, 6, 1) + np.float32(0.1), set()
    batches, places = (
        batches_of(pictures, shift=2),
        [(row, column) for row in range(5) for column in range(5)],
    )
    for number in range(len(batches)):
        for moved, label in zip(*batches[number], strict=True):
            wide = np.pad(pictures[label], [(2, 2), (2, 2), (0, 0)])
            found = [
                (row, column)
                for row, column in places
                if np.array_equal(moved, wide[row : row + 6, column : column + 6])
            ]
            assert len(found) == 1
            moves |= {found[0]}
    assert len(moves) > 12 and {row for row, _ in moves} == {column for _, column in moves} == set(
        range(5)
    )


def test_bytes_become_numbers_from_0_to_1_and_mirrored_pictures_are_mirrored():
    pictures = np.random.default_rng(0).integers(0, 256, (40, 5, 5, 3), np.uint8)
    batches, mirrored = batches_of(pictures, shift=0, mirrored=True), 0
    for number in range(len(batches)):
        for moved, label in zip(*batches[number], strict=True):
            same = np.array_equal(moved, np.float32(pictures[label]) / 255)
            mirrored += not same
            assert same or np.array_equal(moved, np.float32(pictures[label][:, ::-1]) / 255)
    assert 8 <= mirrored <= 32


def test_an_enlarged_picture_is_a_part_of_it_at_the_old_size():
    rows = np.broadcast_to(np.arange(0, 240, 15, dtype=np.uint8)[:, None, None], (8, 16, 16, 3))
    for number in range(2):
        for moved, _ in zip(*batches_of(rows, shift=0, smallest=8)[number], strict=True):
            slopes = np.diff(255 * moved[2:-2, 4, 0])
            assert moved.shape == (16, 16, 3) and 15 / 2 - 1 <= slopes.mean() <= 15 + 1


def test_bending_by_nothing_changes_nothing_and_bending_keeps_the_ink():
    elastic, pictures = recipe("batches").elastic, np.zeros((5, 28, 28, 1), np.float32)
    pictures[:, 8:20, 12:16] = 1
    np.testing.assert_array_equal(
        elastic(pictures, random=np.random.default_rng(0), alpha=0), pictures
    )
    one, same, other = (elastic(pictures, random=np.random.default_rng(seed)) for seed in (0, 0, 1))
    np.testing.assert_array_equal(one, same)
    assert np.abs(one - other).max() > 0.1 and one.min() >= 0 and one.max() <= 1
    np.testing.assert_allclose(one.sum(axis=(1, 2, 3)), pictures.sum(axis=(1, 2, 3)), rtol=0.3)


# Attacks


def test_one_step_moves_every_pixel_of_a_linear_net_against_the_class():
    weights = normal(6, 6, 1, 2, seed=1)
    images, labels = 0.3 + 0.4 * random(3, 6, 6, 1), np.array([0, 1, 0], np.int32)
    change = recipe("linf_attack").improved_attack(
        linear_net(weights), images, labels, start=0 * images, radius=0.1, steps=1, step=0.1
    )
    against = np.sign(
        weights[..., 1] - weights[..., 0]
    )  # for class 0 the loss grows toward class 1
    np.testing.assert_allclose(change, 0.1 * np.stack([against, -against, against]), atol=1e-6)


def test_an_attack_goes_on_from_its_start_and_stays_in_the_ball_and_the_box():
    net, images, labels = (
        linear_net(normal(6, 6, 1, 3, seed=2)),
        random(4, 6, 6, 1),
        np.array([0, 1, 2, 0], np.int32),
    )
    attack = recipe("linf_attack").improved_attack
    whole = attack(net, images, labels, start=0 * images, radius=0.25, steps=4, step=0.1)
    half = attack(net, images, labels, start=0 * images, radius=0.25, steps=2, step=0.1)
    np.testing.assert_allclose(
        attack(net, images, labels, start=half, radius=0.25, steps=2, step=0.1), whole, atol=1e-6
    )
    assert (
        np.abs(whole).max() <= 0.25 + 1e-6
        and (images + whole).min() >= -1e-6
        and (images + whole).max() <= 1 + 1e-6
    )


def test_accuracy_is_the_share_of_right_guesses_and_an_attack_lowers_it():
    net, images = linear_net(normal(6, 6, 1, 3, seed=2)), random(50, 6, 6, 1)
    labels, accuracy = (
        class_scores(net, images).argmax(axis=1).astype(np.int32),
        recipe("linf_attack").attacked_accuracy,
    )
    labels[:10] = (labels[:10] + 1) % 3
    assert accuracy(net, images, labels, batch=16) == 0.8
    assert accuracy(net, images, labels, batch=16, radius=0.3) < 0.2


# Nets


def test_channels_first_is_a_matter_of_order_alone():
    """TensorFlow convolves on processors in the other order only, so what is compared is the graph:
    shapes, and weights in their order.
    """
    plain, turned = (
        classifiers.mnist_wide(),
        recipe("train_mnist_wide").channels_first(classifiers.mnist_wide()),
    )
    assert [weight.shape for weight in plain.weights] == [weight.shape for weight in turned.weights]
    assert turned.get_layer("pool2").output.shape == (None, 64, 7, 7) and turned.get_layer(
        "flatten"
    ).output.shape == (None, 3136)


def test_what_is_exported_is_what_is_read_back(monkeypatch, tmp_path):
    export = recipe("export")
    monkeypatch.setattr(export, "DATA", tmp_path)
    (tmp_path / "weights").mkdir()
    net = linear_net(normal(28, 28, 1, 3, seed=1))
    export.export(net, linear_net(normal(28, 28, 1, 3, seed=5)), "net")
    back, images = (
        export.stored(linear_net(normal(28, 28, 1, 3, seed=6)), "net"),
        random(4, 28, 28, 1),
    )
    np.testing.assert_allclose(class_scores(back, images), class_scores(net, images), atol=0.02)
    assert not list(tmp_path.glob("*.part*"))


# Facets and prototypes


def test_a_group_has_thirty_pictures_at_least_and_the_largest_comes_first():
    groups = recipe("make_facets").groups
    apart = np.concatenate(
        [normal(count, 8, seed=count) + 40 * place for place, count in enumerate([40, 100, 60, 35])]
    )
    assert list(np.bincount(groups(apart))) == [100, 60, 40, 35]
    lonely = np.concatenate(
        [normal(count, 8, seed=count) + 40 * place for place, count in enumerate([100, 80, 70, 5])]
    )
    assert np.bincount(groups(lonely)).min() >= 30


def test_the_losses_of_protonet_are_those_of_the_paper():
    recipe_of = recipe("train_protonet")
    pictures, drawn, distances = (
        random(4, 3, 3, 1),
        random(4, 3, 3, 1, seed=1),
        random(4, 5, seed=2),
    )
    np.testing.assert_allclose(
        recipe_of.squared_error(pictures, drawn),
        np.square(drawn - pictures).sum(axis=(1, 2, 3)),
        rtol=1e-5,
    )
    expected = distances.min(axis=0).mean() + distances.min(axis=1).mean()
    np.testing.assert_allclose(recipe_of.nearness(None, distances), expected, rtol=1e-6)


# Stylized pictures


def test_the_parts_of_the_stylizers_loss_are_those_of_style_transfer():
    recipe_of, maps, others = (
        recipe("train_stylizer"),
        normal(3, 5, 4, 6, seed=1),
        normal(3, 5, 4, 6, seed=2),
    )
    np.testing.assert_allclose(recipe_of.gram(maps), gram(maps), rtol=1e-4, atol=1e-6)
    expected = np.square(maps - others).sum(axis=(1, 2, 3)) / np.square(others).sum(axis=(1, 2, 3))
    np.testing.assert_allclose(recipe_of.share(maps, others), expected, rtol=1e-4)
    pictures = random(2, recipe_of.SIDE, recipe_of.SIDE, 3)
    np.testing.assert_allclose(
        recipe_of.unrest(pictures), scores.total_variation(pictures) / recipe_of.SIDE**2, rtol=1e-4
    )


def test_the_stylizers_objective_is_nothing_for_what_is_alike():
    recipe_of = recipe("train_stylizer")
    maps = {
        layer: normal(2, 4, 4, 5, seed=number)
        for number, layer in enumerate(recipe_of.STYLE_LAYERS)
    }
    same = recipe_of.parts(maps, maps, {layer: gram(values) for layer, values in maps.items()})
    half, doubled = (
        {layer: change(values) for layer, values in maps.items()}
        for change in (lambda v: 0.5 * v, lambda v: 2 * gram(v))
    )
    other = recipe_of.parts(maps, half, doubled)
    np.testing.assert_allclose(same["content"], 0, atol=1e-6)
    np.testing.assert_allclose(same["style"], 0, atol=1e-6)
    np.testing.assert_allclose(other["content"], 1, rtol=1e-4)  # (1 - 0.5)² / 0.5²
    np.testing.assert_allclose(other["style"], 0.25, rtol=1e-4)  # (1 - 2)² / 2²


@pytest.mark.parametrize(
    "ratio, added", [((1, 0), 0), ((1, 1), 20), ((1, 3), 60), ((2, 1), 10), ((4, 1), 5)]
)
def test_a_mixture_has_so_many_stylized_pictures_no_two_of_them_alike(ratio, added):
    pictures, labels = np.zeros((20, 2, 2, 3), np.uint8), np.arange(20)
    stylized = np.broadcast_to(
        np.arange(1, 81, dtype=np.uint8).reshape(4, 20, 1, 1, 1), (4, 20, 2, 2, 3)
    )
    mixed, answers = recipe("stylized_augmentation").mixture(
        pictures, labels, stylized, ratio=ratio, random=np.random.default_rng(0)
    )
    numbers = mixed[20:, 0, 0, 0]
    assert (
        len(mixed) == len(answers) == 20 + added
        and not mixed[:20].any()
        and len(set(numbers)) == added
    )
    np.testing.assert_array_equal((numbers - 1) % 20, answers[20:])
