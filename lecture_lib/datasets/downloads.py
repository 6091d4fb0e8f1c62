"""Fetch files from elsewhere, once, and check that they are the right ones.

The table data/tables/downloads.tsv says what each is, and `fetch` gives its path on this computer.
The folder that the environment variable LECTURE_DATA names is looked into first and never changed;
then the user's cache; then the network.
"""

import contextlib
import csv
import os
import time
from collections.abc import Callable
from functools import cache, partial
from pathlib import Path
from typing import Any

import pooch
from requests import exceptions

DATA = Path(__file__).parents[2] / "data"  # what the course made itself: weights, tables, recipes
TABLE = DATA / "tables" / "downloads.tsv"
TIMEOUT = 30  # seconds that a server may stay silent
SHOW_PROGRESS_FROM = 5_000_000  # bytes

Row = dict[str, str]  # of the table: name, url, hash, bytes ...


def fetch(name: str) -> Path:
    """Give the path of a file of the table, downloading it once if it is not on this computer.

    Its checksum is verified, and nothing half-written stays behind.

    Args:
        name: one of `names()`, such as "squeezenet1.1/squeezenet1.1.bin".

    Returns:
        The path of the file on this computer.

    Raises:
        ValueError: for an unknown name and for contents with a wrong checksum.
        FileNotFoundError: when the file cannot be had: no network, an error of the server, a full
            disk.
    """
    if name not in _table():
        raise ValueError(f"'{name}' is not in the table of downloads; names() lists what is.")
    row = _table()[name]
    own = own_folder()
    if own and (own / name).is_file():
        if not _is_right(own / name, row):
            raise ValueError(
                f"{own / name} is not the file it should be (wrong checksum); put {row['url']} "
                "in its place or take it away."
            )
        return own / name
    path = cache_folder() / name
    return path if path.is_file() and _is_right(path, row) else _download(path, row)


def is_here(name: str) -> bool:
    """Say whether `fetch(name)` needs no network.

    Args:
        name: name of a file in data/tables/downloads.tsv.

    Returns:
        True when the file is in the folder of LECTURE_DATA or in the cache; it is not verified.
    """
    own = own_folder()
    return name in _table() and (
        (cache_folder() / name).is_file() or bool(own and (own / name).is_file())
    )


def names(prefix: str = "") -> list[str]:
    """List the names of the files in the table that begin with `prefix`.

    Args:
        prefix: beginning of the names, such as "imagenet-samples/"; "" for all.

    Returns:
        list of str, in the order of the table.
    """
    return [name for name in _table() if name.startswith(prefix)]


@cache
def _table() -> dict[str, Row]:
    """{name: its row} of the table of downloads."""
    with open(TABLE, encoding="utf-8", newline="") as file:
        return {row["name"]: row for row in csv.DictReader(file, delimiter="\t")}


def own_folder() -> Path | None:
    """Return the folder that LECTURE_DATA names, None when it names none."""
    folder = os.environ.get("LECTURE_DATA")
    return Path(os.path.expanduser(folder)) if folder else None


def cache_folder() -> Path:
    """Return the folder of this user that downloads are kept in."""
    return Path(pooch.os_cache("lecture_lib"))


def _is_right(path: Path, row: Row) -> bool:
    try:
        state = path.stat()
        return _has_checksum(path, row["hash"], row["bytes"], (state.st_size, state.st_mtime_ns))
    except OSError as error:
        raise ValueError(
            f"{path} cannot be read ({error.strerror}); check that you may read it."
        ) from None


@cache
def _has_checksum(path: Path, wanted: str, size: str, state: tuple[int, int]) -> bool:
    """Hash a large file once in a process.

    `state`, its size and time, makes a file that changed another question.
    """
    if not wanted:  # its authors publish no checksum
        return state[0] == int(size)
    return any(
        pooch.file_hash(path, alg=one.split(":")[0]) == one.split(":")[1]
        for one in wanted.split("|")
    )


def _download(path: Path, row: Row) -> Path:
    """Download to a temporary file beside `path`, verify it, move it there in one step.

    Other processes see all of it or nothing.
    """
    try:
        _retrieve(path, row)
        _tidy(path.parent)
        return path
    except exceptions.RequestException as error:  # these are OSErrors too, so they come first
        raise FileNotFoundError(
            f"{row['name']} cannot be downloaded, as {_reason(error)}; {_by_hand(path, row)}."
        ) from None
    except ValueError:
        problem = (
            f"What came for {row['name']} is not the right file (wrong checksum) and was removed"
        )
        raise ValueError(f"{problem}; try again later, or {_by_hand(path, row)}.") from None
    except OSError as error:
        problem = (
            f"{row['name']} cannot be saved in {path.parent} ({error.strerror or 'no permission'})"
        )
        advice = (
            "make room there, or let the environment variable XDG_CACHE_HOME (on Linux) name "
            "another folder for caches"
        )
        raise FileNotFoundError(f"{problem}; {advice}, or {_by_hand(path, row)}.") from None


def _retrieve(path: Path, row: Row) -> None:
    """Let pooch download the file, which checks what has a checksum."""
    size = int(row["bytes"] or 0)
    known_hash = row["hash"].split("|")[0] or None
    get = pooch.HTTPDownloader(
        progressbar=not size or size >= SHOW_PROGRESS_FROM, chunk_size=2**16, timeout=TIMEOUT
    )
    # A notebook's stored output should not tell the folders of this computer.
    pooch.get_logger().setLevel("WARNING")
    if not known_hash and path.is_file() and not _is_right(path, row):
        path.unlink()  # without a checksum pooch would keep the damaged file
    downloader = partial(_get, get=get, size=size)
    pooch.retrieve(row["url"], known_hash, fname=path.name, path=path.parent, downloader=downloader)


def _get(url: str, output_file: Any, caller: Any, *, get: Callable, size: int) -> None:
    """Download as pooch asks for it, and refuse a file that was cut off."""
    get(url, output_file, caller)
    if size and os.path.getsize(output_file) != size:
        raise ValueError("wrong size")


def _tidy(folder: Path) -> None:
    """Remove pooch's temporary files to which nothing was written for an hour.

    They are what downloads that were killed left behind.
    """
    for part in folder.glob("tmp????????"):
        with contextlib.suppress(OSError):  # another process may have been quicker
            if part.stat().st_mtime < time.time() - 3600:
                part.unlink()


def _by_hand(path: Path, row: Row) -> str:
    own = own_folder() or "not set now"
    return (
        f"get {row['url']} by hand and save it as {path}, or as {row['name']} in a folder that "
        f"LECTURE_DATA names ({own})"
    )


def _reason(error: exceptions.RequestException) -> str:
    if isinstance(error, exceptions.HTTPError):
        return f"the server answered with error {error.response.status_code}"
    if isinstance(error, exceptions.ProxyError):
        return (
            "the proxy that the environment variables HTTP_PROXY and HTTPS_PROXY name does not "
            "answer or refuses"
        )
    if isinstance(error, exceptions.SSLError):
        return (
            "its server's certificate is not trusted here (let REQUESTS_CA_BUNDLE name the "
            "file with your network's certificates)"
        )
    if isinstance(error, exceptions.Timeout):
        return f"the server said nothing for {TIMEOUT} seconds"
    return "there is no connection to the server or it broke off"
