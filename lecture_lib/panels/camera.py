"""The reader's camera as a source of pictures, for lists of pictures and for panels of its own.

The browser asks for permission, crops and shrinks each frame, and sends it as a JPEG file; of live
frames the next one only when the one before is answered, so that nothing queues. Pictures go to the
machine where the kernel runs and nowhere else. Only the newest is held there, in memory; a picture
lies on a disk only after "Save picture".
"""

from collections.abc import Iterable
from functools import lru_cache
from pathlib import Path
from typing import Any

import anywidget
import ipywidgets
import numpy as np
import traitlets

from lecture_lib.datasets.images import decode_image, load_image
from lecture_lib.datasets.shapes import Image
from lecture_lib.panels.controls import Control

CAMERA = "camera"  # what its picture is called in lists and in the names of files
SIDE = 384  # pixels of a frame where a panel takes pictures of any size


class Camera(anywidget.AnyWidget):
    """A button that starts the camera, and what the camera gives.

    Attributes:
        shape: [height, width] of a frame.
        offers_live: whether "Live" can be chosen, for panels that answer every frame.
        only_live: whether it is live from Start to Stop.
        per_second: the most frames of a second; on a shared server fewer are enough.
        value: how many frames have come, which panels observe.
        frame: the newest as a JPEG file, b"" before the first.
        is_live: whether more will follow by themselves.
        is_first: whether it is the first since it was taken or since "Live" was chosen.
    """

    _esm = Path(__file__).with_name("camera.js")
    _css = Path(__file__).with_name("camera.css")
    shape = traitlets.List([224, 224]).tag(sync=True)
    offers_live = traitlets.Bool(False).tag(sync=True)
    only_live = traitlets.Bool(False).tag(sync=True)
    per_second = traitlets.Int(15, min=1).tag(sync=True)
    value = traitlets.Int(0)

    def __init__(self, **traits: Any) -> None:
        super().__init__(**traits)
        self.frame = b""
        self.is_live = False
        self.is_first = True
        self._waiting: dict[str, int] = {}  # {view of this widget: number of its frame}
        self.on_msg(self._hear)

    def _hear(self, widget: anywidget.AnyWidget, message: dict, buffers: list) -> None:
        if message.get("kind") != "frame":
            self.is_live = self.is_live and message.get("kind") != "still"
            self.send({"kind": "pong"})
            return
        self.frame = bytes(buffers[0])
        self.is_live = message["live"]
        self.is_first = message["first"]
        self._waiting[message["view"]] = message["number"]
        self.value += 1

    def answered(self, text: str = "") -> None:
        """Let the browser send the next frame; `explore` calls this when it shows an answer.

        Another kind of panel that takes live frames calls it for each of `cameras_of` its controls.

        Args:
            text: the answer in words, which is read aloud now and then.
        """
        while self._waiting:
            view, number = self._waiting.popitem()
            self.send({"kind": "answered", "view": view, "number": number, "text": text})

    def stop(self) -> None:
        """Switch the camera off, as "Stop camera" does."""
        self.is_live = False
        self.send({"kind": "stop"})


def frame_shape(size: int | tuple[int, int] | None) -> list[int]:
    """Return [height, width] of the frames for a `size` as `load_image` takes it."""
    return [int(side) for side in np.broadcast_to(SIDE if size is None else size, 2)]


def camera_picture(
    first: str = "coffee", *, size: int | tuple[int, int] = 224, per_second: int = 15
) -> Control:
    """Return the camera as the only source of pictures of a panel, live from Start to Stop.

    It reads as an image (H, W, 3) float32 in [0, 1]: a photograph until the first frame has come,
    the newest frame after it.

    Args:
        first: that photograph, as `load_image` takes it.
        size: side of an image, or (height, width); best that of the network.
        per_second: the most frames of a second.
    """
    camera = Camera(shape=frame_shape(size), only_live=True, per_second=per_second)
    photograph = load_image(first, size=size)

    @lru_cache(maxsize=1)
    def decoded(frame: bytes) -> Image:
        return decode_image(frame, name=CAMERA, size=size) if frame else photograph

    return Control(camera, [camera], lambda: decoded(camera.frame))


def cameras_of(controls: Iterable[Control]) -> list[Camera]:
    """Return the cameras among the sources of some controls.

    Args:
        controls: of a panel.
    """
    found: list[ipywidgets.Widget] = []
    for control in controls:
        found += [source for source in control.sources if isinstance(source, Camera)]
    return found
