"""Shapley values: sums over all orders, shares that add up, and standard errors that are true."""

from itertools import permutations

import numpy as np
import pytest
from small_nets import linear_net, normal, random, small_net

from lecture_lib.core.scores import class_probability
from lecture_lib.models.inference import class_scores, probabilities
from lecture_lib.occlusion import shapley
from lecture_lib.occlusion.shapley import (
    Shapley,
    exact_shares,
    grid_parts,
    sampled_shares,
    shapley_map,
    shapley_values,
    shares_on_image,
)

IMAGE = random(12, 12, 3)


def shapley_by_hand(score_of, count):
    """The mean gain of each part over all orders; score_of: set of visible parts -> score."""
    shares, orders = np.zeros(count), list(permutations(range(count)))
    for order in orders:
        for turn, part in enumerate(order):
            with_it, without = frozenset(order[: turn + 1]), frozenset(order[:turn])
            shares[part] += score_of(with_it) - score_of(without)
    return shares / len(orders)


def game(table):
    """The game whose coalitions have the scores of a table; part i counts 2ⁱ in its index."""
    powers = 2 ** np.arange(int(np.log2(len(table))))
    return lambda coalitions: table[np.asarray(coalitions, int) @ powers]


# Exact


def test_shapley_values_are_the_mean_over_all_orders():
    net, parts = small_net(), grid_parts((12, 12), 2)
    score_of = {}
    for number in range(16):
        visible = [part for part in range(4) if number >> part & 1]
        shown = np.where(np.isin(parts, visible)[..., None], IMAGE, np.float32(0.2))
        score_of[frozenset(visible)] = float(class_scores(net, shown)[3])
    found = shapley_values(net, IMAGE, 3, grid=2, fill=0.2)
    np.testing.assert_allclose(found.values, shapley_by_hand(score_of.get, 4), rtol=1e-4, atol=1e-6)
    assert not found.errors.any()


def test_of_a_linear_network_each_part_gets_its_own_sum():
    weights, image = normal(9, 9, 3, 2), random(9, 9, 3)
    own = ((image - 0.5) * weights[..., 1]).sum(axis=2)
    exact = shapley_values(linear_net(weights), image, 1, grid=3)
    sampled = shapley_values(linear_net(weights), image, 1, grid=3, samples=3)
    for found in exact, sampled:
        sums = np.bincount(found.parts.ravel(), own.ravel())
        np.testing.assert_allclose(found.values, sums, rtol=1e-3, atol=1e-4)
    assert sampled.errors.max() < 1e-4  # every order agrees


def test_two_of_which_either_would_do_share_alike():
    """The score is 1 when any part is visible: the slide's fair share is 1/2 each for two."""
    by_hand = shapley_by_hand(lambda visible: float(bool(visible)), 2)
    np.testing.assert_allclose(by_hand, [0.5, 0.5])

    def any_visible(coalitions):
        return coalitions.any(axis=1).astype(float)

    np.testing.assert_allclose(exact_shares(any_visible, 2), by_hand)
    np.testing.assert_allclose(exact_shares(any_visible, 5), np.full(5, 0.2))


def test_a_part_that_never_matters_gets_nothing_and_weights_add_up():
    table = normal(8)
    values = exact_shares(game(table.repeat(2)), 4)  # part 0 is not looked at
    np.testing.assert_allclose(values[0], 0, atol=1e-12)
    np.testing.assert_allclose(values.sum(), table[7] - table[0], rtol=1e-6)


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"samples": 2},
        {"samples": 7, "seed": 3},
        {"grid": 5, "samples": 2},
        {"score": class_probability},
    ],
)
def test_the_values_add_up_exactly(options):
    net, found = small_net(), shapley_values(small_net(), IMAGE, 1, **({"grid": 2} | options))
    ends = np.stack([IMAGE, np.full_like(IMAGE, 0.5)])
    whole, none = (probabilities if "score" in options else class_scores)(net, ends)[:, 1]
    np.testing.assert_allclose(found.values.sum(), whole - none, rtol=1e-5, atol=1e-6)


# Sampled


def test_the_sample_is_unbiased_and_its_standard_error_is_true():
    """Over 200 seeds, the errors in units of the stated one have mean 0 and a spread of 1."""
    evaluate = game(normal(64, seed=3))
    exact = exact_shares(evaluate, 6)
    runs = [sampled_shares(evaluate, 6, samples=40, seed=seed) for seed in range(200)]
    off = np.array([(values - exact) / errors for values, errors in runs])
    assert abs(off.mean()) < 0.1
    assert 0.9 < off.std() < 1.15


def test_a_coalition_that_several_orders_share_is_asked_about_once(monkeypatch):
    asked = []
    masked_scores = shapley.masked_scores

    def counted(score, image, masks, **options):
        asked.extend(masks)
        return masked_scores(score, image, iter(asked), **options)

    monkeypatch.setattr(shapley, "masked_scores", counted)
    shapley_values(small_net(), random(12, 12, 3), 1, grid=2, samples=40)
    different = {mask.tobytes() for mask in asked}
    assert len(asked) == len(different) <= 16  # 40 orders of 4 parts pass through 16 coalitions


def test_samples_repeat_themselves_with_their_seed():
    one, same, other = (
        shapley_values(small_net(), IMAGE, 1, grid=3, samples=4, seed=seed) for seed in (5, 5, 6)
    )
    np.testing.assert_array_equal(one.values, same.values)
    assert not np.allclose(one.values, other.values)


# Parts and maps


def test_the_map_spreads_each_value_over_its_part():
    parts = np.zeros((12, 12), int)
    parts[:3] = 1
    parts[5:7, 5:] = 2
    options = {"grid": parts, "samples": 4, "fill": 0.1}
    values = shapley_values(small_net(), IMAGE, 2, **options).values
    found = shapley_map(small_net(), IMAGE, 2, **options)
    assert found.shape == (12, 12) and found.dtype == np.float32
    for part in range(3):
        np.testing.assert_allclose(found[parts == part].sum(), values[part], rtol=1e-4, atol=1e-6)
        assert np.ptp(found[parts == part]) == 0


@pytest.mark.parametrize("shape, grid", [((12, 12), 3), ((10, 7), 4), ((5, 5), 5)])
def test_a_grid_cuts_the_image_into_parts_of_nearly_one_size(shape, grid):
    parts = grid_parts(shape, grid)
    sizes = np.bincount(parts.ravel())
    assert parts.shape == shape and len(sizes) == grid**2
    assert sizes.min() >= (shape[0] // grid) * (shape[1] // grid)
    assert sizes.max() <= -(-shape[0] // grid) * -(-shape[1] // grid)


@pytest.mark.parametrize(
    "options, sentence",
    [
        ({"grid": 0}, "1 to 12 parts a side"),
        ({"grid": 13}, "1 to 12 parts a side"),
        ({"grid": 5}, "give samples"),
        ({"samples": 1}, "2 or more samples"),
        ({"grid": np.zeros((5, 5), int)}, "one for each pixel"),
        ({"grid": np.ones((12, 12), int)}, "one for each pixel"),
        ({"grid": np.zeros((12, 12))}, "one for each pixel"),
    ],
)
def test_parts_that_are_none_give_a_sentence(options, sentence):
    with pytest.raises(ValueError, match=sentence):
        shapley_values(small_net(), IMAGE, 0, **options)


def test_a_result_names_what_it_holds():
    assert Shapley._fields == ("values", "errors", "parts")


# A figure


def test_shares_are_drawn_in_their_parts_red_above_zero_and_blue_below():
    gray = np.full((40, 60, 1), 0.5, np.float32)
    parts = np.repeat([[0, 1, 2]], 20, axis=1).repeat(40, axis=0)
    shares = Shapley(np.array([0.6, 0.001, -0.3]), np.zeros(3), parts)
    drawn = shares_on_image(gray, shares, width=300, least=0.7)  # without numbers
    left, middle, right = (drawn[100, column] for column in (50, 150, 250))
    assert drawn.shape == (200, 300, 3) and drawn.min() >= 0 and drawn.max() <= 1
    assert left[0] > left[2] and right[2] > right[0] and np.ptp(middle) < 0.1


def test_only_shares_that_are_large_enough_have_a_number():
    gray = np.full((40, 60, 1), 0.5, np.float32)
    parts = np.repeat([[0, 1, 2]], 20, axis=1).repeat(40, axis=0)
    shares = Shapley(np.array([0.6, 0.001, -0.3]), np.zeros(3), parts)
    without = shares_on_image(gray, shares, width=300, least=0.7)
    written = (shares_on_image(gray, shares, width=300, least=0.5) != without).any(axis=(0, 2))
    assert written[:100].any() and not written[120:].any()
