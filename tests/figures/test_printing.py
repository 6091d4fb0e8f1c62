"""A page to print: a PDF of one A4 sheet on which the image has its size."""

import re
import zlib

import numpy as np
import pytest

from lecture_lib.figures.printing import printable_page

STICKER = np.random.default_rng(0).random((20, 20, 3)).astype(np.float32)


def box_of_the_image(page):
    """Width and height in centimeters at which the page draws its one image."""
    streams = re.findall(rb"stream\r?\n(.*?)\r?\nendstream", page, re.DOTALL)
    for stream in streams:
        try:
            text = zlib.decompress(stream)
        except zlib.error:
            continue
        if b" Do" in text:
            width, height = re.search(rb"([\d.]+) 0 0\s-([\d.]+) 0 [\d.]+ cm /I1", text).groups()
            return float(width) / 72 * 2.54, float(height) / 72 * 2.54
    raise AssertionError("The page draws no image.")


@pytest.mark.parametrize("side", [8.0, 16.0])
def test_the_page_is_a4_and_the_image_has_its_size(side):
    page = printable_page(STICKER, side=side, words="toaster")
    assert page.startswith(b"%PDF")
    width, height = map(float, re.search(rb"MediaBox \[ 0 0 ([\d.]+) ([\d.]+)", page).groups())
    np.testing.assert_allclose([width / 72 * 2.54, height / 72 * 2.54], [21.0, 29.7], atol=0.01)
    np.testing.assert_allclose(box_of_the_image(page), (side, side), atol=0.05)


def test_the_same_image_is_the_same_page():
    assert printable_page(STICKER, words="a") == printable_page(STICKER, words="a")


@pytest.mark.parametrize(
    "image, side, sentence",
    [
        (STICKER[:10], 16, "one square image"),
        (STICKER, 0, "does not fit the page"),
        (STICKER, 19, "does not fit the page"),
        (np.full((4, 4, 3), np.nan), 16, "no numbers"),
    ],
)
def test_what_cannot_be_printed_gives_a_sentence(image, side, sentence):
    with pytest.raises(ValueError, match=sentence):
        printable_page(image, side=side, words="")
