"""Images and classes, checked: what makes no sense is answered in a sentence."""

from functools import partial

import numpy as np
import pytest
from small_nets import pixel_net, random

from lecture_lib.adversarial.attacks import fgsm
from lecture_lib.adversarial.targeted import make_adversarial
from lecture_lib.guided_backprop import guided_map
from lecture_lib.models import checks
from lecture_lib.models.backend import keras
from lecture_lib.models.inference import class_scores
from lecture_lib.models.wrapping import wrap_model
from lecture_lib.saliency import saliency_map

IMAGES = random(5, 6, 6, 3)


def net_of_two_kinds(size):
    """Two convolutions of stride 2 without padding, then linear logits.

    It takes images of any size, or, for a number, has a Flatten that fixes it.
    """
    images = keras.Input((size, size, 3))
    halved = partial(keras.layers.Conv2D, 4, 3, strides=2, activation="relu")
    x = halved()(halved()(images))
    x = keras.layers.Flatten()(x) if size else keras.layers.GlobalAveragePooling2D()(x)
    return wrap_model(keras.Model(images, keras.layers.Dense(2)(x)), image_size=size or 24)


@pytest.mark.parametrize(
    "ask",
    [
        class_scores,
        lambda net, image: saliency_map(net, image, 0),
        lambda net, image: make_adversarial(net, image, 0),
        lambda net, image: fgsm(net, image, 0),
        lambda net, image: guided_map(net, image, 0),
    ],
)
@pytest.mark.parametrize("size, wrong", [(None, (6, 24)), (16, (17, 16)), (16, (6, 6))])
def test_an_image_of_a_size_that_a_network_cannot_take_gets_one_sentence(ask, size, wrong):
    sentence = rf"^Images of {wrong[0]} x {wrong[1]} pixels do not get through this net; it was"
    with pytest.raises(ValueError, match=sentence) as caught:
        ask(net_of_two_kinds(size), random(*wrong, 3))
    assert "\n" not in str(caught.value)
    ask(net_of_two_kinds(size), random(size or 7, size or 7, 3))


def test_one_image_is_one_image():
    np.testing.assert_array_equal(checks.one_image(pixel_net(), IMAGES[0]), IMAGES[0])
    with pytest.raises(ValueError, match="explains one image"):
        checks.one_image(pixel_net(), IMAGES)


@pytest.mark.parametrize("index, name", enumerate(["tench", "Goldfish", "great white shark"]))
def test_a_class_is_found_by_its_name(index, name):
    assert checks.class_index(pixel_net(), name) == index


def test_an_unknown_class_name_shows_those_near_it():
    with pytest.raises(ValueError, match="'goldfsh'; near it are goldfish"):
        checks.class_index(pixel_net(), "goldfsh")


def test_class_numbers_come_back_as_int32():
    found = checks.check_class(pixel_net(), 2)
    assert found == 2 and found.dtype == np.int32
    np.testing.assert_array_equal(checks.check_class(pixel_net(), [0, 2]), [0, 2])


@pytest.mark.parametrize("bad", [3, -1, [0, 7], np.array([-1])])
def test_a_class_beyond_the_last_gives_a_sentence(bad):
    with pytest.raises(ValueError, match="numbered from 0 to 2"):
        checks.check_class(pixel_net(), bad)


@pytest.mark.parametrize("bad", [0.5, "tench", None, [[1]], True])
def test_a_class_that_is_no_whole_number_gives_a_sentence(bad):
    with pytest.raises(ValueError, match="whole number from 0 to 2"):
        checks.check_class(pixel_net(), bad)
