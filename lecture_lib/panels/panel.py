"""The parts of every panel and how they change.

A picture with its words, a status line, buttons, and a copy for pages without widgets. What goes
wrong is shown as one sentence; its traceback goes to the logger "lecture_lib": unexpected errors at
the level ERROR, which Python prints unless told otherwise, and expected ones at the level DEBUG.
"""

import base64
import html
import logging
import os
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import anywidget
import ipywidgets
import numpy as np
from IPython.display import display

from lecture_lib.datasets.images import as_batch, to_uint8
from lecture_lib.datasets.saving import encode_png
from lecture_lib.datasets.shapes import Image, ImageOrImages
from lecture_lib.figures.html import guess_bars, image_tag, picture_bundle, tile, width_on_page
from lecture_lib.figures.numbers import without_minus_zero
from lecture_lib.panels import exchange
from lecture_lib.panels.controls import LISTS_CHANGE, Control, as_control
from lecture_lib.panels.saving import save_picture

STYLE = """<style>
.lecture-panel { max-width: 900px; padding: 16px 18px; overflow: hidden;
  border: 1px solid var(--jp-border-color2, #e0e3e7); border-radius: 10px; }
.lecture-panel img { border-radius: 4px; display: block; }
.lecture-panel .lecture-legend { font-size: 14px; line-height: 1.5; margin-bottom: 6px; }
.lecture-panel .lecture-status { min-height: 1.5em; font-size: 14px; line-height: 1.5;
  white-space: pre-line; }
.lecture-panel .lecture-status[role=alert] { color: var(--jp-error-color1, #c62828); }
.lecture-panel .lecture-status a { color: var(--jp-content-link-color, #1565c0);
  text-decoration: underline; }
.lecture-panel .lecture-bar { display: grid; grid-template-columns: 1fr 3.2em; margin: 0 0 5px; }
.lecture-panel .lecture-bar span { text-align: right; font-variant-numeric: tabular-nums; }
.lecture-panel .lecture-bar i { grid-column: 1 / 3; height: 8px; border-radius: 4px;
  background: linear-gradient(#1f6f9f, #1f6f9f) no-repeat var(--jp-layout-color3, #e0e3e7); }
.lecture-panel .lecture-waiting { opacity: 0.45; }
.lecture-panel .progress-bar { background: #1f6f9f; }
.lecture-panel .lecture-facts { font-size: 13px; line-height: 1.4; }
.lecture-panel .lecture-facts table { margin: 6px 0; font-size: 12px; }
.lecture-panel .lecture-facts caption, .lecture-panel .lecture-facts th[scope=row] {
  text-align: left; font-weight: normal; }
.lecture-panel .lecture-facts th, .lecture-panel .lecture-facts td { padding: 1px 6px 1px 0; }
.lecture-panel .lecture-facts p { margin: 4px 0; }
.lecture-panel .js-plotly-plot { background: #fff; border-radius: 4px; } /* for its dark ink */
.lecture-panel .modebar { display: none; } /* plotly's buttons lie over the names of a map */
/* A kernel that ended: one sentence in place of a broken link at every control. */
.lecture-panel.jupyter-widgets-disconnected > * { opacity: 0.45; pointer-events: none; }
.lecture-panel .jupyter-widgets-disconnected::before { content: none; }
.lecture-panel.jupyter-widgets-disconnected::before { position: static; font: inherit;
  font-size: 14px; color: var(--jp-error-color1, #c62828);
  content: "The kernel has ended or was started anew. Run → Run All Cells brings this panel back."
}
</style>"""
AWAY = "The controls of this panel appear when the notebook runs: Run → Run All Cells."
GRAY = np.full((64, 64, 3), 0.5, np.float32)
EXPECTED = (ValueError, FileNotFoundError)  # their sentences are written for the reader
OUT_OF_MEMORY = ("MemoryError", "ResourceExhaustedError")  # the latter is TensorFlow's
SAVE = "Save picture"
LOG = logging.getLogger("lecture_lib")


class _PageSide(anywidget.AnyWidget):
    """Names the sliders for readers of a screen, and says when the kernel has ended."""

    _esm = Path(__file__).with_name("panel.js")


class Panel(NamedTuple):
    """A panel's parts.

    Attributes:
        box: the whole.
        above: room over picture and controls, empty at first.
        controls: {argument: Control}.
        picture, status: what is seen, and what is said about it.
        buttons: {text: Button}.
        progress, curve: of a run; seen in live panels only.
        shown: the image on view, the first of its batch, their words, and the choices they show.
        exchange: what hands a picture on.
        page_side: what is done in the browser.
    """

    box: ipywidgets.VBox
    above: ipywidgets.VBox
    controls: dict[str, Control]
    picture: ipywidgets.HTML
    status: ipywidgets.HTML
    buttons: dict[str, ipywidgets.Button]
    progress: ipywidgets.IntProgress
    curve: ipywidgets.HTML
    shown: dict[str, Any]
    exchange: exchange.Exchange
    page_side: anywidget.AnyWidget


# Building


def build(
    controls: Mapping[str, Any],
    *,
    name: str,
    buttons: Sequence[str] = (),
    live: bool = False,
    hand_on: Mapping[str, str] | None = None,
    image_of: Callable | None = None,
) -> Panel:
    """Return a Panel with the picture on the left, and controls and status line on the right.

    Args:
        controls: {argument: what `as_control` takes}.
        name: of the function, for the names of saved pictures.
        buttons: texts of buttons before "Save picture".
        live: True shows progress and the curve of the score.
        hand_on: {text: notebook}, further buttons that hand an image on.
        image_of: Panel -> (that image, its name).
    """
    hand_on = hand_on or {}
    panel = Panel(
        box=ipywidgets.VBox().add_class("lecture-panel"),
        above=ipywidgets.VBox(),
        controls={argument: as_control(argument, given) for argument, given in controls.items()},
        picture=ipywidgets.HTML(layout={"margin": "0"}),
        status=ipywidgets.HTML(layout={"margin": "4px 2px"}),
        buttons={text: _button(text) for text in (*buttons, SAVE, *hand_on)},
        progress=_labeled_row(ipywidgets.IntProgress, "progress"),
        curve=_labeled_row(ipywidgets.HTML, "score"),
        shown={},
        exchange=exchange.hidden(),
        page_side=_PageSide(layout={"display": "none"}),
    )
    _arrange(panel, live=live)
    panel.buttons[SAVE].on_click(lambda button: save_shown(panel, name))
    for text, notebook in hand_on.items():
        hand = partial(hand_on_image, panel, notebook, image_of)
        panel.buttons[text].on_click(lambda button, hand=hand: hand())
    show_image(panel, GRAY, "no picture yet")
    set_status(panel, "")
    return panel


def _button(text: str) -> ipywidgets.Button:
    return ipywidgets.Button(description=text, tooltip=text, layout={"width": "auto"})


def _labeled_row(kind: Callable, text: str) -> ipywidgets.Widget:
    style = {"description_width": "110px"}
    return kind(description=text, layout={"width": "auto"}, style=style)


def _arrange(panel: Panel, *, live: bool) -> None:
    """Put the parts of a panel into its box."""
    rows = [control.view for control in panel.controls.values() if control.view]
    row_of_buttons = ipywidgets.HBox(
        list(panel.buttons.values()), layout={"margin": "8px 0", "flex_flow": "row wrap"}
    )
    run = [panel.progress, panel.curve] if live else []
    right = ipywidgets.VBox(
        [*rows, row_of_buttons, *run, panel.status, panel.page_side, panel.exchange],
        layout={"flex": "1 1 320px", "min_width": "min(300px, 100%)", "max_width": "460px"},
    )
    left = ipywidgets.VBox([panel.picture], layout={"flex": "0 1 auto", "margin": "0 28px 12px 0"})
    below = ipywidgets.HBox(
        [left, right], layout={"flex_flow": "row wrap", "align_items": "flex-start"}
    )
    style = ipywidgets.HTML(STYLE, layout={"display": "none"})
    panel.box.children = (style, panel.above, below)


# Reading


def values_of(panel: Panel) -> dict[str, Any]:
    """Return {argument: value} as the controls stand now.

    Raises:
        ValueError: of a control that has no usable value.
    """
    with LISTS_CHANGE:
        return {name: control.read() for name, control in panel.controls.items()}


def choices_of(panel: Panel) -> tuple[str, ...]:
    """Return what the controls are set to, in words for the name of a file.

    A choice from a list stands as it is, a number with the name of its argument: "noise-0.1".
    """
    choices = []
    for name, control in panel.controls.items():
        value = control.sources[0].value if control.sources else None
        if isinstance(value, str):
            choices += [value] if value else []
        elif isinstance(value, (int, float)):
            choices.append(f"{name}-{value:g}")
    return tuple(choices)


def words_for(alt: str | Callable, values: Mapping[str, Any]) -> str:
    """Return the words for a picture: `alt` itself, or what it says of the values.

    Where a second picture is compared, they say so.
    """
    words = alt(**values) if callable(alt) else alt
    two = values.get("compare_with") is not None
    return f"{words}; on its right those of a second picture" if two else words


def shown_image(panel: Panel) -> tuple[Image, str]:
    """Return (image, its words) of the picture on view; of a batch, its first image."""
    return panel.shown["first"], panel.shown["words"]


def chosen_image(panel: Panel) -> tuple[Image, str]:
    """Return (image, its name) of the picture chosen in the list `picture`.

    Where there is no such list, the image on view, as `shown_image` does.
    """
    if "picture" not in panel.controls:
        return shown_image(panel)
    control = panel.controls["picture"]
    return control.read(), str(control.sources[0].value).removesuffix(exchange.HANDED_ON)


# Changing


def show_image(
    panel: Panel,
    images: ImageOrImages,
    words: str,
    *,
    choices: Sequence[str] = (),
    encode: Callable = encode_png,
) -> None:
    """Put an image, or a batch side by side, into the panel.

    Args:
        panel: where.
        images: (H, W, C) or (N, H, W, C) in [0, 1].
        words: what is to be seen.
        choices: what it shows, for the name of a saved file.
        encode: image -> bytes of a file, `encode_png` or `encode_jpeg`.
    """
    whole = tile(images)
    width, pixelated = width_on_page(whole.shape[1])
    height = round(width * whole.shape[0] / whole.shape[1])
    kind = "png" if encode is encode_png else "jpeg"
    panel.picture.value = image_tag(
        encode(whole), alt=words, width=width, height=height, kind=kind, pixelated=pixelated
    )
    first = as_batch(images)[0]
    panel.shown.update(image=whole, first=first, words=words, choices=tuple(choices))


def set_status(panel: Panel, text: str | Sequence, *, role: str = "status", link: str = "") -> None:
    """Write a sentence into the status line, where readers of a screen find it.

    Args:
        panel: where.
        text: the sentence, or guesses as `top_classes` returns them, which become bars.
        role: "status", "alert" for what went wrong, or "group" for what changes too often to be
            read aloud.
        link: HTML that follows it.
    """
    is_sentence = isinstance(text, str)
    text = without_minus_zero(text) if is_sentence else text
    content = html.escape(text) if is_sentence else guess_bars(text)
    panel.status.value = f'<div class="lecture-status" role="{role}">{content}{link}</div>'
    panel.shown["text"] = (
        text if is_sentence else f"{text[0].class_name}, {text[0].probability:.0%}"
    )


def show_error(panel: Panel, error: BaseException) -> None:
    """Say what went wrong in the status line, and keep the traceback in the log."""
    log_error(error)
    set_status(panel, sentence_of(error), role="alert")


def log_error(error: BaseException) -> None:
    """Keep the traceback of what went wrong in the log."""
    if isinstance(error, EXPECTED):
        LOG.debug("A panel showed a sentence in place of an answer.", exc_info=error)
    else:
        LOG.error("Something unexpected went wrong in a panel.", exc_info=error)


def sentence_of(error: BaseException) -> str:
    """Return what went wrong in one line; of an unexpected error its kind, too."""
    if type(error).__name__ in OUT_OF_MEMORY:
        return (
            "There was not enough memory for this. Choose a smaller size, or shut down the kernels "
            "of other notebooks (Kernel → Shut Down All Kernels)."
        )
    text = (str(error).strip() or "no reason given").splitlines()[0]
    if isinstance(error, EXPECTED):
        return text
    return f"Something went wrong: {type(error).__name__}: {text}"


def save_shown(panel: Panel, function: str) -> None:
    """Save the picture on view, say where it is, and offer a copy for download.

    Args:
        panel: whose picture is saved.
        function: the name of the function that made it.
    """
    try:
        choices = panel.shown["choices"]
        path = save_picture(panel.shown["image"], function=function, choices=choices)
        said = f"Saved as {path.name} in the folder {path.parent.name}."
        set_status(panel, said, link=download_link(path, kind="image/png"))
    except EXPECTED as error:
        show_error(panel, error)


def download_link(path: Path, *, kind: str) -> str:
    """Return the HTML of a link to a copy of a file: a server's folder is out of a reader's reach.

    Args:
        path: of the file.
        kind: what it holds, such as "image/png".
    """
    address = f"data:{kind};base64,{base64.b64encode(path.read_bytes()).decode()}"
    return f' <a download="{path.name}" href="{address}">Download it</a>'


def hand_on_image(panel: Panel, notebook: str, image_of: Callable) -> None:
    """Hand an image on to the panels of another notebook.

    Args:
        panel: whose image it is.
        notebook: whom it is for, such as "05_saliency".
        image_of: Panel -> (image (H, W, 3), its name).
    """
    try:
        image, name = image_of(panel)
        exchange.give(panel.exchange, encode_png(image), name=name, notebook=notebook)
        # A page of the demonstration has no menus, and runs by itself.
        is_page = "LECTURE_DEMO" in os.environ
        where = "On that page" if is_page else "In the notebook choose Run, Run All Cells:"
        said = f"Handed on. {where} it is in the panel's list."
        set_status(panel, said, link=exchange.link_to(notebook))
    except EXPECTED as error:
        show_error(panel, error)


def place_above(panel: Panel, widget: ipywidgets.Widget) -> None:
    """Put a widget over the picture and the controls of a panel."""
    panel.above.children = (*panel.above.children, widget)


def place_below(panel: Panel, widget: ipywidgets.Widget) -> None:
    """Put a widget under the picture and the controls of a panel."""
    panel.box.children = (*panel.box.children, widget)


def display_panel(panel: Panel, *, note: str = AWAY) -> None:
    """Show the panel; pages without widgets show its first picture instead.

    Args:
        panel: what is shown.
        note: a sentence under that picture, on those pages.

    Raises:
        ValueError: where that picture has no words.
    """
    width, pixelated = width_on_page(panel.shown["image"].shape[1])
    pixels = to_uint8(panel.shown["image"])
    if pixelated:
        factor = width // pixels.shape[1]
        pixels = pixels.repeat(factor, axis=0).repeat(factor, axis=1)
    data, metadata = picture_bundle(pixels, alt=panel.shown["words"], width=width)
    view = {"version_major": 2, "version_minor": 0, "model_id": panel.box.model_id}
    data = {"application/vnd.jupyter.widget-view+json": view, **data}
    data["text/html"] += f"<p>{html.escape(note)}</p>"
    display(data, metadata=metadata, raw=True)
