"""What a network makes of the camera, live: classes and their evidence, or a layer's channels.

`live_camera` shows what any function answers to each frame; the other functions here are such.
"""

from collections.abc import Callable
from typing import Any

import cv2
import numpy as np
from jaxtyping import Float

from lecture_lib.activations import channels_to_images
from lecture_lib.datasets.shapes import Image, Images, Network
from lecture_lib.figures.html import tile
from lecture_lib.figures.images import overlay
from lecture_lib.grad_cam import predict_with_map
from lecture_lib.models.checks import one_image
from lecture_lib.models.inference import Guess, guesses_of
from lecture_lib.models.layers import activation_maps
from lecture_lib.panels.camera import camera_picture
from lecture_lib.panels.color_scale import Drawn, with_scale
from lecture_lib.panels.interactive import explore_panel
from lecture_lib.panels.panel import Panel, display_panel

SHEET = 640  # pixels: about how wide the tiles of a layer are together
Sheet = Float[np.ndarray, "sheet_height sheet_width 3"]
NOTE = (
    "The camera needs a running kernel: choose Run, Run All Cells, and then “Start camera”. "
    "Pictures go to the machine where the kernel runs and are kept only when you save one."
)


def live_camera(
    answer: Callable,
    *,
    alt: str | Callable,
    first: str = "coffee",
    size: int | tuple[int, int] = 224,
    per_second: int = 15,
    **controls: Any,
) -> None:
    """Show a panel that answers each frame of the camera, from "Start camera" to "Stop camera".

    A frame that comes while another is answered waits for nobody: the newest is next. Pages without
    a kernel show the answer to a photograph.

    Args:
        answer: is called as answer(image, **values) with an image (H, W, 3) float32 in [0, 1], and
            returns an image, (image, text), or (image, guesses), whose bars are drawn.
        alt: what is to be seen in words, or a function of the values of `controls`.
        first: a photograph that is answered before the camera starts.
        size: side of an image, or (height, width); best that of the network.
        per_second: the most frames of a second; on a shared server fewer are enough.
        **controls: further arguments, the same as in `explore`.

    Raises:
        ValueError: for a control that cannot be made, and where there are no words.
    """
    panel = live_camera_panel(
        answer, alt=alt, first=first, size=size, per_second=per_second, **controls
    )
    display_panel(panel, note=NOTE)


def live_camera_panel(
    answer: Callable,
    *,
    alt: str | Callable,
    first: str = "coffee",
    size: int | tuple[int, int] = 224,
    per_second: int = 15,
    **controls: Any,
) -> Panel:
    """Return the Panel of `live_camera` with the answer to the photograph, not yet shown.

    Args:
        answer: see `live_camera`.
        alt: see `live_camera`.
        first: see `live_camera`.
        size: see `live_camera`.
        per_second: see `live_camera`.
        **controls: see `live_camera`.

    Returns:
        Panel, for a test to move its controls.
    """

    def camera(camera: Image, **values: Any) -> Any:
        return answer(camera, **values)

    def words(camera: Image, **values: Any) -> str:
        return alt(**values) if callable(alt) else alt

    picture = camera_picture(first, size=size, per_second=per_second)
    return explore_panel(camera, alt=words, camera=picture, **controls)


# Answers


def classes_and_map(
    model: Network, image: Image, *, layer: str | None = None, count: int = 5
) -> tuple[Drawn, list[Guess]]:
    """Return the Grad-CAM map of the predicted class over the image, and the likeliest classes.

    One pass through the network gives both. Under the picture lie the map's colors, with its lowest
    and its highest number.

    Args:
        model: images -> logits (N, classes).
        image: I, (H, W, 3) in [0, 1].
        layer: the layer whose channels are weighted, by default the last with rows and columns.
        count: how many classes.

    Returns:
        (the image and the scale below it, guesses).
    """
    heatmap, scores = predict_with_map(model, image, layer=layer)
    drawn = with_scale(overlay(image, heatmap), heatmap)
    return drawn, guesses_of(model, scores, count=count)


def channel_tiles(
    model: Network, image: Image, *, layer: str, order: str = "by number"
) -> tuple[Sheet, str]:
    """Return all channels of a layer as gray tiles, each with a white of its own.

    Args:
        model: images -> logits (N, classes).
        image: I, (H, W, C) in [0, 1].
        layer: the name of a layer with rows and columns.
        order: "by number", or "strongest first", by the largest activation.

    Returns:
        (one image of all tiles, a sentence that names the strongest channel).

    Raises:
        ValueError: for a layer without rows and columns, another order, and anything but one image.
    """
    orders = ("by number", "strongest first")
    if order not in orders:
        raise ValueError(f"The order is one of {', '.join(orders)}, not {order!r}.")
    maps = activation_maps(model, layer, one_image(model, image))
    largest = maps.max(axis=(0, 1))  # (channels,)
    strongest = int(largest.argmax())
    if order == "strongest first":
        maps = maps[..., np.argsort(-largest, kind="stable")]
    text = f"{maps.shape[-1]} channels; the strongest is {strongest}, at {largest[strongest]:.2g}."
    return sheet_of(channels_to_images(maps)), text


def sheet_of(tiles: Images) -> Sheet:
    """Return gray tiles of any number and size as one image, at most 640 pixels wide.

    Args:
        tiles: (N, h, w, 1) in [0, 1].
    """
    columns = int(np.ceil(np.sqrt(len(tiles))))
    side = max(8, SHEET // columns - 1)
    height, width = tiles.shape[1:3]
    shrink = cv2.INTER_AREA if max(height, width) > side else cv2.INTER_NEAREST
    size = (side, max(1, round(side * height / width)))
    same = [cv2.resize(image, size, interpolation=shrink)[..., None] for image in tiles]
    return np.repeat(tile(np.stack(same), columns=columns, gap=1), 3, axis=-1)
