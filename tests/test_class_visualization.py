"""Pictures of classes and channels: the climb rises, the penalty pulls to gray, the same seed gives the same picture."""

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
from lecture_lib.core.scores import class_score, neuron_score
from lecture_lib.core.transforms import fourier_to_image, moved, random_fourier_coefficients
from lecture_lib.models.inference import class_scores
from lecture_lib.models.surgery import named


def distance_from_gray(image):
    return np.linalg.norm(image - 0.5)


@pytest.mark.parametrize(
    "climb",
    [
        lambda **options: visualize_class(random_tinynet(), 2, **options),
        lambda **options: visualize_channel(random_tinynet(), "block2", 5, **options),
        lambda **options: visualize_class_fourier(random_tinynet(), 2, **options),
    ],
)
def test_the_value_rises_and_the_picture_is_one_and_repeats(climb):
    one, same, other = (climb(size=32, steps=6, seed=seed) for seed in (0, 0, 1))
    assert one.values.shape == (7,) and one.values[-1] > one.values[0]
    assert one.images.shape == (32, 32, 3) and one.images.dtype == np.float32
    assert one.images.min() >= 0 and one.images.max() <= 1
    np.testing.assert_array_equal(one.images, same.images)
    assert not np.array_equal(one.images, other.images)


def test_the_value_is_the_score_less_the_penalty():
    climb = visualize_class(small_net(), 3, steps=4, weight=0.2)
    expected = (
        class_scores(small_net(), climb.images)[3] - 0.2 * distance_from_gray(climb.images) ** 2
    )
    np.testing.assert_allclose(climb.values[-1], expected, rtol=1e-4)


@pytest.mark.parametrize(
    "climb",
    [
        lambda weight: visualize_class(small_net(), 1, weight=weight, steps=30, learning_rate=0.3),
        lambda weight: visualize_channel(
            small_net(), "conv2", 1, weight=weight, steps=30, learning_rate=0.3
        ),
    ],
)
def test_a_larger_weight_keeps_nearer_to_gray(climb):
    distances = [distance_from_gray(climb(weight).images) for weight in (0.0, 0.1, 1.0)]
    assert distances[0] > distances[1] > distances[2]


def test_classes_side_by_side_are_as_one_by_one():
    start = random(12, 12, 3)
    batch = visualize_class(
        small_net(), [0, 3, 4], start=np.stack([start] * 3), steps=8, learning_rate=0.3
    )
    assert batch.images.shape == (3, 12, 12, 3) and batch.values.shape == (9, 3)
    for number, class_index in enumerate((0, 3, 4)):
        alone = visualize_class(small_net(), class_index, start=start, steps=8, learning_rate=0.3)
        np.testing.assert_allclose(batch.images[number], alone.images, atol=1e-4)
        np.testing.assert_allclose(batch.values[:, number], alone.values, rtol=1e-3, atol=1e-4)


def test_channels_side_by_side_are_as_one_by_one():
    start = random(12, 12, 3)
    batch = visualize_channel(
        small_net(), "conv2", [1, 4], start=np.stack([start] * 2), steps=5, learning_rate=0.3
    )
    for number, channel in enumerate((1, 4)):
        alone = visualize_channel(
            small_net(), "conv2", channel, start=start, steps=5, learning_rate=0.3
        )
        np.testing.assert_allclose(batch.images[number], alone.images, atol=1e-4)


def test_the_best_picture_of_a_linear_net_is_known_by_hand():
    weights = normal(5, 5, 3, 2)
    climb = visualize_class(linear_net(weights), 1, weight=0.0, steps=50, learning_rate=50.0)
    np.testing.assert_array_equal(
        climb.images, np.float32(weights[..., 1] > 0)
    )  # each pixel as far as it goes
    pulled = visualize_class(
        linear_net(weights), 1, weight=20.0, steps=400, learning_rate=0.01
    ).images
    np.testing.assert_allclose(
        pulled, np.clip(0.5 + weights[..., 1] / 40, 0, 1), atol=0.01
    )  # where w = 2 · weight · (I - ½)


def test_a_larger_weight_on_total_variation_makes_smoother_pictures():
    unrest = []
    for smoothness in 0.0, 0.01, 0.1:
        picture = visualize_class(
            small_net(), 1, smoothness=smoothness, steps=30, learning_rate=0.3
        ).images
        unrest.append(
            np.abs(np.diff(picture, axis=0)).sum() + np.abs(np.diff(picture, axis=1)).sum()
        )
    assert unrest[0] > unrest[1] > unrest[2]


def test_priors_go_where_they_belong():
    start = random(12, 12, 3)
    climb = lambda **prior: (
        visualize_class(small_net(), 2, start=start, steps=1, learning_rate=0.5, **prior).images
    )
    np.testing.assert_allclose(
        climb(project=blurred),
        blurred(start + (climb(project=lambda images: images) - start)),
        atol=1e-6,
    )
    waiting = np.all(climb(direction=drop_small_gradients) == start, axis=-1).mean()
    np.testing.assert_allclose(waiting, 0.5, atol=0.02)


def test_what_the_net_is_shown_is_what_it_is_scored_by():
    halved = lambda images: images / 2
    climb = maximize_pixels(
        class_score(small_net(), 2), random(12, 12, 3), weight=0.0, view=halved, steps=2
    )
    np.testing.assert_allclose(
        climb.values[-1], class_scores(small_net(), climb.images / 2)[2], rtol=1e-4
    )


def test_waves_climb_any_score_from_one_start_or_several():
    score, starts = neuron_score(small_net(), "conv2", 5, 6, 1), random_fourier_coefficients(3, 12)
    several = maximize_fourier(
        score, starts, steps=6, shift=0, zoom=0
    )  # a move is drawn for the batch, so there is none here
    one = maximize_fourier(score, starts[1], steps=6, shift=0, zoom=0)
    assert (
        several.images.shape == (3, 12, 12, 3)
        and several.values.shape == (7, 3)
        and one.values.shape == (7,)
    )
    np.testing.assert_allclose(several.images[1], one.images, atol=1e-4)
    assert (several.values[-1] > several.values[0]).all()


def test_waves_take_the_direction_that_is_given():
    score, start = class_score(small_net(), 1), random_fourier_coefficients(1, 12)
    climb = maximize_fourier(
        score,
        start[0],
        shift=0,
        zoom=0,
        steps=1,
        learning_rate=0.1,
        direction=lambda slopes: 3 * slopes,
    )
    slopes = gradient(lambda waves: score(fourier_to_image(waves)), start)
    np.testing.assert_allclose(climb.images, fourier_to_image(start + 0.3 * slopes)[0], atol=1e-5)


def test_waves_start_at_a_picture_that_is_given():
    start = 0.1 + 0.8 * random(2, 12, 12, 3)
    np.testing.assert_allclose(
        visualize_class_fourier(small_net(), 1, start=start, steps=0).images, start, atol=1e-5
    )
    np.testing.assert_allclose(
        visualize_class_fourier(small_net(), 1, start=start[0], steps=0).images, start[0], atol=1e-5
    )


def test_facets_are_pictures_that_differ_from_one_another():
    for class_index in 0, 39:
        pictures = facets(class_index)
        assert (
            2 <= len(pictures) <= 4
            and pictures.shape[1:] == (64, 64, 3)
            and pictures.dtype == np.float32
        )
        assert pictures.min() >= 0 and pictures.max() <= 1
        assert all(np.abs(one - pictures[0]).mean() > 0.02 for one in pictures[1:])


def test_the_judge_looks_for_classes_by_their_names():
    judge = named(pixel_net(), class_names=("tench", "goldfish", "great white shark"), image_size=6)
    pictures = random(4, 6, 6, 3)
    order = np.argsort(-class_scores(judge, pictures), axis=1)
    names = [judge.class_names[index] for index in order[:, 1]]  # always the second guess
    shares = [top_k_recognition_rate(judge, pictures, names, first=first) for first in (1, 2, 3)]
    assert shares == [0, 1, 1]
    assert (
        top_k_recognition_rate(judge, pictures, [*names[:2], "teapot", "lemon"], first=2) == 1
    )  # what it does not know is left out


def test_natural_pictures_of_several_classes_are_a_batch():
    batch = visualize_class_fourier(small_net(), [0, 3], size=12, steps=20)
    assert batch.images.shape == (2, 12, 12, 3) and batch.values.shape == (21, 2)
    assert (batch.values[-1] > batch.values[0]).all()


@pytest.mark.parametrize("climb", [visualize_class, visualize_class_fourier])
def test_watch_sees_pictures(climb):
    seen = []
    result = climb(
        small_net(),
        1,
        size=16,
        steps=2,
        watch=lambda step, steps, ascent: seen.append((step, steps, ascent.images)),
    )
    assert [(step, steps) for step, steps, _ in seen] == [(0, 2), (1, 2), (2, 2)]
    assert all(
        image.shape == (16, 16, 3) and image.min() >= 0 and image.max() <= 1 for *_, image in seen
    )
    np.testing.assert_array_equal(seen[-1][2], result.images)


@pytest.mark.parametrize("climb", [visualize_class, visualize_class_fourier])
def test_watch_ends_the_climb_by_saying_true(climb):
    assert (
        len(climb(small_net(), 1, size=16, steps=9, watch=lambda step, *_: step == 1).values) == 2
    )


def test_a_new_class_weight_or_learning_rate_compiles_nothing_anew():
    net, calls = counting_net()
    for class_index, weight, rate in (0, 0.01, 1.0), (1, 0.5, 0.3), (2, 0, 1), (2, 1, 0.1):
        visualize_class(net, class_index, weight=weight, learning_rate=rate, steps=2)
    assert len(calls) == 1
    calls.clear()
    for channel, weight in (0, 0.01), (3, 0.2):
        visualize_channel(net, "conv", channel, weight=weight, steps=2)
    assert len(calls) == 1
    calls.clear()
    for smoothness in 0.01, 0.2:
        visualize_class(net, 0, smoothness=smoothness, view=moved, project=blurred, steps=2)
    assert len(calls) == 1


def test_a_new_class_or_amount_of_movement_compiles_nothing_anew():
    net, calls = counting_net()
    for class_index, shift, zoom in (0, 0.06, 0.12), (1, 0.1, 0), (2, 0, 0.2):
        visualize_class_fourier(net, class_index, shift=shift, zoom=zoom, steps=2)
    assert len(calls) == 1


@pytest.mark.parametrize("climb", [visualize_class, visualize_class_fourier])
def test_any_size_after_any_other(climb):
    for size in 12, 16, 20, 12:
        assert climb(small_net(), 2, size=size, steps=1).images.shape == (size, size, 3)


@pytest.mark.parametrize("size, side", [(12, 12), (13, 12), (14, 14), (15, 12)])
def test_an_odd_size_becomes_a_multiple_of_four_for_waves(size, side):
    assert visualize_class_fourier(small_net(), 0, size=size, steps=0).images.shape == (
        side,
        side,
        3,
    )


def test_gray_noise_is_gray_with_a_little_noise():
    noise = gray_noise(small_net(), size=40, shape=(2,), noise=0.05)
    assert noise.shape == (2, 40, 40, 3) and noise.dtype == np.float32
    np.testing.assert_allclose([noise.mean(), noise.std()], [0.5, 0.05], atol=0.005)
    assert gray_noise(small_net()).shape == (12, 12, 3)


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
