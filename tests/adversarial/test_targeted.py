"""Targeted attacks: the way is known on a linear net, and each image of a batch goes it alone."""

import numpy as np
import pytest
from small_nets import (
    assert_same_numbers,
    counting_net,
    linear_net,
    normal,
    numbers_of,
    random,
    small_net,
)

from lecture_lib.adversarial.targeted import make_adversarial
from lecture_lib.core.ascent import length
from lecture_lib.models.inference import probabilities

IMAGE = random(12, 12, 3)


def spread(class_index):
    """A linear net whose scores differ: weights (12, 12, 3, 4)."""
    return linear_net(0.3 * normal(12, 12, 3, 4, seed=class_index))


def test_the_first_step_goes_where_the_formula_points():
    weights = 0.1 * normal(4, 4, 3, 5)
    image = np.full((4, 4, 3), 0.5, np.float32)
    net = linear_net(weights)
    gradient = weights[..., 2] - weights @ probabilities(net, image)  # ∂ log P_2 / ∂I
    expected = 0.3 * gradient / np.linalg.norm(gradient)
    found = make_adversarial(net, image, 2, steps=1, learning_rate=0.3)
    np.testing.assert_allclose(found.images - image, expected, rtol=1e-3, atol=1e-6)


def test_it_succeeds_where_it_says_so():
    for target in range(4):
        found = make_adversarial(spread(0), IMAGE, target, threshold=0.95)
        assert found.succeeded and found.probability > 0.95 and found.steps <= 200
        assert found.images.shape == IMAGE.shape and found.images.dtype == np.float32
        assert found.images.min() >= 0 and found.images.max() <= 1
        np.testing.assert_allclose(
            found.probability, probabilities(spread(0), found.images)[target], rtol=1e-4
        )


def test_it_stops_at_the_first_step_above_the_threshold():
    options = {"threshold": 0.9, "learning_rate": 0.05}
    found = make_adversarial(spread(0), IMAGE, 1, **options)
    before = make_adversarial(spread(0), IMAGE, 1, steps=int(found.steps) - 1, **options)
    assert found.steps > 1 and found.succeeded
    assert not before.succeeded and before.probability <= 0.9


def test_an_image_that_is_there_already_stays_as_it_is():
    weights = np.zeros((12, 12, 3, 2), np.float32)
    weights[..., 0] = 1
    with pytest.warns(UserWarning, match="1 of 1 images had .* before the first step"):
        found = make_adversarial(linear_net(weights), IMAGE, 0)
    assert found.succeeded and found.steps == 0
    np.testing.assert_array_equal(found.images, IMAGE)


def test_an_attack_without_a_gradient_says_so():
    flat = linear_net(np.zeros((12, 12, 3, 2), np.float32), bias=[1.0, 0.0])
    for images in (IMAGE, np.stack([IMAGE, IMAGE])):
        with pytest.warns(UserWarning, match="gradient of the loss is 0"):
            found = make_adversarial(flat, images, 1, steps=3)
        assert not np.any(found.succeeded)
        np.testing.assert_array_equal(found.images, images)


def test_a_batch_is_attacked_as_if_one_by_one():
    images = random(4, 12, 12, 3)
    targets = [0, 1, 2, 3]
    options = {"threshold": 0.8, "learning_rate": 0.1, "steps": 12}
    batch = make_adversarial(spread(1), images, targets, **options)
    assert batch.images.shape == images.shape
    assert batch.probability.shape == batch.steps.shape == batch.succeeded.shape == (4,)
    assert len(set(batch.steps.tolist())) > 1  # so that the test has teeth
    for number, target in enumerate(targets):
        alone = make_adversarial(spread(1), images[number], target, **options)
        np.testing.assert_allclose(batch.images[number], alone.images, atol=1e-5)
        np.testing.assert_allclose(batch.probability[number], alone.probability, rtol=1e-3)
        assert batch.steps[number] == alone.steps and batch.succeeded[number] == alone.succeeded


def test_one_target_serves_a_whole_batch():
    found = make_adversarial(spread(1), random(2, 12, 12, 3), 3, threshold=0.8)
    assert found.succeeded.all() and found.steps.shape == (2,)


@pytest.mark.parametrize("learning_rate", [0.5, 5.0])
def test_an_unreachable_threshold_takes_all_steps_and_says_so(learning_rate):
    weights = np.zeros((4, 4, 3, 2), np.float32)
    weights[..., 0] = 0.1  # the best is a black image, where both classes have probability 1/2
    found = make_adversarial(
        linear_net(weights), random(4, 4, 3), 1, steps=7, learning_rate=learning_rate
    )
    assert not found.succeeded and found.steps == 7 and found.probability <= 0.5 + 1e-6


def test_no_steps_return_the_image():
    found = make_adversarial(small_net(), IMAGE, 2, steps=0)
    np.testing.assert_array_equal(found.images, IMAGE)
    assert found.steps == 0 and not found.succeeded
    np.testing.assert_allclose(found.probability, probabilities(small_net(), IMAGE)[2], rtol=1e-5)


def test_a_target_of_nearly_no_probability_is_approached_at_full_length():
    image = np.full((4, 4, 3), 0.5, np.float32)
    # log P of class 1 is about -69.6: 1e-30.
    net = linear_net(np.zeros((4, 4, 3, 2), np.float32) + np.float32([2.9, 0]))
    assert 0 < probabilities(net, image)[1] < 1e-29
    found = make_adversarial(net, image, 1, steps=1, learning_rate=0.5)
    np.testing.assert_allclose(length(found.images - image), 0.5, rtol=1e-4)
    assert found.probability > probabilities(net, image)[1]


def test_watch_sees_and_ends_it():
    seen = []

    def stop_at_three(step, steps, ascent):
        seen.append(step)
        return step == 3

    found = make_adversarial(spread(0), IMAGE, 1, learning_rate=0.01, watch=stop_at_three)
    assert seen == [0, 1, 2, 3] and found.steps == 3 and not found.succeeded


def test_another_target_threshold_or_learning_rate_compiles_nothing_anew():
    net, calls = counting_net()
    for target, threshold, rate in (0, 0.99, 0.5), (1, 0.5, 0.1), (2, 0.3, 1.0):
        make_adversarial(
            net, random(6, 6, 3), target, threshold=threshold, learning_rate=rate, steps=3
        )
    assert len(calls) == 1


@pytest.mark.parametrize(
    "image, target, options, sentence",
    [
        (IMAGE, 0, {"threshold": 1.0}, "threshold is a probability between 0 and 1; it was 1.0"),
        (IMAGE, 0, {"threshold": -0.1}, "threshold is a probability between 0 and 1"),
        (IMAGE, 0, {"threshold": float("nan")}, "threshold is a probability between 0 and 1"),
        (IMAGE, 5, {}, "5 classes, numbered from 0 to 4; 5 is not among them"),
        (IMAGE, -1, {}, "numbered from 0 to 4"),
        (IMAGE, "cat", {}, "whole number from 0 to 4"),
        (random(2, 12, 12, 3), [0, 1, 2], {}, "3 target classes for 2 images"),
        (IMAGE, [0, 1], {}, "2 target classes for 1 image"),
        (IMAGE * 255, 0, {}, "divide by 255"),
        (IMAGE * np.nan, 0, {}, "NaN"),
        (IMAGE - 1, 0, {}, r"\[0, 1\]"),
        (random(12, 12, 1), 0, {}, "shape"),
        (IMAGE, 0, {"steps": -1}, "0 or more"),
        (IMAGE, 0, {"learning_rate": -1}, "0 or more"),
    ],
)
def test_what_makes_no_sense_gives_a_sentence(image, target, options, sentence):
    with pytest.raises(ValueError, match=sentence):
        make_adversarial(small_net(), image, target, **options)


def test_the_net_and_the_image_stay_as_they_were():
    net = small_net()
    image = IMAGE.copy()
    before = numbers_of(net)
    make_adversarial(net, image, 2, steps=3)
    assert_same_numbers(net, before)
    np.testing.assert_array_equal(image, IMAGE)
