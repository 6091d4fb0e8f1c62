"""Lists of pictures: photographs, uploads, and what another panel handed on."""

import base64
import io

import numpy as np
import pytest
from panel_tools import GRAY, upload
from PIL import Image

from lecture_lib.datasets.saving import encode_png
from lecture_lib.panels.image_picker import picture_dropdown


def hear(control, *pictures, wanted=""):
    """What the browser tells a list of pictures."""
    messenger = control.view.children[-1]
    messenger.set_state(
        {
            "found": [
                {"name": name, "data": base64.b64encode(data).decode()} for name, data in pictures
            ],
            "wanted": wanted,
        }
    )


def test_a_picture_handed_on_stands_at_the_end_of_the_list_and_is_not_chosen():
    control = picture_dropdown(["cat", "coffee"], value="coffee", size=64)
    hear(control, ("dream", encode_png(GRAY)))
    assert control.view.children[0].options == ("cat", "coffee", "dream (handed on)")
    assert control.view.children[0].value == "coffee"


def test_the_notebook_it_was_meant_for_chooses_it_and_hears_a_newer_one_of_the_same_name():
    control = picture_dropdown(["cat"], size=64)
    for gray in (GRAY, GRAY / 5):
        hear(control, ("dream", encode_png(gray)), wanted="dream")
        assert control.view.children[0].value == "dream (handed on)"
        np.testing.assert_allclose(control.read(), gray, atol=1 / 255)


@pytest.mark.parametrize(
    "shape, size, expected",
    [
        ((64, 64, 3), 256, (64, 64, 3)),
        ((64, 96, 3), 128, (128, 128, 3)),
        ((300, 300, 3), 256, (256, 256, 3)),
        ((64, 64, 3), (60, 90), (60, 90, 3)),
    ],
)
def test_a_small_square_that_was_handed_on_keeps_every_pixel(shape, size, expected):
    picture = np.random.default_rng(0).integers(0, 256, shape).astype(np.float32) / 255
    control = picture_dropdown(["cat"], size=size)
    hear(control, ("attack", encode_png(picture)), wanted="attack")
    assert control.read().shape == expected
    if shape == expected:
        np.testing.assert_array_equal(control.read(), picture)


def test_a_picture_is_chosen_or_uploaded():
    control = picture_dropdown(["cat", "coffee"], value="coffee", size=32)
    assert control.read().shape == (32, 32, 3)
    red = io.BytesIO()
    Image.new("RGB", (40, 40), (255, 0, 0)).save(red, "PNG")
    upload(control, "mine.png", red.getvalue())
    np.testing.assert_array_equal(control.read()[16, 16], [1, 0, 0])
    blue = io.BytesIO()
    Image.new("RGB", (40, 40), (0, 0, 255)).save(blue, "PNG")
    upload(control, "mine.png", blue.getvalue())
    np.testing.assert_array_equal(control.read()[16, 16], [0, 0, 1])
    upload(control, "notes.png", b"no picture at all")
    with pytest.raises(ValueError, match=r"notes\.png"):
        control.read()
    control.view.children[0].value = "coffee"
    assert control.read().shape == (32, 32, 3)
