"""Ascent: it ascends, each image of a batch as if alone, and hands back what was reached."""

from itertools import pairwise

import numpy as np
import pytest
from small_nets import counting_net, linear_net, normal, pixel_net, random, small_net

from lecture_lib.core import layer_scores, penalties, scores
from lecture_lib.core.ascent import adam, ascend, clip, identity, length, sign, unit
from lecture_lib.core.gradients import gradient, value_and_gradient
from lecture_lib.models.backend import keras, tf
from lecture_lib.style_transfer import style_distance

START = random(8, 8, 3)


@pytest.mark.parametrize("net", [pixel_net, small_net])
@pytest.mark.parametrize(
    "make",
    [
        lambda net, layer: scores.class_score(net, 1),
        lambda net, layer: scores.class_log_probability(net, 1),
        lambda net, layer: scores.class_probability(net, 1),
        lambda net, layer: layer_scores.channel_score(net, layer, 2),
        lambda net, layer: layer_scores.neuron_score(net, layer, 3, 4, 2),
        lambda net, layer: layer_scores.layer_energy(net, layer),
    ],
)
def test_ascent_ascends(net, make):
    layer = "conv" if net is pixel_net else "conv2"
    reached = ascend(make(net(), layer), START, steps=5, learning_rate=0.05)
    assert reached.values.shape == (6,) and reached.values[-1] > reached.values[0]
    assert reached.images.shape == START.shape and reached.images.dtype == np.float32


@pytest.mark.parametrize(
    "distance",
    [
        lambda net, image: layer_scores.feature_distance(net, "conv2", image),
        lambda net, image: style_distance(net, ["conv1", "conv2"], image),
    ],
)
def test_ascending_the_negative_descends(distance):
    score = distance(small_net(), random(8, 8, 3, seed=5))
    reached = ascend(-score, START, steps=5, learning_rate=0.05)
    assert reached.values[-1] > reached.values[0]


def test_no_steps_return_the_start():
    reached = ascend(penalties.l2, START, steps=0)
    np.testing.assert_array_equal(reached.images, START)
    np.testing.assert_allclose(reached.values, [np.sum(START**2)], rtol=1e-5)


def test_the_start_is_left_as_it_was():
    start = START.copy()
    ascend(penalties.l2, start, steps=3)
    np.testing.assert_array_equal(start, START)


@pytest.mark.parametrize("shape", [(8, 8, 3), (2, 8, 8, 3)])
def test_the_learning_rate_is_the_length_of_a_step(shape):
    start = np.full(shape, 0.5, np.float32)
    reached = ascend(scores.class_score(small_net(), 0), start, steps=1, learning_rate=0.25)
    np.testing.assert_allclose(length(reached.images - start), 0.25, rtol=1e-4)


def test_the_learning_rate_may_be_a_function_that_is_asked_before_each_step():
    start = np.full((6, 6, 3), 0.5, np.float32)
    rates = iter([0.4, 0.25, 0.0625, 0])  # the first is asked for the check
    model, calls = counting_net()
    reached = ascend(
        scores.class_score(model, 0),
        start,
        steps=3,
        learning_rate=lambda: next(rates),
        project=identity,
        frames_every=1,
    )
    taken = [length(two - one).item() for one, two in pairwise(reached.frames)]
    np.testing.assert_allclose(taken, [0.25, 0.0625, 0], rtol=1e-4)
    assert len(calls) == 1


def test_values_belong_to_the_images_on_the_way():
    reached = ascend(scores.class_score(small_net(), 0), START, steps=4, frames_every=1)
    np.testing.assert_allclose(
        reached.values, scores.class_score(small_net(), 0)(np.stack(reached.frames)), rtol=1e-5
    )
    np.testing.assert_array_equal(reached.frames[0], START)
    np.testing.assert_array_equal(reached.frames[-1], reached.images)


def test_every_so_many_frames_are_kept():
    assert len(ascend(penalties.l2, START, steps=7, frames_every=3).frames) == 3  # steps 0, 3 and 6
    assert ascend(penalties.l2, START, steps=7).frames == []


@pytest.mark.parametrize("size", [1e-20, 1e-9, 1, 1e20])
def test_a_step_has_length_one_however_small_the_gradient(size):
    steep = np.float32(size) * normal(3, 4, 4, 3)
    np.testing.assert_allclose(length(unit(steep)), 1, rtol=1e-5)
    np.testing.assert_allclose(length(unit(steep[0])), 1, rtol=1e-5)
    assert unit(steep).dtype == np.float32


def test_each_image_has_its_own_step_length_and_zero_stays_zero():
    steep = normal(3, 4, 4, 3)
    steep[0] *= 1e-20
    steep[1] = 0
    np.testing.assert_allclose(length(unit(steep)).ravel(), [1, 0, 1], rtol=1e-5)
    np.testing.assert_allclose(unit(steep)[2], unit(steep[2]), rtol=1e-6)
    assert not unit(np.zeros((4, 4, 3), np.float32)).any()


def test_a_batch_ascends_as_if_one_by_one():
    starts = random(3, 8, 8, 3)
    starts[1] *= 0.1
    score = scores.class_log_probability(small_net(), 3)
    batch = ascend(score, starts, steps=10, learning_rate=0.3, stop_above=-1.5)
    alone = [ascend(score, start, steps=10, learning_rate=0.3, stop_above=-1.5) for start in starts]
    for image, values, one in zip(batch.images, batch.values.T, alone, strict=True):
        np.testing.assert_allclose(image, one.images, atol=1e-5)
        np.testing.assert_allclose(values[: len(one.values)], one.values, rtol=1e-3, atol=1e-5)


def test_each_image_stays_where_it_first_passed_the_mark():
    net = linear_net(np.ones((2, 2, 3, 1), np.float32))
    starts = np.stack(
        [np.full((2, 2, 3), level, np.float32) for level in (0.0, 0.3, 0.9)]
    )  # scores 0, 3.6 and 10.8
    reached = ascend(
        scores.class_score(net, 0),
        starts,
        steps=20,
        learning_rate=0.1 * np.sqrt(12),
        stop_above=5.5,
    )  # + 1.2 a step
    np.testing.assert_allclose(reached.values[-1], [6.0, 6.0, 10.8], rtol=1e-5)
    np.testing.assert_allclose(reached.values[2], [2.4, 6.0, 10.8], rtol=1e-5)
    assert len(reached.values) == 6
    np.testing.assert_array_equal(reached.images[2], starts[2])


def test_watch_sees_every_step_and_what_was_reached():
    seen = []
    reached = ascend(
        penalties.l2,
        START,
        steps=4,
        watch=lambda step, steps, reached: seen.append((step, steps, reached)),
    )
    assert [(step, steps) for step, steps, _ in seen] == [(step, 4) for step in range(5)]
    assert [len(reached.values) for *_, reached in seen] == [1, 2, 3, 4, 5]
    np.testing.assert_array_equal(seen[0][2].images, START)
    np.testing.assert_array_equal(seen[-1][2].images, reached.images)


def test_watch_ends_the_ascent_by_saying_true():
    reached = ascend(penalties.l2, START, steps=9, watch=lambda step, *_: step == 2)
    assert len(reached.values) == 3
    np.testing.assert_array_equal(reached.images, ascend(penalties.l2, START, steps=2).images)


def test_an_interrupt_in_watch_returns_what_was_reached():
    def interrupted(step, *_):
        if step == 2:
            raise KeyboardInterrupt

    reached = ascend(penalties.l2, START, steps=9, watch=interrupted)
    assert len(reached.values) == 3
    np.testing.assert_array_equal(reached.images, ascend(penalties.l2, START, steps=2).images)


def interrupted_at(call):
    """An `evaluate` whose `call`-th computation is interrupted, as Ctrl-C would do."""
    calls = []

    def evaluate(score, images):
        calls.append(images)
        if len(calls) == call:
            raise KeyboardInterrupt
        return value_and_gradient(score, images)

    return evaluate


def test_an_interrupt_in_the_gradient_returns_images_with_their_values():
    reached = ascend(penalties.l2, START, steps=9, evaluate=interrupted_at(3))
    assert len(reached.values) == 2
    np.testing.assert_allclose(np.sum(reached.images**2), reached.values[-1], rtol=1e-5)


def test_an_interrupt_before_anything_was_reached_is_passed_on():
    with pytest.raises(KeyboardInterrupt):
        ascend(penalties.l2, START, evaluate=interrupted_at(1))


@pytest.mark.parametrize(
    "bad", [{"steps": -1}, {"learning_rate": -0.1}, {"learning_rate": float("nan")}]
)
def test_negative_steps_and_rates_give_a_sentence(bad):
    with pytest.raises(ValueError, match="Steps and learning rate are 0 or more"):
        ascend(penalties.l2, START, **bad)


def test_a_gradient_that_is_not_finite_gives_a_sentence():
    with pytest.raises(ValueError, match="stopped being finite at step 0"):
        ascend(
            lambda images: tf.reduce_sum(tf.sqrt(images), axis=[1, 2, 3]),
            np.zeros((4, 4, 3), np.float32),
        )


def test_images_stay_in_range_unless_told_otherwise():
    inside = ascend(penalties.l2, START, steps=3, learning_rate=5.0)
    assert inside.images.min() >= 0 and inside.images.max() <= 1
    assert (
        ascend(penalties.l2, START, steps=3, learning_rate=5.0, project=identity).images.max() > 1
    )
    np.testing.assert_array_equal(clip(np.float32([-1, 0.5, 2])), [0, 0.5, 1])


def test_another_direction_is_a_function():
    score = scores.class_score(small_net(), 1)
    reached = ascend(score, START, steps=1, learning_rate=0.01, direction=sign, project=identity)
    np.testing.assert_allclose(
        reached.images - START, 0.01 * np.sign(gradient(score, START)), atol=1e-6
    )


def test_another_learning_rate_or_number_of_steps_compiles_nothing_anew():
    model, calls = counting_net()
    for rate, steps in (0.1, 3), (0.2, 3), (1, 5):
        ascend(scores.class_score(model, 0), random(6, 6, 3), steps=steps, learning_rate=rate)
    assert len(calls) == 1


def test_it_ascends_anything_that_a_picture_is_computed_from():
    def nearness_to_one(numbers):
        return -tf.reduce_sum((numbers - 1.0) ** 2, axis=1)

    reached = ascend(nearness_to_one, normal(2, 5), steps=50, project=identity)
    assert (reached.values[-1] > reached.values[0]).all()
    assert reached.images.shape == (2, 5)


def test_adam_steps_are_those_of_keras():
    """The same gradients, the same way: ours against the optimizer of Keras, pixel by pixel."""
    gradients = normal(20, 2, 3, 3, 1)
    ours = np.zeros((2, 3, 3, 1), np.float32)
    theirs = keras.Variable(ours)
    direction = adam()
    optimizer = keras.optimizers.Adam(0.1, epsilon=1e-8)
    for given in gradients:
        ours = ours + 0.1 * direction(given)
        optimizer.apply_gradients([(-given, theirs)])  # Keras goes downhill
    np.testing.assert_allclose(ours, theirs.numpy(), atol=2e-4)


def test_how_the_gradient_is_taken_and_the_size_of_the_picture_may_be_others():
    def downhill(objective, images):
        value, found = value_and_gradient(objective, images)
        return value, -found

    fallen = ascend(penalties.l2, START, steps=3, evaluate=downhill)
    assert fallen.values[-1] < fallen.values[0]
    grown = ascend(penalties.l2, START, steps=2, project=lambda images: images.repeat(2, axis=0))
    assert grown.images.shape == (4 * 8, 8, 3) and len(grown.values) == 3
