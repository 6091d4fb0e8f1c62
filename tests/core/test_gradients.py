"""Gradients: known weights come back, images do not touch each other, sliders compile nothing."""

import numpy as np
import pytest
from small_nets import (
    counting_net,
    linear_net,
    normal,
    pixel_features,
    pixel_net,
    pixel_scores,
    random,
)

from lecture_lib.core import gradients, layer_scores, penalties, scores
from lecture_lib.core.gradients import gradient, value_and_gradient
from lecture_lib.guided_backprop import deconv_relu, guided_relu
from lecture_lib.models.backend import keras, tf
from lecture_lib.models.per_model_cache import LIMIT, without_network

SLIDE = np.float32([[1, -1, 5], [2, -5, -7], [-3, 2, 4]])
UPSTREAM = np.float32([[-2, 3, -1], [6, -3, 1], [2, -1, 3]])


def test_a_linear_net_gives_its_weights_exactly():
    weights = normal(5, 4, 3, 2)
    for class_index in range(2):
        found = gradient(scores.class_score(linear_net(weights), class_index), random(5, 4, 3))
        np.testing.assert_array_equal(found, weights[..., class_index])
        assert found.dtype == np.float32


def test_one_image_and_a_batch_agree():
    images, score = random(3, 6, 6, 3), scores.class_score(pixel_net(), 1)
    values, found = value_and_gradient(score, images)
    assert values.shape == (3,) and found.shape == images.shape
    for image, value, expected in zip(images, values, found, strict=True):
        one_value, one_gradient = value_and_gradient(score, image)
        assert np.shape(one_value) == () and one_gradient.shape == image.shape
        np.testing.assert_allclose(one_value, value, rtol=1e-6)
        np.testing.assert_allclose(one_gradient, expected, rtol=1e-5, atol=1e-8)


def test_the_value_alone_is_the_value_beside_the_gradient():
    images, score = random(3, 6, 6, 3), scores.class_score(pixel_net(), 2)
    np.testing.assert_allclose(
        gradients.value(score, images), pixel_scores(images)[:, 2], rtol=1e-5
    )
    np.testing.assert_allclose(
        gradients.value(score, images[1]), value_and_gradient(score, images[1])[0], rtol=1e-6
    )
    assert np.shape(gradients.value(score, images[1])) == ()


def test_values_compile_once_for_all_classes_and_refuse_images_that_do_not_fit():
    net, calls = counting_net()
    gradients.value(scores.class_score(net, 0), random(2, 6, 6, 3))
    calls.clear()
    gradients.value(scores.class_score(net, 2), random(2, 6, 6, 3, seed=1))
    assert not calls
    with pytest.raises(ValueError, match="does not fit images of shape"):
        gradients.value(
            lambda images: tf.gather(images[:, 0, 0, 0], tf.cast(images[:, 0, 0, 0], tf.int32) + 9),
            random(1, 6, 6, 3),
        )


def test_the_images_of_a_batch_do_not_touch_each_other():
    images, score = random(3, 6, 6, 3), scores.class_score(pixel_net(), 0)
    others = images.copy()
    others[1:] = random(2, 6, 6, 3, seed=9)
    np.testing.assert_array_equal(gradient(score, images)[0], gradient(score, others)[0])


def test_it_is_what_finite_differences_find():
    image, step = random(4, 4, 3), 1e-6
    found = gradient(scores.class_score(pixel_net(), 2), image)
    for position in np.ndindex(image.shape):
        move = np.zeros(image.shape)
        move[position] = step
        difference = pixel_scores(image[None] + move)[0, 2] - pixel_scores(image[None] - move)[0, 2]
        np.testing.assert_allclose(found[position], difference / (2 * step), rtol=1e-5, atol=1e-8)


def test_a_score_that_does_not_look_at_the_images_has_gradient_zero():
    value, found = value_and_gradient(
        lambda images: tf.fill(tf.shape(images)[:1], 3.0), random(2, 4, 4, 3)
    )
    np.testing.assert_array_equal(value, [3, 3])
    np.testing.assert_array_equal(found, np.zeros((2, 4, 4, 3)))


@pytest.mark.parametrize(
    "score", [lambda images: tf.reduce_sum(images), lambda images: images, pixel_net()]
)
def test_a_score_must_give_one_number_per_image(score):
    with pytest.raises(
        ValueError, match=r"one number per image, shape \(N,\); this one gave shape \("
    ):
        gradient(score, random(2, 4, 4, 3))


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_images_must_be_finite(bad):
    image = random(4, 4, 3)
    image[1, 2, 0] = bad
    with pytest.raises(ValueError, match="NaN or an infinite number"):
        gradient(penalties.l2, image)


def test_a_new_class_compiles_nothing_anew():
    model, calls = counting_net()
    for class_index in 0, 1, 2, np.int64(1):
        gradient(scores.class_score(model, class_index), random(6, 6, 3))
    assert len(calls) == 1


def test_a_new_channel_or_neuron_compiles_nothing_anew():
    model, calls = counting_net()
    for channel in range(4):
        gradient(layer_scores.channel_score(model, "conv", channel), random(6, 6, 3))
    assert len(calls) == 1
    for row, column, channel in (0, 0, 0), (5, 2, 3), (1, 1, 1):
        gradient(layer_scores.neuron_score(model, "conv", row, column, channel), random(6, 6, 3))
    assert len(calls) == 2


def test_a_new_weight_compiles_nothing_anew():
    model, calls = counting_net()

    for weight, class_index in (0.0, 0), (0.5, 1), (1e-3, 2):
        objective = scores.class_score(model, class_index) - weight * penalties.l2
        gradient(objective, random(6, 6, 3))
    assert len(calls) == 1


def test_another_target_compiles_nothing_anew():
    model, calls = counting_net()
    targets = [random(6, 6, 3, seed=seed) for seed in range(3)]
    distances = [layer_scores.feature_distance(model, "conv", target) for target in targets]
    calls.clear()
    for distance in distances:
        gradient(distance, random(6, 6, 3))
    assert len(calls) == 1


def test_a_lambda_is_traced_once_for_many_steps():
    traces = []

    def score(images):
        traces.append(images.shape)
        return penalties.l2(images)

    for step in range(5):
        np.testing.assert_allclose(
            gradient(score, np.full((3, 3, 3), step / 10, np.float32)), step / 5, rtol=1e-6
        )
    assert len(traces) == 1


def test_a_class_for_each_image_is_another_trace_than_one_class_for_all():
    model, images = pixel_net(), random(3, 6, 6, 3)
    for class_index in (1, np.array([0, 2, 1]), 1):
        found = gradient(scores.class_score(model, class_index), images)
        for image, alone, row in zip(images, found, np.broadcast_to(class_index, 3), strict=True):
            expected = gradient(scores.class_score(model, int(row)), image)
            np.testing.assert_allclose(alone, expected, rtol=1e-5, atol=1e-8)


@pytest.mark.parametrize("pair", [(3.0, 1.0), [4.0, 1.0], np.float32([5, 1]), [[6.0], 1.0]])
def test_numbers_may_come_in_another_form_than_before(pair):
    def scaled(images, pair):
        return tf.reduce_sum(images * pair[0] + pair[1], axis=[1, 2, 3])

    image = random(4, 4, 3)
    gradient(scores.Score(scaled, [2.0, 1.0]), image)
    found = gradient(scores.Score(scaled, pair), image)
    np.testing.assert_allclose(found, np.full((4, 4, 3), np.ravel(pair[0])[0]), rtol=1e-6)


def test_a_trace_sees_the_weights_that_a_network_has_by_then():
    model, image = linear_net(normal(5, 4, 3, 2)), random(5, 4, 3)
    score = scores.class_score(model, 1)
    before, value_before = gradient(score, image), gradients.value(score, image)
    model.set_weights([2 * weight for weight in model.get_weights()])
    np.testing.assert_allclose(gradient(score, image), 2 * before, rtol=1e-6)
    np.testing.assert_allclose(gradients.value(score, image), 2 * value_before, rtol=1e-5)


def test_images_of_ever_other_sizes_are_two_traces():
    traces = []

    def score(images):
        traces.append(images.shape)
        return penalties.l2(images)

    for side in range(3, 9):
        image = random(side, side + 1, 3)
        np.testing.assert_allclose(gradient(score, image), 2 * image, rtol=1e-6)
    assert len(traces) == 2


def test_a_value_is_traced_once_for_any_number_of_images():
    model, calls = counting_net()
    score = scores.class_score(model, 0)
    calls.clear()
    for count in (1, 8, 3):
        images = random(count, 6, 6, 3)
        np.testing.assert_allclose(gradients.value(score, images), model(images)[:, 0], rtol=1e-5)
    assert len(calls) == 1 + 3  # the trace, and the three that were not compiled


def test_a_hundred_moves_of_class_weight_and_channel_are_one_trace():
    model, calls = counting_net()
    for move in range(100):
        class_part = scores.class_score(model, move % 3)
        channel_part = layer_scores.channel_score(model, "conv", move % 4)
        objective = class_part + 0.1 * move * channel_part - 0.01 * move * penalties.l2
        gradient(objective, random(6, 6, 3, seed=move))
    assert len(calls) == 2  # the one trace runs through the network for the class and the channel


def test_graphs_of_plain_functions_stay_bounded():
    for power in range(LIMIT + 10):
        gradient(lambda images, power=power: power * penalties.l2(images), random(2, 2, 3))
    assert len(without_network._kept_by_lecture_lib) <= LIMIT


def backward(rule, x, upstream):
    """What `rule` passes down when `upstream` arrives: the gradient of Σ upstream · rule(x)."""
    return gradient(
        lambda images: tf.reduce_sum(upstream * rule(images), axis=[1, 2, 3]), x[..., None]
    )[..., 0]


@pytest.mark.parametrize(
    "rule, expected",
    [
        (tf.nn.relu, [[-2, 0, -1], [6, 0, 0], [0, -1, 3]]),
        (deconv_relu, [[0, 3, 0], [6, 0, 1], [2, 0, 3]]),
        (guided_relu, [[0, 0, 0], [6, 0, 0], [0, 0, 3]]),
    ],
)
def test_the_three_backward_rules_on_the_numbers_of_the_slide(rule, expected):
    np.testing.assert_array_equal(rule(SLIDE), [[1, 0, 5], [2, 0, 0], [0, 2, 4]])
    np.testing.assert_array_equal(backward(rule, SLIDE, UPSTREAM[..., None]), expected)


def test_gradients_at_layers_are_those_known_by_hand():
    """Of `pixel_net`: ∂S_c/∂φ = w_c / positions everywhere on φ, and w_c at the pooled means."""
    net, images = pixel_net(), random(2, 6, 5, 3)
    outputs = keras.Model(
        net.input, [net.get_layer("conv").output, net.get_layer("pool").output, net.output]
    )
    (maps, means), found = gradients.gradient_at_layers(outputs, images, 1)
    weights = net.get_layer("scores").get_weights()[0][:, 1]
    np.testing.assert_allclose(maps, pixel_features(images), rtol=1e-4, atol=1e-6)
    np.testing.assert_allclose(
        means, pixel_features(images).mean(axis=(1, 2)), rtol=1e-4, atol=1e-6
    )
    np.testing.assert_allclose(found[0], np.broadcast_to(weights / 30, (2, 6, 5, 4)), rtol=1e-5)
    np.testing.assert_allclose(found[1], np.broadcast_to(weights, (2, 4)), rtol=1e-5)


def test_gradients_at_layers_compile_once_for_all_classes_and_pictures():
    net, calls = counting_net()
    outputs = keras.Model(net.input, [net.get_layer("conv").output, net.output])
    gradients.gradient_at_layers(outputs, random(1, 6, 6, 3), 0)
    calls.clear()
    gradients.gradient_at_layers(outputs, random(1, 6, 6, 3, seed=1), 2)
    assert not calls


def test_mean_gradients_at_a_layer_are_those_known_by_hand():
    """Of `pixel_net`: ∂S_c/∂φ = w_c / positions everywhere, and so is its mean."""
    net, image = pixel_net(), random(6, 5, 3)
    outputs = keras.Model(net.input, [net.get_layer("conv").output, net.output])
    classes = np.int32([2, 0, 2])
    (maps,), (alpha,) = gradients.mean_gradients_at_layers(outputs, image, classes)
    weights = net.get_layer("scores").get_weights()[0]
    np.testing.assert_allclose(maps, pixel_features(image), rtol=1e-4, atol=1e-6)
    np.testing.assert_allclose(alpha, weights[:, classes].T / 30, rtol=1e-5)


def test_a_derivative_along_a_direction_gives_all_outputs_at_once():
    """f(x) = (x₀², x₀ x₁, 7): along v it changes by (2 x₀ v₀, v₀ x₁ + x₀ v₁, 0)."""

    def function(x):
        return tf.stack([x[0] ** 2, x[0] * x[1], 7.0 + 0 * x[1]])

    found = gradients.derivative_along(function, tf.constant([3.0, 5.0]), tf.constant([2.0, -1.0]))
    np.testing.assert_allclose(found, [12, 7, 0])


def test_outputs_that_do_not_depend_on_the_point_do_not_change_along_it():
    point = tf.constant([1.0, 2.0])
    found = gradients.derivative_along(lambda x: tf.constant([4.0, 5.0]), point, point)
    np.testing.assert_array_equal(found, [0, 0])


@pytest.mark.parametrize("ask", [gradients.value, value_and_gradient])
def test_a_score_of_as_many_numbers_as_something_else_has_is_refused(ask):
    """The gradient of one image would be the sum over all that it was compared with."""
    others = random(3, 4, 4, 3)

    def nearness(images):
        return -tf.reduce_sum((images - others) ** 2, axis=[1, 2, 3])

    with pytest.raises(ValueError, match=r"shape \(3,\) for 1 images"):
        ask(nearness, random(4, 4, 3))
    assert len(ask(nearness, others)[0:3]) >= 2


def test_what_does_not_fit_says_what_and_not_where_in_the_graph():
    with pytest.raises(ValueError, match="does not index into param shape"):
        gradients.value(layer_scores.neuron_score(pixel_net(), "conv", 9, 0, 0), random(6, 6, 3))
