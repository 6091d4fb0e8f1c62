"""Saliency: known weights come back, and the parts add up to the whole."""

import numpy as np
import pytest
from small_nets import linear_net, normal, random, random_tinynet, small_net

from lecture_lib.core.gradients import gradient
from lecture_lib.core.scores import class_score
from lecture_lib.models.backend import keras
from lecture_lib.models.inference import class_scores
from lecture_lib.models.surgery import named
from lecture_lib.saliency import (
    box_of,
    clip_strongest,
    grabcut_mask,
    integrated_gradients_map,
    mean_gradient,
    overlap,
    saliency_map,
    saliency_maps,
    smoothgrad_map,
)

IMAGE = random(12, 12, 3)


@pytest.mark.parametrize("channels", [1, 3])
def test_of_a_linear_network_every_map_is_known(channels):
    weights, image = normal(6, 5, channels, 2), random(6, 5, channels)
    net, strongest = linear_net(weights), np.abs(weights).max(axis=2)[..., 1]
    np.testing.assert_array_equal(saliency_map(net, image, 1), strongest)
    np.testing.assert_allclose(smoothgrad_map(net, image, 1, samples=5), strongest, rtol=1e-5)
    parts = integrated_gradients_map(net, image, 1, steps=7, baseline=0.25)
    by_hand = np.sum((image - 0.25) * weights[..., 1], axis=2)
    np.testing.assert_allclose(parts, by_hand, rtol=1e-4, atol=1e-6)


def test_saliency_is_the_strongest_color_of_the_gradient():
    by_hand = np.abs(gradient(class_score(small_net(), 3), IMAGE)).max(axis=2)
    np.testing.assert_array_equal(saliency_map(small_net(), IMAGE, 3), by_hand)


@pytest.mark.parametrize("classes", [[3], [0, 4, 1], np.arange(5).repeat(8)])
def test_maps_of_several_classes_are_those_of_each(classes):
    each = [saliency_map(small_net(), IMAGE, int(c)) for c in classes]
    found = saliency_maps(small_net(), IMAGE, classes)
    np.testing.assert_allclose(found, each, rtol=1e-4, atol=1e-7)


def test_several_classes_must_all_be_classes_of_the_network():
    with pytest.raises(ValueError, match="5 classes, numbered from 0 to 4"):
        saliency_maps(small_net(), IMAGE, [0, 5])


@pytest.mark.parametrize("baseline", [0.0, 1.0, 0.2 * random(64, 64, 3, seed=4)])
def test_integrated_gradients_add_up_to_the_difference_of_the_scores(baseline):
    net, image = random_tinynet(), random(64, 64, 3)
    start = np.broadcast_to(np.float32(baseline), image.shape)
    difference = class_scores(net, image)[2] - class_scores(net, start)[2]
    total = integrated_gradients_map(net, image, 2, baseline=baseline, steps=128).sum()
    np.testing.assert_allclose(total, difference, rtol=0.01)


@pytest.mark.parametrize("baseline", [0.0, random(12, 12, 3, seed=4)])
def test_integrated_gradients_are_the_mean_gradient_on_the_line_times_its_way(baseline):
    """The formula written down: all points of the line at once, and the mean of their gradients."""
    ends = (np.arange(17) / 16) ** 2
    t, lengths = (ends[1:] + ends[:-1]) / 2, ends[1:] - ends[:-1]
    line = baseline + t[:, None, None, None] * (IMAGE - baseline)
    mean = np.einsum("n,nhwc->hwc", lengths, gradient(class_score(small_net(), 3), line))
    by_hand = ((IMAGE - baseline) * mean).sum(axis=2)
    found = integrated_gradients_map(small_net(), IMAGE, 3, baseline=baseline, steps=16)
    np.testing.assert_allclose(found, by_hand, rtol=1e-3, atol=1e-6)


def net_of(function):
    """A network of one score that is a function of the sum of the pixels."""
    images = keras.Input((None, None, 3))
    total = keras.ops.sum(images, axis=(1, 2, 3))
    return named(keras.Model(images, function(total)[:, None]), class_names=None, image_size=12)


@pytest.mark.parametrize("steps", [1, 2, 5])
def test_of_a_quadratic_score_one_point_on_the_line_is_exact(steps):
    """S = (Σ I)²: its gradient 2 Σ I is linear along the line, so each middle is the mean."""
    parts = integrated_gradients_map(net_of(keras.ops.square), IMAGE, 0, baseline=0.25, steps=steps)
    gained = IMAGE.sum() ** 2 - (0.25 * IMAGE.size) ** 2
    np.testing.assert_allclose(parts.sum(), gained, rtol=1e-4)
    by_hand = (IMAGE.sum() + 0.25 * IMAGE.size) * (IMAGE - 0.25).sum(axis=2)
    np.testing.assert_allclose(parts, by_hand, rtol=1e-3, atol=1e-4 * np.abs(by_hand).max())


def test_a_score_that_arises_near_the_baseline_takes_few_points():
    """S = min(40 t, 1): the map adds up to 1, all of it from the first fortieth of the line."""
    whole = float(IMAGE.sum())
    net = net_of(lambda total: keras.ops.minimum(40 * total / whole, 1.0))
    total = integrated_gradients_map(net, IMAGE, 0, steps=32).sum()
    # The gradient is 40 in the first five parts: the middle of the fifth is 0.020, of the sixth
    # 0.030. Of 32 equal parts it would be 40 in the first one alone.
    np.testing.assert_allclose(total, 40 * (5 / 32) ** 2, rtol=1e-3)
    assert abs(total - 1) < 0.03 < abs(40 / 32 - 1)


def test_a_mean_gradient_weighs_each_image():
    images = random(3, 12, 12, 3)
    each = gradient(class_score(small_net(), 0), images)
    found = mean_gradient(small_net(), iter(images), 0, weights=[1, 2, 5], batch_size=2)
    wanted = (each[0] + 2 * each[1] + 5 * each[2]) / 8
    np.testing.assert_allclose(found, wanted, rtol=1e-4, atol=1e-7)


def test_smoothgrad_is_the_mean_of_noisy_gradients_with_the_absolute_value_last():
    noise = np.random.default_rng(5)
    noisy = np.stack(
        [IMAGE + 0.2 * noise.standard_normal(IMAGE.shape, np.float32) for _ in range(11)]
    )
    by_hand = np.abs(gradient(class_score(small_net(), 1), noisy).mean(axis=0)).max(axis=2)
    found = smoothgrad_map(small_net(), IMAGE, 1, samples=11, noise=0.2, seed=5)
    np.testing.assert_allclose(found, by_hand, rtol=1e-4, atol=1e-7)


def test_smoothgrad_repeats_itself_and_without_noise_is_saliency():
    one, same, other = (
        smoothgrad_map(small_net(), IMAGE, 1, samples=3, seed=seed) for seed in (0, 0, 1)
    )
    np.testing.assert_array_equal(one, same)
    assert not np.allclose(one, other)
    without_noise = smoothgrad_map(small_net(), IMAGE, 1, samples=3, noise=0)
    np.testing.assert_allclose(without_noise, saliency_map(small_net(), IMAGE, 1), rtol=1e-5)


@pytest.mark.parametrize("batch_size", [1, 4, 8, 16])
def test_the_mean_gradient_does_not_depend_on_the_batches(batch_size):
    images = random(9, 12, 12, 3)
    expected = gradient(class_score(small_net(), 0), images).mean(axis=0)
    found = mean_gradient(small_net(), iter(images), 0, batch_size=batch_size)
    np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-7)


@pytest.mark.parametrize(
    "explain",
    [
        lambda: smoothgrad_map(small_net(), IMAGE, 0, samples=0),
        lambda: smoothgrad_map(small_net(), IMAGE, 0, noise=-0.1),
        lambda: integrated_gradients_map(small_net(), IMAGE, 0, steps=0),
        lambda: integrated_gradients_map(small_net(), IMAGE, 0, baseline=random(5, 5, 3)),
        lambda: integrated_gradients_map(small_net(), IMAGE, 0, baseline=255.0),
    ],
)
def test_options_out_of_range_give_a_sentence(explain):
    with pytest.raises(ValueError, match="samples and a noise|more steps|The baseline is a number"):
        explain()


# From a map to a mask


def a_square_in_front_of_a_field(side=40):
    """A green field with a red square on it, both slightly uneven, and where the square is."""
    truth = np.zeros((side, side), bool)
    truth[12:26, 8:30] = True
    red, green = np.float32([0.8, 0.2, 0.1]), np.float32([0.2, 0.6, 0.2])
    image = np.where(truth[..., None], red, green)
    return image + 0.05 * random(side, side, 3, seed=2), truth


def test_grabcut_completes_a_map_that_knows_only_the_middle_of_the_object():
    image, truth = a_square_in_front_of_a_field()
    rows, columns = np.indices(truth.shape)
    heatmap = np.exp(-((rows - 19) ** 2 + (columns - 19) ** 2) / 50)
    assert (heatmap >= np.quantile(heatmap, 0.95)).sum() < truth.sum() / 2
    found = grabcut_mask(image, heatmap)
    assert found.dtype == bool
    np.testing.assert_array_equal(found, truth)
    np.testing.assert_array_equal(grabcut_mask(image, heatmap), found)  # and does so again


def test_grabcut_keeps_the_largest_piece_alone():
    image, truth = a_square_in_front_of_a_field()
    image[35:38, 35:38] = [0.8, 0.2, 0.1]
    heatmap = truth + np.float32(0.5) * (image[..., 0] > 0.5)
    np.testing.assert_array_equal(grabcut_mask(image, heatmap, foreground=0.9), truth)


def test_grabcut_takes_gray_images_and_leaves_them_as_they_were():
    image, truth = a_square_in_front_of_a_field()
    gray, heatmap = image[..., :1].copy(), np.float32(truth)
    np.testing.assert_array_equal(grabcut_mask(gray, heatmap, background=0.2), truth)
    np.testing.assert_array_equal(gray, image[..., :1])


@pytest.mark.parametrize(
    "heatmap, options, sentence",
    [
        (random(5, 5), {}, "same height and width"),
        (random(40, 40, 3), {}, "shape"),
        (random(40, 40) * np.nan, {}, "finite"),
        (random(40, 40), {"foreground": 0.2}, "quantiles"),
        (random(40, 40), {"background": -0.1}, "quantiles"),
    ],
)
def test_grabcut_says_what_is_wrong(heatmap, options, sentence):
    with pytest.raises(ValueError, match=sentence):
        grabcut_mask(a_square_in_front_of_a_field()[0], heatmap, **options)


def test_a_box_holds_the_mask_and_no_more():
    assert box_of(a_square_in_front_of_a_field()[1]) == (12, 8, 26, 30)
    with pytest.raises(ValueError, match="empty"):
        box_of(np.zeros((4, 4)))


@pytest.mark.parametrize(
    "box, other, expected",
    [
        ((0, 0, 4, 4), (0, 0, 4, 4), 1),
        ((0, 0, 4, 4), (4, 0, 8, 4), 0),
        ((0, 0, 4, 4), (9, 9, 10, 10), 0),
        ((0, 0, 2, 4), (1, 0, 3, 4), 4 / 12),
        ((0, 0, 10, 10), (2, 3, 4, 6), 6 / 100),
    ],
)
def test_the_overlap_is_intersection_over_union(box, other, expected):
    assert overlap(box, other) == overlap(other, box) == pytest.approx(expected)
    grid = np.zeros((2, 10, 10), bool)
    for mask, (top, left, bottom, right) in zip(grid, (box, other), strict=True):
        mask[top:bottom, left:right] = True
    intersection, union = (grid[0] & grid[1]).sum(), (grid[0] | grid[1]).sum()
    assert overlap(box, other) == pytest.approx(intersection / union)


# Clipped for the eye


def test_a_clipped_map_ends_at_a_percentile_of_its_absolute_values():
    heatmap = np.float32(np.arange(-100, 0).reshape(10, 10))
    clipped = clip_strongest(heatmap, percentile=90)
    np.testing.assert_allclose(clipped.min(), -90.1, rtol=1e-5)
    np.testing.assert_array_equal(clipped[2:], heatmap[2:])
    assert clipped.dtype == np.float32


def test_at_100_percent_nothing_is_clipped_and_beyond_it_is_refused():
    np.testing.assert_array_equal(clip_strongest(IMAGE[..., 0], percentile=100), IMAGE[..., 0])
    with pytest.raises(ValueError, match="0 to 100"):
        clip_strongest(IMAGE[..., 0], percentile=101)
