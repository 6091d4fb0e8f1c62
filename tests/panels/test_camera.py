"""The camera as a source of pictures: what the kernel does with the frames of the browser."""

import time

import numpy as np
import pytest
from panel_tools import GRAY
from waiting import wait_until

from lecture_lib.datasets.images import load_image
from lecture_lib.datasets.saving import encode_jpeg
from lecture_lib.panels.camera import Camera, camera_picture, cameras_of
from lecture_lib.panels.image_picker import picture_dropdown
from lecture_lib.panels.interactive import explore_panel


def sent_by(camera):
    """A list that gets every message which the camera's widget sends to the browser."""
    messages = []
    camera.send = lambda message, buffers=None: messages.append(message)
    return messages


def frame(camera, shade, *, number=1, live=True, first=False):
    """What the browser sends: a picture of one gray."""
    message = {"kind": "frame", "view": "a", "number": number, "live": live, "first": first}
    image = np.full((*camera.shape, 3), shade, np.float32)
    camera._handle_custom_msg(message, [memoryview(encode_jpeg(image))])


@pytest.mark.parametrize("size, shape", [(224, [224, 224]), ((60, 90), [60, 90])])
def test_frames_have_the_size_of_the_list(size, shape):
    (camera,) = cameras_of([picture_dropdown(["cat"], size=size)])
    assert camera.shape == shape
    control = picture_dropdown(["cat"], size=size)
    (camera,) = cameras_of([control])
    frame(camera, 0.5, live=False)
    assert control.read().shape == (*shape, 3)


def test_a_picture_that_was_taken_is_the_entry_camera_and_chosen():
    control = picture_dropdown(["cat", "coffee"], size=32)
    (camera,) = cameras_of([control])
    assert control.sources[0].options == ("cat", "coffee")
    frame(camera, 0.25, live=False)
    assert control.sources[0].options == ("cat", "coffee", "camera")
    assert control.sources[0].value == "camera"
    np.testing.assert_allclose(control.read(), 0.25, atol=2 / 255)
    frame(camera, 0.75, live=False)
    np.testing.assert_allclose(control.read(), 0.75, atol=2 / 255)
    assert control.sources[0].options == ("cat", "coffee", "camera")


def test_choosing_another_picture_ends_a_live_camera():
    control = picture_dropdown(["cat", "coffee"], size=32)
    (camera,) = cameras_of([control])
    messages = sent_by(camera)
    frame(camera, 0.2, first=True)
    frame(camera, 0.4, number=2)
    assert control.sources[0].value == "camera" and not messages
    control.sources[0].value = "coffee"
    frame(camera, 0.6, number=3)
    assert control.sources[0].value == "coffee" and {"kind": "stop"} in messages
    frame(camera, 0.6, number=4, first=True)  # it was started again
    assert control.sources[0].value == "camera"


def shades_seen(pause=0.0):
    """A function for a panel that notes the shade of each picture, and those shades."""
    seen = []

    def answer(picture):
        time.sleep(pause)
        seen.append(round(float(picture.mean()), 1))
        return picture, f"shade {seen[-1]}"

    return answer, seen


def test_a_panel_answers_a_frame_and_asks_for_the_next():
    control = picture_dropdown(["cat"], size=32)
    panel = explore_panel(shades_seen()[0], alt="gray", picture=control)
    (camera,) = cameras_of([control])
    assert camera.offers_live
    messages = sent_by(camera)
    frame(camera, 0.2, number=7, first=True)
    wait_until(lambda: messages, "the frame is answered")
    assert messages == [{"kind": "answered", "view": "a", "number": 7, "text": "shade 0.2"}]
    assert 'role="group"' in panel.status.value  # not read aloud ten times a second
    assert "image/jpeg" in panel.picture.value


def test_of_many_frames_the_newest_is_answered_and_none_queues():
    control = picture_dropdown(["cat"], size=32)
    answer, seen = shades_seen(pause=0.1)
    explore_panel(answer, alt="gray", picture=control)
    (camera,) = cameras_of([control])
    sent_by(camera)
    for number in range(1, 8):  # a browser that does not wait
        frame(camera, number / 10, number=number, first=number == 1)
    wait_until(lambda: seen[-1] == 0.7, "the newest is answered")
    assert len(seen) <= 4


def test_an_error_asks_for_the_next_frame_too():
    def refuse(picture):
        if abs(picture.mean() - 0.2) < 0.01:
            raise ValueError("Too dark.")
        return picture

    control = picture_dropdown(["cat"], size=32)
    panel = explore_panel(refuse, alt="gray", picture=control)
    (camera,) = cameras_of([control])
    messages = sent_by(camera)
    frame(camera, 0.2, first=True)
    wait_until(lambda: messages, "the frame is answered")
    assert messages[0]["text"] == "Too dark." and "alert" in panel.status.value


def test_alone_it_gives_a_photograph_until_the_first_frame():
    control = camera_picture("coffee", size=48)
    np.testing.assert_array_equal(control.read(), load_image("coffee", size=48))
    (camera,) = cameras_of([control])
    assert camera.only_live
    frame(camera, 0.5)
    np.testing.assert_allclose(control.read(), GRAY[:48, :48], atol=2 / 255)


def test_a_camera_that_was_stopped_is_not_live():
    camera = Camera()
    sent_by(camera)
    frame(camera, 0.5)
    assert camera.is_live
    camera._handle_custom_msg({"kind": "ping", "view": "a"}, [])
    assert camera.is_live
    camera._handle_custom_msg({"kind": "still", "view": "a"}, [])
    assert not camera.is_live


def test_what_is_no_frame_is_answered_as_a_sign_of_life():
    camera = Camera()
    messages = sent_by(camera)
    camera._handle_custom_msg({"kind": "ping", "view": "a"}, [])
    assert messages == [{"kind": "pong"}] and camera.value == 0
