"""Pixel by pixel: the score rises, the penalty pulls to gray, any score can be maximized."""

from functools import partial

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
from watched import check_watch_sees_images

from lecture_lib.class_visualization.pixels import (
    maximize_pixels,
    visualize_channel,
    visualize_class,
)
from lecture_lib.core.penalties import total_variation
from lecture_lib.core.regularizers import blurred, drop_small_gradients
from lecture_lib.core.scores import class_margin, class_score
from lecture_lib.core.transforms import random_jitter
from lecture_lib.models.backend import tf
from lecture_lib.models.inference import class_scores
from lecture_lib.style_transfer import style_score


def distance_from_gray(image):
    return np.linalg.norm(image - 0.5)


@pytest.mark.parametrize(
    "visualize",
    [
        lambda **options: visualize_class(random_tinynet(), 2, **options),
        lambda **options: visualize_channel(random_tinynet(), "block2", 5, **options),
    ],
)
def test_the_value_rises_and_the_result_is_an_image_that_repeats(visualize):
    one, same, other = (visualize(size=32, steps=6, seed=seed) for seed in (0, 0, 1))
    assert one.values.shape == (7,) and one.values[-1] > one.values[0]
    assert one.images.shape == (32, 32, 3) and one.images.dtype == np.float32
    assert one.images.min() >= 0 and one.images.max() <= 1
    np.testing.assert_array_equal(one.images, same.images)
    assert not np.array_equal(one.images, other.images)


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


def redness(images):
    """A plain function, no Score."""
    return tf.reduce_mean(images[..., 0], axis=[1, 2])


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


def test_watch_sees_images():
    check_watch_sees_images(partial(visualize_class, small_net(), 1))


def test_watch_ends_the_ascent_by_saying_true():
    reached = visualize_class(small_net(), 1, size=16, steps=9, watch=lambda step, *_: step == 1)
    assert len(reached.values) == 2


def test_any_size_after_any_other():
    for size in 12, 16, 20, 12:
        assert visualize_class(small_net(), 2, size=size, steps=1).images.shape == (size, size, 3)


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


def test_jitter_and_a_blur_compile_nothing_anew():
    net, calls = counting_net()
    for smoothness in 0.01, 0.2:
        options = {"smoothness": smoothness, "transform": random_jitter, "project": blurred}
        visualize_class(net, 0, steps=2, **options)
    assert len(calls) == 1


@pytest.mark.parametrize(
    "ask, sentence",
    [
        (lambda: visualize_class(small_net(), 5), "5 classes, numbered from 0 to 4"),
        (lambda: visualize_channel(small_net(), "conv2", 8), "no channel of conv2 numbered 8"),
        (
            lambda: visualize_channel(small_net(), "conv7", 0),
            "no layer 'conv7'; its layers are conv1",
        ),
        (lambda: visualize_class(small_net(), 0, steps=-1), "0 or more"),
    ],
)
def test_what_there_is_not_gives_a_sentence(ask, sentence):
    with pytest.raises(ValueError, match=sentence):
        ask()
