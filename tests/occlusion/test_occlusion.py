"""Occlusion: networks that read one pixel, means worked by hand, and scores of every kind."""

from functools import partial

import numpy as np
import pytest
from small_nets import counting_net, linear_net, normal, random, small_net, stops_after

from lecture_lib.core.layer_scores import channel_score
from lecture_lib.core.penalties import l2
from lecture_lib.core.scores import class_probability, class_score
from lecture_lib.models.batching import batches
from lecture_lib.models.inference import class_scores, probabilities
from lecture_lib.occlusion import occlusion
from lecture_lib.occlusion.occlusion import (
    coarse_first,
    masked_scores,
    occlusion_map,
    patch_places,
)
from lecture_lib.occlusion.shapley import shapley_map

IMAGE = random(12, 12, 3)
MAPS = [occlusion_map, shapley_map]


def one_pixel_net():
    """A network of 8x8 pixels whose class 1 reads the red of pixel (2, 5) alone."""
    weights = np.zeros((8, 8, 3, 2), np.float32)
    weights[2, 5, 0, 1] = 3.0
    return linear_net(weights)


def covered(image, row, column, *, patch):
    image = image.copy()
    image[row : row + patch, column : column + patch] = 0.5
    return image


# The map


def test_a_network_that_reads_one_pixel_needs_the_patches_that_cover_it():
    image = np.ones((8, 8, 3), np.float32)
    found = occlusion_map(one_pixel_net(), image, 1, patch=2, stride=1, fill=0.0, score=class_score)
    # The four patches that hold the pixel each cost 3, and a pixel gets the mean over the four
    # patches on it. None of them lies at the edge, where fewer patches lie.
    total = np.zeros((8, 8))
    for top, left in (1, 4), (1, 5), (2, 4), (2, 5):
        total[top : top + 2, left : left + 2] += 3.0
    np.testing.assert_allclose(found, total / 4, rtol=1e-5, atol=1e-6)
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
    whole = probabilities(net, image)[2]
    for top in tops:
        for left in lefts:
            fall = whole - probabilities(net, covered(image, top, left, patch=patch))[2]
            total[top : top + patch, left : left + patch] += fall
            count[top : top + patch, left : left + patch] += 1
    assert count.min() >= 1
    found = occlusion_map(net, image, 2, patch=patch, stride=stride)
    np.testing.assert_allclose(found, total / count, rtol=1e-3, atol=1e-6)


def test_of_a_linear_network_a_patch_takes_away_what_it_covers():
    weights, image = normal(8, 8, 1, 2), random(8, 8, 1)
    net = linear_net(weights)
    found = occlusion_map(net, image, 0, patch=4, stride=4, fill=0.25, score=class_score)
    parts = ((image - 0.25) * weights[..., 0])[..., 0].reshape(2, 4, 2, 4).sum(axis=(1, 3))
    by_hand = parts.repeat(4, axis=0).repeat(4, axis=1)
    np.testing.assert_allclose(found, by_hand, rtol=1e-4, atol=1e-5)


def test_a_rectangle_covers_as_many_rows_and_columns_as_it_says():
    weights, image = normal(8, 8, 1, 2), random(8, 8, 1)
    options = {"patch": (2, 4), "stride": (2, 4), "fill": 0.25, "score": class_score}
    found = occlusion_map(linear_net(weights), image, 0, **options)
    parts = ((image - 0.25) * weights[..., 0])[..., 0].reshape(4, 2, 2, 4).sum(axis=(1, 3))
    np.testing.assert_allclose(
        found, parts.repeat(2, axis=0).repeat(4, axis=1), rtol=1e-4, atol=1e-5
    )


def test_a_rectangle_moves_by_a_quarter_of_each_side():
    rows, columns = patch_places((64, 64), patch=(8, 16))
    assert (len(rows), len(columns)) == (29, 13)


@pytest.mark.parametrize("sides", [{"patch": (8, 16, 2)}, {"patch": 8, "stride": (1, 2, 3)}])
def test_three_sides_are_refused(sides):
    with pytest.raises(ValueError, match="one number or two"):
        patch_places((64, 64), **sides)


def test_a_rectangle_that_does_not_fit_is_refused():
    with pytest.raises(ValueError, match="moves by 1 to its own side"):
        patch_places((64, 64), patch=(65, 8))


def test_covering_an_image_with_itself_changes_nothing():
    np.testing.assert_allclose(occlusion_map(small_net(), IMAGE, 1, fill=IMAGE), 0, atol=1e-7)


@pytest.mark.parametrize("shape", [(64, 64), (224, 224), (28, 28)])
def test_by_default_an_image_of_any_size_is_asked_about_as_often(shape):
    rows, columns = patch_places(shape)
    assert 144 <= len(rows) * len(columns) <= 169
    assert rows.any(axis=0).all() and columns.any(axis=0).all()


def test_an_interrupt_returns_what_was_reached(monkeypatch):
    full = occlusion_map(small_net(), IMAGE, 2, patch=4, stride=4)
    monkeypatch.setattr(occlusion, "value", stops_after(occlusion.value, 1))
    monkeypatch.setattr(occlusion, "batches", partial(batches, size=8))
    part = occlusion_map(small_net(), IMAGE, 2, patch=4, stride=4)  # 9 places, 7 in the first call
    reached = coarse_first(3, 3)[:7]
    for i, j in coarse_first(3, 3):
        of_patch = slice(4 * i, 4 * i + 4), slice(4 * j, 4 * j + 4)
        wanted = full[of_patch] if (i, j) in reached else 0
        np.testing.assert_allclose(part[of_patch], wanted, rtol=1e-5)


def test_a_coarse_map_comes_first():
    """Of five rows and columns: 0 and 4, then 2, then 1 and 3, each with all that came before."""
    order = coarse_first(5, 5)
    assert sorted(order) == [(i, j) for i in range(5) for j in range(5)]
    assert order[:4] == [(0, 0), (0, 4), (4, 0), (4, 4)]
    assert order[4:9] == [(0, 2), (2, 0), (2, 2), (2, 4), (4, 2)]
    assert all(i % 2 or j % 2 for i, j in order[9:])


def test_of_the_default_patches_a_tenth_covers_the_image():
    rows, columns = patch_places((224, 224))
    first = coarse_first(len(rows), len(columns))[:16]
    covered = np.any([rows[i][:, None] & columns[j] for i, j in first], axis=0)
    assert covered.all() and 16 <= 0.1 * len(rows) * len(columns)


def test_whoever_watches_sees_the_map_grow_and_the_last_one_is_returned():
    seen = []
    found = occlusion_map(
        small_net(), IMAGE, 1, patch=4, stride=2, watch=lambda *reached: seen.append(reached)
    )
    assert [(step, steps) for step, steps, _ in seen] == [(8, 25), (16, 25), (24, 25), (25, 25)]
    np.testing.assert_array_equal(seen[-1][2], found)
    np.testing.assert_array_equal(found, occlusion_map(small_net(), IMAGE, 1, patch=4, stride=2))
    of_corners = seen[0][2][[0, 0, -1, -1], [0, -1, 0, -1]]  # covered by one patch each
    np.testing.assert_array_equal(of_corners, found[[0, 0, -1, -1], [0, -1, 0, -1]])


@pytest.mark.parametrize("reuse_layers", [None, "relu2"])
def test_whoever_watches_can_end_it(reuse_layers):
    explain = partial(
        occlusion_map, small_net(), IMAGE, 1, patch=4, stride=4, reuse_layers=reuse_layers
    )
    ended = explain(watch=lambda step, steps, heatmap: step == 8)
    last_place = coarse_first(3, 3)[-1]
    assert last_place == (2, 1)
    full = explain()
    assert not ended[8:, 4:8].any() and full[8:, 4:8].any()
    np.testing.assert_array_equal(ended[:8], full[:8])


def test_an_interrupt_before_the_first_answer_is_an_interrupt(monkeypatch):
    monkeypatch.setattr(occlusion, "value", stops_after(occlusion.value, 0))
    with pytest.raises(KeyboardInterrupt):
        occlusion_map(small_net(), IMAGE, 2)


# Scores under masks


@pytest.mark.parametrize("fill", [0.3, np.float32([0.1, 0.5, 0.9]), random(12, 12, 3, seed=4)])
def test_a_number_a_color_and_an_image_can_cover(fill):
    mask = np.zeros((12, 12), bool)
    mask[3:7, 2:9] = True
    hidden = np.where(mask[..., None], np.float32(fill), IMAGE)
    found = list(masked_scores(class_score(small_net(), 1), IMAGE, [mask], fill=fill))
    np.testing.assert_allclose(found, [class_scores(small_net(), hidden)[1]], rtol=1e-5)


def test_masked_scores_do_not_depend_on_how_many_are_asked_for():
    masks, score = random(11, 12, 12) > 0.5, class_score(small_net(), 1)
    together = list(masked_scores(score, IMAGE, masks))
    alone = [next(masked_scores(score, IMAGE, [mask])) for mask in masks]
    assert len(together) == 11
    np.testing.assert_allclose(together, alone, rtol=1e-5)


def test_any_score_can_be_hidden_from():
    mask = np.ones((12, 12), bool)
    found = next(masked_scores(channel_score(small_net(), "conv1", 2), IMAGE, [mask], fill=0.5))
    of_function = next(masked_scores(lambda images: images[:, 0, 0, 0] + 1, IMAGE, [mask]))
    assert np.isfinite(found) and of_function == 1.5
    composed = next(masked_scores(2 * l2 - channel_score(small_net(), "conv1", 2), IMAGE, [mask]))
    np.testing.assert_allclose(composed, 2 * 12 * 12 * 3 * 0.25 - found, rtol=1e-5)


# What occlusion and Shapley maps promise both


def logit_as_function(model, class_index):
    """A score without the class Score: a plain function of images."""
    return lambda images: model(images, training=False)[:, class_index]


@pytest.mark.parametrize("make", MAPS)
def test_a_plain_function_of_images_is_a_score(make):
    found = make(small_net(), IMAGE, 3, score=logit_as_function)
    wanted = make(small_net(), IMAGE, 3, score=class_score)
    np.testing.assert_allclose(found, wanted, rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize("make", MAPS)
def test_the_map_of_a_composed_score_is_composed_of_the_maps(make):
    """What is linear in the score is linear in the map; l2 is a sum over pixels like any other."""
    explain = partial(make, small_net(), IMAGE, 3)
    found = explain(score=lambda model, c: class_score(model, c) - 0.5 * l2)
    wanted = explain(score=class_score) - 0.5 * explain(score=lambda model, c: l2)
    np.testing.assert_allclose(found, wanted, rtol=1e-3, atol=1e-5)
    assert np.abs(found - explain(score=class_score)).max() > 1e-2


@pytest.mark.parametrize("make", MAPS)
def test_the_score_is_given_network_and_class_whatever_it_calls_them(make):
    found = make(small_net(), IMAGE, 2, score=lambda net, c: class_probability(net, c))
    wanted = make(small_net(), IMAGE, 2, score=class_probability)
    np.testing.assert_array_equal(found, wanted)


def test_a_new_class_image_patch_or_fill_compiles_nothing_anew():
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
