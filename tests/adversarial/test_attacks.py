"""Attacks within a ball: known on a linear net, never outside it, never weaker than weaker ones."""

from functools import partial

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

from lecture_lib.adversarial import attacks, batches
from lecture_lib.adversarial.attacks import fgsm, pgd, project_l2, project_linf
from lecture_lib.adversarial.batches import attack_margin
from lecture_lib.core.ascent import length
from lecture_lib.core.gradients import gradient, value
from lecture_lib.core.scores import class_log_probability, class_margin
from lecture_lib.models.inference import class_scores, probabilities

IMAGES = 0.3 + 0.4 * random(6, 12, 12, 3)
# The difference of the two columns is the direction that tells the classes apart.
TWO = normal(12, 12, 3, 2)


def two_classes():
    return linear_net(0.1 * TWO)


def predictions(model, images):
    return class_scores(model, images).argmax(axis=1)


def test_fgsm_on_a_linear_net_is_epsilon_times_the_sign():
    away = np.sign(TWO[..., 1] - TWO[..., 0])
    changes = fgsm(two_classes(), IMAGES, 0, epsilon=0.1) - IMAGES
    np.testing.assert_allclose(changes, np.broadcast_to(0.1 * away, IMAGES.shape), atol=1e-6)
    toward = fgsm(two_classes(), IMAGES[0], 0, epsilon=0.1, targeted=True) - IMAGES[0]
    np.testing.assert_allclose(toward, -0.1 * away, atol=1e-6)


def test_fgsm_is_one_step_of_projected_gradient_without_its_random_start(monkeypatch):
    def no_change(generator, shape, epsilon):
        return np.zeros(shape, np.float32)

    without_start = attacks.BALLS["linf"]._replace(random=no_change)
    monkeypatch.setitem(attacks.BALLS, "linf", without_start)
    net = small_net()
    labels = predictions(net, IMAGES)
    one_step = pgd(net, IMAGES, labels, epsilon=0.1, steps=1, learning_rate=0.1)
    np.testing.assert_array_equal(one_step, fgsm(net, IMAGES, labels, epsilon=0.1))


def test_pgd_on_a_linear_net_finds_the_corner_and_the_pole():
    difference = TWO[..., 1] - TWO[..., 0]
    corner = 0.1 * np.sign(difference)
    found = pgd(two_classes(), IMAGES, 0, epsilon=0.1, steps=10) - IMAGES
    np.testing.assert_allclose(found, np.broadcast_to(corner, IMAGES.shape), atol=1e-6)
    pole = 0.5 * difference / np.linalg.norm(difference)
    options = {"epsilon": 0.5, "steps": 100, "learning_rate": 0.1}
    found = pgd(two_classes(), IMAGES, 0, norm="l2", **options) - IMAGES
    np.testing.assert_allclose(found, np.broadcast_to(pole, IMAGES.shape), atol=1e-2)


def test_the_projections_by_hand():
    changes = np.float32([[3, -4], [0.3, 0.4]]).reshape(2, 1, 2, 1)
    box = np.float32([[1, -1], [0.3, 0.4]]).reshape(2, 1, 2, 1)
    np.testing.assert_array_equal(project_linf(changes, 1), box)
    sphere = np.float32([[0.6, -0.8], [0.3, 0.4]]).reshape(2, 1, 2, 1)
    np.testing.assert_allclose(project_l2(changes, 1), sphere, rtol=1e-6)


@pytest.mark.parametrize("norm", ["linf", "l2"])
@pytest.mark.parametrize("epsilon", [0.0, 0.02, 0.3])
def test_nothing_leaves_the_ball_or_the_box(norm, epsilon):
    images = random(4, 12, 12, 3)  # some pixels at the edge of what an image may hold
    options = {"steps": 5, "learning_rate": 1.0, "restarts": 2}
    moved = pgd(small_net(), images, 2, epsilon=epsilon, norm=norm, **options)
    assert moved.min() >= 0 and moved.max() <= 1 and moved.dtype == np.float32
    changes = moved - images
    size = np.abs(changes).max() if norm == "linf" else length(changes).max()
    assert size <= epsilon * (1 + 1e-5) + 1e-7


def test_a_radius_of_zero_changes_nothing():
    for attack in (fgsm, pgd):
        np.testing.assert_array_equal(attack(small_net(), IMAGES, 1, epsilon=0), IMAGES)


def test_stronger_attacks_never_look_weaker():
    net = small_net()
    images = random(60, 12, 12, 3, seed=5)
    labels = predictions(net, images)
    from_weak_to_strong = [
        images,
        fgsm(net, images, labels, epsilon=0.06),
        pgd(net, images, labels, epsilon=0.06, steps=30),
        pgd(net, images, labels, epsilon=0.06, steps=30, restarts=3),
    ]
    right = [np.mean(predictions(net, moved) == labels) for moved in from_weak_to_strong]
    assert right == sorted(right, reverse=True) and right[0] == 1 and right[1] < 1


@pytest.mark.parametrize("steps", [1, 5])
def test_a_gradient_is_asked_for_once_a_step(monkeypatch, steps):
    """Six images are one batch; where the ascent ends, its gradient would lead nowhere."""
    asked = []
    value_and_gradient = batches.value_and_gradient

    def counted(score, images):
        asked.append(len(images))
        return value_and_gradient(score, images)

    monkeypatch.setattr(batches, "value_and_gradient", counted)
    pgd(two_classes(), IMAGES, 0, steps=steps)
    assert asked == [6] * steps


def test_of_several_starts_the_farthest_copy_of_each_image_is_kept(monkeypatch):
    copies = []
    ascend_in_ball = attacks._ascend_in_ball

    def recorded(*arguments, **options):
        reached = ascend_in_ball(*arguments, **options)
        copies.append(reached.images)
        return reached

    monkeypatch.setattr(attacks, "_ascend_in_ball", recorded)
    found = pgd(small_net(), IMAGES, 2, epsilon=0.1, steps=2, learning_rate=0.01, restarts=3)
    margin = attack_margin(small_net(), 2)
    margins = np.stack([value(margin, copy) for copy in copies])
    assert len(set(margins.argmax(axis=0))) > 1  # not all of one start
    np.testing.assert_allclose(value(margin, found), margins.max(axis=0), rtol=1e-5)


def test_a_single_start_is_not_asked_how_far_it_came(monkeypatch):
    monkeypatch.setattr(attacks, "value", None)  # calling it is an error
    assert pgd(small_net(), IMAGES, 2, epsilon=0.1, steps=2).shape == IMAGES.shape


def test_targeted_attacks_raise_the_target():
    net = small_net()
    before = probabilities(net, IMAGES)[:, 3]
    for attack in (fgsm, pgd):
        moved = attack(net, IMAGES, 3, epsilon=0.05, targeted=True)
        assert (probabilities(net, moved)[:, 3] > before).all()


def test_a_batch_is_attacked_as_if_one_by_one():
    net = small_net()
    labels = predictions(net, IMAGES)
    batch = fgsm(net, IMAGES, labels, epsilon=0.05)
    cases = zip(IMAGES, labels, strict=True)
    alone = np.stack([fgsm(net, image, label, epsilon=0.05) for image, label in cases])
    assert np.abs(batch - IMAGES).max() > 0.005
    np.testing.assert_allclose(batch, alone, atol=2e-3)


def test_the_seed_decides_the_random_starts():
    options = {"epsilon": 0.1, "steps": 2, "learning_rate": 0.01}
    moved = [pgd(small_net(), IMAGES, 1, seed=seed, **options) for seed in (0, 0, 1)]
    np.testing.assert_array_equal(moved[0], moved[1])
    assert np.abs(moved[0] - moved[2]).max() > 0.01


def test_the_gradient_points_right_even_where_the_probability_rounds_to_one():
    """At a margin of 40, 1 − P is 4e-18 and rounds to 0; the step still follows the weights."""
    weights = 0.1 * normal(4, 4, 3, 3)
    net = linear_net(weights, bias=np.float32([40.0, 0.0, -5.0]))
    image = np.full((4, 4, 3), 0.5, np.float32)
    found = gradient(class_log_probability(net, 0), image).astype(float)
    wanted = weights[..., 0] - weights[..., 1]  # the third class does not count
    cosine = np.vdot(found, wanted) / np.linalg.norm(found) / np.linalg.norm(wanted)
    assert cosine > 0.99


def test_log_probability_and_margin_by_hand():
    net = small_net()
    scores = class_scores(net, IMAGES)
    expected = np.log(probabilities(net, IMAGES)[:, 2])
    found = class_log_probability(net, 2)(IMAGES)
    np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-5)
    others = np.delete(scores, 2, axis=1).max(axis=1)
    margins = class_margin(net, 2)(IMAGES)
    np.testing.assert_allclose(margins, scores[:, 2] - others, rtol=1e-4, atol=1e-5)


def test_another_class_or_radius_compiles_nothing_anew():
    net, calls = counting_net()
    for label, epsilon in (0, 0.1), (1, 0.2), (2, 0.05):
        fgsm(net, random(6, 6, 3), label, epsilon=epsilon)
    assert len(calls) == 1


def test_the_net_stays_as_it_was():
    net = small_net()
    before = numbers_of(net)
    pgd(net, IMAGES, 1, steps=2)
    assert_same_numbers(net, before)


# Networks without a gradient


def flat_net():
    """The same scores for every image; its gradient is 0 everywhere."""
    return linear_net(np.zeros((12, 12, 3, 2), np.float32), bias=[1.0, 0.0])


@pytest.mark.parametrize("attack", [fgsm, pgd, partial(pgd, norm="l2", restarts=2)])
def test_an_attack_without_a_gradient_says_so(attack):
    with pytest.warns(UserWarning, match="gradient of the loss is 0 for 6 of 6 images"):
        attack(flat_net(), IMAGES, 0, epsilon=0.1)


def test_an_image_that_is_where_it_should_be_needs_no_gradient(recwarn):
    pgd(flat_net(), IMAGES, 1, epsilon=0.1)  # misclassified already
    pgd(flat_net(), IMAGES, 0, epsilon=0.1, targeted=True)
    pgd(flat_net(), IMAGES, 0, epsilon=0.1, steps=0)  # nothing was asked for
    pgd(two_classes(), IMAGES, 0, epsilon=0.1)
    assert [str(warning.message) for warning in recwarn] == []


@pytest.mark.parametrize(
    "attack, sentence",
    [
        (lambda: fgsm(small_net(), IMAGES, 9), "5 classes, numbered from 0 to 4; 9 is not"),
        (lambda: pgd(small_net(), IMAGES, [0, 1]), "2 labels for 6 images"),
        (lambda: pgd(small_net(), IMAGES, 0, epsilon=-1), "radius of the ball, 0 or more"),
        (lambda: pgd(small_net(), IMAGES, 0, norm="max"), '"linf" or "l2"; it was \'max\''),
        (lambda: pgd(small_net(), IMAGES, 0, norm=project_l2), '"linf" or "l2"; it was <function'),
        (lambda: pgd(small_net(), IMAGES, 0, norm=[2]), r'"linf" or "l2"; it was \[2\]'),
        (lambda: fgsm(small_net(), IMAGES, 0, epsilon=np.nan), "radius of the ball"),
        (lambda: fgsm(small_net(), 255 * IMAGES, 0), "divide by 255"),
    ],
)
def test_what_makes_no_sense_gives_a_sentence(attack, sentence):
    with pytest.raises(ValueError, match=sentence):
        attack()
