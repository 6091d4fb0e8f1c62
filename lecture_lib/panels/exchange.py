"""Pictures handed on from one notebook's panel to another's, as long as the browser's tab is open.

The browser keeps them: nothing is written to a disk, and no visitor of a shared server sees what
another handed on.
"""

import base64
import html
from pathlib import Path
from typing import Any

import anywidget
import traitlets

KEPT = 3  # pictures; a browser's store is a few megabytes
HANDED_ON = " (handed on)"  # what follows a name in lists of pictures


class Exchange(anywidget.AnyWidget):
    """What a panel tells the browser and hears from it; it shows nothing.

    Attributes:
        given: the picture to keep, {"name", "data": a PNG in base64, "notebook": whom it is for,
            "most": how many are kept}.
        listens: whether to ask for pictures.
        chooses: whether to take the one meant for this notebook; another panel's list may want it.
        found: those that are kept, [{"name", "data"}, ...].
        wanted: the name of the one meant for this notebook.
    """

    _esm = Path(__file__).with_name("exchange.js")
    given = traitlets.Dict().tag(sync=True)
    listens = traitlets.Bool(False).tag(sync=True)
    chooses = traitlets.Bool(True).tag(sync=True)
    found = traitlets.List().tag(sync=True)
    wanted = traitlets.Unicode().tag(sync=True)


def hidden(**traits: Any) -> Exchange:
    """Return an Exchange that takes no room on the page; traits: its attributes."""
    return Exchange(layout={"display": "none"}, **traits)


def give(exchange: Exchange, png: bytes, *, name: str, notebook: str) -> None:
    """Let the browser keep a picture for another notebook.

    Args:
        exchange: of the panel that gives it.
        png: the bytes of a PNG file.
        name: what it is called in lists of pictures.
        notebook: whom it is for, such as "05_saliency".
    """
    exchange.given = {
        "name": name,
        "data": base64.b64encode(png).decode(),
        "notebook": notebook,
        "most": KEPT,
    }


def pictures_found(exchange: Exchange) -> dict[str, bytes]:
    """Return {name: bytes of a PNG} of the pictures that the browser keeps."""
    return {picture["name"]: base64.b64decode(picture["data"]) for picture in exchange.found}


def link_to(notebook: str) -> str:
    """Return the HTML of a link to another notebook of the same folder, such as "05_saliency"."""
    name = html.escape(notebook)
    words = f"Open {name[:2]} {name[3:].replace('_', ' ')}"
    target = f'href="{name}.ipynb" target="_blank" rel="opener" data-notebook="{name}"'
    return f" <a {target}>{words}</a>"
