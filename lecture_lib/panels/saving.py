"""Where pictures and pages are saved, and under which name: the name says what they show."""

import os
import re
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from lecture_lib.datasets.saving import save_bytes, save_image
from lecture_lib.datasets.shapes import Image

FOLDER = "my-pictures"
FIRST_NOTEBOOK = Path("notebooks") / "00_start_here.ipynb"
LONGEST_NAME = 100  # characters


def save_picture(image: Image, *, function: str, choices: Sequence[str] = ()) -> Path:
    """Save an image as a PNG in `my-pictures`; a file that exists is never overwritten.

    Args:
        image: (H, W, C) in [0, 1].
        function: the name of the function that made it, used where the notebook's is not known.
        choices: what it shows, such as ("flamingo", "step-60").

    Returns:
        The Path written, such as my-pictures/08_class_visualization-flamingo-step-60.png.

    Raises:
        ValueError: when the folder cannot be made or written to.
    """
    return save_image(np.asarray(image), _made(pictures_folder()) / file_name(function, choices))


def save_page(page: bytes, name: str) -> Path:
    """Save a page to print as a PDF in `my-pictures`; a file that exists is never overwritten.

    Args:
        page: the bytes of a PDF file, such as `printable_page` returns.
        name: of the file, with or without .pdf.

    Returns:
        The Path written, such as my-pictures/sticker-toaster.pdf.

    Raises:
        ValueError: when the folder cannot be made or written to.
    """
    name = _plain(name.removesuffix(".pdf")) or "page"
    return save_bytes(page, _made(pictures_folder()) / f"{name}.pdf")


def _made(folder: Path) -> Path:
    """The folder, made if it was not there."""
    try:
        folder.mkdir(exist_ok=True)
    except OSError as error:
        raise ValueError(
            f"The folder {folder} cannot be made ({error.strerror}); start Jupyter from a folder "
            "that you may write to."
        ) from None
    return folder


def pictures_folder() -> Path:
    """Return `my-pictures` beside the folder of notebooks: in the course, or a student's copy.

    Outside both it lies in the current folder.
    """
    here = Path.cwd()
    for folder in (here, *here.parents):
        if (folder / FIRST_NOTEBOOK).is_file():
            return folder / FOLDER
    return here / FOLDER


def file_name(function: str, choices: Sequence[str]) -> str:
    """Return a name of letters, digits, dots, hyphens and underscores that ends in .png."""
    return f"{_plain('-'.join([notebook_name() or function, *choices]))}.png"


def _plain(words: str) -> str:
    """Words as a part of a file's name."""
    return re.sub(r"[^\w.]+", "-", words)[:LONGEST_NAME].strip("-.")


def notebook_name() -> str:
    """Return the name of the notebook that runs here, as Jupyter tells its kernel, or ""."""
    path = Path(os.environ.get("JPY_SESSION_NAME", ""))
    return path.stem if path.suffix == ".ipynb" else ""
