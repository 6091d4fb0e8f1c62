"""How a notebook's first cell plays its film. tools/make_films.py makes the films."""

import html
import re
from pathlib import Path

FOLDER = Path(__file__).resolve().parent.parent / "docs" / "films"
SIZE = (480, 432)  # pixels of a film on a notebook's page
IN_NOTEBOOK = re.compile(r"<video .*?</video>\n\n.*?\n\n", re.DOTALL)


def words_of(number: str) -> tuple[str, str]:
    """(seconds, what is to be seen) of the film of notebook `number`, from its text."""
    about = (FOLDER / f"{number}.txt").read_text(encoding="utf-8").partition("\n\n")[0]
    said = re.fullmatch(r"A silent film of (\d+) seconds\. (.*)", " ".join(about.split()))
    return said.group(1), html.escape(said.group(2), quote=False).replace('"', "&quot;")


def in_notebook(number: str) -> str:
    """The lines of a notebook's first cell that play its film.

    JupyterLab keeps `src`, `title` and a few more of a <video>, and finds a file beside the
    notebook through `src` alone: so the picture to begin with is the film's own first one. A page
    that shows no films shows the picture inside, a link to the film.
    """
    seconds, seen = words_of(number)
    file = f"../docs/films/{number}"
    width, height = SIZE
    return (
        f'<video src="{file}.webm" title="{seen}" width="{width}" height="{height}" controls muted '
        f'preload="metadata">\n<a href="{file}.webm"><img src="{file}.webp" alt="{seen}" '
        f'width="{width}"></a>\n</video>\n\n'
        f"*[Film]({file}.webm), {seconds} seconds, without sound; "
        f"[its words as text]({file}.txt).*\n\n"
    )


def with_film(source: str, number: str) -> str:
    """The source of a first cell with the film under its title; one that is there is replaced."""
    title, gap, rest = IN_NOTEBOOK.sub("", source).partition("\n\n")
    return f"{title}{gap}{in_notebook(number)}{rest}"
