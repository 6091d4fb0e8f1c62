"""By Fourier coefficients: any score rises, from one start or several, on images of any size."""

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

from lecture_lib.class_visualization.fourier import (
    accentuate,
    maximize_fourier,
    visualize_channel_fourier,
    visualize_class_fourier,
)
from lecture_lib.core.gradients import gradient
from lecture_lib.core.layer_scores import channel_score, neuron_score
from lecture_lib.core.penalties import total_variation
from lecture_lib.core.scores import class_margin, class_score
from lecture_lib.core.transforms import fourier_to_image, random_fourier_coefficients
from lecture_lib.models.backend import tf
from lecture_lib.style_transfer import style_score

START = random(12, 12, 3)


def redness(images):
    """A plain function, no Score."""
    return tf.reduce_mean(images[..., 0], axis=[1, 2])


def painting_score():
    """A score whose parts have parameters named as those of `maximize_pixels`."""
    return style_score(
        pixel_net(), START, random(12, 12, 3, seed=5), content_layer="conv", style_layers="conv"
    )


def test_the_value_rises_and_the_result_is_an_image_that_repeats():
    visualize = partial(visualize_class_fourier, random_tinynet(), 2)
    one, same, other = (visualize(size=32, steps=6, seed=seed) for seed in (0, 0, 1))
    assert one.values.shape == (7,) and one.values[-1] > one.values[0]
    assert one.images.shape == (32, 32, 3) and one.images.dtype == np.float32
    assert one.images.min() >= 0 and one.images.max() <= 1
    np.testing.assert_array_equal(one.images, same.images)
    assert not np.array_equal(one.images, other.images)


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
    start = random_fourier_coefficients(1, 12)[0]
    reached = maximize_fourier(score, start, shift=0, zoom=0, steps=5, learning_rate=0.005)
    expected = score(reached.images[None])[0]
    np.testing.assert_allclose(reached.values[-1], expected, rtol=1e-3, atol=1e-5)
    assert reached.values[-1] > reached.values[0]


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


def test_watch_sees_images():
    check_watch_sees_images(partial(visualize_class_fourier, small_net(), 1))


def test_watch_ends_the_ascent_by_saying_true():
    reached = visualize_class_fourier(
        small_net(), 1, size=16, steps=9, watch=lambda step, *_: step == 1
    )
    assert len(reached.values) == 2


def test_any_size_after_any_other():
    for size in 12, 16, 20, 12:
        assert visualize_class_fourier(small_net(), 2, size=size, steps=1).images.shape == (
            size,
            size,
            3,
        )


def test_a_channel_rises_and_several_ascend_side_by_side():
    several = visualize_channel_fourier(small_net(), "conv2", [1, 6], size=16, steps=12)
    assert several.images.shape == (2, 16, 16, 3) and (several.values[-1] > several.values[0]).all()
    one = visualize_channel_fourier(small_net(), "conv2", 1, steps=12)
    assert one.images.shape == (12, 12, 3) and one.values[-1] > one.values[0]


def test_a_channel_that_is_none_gives_a_sentence():
    with pytest.raises(ValueError, match="no channel of conv2 numbered 8"):
        visualize_channel_fourier(small_net(), "conv2", 8)


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


@pytest.mark.parametrize(
    "ask, sentence",
    [
        (lambda: visualize_class_fourier(small_net(), -1), "5 classes, numbered from 0 to 4"),
        (lambda: visualize_class_fourier(small_net(), 0, start=random(12, 12, 1)), "one image is"),
    ],
)
def test_what_there_is_not_gives_a_sentence(ask, sentence):
    with pytest.raises(ValueError, match=sentence):
        ask()


@pytest.mark.parametrize(
    "size, shape", [((12, 20), (12, 20, 3)), ((17, 30), (16, 30, 3)), (12, (12, 12, 3))]
)
def test_images_may_be_higher_or_wider(size, shape):
    reached = visualize_class_fourier(small_net(), 1, size=size, steps=4)
    assert reached.images.shape == shape and reached.values[-1] > reached.values[0]


def test_a_network_of_one_size_that_is_not_square_gets_images_of_that_size():
    net = linear_net(normal(8, 12, 1, 2))
    net.image_size = (8, 12)
    reached = visualize_class_fourier(net, [0, 1], steps=3, shift=0, zoom=0)
    assert reached.images.shape == (2, 8, 12, 1)
    assert (reached.values[-1] > reached.values[0]).all()
    start = 0.2 + 0.6 * random(8, 12, 1)
    np.testing.assert_allclose(
        visualize_class_fourier(net, 0, start=start, steps=0).images, start, atol=1e-5
    )


# From a photograph


def squared_share(image):
    """How far an image is from the start, as a share of what the start varies."""
    return np.sum((image - START) ** 2) / np.sum((START - START.mean(axis=(0, 1))) ** 2)


def test_a_photograph_is_accentuated_and_the_penalty_keeps_it_near():
    near, far = (accentuate(redness, START, weight=w, steps=12) for w in (30.0, 0.0))
    assert redness(START[None]) < redness(near.images[None]) < redness(far.images[None])
    assert squared_share(near.images) < squared_share(far.images) / 2
    assert near.images.shape == START.shape and near.values.shape == (13,)


def test_the_value_is_the_score_less_the_share_that_has_changed():
    reached = accentuate(redness, START, weight=2.0, steps=3, shift=0, zoom=0)
    expected = redness(reached.images[None]).numpy()[0] - 2 * squared_share(reached.images)
    np.testing.assert_allclose(reached.values[-1], expected, rtol=1e-3)
    still = accentuate(redness, START, steps=0)
    np.testing.assert_allclose(still.images, START.clip(1 / 255, 254 / 255), atol=1e-3)


def test_accentuation_takes_any_photograph_with_something_in_it():
    wide = random(12, 14, 3)
    assert accentuate(redness, wide, steps=1).images.shape == wide.shape
    with pytest.raises(ValueError, match="one image that is not of one color"):
        accentuate(redness, np.full((12, 12, 3), 0.5, np.float32))
