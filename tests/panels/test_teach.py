"""Teach two classes: uploads become examples, Train learns from them, and the answer follows."""

from datetime import datetime

import numpy as np
import pytest
from small_nets import pixel_net, random
from waiting import wait_until

from lecture_lib.datasets.saving import encode_png
from lecture_lib.models.inference import class_scores
from lecture_lib.panels.color_scale import SCALE
from lecture_lib.panels.image_picker import picture_dropdown
from lecture_lib.panels.teach import Lesson

RED = random(4, 6, 6, 3) * np.float32([1, 0.2, 0.2])
BLUE = random(4, 6, 6, 3, seed=1) * np.float32([0.2, 0.2, 1])


@pytest.fixture
def lesson():
    return Lesson(pixel_net(), {"red": RED, "blue": BLUE}, pictures=["cat", "coffee"])


def _file(name, data):
    content = {"size": len(data), "content": memoryview(data)}
    return {"name": name, "type": "", "last_modified": datetime(2026, 1, 1), **content}


def upload(lesson, name, images):
    files = [_file(f"{number}.png", encode_png(image)) for number, image in enumerate(images)]
    lesson.boxes[name].value = files


def predictions(lesson, images):
    return class_scores(lesson.network, images).argmax(axis=1)


def test_it_begins_with_the_given_pictures(lesson):
    assert predictions(lesson, np.concatenate([RED, BLUE])).tolist() == [0] * 4 + [1] * 4
    assert "learned from 4 red and 4 blue" in lesson.panel.status.value
    assert lesson.panel.shown["image"].shape == (256 + SCALE, 512, 3)


def test_a_picture_handed_on_is_left_to_the_panel_that_explains(lesson):
    messenger = lesson.panel.controls["picture"].view.children[-1]
    assert messenger.listens and not messenger.chooses
    assert picture_dropdown(["cat"]).view.children[-1].chooses


def test_uploaded_pictures_take_the_place_of_the_given_ones_when_train_is_pressed(lesson):
    upload(lesson, "red", BLUE[:3])
    assert "Pictures for “red”: 3" in lesson.panel.status.value
    upload(lesson, "blue", RED[:2])
    upload(lesson, "blue", RED[2:])
    assert len(lesson.examples_of("red")) == 3 and len(lesson.examples_of("blue")) == 4
    assert predictions(lesson, RED).tolist() == [0] * 4  # not yet
    lesson.train()
    assert predictions(lesson, RED).tolist() == [1] * 4
    wait_until(lambda: "learned from 3 red and 4 blue" in lesson.panel.status.value)


def test_the_chosen_picture_becomes_an_example(lesson):
    buttons = lesson.panel.above.children[0].children[1].children
    assert buttons[1].description == "Add the chosen one to blue"
    buttons[1].click()
    lesson.add_chosen("blue")
    chosen = lesson.panel.controls["picture"].read()
    np.testing.assert_allclose(lesson.examples_of("blue"), [chosen, chosen], atol=1 / 255)


def test_one_picture_is_too_few_and_what_is_no_picture_is_named(lesson):
    upload(lesson, "red", RED[:1])
    lesson.train()
    assert "“red” has 1 picture; upload 2 at least" in lesson.panel.status.value
    lesson.boxes["blue"].value = [_file("notes.txt", b"words")]
    assert "notes.txt" in lesson.panel.status.value


def test_a_lesson_has_two_classes():
    with pytest.raises(ValueError, match="two classes; there are 1"):
        Lesson(pixel_net(), {"red": RED}, pictures=["cat"])
