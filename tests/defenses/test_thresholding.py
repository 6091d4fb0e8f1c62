"""Defenses: T by hand, proofs never better than trying all, attacks that know the defense."""

from functools import partial

import numpy as np
import pytest
from small_nets import counting_net, linear_net, normal, random, small_net
from window_nets import grays, lowest_by_trying, windows_net

from lecture_lib.adversarial.attacks import fgsm, pgd
from lecture_lib.core.gradients import gradient
from lecture_lib.core.scores import class_score
from lecture_lib.defenses.thresholding import (
    certify,
    decoded_features,
    greedy_flip_attack,
    nearest_image_with_pattern,
    robust_mask,
    threshold,
    undecided_pixels,
    with_threshold,
)
from lecture_lib.models.backend import keras
from lecture_lib.models.inference import class_scores
from lecture_lib.models.layers import layer_outputs
from lecture_lib.models.zoo import load_model

PIXELS = np.float32([0, 0.2, 0.28, 0.3, 0.38, 0.4, 0.47, 0.49, 0.9, 1]).reshape(1, 2, 5, 1)


def predictions(model, images):
    return class_scores(model, images).argmax(axis=1)


def truly_robust(net, images, labels):
    """Whether the margin is above 0 for all patterns that each image can be changed to."""
    cases = zip(images, labels, strict=True)
    lowest = [
        lowest_by_trying(net, threshold(image), undecided_pixels(image), label)
        for image, label in cases
    ]
    return np.array(lowest) > 0


# The threshold


def test_the_threshold_by_hand():
    expected = [0, 0, 0, 0, 0, 1, 1, 1, 1, 1]  # 0.38 itself is not above it
    np.testing.assert_array_equal(threshold(PIXELS).ravel(), expected)
    assert threshold(PIXELS).dtype == np.float32 and threshold(PIXELS[0]).shape == (2, 5, 1)
    np.testing.assert_array_equal(threshold(PIXELS, level=0.95).ravel(), [0] * 9 + [1])


def test_undecided_pixels_by_hand():
    """Within 0.1 of 0.38, and reachable: from 0.47 one gets down to 0.37, from 0.49 to 0.39."""
    expected = [0, 0, 0, 1, 1, 1, 1, 0, 0, 0]
    np.testing.assert_array_equal(undecided_pixels(PIXELS, epsilon=0.1).ravel(), expected)
    none = np.zeros_like(PIXELS, bool)
    np.testing.assert_array_equal(undecided_pixels(PIXELS, epsilon=0.0), none)
    assert undecided_pixels(PIXELS, epsilon=1.0).all()


def test_exactly_the_undecided_pixels_change_sides_in_the_ball():
    images = random(1, 20, 20, 1)
    changes = 0.1 * np.random.default_rng(1).choice([-1, 1], (300, 20, 20, 1))
    moved = np.clip(images + changes, 0, 1)
    crossed = (threshold(moved) != threshold(images)).any(axis=0)
    np.testing.assert_array_equal(crossed, undecided_pixels(images, epsilon=0.1)[0])


def test_a_pattern_is_reached_within_the_ball():
    images = random(3, 9, 9, 1)
    undecided = undecided_pixels(images, epsilon=0.1)
    pattern = np.where(undecided, 1 - threshold(images), threshold(images))
    nearest = nearest_image_with_pattern(images, pattern)
    np.testing.assert_array_equal(threshold(nearest), pattern)
    assert np.abs(nearest - images).max() <= 0.1 + 1e-6 and nearest.dtype == np.float32
    unchanged = nearest_image_with_pattern(images, threshold(images))
    np.testing.assert_array_equal(unchanged, images)


def test_behind_a_threshold_a_net_reads_black_and_white_and_lets_the_gradient_through():
    weights = normal(6, 6, 1, 3)
    net = linear_net(weights)
    images = random(4, 6, 6, 1)
    defended = with_threshold(net, level=0.6)
    found = class_scores(defended, images)
    expected = class_scores(net, threshold(images, level=0.6))
    np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-5)
    gradients = np.broadcast_to(weights[..., 1], images.shape)
    np.testing.assert_allclose(gradient(class_score(defended, 1), images), gradients, rtol=1e-5)
    assert defended.class_names == net.class_names and net.layers[1].name == "flatten"


# The proof


def test_certified_is_true_and_broken_is_shown():
    net = windows_net()
    images = grays(60, (7, 6, 1), share=0.12, seed=7)
    labels = predictions(net, threshold(images))
    found = certify(net, images, labels)
    truth = truly_robust(net, images, labels)
    np.testing.assert_array_equal(found.certified, truth)
    np.testing.assert_array_equal(found.broken, ~truth)
    assert 0.1 < truth.mean() < 0.9
    assert np.abs(found.worst - images).max() <= 0.1 + 1e-6
    misclassified = predictions(with_threshold(net), found.worst) != labels
    np.testing.assert_array_equal(misclassified, found.broken)
    counts = undecided_pixels(images).sum(axis=(1, 2, 3))
    np.testing.assert_array_equal(found.undecided_pixels, counts)


def test_certified_below_true_below_attacked():
    net = windows_net()
    images = grays(80, (7, 6, 1), share=0.12, seed=11)
    labels = predictions(net, threshold(images))
    defended = with_threshold(net)
    certified = certify(net, images, labels, max_shared_pixels=1).certified
    true = truly_robust(net, images, labels)
    flipped = predictions(defended, greedy_flip_attack(net, images, labels)) == labels
    moved = pgd(defended, images, labels, epsilon=0.1, steps=20)
    along_gradient = predictions(defended, moved) == labels
    for attacked in flipped, along_gradient:
        assert (certified <= true).all() and (true <= attacked).all()
    assert certified.sum() < true.sum() <= flipped.sum() <= along_gradient.sum() < len(images)


# Attacks


def test_flipping_stays_in_the_ball_and_finds_the_worst_of_a_linear_net():
    weights = normal(6, 6, 1, 2)
    net = linear_net(weights)
    images = random(5, 6, 6, 1)
    moved = greedy_flip_attack(net, images, 0, epsilon=0.3)
    assert np.abs(moved - images).max() <= 0.3 + 1e-6 and moved.min() >= 0 and moved.max() <= 1
    against = weights[..., 1] > weights[..., 0]
    worst = np.where(undecided_pixels(images, epsilon=0.3), against, threshold(images))
    np.testing.assert_array_equal(threshold(moved), worst)
    np.testing.assert_array_equal(greedy_flip_attack(net, images[2], 0, epsilon=0.3), moved[2])


def test_a_radius_of_zero_changes_nothing():
    net = windows_net()
    images = grays(5, (7, 6, 1), share=0.3, seed=1)
    np.testing.assert_array_equal(greedy_flip_attack(net, images, 0, epsilon=0), images)
    found = certify(net, images, 0, epsilon=0)
    np.testing.assert_array_equal(found.worst, images)
    np.testing.assert_array_equal(found.certified, predictions(net, threshold(images)) == 0)
    robust = robust_mask(net, images, np.zeros(5, int), radii=[0], attacks=[fgsm])
    np.testing.assert_array_equal(robust[0, 0], predictions(net, images) == 0)


def test_robustness_falls_with_the_radius_and_with_the_strength_of_the_attack():
    net = small_net()
    images = random(60, 12, 12, 3, seed=5)
    labels = predictions(net, images)
    labels[:5] = (labels[:5] + 1) % 5
    attacks = [fgsm, partial(pgd, steps=10), partial(pgd, steps=10, restarts=3)]
    robust = robust_mask(net, images, labels, radii=[0, 0.02, 0.04, 0.08], attacks=attacks)
    assert robust.shape == (3, 4, 60)
    assert (np.diff(robust.astype(int), axis=0) <= 0).all()
    assert (np.diff(robust.astype(int), axis=1) <= 0).all()
    assert (robust[:, 0] == np.r_[[False] * 5, [True] * 55]).all()
    assert robust[2, 3].sum() < robust[0, 1].sum()


def test_an_attack_that_fails_does_not_forgive_what_another_did():
    net = small_net()
    images = random(30, 12, 12, 3, seed=6)
    labels = predictions(net, images)

    def nothing(model, images, labels, *, epsilon):
        return images

    robust = robust_mask(net, images, labels, radii=[0, 0.1], attacks=[fgsm, nothing])
    np.testing.assert_array_equal(robust[0], robust[1])
    moved = fgsm(net, images, labels, epsilon=0.1)
    np.testing.assert_array_equal(robust[0, 1], predictions(net, moved) == labels)


def test_only_images_that_are_not_yet_fooled_are_attacked():
    net = small_net()
    images = random(10, 12, 12, 3, seed=6)
    labels = predictions(net, images)
    asked = []

    def counted_fgsm(model, images, labels, *, epsilon):
        asked.append(len(images))
        return fgsm(model, images, labels, epsilon=epsilon)

    attacks = [counted_fgsm, counted_fgsm]
    robust = robust_mask(net, images, labels, radii=[0, 0.05, 0.1], attacks=attacks)
    standing = robust.sum(axis=2)
    assert asked == [10, 10, standing[0, 1], 10, standing[0, 1], standing[0, 2]]
    assert 0 < standing[0, 1] < 10


# Decoded features


def test_decoded_features_are_what_the_decoder_makes_of_the_layer():
    net = small_net()
    images = random(3, 12, 12, 3)
    features = keras.Input((8,))
    drawing = keras.layers.Reshape((2, 2, 1))(keras.layers.Dense(4)(features))
    decoder = keras.Model(features, drawing)
    expected = decoder(layer_outputs(net, "pool")(images)["pool"]).numpy()
    found = decoded_features(net, decoder, images, layer="pool")
    np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-6)
    assert decoded_features(net, decoder, images[0], layer="pool").shape == (2, 2, 1)


def test_another_image_compiles_nothing_anew():
    net, calls = counting_net()
    defended = with_threshold(net)
    for label, epsilon in (0, 0.1), (1, 0.2), (2, 0.05):
        fgsm(defended, random(6, 6, 3), label, epsilon=epsilon)
        greedy_flip_attack(net, random(1, 6, 6, 3), label, epsilon=epsilon, steps=2)
    # One for the copy behind the threshold, one for each kind of question.
    assert len(calls) <= 5


def mask_with_falling_radii():
    images = random(2, 12, 12, 3)
    return robust_mask(small_net(), images, np.zeros(2, int), radii=[0.1, 0], attacks=[fgsm])


@pytest.mark.parametrize(
    "call, sentence",
    [
        (lambda: threshold(PIXELS, level=1.2), "between 0 and 1, where pixels are; it was 1.2"),
        (lambda: with_threshold(small_net(), level=-1), "it was -1"),
        (lambda: threshold(255 * PIXELS), "divide by 255"),
        (lambda: greedy_flip_attack(small_net(), random(2, 12, 12, 3), 9), "9 is not among them"),
        (lambda: certify(small_net(), random(2, 12, 12, 3), 0), "no sum over windows"),
        (
            lambda: certify(linear_net(normal(6, 6, 1, 3)), random(2, 6, 6, 1), 0),
            "no sum over windows",
        ),
        (
            lambda: certify(load_model("mnist_natural"), random(2, 28, 28, 1), 0),
            "no sum over windows",
        ),
        (mask_with_falling_radii, "rise from 0 on"),
        (
            lambda: decoded_features(small_net(), small_net(), random(2, 12, 12, 3), layer="pol"),
            "no layer 'pol'",
        ),
    ],
)
def test_what_makes_no_sense_gives_a_sentence(call, sentence):
    with pytest.raises(ValueError, match=sentence):
        call()
