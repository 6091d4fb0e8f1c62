"""The parts of every panel and how they change: a picture with its words, a status line, buttons, a copy for pages without widgets."""

import base64
import html
from pathlib import Path
from typing import NamedTuple

import anywidget
import ipywidgets
import numpy as np
from IPython.display import display

from lecture_lib.datasets.images import as_batch, encode_png, save_image, to_uint8
from lecture_lib.figures.html import image_tag, picture_bundle, tile, width_on_page
from lecture_lib.panels import exchange
from lecture_lib.panels.controls import as_control

STYLE = """<style>
.lecture-panel { max-width: 900px; padding: 16px 18px; overflow: hidden;
  border: 1px solid var(--jp-border-color2, #e0e3e7); border-radius: 10px; }
.lecture-panel img { border-radius: 4px; display: block; }
.lecture-panel .lecture-status { min-height: 1.5em; font-size: 14px; line-height: 1.5; }
.lecture-panel .lecture-status[role=alert] { color: var(--jp-error-color1, #c62828); }
.lecture-panel .progress-bar { background: #1f6f9f; }
</style>"""
GRAY = np.full((64, 64, 3), 0.5, np.float32)


class _Names(anywidget.AnyWidget):
    """Gives every slider of a panel its label as a name, which ipywidgets leaves out: without it a screen reader says only "slider"."""

    _esm = """
export default { render({ el }) {
  let tries = 40;
  const timer = setInterval(() => {
    const sliders = el.closest(".lecture-panel")?.querySelectorAll(".widget-slider [role=slider]") ?? [];
    for (const slider of sliders) slider.setAttribute("aria-label", slider.closest(".widget-slider").querySelector("label").textContent);
    if (sliders.length || !--tries) clearInterval(timer);
  }, 250);
} };"""


class Panel(NamedTuple):
    """A panel's parts; `controls` are {name: Control}, `buttons` {text: Button}; `shown` holds the image on view, the first of its batch
    and their words, `exchange` what hands a picture on."""

    box: ipywidgets.Widget
    controls: dict
    picture: ipywidgets.HTML
    status: ipywidgets.HTML
    buttons: dict
    progress: ipywidgets.IntProgress
    curve: ipywidgets.HTML
    shown: dict
    exchange: anywidget.AnyWidget


def build(controls, *, name, buttons=(), hand_on=None, picture_of=None):
    """A Panel: the picture on the left; on the right a row per control, the buttons and the status line. Save writes to `name`.png.

    hand_on: {text: notebook}, further buttons that hand a picture on; picture_of: of the Panel, gives that picture and its name.
    """
    controls = {argument: as_control(argument, given) for argument, given in controls.items()}
    picture, status = (
        ipywidgets.HTML(layout={"margin": "0"}),
        ipywidgets.HTML(layout={"margin": "4px 2px"}),
    )
    texts = (*buttons, "Save picture", *(hand_on or {}))
    buttons = {
        text: ipywidgets.Button(description=text, tooltip=text, layout={"width": "auto"})
        for text in texts
    }
    progress, curve = (
        kind(description=text, layout={"width": "auto"}, style={"description_width": "110px"})
        for kind, text in ((ipywidgets.IntProgress, "progress"), (ipywidgets.HTML, "score"))
    )
    rows = [
        control.view
        for control in controls.values()
        if not isinstance(control.view, ipywidgets.fixed)
    ]
    live = [progress, curve] if "Start" in buttons else []
    names, messenger = _Names(layout={"display": "none"}), exchange.hidden()
    pressed = ipywidgets.HBox(
        list(buttons.values()), layout={"margin": "8px 0", "flex_flow": "row wrap"}
    )
    right = ipywidgets.VBox(
        [*rows, pressed, *live, status, names, messenger],
        layout={"flex": "1 1 320px", "min_width": "300px", "max_width": "460px"},
    )
    left = ipywidgets.VBox([picture], layout={"flex": "0 1 auto", "margin": "0 28px 12px 0"})
    row = ipywidgets.HBox(
        [left, right], layout={"flex_flow": "row wrap", "align_items": "flex-start"}
    )
    box = ipywidgets.VBox([ipywidgets.HTML(STYLE, layout={"display": "none"}), row]).add_class(
        "lecture-panel"
    )
    panel = Panel(box, controls, picture, status, buttons, progress, curve, {}, messenger)
    buttons["Save picture"].on_click(lambda button: save(panel, name))
    for text, notebook in (hand_on or {}).items():
        buttons[text].on_click(lambda button, notebook=notebook: hand(panel, notebook, picture_of))
    show(panel, GRAY, "no picture yet")
    say(panel, "")
    return panel


def values_of(panel):
    """{argument: value} as the controls stand now; raises the ValueError of a control that has no usable value."""
    return {name: control.read() for name, control in panel.controls.items()}


def words_for(alt, values):
    """The words for a picture: `alt` itself, or what it says of the values."""
    return alt(**values) if callable(alt) else alt


def show(panel, image, words, *, encode=encode_png):
    """Put an image (H, W, 3), or a batch side by side, and its words into the panel."""
    picture = tile(image)
    width, pixelated = width_on_page(picture.shape[1])
    height = round(width * picture.shape[0] / picture.shape[1])
    kind = "png" if encode is encode_png else "jpeg"
    panel.picture.value = image_tag(
        encode(picture), alt=words, width=width, height=height, kind=kind, pixelated=pixelated
    )
    panel.shown.update(image=picture, first=as_batch(image)[0], words=words)


def say(panel, text, *, role="status", link=""):
    """Write a sentence into the status line, where screen readers find it; role: "status", or "alert" for what went wrong; link: HTML."""
    panel.status.value = (
        f'<div class="lecture-status" role="{role}">{html.escape(text)}{link}</div>'
    )


def sentence(error):
    """What went wrong in one line: the sentence of a ValueError or FileNotFoundError, and for any other its kind too."""
    text = (str(error).strip() or "no reason given").splitlines()[0]
    return (
        text
        if isinstance(error, (ValueError, FileNotFoundError))
        else f"Something went wrong: {type(error).__name__}: {text}"
    )


def save(panel, name):
    """Write the picture on view into the current folder, under a name that is free, say where it is, and offer a copy."""
    try:
        path = save_image(panel.shown["image"], Path(f"{name}.png"))
        address = f"data:image/png;base64,{base64.b64encode(path.read_bytes()).decode()}"
        link = f' <a download="{path.name}" href="{address}">Download it</a>'  # a server's folder is out of many a reader's reach
        say(panel, f"Saved as {path.name} in the folder {Path.cwd().name}.", link=link)
    except (ValueError, FileNotFoundError) as error:
        say(panel, sentence(error), role="alert")


def made(panel):
    """(image, its words) of the picture on view, of a batch the first."""
    return panel.shown["first"], panel.shown["words"]


def chosen(panel):
    """(image, its name) of the picture chosen in the list `picture`; where there is no such list, as `made`."""
    if "picture" not in panel.controls:
        return made(panel)
    control = panel.controls["picture"]
    return control.read(), str(control.sources[0].value).removesuffix(exchange.HANDED_ON)


def hand(panel, notebook, picture_of):
    """Hand a picture on to the panels of another notebook, such as "05_saliency": picture_of(panel) is (image (H, W, 3), its name)."""
    try:
        image, name = picture_of(panel)
        exchange.give(panel.exchange, encode_png(image), name=name, notebook=notebook)
        say(
            panel,
            "Handed on; you find it there in the list of pictures.",
            link=exchange.link_to(notebook),
        )
    except (ValueError, FileNotFoundError) as error:
        say(panel, sentence(error), role="alert")


def publish(panel):
    """Show the panel; pages without widgets show its first picture instead."""
    width, pixelated = width_on_page(panel.shown["image"].shape[1])
    pixels = to_uint8(panel.shown["image"])
    if pixelated:
        pixels = pixels.repeat(width // pixels.shape[1], axis=0).repeat(
            width // pixels.shape[1], axis=1
        )
    data, metadata = picture_bundle(pixels, alt=panel.shown["words"], width=width)
    view = {"version_major": 2, "version_minor": 0, "model_id": panel.box.model_id}
    display({"application/vnd.jupyter.widget-view+json": view, **data}, metadata=metadata, raw=True)
