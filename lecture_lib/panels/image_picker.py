"""The list of pictures of a panel: photographs, the reader's own, and those that were handed on from another notebook's panel."""

from functools import lru_cache

import ipywidgets

from lecture_lib.datasets.images import decode_image, load_image
from lecture_lib.panels import exchange
from lecture_lib.panels.controls import Control, dropdown_of, labeled, set_options


def picture_dropdown(names, *, value=None, size=None):
    """A list of pictures with a button beside it that takes one of the reader's own; it reads as (H, W, 3) float32 in [0, 1].

    names: names or paths as load_image takes them. value: the one chosen first. size: as in load_image. Pictures handed on from other
    panels stand at the end of the list; small squares among them are not enlarged, for that would blur what an attack has changed.
    """
    dropdown, files = labeled(dropdown_of(names, value or names[0], what="picture"), "picture"), {}
    button = _upload_button()
    messenger, read = exchange.hidden(listens=True), _reader(files, size)

    def take(label, data, *, choose):
        if files.get(label) != data:
            files[label] = data
            read.cache_clear()
            set_options(dropdown, tuple(dict.fromkeys((*dropdown.options, label))))
        if choose:
            _choose(dropdown, label)

    def upload(change):
        for file in change["new"]:
            take(f"{file['name']} (uploaded)", bytes(file["content"]), choose=True)
        button.value = ()  # the list keeps the picture; the same file can be chosen again

    def hear(change):
        for name, data in exchange.pictures_found(messenger).items():
            take(f"{name}{exchange.HANDED_ON}", data, choose=name == messenger.wanted)
        messenger.wanted = ""

    button.observe(upload, names="value")
    messenger.observe(hear, names=["found", "wanted"])
    return Control(
        ipywidgets.VBox([dropdown, button, messenger]), [dropdown], lambda: read(dropdown.value)
    )


def _upload_button():
    under_the_list = {"width": "auto", "margin": "2px 2px 6px 118px"}  # beyond its label
    return ipywidgets.FileUpload(
        accept="image/*",
        multiple=False,
        description="Upload a picture",
        layout=under_the_list,
        tooltip="A picture of your own, up to 10 MB",
    )


def _choose(dropdown, label):
    dropdown.value = (
        None if dropdown.value == label else dropdown.value
    )  # so that a file of the same name counts as a change
    dropdown.value = label


def _reader(files, size):
    @lru_cache(maxsize=4)
    def read(name):
        if name not in files:
            return load_image(name, size=size)
        if name.endswith(exchange.HANDED_ON) and isinstance(size, int):
            picture = decode_image(files[name], name=name)
            if picture.shape[0] == picture.shape[1] <= size:
                return picture
        return decode_image(files[name], name=name, size=size)

    return read
