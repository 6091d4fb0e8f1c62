"""Filters: a weight is a pixel, w/‖w‖ beats every input of its length, the ascent of the slides."""

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression
from small_nets import (
    assert_same_numbers,
    counting_net,
    linear_net,
    named,
    normal,
    numbers_of,
    random,
    small_net,
)

from lecture_lib import filters
from lecture_lib.core.gradients import gradient, value_and_gradient
from lecture_lib.filters import (
    ascend_to_best_input,
    best_input,
    filter_score,
    filters_of,
    filters_to_images,
    linear_templates,
    visualize_filter,
)
from lecture_lib.models.backend import keras, tf
from lecture_lib.models.layers import layer_outputs
from lecture_lib.models.relu_rules import with_relu_rule
from lecture_lib.models.zoo import load_model


def test_one_hot_weight_is_one_bright_pixel():
    weights = np.zeros((2, 3, 3, 3), np.float32)
    weights[0, 1, 2, 0], weights[1, 0, 0, 2] = 5, -1
    each, together = filters_to_images(weights), filters_to_images(weights, one_scale=True)
    np.testing.assert_array_equal(each[0, 1, 2], [1, 0.5, 0.5])
    np.testing.assert_array_equal(each[1, 0, 0], [0.5, 0.5, 0])
    np.testing.assert_allclose(together[1, 0, 0], [0.5, 0.5, 0.4])
    assert np.count_nonzero(each != 0.5) == np.count_nonzero(together != 0.5) == 2
    np.testing.assert_array_equal(
        filters_to_images(np.zeros((1, 2, 2, 1))), np.full((1, 2, 2, 1), 0.5)
    )


def test_the_filters_of_a_layer_are_its_weights_filter_by_filter():
    net = small_net()
    kernel = net.get_layer("conv1").get_weights()[0]
    assert filters.convolution_names(net) == ["conv1", "conv2"]
    np.testing.assert_array_equal(filters_of(net), kernel.transpose(3, 0, 1, 2))
    assert filters_of(net, "conv2").shape == (8, 3, 3, 6)


def test_planes_stand_filter_by_filter_and_input_by_input():
    weights = normal(2, 3, 3, 4)
    planes = filters.filter_slices_to_images(weights)
    assert planes.shape == (8, 3, 3, 1)
    np.testing.assert_allclose(
        planes[5, ..., 0], 0.5 + weights[1, ..., 1] / (2 * np.abs(weights).max()), rtol=1e-6
    )


# max w · x, ‖x‖ = 1


@pytest.mark.parametrize("shape", [(3, 3, 1), (8, 8, 3), (2, 5, 3)])
def test_the_filter_itself_beats_ten_thousand_random_inputs_of_its_length(shape):
    weights = normal(*shape, seed=1)
    others = normal(10_000, *shape, seed=2)
    others /= np.sqrt(np.square(others).sum(axis=(1, 2, 3), keepdims=True))
    best = filters.filter_response(weights, best_input(weights)[None]).numpy()[0]
    assert best > filters.filter_response(weights, others).numpy().max()
    np.testing.assert_allclose(best, np.linalg.norm(weights), rtol=1e-5)
    np.testing.assert_allclose(
        filters.filter_response(weights, others),
        np.tensordot(others, weights, 3),
        rtol=1e-3,
        atol=1e-5,
    )


@pytest.mark.parametrize("seed", [0, 1, 2])
def test_the_ascent_arrives_at_the_filter_divided_by_its_length(seed):
    weights = 3 * normal(4, 4, 3, seed=seed)
    found = ascend_to_best_input(weights, seed=seed)
    np.testing.assert_allclose(found.images, weights / np.linalg.norm(weights), atol=1e-3)
    assert np.all(np.diff(found.values) > -1e-4)


def test_best_inputs_of_several_filters_and_of_none():
    bank = normal(5, 3, 3, 2)
    np.testing.assert_allclose(best_input(bank)[4], best_input(bank[4]))
    with pytest.raises(ValueError, match="zeros"):
        best_input(np.zeros((3, 3, 1)))


# Templates


def test_templates_are_those_of_scikit_learn_and_score_like_it():
    labels = np.arange(120) % 3
    images = np.clip(
        random(120, 4, 5, 1) * 0.4 + (labels[:, None, None, None] == np.arange(5)[:, None]) * 0.5,
        0,
        1,
    )
    found = linear_templates(images, labels, penalty=2.0, seed=3)
    order = np.random.default_rng(3).permutation(120)
    theirs = LogisticRegression(C=0.5, max_iter=500).fit(
        images.reshape(120, -1)[order[:90]], labels[order[:90]]
    )
    np.testing.assert_allclose(found.weights.reshape(3, -1), theirs.coef_, atol=1e-4)
    scores = np.tensordot(images[order[90:]], found.weights, [(1, 2, 3), (1, 2, 3)]) + found.bias
    assert found.accuracy == np.mean(scores.argmax(axis=1) == labels[order[90:]]) > 0.9
    assert [
        np.unravel_index(template.sum(axis=(0, 2)).argmax(), 5)[0] for template in found.weights
    ] == [0, 1, 2]


def test_more_penalty_makes_smaller_templates():
    images, labels = random(60, 4, 4, 3), np.arange(60) % 2
    small, large = (
        np.abs(linear_templates(images, labels, penalty=penalty).weights).max()
        for penalty in (100, 1)
    )
    assert small < large


# Gradient ascent to a filter's picture


def by_the_slides(net, layer, number, *, learning_rate, seed):
    """The slides' loop: 30 times the image plus learning_rate · its gradient at length 1."""
    image = np.random.default_rng(seed).uniform(0, 0.25, (12, 12, 3)).astype(np.float32)
    for _ in range(30):
        found = gradient(filter_score(net, layer, number), image)
        image = np.clip(image + learning_rate * found / np.linalg.norm(found), 0, 1)
    return image, layer_outputs(net, layer)(image[None])[layer][
        0, 2:-2, 2:-2, number
    ].numpy().mean()


@pytest.mark.parametrize("learning_rate", [10.0, 0.1])
def test_the_ascent_is_that_of_the_slides(learning_rate):
    start = np.random.default_rng(4).uniform(0, 0.25, (1, 12, 12, 3))
    awake = int(
        layer_outputs(small_net(), "relu2")(start)["relu2"][0, 2:-2, 2:-2]
        .numpy()
        .mean(axis=(0, 1))
        .argmax()
    )
    image, value = by_the_slides(small_net(), "relu2", awake, learning_rate=learning_rate, seed=4)
    found = visualize_filter(small_net(), "relu2", awake, learning_rate=learning_rate, seed=4)
    np.testing.assert_allclose(found.values[-1], value, rtol=0.01)
    np.testing.assert_allclose(found.images.mean(), image.mean(), rtol=0.02)
    assert len(found.values) == 31 and found.values[-1] > found.values[0] > 0


def test_the_score_is_the_mean_without_a_border_of_two():
    images = random(4, 12, 11, 3)
    maps = layer_outputs(small_net(), "conv2")(images)["conv2"].numpy()
    values, _ = value_and_gradient(
        filter_score(small_net(), "conv2", np.array([0, 5, 5, 7])), images
    )
    inner = maps[:, 2:-2, 2:-2].mean(axis=(1, 2))
    np.testing.assert_allclose(values, inner[np.arange(4), [0, 5, 5, 7]], rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize(
    "side, kept",
    [(1, slice(0, 1)), (2, slice(0, 2)), (3, slice(1, 2)), (4, slice(1, 3)), (5, slice(2, 3))],
)
def test_of_a_small_map_something_stays(side, kept):
    image = random(side, side, 3)
    maps = layer_outputs(small_net(), "conv2")(image[None])["conv2"].numpy()[0]
    value, _ = value_and_gradient(filter_score(small_net(), "conv2", 1), image)
    np.testing.assert_allclose(value, maps[kept, kept, 1].mean(), rtol=1e-5)


def test_a_batch_of_filters_ascends_as_each_would_alone():
    start = random(3, 12, 12, 3)
    together = visualize_filter(
        small_net(), "conv2", np.array([2, 0, 6]), start=start, learning_rate=0.5, steps=4
    )
    for number, index in enumerate([2, 0, 6]):
        alone = visualize_filter(
            small_net(), "conv2", index, start=start[number], learning_rate=0.5, steps=4
        )
        np.testing.assert_allclose(together.images[number], alone.images, atol=1e-4)


def test_an_ascent_repeats_itself_with_its_seed_and_stays_in_the_picture():
    one, same, other = (
        visualize_filter(small_net(), "conv1", 1, seed=seed).images for seed in (0, 0, 1)
    )
    np.testing.assert_array_equal(one, same)
    assert not np.array_equal(one, other) and one.min() >= 0 and one.max() <= 1


def silent_net():
    """A filter that is 0 unless a pixel is brighter than ½: a dark start has no gradient."""
    images = keras.Input((8, 8, 1), name="image")
    maps = keras.layers.Conv2D(1, 1, activation="relu", name="conv")(images)
    model = keras.Model(images, keras.layers.Dense(1)(keras.layers.GlobalAveragePooling2D()(maps)))
    model.get_layer("conv").set_weights([np.ones((1, 1, 1, 1)), np.float32([-0.5])])
    return named(model, class_names=None, image_size=8)


def test_a_silent_filter_stays_asleep_until_its_relu_lets_a_little_gradient_through():
    net = silent_net()
    asleep = visualize_filter(net, "conv", 0, learning_rate=1.0)
    np.testing.assert_array_equal(asleep.values, np.zeros(31))
    awake = visualize_filter(
        with_relu_rule(net, filters.leaky_gradient_relu), "conv", 0, learning_rate=1.0
    )
    assert awake.values[-1] == pytest.approx(0.5)


def test_leaky_gradient_relu_is_relu_forwards_and_leaks_a_tenth_backwards():
    x = np.float32([[[[-2.0], [3.0]]]])
    value, found = value_and_gradient(_sum_of(filters.leaky_gradient_relu), x)
    assert value[0] == 3
    np.testing.assert_allclose(found.ravel(), [0.1, 1.0])


def _sum_of(function):
    return lambda images: tf.reduce_sum(function(images), axis=[1, 2, 3])


def test_another_filter_compiles_nothing_anew():
    model, calls = counting_net()
    for filter_index in 0, 3:
        visualize_filter(model, "conv", filter_index, steps=1)
    assert len(calls) == 1


def test_an_ascent_leaves_the_net_and_its_start_as_they_were():
    start, kept = random(12, 12, 3), numbers_of(small_net())
    copy = start.copy()
    visualize_filter(small_net(), "conv1", 0, start=start, steps=2)
    np.testing.assert_array_equal(start, copy)
    assert_same_numbers(small_net(), kept)


@pytest.mark.parametrize(
    "ask, sentence",
    [
        (lambda: filters_of(small_net(), "relu2"), "conv1, conv2"),
        (lambda: filters_of(linear_net(normal(3, 3, 1, 2))), "no convolution"),
        (lambda: filters_to_images(normal(2, 3, 3, 6)), "1 or 3"),
        (lambda: filter_score(small_net(), "conv2", 8), "from 0 to 7"),
        (lambda: filter_score(small_net(), "conv2", -1), "from 0 to 7"),
        (lambda: filter_score(small_net(), "conv2", 1.0), "from 0 to 7"),
        (lambda: filter_score(small_net(), "scores", 0), "no rows and columns"),
        (lambda: filter_score(small_net(), "conv7", 0), "no layer 'conv7'"),
        (lambda: linear_templates(random(5, 4, 4, 1), np.arange(4)), "5 images but 4 labels"),
        (lambda: linear_templates(255 * random(4, 4, 4, 1), np.arange(4)), "divide by 255"),
        (lambda: linear_templates(random(4, 4, 4, 1), np.arange(4), penalty=0), "above 0"),
    ],
)
def test_what_has_no_filters_gives_a_sentence(ask, sentence):
    with pytest.raises(ValueError, match=sentence):
        ask()


def test_the_digit_reader_has_the_filters_of_the_slides():
    net = load_model("mnist_cnn")
    assert filters_of(net, "conv1").shape == (32, 3, 3, 1) and filters_of(net, "conv2").shape == (
        64,
        3,
        3,
        32,
    )


def test_two_classes_have_two_templates_of_opposite_sign():
    """The logits that softmax makes the probabilities of the regression of."""
    labels = np.arange(40) % 2
    images = random(40, 5, 4, 1) / 2 + labels[:, None, None, None] * random(5, 4, 1, seed=2) / 2
    found = linear_templates(images, labels, penalty=0.5, held_out=0.25)
    assert found.weights.shape == (2, 5, 4, 1) and found.bias.shape == (2,)
    np.testing.assert_allclose(found.weights[0], -found.weights[1])
    # Its gradient is 0 where it is least: Σ (P_1 − y) I + penalty · w_1, and the same for class 0.
    trained = np.random.default_rng(0).permutation(40)[:30]
    rows = images[trained].reshape(30, -1)
    logits = rows @ found.weights.reshape(2, -1).T + found.bias
    errors = 1 / (1 + np.exp(logits[:, 0] - logits[:, 1])) - labels[trained]
    gradients = errors @ rows + 0.5 * found.weights[1].ravel()
    np.testing.assert_allclose(gradients, 0, atol=2e-3)


@pytest.mark.parametrize("labels", [[0, 2] * 10, [1, 2] * 10, [0] * 20, [0, -1] * 10])
def test_classes_without_an_example_are_refused_as_a_template_has_its_place_by_number(labels):
    with pytest.raises(ValueError, match="labels run from 0 on"):
        linear_templates(random(20, 4, 4, 1), np.array(labels))


@pytest.mark.parametrize("held_out", [0, 1, -0.5, 2])
def test_some_images_are_learned_from_and_some_held_out(held_out):
    with pytest.raises(ValueError, match="held out, a share between 0 and 1"):
        linear_templates(random(20, 4, 4, 1), np.arange(20) % 4, held_out=held_out)
