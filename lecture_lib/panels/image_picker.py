"""The list of pictures of a panel: photographs, the reader's own, and those handed on to it.

The reader's own are uploaded, or come from the camera.
"""

from collections.abc import Callable, Sequence
from functools import lru_cache
from typing import Any

import ipywidgets

from lecture_lib.datasets.images import decode_image, load_image
from lecture_lib.datasets.shapes import Image
from lecture_lib.panels import exchange
from lecture_lib.panels.camera import CAMERA, Camera, frame_shape
from lecture_lib.panels.controls import (
    LISTS_CHANGE,
    Control,
    dropdown_of,
    labeled,
    set_options,
)

# Beyond the label of the list; the camera needs the whole width when it is on.
BELOW_THE_LIST = {"margin": "2px 2px 6px 118px", "flex_flow": "row wrap"}


def picture_dropdown(
    names: Sequence[str],
    *,
    value: str | None = None,
    size: int | tuple[int, int] | None = None,
    chooses_handed_on: bool = True,
) -> Control:
    """Return a list of pictures with two buttons that add the reader's own: a file, or the camera.

    It reads as an image (H, W, 3) float32 in [0, 1]. Pictures handed on from other panels stand at
    the end of the list; small squares among them are not enlarged, for that would blur what an
    attack has changed.

    Args:
        names: names or paths as `load_image` takes them.
        value: the one chosen first, by default the first.
        size: the size that `load_image` gives them.
        chooses_handed_on: whether one handed on to this notebook is chosen when it comes; False
            where another panel of the notebook is meant.

    Raises:
        ValueError: for a value that is not in the list.
    """
    dropdown = labeled(dropdown_of(names, value or names[0], what="picture"), "picture")
    files: dict[str, bytes] = {}  # uploaded, of the camera, or handed on, by their label
    read = _reader(files, size)

    def take(label: str, data: bytes, *, choose: bool) -> None:
        if files.get(label) != data:
            files[label] = data
            read.cache_clear()
            set_options(dropdown, tuple(dict.fromkeys((*dropdown.options, label))))
        if choose:
            _choose(dropdown, label)

    camera = _camera(dropdown, take, size)
    own = ipywidgets.HBox([_upload_button(take), camera], layout=BELOW_THE_LIST)
    view = ipywidgets.VBox([dropdown, own, _messenger(take, chooses=chooses_handed_on)])
    return Control(view, [dropdown, camera], lambda: read(dropdown.value), entry=read)


def _upload_button(take: Callable) -> ipywidgets.FileUpload:
    """A button that gives each uploaded file to take(label, bytes, choose=True)."""
    button = ipywidgets.FileUpload(
        accept="image/*",
        multiple=False,
        description="Upload a picture",
        layout={"width": "auto"},
        tooltip="A picture of your own, up to 10 MB",
    )

    def upload(change: Any) -> None:
        for file in change["new"]:
            take(f"{file['name']} (uploaded)", bytes(file["content"]), choose=True)
        button.value = ()  # the list keeps the picture; the same file can be chosen again

    button.observe(upload, names="value")
    return button


def _camera(
    dropdown: ipywidgets.Dropdown, take: Callable, size: int | tuple[int, int] | None
) -> Camera:
    """A Camera whose newest frame is the picture "camera" of the list."""
    camera = Camera(shape=frame_shape(size))

    def hear(change: Any) -> None:
        is_chosen = dropdown.value == CAMERA
        if camera.is_live and not camera.is_first and not is_chosen:
            camera.stop()  # the reader has chosen another picture
        else:
            take(CAMERA, camera.frame, choose=not is_chosen)

    camera.observe(hear, names="value")
    return camera


def _messenger(take: Callable, *, chooses: bool) -> exchange.Exchange:
    """An Exchange that gives each picture handed on to take; the one meant for here is chosen."""
    messenger = exchange.hidden(listens=True, chooses=chooses)

    def hear(change: Any) -> None:
        for name, data in exchange.pictures_found(messenger).items():
            take(f"{name}{exchange.HANDED_ON}", data, choose=name == messenger.wanted)
        messenger.wanted = ""

    messenger.observe(hear, names=["found", "wanted"])
    return messenger


def _choose(dropdown: ipywidgets.Dropdown, label: str) -> None:
    with LISTS_CHANGE:
        if dropdown.value == label:
            dropdown.value = None  # so that a new file of the same name counts as a change
        dropdown.value = label


def _reader(files: dict[str, bytes], size: int | tuple[int, int] | None) -> Callable:
    """The function label -> image, which keeps the last four."""

    @lru_cache(maxsize=4)
    def read(name: str) -> Image:
        if name not in files:
            return load_image(name, size=size)
        if name.endswith(exchange.HANDED_ON) and isinstance(size, int):
            picture = decode_image(files[name], name=name)
            if picture.shape[0] == picture.shape[1] <= size:
                return picture
        return decode_image(files[name], name=name, size=size)

    return read
