"""Inversion: at the picture itself nothing is left to do, the distance falls, deeper layers give back less, a decoder is least squares."""

import numpy as np
import pytest
from scipy import ndimage
from skimage.metrics import structural_similarity
from sklearn.linear_model import LinearRegression
from small_nets import counting_net, normal, pixel_features, pixel_net, random, small_net

from lecture_lib.datasets.images import load_image
from lecture_lib.inversion import correlation, feature_error, fit_decoder, invert, kept, l6_norm
from lecture_lib.models.zoo import load_model

NO_PENALTY = {"l6_weight": 0.0, "smoothness": 0.0}


def test_at_the_picture_the_distance_is_0_and_nothing_moves():
    image = random(12, 12, 3)
    climb = invert(small_net(), image, layer="conv2", start=image, steps=3, **NO_PENALTY)
    np.testing.assert_array_equal(climb.values, 0)
    np.testing.assert_array_equal(climb.images, image)


def test_no_steps_give_the_start_back():
    start = random(12, 12, 3)
    climb = invert(small_net(), random(12, 12, 3, seed=1), layer="conv1", start=start, steps=0)
    np.testing.assert_array_equal(climb.images, start)
    assert climb.values.shape == (1,)


def test_the_value_is_the_formula():
    image, start, smoothness, six, beta = random(8, 8, 3), random(8, 8, 3, seed=1), 0.01, 0.2, 1.5
    value = invert(
        pixel_net(),
        image,
        layer="conv",
        start=start,
        steps=0,
        smoothness=smoothness,
        l6_weight=six,
        beta=beta,
    ).values[0]
    target, found = pixel_features(image), pixel_features(start)
    padded = np.pad(start, [(0, 1), (0, 1), (0, 0)], mode="edge").astype(float)
    unrest = (np.diff(padded, axis=0)[:, :-1] ** 2 + np.diff(padded, axis=1)[:-1] ** 2) ** (
        beta / 2
    )
    distance = np.square(found - target).sum() / np.square(target).sum()
    np.testing.assert_allclose(
        -value, distance + six * ((start - 0.5) ** 6).sum() + smoothness * unrest.sum(), rtol=1e-4
    )


def test_the_distance_falls_and_the_same_seed_gives_the_same_picture():
    image = random(12, 12, 3)
    one, same, other = (
        invert(small_net(), image, layer="conv2", seed=seed, steps=60, **NO_PENALTY)
        for seed in (0, 0, 1)
    )
    assert one.values[-1] > 0.05 * one.values[0] and one.images.min() >= 0 and one.images.max() <= 1
    np.testing.assert_array_equal(one.images, same.images)
    assert not np.array_equal(one.images, other.images)
    np.testing.assert_allclose(
        feature_error(small_net(), image, one.images, layer="conv2"), -one.values[-1], rtol=1e-3
    )


def test_what_can_be_had_back_is_had_back():
    """Four numbers a pixel, linear where they are positive, hold its three colors."""
    image = random(8, 8, 3)
    assert (
        np.abs(
            invert(pixel_net(), image, layer="conv", steps=300, **NO_PENALTY).images - image
        ).mean()
        < 0.1
    )


def test_a_batch_is_as_one_by_one():
    images, starts = random(2, 12, 12, 3), random(2, 12, 12, 3, seed=1)
    together = invert(small_net(), images, layer="conv2", start=starts, steps=5)
    for number in range(2):
        alone = invert(small_net(), images[number], layer="conv2", start=starts[number], steps=5)
        np.testing.assert_allclose(together.images[number], alone.images, atol=1e-3)
        np.testing.assert_allclose(together.values[:, number], alone.values, rtol=1e-3)


def test_a_new_picture_or_weight_compiles_nothing_anew():
    net, calls = counting_net()
    invert(net, random(6, 6, 3), layer="conv", steps=1)
    traced = len(calls)  # one of the descent; the features themselves are computed without a graph
    calls.clear()
    for seed, smoothness, six, beta in (1, 0.01, 0, 2), (2, 0, 0.1, 1):
        invert(
            net,
            random(6, 6, 3, seed=seed),
            layer="conv",
            smoothness=smoothness,
            l6_weight=six,
            beta=beta,
            steps=1,
        )
    assert traced >= 2 and len(calls) == 2  # each time once for the features


def test_deeper_layers_of_tinynet_robust_give_back_less():
    model, image = load_model("tinynet_robust"), load_image("coffee", size=64)
    found = [
        invert(model, image, layer=layer, steps=60).images for layer in ("edges", "block2", "pool")
    ]
    likeness = [
        structural_similarity(image, other, channel_axis=-1, data_range=1) for other in found
    ]
    assert likeness[0] > 0.8 > likeness[1] > 0.4 > likeness[2]
    assert (
        feature_error(model, image, found[2], layer="pool") < 0.1
    )  # and yet, to the layer, it is the picture


def test_the_six_norm_is_the_sum_of_sixth_powers():
    images = normal(3, 4, 5, 2)
    np.testing.assert_allclose(
        l6_norm(images), np.sum(np.float64(images) ** 6, axis=(1, 2, 3)), rtol=1e-4
    )


def test_the_first_step_moves_every_pixel_that_matters_by_the_learning_rate():
    start = np.full((12, 12, 3), 0.5, np.float32)
    step = (
        invert(
            small_net(), random(12, 12, 3), layer="conv1", start=start, steps=1, learning_rate=0.1
        ).images
        - start
    )
    np.testing.assert_allclose(np.abs(step[step != 0]), 0.1, rtol=1e-3)
    assert (step != 0).mean() > 0.9


def test_correlations_are_those_of_numpy():
    one, other = normal(5, 6), normal(5, 6, seed=1)
    np.testing.assert_allclose(
        correlation(one, other), np.corrcoef(one.ravel(), other.ravel())[0, 1], rtol=1e-5
    )
    assert correlation(one, np.ones((5, 6))) == 0


def test_what_is_kept_of_a_gray_a_blurred_and_the_same_picture():
    image = load_image("cat", size=64)
    np.testing.assert_allclose(kept(image, image), 1, rtol=1e-5)
    gray = np.repeat(image.mean(axis=-1, keepdims=True), 3, axis=-1)
    assert abs(kept(image, gray).color) < 0.2 and kept(image, gray).shapes > 0.95
    blurred = ndimage.gaussian_filter(image, (3, 3, 0))
    assert kept(image, blurred).texture < 0.5 < kept(image, blurred).color


def test_a_decoder_is_least_squares_on_neighboring_features():
    net, pictures = pixel_net(), random(20, 6, 6, 3)
    decoder = fit_decoder(net, pictures, layer="conv", weight=1e-6)
    features = pixel_features(np.pad(pictures, [(0, 0), (1, 1), (1, 1), (0, 0)], mode="edge"))
    rows = np.lib.stride_tricks.sliding_window_view(features, (3, 3), axis=(1, 2)).reshape(
        20 * 36, -1
    )
    expected = (
        LinearRegression().fit(rows, pictures.reshape(-1, 3)).predict(rows).reshape(pictures.shape)
    )
    np.testing.assert_allclose(decoder(pictures), np.clip(expected, 0, 1), atol=1e-3)
    np.testing.assert_allclose(decoder(pictures[3]), decoder(pictures)[3], atol=1e-5)


def test_a_decoder_puts_squares_back_where_they_were():
    """A layer that halves the picture gives squares of 2 x 2 pixels; flat pictures come back flat, and in their color."""
    model = load_model("tinynet_robust")
    colors = random(24, 1, 1, 3)
    pictures = np.broadcast_to(colors, (24, 32, 32, 3)).copy()
    pictures[::2, :, 16:] = 0.2
    decoded = fit_decoder(model, pictures, layer="block1", weight=1.0)(pictures)
    assert decoded.shape == pictures.shape
    np.testing.assert_allclose(decoded.mean(axis=(1, 2)), pictures.mean(axis=(1, 2)), atol=0.03)
    assert np.abs(decoded - pictures).mean() < 0.03


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
