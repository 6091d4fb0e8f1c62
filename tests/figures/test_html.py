"""Sizes on the page: tiles in their order, small images enlarged by whole factors."""

import base64
import io

import numpy as np
import pytest
from PIL import Image

from lecture_lib.datasets import load_image
from lecture_lib.figures import html


def test_tiles_keep_their_order():
    batch = np.arange(6, dtype=np.float32).reshape(6, 1, 1, 1).repeat(3, axis=3) / 10
    np.testing.assert_array_equal(
        html.tile(batch, gap=1)[::2, ::2, 0], batch[:, 0, 0, 0].reshape(2, 3)
    )


def test_tiles_stand_in_columns_and_are_enlarged_to_a_width():
    batch = np.linspace(0, 1, 6, dtype=np.float32)[:, None, None, None] * np.ones(
        (1, 2, 2, 1), np.float32
    )
    tiled = html.tile(batch, columns=2, gap=1, width=12)
    assert tiled.shape == (3 * 6 + 2, 2 * 6 + 1, 1)
    np.testing.assert_array_equal(tiled[::7, ::7, 0], batch[:, 0, 0, 0].reshape(3, 2))


@pytest.mark.parametrize(
    "width, shown",
    [(64, (384, True)), (28, (364, True)), (224, (384, False)), (1000, (640, False))],
)
def test_small_pictures_grow_by_whole_factors(width, shown):
    assert html.width_on_page(width) == shown


def test_tiles_without_a_gap_touch():
    batch = np.arange(4, dtype=np.float32).reshape(4, 1, 1, 1) / 10
    np.testing.assert_array_equal(html.tile(batch, columns=2, gap=0)[..., 0], batch.reshape(2, 2))


def test_a_curve_is_drawn_from_its_lowest_to_its_highest_value():
    svg = html.curve_svg(np.array([2.0, 4.0, 3.0]), width=106, height=26)
    assert 'points="3.0,23.0 53.0,3.0 103.0,13.0"' in svg
    assert 'aria-label="score from 2 to 4"' in svg


def file_of(pixels):
    data, _ = html.picture_bundle(pixels, alt="what is to be seen", width=300)
    source = data["text/html"].partition("base64,")[2].partition('"')[0]
    return base64.b64decode(source)


def test_a_chart_is_stored_exactly_and_a_photograph_is_not():
    chart = np.full((200, 300, 3), 255, np.uint8)
    chart[50:60, 20:280] = (31, 111, 159)
    stored = Image.open(io.BytesIO(file_of(chart))).convert("RGB")
    np.testing.assert_array_equal(np.asarray(stored), chart)

    photograph = np.uint8(255 * load_image("cat"))
    exact = io.BytesIO()
    Image.fromarray(photograph).save(exact, "WEBP", lossless=True)
    assert len(file_of(photograph)) < len(exact.getvalue()) / 3


def test_a_batch_inside_a_list_is_no_image_and_several_images_are_not_one():
    batch = np.zeros((2, 4, 5, 3), np.float32)
    with pytest.raises(ValueError, match="holds images, and this one a batch of 2"):
        html.as_image_list([batch, batch])
    with pytest.raises(ValueError, match="One image belongs to these maps, and 2 were given"):
        html.as_one_image(batch)
    assert html.as_one_image(batch[:1]).shape == (4, 5, 3)
