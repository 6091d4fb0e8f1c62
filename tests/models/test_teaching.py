"""New classes on old features: the regression is scikit-learn's, and CAM stays exact."""

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression
from small_nets import pixel_features, pixel_net, random, small_net, softmax

from lecture_lib.grad_cam import cam_map
from lecture_lib.models.backend import keras
from lecture_lib.models.inference import class_scores, probabilities
from lecture_lib.models.surgery import named
from lecture_lib.models.teaching import with_new_classes

RED = random(10, 6, 6, 3) * np.float32([1, 0.2, 0.2])
BLUE = random(10, 6, 6, 3, seed=1) * np.float32([0.2, 0.2, 1])
GREEN = random(10, 6, 6, 3, seed=2) * np.float32([0.2, 1, 0.2])


@pytest.mark.parametrize("colors", [(RED, BLUE), (RED, BLUE, GREEN)])
def test_the_last_layer_is_the_regression_on_the_features(colors):
    images = np.concatenate(colors)
    labels = np.repeat(np.arange(len(colors)), 10)
    names = ["red", "blue", "green"][: len(colors)]
    net = with_new_classes(pixel_net(), images, labels, class_names=names, penalty=0.5)
    assert list(net.class_names) == names and net.image_size == pixel_net().image_size
    means = pixel_features(images).mean(axis=(1, 2)).astype(np.float32)
    by_hand = LogisticRegression(C=2.0, max_iter=2000).fit(means, labels)
    unseen = 0.9 * images[::3]
    unseen_means = pixel_features(unseen).mean(axis=(1, 2)).astype(np.float32)
    found = probabilities(net, unseen)
    np.testing.assert_allclose(found, by_hand.predict_proba(unseen_means), atol=2e-3)
    np.testing.assert_allclose(softmax(class_scores(net, unseen)), found, atol=1e-5)


def test_cam_is_exact_for_the_new_classes_and_the_old_network_stays():
    before = class_scores(pixel_net(), RED)
    labels = np.repeat([0, 1], 10)
    images = np.concatenate([RED, BLUE])
    net = with_new_classes(pixel_net(), images, labels, class_names=["red", "blue"])
    bias = net.layers[-1].get_weights()[1]
    for index in (0, 1):
        mean = cam_map(net, RED[0], index).mean()
        assert class_scores(net, RED[0])[index] == pytest.approx(mean + bias[index], abs=1e-4)
    np.testing.assert_array_equal(class_scores(pixel_net(), RED), before)


@pytest.mark.parametrize(
    "labels, names, sentence",
    [
        ([0] * 10, ["red", "blue"], "“blue” has no example"),
        ([0] * 5 + [1] * 4 + [2], ["red", "blue"], "there is no class 2"),
        ([0] * 9, ["red", "blue"], "one label for each example"),
        ([0] * 10, ["red"], "two classes or more"),
    ],
)
def test_what_cannot_be_learned_gives_a_sentence(labels, names, sentence):
    with pytest.raises(ValueError, match=sentence):
        with_new_classes(small_net(), RED, labels, class_names=names)


def test_a_network_with_another_ending_gives_a_sentence():
    images = keras.Input((6, 6, 3))
    maps = keras.layers.Conv2D(4, 1)(images)
    net = keras.Model(images, keras.layers.GlobalAveragePooling2D()(maps))
    net = named(net, class_names=None, image_size=6)
    with pytest.raises(ValueError, match="linear layer at the end .* GlobalAveragePooling2D"):
        with_new_classes(net, RED, [0, 1] * 5, class_names=["red", "blue"])
