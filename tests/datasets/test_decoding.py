"""Files whose numbers mean something else than 0 to 255 in sRGB."""

import io
import struct

import numpy as np
import pytest
from PIL import Image

from lecture_lib.datasets.decoding import decode_image, find_picture
from lecture_lib.datasets.images import load_image


def file_bytes(picture, form="PNG", **options):
    stream = io.BytesIO()
    picture.save(stream, form, **options)
    return stream.getvalue()


def tiff_of_12_bits(values):
    """A gray TIFF file, written by hand as Pillow writes none of 12 bits."""
    height, width = values.shape
    bits = "".join(f"{value:012b}" for value in values.ravel())
    data = int(bits, 2).to_bytes(len(bits) // 8, "big")
    width_height = [(256, width), (257, height)]
    gray = [(258, 12), (259, 1), (262, 1), (273, 8), (277, 1), (278, height), (279, len(data))]
    entries = [struct.pack("<HHIHH", tag, 3, 1, value, 0) for tag, value in width_height + gray]
    directory = struct.pack("<H", len(entries)) + b"".join(entries) + bytes(4)
    return b"II*\0" + struct.pack("<I", 8 + len(data)) + data + directory


def adobe_rgb():
    """A profile of Adobe RGB, that of the photograph of a rocket."""
    return Image.open(find_picture("rocket")).info["icc_profile"]


def in_srgb(numbers):
    """Numbers of Adobe RGB in sRGB, by the formulas of both standards."""
    to_xyz = [[0.57667, 0.18556, 0.18823], [0.29734, 0.62736, 0.07529], [0.02703, 0.07069, 0.99134]]
    from_xyz = [[3.24045, -1.53714, -0.49853], [-0.96927, 1.87601, 0.04156]]
    from_xyz += [[0.05564, -0.20403, 1.05723]]
    light = np.asarray(numbers) ** 2.19921875 @ np.transpose(to_xyz) @ np.transpose(from_xyz)
    light = light.clip(0, 1)
    return np.where(light <= 0.0031308, 12.92 * light, 1.055 * light ** (1 / 2.4) - 0.055)


def test_white_of_12_bits_is_1():
    values = np.array([[0, 4095], [2048, 1]])
    np.testing.assert_allclose(decode_image(tiff_of_12_bits(values))[..., 0], values / 4095)


def test_the_value_that_a_gray_picture_of_16_bits_calls_transparent_is_white():
    values = np.array([[0, 1000], [30000, 65535]], np.uint16)
    found = decode_image(file_bytes(Image.fromarray(values), transparency=1000))
    np.testing.assert_allclose(found[..., 0], [[0, 1], [30000 / 65535, 1]])


@pytest.mark.parametrize("mode", ["RGB", "RGBA"])
def test_colors_of_another_space_are_brought_to_srgb(mode):
    colors = np.uint8([[[200, 100, 50], [90, 120, 100], [128, 128, 128], [255, 255, 255]]])
    picture = Image.fromarray(colors).convert(mode)
    found = decode_image(file_bytes(picture, icc_profile=adobe_rgb()))
    np.testing.assert_allclose(found, in_srgb(colors / 255), atol=0.012)
    assert np.abs(found - colors / 255).max() > 0.05
    as_stored = decode_image(file_bytes(picture, icc_profile=adobe_rgb()), to_srgb=False)
    np.testing.assert_allclose(as_stored, colors / 255, atol=1e-6)


def test_a_broken_profile_changes_nothing_and_a_picture_is_turned_upright_with_one():
    colors = np.arange(48, dtype=np.uint8).reshape(2, 8, 3)
    broken = file_bytes(Image.fromarray(colors), icc_profile=b"no profile")
    np.testing.assert_allclose(decode_image(broken), colors / 255, atol=1e-6)
    turned = Image.Exif()
    turned[0x112] = 6
    file = file_bytes(Image.fromarray(colors), exif=turned, icc_profile=adobe_rgb())
    assert decode_image(file).shape == (8, 2, 3)


def test_the_photographs_of_the_course_stay_as_they_are_stored():
    stored = np.asarray(Image.open(find_picture("rocket")), np.float32) / 255
    np.testing.assert_array_equal(load_image("rocket"), stored)
