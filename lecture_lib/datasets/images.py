"""Load images, and check them.

An image is a float32 array (height, width, 3) with values in [0, 1], a batch (N, height, width, 3).
"""

import os
import warnings
from functools import reduce
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image as PILImage

from lecture_lib.datasets.decoding import (
    BUNDLED,
    MAX_BYTES,
    check_size,
    decode_image,
    find_picture,
    imagenet_photo_names,
    photo_names,
    resize_picture,
)
from lecture_lib.datasets.shapes import Image, ImageOrImages, Images

__all__ = [
    "load_image",
    "decode_image",
    "load_folder",
    "photo_names",
    "imagenet_photo_names",
    "as_batch",
    "as_image",
    "unbatch",
    "to_uint8",
    "resize_image",
    "fit_within",
]


def load_image(name_or_path: str | Path, *, size: int | tuple[int, int] | None = None) -> Image:
    """Load a photograph by its plain name (see `photo_names`), or any picture file by its path.

    ImageNet photographs are downloaded when they are asked for.

    Args:
        name_or_path: a name of `photo_names`, or the path of a picture file.
        size: None keeps the picture as it is, an int takes the center square and resizes it to
            (size, size), a pair (height, width) resizes the whole.

    Returns:
        (H, W, 3) float32 in [0, 1].

    Raises:
        FileNotFoundError: for an unknown name or a missing file.
        ValueError: for a file that is no usable picture.
    """
    check_size(size)
    path = find_picture(name_or_path)
    try:
        with open(path, "rb") as file:
            data = file.read(MAX_BYTES + 1)
    except OSError as error:
        raise ValueError(
            f"{path} cannot be opened ({error.strerror}); check that you may read it."
        ) from None
    # The rocket is in Adobe RGB, and the tables of the course were measured on it as it is stored.
    is_bundled = name_or_path in BUNDLED
    return decode_image(data, name=str(path), size=size, to_srgb=not is_bundled)


def load_folder(
    folder: str | Path, *, size: int = 64, limit: int | None = None
) -> tuple[Images, list[str]]:
    """Load the pictures of a folder in the order of their names.

    Files that are no pictures are skipped and counted in a warning.

    Args:
        folder: its path; folders inside it are not looked into.
        size: side of the center square that each picture gives, in pixels.
        limit: the most pictures to load, None for all.

    Returns:
        (images (N, size, size, 3) float32 in [0, 1], list of N file names).

    Raises:
        FileNotFoundError: when there is no such folder.
        ValueError: when it holds no picture.
    """
    check_size(size)
    folder = Path(os.path.expanduser(folder))
    if not folder.is_dir():
        raise FileNotFoundError(
            f"There is no folder {folder}; give the path of a folder with pictures."
        )
    images, names, skipped = _load_files(folder, size=size, limit=limit)
    if not images:
        raise ValueError(
            f"The folder {folder} holds no picture that can be read; put JPEG or PNG files into it."
        )
    if skipped:
        warnings.warn(
            f"{skipped} files in {folder} are no pictures that can be read and were skipped.",
            stacklevel=2,
        )
    return np.stack(images), names


def _load_files(
    folder: Path, *, size: int, limit: int | None
) -> tuple[list[Image], list[str], int]:
    """The pictures of a folder, their names, and how many files were none."""
    files = [path for path in folder.iterdir() if path.is_file() and path.name[0] != "."]
    images = []
    names = []
    skipped = 0
    for path in sorted(files):
        if limit is not None and len(images) >= limit:
            break
        try:
            images.append(load_image(path, size=size))
            names.append(path.name)
        except ValueError:
            skipped += 1
    return images, names, skipped


def as_batch(images: Any, *, channels: int | None = None) -> Images:
    """Check one image or a batch and return it as a batch.

    Args:
        images: (H, W, C) or (N, H, W, C) floats in [0, 1].
        channels: the C that is wanted, None for 1 or 3.

    Returns:
        (N, H, W, C) float32, the values untouched; of images that are float32 it is a view, as a
        copy of many takes much memory, so nobody writes into it.

    Raises:
        ValueError: for a wrong shape, whole numbers, NaN or values outside [0, 1].
    """
    try:
        images = np.asarray(images)
        batch = (images[None] if images.ndim == 3 else images).astype(np.float32, copy=False)
    except (TypeError, ValueError):
        raise ValueError(
            "These are not images of one size; give an array (H, W, 3) or (N, H, W, 3) of "
            "floats in [0, 1]."
        ) from None
    wanted = (1, 3) if channels is None else (channels,)
    if batch.ndim != 4 or batch.shape[-1] not in wanted or not batch.size:
        c = " or ".join(map(str, wanted))
        raise ValueError(
            f"The images have the shape {images.shape}; one image is (H, W, {c}), a batch (N, "
            f"H, W, {c})."
        )
    _check_values(batch, whole_numbers=images.dtype.kind != "f")
    return batch


def as_image(image: Any, *, channels: int | None = None) -> Image:
    """Check one image and return it.

    Args:
        image: (H, W, C) floats in [0, 1].
        channels: the C that is wanted, None for 1 or 3.

    Returns:
        (H, W, C) float32, the values untouched.

    Raises:
        ValueError: as `as_batch` does, and for several images.
    """
    batch = as_batch(image, channels=channels)
    if np.ndim(image) != 3:
        raise ValueError(
            f"One image (H, W, C) is asked for, and this is a batch {batch.shape}; choose one, as "
            "in images[0]."
        )
    return batch[0]


def _check_values(batch: np.ndarray, *, whole_numbers: bool) -> None:
    low = batch.min()
    high = batch.max()
    if not (np.isfinite(low) and np.isfinite(high)):
        raise ValueError(
            "The image holds values that are no numbers (NaN or infinite); images are floats "
            "in [0, 1]."
        )
    if whole_numbers or (low >= 0 and 2 < high <= 255):
        raise ValueError(
            "The image's values run from 0 to 255; divide by 255, as images are floats in [0, 1]."
        )
    if low < -1e-3 or high > 1 + 1e-3:
        raise ValueError(
            f"The image's values run from {low:.3g} to {high:.3g}; images are in [0, 1], so "
            "rescale or clip them first."
        )


def unbatch(batch: np.ndarray, images: Any) -> Any:
    """Give a result (N, ...) the rank of what was asked about.

    Args:
        batch: a result with one entry for each image.
        images: what the caller gave, one image (H, W, C) or a batch (N, H, W, C).

    Returns:
        The only entry of `batch` when `images` was one image, else `batch` itself.
    """
    return batch[0] if np.ndim(images) == 3 else batch


def to_uint8(images: ImageOrImages) -> np.ndarray:
    """Turn images into whole numbers 0..255 (uint8), each the nearest one.

    Nothing is rescaled: 0 becomes 0, and 1 becomes 255.

    Args:
        images: (H, W, C) or (N, H, W, C), floats in [0, 1].

    Returns:
        uint8 of the shape of `images`.

    Raises:
        ValueError: as `as_batch` does.
    """
    # `as_batch` tolerates a thousandth beyond [0, 1], which must not wrap around.
    levels = np.rint(255 * as_batch(images).clip(0, 1))
    return unbatch(levels.astype(np.uint8), images)


def as_picture(image: Image) -> PILImage.Image:
    """Return an image of the course as one of Pillow, with 8 bits, gray or RGB.

    Raises:
        ValueError: as `as_batch` does, and for a batch.
    """
    pixels = to_uint8(image)
    if pixels.ndim != 3:
        raise ValueError(
            f"A picture file holds one image (H, W, 3), this is a batch {pixels.shape}; choose "
            "one, as in images[0]."
        )
    return PILImage.fromarray(pixels[..., 0] if pixels.shape[-1] == 1 else pixels)


def resize_image(image: Image, size: int | tuple[int, int]) -> np.ndarray:
    """Return an image at another size, rounded to the 8 bits of a picture file.

    Args:
        image: (H, W, 3) floats in [0, 1].
        size: an int takes the center square and resizes it, a pair (height, width) the whole.

    Returns:
        (height, width, 3) float32 in [0, 1].

    Raises:
        ValueError: as `as_batch` does, and for a size that is none.
    """
    picture = as_picture(image)
    check_size(size)
    return np.asarray(resize_picture(picture.convert("RGB"), size), np.float32) / 255


def fit_within(image: Image, side: int) -> np.ndarray:
    """Return an image whose longer side has `side` pixels; its proportions stay.

    Args:
        image: (H, W, 3) floats in [0, 1].
        side: of the longer side, in pixels.

    Returns:
        (height, width, 3) float32 in [0, 1].

    Raises:
        ValueError: as `resize_image` does.
    """
    height, width = as_batch(image).shape[1:3]
    check_size(side)
    scale = side / max(height, width)
    return resize_image(image, (max(1, round(scale * height)), max(1, round(scale * width))))


def strongest_channel(gradients: ImageOrImages) -> np.ndarray:
    """Return the largest absolute value among the colors of each pixel.

    Args:
        gradients: (H, W, C) or (N, H, W, C).

    Returns:
        (H, W) or (N, H, W), not negative.
    """
    # Color by color: a maximum along an axis of three numbers takes many times as long.
    return reduce(np.maximum, np.moveaxis(np.abs(gradients), -1, 0))


def as_map(heatmap: Any) -> np.ndarray:
    """Check a map and return it as float32.

    Args:
        heatmap: (H, W) numbers.

    Returns:
        (H, W) float32.

    Raises:
        ValueError: for another shape or for numbers that are not finite.
    """
    heatmap = np.asarray(heatmap, np.float32)
    if heatmap.ndim != 2 or not heatmap.size or not np.isfinite(heatmap).all():
        raise ValueError(
            "A map has the shape (height, width) and finite numbers; this array has the shape "
            f"{heatmap.shape}."
        )
    return heatmap
