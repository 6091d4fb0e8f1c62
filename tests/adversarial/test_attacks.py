"""Attacks within a ball: on a linear net the best change is known; nothing leaves the ball; stronger attacks never look weaker."""

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

from lecture_lib.adversarial import attacks
from lecture_lib.adversarial.targeted import carlini_wagner, fgsm, l2_ball, max_ball, pgd
from lecture_lib.adversarial.universal import paste, patch, universal_perturbation
from lecture_lib.core.ascent import length
from lecture_lib.core.scores import class_log_probability, class_margin
from lecture_lib.models.inference import class_scores, probabilities

IMAGES = 0.3 + 0.4 * random(6, 12, 12, 3)
TWO = normal(
    12, 12, 3, 2
)  # the difference of the two columns is the direction that tells the classes apart


def two_classes():
    return linear_net(0.1 * TWO)


def answers(model, images):
    return class_scores(model, images).argmax(axis=1)


def test_fgsm_on_a_linear_net_is_epsilon_times_the_sign():
    away = np.sign(TWO[..., 1] - TWO[..., 0])
    np.testing.assert_allclose(
        fgsm(two_classes(), IMAGES, 0, epsilon=0.1) - IMAGES,
        np.broadcast_to(0.1 * away, IMAGES.shape),
        atol=1e-6,
    )
    toward = fgsm(two_classes(), IMAGES[0], 0, epsilon=0.1, targeted=True) - IMAGES[0]
    np.testing.assert_allclose(toward, -0.1 * away, atol=1e-6)


def test_pgd_on_a_linear_net_finds_the_corner_and_the_pole():
    difference = TWO[..., 1] - TWO[..., 0]
    corner = pgd(two_classes(), IMAGES, 0, epsilon=0.1, steps=10)
    np.testing.assert_allclose(
        corner - IMAGES, np.broadcast_to(0.1 * np.sign(difference), IMAGES.shape), atol=1e-6
    )
    pole = pgd(two_classes(), IMAGES, 0, epsilon=0.5, steps=100, learning_rate=0.1, ball=l2_ball)
    np.testing.assert_allclose(
        pole - IMAGES,
        np.broadcast_to(0.5 * difference / np.linalg.norm(difference), IMAGES.shape),
        atol=1e-2,
    )


@pytest.mark.parametrize("ball", [max_ball, l2_ball])
@pytest.mark.parametrize("epsilon", [0.0, 0.02, 0.3])
def test_nothing_leaves_the_ball_or_the_box(ball, epsilon):
    images = random(4, 12, 12, 3)  # some pixels at the edge of what a picture may hold
    moved = pgd(
        small_net(), images, 2, epsilon=epsilon, steps=5, learning_rate=1.0, restarts=2, ball=ball
    )
    assert moved.min() >= 0 and moved.max() <= 1 and moved.dtype == np.float32
    size = np.abs(moved - images).max() if ball is max_ball else length(moved - images).max()
    assert size <= epsilon * (1 + 1e-5) + 1e-7


def test_a_radius_of_zero_changes_nothing():
    for attack in (fgsm, pgd):
        np.testing.assert_array_equal(attack(small_net(), IMAGES, 1, epsilon=0), IMAGES)


def test_stronger_attacks_never_look_weaker():
    net, images = small_net(), random(60, 12, 12, 3, seed=5)
    labels = answers(net, images)
    right = [
        np.mean(answers(net, moved) == labels)
        for moved in (
            images,
            fgsm(net, images, labels, epsilon=0.06),
            pgd(net, images, labels, epsilon=0.06, steps=30),
            pgd(net, images, labels, epsilon=0.06, steps=30, restarts=3),
        )
    ]
    assert right == sorted(right, reverse=True) and right[0] == 1 and right[1] < 1


@pytest.mark.parametrize("steps", [1, 5])
def test_a_slope_is_asked_for_once_a_step(monkeypatch, steps):
    """Six images are one batch; where the climb ends, its slope would lead nowhere."""
    asked, ask = [], attacks.value_and_gradient
    monkeypatch.setattr(
        attacks,
        "value_and_gradient",
        lambda score, images: asked.append(len(images)) or ask(score, images),
    )
    pgd(two_classes(), IMAGES, 0, steps=steps)
    assert asked == [6] * steps


def test_targeted_attacks_raise_the_target():
    net = small_net()
    for attack in (fgsm, pgd):
        before, after = (
            probabilities(net, IMAGES)[:, 3],
            probabilities(net, attack(net, IMAGES, 3, epsilon=0.05, targeted=True))[:, 3],
        )
        assert (after > before).all()


def test_a_batch_is_attacked_as_if_one_by_one():
    net, labels = small_net(), answers(small_net(), IMAGES)
    for attack in (fgsm, carlini_wagner):
        options = {"steps": 40, "searches": 3} if attack is carlini_wagner else {"epsilon": 0.05}
        batch = attack(net, IMAGES, labels, **options)
        alone = np.stack(
            [
                attack(net, image, label, **options)
                for image, label in zip(IMAGES, labels, strict=True)
            ]
        )
        assert np.abs(batch - IMAGES).max() > 0.005
        np.testing.assert_allclose(batch, alone, atol=2e-3)


def test_the_seed_decides_the_random_starts():
    moved = [
        pgd(small_net(), IMAGES, 1, epsilon=0.1, steps=2, learning_rate=0.01, seed=seed)
        for seed in (0, 0, 1)
    ]
    np.testing.assert_array_equal(moved[0], moved[1])
    assert np.abs(moved[0] - moved[2]).max() > 0.01


def test_carlini_wagner_finds_the_nearest_point_beyond_a_line():
    """With two classes and a linear net the nearest wrong image lies straight across the boundary, at margin / ‖w‖."""
    net = linear_net(0.1 * TWO, bias=np.float32([2.0, 0.0]))
    labels = answers(net, IMAGES)
    difference = 0.1 * (TWO[..., 0] - TWO[..., 1])
    distance = np.abs(np.asarray(class_margin(net, labels)(IMAGES))) / np.linalg.norm(difference)
    found = carlini_wagner(net, IMAGES, labels, steps=300, searches=8)
    assert (answers(net, found) != labels).all()
    np.testing.assert_allclose(length(found - IMAGES).ravel(), distance, rtol=0.03)
    assert (length(found - IMAGES).ravel() >= distance * (1 - 1e-4)).all()


def test_carlini_wagner_leaves_alone_what_it_cannot_turn():
    weights = np.zeros((4, 4, 3, 2), np.float32)
    net = linear_net(weights, bias=np.float32([1.0, 0.0]))  # says 0 whatever it sees
    images = random(2, 4, 4, 3)
    np.testing.assert_array_equal(carlini_wagner(net, images, 0, steps=5, searches=2), images)


def test_the_gradient_points_right_even_where_the_probability_rounds_to_one():
    """A net that is sure by 40: 1 − P is 4e-18 and rounds to 0 in single precision; the step must still lead along the weights."""
    from lecture_lib.core.gradients import gradient

    weights = 0.1 * normal(4, 4, 3, 3)
    net, image = (
        linear_net(weights, bias=np.float32([40.0, 0.0, -5.0])),
        np.full((4, 4, 3), 0.5, np.float32),
    )
    slope = gradient(class_log_probability(net, 0), image).astype(float)
    wanted = weights[..., 0] - weights[..., 1]  # the third class does not count
    cosine = np.vdot(slope, wanted) / np.linalg.norm(slope) / np.linalg.norm(wanted)
    assert cosine > 0.99


def test_log_probability_and_margin_by_hand():
    net = small_net()
    scores = class_scores(net, IMAGES)
    np.testing.assert_allclose(
        class_log_probability(net, 2)(IMAGES),
        np.log(probabilities(net, IMAGES)[:, 2]),
        rtol=1e-4,
        atol=1e-5,
    )
    others = np.delete(scores, 2, axis=1).max(axis=1)
    np.testing.assert_allclose(
        class_margin(net, 2)(IMAGES), scores[:, 2] - others, rtol=1e-4, atol=1e-5
    )


def test_finished_images_leave_the_batch_and_keep_their_value():
    """Each image climbs its own sum by 2 a step; one that is above 3.5 is not asked again, and the others go on as if alone."""
    from functools import partial

    from lecture_lib.adversarial.attacks import evaluate_changed_only
    from lecture_lib.core.ascent import ascend, identity
    from lecture_lib.models.backend import tf

    asked = []

    def total(images, *, classes):
        tf.py_function(lambda values: asked.append(values.numpy().tolist()), [classes], [])
        return tf.reduce_sum(images, axis=(1, 2, 3)) + 0.0 * tf.cast(classes, tf.float32)

    start = (
        np.zeros((3, 2, 2, 1), np.float32) + np.float32([0, 1, -1])[:, None, None, None]
    )  # sums 0, 4, -4; a step adds 2
    evaluate = evaluate_changed_only(
        lambda classes: partial(total, classes=classes), np.int32([10, 11, 12]), together=2
    )
    climb = ascend(
        None, start, steps=5, learning_rate=1.0, project=identity, stop_above=3.5, evaluate=evaluate
    )
    np.testing.assert_allclose(
        climb.values, [[0, 4, -4], [2, 4, -2], [4, 4, 0], [4, 4, 2], [4, 4, 4]], atol=1e-5
    )
    np.testing.assert_allclose(climb.images.sum(axis=(1, 2, 3)), 4, atol=1e-5)
    assert asked == [[10, 11], [12], [10, 12], [10, 12], [12], [12]]


def test_a_universal_change_turns_more_answers_than_noise_of_the_same_size():
    net, images = small_net(), random(40, 12, 12, 3, seed=8)
    change = universal_perturbation(net, images, epsilon=0.1)
    assert change.shape == (12, 12, 3) and np.abs(change).max() <= 0.1 + 1e-6
    noise = 0.1 * np.sign(normal(12, 12, 3, seed=2))
    turned = [
        np.mean(answers(net, np.clip(images + way, 0, 1)) != answers(net, images))
        for way in (change, noise)
    ]
    assert turned[0] > turned[1] + 0.2


def test_a_patch_draws_pictures_toward_its_class_wherever_it_is_pasted():
    net, images = small_net(), random(20, 12, 12, 3, seed=9)
    sticker = patch(net, images, 3, share=0.5, steps=40)
    assert sticker.shape == (6, 6, 3) and sticker.min() >= 0 and sticker.max() <= 1
    gray = np.full_like(sticker, 0.5)
    chances = [probabilities(net, paste(images, p, seed=4))[:, 3].mean() for p in (sticker, gray)]
    assert chances[0] > chances[1]


def test_a_patch_is_pasted_whole_and_changes_nothing_else():
    images, sticker = random(5, 12, 12, 3), np.full((4, 4, 3), 0.25, np.float32)
    pasted = paste(images, sticker, seed=1)
    changed = (pasted != images).any(axis=-1)
    for mask, picture in zip(changed, pasted, strict=True):
        rows, columns = np.where(mask)
        top, left = rows.min(), columns.min()
        assert mask.sum() == 16
        np.testing.assert_array_equal(picture[top : top + 4, left : left + 4], sticker)
    assert len({tuple(np.argwhere(mask)[0]) for mask in changed}) > 1
    np.testing.assert_array_equal(pasted, paste(images, sticker, seed=1))
    assert paste(images[0], sticker).shape == (12, 12, 3)


def test_another_class_or_radius_compiles_nothing_anew():
    net, calls = counting_net()
    for label, epsilon in (0, 0.1), (1, 0.2), (2, 0.05):
        fgsm(net, random(6, 6, 3), label, epsilon=epsilon)
    assert len(calls) == 1


def test_the_net_stays_as_it_was():
    net = small_net()
    kept = numbers_of(net)
    pgd(net, IMAGES, 1, steps=2)
    carlini_wagner(net, IMAGES, 1, steps=2, searches=1)
    assert_same_numbers(net, kept)


@pytest.mark.parametrize(
    "attack, sentence",
    [
        (lambda: fgsm(small_net(), IMAGES, 9), "5 classes, numbered from 0 to 4; 9 is not"),
        (lambda: pgd(small_net(), IMAGES, [0, 1]), "2 labels for 6 images"),
        (lambda: pgd(small_net(), IMAGES, 0, epsilon=-1), "radius of the ball, 0 or more"),
        (lambda: fgsm(small_net(), IMAGES, 0, epsilon=np.nan), "radius of the ball"),
        (lambda: fgsm(small_net(), 255 * IMAGES, 0), "divide by 255"),
        (lambda: carlini_wagner(small_net(), IMAGES * np.nan, 0), "NaN"),
        (
            lambda: universal_perturbation(small_net(), IMAGES, epsilon=2),
            "between 0 and 1; it was 2",
        ),
        (lambda: patch(small_net(), IMAGES, 0, share=0), "share of the picture"),
        (lambda: patch(small_net(), IMAGES, 7), "7 is not among them"),
        (lambda: paste(IMAGES, np.zeros((20, 20, 3))), "larger than the picture"),
    ],
)
def test_what_makes_no_sense_gives_a_sentence(attack, sentence):
    with pytest.raises(ValueError, match=sentence):
        attack()
