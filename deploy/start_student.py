"""Start the server of one student, in a copy of the course in ~/convnets that keeps their work."""

import os
import sys
from pathlib import Path

from lecture_lib.course.working_copy import PARTS, update_copy


def copy_course(folder: str | Path) -> list[str]:
    """Bring the copy of the course up to date; the names of files that stay older are returned."""
    return update_copy(folder, parts=(*PARTS, "README.md", "LICENSE", "LICENSE-TEXT"))


if __name__ == "__main__":
    own = Path.home() / "convnets"
    own.mkdir(exist_ok=True)
    for name in copy_course(own):
        print(f"{name} of {own} was changed there and stays; the course has a newer version.")
    os.execv(sys.executable, [sys.executable, "-m", "jupyterhub.singleuser", *sys.argv[1:]])
