"""Inversion: the distance falls, deeper layers give back less, a decoder is least squares."""

import numpy as np
import pytest
from scipy import ndimage, stats
from skimage.metrics import structural_similarity
from sklearn.linear_model import LinearRegression
from small_nets import (
    counting_net,
    headless_net,
    normal,
    pixel_features,
    pixel_net,
    random,
    small_net,
)

from lecture_lib.datasets.images import load_image
from lecture_lib.inversion import (
    correlation,
    feature_error,
    fit_decoder,
    invert,
    l6_norm,
    reconstruction_similarity,
)
from lecture_lib.models.zoo import load_model

NO_PENALTY = {"l6_weight": 0.0, "smoothness": 0.0}


# By gradient descent


def test_at_the_image_the_distance_is_0_and_nothing_moves():
    image = random(12, 12, 3)
    found = invert(small_net(), image, layer="conv2", start=image, steps=3, **NO_PENALTY)
    np.testing.assert_array_equal(found.values, 0)
    np.testing.assert_array_equal(found.images, image)


def test_no_steps_give_the_start_back():
    start = random(12, 12, 3)
    found = invert(small_net(), random(12, 12, 3, seed=1), layer="conv1", start=start, steps=0)
    np.testing.assert_array_equal(found.images, start)
    assert found.values.shape == (1,)


def test_the_value_is_the_formula():
    image, start = random(2, 8, 8, 3)
    weights = {"smoothness": 0.01, "l6_weight": 0.2, "beta": 1.5}
    value = invert(pixel_net(), image, layer="conv", start=start, steps=0, **weights).values[0]
    target = pixel_features(image)
    distance = np.square(pixel_features(start) - target).sum() / np.square(target).sum()
    sixth_powers = ((start - 0.5) ** 6).sum()
    padded = np.pad(start, [(0, 1), (0, 1), (0, 0)], mode="edge").astype(float)
    down = np.diff(padded, axis=0)[:, :-1]
    right = np.diff(padded, axis=1)[:-1]
    variation = ((down**2 + right**2) ** (1.5 / 2)).sum()
    expected = distance + 0.2 * sixth_powers + 0.01 * variation
    np.testing.assert_allclose(-value, expected, rtol=1e-4)


def test_the_distance_falls_and_the_same_seed_gives_the_same_image():
    image = random(12, 12, 3)
    one, same, other = (
        invert(small_net(), image, layer="conv2", seed=seed, steps=60, **NO_PENALTY)
        for seed in (0, 0, 1)
    )
    assert one.values[-1] > 0.05 * one.values[0]
    assert one.images.min() >= 0 and one.images.max() <= 1
    np.testing.assert_array_equal(one.images, same.images)
    assert not np.array_equal(one.images, other.images)
    error = feature_error(small_net(), image, one.images, layer="conv2")
    np.testing.assert_allclose(error, -one.values[-1], rtol=1e-3)


def test_what_can_be_had_back_is_had_back():
    """Four numbers a pixel, linear where they are positive, hold its three colors."""
    image = random(8, 8, 3)
    found = invert(pixel_net(), image, layer="conv", steps=300, **NO_PENALTY).images
    assert np.abs(found - image).mean() < 0.1


def test_a_batch_is_as_one_by_one():
    images = random(2, 12, 12, 3)
    starts = random(2, 12, 12, 3, seed=1)
    together = invert(small_net(), images, layer="conv2", start=starts, steps=5)
    for number in range(2):
        alone = invert(small_net(), images[number], layer="conv2", start=starts[number], steps=5)
        np.testing.assert_allclose(together.images[number], alone.images, atol=1e-3)
        np.testing.assert_allclose(together.values[:, number], alone.values, rtol=1e-3)


def test_a_new_image_or_weight_compiles_nothing_anew():
    net, calls = counting_net()
    invert(net, random(6, 6, 3), layer="conv", steps=1)
    traced = len(calls)  # one of the descent; the features themselves are computed without a graph
    calls.clear()
    for seed, smoothness, l6_weight, beta in (1, 0.01, 0, 2), (2, 0, 0.1, 1):
        image = random(6, 6, 3, seed=seed)
        weights = {"smoothness": smoothness, "l6_weight": l6_weight, "beta": beta}
        invert(net, image, layer="conv", steps=1, **weights)
    assert traced >= 2 and len(calls) == 2  # each time once for the features


def test_the_first_step_moves_every_pixel_that_matters_by_the_learning_rate():
    start = np.full((12, 12, 3), 0.5, np.float32)
    image = random(12, 12, 3)
    found = invert(small_net(), image, layer="conv1", start=start, steps=1, learning_rate=0.1)
    step = found.images - start
    np.testing.assert_allclose(np.abs(step[step != 0]), 0.1, rtol=1e-3)
    assert (step != 0).mean() > 0.9


def test_an_image_without_features_is_refused_by_its_cause():
    black = np.zeros((12, 12, 3), np.float32)
    with pytest.raises(ValueError, match="features of this image in layer 'conv' are 0"):
        invert(headless_net(), black, layer="conv")
    with pytest.raises(ValueError, match="features of this image in layer 'conv' are 0"):
        feature_error(headless_net(), black, random(12, 12, 3), layer="conv")
    one_of_two = np.stack([random(12, 12, 3), black])
    with pytest.raises(ValueError, match="choose another image or another layer"):
        invert(headless_net(), one_of_two, layer="conv")


def test_a_net_without_a_head_and_an_image_that_is_not_square_will_do():
    image = random(12, 20, 3)
    found = invert(headless_net(), image, layer="conv", steps=40, **NO_PENALTY)
    assert found.images.shape == (12, 20, 3)
    assert found.values[-1] > 0.2 * found.values[0]


def test_the_l6_norm_is_the_sum_of_sixth_powers():
    images = normal(3, 4, 5, 2)
    expected = np.sum(np.float64(images) ** 6, axis=(1, 2, 3))
    np.testing.assert_allclose(l6_norm(images), expected, rtol=1e-4)


# What is lost


def test_deeper_layers_of_tinynet_robust_give_back_less():
    model = load_model("tinynet_robust")
    image = load_image("coffee", size=64)
    found = [
        invert(model, image, layer=layer, steps=60).images for layer in ("edges", "block2", "pool")
    ]
    ssim = [structural_similarity(image, other, channel_axis=-1, data_range=1) for other in found]
    assert ssim[0] > 0.8 > ssim[1] > 0.4 > ssim[2]
    # And yet, to the layer, it is the image.
    assert feature_error(model, image, found[2], layer="pool") < 0.1


def test_feature_errors_of_a_batch_are_those_one_by_one():
    image, *others = random(4, 12, 12, 3)
    together = feature_error(small_net(), image, np.stack(others), layer="conv2")
    alone = [feature_error(small_net(), image, other, layer="conv2") for other in others]
    np.testing.assert_allclose(together, alone, rtol=1e-4)


def test_correlations_are_those_of_scipy():
    one = normal(5, 6)
    other = normal(5, 6, seed=1)
    expected = stats.pearsonr(one.ravel(), other.ravel()).statistic
    np.testing.assert_allclose(correlation(one, other), expected, rtol=1e-5)
    assert correlation(one, np.ones((5, 6))) == 0


def test_what_is_left_of_a_gray_a_blurred_and_the_same_image():
    image = load_image("cat", size=64)
    np.testing.assert_allclose(reconstruction_similarity(image, image), 1, rtol=1e-5)
    gray = np.repeat(image.mean(axis=-1, keepdims=True), 3, axis=-1)
    of_gray = reconstruction_similarity(image, gray)
    assert abs(of_gray.color) < 0.2 and of_gray.shapes > 0.95
    of_blurred = reconstruction_similarity(image, ndimage.gaussian_filter(image, (3, 3, 0)))
    assert of_blurred.texture < 0.5 < of_blurred.color


# In one pass


def test_a_decoder_is_least_squares_on_neighboring_features():
    images = random(20, 6, 6, 3)
    decoder = fit_decoder(pixel_net(), images, layer="conv", weight=1e-6)
    features = pixel_features(np.pad(images, [(0, 0), (1, 1), (1, 1), (0, 0)], mode="edge"))
    windows = np.lib.stride_tricks.sliding_window_view(features, (3, 3), axis=(1, 2))
    rows = windows.reshape(20 * 36, -1)
    predicted = LinearRegression().fit(rows, images.reshape(-1, 3)).predict(rows)
    expected = np.clip(predicted.reshape(images.shape), 0, 1)
    np.testing.assert_allclose(decoder(images), expected, atol=1e-3)
    np.testing.assert_allclose(decoder(images[3]), decoder(images)[3], atol=1e-5)


def test_a_decoder_puts_patches_back_where_they_were():
    """A layer that halves the image gives patches of 2 x 2 pixels; flat images come back flat."""
    model = load_model("tinynet_robust")
    images = np.broadcast_to(random(24, 1, 1, 3), (24, 32, 32, 3)).copy()
    images[::2, :, 16:] = 0.2
    decoded = fit_decoder(model, images, layer="block1", weight=1.0)(images)
    assert decoded.shape == images.shape
    np.testing.assert_allclose(decoded.mean(axis=(1, 2)), images.mean(axis=(1, 2)), atol=0.03)
    assert np.abs(decoded - images).mean() < 0.03


@pytest.mark.parametrize(
    "ask, sentence",
    [
        (
            lambda: invert(small_net(), random(12, 12, 3), layer="conv7"),
            "no layer 'conv7'; its layers are conv1",
        ),
        (lambda: invert(small_net(), random(12, 12, 1), layer="conv1"), "one image is"),
        (lambda: invert(small_net(), random(12, 12, 3), layer="conv1", smoothness=-1), "0 or more"),
        (lambda: invert(small_net(), random(12, 12, 3), layer="conv1", beta=0), "β is above 0"),
        (
            lambda: feature_error(small_net(), random(12, 12, 3), random(12, 12, 1), layer="conv1"),
            "one image is",
        ),
        (lambda: fit_decoder(small_net(), random(3, 12, 12, 3), layer="pool"), "rows and columns"),
        (
            lambda: fit_decoder(load_model("tinynet_robust"), random(2, 30, 30, 3), layer="block2"),
            "divisible",
        ),
    ],
)
def test_what_there_is_not_gives_a_sentence(ask, sentence):
    with pytest.raises(ValueError, match=sentence):
        ask()


def test_features_of_several_images_are_compared_one_by_one_or_not_at_all():
    images, other = random(3, 12, 12, 3), random(12, 12, 3, seed=1)
    one_by_one = [feature_error(small_net(), image, other, layer="conv1") for image in images]
    others = np.stack([other] * 3)
    np.testing.assert_allclose(
        feature_error(small_net(), images, others, layer="conv1"), one_by_one, rtol=1e-5
    )
    for wrong in other, others[:2]:
        with pytest.raises(ValueError, match="cannot be compared"):
            feature_error(small_net(), images, wrong, layer="conv1")


def test_several_starts_for_one_image_and_never_one_start_for_several():
    image, starts = random(12, 12, 3), random(2, 12, 12, 3, seed=1)
    reached = invert(small_net(), image, layer="conv1", start=starts, steps=2)
    alone = invert(small_net(), image, layer="conv1", start=starts[1], steps=2)
    np.testing.assert_allclose(reached.images[1], alone.images, atol=1e-5)
    with pytest.raises(ValueError, match="one number per image"):
        invert(small_net(), random(3, 12, 12, 3), layer="conv1", start=image, steps=2)
