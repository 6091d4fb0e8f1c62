"""Draw what a right solution of each exercise shows: python tools/exercise_pictures.py [SOURCE ...]

The solutions are run; the last picture of each task is stored, small, in exercises/expected/, and
the source of the exercise shows it folded under its task. Run `make exercises` afterward.
"""

import base64
import html
import io
import json
import os
import re
import sys
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

from cells import course_notebooks, source_of
from PIL import Image

EXERCISES = Path(__file__).resolve().parent.parent / "exercises"
EXPECTED = EXERCISES / "expected"
WIDTH = 420  # pixels of a stored picture, at most
SUMMARY = "What a right solution shows"
FOLDED = re.compile(rf"\n\n<details>\n<summary>{SUMMARY}</summary>.*?</details>", re.DOTALL)


class Task(NamedTuple):
    """A task of an exercise, or what comes before the first one.

    Attributes:
        number: from its heading; 0 before the first.
        before, task, after: sources of its code cells; `task` is None where nothing is to be done.
    """

    number: int
    before: list
    task: str | None
    after: list


def tasks_of(path):
    """The tasks of a source, in order."""
    tasks = [Task(0, [], None, [])]
    for cell in json.loads(path.read_text(encoding="utf-8"))["cells"]:
        heading = re.search(r"^## (?:(\d+)\.)?", source_of(cell), re.MULTILINE)
        if cell["cell_type"] == "markdown" and heading:
            tasks.append(Task(int(heading.group(1) or 0), [], None, []))
        elif cell["cell_type"] == "code":
            if cell["metadata"].get("nbgrader", {}).get("solution"):
                tasks[-1] = tasks[-1]._replace(task=source_of(cell))
            elif tasks[-1].task is None:
                tasks[-1].before.append(source_of(cell))
            else:
                tasks[-1].after.append(source_of(cell))
    return tasks


def run(sources, names):
    """Run sources one after the other."""
    for source in sources:
        exec(compile(source, "exercise", "exec"), names)


@contextmanager
def pictures_shown():
    """A list that is filled with (words, picture) of all that the course's figures show."""
    from lecture_lib.figures import images

    shown = []
    before = images.display
    images.display = lambda data, **options: shown.append(_decoded(data["text/html"]))
    try:
        yield shown
    finally:
        images.display = before


def _decoded(tag):
    """The words and the picture of an <img>, as wide as it is stored here."""
    words = html.unescape(re.search(r'alt="([^"]*)"', tag).group(1))
    encoded = re.search(r'base64,([^"]+)"', tag).group(1)
    picture = Image.open(io.BytesIO(base64.b64decode(encoded))).convert("RGB")
    width = min(WIDTH, int(re.search(r'width="(\d+)"', tag).group(1)))
    return words, picture.resize((width, width * picture.height // picture.width), Image.LANCZOS)


def pictures_of(path):
    """{number of a task: (words, picture) of the last it shows} of the tasks that show any."""
    names = {"__name__": "exercise"}
    found = {}
    for task in tasks_of(path):
        run(task.before, names)
        with pictures_shown() as shown:
            run([task.task, *task.after] if task.task else task.after, names)
        if shown and task.number:
            found[task.number] = shown[-1]
    return found


def place_of(path, number):
    """Where the picture of a task is stored."""
    return EXPECTED / f"{path.stem}_{number}.webp"


def folded(words, place):
    """The lines that show a picture under its task, folded away."""
    picture = f"![{words}]({place.relative_to(EXERCISES).as_posix()})"
    return f"\n\n<details>\n<summary>{SUMMARY}</summary>\n\n{picture}\n\n</details>"


def with_pictures(notebook, words):
    """The notebook with a folded picture at the end of each task that has one.

    words: {number of a task: (words, where its picture lies)}.
    """
    for cell in notebook["cells"]:
        heading = re.search(r"^## (\d+)\.", source_of(cell), re.MULTILINE)
        if cell["cell_type"] == "markdown" and heading:
            number = int(heading.group(1))
            text = FOLDED.sub("", source_of(cell))
            text += folded(*words[number]) if number in words else ""
            cell["source"] = text.splitlines(keepends=True)
    return notebook


def main(paths):
    """Store the pictures of some sources, and show them there."""
    EXPECTED.mkdir(exist_ok=True)
    os.chdir(EXERCISES)
    for path in paths:
        words = {}
        for number, (alt, picture) in pictures_of(path).items():
            place = place_of(path, number)
            picture.save(place, quality=55, method=6)
            words[number] = (alt, place)
        notebook = with_pictures(json.loads(path.read_text(encoding="utf-8")), words)
        text = json.dumps(notebook, indent=1, ensure_ascii=False)
        path.write_text(text + "\n", encoding="utf-8")
        print(path.name, "shows", len(words), "pictures")


if __name__ == "__main__":
    given = [Path(name).resolve() for name in sys.argv[1:]]
    main(given or course_notebooks(EXERCISES / "source"))
