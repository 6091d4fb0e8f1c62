"""Defenses: T by hand, proofs never better than trying everything, stronger attacks never looking weaker."""

from functools import cache, partial
from itertools import product

import numpy as np
import pytest
from small_nets import counting_net, linear_net, normal, random, small_net

from lecture_lib.adversarial.attacks import fgsm, pgd
from lecture_lib.core.gradients import gradient
from lecture_lib.core.scores import class_score
from lecture_lib.defenses.certificates import lowest_margin
from lecture_lib.defenses.thresholding import (
    certify,
    decoded_features,
    fragile,
    greedy_flip_attack,
    picture_of,
    survivors,
    threshold,
    with_threshold,
)
from lecture_lib.models import classifiers
from lecture_lib.models.backend import keras
from lecture_lib.models.inference import class_scores, layer_outputs
from lecture_lib.models.surgery import named

PIXELS = np.float32([0, 0.2, 0.28, 0.3, 0.38, 0.4, 0.47, 0.49, 0.9, 1]).reshape(1, 2, 5, 1)


@cache
def windows_net(side=(7, 6), *, seed=0):
    """Windows of 4x4 pixels that overlap by two: a convolution, a pool, one linear layer. Random weights, always the same."""
    images = keras.Input((*side, 1), name="image")
    maps = keras.layers.MaxPooling2D(2, name="pool")(
        keras.layers.Conv2D(5, 3, activation="relu", name="conv")(images)
    )
    flat = keras.layers.Dropout(0.5)(keras.layers.Flatten(name="flatten")(maps))
    model = keras.Model(images, keras.layers.Dense(3, name="scores")(flat))
    model.set_weights(
        [normal(*weight.shape, seed=seed + part) for part, weight in enumerate(model.get_weights())]
    )
    return named(model, class_names=None, image_size=side[0])


def grays(count, shape, *, share, seed):
    """Pictures of black and white with a share of pixels near the level."""
    numbers = np.random.default_rng(seed)
    near = numbers.uniform(0.3, 0.46, (count, *shape))
    return np.where(
        numbers.random((count, *shape)) < share, near, numbers.integers(0, 2, (count, *shape))
    ).astype(np.float32)


def all_patterns(pattern, open_pixels):
    places = tuple(np.argwhere(open_pixels).T)
    patterns = np.repeat(pattern[None], 2 ** len(places[0]), axis=0)
    patterns[(slice(None), *places)] = list(product((0, 1), repeat=len(places[0])))
    return patterns


def lowest_by_trying(net, pattern, open_pixels, label):
    scores = class_scores(net, all_patterns(pattern, open_pixels))
    return (scores[:, [label]] - np.delete(scores, label, axis=1)).min()


# The threshold


def test_the_threshold_by_hand():
    expected = [0, 0, 0, 0, 0, 1, 1, 1, 1, 1]  # 0.38 itself is not above it
    np.testing.assert_array_equal(threshold(PIXELS).ravel(), expected)
    assert threshold(PIXELS).dtype == np.float32 and threshold(PIXELS[0]).shape == (2, 5, 1)
    np.testing.assert_array_equal(threshold(PIXELS, level=0.95).ravel(), [0] * 9 + [1])


def test_fragile_pixels_by_hand():
    """Within 0.1 of 0.38, and reachable: from 0.47 one gets down to 0.37, from 0.49 to 0.39 only."""
    np.testing.assert_array_equal(
        fragile(PIXELS, epsilon=0.1).ravel(), [0, 0, 0, 1, 1, 1, 1, 0, 0, 0]
    )
    np.testing.assert_array_equal(fragile(PIXELS, epsilon=0.0), np.zeros_like(PIXELS, bool))
    assert fragile(PIXELS, epsilon=1.0).all()


def test_exactly_the_fragile_pixels_change_sides_in_the_ball():
    images, numbers = random(1, 20, 20, 1), np.random.default_rng(1)
    moved = np.clip(images + 0.1 * numbers.choice([-1, 1], (300, 20, 20, 1)), 0, 1)
    met = (threshold(moved) != threshold(images)).any(axis=0)
    np.testing.assert_array_equal(met, fragile(images, epsilon=0.1)[0])


def test_a_pattern_is_reached_within_the_ball():
    images = random(3, 9, 9, 1)
    may = fragile(images, epsilon=0.1)
    pattern = np.where(may, 1 - threshold(images), threshold(images))
    picture = picture_of(pattern, images)
    np.testing.assert_array_equal(threshold(picture), pattern)
    assert np.abs(picture - images).max() <= 0.1 + 1e-6 and picture.dtype == np.float32
    np.testing.assert_array_equal(picture_of(threshold(images), images), images)


def test_the_net_behind_a_threshold_reads_black_and_white_and_lets_the_gradient_through():
    net, images = linear_net(normal(6, 6, 1, 3)), random(4, 6, 6, 1)
    defended = with_threshold(net, level=0.6)
    np.testing.assert_allclose(
        class_scores(defended, images),
        class_scores(net, threshold(images, level=0.6)),
        rtol=1e-5,
        atol=1e-5,
    )
    slopes = np.broadcast_to(normal(6, 6, 1, 3)[..., 1], images.shape)
    np.testing.assert_allclose(gradient(class_score(defended, 1), images), slopes, rtol=1e-5)
    assert defended.class_names == net.class_names and net.layers[1].name == "flatten"


# The proof


@pytest.mark.parametrize("share", [0.05, 0.15, 0.25])
def test_the_lowest_margin_is_that_of_trying_all_patterns(share):
    net = windows_net()
    for seed, image in enumerate(grays(6, (7, 6, 1), share=share, seed=3)):
        pattern, may = threshold(image), fragile(image, epsilon=0.1)
        bound, found = lowest_margin(net, pattern, may, label=seed % 3)
        assert bound == pytest.approx(lowest_by_trying(net, pattern, may, seed % 3), abs=1e-3)
        assert not (found != pattern)[~may].any()


@pytest.mark.parametrize("together", [0, 2, 4])
def test_with_fewer_pixels_together_the_bound_is_below_and_rises_with_their_number(together):
    net, bounds = windows_net(), []
    for image in grays(8, (7, 6, 1), share=0.25, seed=5):
        case = threshold(image), fragile(image, epsilon=0.1)
        exact = lowest_by_trying(net, *case, 0)
        bounds.append(
            [
                lowest_margin(net, *case, label=0, together=count)[0]
                for count in (together, together + 2)
            ]
            + [exact]
        )
    bounds = np.array(bounds)
    assert (np.diff(bounds, axis=1) >= -1e-3).all()


def test_certified_is_true_and_broken_is_shown():
    net, images = windows_net(), grays(60, (7, 6, 1), share=0.12, seed=7)
    labels = class_scores(net, threshold(images)).argmax(axis=1)
    found = certify(net, images, labels)
    truth = np.array(
        [
            lowest_by_trying(net, threshold(i), fragile(i), label) > 0
            for i, label in zip(images, labels, strict=True)
        ]
    )
    np.testing.assert_array_equal(found.certified, truth)
    np.testing.assert_array_equal(found.broken, ~truth)
    assert 0.1 < truth.mean() < 0.9
    assert np.abs(found.worst - images).max() <= 0.1 + 1e-6
    defended = class_scores(with_threshold(net), found.worst).argmax(axis=1) != labels
    np.testing.assert_array_equal(defended, found.broken)
    np.testing.assert_array_equal(found.pixels, fragile(images).sum(axis=(1, 2, 3)))


def test_certified_below_true_below_attacked():
    net, images = windows_net(), grays(80, (7, 6, 1), share=0.12, seed=11)
    labels, defended = class_scores(net, threshold(images)).argmax(axis=1), with_threshold(net)
    sure = certify(net, images, labels, together=1).certified
    true = np.array(
        [
            lowest_by_trying(net, threshold(i), fragile(i), label) > 0
            for i, label in zip(images, labels, strict=True)
        ]
    )
    flipped = (
        class_scores(defended, greedy_flip_attack(net, images, labels)).argmax(axis=1) == labels
    )
    climbed = (
        class_scores(defended, pgd(defended, images, labels, epsilon=0.1, steps=20)).argmax(axis=1)
        == labels
    )
    for attacked in flipped, climbed:
        assert (sure <= true).all() and (true <= attacked).all()
    assert sure.sum() < true.sum() <= flipped.sum() <= climbed.sum() < len(images)


def test_a_window_that_sees_too_much_is_not_asked():
    bound, _ = lowest_margin(
        windows_net(), np.zeros((7, 6, 1), np.float32), np.ones((7, 6, 1), bool), label=0
    )
    assert bound == -np.inf


# Attacks


def test_flipping_stays_in_the_ball_and_finds_the_worst_of_a_linear_net():
    weights = normal(6, 6, 1, 2)
    net, images = linear_net(weights), random(5, 6, 6, 1)
    moved = greedy_flip_attack(net, images, 0, epsilon=0.3)
    assert np.abs(moved - images).max() <= 0.3 + 1e-6 and moved.min() >= 0 and moved.max() <= 1
    against = weights[..., 1] > weights[..., 0]
    worst = np.where(fragile(images, epsilon=0.3), against, threshold(images))
    np.testing.assert_array_equal(threshold(moved), worst)
    np.testing.assert_array_equal(greedy_flip_attack(net, images[2], 0, epsilon=0.3), moved[2])


def test_a_radius_of_zero_changes_nothing():
    net, images = windows_net(), grays(5, (7, 6, 1), share=0.3, seed=1)
    np.testing.assert_array_equal(greedy_flip_attack(net, images, 0, epsilon=0), images)
    found = certify(net, images, 0, epsilon=0)
    np.testing.assert_array_equal(found.worst, images)
    right = class_scores(net, threshold(images)).argmax(axis=1) == 0
    np.testing.assert_array_equal(found.certified, right)
    kept = survivors(net, images, np.zeros(5, int), radii=[0], attacks=[fgsm])
    np.testing.assert_array_equal(kept[0, 0], class_scores(net, images).argmax(axis=1) == 0)


def test_survivors_fall_with_the_radius_and_with_the_strength_of_the_attack():
    net, images = small_net(), random(60, 12, 12, 3, seed=5)
    labels = class_scores(net, images).argmax(axis=1)
    labels[:5] = (labels[:5] + 1) % 5
    attacks = [fgsm, partial(pgd, steps=10), partial(pgd, steps=10, restarts=3)]
    kept = survivors(net, images, labels, radii=[0, 0.02, 0.04, 0.08], attacks=attacks)
    assert (
        kept.shape == (3, 4, 60)
        and (np.diff(kept.astype(int), axis=0) <= 0).all()
        and (np.diff(kept.astype(int), axis=1) <= 0).all()
    )
    assert (kept[:, 0] == np.r_[[False] * 5, [True] * 55]).all() and kept[2, 3].sum() < kept[
        0, 1
    ].sum()


def test_an_attack_that_fails_does_not_forgive_what_another_did():
    net, images = small_net(), random(30, 12, 12, 3, seed=6)
    labels = class_scores(net, images).argmax(axis=1)
    nothing = lambda model, images, labels, *, epsilon: images
    kept = survivors(net, images, labels, radii=[0, 0.1], attacks=[fgsm, nothing])
    np.testing.assert_array_equal(kept[0], kept[1])
    moved = fgsm(net, images, labels, epsilon=0.1)
    np.testing.assert_array_equal(kept[0, 1], class_scores(net, moved).argmax(axis=1) == labels)


# Features drawn


def test_decoded_features_are_what_the_decoder_makes_of_the_layer():
    net, images = small_net(), random(3, 12, 12, 3)
    features = keras.Input((8,))
    decoder = keras.Model(
        features, keras.layers.Reshape((2, 2, 1))(keras.layers.Dense(4)(features))
    )
    expected = decoder(layer_outputs(net, "pool")(images)["pool"]).numpy()
    np.testing.assert_allclose(
        decoded_features(net, decoder, images, layer="pool"), expected, rtol=1e-5, atol=1e-6
    )
    assert decoded_features(net, decoder, images[0], layer="pool").shape == (2, 2, 1)


def test_another_picture_compiles_nothing_anew():
    net, calls = counting_net()
    defended = with_threshold(net)
    for label, epsilon in (0, 0.1), (1, 0.2), (2, 0.05):
        fgsm(defended, random(6, 6, 3), label, epsilon=epsilon)
        greedy_flip_attack(net, random(1, 6, 6, 3), label, epsilon=epsilon, steps=2)
    assert len(calls) <= 5  # one for the copy behind the threshold, one for each kind of question


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
        (lambda: certify(classifiers.mnist_wide(), random(2, 28, 28, 1), 0), "no sum over windows"),
        (
            lambda: survivors(
                small_net(), random(2, 12, 12, 3), np.zeros(2, int), radii=[0.1, 0], attacks=[fgsm]
            ),
            "rise from 0 on",
        ),
        (
            lambda: decoded_features(small_net(), small_net(), random(2, 12, 12, 3), layer="pol"),
            "no layer 'pol'",
        ),
    ],
)
def test_what_makes_no_sense_gives_a_sentence(call, sentence):
    with pytest.raises(ValueError, match=sentence):
        call()
