"""A student's own copy of the notebooks and exercises, in which nothing of theirs is written over.

    python -m lecture_lib.course.working_copy my-notebooks

`make lab` makes it beside the course's own notebooks, so that a session leaves the clone clean.
"""

import hashlib
import json
import os
import shutil
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

COURSE = Path(__file__).resolve().parents[2]
# After the two folders: what a notebook links to, shows or plays.
PICTURES = ("docs/six_ways.png", "docs/answers.png", "docs/classes.png")
PARTS = ("notebooks", "exercises", "data/README.md", "docs/films", *PICTURES)
# Solutions stay with the course; the others are of no use to a student.
LEFT_OUT = {"source", "ruff.toml", "__pycache__", ".ipynb_checkpoints"}
RECORD = ".copied.json"


def update_copy(folder: str | Path, *, parts: Sequence[str] = PARTS) -> list[str]:
    """Copy what is missing, renew what nobody has changed, and leave alone what somebody has.

    Args:
        folder: where the copy is, or is to be.
        parts: files and folders of the course.

    Returns:
        Names of files that were changed in the copy and of which the course has a newer version.
    """
    folder = Path(folder)
    given = _read_record(folder)
    newer = []
    for source in _files(parts):
        name = source.relative_to(COURSE).as_posix()
        own = _checksum(folder / name)
        ours = _checksum(source)
        if own is None or (own != ours and own == given.get(name)):
            _copy_whole(source, folder / name)
        elif own != ours and ours != given.setdefault(name, ours):
            newer.append(name)
            continue
        given[name] = ours
    _write_record(folder, given)
    return newer


def _files(parts: Sequence[str]) -> Iterator[Path]:
    """The files of the course that a student gets, in order."""
    for part in parts:
        path = COURSE / part
        for file in sorted(path.rglob("*")) if path.is_dir() else [path]:
            if file.is_file() and not LEFT_OUT & set(file.relative_to(COURSE).parts):
                yield file


def _checksum(path: Path) -> str | None:
    return hashlib.sha256(path.read_bytes()).hexdigest() if path.is_file() else None


def _copy_whole(source: Path, target: Path) -> None:
    """Copy in one step: an interrupt leaves no half a file, which would then never be renewed."""
    target.parent.mkdir(parents=True, exist_ok=True)
    part = target.with_name(f".{target.name}.part")
    shutil.copyfile(source, part)
    os.replace(part, target)


def _read_record(folder: Path) -> dict[str, str]:
    """{name: checksum of the course's file when it was copied}; empty where there is none."""
    try:
        return dict(json.loads((folder / RECORD).read_text(encoding="utf-8")))
    except (OSError, ValueError, TypeError):
        return {}


def _write_record(folder: Path, given: dict[str, str]) -> None:
    part = folder / f"{RECORD}.part"
    part.write_text(json.dumps(given, indent=1, sort_keys=True), encoding="utf-8")
    os.replace(part, folder / RECORD)


def main(folder: str) -> None:
    """Update the copy and say in one line what a student should know about it."""
    is_new = not Path(folder).exists()
    newer = update_copy(folder)
    if is_new:
        print(f"Your own copy of the notebooks is in {folder}: what you write there stays yours.")
    if newer:
        print(
            f"The course has newer versions of {', '.join(newer)}. Yours in {folder} stay as they "
            "are; rename one, and the new one comes with the next start."
        )


if __name__ == "__main__":
    main(sys.argv[1])
