"""The scoreboard: a perfect map scores 1, a random one chance; curves are known for linear nets."""

import warnings

import numpy as np
import pytest
from scipy import stats
from skimage.filters import sobel
from sklearn.metrics import roc_auc_score
from small_nets import linear_net, normal, numbers_of, random, small_net

from lecture_lib.datasets.synthetic import cross, paint_badges, ring
from lecture_lib.models.inference import class_scores
from lecture_lib.models.surgery import with_shuffled_weights
from lecture_lib.models.synthetic_nets import hand_set_network
from lecture_lib.saliency import saliency_map
from lecture_lib.scoreboard import (
    area_under_roc,
    bootstrap_interval,
    center_map,
    deletion_curve,
    edge_map,
    grade,
    insertion_curve,
    mass_inside,
    normalized_auc,
    pointing_game,
    random_map,
    rank_correlation,
)

MASK = np.zeros((12, 10), bool)
MASK[2:6, 3:9] = True
MEASURES = [pointing_game, mass_inside, area_under_roc]
IMAGE = random(12, 12, 3)


@pytest.mark.parametrize("measure", MEASURES)
def test_a_perfect_mask_scores_1_and_its_opposite_0(measure):
    assert measure(MASK.astype(np.float32), MASK) == 1
    assert measure((~MASK).astype(np.float32), MASK) == 0


@pytest.mark.parametrize(
    "measure, chance",
    [(pointing_game, MASK.mean()), (mass_inside, MASK.mean()), (area_under_roc, 0.5)],
)
def test_random_and_constant_maps_score_at_chance(measure, chance):
    scores = [measure(random(12, 10, seed=seed), MASK) for seed in range(400)]
    assert abs(np.mean(scores) - chance) < 4 * np.std(scores) / 20
    for constant in (0.0, 0.7, -2.0):
        assert measure(np.full((12, 10), constant), MASK) == pytest.approx(chance)


def test_of_several_highest_pixels_the_share_inside_counts():
    heatmap = np.zeros((12, 10))
    heatmap[2, 3] = heatmap[5, 5] = heatmap[0, 0] = heatmap[11, 0] = 3
    assert pointing_game(heatmap, MASK) == 0.5


def test_mass_counts_what_speaks_for_the_class_only():
    heatmap = np.zeros((12, 10))
    heatmap[3, 4], heatmap[0, 0], heatmap[11, 9], heatmap[4, 4] = 3, 1, -50, -2
    assert mass_inside(heatmap, MASK) == 0.75


@pytest.mark.parametrize("levels", [3, 1000])
def test_the_area_under_roc_is_that_of_scikit_learn(levels):
    heatmap = np.round(normal(12, 10) * levels) / levels + 0.3 * MASK
    assert area_under_roc(heatmap, MASK) == pytest.approx(
        roc_auc_score(MASK.ravel(), np.float32(heatmap).ravel())
    )


@pytest.mark.parametrize("measure", MEASURES)
@pytest.mark.parametrize(
    "heatmap, mask, sentence",
    [
        (random(12, 10), MASK.T, "shaped like the map"),
        (random(12, 10), MASK.astype(float), "A mask is boolean"),
        (random(12, 10), np.ones((12, 10), bool), "True and False"),
        (random(12, 10), np.zeros((12, 10), bool), "True and False"),
        (random(12, 10, 3), MASK, "A map has the shape"),
        (np.full((12, 10), np.nan), MASK, "finite numbers"),
    ],
)
def test_what_is_no_map_or_mask_gives_a_sentence(measure, heatmap, mask, sentence):
    with pytest.raises(ValueError, match=sentence):
        measure(heatmap, mask)


def test_on_a_linear_net_the_curves_are_cumulative_sums():
    weights, image = np.abs(normal(4, 5, 3, 2)), random(4, 5, 3)
    net, parts = linear_net(weights), (image * weights[..., 1]).sum(axis=-1)
    falling = np.sort(parts.ravel())[::-1]
    expected = parts.sum() - np.concatenate([[0], np.cumsum(falling)])[::2]
    deletion, insertion = (
        make(net, image, 1, heatmap=parts, fill=0.0) for make in (deletion_curve, insertion_curve)
    )
    np.testing.assert_allclose(deletion, expected, rtol=1e-4, atol=1e-4)
    np.testing.assert_allclose(insertion, parts.sum() - expected, rtol=1e-4, atol=1e-4)


def test_curves_run_from_the_picture_to_the_fill_and_the_order_of_ties_is_drawn():
    net, heatmap, blurred = small_net(), np.zeros((12, 12)), 0.5 * random(12, 12, 3, seed=1)
    curve = deletion_curve(net, IMAGE, 2, heatmap=heatmap, fill=blurred, steps=6)
    ends = class_scores(net, np.stack([IMAGE, blurred]))[:, 2]
    np.testing.assert_allclose(curve[[0, -1]], ends, rtol=1e-5)
    np.testing.assert_allclose(
        insertion_curve(net, IMAGE, 2, heatmap=heatmap, fill=blurred, steps=6)[[-1, 0]],
        ends,
        rtol=1e-5,
    )
    np.testing.assert_array_equal(
        curve, deletion_curve(net, IMAGE, 2, heatmap=heatmap, fill=blurred, steps=6)
    )
    assert not np.allclose(
        curve, deletion_curve(net, IMAGE, 2, heatmap=heatmap, fill=blurred, steps=6, seed=1)
    )


def test_one_picture_at_a_time_gives_the_same_curve():
    net, heatmap = small_net(), random(12, 12)
    order = np.argsort(-heatmap.ravel())
    by_hand = []
    for gone in range(0, 145, 24):
        picture = IMAGE.copy().reshape(-1, 3)
        picture[order[:gone]] = 0.5
        by_hand.append(class_scores(net, picture.reshape(12, 12, 3))[4])
    np.testing.assert_allclose(
        deletion_curve(net, IMAGE, 4, heatmap=heatmap, steps=6), by_hand, rtol=1e-4, atol=1e-5
    )


@pytest.mark.parametrize("curve", [deletion_curve, insertion_curve])
def test_a_map_given_as_a_list_is_the_same_map(curve):
    net, heatmap = small_net(), random(12, 12)
    of_list = curve(net, IMAGE, 3, heatmap=heatmap.tolist(), steps=5)
    np.testing.assert_array_equal(of_list, curve(net, IMAGE, 3, heatmap=heatmap, steps=5))


def test_the_normalized_area_under_a_curve_is_known_for_lines():
    assert (
        normalized_auc(np.linspace(3, -1, 9))
        == pytest.approx(0.5)
        == pytest.approx(normalized_auc(np.linspace(-1, 3, 9)))
    )
    assert normalized_auc([4.0, 0, 0, 0, 0]) == pytest.approx(1 / 8) and normalized_auc(
        [0.0, 4, 4, 4, 4]
    ) == pytest.approx(7 / 8)


def test_rank_correlation_is_the_correlation_of_ranks_and_a_constant_map_is_like_itself_alone():
    one, other = random(12, 10), random(12, 10, seed=1)
    assert rank_correlation(one, np.exp(one)) == pytest.approx(1) and rank_correlation(
        one, -one
    ) == pytest.approx(-1)
    assert rank_correlation(one, other) == pytest.approx(
        np.corrcoef(one.ravel().argsort().argsort(), other.ravel().argsort().argsort())[0, 1]
    )
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert (
            rank_correlation(np.zeros((3, 3)), np.ones((3, 3))) == 1
            and rank_correlation(np.zeros((12, 10)), one) == 0
        )


def test_baselines_know_nothing_of_the_net():
    for make in (random_map, center_map, edge_map):
        maps = [
            make(small_net(), IMAGE, 0),
            make(small_net(), IMAGE, 3),
            make(hand_set_network(), IMAGE, 1),
        ]
        assert (
            all(np.array_equal(maps[0], other) for other in maps)
            and maps[0].shape == (12, 12)
            and maps[0].dtype == np.float32
        )
    assert not np.array_equal(
        random_map(small_net(), IMAGE, 0), random_map(small_net(), 1 - IMAGE, 0)
    )
    assert not np.array_equal(
        random_map(small_net(), IMAGE, 0), random_map(small_net(), IMAGE, 0, seed=1)
    )
    assert np.unravel_index(center_map(small_net(), random(5, 9, 3), 0).argmax(), (5, 9)) == (2, 4)
    np.testing.assert_allclose(
        edge_map(small_net(), IMAGE, 0), sobel(IMAGE.mean(axis=-1)), rtol=1e-5
    )


def test_the_table_of_a_net_whose_cause_is_known():
    gray = np.repeat(random(6, 64, 64, 1), 3, axis=-1)
    marked, net, classes = paint_badges(gray, [ring, cross]), hand_set_network(), np.arange(6) % 2
    masks = marked.masks[classes, np.arange(6)]
    kept = numbers_of(net)

    def cheat(model, image, class_index):
        number = [np.array_equal(image, marked_image) for marked_image in marked.images].index(True)
        return np.float32(masks[number])

    board = grade(
        {"cheat": cheat, "saliency": saliency_map, "random": random_map},
        net,
        marked.images,
        classes=classes,
        masks=masks,
    )
    assert list(board) == ["cheat", "saliency", "random"] and {
        len(numbers) for grades in board.values() for numbers in grades
    } == {6}
    assert (
        (board["cheat"].pointing == 1).all()
        and (board["cheat"].mass == 1).all()
        and (board["cheat"].roc == 1).all()
    )
    assert (board["saliency"].pointing > 0.99).all() and (
        board["saliency"].mass > 0.99
    ).all()  # the net looks at colored pixels alone
    assert (board["random"].rank_correlation > 0.999).all() and abs(
        board["random"].roc.mean() - 0.5
    ) < 0.05
    assert (board["cheat"].deletion < board["random"].deletion).all() and (
        board["cheat"].insertion > board["random"].insertion
    ).all()
    assert all(np.array_equal(*pair) for pair in zip(kept, net.get_weights(), strict=True))
    np.testing.assert_array_equal(board["cheat"].heatmaps, masks)


def test_a_shuffled_network_that_is_given_takes_the_place_of_a_new_one():
    net, images, masks = small_net(), random(3, 12, 12, 3), np.stack([MASK[:, :6].repeat(2, 1)] * 3)
    asked = {"classes": np.arange(3), "masks": masks, "steps": 2}
    maps = {"saliency": saliency_map}
    own = grade(maps, net, images, **asked)["saliency"]
    given = grade(maps, net, images, **asked, shuffled=with_shuffled_weights(net))["saliency"]
    itself = grade(maps, net, images, **asked, shuffled=net)["saliency"]
    np.testing.assert_allclose(own.rank_correlation, given.rank_correlation, rtol=1e-5)
    np.testing.assert_allclose(itself.rank_correlation, 1, rtol=1e-5)
    assert (own.rank_correlation < 0.9).any()
    for measured in (own, itself):
        for k, (image, heatmap) in enumerate(zip(images, measured.heatmaps, strict=True)):
            curve = deletion_curve(net, image, k, heatmap=heatmap, steps=2)
            np.testing.assert_allclose(measured.deletion[k], normalized_auc(curve), rtol=1e-3)


def test_the_interval_is_that_of_the_bootstrap_and_shrinks_with_more_pictures():
    values = random(40)
    theirs = stats.bootstrap(
        (values,), np.mean, n_resamples=4000, method="percentile"
    ).confidence_interval
    np.testing.assert_allclose(bootstrap_interval(values), theirs, atol=0.02)
    assert bootstrap_interval(values) == bootstrap_interval(values)
    assert bootstrap_interval(np.ones(5)) == (1, 1)
    assert np.ptp(bootstrap_interval(np.tile(values, 9))) < 0.5 * np.ptp(bootstrap_interval(values))


@pytest.mark.parametrize(
    "ask, sentence",
    [
        (
            lambda: deletion_curve(small_net(), IMAGE, 0, heatmap=random(6, 6)),
            r"The map must be \(12, 12\)",
        ),
        (
            lambda: deletion_curve(small_net(), IMAGE, 0, heatmap=random(12, 12), steps=0),
            "steps 1 or more",
        ),
        (
            lambda: insertion_curve(small_net(), 255 * IMAGE, 0, heatmap=random(12, 12)),
            "divide by 255",
        ),
        (lambda: deletion_curve(small_net(), IMAGE, 7, heatmap=random(12, 12)), "from 0 to 4"),
        (
            lambda: grade(
                {"random": random_map}, small_net(), IMAGE[None], classes=[0, 1], masks=MASK[None]
            ),
            "1 pictures, 2 classes, 1 masks",
        ),
        (lambda: bootstrap_interval([]), "takes one number or more"),
    ],
)
def test_what_does_not_fit_gives_a_sentence(ask, sentence):
    with pytest.raises(ValueError, match=sentence):
        ask()


@pytest.mark.parametrize("kind", [np.uint8, bool, np.int8, np.float16])
def test_a_map_of_any_kind_of_number_has_the_curves_of_the_same_map_in_floats(kind):
    net, image = linear_net(normal(4, 5, 1, 2)), random(4, 5, 1)
    heatmap = np.arange(20).reshape(4, 5) if kind is not bool else np.eye(4, 5)
    for curve in deletion_curve, insertion_curve:
        np.testing.assert_array_equal(
            curve(net, image, 0, heatmap=heatmap.astype(kind), steps=5),
            curve(net, image, 0, heatmap=heatmap.astype(np.float32), steps=5),
        )
