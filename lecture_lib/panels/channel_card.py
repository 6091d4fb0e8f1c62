"""The card of a channel: one image of several, each with a line of words above it."""

from collections.abc import Mapping, Sequence

import numpy as np
from jaxtyping import Float
from PIL import Image as PillowImage
from PIL import ImageDraw, ImageFont

from lecture_lib.activations import cut_patch, highlight_box
from lecture_lib.datasets.images import resize_image, to_uint8
from lecture_lib.datasets.shapes import Activations, Image, Images, Network
from lecture_lib.figures.html import tile
from lecture_lib.figures.images import overlay
from lecture_lib.figures.numbers import without_minus_zero
from lecture_lib.grad_cam import enlarge
from lecture_lib.microscope import strongest_neuron
from lecture_lib.models.receptive_field import receptive_field
from lecture_lib.panels.color_scale import SCALE, Drawn, with_scale

SIDE = 170  # pixels of an image of the card
GAP = 10
LINE = 19  # pixels for the words above it
ACROSS = 3  # images in a row
INK = "#1d2026"
WAITING = np.full((SIDE, SIDE, 3), 0.93, np.float32)
WAITING_MAP = np.concatenate([WAITING, np.ones((SCALE, SIDE, 3), np.float32)])


def map_on_picture(image: Image, maps: Activations, channel: int) -> Drawn:
    """Return the picture in gray under the activations of a channel, and their scale below.

    Negative ones are left out.
    """
    heatmap = np.maximum(enlarge(maps[..., channel], image.shape[:2]), 0)
    drawn = resize_image(overlay(image, heatmap), SIDE)
    return with_scale(drawn, heatmap, narrowest=SIDE)


def what_it_reads(
    model: Network, layer: str, channel: int, *, image: Image, maps: Activations
) -> tuple[Image, str]:
    """Return the picture with the receptive field of the strongest neuron lit, and its size.

    Args:
        model: images -> logits (N, classes).
        layer: the name of a layer with rows and columns.
        channel: its number.
        image: (H, W, 3) in [0, 1].
        maps: (h, w, channels), the activations of the layer for it.
    """
    row, column, _ = strongest_neuron(maps, channel)
    box = receptive_field(model, layer, row, column, image_shape=image.shape)
    size = f"{box.bottom - box.top} x {box.right - box.left}"  # the font of the card has no ×
    return highlight_box(image, box), size


def row_of_patches(
    images: Images, patches: Sequence, *, columns: int = 4
) -> Float[np.ndarray, "strip_height strip_width 3"]:
    """Return patches as one image, two cells of the card wide."""
    wide = 2 * SIDE + GAP
    size = (wide - 2 * (columns - 1)) // columns
    cut = [cut_patch(images[patch.image_index], patch.box, size=size) for patch in patches]
    return tile(np.stack(cut), columns=columns)


def composed(cells: Mapping[str, Image]) -> Float[np.ndarray, "card_height card_width 3"]:
    """Return images with words above them as one image, three in a row.

    Args:
        cells: {words: image}; an image that is wider than high takes the place of two. In a row
            each has the room of the highest.

    Returns:
        (height, width, 3) in [0, 1], on white.
    """
    places = _places(cells)
    fitted = [_fitted(image) for image in cells.values()]
    tops = _tops(fitted, [row for row, _ in places])
    width = ACROSS * (SIDE + GAP) - GAP
    page = PillowImage.new("RGB", (width, tops[-1] - GAP), "white")
    pen = ImageDraw.Draw(page)
    font = ImageFont.load_default(size=12)
    for words, image, (row, column) in zip(cells, fitted, places, strict=True):
        left = column * (SIDE + GAP)
        pen.text((left, tops[row] + 2), without_minus_zero(words), fill=INK, font=font)
        page.paste(PillowImage.fromarray(to_uint8(image)), (left, tops[row] + LINE))
    return np.asarray(page, np.float32) / 255


def _tops(images: Sequence[np.ndarray], rows: Sequence[int]) -> list[int]:
    """Where each row of images begins, and last where the next one would."""
    heights = [SIDE] * (rows[-1] + 1)
    for image, row in zip(images, rows, strict=True):
        heights[row] = max(heights[row], image.shape[0])
    return [0, *np.cumsum(np.add(heights, LINE + GAP)).tolist()]


def _places(cells: Mapping[str, Image]) -> list[tuple[int, int]]:
    """The row and the column of each image."""
    places = []
    filled = 0
    for image in cells.values():
        wide = 2 if _is_wide(image) else 1
        if filled % ACROSS + wide > ACROSS:
            filled += ACROSS - filled % ACROSS
        places.append(divmod(filled, ACROSS))
        filled += wide
    return places


def _is_wide(image: Image) -> bool:
    return image.shape[1] > 1.5 * image.shape[0]


def _fitted(image: Image) -> np.ndarray:
    """The image as wide as one cell, or as two."""
    shape = image.shape[:2]
    width = 2 * SIDE + GAP if _is_wide(image) else SIDE
    height = round(width * shape[0] / shape[1])
    size = (min(SIDE, height) if _is_wide(image) else height, width)
    return resize_image(np.broadcast_to(image, (*shape, 3)), size)
