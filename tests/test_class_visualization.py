"""Class visualization: the score rises, the penalty pulls to gray, any score can be maximized."""

import numpy as np
import pytest
from small_nets import (
    counting_net,
    linear_net,
    normal,
    pixel_net,
    random,
    random_tinynet,
    small_net,
)

from lecture_lib.class_visualization import (
    facets,
    gray_noise,
    maximize_fourier,
    maximize_pixels,
    top_k_recognition_rate,
    visualize_channel,
    visualize_class,
    visualize_class_fourier,
)
from lecture_lib.core.gradients import gradient
from lecture_lib.core.regularizers import blurred, drop_small_gradients
from lecture_lib.core.scores import (
    channel_score,
    class_margin,
    class_score,
    neuron_score,
    total_variation,
)
from lecture_lib.core.transforms import (
    fourier_to_image,
    random_fourier_coefficients,
    random_jitter,
)
from lecture_lib.models.backend import tf
from lecture_lib.models.inference import class_scores
from lecture_lib.models.surgery import named
from lecture_lib.style_transfer import style_score


def distance_from_gray(image):
    return np.linalg.norm(image - 0.5)


def redness(images):
    """A plain function, no Score."""
    return tf.reduce_mean(images[..., 0], axis=[1, 2])


@pytest.mark.parametrize(
    "visualize",
    [
        lambda **options: visualize_class(random_tinynet(), 2, **options),
        lambda **options: visualize_channel(random_tinynet(), "block2", 5, **options),
        lambda **options: visualize_class_fourier(random_tinynet(), 2, **options),
    ],
)
def test_the_value_rises_and_the_result_is_an_image_that_repeats(visualize):
    one, same, other = (visualize(size=32, steps=6, seed=seed) for seed in (0, 0, 1))
    assert one.values.shape == (7,) and one.values[-1] > one.values[0]
    assert one.images.shape == (32, 32, 3) and one.images.dtype == np.float32
    assert one.images.min() >= 0 and one.images.max() <= 1
    np.testing.assert_array_equal(one.images, same.images)
    assert not np.array_equal(one.images, other.images)


# Pixel by pixel


def test_the_value_is_the_score_less_the_penalty():
    reached = visualize_class(small_net(), 3, steps=4, weight=0.2)
    penalty = 0.2 * distance_from_gray(reached.images) ** 2
    expected = class_scores(small_net(), reached.images)[3] - penalty
    np.testing.assert_allclose(reached.values[-1], expected, rtol=1e-4)


@pytest.mark.parametrize(
    "visualize",
    [
        lambda **options: visualize_class(small_net(), 1, **options),
        lambda **options: visualize_channel(small_net(), "conv2", 1, **options),
    ],
)
def test_a_larger_weight_keeps_nearer_to_gray(visualize):
    distances = [
        distance_from_gray(visualize(weight=weight, steps=30, learning_rate=0.3).images)
        for weight in (0.0, 0.1, 1.0)
    ]
    assert distances[0] > distances[1] > distances[2]


def test_classes_side_by_side_are_as_one_by_one():
    start = random(12, 12, 3)
    options = {"steps": 8, "learning_rate": 0.3}
    batch = visualize_class(small_net(), [0, 3, 4], start=np.stack([start] * 3), **options)
    assert batch.images.shape == (3, 12, 12, 3) and batch.values.shape == (9, 3)
    for number, class_index in enumerate((0, 3, 4)):
        alone = visualize_class(small_net(), class_index, start=start, **options)
        np.testing.assert_allclose(batch.images[number], alone.images, atol=1e-4)
        np.testing.assert_allclose(batch.values[:, number], alone.values, rtol=1e-3, atol=1e-4)


def test_channels_side_by_side_are_as_one_by_one():
    start = random(12, 12, 3)
    options = {"steps": 5, "learning_rate": 0.3}
    batch = visualize_channel(small_net(), "conv2", [1, 4], start=np.stack([start] * 2), **options)
    for number, channel in enumerate((1, 4)):
        alone = visualize_channel(small_net(), "conv2", channel, start=start, **options)
        np.testing.assert_allclose(batch.images[number], alone.images, atol=1e-4)


def test_the_best_image_of_a_linear_net_is_known_by_hand():
    weights = normal(5, 5, 3, 2)
    # Without a penalty each pixel goes as far as it can.
    free = visualize_class(linear_net(weights), 1, weight=0.0, steps=50, learning_rate=50.0)
    np.testing.assert_array_equal(free.images, np.float32(weights[..., 1] > 0))
    # With one the best is where w = 2 · weight · (I − ½).
    pulled = visualize_class(linear_net(weights), 1, weight=20.0, steps=400, learning_rate=0.01)
    np.testing.assert_allclose(pulled.images, np.clip(0.5 + weights[..., 1] / 40, 0, 1), atol=0.01)


def test_a_larger_weight_on_total_variation_makes_smoother_images():
    options = {"steps": 30, "learning_rate": 0.3}
    images = [
        visualize_class(small_net(), 1, smoothness=smoothness, **options).images
        for smoothness in (0.0, 0.01, 0.1)
    ]
    variations = total_variation(np.stack(images)).numpy()
    assert variations[0] > variations[1] > variations[2]


def test_regularizers_go_where_they_belong():
    start = random(12, 12, 3)

    def after_one_step(**options):
        options = {"start": start, "steps": 1, "learning_rate": 0.5} | options
        return visualize_class(small_net(), 2, **options).images

    step = after_one_step(project=lambda images: images) - start
    np.testing.assert_allclose(after_one_step(project=blurred), blurred(start + step), atol=1e-6)
    waiting = np.all(after_one_step(direction=drop_small_gradients) == start, axis=-1).mean()
    np.testing.assert_allclose(waiting, 0.5, atol=0.02)


def test_what_the_net_is_shown_is_what_it_is_scored_by():
    def halved(images):
        return images / 2

    score = class_score(small_net(), 2)
    reached = maximize_pixels(score, random(12, 12, 3), weight=0.0, transform=halved, steps=2)
    expected = class_scores(small_net(), reached.images / 2)[2]
    np.testing.assert_allclose(reached.values[-1], expected, rtol=1e-4)


# Any score


START = random(12, 12, 3)


def painting_score():
    """A score whose parts have parameters named as those of `maximize_pixels`."""
    return style_score(
        pixel_net(), START, random(12, 12, 3, seed=5), content_layer="conv", style_layers="conv"
    )


@pytest.mark.parametrize(
    "score",
    [
        lambda images: tf.reduce_mean(images[..., 0], axis=[1, 2]),
        redness,
        class_margin(small_net(), 1) + 0.5 * class_score(small_net(), 2) - 0.01 * total_variation,
        class_score(small_net(), 0) + redness,
        painting_score(),
        painting_score() - 0.1 * painting_score(),
    ],
)
def test_any_score_can_be_maximized(score):
    reached = maximize_pixels(
        score, START, weight=0.02, smoothness=0.01, steps=5, learning_rate=0.05
    )
    penalties = 0.02 * distance_from_gray(reached.images) ** 2
    penalties += 0.01 * total_variation(reached.images[None])[0]
    expected = score(reached.images[None])[0] - penalties
    np.testing.assert_allclose(reached.values[-1], expected, rtol=1e-3, atol=1e-5)
    assert reached.values[-1] > reached.values[0]
    start = random_fourier_coefficients(1, 12)[0]
    reached = maximize_fourier(score, start, shift=0, zoom=0, steps=5, learning_rate=0.005)
    expected = score(reached.images[None])[0]
    np.testing.assert_allclose(reached.values[-1], expected, rtol=1e-3, atol=1e-5)
    assert reached.values[-1] > reached.values[0]


# By Fourier coefficients


def test_fourier_coefficients_maximize_any_score_from_one_start_or_several():
    score = neuron_score(small_net(), "conv2", 5, 6, 1)
    starts = random_fourier_coefficients(3, 12)
    # Jitter is drawn for the batch, so there is none here.
    several = maximize_fourier(score, starts, steps=6, shift=0, zoom=0)
    one = maximize_fourier(score, starts[1], steps=6, shift=0, zoom=0)
    assert several.images.shape == (3, 12, 12, 3)
    assert several.values.shape == (7, 3) and one.values.shape == (7,)
    np.testing.assert_allclose(several.images[1], one.images, atol=1e-4)
    assert (several.values[-1] > several.values[0]).all()


def test_fourier_coefficients_take_the_direction_that_is_given():
    score = class_score(small_net(), 1)
    start = random_fourier_coefficients(1, 12)

    def tripled(gradients):
        return 3 * gradients

    options = {"shift": 0, "zoom": 0, "steps": 1, "learning_rate": 0.1, "direction": tripled}
    reached = maximize_fourier(score, start[0], **options)
    moved = start + 0.3 * gradient(score.of(fourier_to_image), start)
    np.testing.assert_allclose(reached.images, fourier_to_image(moved)[0], atol=1e-5)


def test_fourier_coefficients_start_at_an_image_that_is_given():
    start = 0.1 + 0.8 * random(2, 12, 12, 3)
    batch = visualize_class_fourier(small_net(), 1, start=start, steps=0)
    np.testing.assert_allclose(batch.images, start, atol=1e-5)
    alone = visualize_class_fourier(small_net(), 1, start=start[0], steps=0)
    np.testing.assert_allclose(alone.images, start[0], atol=1e-5)


def test_fourier_images_of_several_classes_are_a_batch():
    batch = visualize_class_fourier(small_net(), [0, 3], size=12, steps=20)
    assert batch.images.shape == (2, 12, 12, 3) and batch.values.shape == (21, 2)
    assert (batch.values[-1] > batch.values[0]).all()


@pytest.mark.parametrize("size, side", [(12, 12), (13, 12), (14, 14), (15, 12)])
def test_an_odd_size_becomes_a_multiple_of_four_for_fourier_images(size, side):
    images = visualize_class_fourier(small_net(), 0, size=size, steps=0).images
    assert images.shape == (side, side, 3)


# Both ways

both_ways = pytest.mark.parametrize("visualize", [visualize_class, visualize_class_fourier])


@both_ways
def test_watch_sees_images(visualize):
    seen = []

    def watch(step, steps, reached):
        seen.append((step, steps, reached.images))

    result = visualize(small_net(), 1, size=16, steps=2, watch=watch)
    assert [(step, steps) for step, steps, _ in seen] == [(0, 2), (1, 2), (2, 2)]
    images = np.stack([image for *_, image in seen])
    assert images.shape == (3, 16, 16, 3) and images.min() >= 0 and images.max() <= 1
    np.testing.assert_array_equal(images[-1], result.images)


@both_ways
def test_watch_ends_the_ascent_by_saying_true(visualize):
    reached = visualize(small_net(), 1, size=16, steps=9, watch=lambda step, *_: step == 1)
    assert len(reached.values) == 2


@both_ways
def test_any_size_after_any_other(visualize):
    for size in 12, 16, 20, 12:
        assert visualize(small_net(), 2, size=size, steps=1).images.shape == (size, size, 3)


# Compiled once


def test_a_hundred_classes_weights_and_learning_rates_are_one_trace():
    net, calls = counting_net()
    for move in range(100):
        weights = {"weight": 0.01 * move, "smoothness": move}  # whole numbers, too
        visualize_class(net, move % 3, learning_rate=0.1 * move, steps=1, **weights)
    assert len(calls) == 1


def test_a_hundred_channels_weights_and_learning_rates_are_one_trace():
    net, calls = counting_net()
    for move in range(100):
        visualize_channel(
            net, "conv", move % 4, weight=move / 100, learning_rate=0.1 * move, steps=1
        )
    assert len(calls) == 1


def test_a_hundred_amounts_of_jitter_are_one_trace():
    net, calls = counting_net()
    start = random_fourier_coefficients(1, 6)[0]
    for move in range(100):
        amounts = {"shift": move % 2, "zoom": 0.01 * move, "learning_rate": 0.1 * move}
        maximize_fourier(channel_score(net, "conv", move % 4), start, steps=1, **amounts)
    assert len(calls) == 1
    for class_index in range(3):
        visualize_class_fourier(net, class_index, shift=0.1 * class_index, steps=2)
    assert len(calls) == 2


def test_jitter_and_a_blur_compile_nothing_anew():
    net, calls = counting_net()
    for smoothness in 0.01, 0.2:
        options = {"smoothness": smoothness, "transform": random_jitter, "project": blurred}
        visualize_class(net, 0, steps=2, **options)
    assert len(calls) == 1


# Gray noise, facets, the judge


def test_gray_noise_is_gray_with_a_little_noise():
    noise = gray_noise(small_net(), size=40, shape=(2,), noise=0.05)
    assert noise.shape == (2, 40, 40, 3) and noise.dtype == np.float32
    np.testing.assert_allclose([noise.mean(), noise.std()], [0.5, 0.05], atol=0.005)
    assert gray_noise(small_net()).shape == (12, 12, 3)


@pytest.mark.parametrize("class_index", [0, 39])
def test_facets_are_images_that_differ_from_one_another(class_index):
    images = facets(class_index)
    assert 2 <= len(images) <= 4
    assert images.shape[1:] == (64, 64, 3) and images.dtype == np.float32
    assert images.min() >= 0 and images.max() <= 1
    assert all(np.abs(one - images[0]).mean() > 0.02 for one in images[1:])


def test_the_judge_looks_for_classes_by_their_names():
    judge = named(pixel_net(), class_names=("tench", "goldfish", "great white shark"), image_size=6)
    images = random(4, 6, 6, 3)
    order = np.argsort(-class_scores(judge, images), axis=1)
    names = [judge.class_names[index] for index in order[:, 1]]  # always the second guess
    shares = [top_k_recognition_rate(judge, images, names, k=k) for k in (1, 2, 3)]
    assert shares == [0, 1, 1]
    # What it does not know is left out.
    assert top_k_recognition_rate(judge, images, [*names[:2], "teapot", "lemon"], k=2) == 1


@pytest.mark.parametrize(
    "ask, sentence",
    [
        (lambda: visualize_class(small_net(), 5), "5 classes, numbered from 0 to 4"),
        (lambda: visualize_class_fourier(small_net(), -1), "5 classes, numbered from 0 to 4"),
        (lambda: visualize_channel(small_net(), "conv2", 8), "no channel of conv2 numbered 8"),
        (
            lambda: visualize_channel(small_net(), "conv7", 0),
            "no layer 'conv7'; its layers are conv1",
        ),
        (lambda: visualize_class(small_net(), 0, steps=-1), "0 or more"),
        (lambda: facets(40), "classes 0 to 39 of the tinynets, not of 40"),
        (
            lambda: top_k_recognition_rate(pixel_net(), random(1, 6, 6, 3), ["teapot"]),
            "knows none of these classes",
        ),
        (lambda: visualize_class_fourier(small_net(), 0, start=random(12, 12, 1)), "one image is"),
    ],
)
def test_what_there_is_not_gives_a_sentence(ask, sentence):
    with pytest.raises(ValueError, match=sentence):
        ask()
