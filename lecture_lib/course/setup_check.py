"""Check that a computer is ready: versions, memory, the place for downloads, the networks."""

import platform
import shutil
import sys
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import psutil

from lecture_lib.datasets import downloads
from lecture_lib.models import zoo

NEEDED_MEMORY = 2.0  # GB: a notebook takes 1 to 1.5


def check_setup() -> list[str]:
    """Check each thing that the course needs.

    Returns:
        Lines of text that begin with "ok" or with "look", one for each thing; the latter say what
        to do.
    """
    packages = (
        "tensorflow",
        "keras",
        "numpy",
        "matplotlib",
        "ipywidgets",
        "jupyterlab_widgets",
        "jupyterlab",
    )
    python = _line(
        (3, 10) <= sys.version_info < (3, 14),
        f"Python {platform.python_version()}",
        "the course is tested on 3.10 to 3.13",
    )
    return [
        python,
        *map(_package_line, packages),
        _memory_line(),
        _folder_line(),
        *map(_net_line, zoo.BUNDLED),
    ]


def _line(good: bool, what: str, advice: str) -> str:
    return f"ok    {what}" if good else f"look  {what}: {advice}"


def _package_line(name: str) -> str:
    try:
        return _line(True, f"{name} {version(name)}", "")
    except PackageNotFoundError:
        return _line(False, f"{name} is missing", "make the environment again, as the README says")


def _memory_line() -> str:
    free = psutil.virtual_memory().available / 1e9
    return _line(
        free > NEEDED_MEMORY,
        f"{free:.1f} GB of memory free",
        "close other programs or notebooks before you go on",
    )


def _folder_line() -> str:
    folder = downloads.cache_folder()
    existing = next(parent for parent in (folder, *folder.parents) if parent.exists())
    free = shutil.disk_usage(existing).free / 1e9
    what = f"{free:.0f} GB free where downloads go, {str(folder).replace(str(Path.home()), '~')}"
    return _line(free > 1, what, "make room, or set LECTURE_DATA to a folder elsewhere")


def _net_line(name: str) -> str:
    return _line(
        (zoo.DATA / "weights" / f"{name}.npz").is_file(),
        f"network {name}",
        "its file in data/ is missing; clone the course again",
    )
