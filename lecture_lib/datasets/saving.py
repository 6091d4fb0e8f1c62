"""Save images as files: one of Pillow's formats in memory, and a new file in one step."""

import io
import itertools
import os
import uuid
from pathlib import Path
from typing import Any

from lecture_lib.datasets.images import as_picture
from lecture_lib.datasets.shapes import Image


def encode_png(image: Image) -> bytes:
    """Return the bytes of a PNG file of one image, which keeps its 8 bits exactly.

    Args:
        image: (H, W, 1 or 3) floats in [0, 1].

    Raises:
        ValueError: as `as_batch` does, and for a batch.
    """
    return _encode(image, format="PNG", compress_level=3)


def encode_jpeg(image: Image, *, quality: int = 90) -> bytes:
    """Return the bytes of a JPEG file of one image.

    Args:
        image: (H, W, 1 or 3) floats in [0, 1].
        quality: 1 (small) to 95 (good).

    Raises:
        ValueError: as `as_batch` does, and for a batch.
    """
    return _encode(image, format="JPEG", quality=quality)


def _encode(image: Image, **options: Any) -> bytes:
    file = io.BytesIO()
    as_picture(image).save(file, **options)
    return file.getvalue()


def save_image(image: Image, path: str | Path) -> Path:
    """Save one image as a PNG file that, loaded again, is the image rounded to 8 bits.

    A file that exists is never overwritten.

    Args:
        image: (H, W, 1 or 3) floats in [0, 1].
        path: ends in .png, in a folder that exists.

    Returns:
        The Path written: path itself, or path-2.png, path-3.png and so on when that is taken.

    Raises:
        ValueError: for no image, another suffix, a folder that is full or may not be written to.
        FileNotFoundError: when there is no such folder.
    """
    data = encode_png(image)
    path = Path(os.path.expanduser(path))
    if path.suffix.lower() != ".png":
        raise ValueError(
            f"Pictures are saved as PNG, which keeps every pixel; let the name '{path.name}' "
            "end in .png."
        )
    return save_bytes(data, path)


def save_bytes(data: bytes, path: str | Path) -> Path:
    """Write a new file in one step, never over another.

    Args:
        data: what the file shall hold.
        path: in a folder that exists.

    Returns:
        The Path written: path itself, or with -2, -3 and so on before its suffix when that is
        taken.

    Raises:
        ValueError: when the folder is full or may not be written to.
        FileNotFoundError: when there is no such folder.
    """
    path = Path(path)
    if not path.parent.is_dir():
        raise FileNotFoundError(
            f"There is no folder {path.parent}; make it first, or save the picture elsewhere."
        )
    part = path.with_name(f".{uuid.uuid4().hex}.part")
    try:
        part.write_bytes(data)
        return _move_to_free_name(part, path)
    except OSError as error:
        raise ValueError(
            f"The picture cannot be saved in the folder {path.parent} ({error.strerror}); "
            "choose another folder."
        ) from None
    finally:
        # On a disk that is read-only, even taking away what is not there fails.
        if part.exists():
            part.unlink()


def _move_to_free_name(part: Path, path: Path) -> Path:
    """Give the finished file `part` the name `path`, or the first free one after it."""
    for count in itertools.count(1):
        target = path if count == 1 else path.with_name(f"{path.stem}-{count}{path.suffix}")
        try:
            # Mode x takes the name or fails when another has it: no two writers get the same.
            target.open("xb").close()
        except FileExistsError:
            continue
        try:
            return part.replace(target)
        except OSError:
            target.unlink()
            raise
