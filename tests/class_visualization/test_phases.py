"""By phases: the amplitudes are those of photographs, any score rises, any net, any size."""

import numpy as np
import pytest
from small_nets import counting_net, graph, normal, random, random_tinynet, small_net

from lecture_lib.class_visualization.crops import over_random_crops
from lecture_lib.class_visualization.phases import (
    COLOR_AXES,
    maximize_phases,
    mean_amplitudes,
    phases_to_image,
    random_phases,
    visualize_class_phases,
)
from lecture_lib.core.gradients import value
from lecture_lib.core.layer_scores import channel_score, neuron_score
from lecture_lib.core.scores import class_score
from lecture_lib.models.backend import tf

FLAT = np.ones((3, 12, 7), np.float32)  # amplitudes


def redness(images):
    """A plain function, no Score."""
    return tf.reduce_mean(images[..., 0], axis=[1, 2])


# From phases to an image


def test_the_image_is_the_formula():
    phases = normal(1, 3, 12, 7)
    amplitudes = random(3, 12, 7, seed=1)
    angles = (phases - phases.mean()) / phases.std()
    planes = np.fft.irfft2(amplitudes * np.exp(1j * angles))[0]  # (3, 12, 12)
    planes = (planes - planes.mean()) / planes.std()
    expected = 1 / (1 + np.exp(-2.5 * np.einsum("chw,cd->hwd", planes, COLOR_AXES)))
    found = phases_to_image(phases, amplitudes, 2.5)[0]
    np.testing.assert_allclose(found, expected, atol=1e-4)


def test_neither_the_scale_of_phases_nor_that_of_amplitudes_matters():
    phases = normal(2, 3, 12, 7)
    image = phases_to_image(phases, FLAT)
    np.testing.assert_allclose(phases_to_image(5 * phases + 3, 9 * FLAT), image, atol=1e-4)


def test_each_image_of_a_batch_is_as_alone():
    phases = normal(3, 3, 12, 7) * np.float32([1, 5, 20]).reshape(3, 1, 1, 1)
    alone = [phases_to_image(one[None], FLAT)[0] for one in phases]
    np.testing.assert_allclose(phases_to_image(phases, FLAT), alone, atol=1e-5)


def test_photographs_have_more_of_low_frequencies_and_of_brightness():
    amplitudes = mean_amplitudes(64, 64)
    assert amplitudes.shape == (3, 64, 33) and amplitudes.dtype == np.float32
    radius = np.hypot(np.fft.fftfreq(64)[:, None], np.fft.rfftfreq(64))
    means = [amplitudes[:, (radius > low) & (radius <= low + 0.1)].mean() for low in (0, 0.1, 0.3)]
    assert means[0] > 3 * means[1] > 6 * means[2]
    assert mean_amplitudes(64, 48).shape == (3, 64, 25)


@pytest.mark.parametrize(
    "size, shape", [(12, (12, 7)), (13, (12, 7)), ((10, 16), (10, 9)), ((16, 9), (16, 5))]
)
def test_phases_are_for_even_sizes(size, shape):
    phases = random_phases(2, size)
    assert phases.shape == (2, 3, *shape) and phases.dtype == np.float32
    assert np.array_equal(phases, random_phases(2, size))
    assert not np.array_equal(phases, random_phases(2, size, seed=1))


# The ascent


def test_the_value_rises_and_the_result_is_an_image_that_repeats():
    options = {"size": 32, "steps": 12}
    one, same = (visualize_class_phases(random_tinynet(), 2, **options) for _ in range(2))
    other = visualize_class_phases(random_tinynet(), 2, seed=1, **options)
    assert one.values.shape == (13,) and one.values[-3:].mean() > one.values[:3].mean()
    assert one.images.shape == (32, 32, 3) and one.images.dtype == np.float32
    assert one.images.min() >= 0 and one.images.max() <= 1
    np.testing.assert_array_equal(one.images, same.images)
    assert not np.array_equal(one.images, other.images)


@pytest.mark.parametrize(
    "score",
    [
        redness,
        class_score(small_net(), 1),
        channel_score(small_net(), "conv2", 3),
        neuron_score(small_net(), "conv2", 5, 6, 1),
        class_score(small_net(), 0) - class_score(small_net(), 2),
    ],
)
def test_any_score_rises_on_one_image_or_several_of_any_size(score):
    for start in random_phases(1, 24)[0], random_phases(2, (16, 24)):
        reached = maximize_phases(score, start, crop_size=12, steps=40)
        assert (reached.values[-10:].mean(axis=0) > reached.values[:5].mean(axis=0)).all()
    assert reached.images.shape == (2, 16, 24, 3) and reached.values.shape == (41, 2)


def test_classes_side_by_side_rise_each_on_its_own_score():
    reached = visualize_class_phases(small_net(), [1, 4], size=24, steps=30)
    assert reached.images.shape == (2, 24, 24, 3) and reached.values.shape == (31, 2)
    for number, class_index in enumerate((1, 4)):
        seen = over_random_crops(class_score(small_net(), class_index), crop_size=12, draw=5)
        assert value(seen, reached.images[number]) > value(seen, reached.images[1 - number])


def test_the_first_value_is_that_of_the_formula():
    start = random_phases(1, 12)
    image = phases_to_image(start, mean_amplitudes(12, 12), 3.0).numpy()
    score = class_score(small_net(), 2)
    expected = value(over_random_crops(score, crop_size=12, crops=3, noise=0.2), image)
    options = {"crop_size": 12, "crops": 3, "noise": 0.2, "contrast": 3, "steps": 0}
    reached = maximize_phases(score, start, **options)
    np.testing.assert_allclose(reached.images, image, atol=1e-6)
    np.testing.assert_allclose(reached.values[0], expected, rtol=1e-3, atol=1e-4)


def test_watch_sees_images_and_ends_the_ascent_by_saying_true():
    seen = []

    def watch(step, steps, reached):
        seen.append((step, steps, reached.images))
        return step == 2

    result = visualize_class_phases(small_net(), 1, size=16, steps=9, watch=watch)
    assert [(step, steps) for step, steps, _ in seen] == [(0, 9), (1, 9), (2, 9)]
    images = np.stack([image for *_, image in seen])
    assert images.shape == (3, 16, 16, 3) and images.min() >= 0 and images.max() <= 1
    np.testing.assert_array_equal(images[-1], result.images)


def test_a_network_whose_images_are_not_square_gets_pictures_in_their_proportions():
    net = graph(lambda x: x)
    net.image_size = (24, 40)
    reached = visualize_class_phases(net, 0, steps=1, crops=2)
    assert reached.images.shape == (256, 426, 3)  # 256 * 40 / 24, made even


def test_classes_learning_rates_contrasts_and_crops_are_one_trace():
    net, calls = counting_net()
    for move in range(20):
        numbers = {"noise": 0.01 * move, "contrast": 1 + move, "sides": (0.2, 0.3 + move / 100)}
        visualize_class_phases(
            net, move % 3, size=12, learning_rate=0.1 * move, steps=1, seed=move, **numbers
        )
    assert len(calls) == 1


@pytest.mark.parametrize(
    "ask, sentence",
    [
        (lambda: visualize_class_phases(small_net(), 5), "5 classes, numbered from 0 to 4"),
        (lambda: visualize_class_phases(small_net(), 0, size=12, steps=-1), "0 or more"),
        (lambda: visualize_class_phases(graph(lambda x: x, channels=1), 0), "takes images of 1"),
    ],
)
def test_what_there_is_not_gives_a_sentence(ask, sentence):
    with pytest.raises(ValueError, match=sentence):
        ask()
