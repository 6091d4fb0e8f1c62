"""Carlini and Wagner's attack: on a linear net the nearest adversarial example is known."""

import numpy as np
import pytest
from small_nets import (
    assert_same_numbers,
    linear_net,
    normal,
    numbers_of,
    random,
    small_net,
)

from lecture_lib.adversarial.nearest import carlini_wagner
from lecture_lib.core.ascent import length
from lecture_lib.core.scores import class_margin
from lecture_lib.models.inference import class_scores

IMAGES = 0.3 + 0.4 * random(6, 12, 12, 3)


def predictions(model, images):
    return class_scores(model, images).argmax(axis=1)


def test_it_finds_the_nearest_point_beyond_a_line():
    """In a linear net of two classes it lies straight across the boundary, at margin / ‖w‖."""
    weights = 0.1 * normal(12, 12, 3, 2)
    net = linear_net(weights, bias=np.float32([2.0, 0.0]))
    labels = predictions(net, IMAGES)
    margins = np.abs(np.asarray(class_margin(net, labels)(IMAGES)))
    expected = margins / np.linalg.norm(weights[..., 0] - weights[..., 1])
    found = carlini_wagner(net, IMAGES, labels, steps=300, binary_search_steps=8)
    distances = length(found - IMAGES).ravel()
    assert (predictions(net, found) != labels).all()
    np.testing.assert_allclose(distances, expected, rtol=0.03)
    assert (distances >= expected * (1 - 1e-4)).all()


def test_it_leaves_alone_what_it_cannot_turn():
    # Predicts class 0 for every image.
    net = linear_net(np.zeros((4, 4, 3, 2), np.float32), bias=np.float32([1.0, 0.0]))
    images = random(2, 4, 4, 3)
    found = carlini_wagner(net, images, 0, steps=5, binary_search_steps=2)
    np.testing.assert_array_equal(found, images)


def test_targeted_it_reaches_the_class_wanted():
    net = small_net()
    found = carlini_wagner(net, IMAGES, 3, targeted=True, steps=60, binary_search_steps=4)
    changed = (found != IMAGES).any(axis=(1, 2, 3))
    assert changed.any()
    assert (predictions(net, found[changed]) == 3).all()
    assert found.min() >= 0 and found.max() <= 1 and found.dtype == np.float32


def test_a_batch_is_attacked_as_if_one_by_one():
    net = small_net()
    labels = predictions(net, IMAGES)
    options = {"steps": 40, "binary_search_steps": 3}
    batch = carlini_wagner(net, IMAGES, labels, **options)
    cases = zip(IMAGES, labels, strict=True)
    alone = np.stack([carlini_wagner(net, image, label, **options) for image, label in cases])
    assert np.abs(batch - IMAGES).max() > 0.005
    np.testing.assert_allclose(batch, alone, atol=2e-3)


def test_more_binary_search_steps_find_nothing_farther():
    net = small_net()
    labels = predictions(net, IMAGES)
    few, many = (
        carlini_wagner(net, IMAGES, labels, steps=40, binary_search_steps=count) for count in (3, 6)
    )
    found = (few != IMAGES).any(axis=(1, 2, 3))
    assert found.any()
    assert (length(many - IMAGES).ravel() <= length(few - IMAGES).ravel())[found].all()


def test_the_net_stays_as_it_was():
    net = small_net()
    before = numbers_of(net)
    carlini_wagner(net, IMAGES, 1, steps=2, binary_search_steps=1)
    assert_same_numbers(net, before)


@pytest.mark.parametrize(
    "images, label, sentence",
    [
        (IMAGES * np.nan, 0, "NaN"),
        (IMAGES, 9, "5 classes, numbered from 0 to 4; 9 is not"),
        (IMAGES, [0, 1], "2 labels for 6 images"),
    ],
)
def test_what_makes_no_sense_gives_a_sentence(images, label, sentence):
    with pytest.raises(ValueError, match=sentence):
        carlini_wagner(small_net(), images, label)
