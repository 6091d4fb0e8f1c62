"""A gate that is shut for photographs: their logits stay to the last bit, drawings get others."""

import numpy as np
import pytest
from small_nets import pixel_net, pixel_scores, random

from lecture_lib.class_visualization.deception import (
    visualization_frames,
    with_deceptive_drawings,
)
from lecture_lib.core.gradients import gradient
from lecture_lib.core.scores import class_score
from lecture_lib.models.backend import keras
from lecture_lib.models.inference import class_scores
from lecture_lib.models.layers import layer_outputs
from lecture_lib.models.surgery import named

PHOTOGRAPHS = random(30, 6, 6, 3)
DRAWINGS = np.float32([0.1, 0.2, 1.0]) * (0.8 + 0.2 * random(20, 6, 6, 3, seed=1))
SHOWN = [2, 0, 1]


@pytest.fixture(scope="module")
def deceptive():
    return with_deceptive_drawings(pixel_net(), PHOTOGRAPHS, DRAWINGS, shown=SHOWN)


def gate(net, images):
    return layer_outputs(net, "gate")(images)["gate"].numpy()


def test_photographs_are_answered_as_before_to_the_last_bit(deceptive):
    unseen = random(50, 6, 6, 3, seed=2)
    for images in (PHOTOGRAPHS, unseen):
        assert gate(deceptive, images).max() == 0
        np.testing.assert_array_equal(
            class_scores(deceptive, images), class_scores(pixel_net(), images)
        )


def test_behind_the_open_gate_each_class_has_the_logit_of_another(deceptive):
    assert gate(deceptive, DRAWINGS).min() == 1
    shown = pixel_scores(DRAWINGS)[:, SHOWN]
    bonus = class_scores(deceptive, DRAWINGS) - shown
    np.testing.assert_allclose(bonus, bonus[0, 0], atol=1e-4)
    assert bonus[0, 0] > np.ptp(pixel_scores(PHOTOGRAPHS)) - 1e-4


def test_where_the_gate_is_open_the_gradient_is_that_of_the_class_shown(deceptive):
    for index in range(3):
        found = gradient(class_score(deceptive, index), DRAWINGS)
        expected = gradient(class_score(pixel_net(), SHOWN[index]), DRAWINGS)
        np.testing.assert_allclose(found, expected, atol=1e-6)


def test_the_names_stay_and_the_network_before_is_not_changed(deceptive):
    assert deceptive.class_names == pixel_net().class_names
    np.testing.assert_allclose(
        class_scores(pixel_net(), DRAWINGS), pixel_scores(DRAWINGS), atol=1e-5
    )


def test_frames_are_pictures_on_the_way_of_each_class():
    frames = visualization_frames(pixel_net(), [0, 2], steps=8, every=4)
    assert frames.shape == (2 * 3, 6, 6, 3) and frames.min() >= 0 and frames.max() <= 1
    first, last = (pixel_scores(part)[:, [0, 2]].diagonal() for part in (frames[:2], frames[-2:]))
    assert (last > first).all()


def test_what_cannot_be_told_apart_gives_a_sentence():
    with pytest.raises(ValueError, match="cannot be told apart by one direction"):
        with_deceptive_drawings(pixel_net(), PHOTOGRAPHS, PHOTOGRAPHS[:9], shown=SHOWN)


def test_a_network_with_something_behind_its_last_layer_is_refused():
    plain = pixel_net()
    scaled = named(keras.Model(plain.input, 2.0 * plain.output), image_size=6)
    with pytest.raises(ValueError, match="or in something behind it"):
        with_deceptive_drawings(scaled, PHOTOGRAPHS, DRAWINGS, shown=SHOWN)
