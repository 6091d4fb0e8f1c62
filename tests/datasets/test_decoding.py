"""Files whose numbers mean something else than 0 to 255 in sRGB."""

import io
import struct
import zlib

import numpy as np
import pytest
from PIL import Image

from lecture_lib.datasets.decoding import decode_image, find_picture
from lecture_lib.datasets.images import load_image


def file_bytes(picture, form="PNG", **options):
    stream = io.BytesIO()
    picture.save(stream, form, **options)
    return stream.getvalue()


def gray_tiff(values, *, bits=12, white_is_zero=False):
    """A gray TIFF file, written by hand as Pillow writes none of 12 bits and no negative."""
    height, width = values.shape
    row = "".join(f"{value:012b}" for value in values.ravel())
    data = int(row, 2).to_bytes(len(row) // 8, "big")
    if bits == 16:
        data = values.astype("<u2").tobytes()
    shape = [(256, width), (257, height), (258, bits), (259, 1), (262, 0 if white_is_zero else 1)]
    places = [(273, 8), (277, 1), (278, height), (279, len(data))]
    entries = [struct.pack("<HHIHH", tag, 3, 1, value, 0) for tag, value in shape + places]
    directory = struct.pack("<H", len(entries)) + b"".join(entries) + bytes(4)
    return b"II*\0" + struct.pack("<I", 8 + len(data)) + data + directory


def png_of_16_bit_colors(colors, *, clear):
    """A PNG file, written by hand as Pillow writes none of 16 bits with colors."""
    height, width, _ = colors.shape
    header = struct.pack(">IIBBBBB", width, height, 16, 2, 0, 0, 0)
    rows = b"".join(b"\0" + row.astype(">u2").tobytes() for row in colors)
    parts = [(b"IHDR", header), (b"tRNS", struct.pack(">3H", *clear))]
    file = b"\x89PNG\r\n\x1a\n"
    for kind, data in [*parts, (b"IDAT", zlib.compress(rows)), (b"IEND", b"")]:
        file += struct.pack(">I", len(data)) + kind + data
        file += struct.pack(">I", zlib.crc32(kind + data))
    return file


def linear_profile(space):
    """A color profile with sRGB's colors, "RGB " or "GRAY", whose numbers are amounts of light."""
    line = b"curv" + bytes(4) + struct.pack(">IH", 1, 256) + bytes(2)
    name = b"Linear sRGB\0"
    tags = {b"desc": b"desc" + bytes(4) + struct.pack(">I", len(name)) + name + bytes(78)}
    colors = {b"wtpt": (0.9642, 1, 0.8249), b"rXYZ": (0.4360, 0.2225, 0.0139)}
    colors |= {b"gXYZ": (0.3851, 0.7169, 0.0971), b"bXYZ": (0.1431, 0.0606, 0.7141)}
    for tag, xyz in colors.items():
        tags[tag] = b"XYZ " + bytes(4) + struct.pack(">3i", *(round(65536 * x) for x in xyz))
    tags |= dict.fromkeys([b"kTRC", b"rTRC", b"gTRC", b"bTRC"], line)
    table = b""
    body = b""
    for tag, data in tags.items():
        table += tag + struct.pack(">II", 132 + 12 * len(tags) + len(body), len(data))
        body += data + bytes(-len(data) % 4)
    header = b"lcms\2\x40\0\0mntr" + space.encode() + b"XYZ " + bytes(12) + b"acsp" + bytes(28)
    header += struct.pack(">3i", 63190, 65536, 54061) + bytes(48)
    size = 132 + len(table) + len(body)
    return struct.pack(">I", size) + header + struct.pack(">I", len(tags)) + table + body


def from_light(light):
    """Amounts of light in 0..1 as numbers of sRGB."""
    return np.where(light <= 0.0031308, 12.92 * light, 1.055 * light ** (1 / 2.4) - 0.055)


def adobe_rgb():
    """A profile of Adobe RGB, that of the photograph of a rocket."""
    return Image.open(find_picture("rocket")).info["icc_profile"]


def in_srgb(numbers):
    """Numbers of Adobe RGB in sRGB, by the formulas of both standards."""
    to_xyz = [[0.57667, 0.18556, 0.18823], [0.29734, 0.62736, 0.07529], [0.02703, 0.07069, 0.99134]]
    from_xyz = [[3.24045, -1.53714, -0.49853], [-0.96927, 1.87601, 0.04156]]
    from_xyz += [[0.05564, -0.20403, 1.05723]]
    light = np.asarray(numbers) ** 2.19921875 @ np.transpose(to_xyz) @ np.transpose(from_xyz)
    return from_light(light.clip(0, 1))


def test_white_of_12_bits_is_1():
    values = np.array([[0, 4095], [2048, 1]])
    np.testing.assert_allclose(decode_image(gray_tiff(values))[..., 0], values / 4095)


def test_a_negative_in_16_bits_is_white_at_0():
    values = np.array([[0, 65535], [13107, 1]])
    found = decode_image(gray_tiff(values, bits=16, white_is_zero=True))
    np.testing.assert_allclose(found[..., 0], 1 - values / 65535, atol=1e-6)


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


@pytest.mark.parametrize(
    "mode, space",
    [
        ("RGB", "RGB "),
        ("P", "RGB "),
        ("L", "RGB "),
        ("L", "GRAY"),
        ("LA", "GRAY"),
        ("I;16", "GRAY"),
    ],
)
def test_a_profile_counts_in_every_mode_whatever_it_is_called(mode, space):
    grays = np.uint8([[0, 20, 90], [128, 200, 255]])
    picture = Image.fromarray(grays)
    picture = Image.fromarray(np.uint16(grays) * 257) if mode == "I;16" else picture.convert(mode)
    found = decode_image(file_bytes(picture, icc_profile=linear_profile(space)))
    np.testing.assert_allclose(found[..., 0], from_light(grays / 255), atol=0.004)


def test_a_profile_of_gray_says_nothing_about_colors():
    colors = np.arange(48, dtype=np.uint8).reshape(2, 8, 3)
    found = decode_image(file_bytes(Image.fromarray(colors), icc_profile=linear_profile("GRAY")))
    np.testing.assert_allclose(found, colors / 255, atol=1e-6)


def test_a_transparent_color_of_16_bits_is_white():
    colors = np.array([[[1000, 2000, 3000], [60000, 50000, 40000]]])
    found = decode_image(png_of_16_bit_colors(colors, clear=(1000, 2000, 3000)))
    np.testing.assert_allclose(found, [[[1, 1, 1], colors[0, 1] / 65535]], atol=0.004)


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
