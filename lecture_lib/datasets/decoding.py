"""Where the photographs are, and from the bytes of a picture file to an array.

`decode_image` is the one decoder, uploads included.
"""

import io
import os
import warnings
from importlib.util import find_spec
from numbers import Integral
from pathlib import Path

import numpy as np
from PIL import Image, ImageCms, ImageOps

from lecture_lib.datasets import downloads

FORMATS = ("JPEG", "PNG", "GIF", "WEBP", "BMP", "TIFF")
# Numbers of tags in a TIFF file, and a value of the second.
BITS_PER_SAMPLE = 258
PHOTOMETRIC = 262
WHITE_IS_ZERO = 0
# What a color profile is for: the mode it counts in, and the modes of pictures it can belong to.
MODES_OF_SPACES = {
    "RGB": ("RGB", ("RGB", "RGBA", "P", "PA", "L", "LA", "1")),
    "GRAY": ("L", ("L", "LA", "1")),
    "CMYK": ("CMYK", ("CMYK",)),
}
MAX_BYTES = 50_000_000
MAX_PIXELS = 40_000_000

# Photographs that come with libraries which the course needs anyway: name -> (library, file inside
# it).
BUNDLED = {
    "cat": ("skimage", "data/chelsea.png"),
    "coffee": ("skimage", "data/coffee.png"),
    "astronaut": ("skimage", "data/astronaut.png"),
    "rocket": ("skimage", "data/rocket.jpg"),
    "motorcycle": ("skimage", "data/motorcycle_left.png"),
    "naval officer": ("matplotlib", "mpl-data/sample_data/grace_hopper.jpg"),
    "tower": ("sklearn", "datasets/images/china.jpg"),
    "flower": ("sklearn", "datasets/images/flower.jpg"),
    "cameraman": ("skimage", "data/camera.png"),
    "coins": ("skimage", "data/coins.png"),
    "clock": ("skimage", "data/clock_motion.png"),
    "moon": ("skimage", "data/moon.png"),
    "hubble": ("skimage", "data/hubble_deep_field.jpg"),
    "retina": ("skimage", "data/retina.jpg"),
    "cells": ("skimage", "data/ihc.png"),
    "brick": ("skimage", "data/brick.png"),
    "grass": ("skimage", "data/grass.png"),
    "gravel": ("skimage", "data/gravel.png"),
}


def find_picture(name_or_path: str | Path) -> Path:
    """Return the path of the file that a photograph's plain name, or a path, stands for.

    ImageNet photographs are downloaded when they are asked for.

    Args:
        name_or_path: "cat", or the path of a file, `~` included.

    Returns:
        path of a file that exists.

    Raises:
        FileNotFoundError: for no such file.
        ValueError: for a folder.
    """
    if not isinstance(name_or_path, (str, Path)):
        raise ValueError(
            f"A picture is asked for by its name or path, not by a {type(name_or_path).__name__}."
        )
    if name_or_path in BUNDLED:
        library, file = BUNDLED[name_or_path]
        # find_spec finds the folder without importing the library
        return Path(find_spec(library).origin).parent / file
    if name_or_path in _imagenet_files():
        return downloads.fetch(_imagenet_files()[name_or_path])
    # unlike Path.expanduser, this leaves an unknown ~name as it is
    path = Path(os.path.expanduser(name_or_path))
    if os.path.isdir(path):
        raise ValueError(f"{path} is a folder; load_image takes one picture, load_folder a folder.")
    if not os.path.isfile(path):
        raise FileNotFoundError(
            f"There is no photograph and no file called '{name_or_path}'; the names are "
            f"{', '.join(BUNDLED)}, "
            "and those that imagenet_photo_names() lists."
        )
    return path


def _imagenet_files():
    """Plain class name -> file in the table of downloads.

    'imagenet-samples/n02056570_king_penguin.JPEG' is 'king penguin'.
    """
    return {
        Path(file).stem.split("_", 1)[1].replace("_", " "): file
        for file in downloads.names("imagenet-samples/")
    }


def imagenet_photo_names() -> list[str]:
    """The names of the 98 ImageNet photographs, one a class.

    Each name is its class's first name in ImageNet's list.
    """
    return list(_imagenet_files())


def photo_names() -> list[str]:
    """List the photographs that `load_image` can load now without a network connection.

    Those that come with libraries are first.
    """
    return list(BUNDLED) + [
        name for name, file in _imagenet_files().items() if downloads.is_here(file)
    ]


def decode_image(
    data: bytes,
    *,
    name: str = "the picture",
    size: int | tuple[int, int] | None = None,
    to_srgb: bool = True,
) -> np.ndarray:
    """Turn the bytes of a JPEG, PNG, GIF, WEBP, BMP or TIFF file into an image.

    It is turned upright as its EXIF data say. Gray, palette and CMYK become RGB, colors of another
    space sRGB; white is 1 in 8, 12 and 16 bits; transparency lies on white, and an animation gives
    its first frame.

    Args:
        data: at most 50 MB.
        name: how errors call the picture.
        size: None keeps the picture as it is, an int takes the center square and resizes it to
            (size, size), a pair (height, width) resizes the whole.
        to_srgb: whether colors of another space, which the file names, are brought to sRGB.

    Returns:
        (H, W, 3) float32 in [0, 1].

    Raises:
        ValueError: for an empty, broken, cut off or unknown file, more than 50 MB or 40 megapixels,
            or a size that is none.
    """
    check_size(size)
    with warnings.catch_warnings():
        # what a decoder mutters about a broken file; the sentences below say what matters
        warnings.simplefilter("ignore")
        picture = _decode(_open(bytes(data), name), name, to_srgb=to_srgb)
    values = np.asarray(resize_picture(picture, size), np.float32)
    if picture.mode == "RGB":
        return values / 255
    low, high = picture.getextrema()
    if not (np.isfinite(values).all() and low >= 0 and high <= 1):
        raise ValueError(
            f"{name} holds numbers beyond 16 bits, so where white lies is unknown; save it as "
            "an 8-bit PNG."
        )
    return np.repeat(values.clip(0, 1)[..., None], 3, axis=-1)


def check_size(size: int | tuple[int, int] | None) -> None:
    """Raise ValueError for a size that is none.

    A size is None, a positive int or a pair (height, width) of such, of at most 40 megapixels.

    Args:
        size: what somebody gave as a size.
    """
    if size is None:
        return
    sides = (size, size) if isinstance(size, Integral) else size
    pair = (
        isinstance(sides, (tuple, list))
        and len(sides) == 2
        and all(isinstance(side, Integral) and side > 0 for side in sides)
    )
    if not pair or int(sides[0]) * int(sides[1]) > MAX_PIXELS:
        raise ValueError(
            f"size is {size!r}; it must be None, a positive int or a pair (height, width), of "
            "at most 40 megapixels."
        )


def _open(data, name):
    """Read the header alone.

    A file of 10 kB can claim 81 megapixels, so the size is checked before a pixel is decoded.
    """
    if not data:
        raise ValueError(f"{name} is empty (0 bytes); choose a file that holds a picture.")
    if len(data) > MAX_BYTES:
        raise ValueError(f"{name} has more than 50 MB; make it smaller first.")
    too_large = ValueError(f"{name} has more than 40 megapixels; make it smaller first.")
    try:
        picture = Image.open(io.BytesIO(data), formats=FORMATS)
    except Image.DecompressionBombError:
        raise too_large from None
    except Exception:
        raise ValueError(
            f"{name} is no picture that can be read; use a whole JPEG, PNG, GIF, WEBP, BMP or "
            "TIFF file."
        ) from None
    if picture.width * picture.height > MAX_PIXELS:
        raise too_large
    return picture


def _decode(picture, name, *, to_srgb):
    try:
        picture.load()
        white, black = _white_and_black_of(picture)  # now: what follows keeps the pixels alone
        picture = ImageOps.exif_transpose(picture)
        if picture.mode.startswith("I"):
            return _from_16_bits(picture, white, black, to_srgb=to_srgb)
        return _plain(_in_srgb(picture) if to_srgb else picture)
    # decoders meet broken files with a dozen kinds of exception, and all of them mean the same to
    # the reader
    except Exception:
        raise ValueError(
            f"{name} is damaged or cut off and cannot be read; open it in a picture viewer and "
            "save it again."
        ) from None


def _white_and_black_of(picture):
    """The numbers of white and black in gray of more than 8 bits: (65535, 0) for most files.

    In a TIFF file 12 bits end at 4095, and white may be 0, as in scans of negatives.
    """
    tags = getattr(picture, "tag_v2", {})
    bits = tags.get(BITS_PER_SAMPLE, (16,))[0]
    largest = 2**bits - 1 if 8 < bits < 16 else 65535
    return (0, largest) if tags.get(PHOTOMETRIC) == WHITE_IS_ZERO else (largest, 0)


def _in_srgb(picture):
    """The picture with its colors in sRGB, where its file names another color space."""
    profile = picture.info.get("icc_profile")
    if not profile:
        return picture
    try:
        space = ImageCms.ImageCmsProfile(io.BytesIO(profile))
        mode, modes = MODES_OF_SPACES[space.profile.xcolor_space.strip()]
        if picture.mode not in modes or _is_srgb(space):
            return picture
        srgb = ImageCms.createProfile("sRGB")
        colors = ImageCms.profileToProfile(picture.convert(mode), space, srgb, outputMode="RGB")
    except (ImageCms.PyCMSError, OSError, KeyError):
        return picture  # a broken profile says nothing about the pixels
    if picture.has_transparency_data:
        colors.putalpha(picture.convert("RGBA").getchannel("A"))
    return colors


def _is_srgb(space):
    description = ImageCms.getProfileDescription(space).lower()
    return "srgb" in description and "linear" not in description


def _from_16_bits(picture, white, black, *, to_srgb):
    """One float channel, in 0..1, of gray with more than 8 bits."""
    numbers = np.asarray(picture, np.float32)
    values = (numbers - black) / (white - black)
    if to_srgb and "icc_profile" in picture.info:
        # What sRGB makes of 256 grays; the others lie between them.
        ramp = Image.fromarray(np.arange(256, dtype=np.uint8)[None])
        ramp.info["icc_profile"] = picture.info["icc_profile"]
        curve = np.asarray(_in_srgb(ramp).convert("L"), np.float32)[0] / 255
        # What is beyond 16 bits stays beyond 0..1.
        values = np.interp(values, np.linspace(0, 1, 256), curve, left=-1, right=2)
    clear = picture.info.get("transparency")
    if isinstance(clear, int):
        values = np.where(numbers == clear, 1, values)
    return Image.fromarray(np.float32(values))


def _plain(picture):
    """Bring any mode to one of two.

    RGB with 8 bits, or F, one float channel, for what has more than 8 bits.
    """
    if picture.mode == "F":
        return picture
    clear = picture.info.get("transparency")
    if isinstance(clear, tuple) and max(clear) > 255:  # a color of 16 bits, of which 8 were read
        picture.info["transparency"] = tuple(value // 256 for value in clear)
    if picture.has_transparency_data:
        picture = picture.convert("RGBA")
        picture = Image.alpha_composite(Image.new("RGBA", picture.size, "white"), picture)
    return picture.convert("RGB")


def resize_picture(picture: Image.Image, size: int | tuple[int, int] | None = None) -> Image.Image:
    """Return a picture of Pillow at another size.

    Args:
        picture: of any mode that Pillow resizes.
        size: None keeps the picture as it is, an int takes the center square and resizes it to
            (size, size), a pair (height, width) resizes the whole.

    Returns:
        A picture of the same mode.
    """
    if size is None:
        return picture
    if not isinstance(size, Integral):
        return picture.resize((size[1], size[0]), Image.Resampling.LANCZOS)
    side = min(picture.size)
    # whole pixels: a square of the right size stays untouched
    left = (picture.width - side) // 2
    top = (picture.height - side) // 2
    return picture.crop((left, top, left + side, top + side)).resize(
        (size, size), Image.Resampling.LANCZOS
    )
