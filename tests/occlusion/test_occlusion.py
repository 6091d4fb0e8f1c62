"""Occlusion and Shapley values: models that read one pixel, sums over all orders, and parts that add up to the whole."""

from functools import partial
from itertools import permutations

import numpy as np
import pytest
from small_nets import counting_net, linear_net, normal, random, small_net, stops_after

from lecture_lib.core.scores import channel_score, class_probability, class_score
from lecture_lib.models.batching import batches
from lecture_lib.models.inference import class_scores, probabilities
from lecture_lib.occlusion import occlusion
from lecture_lib.occlusion.occlusion import masked_scores, occlusion_map, patch_places
from lecture_lib.occlusion.shapley import Shapley, grid_parts, shapley_map, shapley_values

IMAGE = random(12, 12, 3)


def one_pixel_net():
    """A net of 8x8 pixels whose class 1 reads the red of pixel (2, 5) alone."""
    weights = np.zeros((8, 8, 3, 2), np.float32)
    weights[2, 5, 0, 1] = 3.0
    return linear_net(weights)


def shapley_by_hand(score_of, count):
    """The mean gain of each part over all orders; score_of: set of visible parts -> score."""
    shares, orders = np.zeros(count), list(permutations(range(count)))
    for order in orders:
        for turn, part in enumerate(order):
            shares[part] += score_of(frozenset(order[: turn + 1])) - score_of(
                frozenset(order[:turn])
            )
    return shares / len(orders)


def score_with(net, image, parts, *, visible, class_index, fill):
    hidden = ~np.isin(parts, list(visible))
    return float(
        class_scores(net, np.where(hidden[..., None], np.float32(fill), image))[class_index]
    )


# Occlusion


def test_a_net_that_reads_one_pixel_needs_the_patches_that_cover_it():
    image = np.ones((8, 8, 3), np.float32)
    found = occlusion_map(one_pixel_net(), image, 1, patch=2, stride=1, fill=0.0, of=class_score)
    covers = np.zeros(
        (8, 8)
    )  # the four patches that hold the pixel each cost 3; a pixel gets the mean over the patches on it
    for top, left in (1, 4), (1, 5), (2, 4), (2, 5):
        covers[top : top + 2, left : left + 2] += 3.0
    np.testing.assert_allclose(
        found, covers / 4, rtol=1e-5, atol=1e-6
    )  # none of them at the edge, where fewer patches lie
    assert found[2, 5] == found.max() == 3.0 and found.dtype == np.float32


@pytest.mark.parametrize(
    "shape, patch, stride", [((12, 12), 4, 4), ((12, 12), 5, 3), ((10, 14), 3, 2), ((9, 7), 7, 7)]
)
def test_the_map_is_the_mean_fall_of_the_probability_over_the_patches_on_each_pixel(
    shape, patch, stride
):
    image, net = random(*shape, 3), small_net()
    tops, lefts = (sorted({*range(0, side - patch, stride), side - patch}) for side in shape)
    total, count = np.zeros((2, *shape))
    for top in tops:
        for left in lefts:
            covered = image.copy()
            covered[top : top + patch, left : left + patch] = 0.5
            total[top : top + patch, left : left + patch] += (
                probabilities(net, image)[2] - probabilities(net, covered)[2]
            )
            count[top : top + patch, left : left + patch] += 1
    assert count.min() >= 1
    np.testing.assert_allclose(
        occlusion_map(net, image, 2, patch=patch, stride=stride),
        total / count,
        rtol=1e-3,
        atol=1e-6,
    )


def test_of_a_linear_net_a_patch_takes_away_what_it_covers():
    weights, image = normal(8, 8, 1, 2), random(8, 8, 1)
    found = occlusion_map(
        linear_net(weights), image, 0, patch=4, stride=4, fill=0.25, of=class_score
    )
    by_hand = (
        ((image - 0.25) * weights[..., 0])[..., 0]
        .reshape(2, 4, 2, 4)
        .sum(axis=(1, 3))
        .repeat(4, axis=0)
        .repeat(4, axis=1)
    )
    np.testing.assert_allclose(found, by_hand, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("fill", [0.3, np.float32([0.1, 0.5, 0.9]), random(12, 12, 3, seed=4)])
def test_a_number_a_color_and_a_picture_can_cover(fill):
    mask = np.zeros((12, 12), bool)
    mask[3:7, 2:9] = True
    covered = np.where(mask[..., None], np.float32(fill), IMAGE)
    found = list(masked_scores(class_score(small_net(), 1), IMAGE, [mask], fill=fill))
    np.testing.assert_allclose(found, [class_scores(small_net(), covered)[1]], rtol=1e-5)


def test_covering_a_picture_with_itself_changes_nothing():
    np.testing.assert_allclose(occlusion_map(small_net(), IMAGE, 1, fill=IMAGE), 0, atol=1e-7)


def test_hidden_values_do_not_depend_on_how_many_are_asked_for():
    masks, score = random(11, 12, 12) > 0.5, class_score(small_net(), 1)
    together = list(masked_scores(score, IMAGE, masks))
    alone = [next(masked_scores(score, IMAGE, [mask])) for mask in masks]
    assert len(together) == 11
    np.testing.assert_allclose(together, alone, rtol=1e-5)


def test_any_score_can_be_hidden_from():
    mask = np.ones((12, 12), bool)
    found = next(masked_scores(channel_score(small_net(), "conv1", 2), IMAGE, [mask], fill=0.5))
    lambdas = next(masked_scores(lambda images: images[:, 0, 0, 0] + 1, IMAGE, [mask], fill=0.5))
    assert np.isfinite(found) and lambdas == 1.5


@pytest.mark.parametrize("shape", [(64, 64), (224, 224), (28, 28)])
def test_by_default_a_picture_of_any_size_is_asked_about_as_often(shape):
    rows, columns = patch_places(shape)
    assert 144 <= len(rows) * len(columns) <= 169
    assert rows.any(axis=0).all() and columns.any(axis=0).all()


def test_an_interrupt_returns_what_was_reached(monkeypatch):
    full = occlusion_map(small_net(), IMAGE, 2, patch=4, stride=4)
    monkeypatch.setattr(occlusion, "value", stops_after(occlusion.value, 1))
    monkeypatch.setattr(occlusion, "batches", partial(batches, size=8))
    part = occlusion_map(small_net(), IMAGE, 2, patch=4, stride=4)  # 9 places, 7 in the first call
    np.testing.assert_allclose(part[:8], full[:8], rtol=1e-5)
    np.testing.assert_allclose(part[8:, :4], full[8:, :4], rtol=1e-5)
    assert not part[8:, 4:].any()


# Shapley values


def test_shapley_values_are_the_mean_over_all_orders():
    net, parts = small_net(), grid_parts((12, 12), 2)
    of_set = {}
    for size in range(16):
        visible = frozenset(part for part in range(4) if size >> part & 1)
        of_set[visible] = score_with(net, IMAGE, parts, visible=visible, class_index=3, fill=0.2)
    found = shapley_values(net, IMAGE, 3, grid=2, fill=0.2)
    np.testing.assert_allclose(found.values, shapley_by_hand(of_set.get, 4), rtol=1e-4, atol=1e-6)
    assert not found.errors.any()


def test_of_a_linear_net_each_part_gets_its_own_sum():
    weights, image = normal(9, 9, 3, 2), random(9, 9, 3)
    own = ((image - 0.5) * weights[..., 1]).sum(axis=2)
    exact = shapley_values(linear_net(weights), image, 1, grid=3)
    sampled = shapley_values(linear_net(weights), image, 1, grid=3, samples=3)
    for found in exact, sampled:
        np.testing.assert_allclose(
            found.values, np.bincount(found.parts.ravel(), own.ravel()), rtol=1e-3, atol=1e-4
        )
    assert sampled.errors.max() < 1e-4  # every order agrees


def test_two_of_which_either_would_do_share_alike():
    """max(a, b), written with ReLUs; the slide's way to a fair share: 1/2 each, where hiding either alone changes nothing."""
    by_hand = shapley_by_hand(lambda visible: float(bool(visible)), 2)
    np.testing.assert_allclose(by_hand, [0.5, 0.5])
    ask = lambda shown: shown.any(axis=1).astype(float)
    np.testing.assert_allclose(occlusion._exact(ask, 2)[0], by_hand)
    np.testing.assert_allclose(occlusion._exact(ask, 5)[0], np.full(5, 0.2))


def test_a_part_that_never_matters_gets_nothing_and_weights_add_up():
    table = normal(16)
    ask = lambda shown: table[shown[:, 1:].astype(int) @ [1, 2, 4]]  # part 0 is not looked at
    values, _ = occlusion._exact(ask, 4)
    np.testing.assert_allclose(values[0], 0, atol=1e-12)
    np.testing.assert_allclose(values.sum(), table[7] - table[0])


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"samples": 2},
        {"samples": 7, "seed": 3},
        {"grid": 5, "samples": 2},
        {"of": class_probability},
    ],
)
def test_the_values_add_up_exactly(options):
    net, found = small_net(), shapley_values(small_net(), IMAGE, 1, **({"grid": 2} | options))
    ends = np.stack([IMAGE, np.full_like(IMAGE, 0.5)])
    whole, none = (probabilities if "of" in options else class_scores)(net, ends)[:, 1]
    np.testing.assert_allclose(found.values.sum(), whole - none, rtol=1e-5, atol=1e-6)


def test_the_sample_is_unbiased_and_its_standard_error_is_stated_rightly():
    """Of 200 samples with other seeds, the errors in units of the stated one have mean 0 and a spread of 1."""
    table, sizes = normal(64, seed=3), 2 ** np.arange(6)
    ask = lambda shown: table[np.asarray(shown, int) @ sizes]
    exact, _ = occlusion._exact(ask, 6)
    runs = [occlusion._sampled(ask, 6, samples=40, seed=seed) for seed in range(200)]
    off = np.array([(values - exact) / errors for values, errors in runs])
    assert abs(off.mean()) < 0.1
    assert 0.9 < off.std() < 1.15


def test_samples_repeat_themselves_with_their_seed():
    one, same, other = (
        shapley_values(small_net(), IMAGE, 1, grid=3, samples=4, seed=seed) for seed in (5, 5, 6)
    )
    np.testing.assert_array_equal(one.values, same.values)
    assert not np.allclose(one.values, other.values)


def test_the_map_spreads_each_value_over_its_part():
    parts = np.zeros((12, 12), int)
    parts[:3], parts[5:7, 5:] = 1, 2
    options = {"grid": parts, "samples": 4, "fill": 0.1}
    values, found = (
        shapley_values(small_net(), IMAGE, 2, **options).values,
        shapley_map(small_net(), IMAGE, 2, **options),
    )
    assert found.shape == (12, 12) and found.dtype == np.float32
    for part in range(3):
        np.testing.assert_allclose(found[parts == part].sum(), values[part], rtol=1e-4, atol=1e-6)
        assert np.ptp(found[parts == part]) == 0


@pytest.mark.parametrize("shape, grid", [((12, 12), 3), ((10, 7), 4), ((5, 5), 5)])
def test_a_grid_cuts_the_picture_into_parts_of_nearly_one_size(shape, grid):
    parts = grid_parts(shape, grid)
    sizes = np.bincount(parts.ravel())
    assert parts.shape == shape and len(sizes) == grid**2
    assert sizes.min() >= (shape[0] // grid) * (shape[1] // grid)
    assert sizes.max() <= -(-shape[0] // grid) * -(-shape[1] // grid)


# What both promise

MAPS = [occlusion_map, shapley_map]


def test_a_new_class_picture_patch_or_fill_compiles_nothing_anew():
    net, calls = counting_net()
    occlusion_map(net, random(6, 6, 3), 0, patch=2, stride=1)
    shapley_map(net, random(6, 6, 3), 0)
    calls.clear()
    for class_index in 1, 2:
        image = random(6, 6, 3, seed=class_index)
        occlusion_map(net, image, class_index, patch=1 + class_index, stride=2, fill=image[::-1])
        shapley_map(net, image, class_index, grid=2, fill=0.1)
        shapley_map(net, image, class_index, grid=4, samples=2)
    assert not calls


@pytest.mark.parametrize("make", MAPS)
@pytest.mark.parametrize("bad", [255, -0.1, np.nan, np.zeros(4), np.zeros((3, 12, 3))])
def test_a_fill_that_is_none_gives_a_sentence(make, bad):
    with pytest.raises(ValueError, match="The fill is a number"):
        make(small_net(), IMAGE, 0, fill=bad)


@pytest.mark.parametrize(
    "options",
    [
        {"patch": 13},
        {"patch": 0},
        {"patch": -1},
        {"patch": 2.5},
        {"patch": 4, "stride": 5},
        {"patch": 4, "stride": 0},
        {"stride": -1},
    ],
)
def test_a_patch_that_does_not_fit_gives_a_sentence(options):
    with pytest.raises(ValueError, match="1 to 12 pixels a side"):
        occlusion_map(small_net(), IMAGE, 0, **options)


@pytest.mark.parametrize(
    "options, sentence",
    [
        ({"grid": 0}, "1 to 12 parts a side"),
        ({"grid": 13}, "1 to 12 parts a side"),
        ({"grid": 5}, "give samples"),
        ({"samples": 1}, "2 or more samples"),
        ({"grid": np.zeros((5, 5), int)}, "one a pixel"),
        ({"grid": np.ones((12, 12), int)}, "one a pixel"),
        ({"grid": np.zeros((12, 12))}, "one a pixel"),
    ],
)
def test_parts_that_are_none_give_a_sentence(options, sentence):
    with pytest.raises(ValueError, match=sentence):
        shapley_values(small_net(), IMAGE, 0, **options)


def test_a_result_names_what_it_holds():
    assert Shapley._fields == ("values", "errors", "parts")
