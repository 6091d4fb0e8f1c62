"""Pictures of classes and channels: the climb rises, the penalty pulls to grey, the same seed gives the same picture."""

import numpy as np
import pytest
from small_nets import counting_net, random, random_tinynet, small_net

from lecture_lib.class_visualization import grey_noise, visualize_channel, visualize_class, visualize_naturally
from lecture_lib.models import class_scores


def distance_from_grey(image):
    return np.linalg.norm(image - 0.5)


@pytest.mark.parametrize("climb", [
    lambda **options: visualize_class(random_tinynet(), 2, **options),
    lambda **options: visualize_channel(random_tinynet(), "block2", 5, **options),
    lambda **options: visualize_naturally(random_tinynet(), 2, **options),
])  # fmt: skip
def test_the_value_rises_and_the_picture_is_one_and_repeats(climb):
    one, same, other = (climb(size=32, steps=6, seed=seed) for seed in (0, 0, 1))
    assert one.values.shape == (7,) and one.values[-1] > one.values[0]
    assert one.images.shape == (32, 32, 3) and one.images.dtype == np.float32
    assert one.images.min() >= 0 and one.images.max() <= 1
    np.testing.assert_array_equal(one.images, same.images)
    assert not np.array_equal(one.images, other.images)


def test_the_value_is_the_score_less_the_penalty():
    climb = visualize_class(small_net(), 3, steps=4, weight=0.2)
    expected = class_scores(small_net(), climb.images)[3] - 0.2 * distance_from_grey(climb.images) ** 2
    np.testing.assert_allclose(climb.values[-1], expected, rtol=1e-4)


@pytest.mark.parametrize("climb", [lambda weight: visualize_class(small_net(), 1, weight=weight, steps=30, learning_rate=0.3),
                                   lambda weight: visualize_channel(small_net(), "conv2", 1, weight=weight, steps=30,
                                                                    learning_rate=0.3)])  # fmt: skip
def test_a_larger_weight_keeps_nearer_to_grey(climb):
    distances = [distance_from_grey(climb(weight).images) for weight in (0.0, 0.1, 1.0)]
    assert distances[0] > distances[1] > distances[2]


def test_classes_side_by_side_are_as_one_by_one():
    start = random(12, 12, 3)
    batch = visualize_class(small_net(), [0, 3, 4], start=np.stack([start] * 3), steps=8, learning_rate=0.3)
    assert batch.images.shape == (3, 12, 12, 3) and batch.values.shape == (9, 3)
    for number, class_index in enumerate((0, 3, 4)):
        alone = visualize_class(small_net(), class_index, start=start, steps=8, learning_rate=0.3)
        np.testing.assert_allclose(batch.images[number], alone.images, atol=1e-4)
        np.testing.assert_allclose(batch.values[:, number], alone.values, rtol=1e-3, atol=1e-4)


def test_natural_pictures_of_several_classes_are_a_batch():
    batch = visualize_naturally(small_net(), [0, 3], size=12, steps=20)
    assert batch.images.shape == (2, 12, 12, 3) and batch.values.shape == (21, 2)
    assert (batch.values[-1] > batch.values[0]).all()


@pytest.mark.parametrize("climb", [visualize_class, visualize_naturally])
def test_watch_sees_pictures(climb):
    seen = []
    result = climb(small_net(), 1, size=16, steps=2, watch=lambda step, steps, ascent: seen.append((step, steps, ascent.images)))
    assert [(step, steps) for step, steps, _ in seen] == [(0, 2), (1, 2), (2, 2)]
    assert all(image.shape == (16, 16, 3) and image.min() >= 0 and image.max() <= 1 for *_, image in seen)
    np.testing.assert_array_equal(seen[-1][2], result.images)


@pytest.mark.parametrize("climb", [visualize_class, visualize_naturally])
def test_watch_ends_the_climb_by_saying_true(climb):
    assert len(climb(small_net(), 1, size=16, steps=9, watch=lambda step, *_: step == 1).values) == 2


def test_a_new_class_weight_or_learning_rate_compiles_nothing_anew():
    net, calls = counting_net()
    for class_index, weight, rate in (0, 0.01, 1.0), (1, 0.5, 0.3), (2, 0, 1), (2, 1, 0.1):
        visualize_class(net, class_index, weight=weight, learning_rate=rate, steps=2)
    assert len(calls) == 1
    calls.clear()
    for channel, weight in (0, 0.01), (3, 0.2):
        visualize_channel(net, "conv", channel, weight=weight, steps=2)
    assert len(calls) == 1


def test_a_new_class_or_amount_of_movement_compiles_nothing_anew():
    net, calls = counting_net()
    for class_index, shift, zoom in (0, 0.06, 0.12), (1, 0.1, 0), (2, 0, 0.2):
        visualize_naturally(net, class_index, shift=shift, zoom=zoom, steps=2)
    assert len(calls) == 1


@pytest.mark.parametrize("climb", [visualize_class, visualize_naturally])
def test_any_size_after_any_other(climb):
    for size in 12, 16, 20, 12:
        assert climb(small_net(), 2, size=size, steps=1).images.shape == (size, size, 3)


def test_an_odd_size_becomes_even_for_waves():
    assert visualize_naturally(small_net(), 0, size=13, steps=0).images.shape == (12, 12, 3)


def test_grey_noise_is_grey_with_a_little_noise():
    noise = grey_noise(small_net(), size=40, shape=(2,), noise=0.05)
    assert noise.shape == (2, 40, 40, 3) and noise.dtype == np.float32
    np.testing.assert_allclose([noise.mean(), noise.std()], [0.5, 0.05], atol=0.005)
    assert grey_noise(small_net()).shape == (12, 12, 3)


@pytest.mark.parametrize("ask, sentence", [
    (lambda: visualize_class(small_net(), 5), "5 classes, numbered from 0 to 4"),
    (lambda: visualize_naturally(small_net(), -1), "5 classes, numbered from 0 to 4"),
    (lambda: visualize_channel(small_net(), "conv2", 8), "no channel of conv2 numbered 8"),
    (lambda: visualize_channel(small_net(), "conv7", 0), "no layer 'conv7'; its layers are conv1"),
    (lambda: visualize_class(small_net(), 0, steps=-1), "0 or more"),
])  # fmt: skip
def test_what_there_is_not_gives_a_sentence(ask, sentence):
    with pytest.raises(ValueError, match=sentence):
        ask()
