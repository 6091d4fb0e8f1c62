"""Certificates: never better than trying every pattern, and exact when windows agree."""

import numpy as np
import pytest
from small_nets import normal
from window_nets import grays, lowest_by_trying, windows_net

from lecture_lib.defenses.certificates import lowest_margin, lowest_sum
from lecture_lib.defenses.thresholding import threshold, undecided_pixels
from lecture_lib.models.backend import keras
from lecture_lib.models.surgery import named

A = np.array([[3, -2], [1, 5]])  # rows: pixel 0, columns: pixel 1
B = np.array([[-1, 4], [3, 6]])  # rows: pixel 1, columns: pixel 2
SEEN = [np.array([0, 1]), np.array([1, 2])]


def test_the_example_of_the_module():
    bound = lowest_sum([A, B], SEEN, [], count=3)
    assert bound.value == -3
    agreed = lowest_sum([A, B], SEEN, [1], count=3)
    assert agreed.value == 0
    np.testing.assert_array_equal(agreed.setting, [1, 0, 0])


@pytest.mark.parametrize("agreed", [[], [1], [2], [1, 2], [0, 1, 2, 3]])
def test_the_lowest_sum_by_trying_all_settings(agreed):
    """Two windows of three pixels each; only of the pixels 1 and 2 they can disagree."""
    first, second = normal(2, 2, 2, seed=1), normal(2, 2, 2, seed=2)
    seen = [np.array([0, 1, 2]), np.array([1, 2, 3])]
    found = lowest_sum([first, second], seen, agreed, count=4)
    exact = (first[..., None] + second[None]).min()
    if {1, 2} <= set(agreed):
        np.testing.assert_allclose(found.value, exact, rtol=1e-6)
        a, b, c, d = found.setting.astype(int)
        np.testing.assert_allclose(first[a, b, c] + second[b, c, d], exact, rtol=1e-6)
    else:
        assert first.min() + second.min() - 1e-6 <= found.value <= exact + 1e-6


@pytest.mark.parametrize("share", [0.05, 0.15, 0.25])
def test_the_lowest_margin_is_that_of_trying_all_patterns(share):
    net = windows_net()
    for seed, image in enumerate(grays(6, (7, 6, 1), share=share, seed=3)):
        pattern = threshold(image)
        undecided = undecided_pixels(image, epsilon=0.1)
        bound, found = lowest_margin(net, pattern, undecided, label=seed % 3)
        exact = lowest_by_trying(net, pattern, undecided, seed % 3)
        assert bound == pytest.approx(exact, abs=1e-3)
        assert not (found != pattern)[~undecided].any()


@pytest.mark.parametrize("most", [0, 2, 4])
def test_with_fewer_shared_pixels_the_bound_is_below_and_rises_with_their_number(most):
    net = windows_net()
    for image in grays(8, (7, 6, 1), share=0.25, seed=5):
        pattern = threshold(image)
        undecided = undecided_pixels(image, epsilon=0.1)
        bounds = [
            lowest_margin(net, pattern, undecided, label=0, max_shared_pixels=count)[0]
            for count in (most, most + 2)
        ]
        bounds.append(lowest_by_trying(net, pattern, undecided, 0))
        assert (np.diff(bounds) >= -1e-3).all()


def test_a_tolerance_leaves_rivals_alone_that_are_far_behind():
    """The result is then a bound, and on the same side of the tolerance as the exact one."""
    net = windows_net()
    for image in grays(8, (7, 6, 1), share=0.15, seed=5):
        pattern = threshold(image)
        undecided = undecided_pixels(image, epsilon=0.1)
        exact, _ = lowest_margin(net, pattern, undecided, label=0)
        bound, _ = lowest_margin(net, pattern, undecided, label=0, margin_tolerance=1e-3)
        assert bound <= exact + 1e-4
        assert (bound > 1e-3) == (exact > 1e-3)


def test_a_window_that_sees_too_much_is_not_asked():
    pattern, everything = np.zeros((7, 6, 1), np.float32), np.ones((7, 6, 1), bool)
    bound, found = lowest_margin(windows_net(), pattern, everything, label=0)
    assert bound == -np.inf
    np.testing.assert_array_equal(found, pattern)


def test_a_net_that_has_learned_on_is_asked_anew():
    net = windows_net(seed=40)
    image = grays(1, (7, 6, 1), share=0.15, seed=3)[0]
    pattern = threshold(image)
    undecided = undecided_pixels(image, epsilon=0.1)
    before, _ = lowest_margin(net, pattern, undecided, label=0)
    net.set_weights([0.5 * weight for weight in net.get_weights()])
    after, _ = lowest_margin(net, pattern, undecided, label=0)
    assert after == pytest.approx(lowest_by_trying(net, pattern, undecided, 0), abs=1e-3)
    assert abs(after - before) > 0.1


def no_sums():
    """Networks that are no sums over windows, though the sizes of their layers would suit one."""
    layers = keras.layers
    flatten = layers.Flatten

    def padded(x):
        for _ in range(4):
            x = layers.Conv2D(3, 3, padding="same", activation="relu")(x)
        return flatten()(x)

    yield "every position sees all", padded
    convolution = layers.Conv2D(3, 3)
    yield "a ReLU behind", lambda x: layers.ReLU()(flatten()(convolution(x)))
    yield "a normalization behind", lambda x: layers.BatchNormalization()(flatten()(convolution(x)))
    yield "a layer behind", lambda x: layers.Dense(12)(flatten()(convolution(x)))
    yield "an activation behind", lambda x: layers.Activation("tanh")(flatten()(convolution(x)))


@pytest.mark.parametrize(("name", "build"), no_sums())
def test_what_is_no_sum_over_windows_is_refused_and_not_certified(name, build):
    images = keras.Input((4, 4, 1), name="image")
    model = keras.Model(images, keras.layers.Dense(3)(build(images)))
    net = named(model, class_names=None, image_size=4)
    pattern, undecided = np.zeros((4, 4, 1), np.float32), np.zeros((4, 4, 1), bool)
    undecided[1, 1] = True
    with pytest.raises(ValueError, match="no sum over windows"):
        lowest_margin(net, pattern, undecided, label=0)


def test_a_linear_layer_whose_sum_goes_on_behind_it_is_refused():
    images = keras.Input((4, 4, 1), name="image")
    maps = keras.layers.Flatten()(keras.layers.Conv2D(3, 3)(images))
    model = keras.Model(images, 2.0 * keras.layers.Dense(3)(maps))
    net = named(model, class_names=None, image_size=4)
    with pytest.raises(ValueError, match="no sum over windows"):
        lowest_margin(net, *np.zeros((2, 4, 4, 1), np.float32), label=0)
