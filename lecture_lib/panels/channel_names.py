"""Names that a student gave to channels, kept in a file beside `my-pictures`.

The file is a table that grows at its end: a new name for a channel stands below the old one, and
nothing that was written is changed.
"""

import csv
from pathlib import Path

from lecture_lib.panels.saving import pictures_folder

FILE = "my-names.csv"
COLUMNS = ["net", "layer", "channel", "name"]
LONGEST = 60  # characters

Channel = tuple[str, str, int]  # net, layer, number


def names_file() -> Path:
    """Return the path of the file, whether or not it is there."""
    return pictures_folder().with_name(FILE)


def kept_names() -> dict[Channel, str]:
    """Return {(net, layer, channel): name}, of each channel its newest name.

    Raises:
        ValueError: when the file is no table of names, or cannot be read.
    """
    path = names_file()
    try:
        with path.open(newline="", encoding="utf-8") as file:
            rows = list(csv.reader(file))
        if rows and rows[0] != COLUMNS:
            raise ValueError
        return {(net, layer, int(channel)): name for net, layer, channel, name in rows[1:]}
    except FileNotFoundError:
        return {}
    except (OSError, ValueError, csv.Error):
        raise ValueError(
            f"{path.name} is no table of names that can be read; take it out of the folder "
            f"{path.parent.name}, and a new one begins."
        ) from None


def keep_name(channel: Channel, name: str) -> str | None:
    """Write a name for a channel at the end of the file.

    Args:
        channel: (net, layer, number).
        name: one line, not empty.

    Returns:
        The name that it had before, None for the first.

    Raises:
        ValueError: for an empty name, and when the file is no table of names or takes no more.
    """
    words = " ".join(name.split())[:LONGEST]
    if not words:
        raise ValueError("A name has at least one letter; type what the channel seems to look for.")
    before = kept_names().get(channel)
    if before != words:
        _add_row([*channel, words])
    return before


def _add_row(row: list) -> None:
    path = names_file()
    try:
        is_new = not path.exists() or not path.stat().st_size
        with path.open("a", newline="", encoding="utf-8") as file:
            csv.writer(file).writerows([COLUMNS, row] if is_new else [row])
    except OSError as error:
        raise ValueError(
            f"The name cannot be written into {path.name} ({error.strerror}); start Jupyter from a "
            "folder that you may write to."
        ) from None
