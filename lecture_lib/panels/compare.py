"""A picture beside its map, and a second picture with its own on the same scale, in any panel."""

from collections.abc import Callable, Sequence
from functools import wraps
from inspect import signature
from typing import Any

import ipywidgets
import numpy as np

from lecture_lib.datasets.images import resize_image
from lecture_lib.datasets.shapes import Image
from lecture_lib.figures.images import heat, overlay
from lecture_lib.figures.numbers import scale_ends
from lecture_lib.panels.color_scale import Drawn, with_scale
from lecture_lib.panels.controls import Control, labeled, set_options

SIDE = 256  # pixels of each picture and each map
NONE = ("none", "")


def another_picture(picture: Control) -> Control:
    """Return a list of the same pictures as another one, and of "none", which is chosen first.

    It reads as an image, or None. What is uploaded to the other list can be chosen here, too.

    Args:
        picture: the other list, as `picture_dropdown` returns it.
    """
    first = picture.sources[0]
    dropdown = labeled(ipywidgets.Dropdown(options=_entries(first)), "compare with")
    first.observe(lambda change: set_options(dropdown, _entries(first)), names="options")

    def read() -> Image | None:
        return picture.entry(dropdown.value) if dropdown.value else None

    return Control(dropdown, [dropdown], read)


def _entries(dropdown: ipywidgets.Dropdown) -> tuple:
    return (NONE, *((str(name), name) for name in dropdown.options))


def compared(answer: Callable, *, draw: Callable | None = None) -> Callable:
    """Return a function for a panel that draws a map beside its picture, and may compare two.

    Under the map lie its colors, with the lowest and the highest number.

    It takes one more argument, `compare_with`: None, or a second picture, for which answer is
    called with the same values. Then both pictures stand above their maps, and a color means the
    same number in both.

    Args:
        answer: called with `picture` and other values, it returns ((image, map), text), image and
            map of one height and width. One that takes `watch` hands it an Ascent whose images are
            such a pair.
        draw: map -> its picture, such as `heat`; None lays its colors over the image.

    Returns:
        function(**values) -> (picture, text). Of two pictures the text has a line for each, and one
        with the lowest and the highest number of both maps.
    """
    parameters = signature(answer)

    @wraps(answer)
    def drawn(*given: Any, compare_with: Image | None = None, **named: Any) -> tuple[Drawn, str]:
        values = parameters.bind(*given, **named).arguments
        pictures = [values["picture"]]
        if compare_with is not None:
            pictures.append(compare_with)
        pairs: list = []
        texts: list[str] = []
        for picture in pictures:
            changed = values | {"picture": picture}
            if "watch" in values:
                changed["watch"] = _drawing(values["watch"], pairs, draw)
            pair, text = answer(**changed)
            pairs.append(pair)
            texts.append(text)
        return _beside(pairs, draw), _in_words(texts, pairs)

    return drawn


def _drawing(watch: Callable, pairs: Sequence, draw: Callable | None) -> Callable:
    """A function for `watch` that draws the pair of an Ascent, after the pairs that are done."""
    done = list(pairs)

    def watch_pair(step: int, steps: int, ascent: Any, **options: Any) -> bool:
        picture = _beside([*done, ascent.images], draw)
        return watch(step, steps, ascent._replace(images=picture), **options)

    return watch_pair


def _beside(pairs: Sequence, draw: Callable | None) -> Drawn:
    """One picture beside its map, or two above theirs, and the scale under the maps."""
    images = [np.asarray(image, np.float32) for image, _ in pairs]
    whole = _one_map(pairs)  # drawn as one, both maps have one scale
    drawn = draw(whole) if draw else overlay(np.concatenate(images, axis=1), whole)
    pictures = _row(images)
    maps = _row(np.split(np.asarray(drawn, np.float32), len(pairs), axis=1))
    if whole.ndim == 2:  # gradients with channels are drawn without a scale
        maps = with_scale(maps, whole, draw=draw or heat)
    if len(pairs) == 2:
        return np.concatenate([pictures, maps])
    below = [(0, len(maps) - len(pictures)), (0, 0), (0, 0)]
    return np.concatenate([np.pad(pictures, below, constant_values=1), maps], axis=1)


def _one_map(pairs: Sequence) -> np.ndarray:
    """The maps of all pairs side by side as one, (H, all W), or (H, all W, C)."""
    return np.concatenate([np.asarray(heatmap) for _, heatmap in pairs], axis=1)


def _row(pictures: Sequence[Image]) -> Drawn:
    return np.concatenate([resize_image(one.clip(0, 1), SIDE) for one in pictures], axis=1)


def _in_words(texts: Sequence[str], pairs: Sequence) -> str:
    """The text of one picture, or a line for each of two and one for the scale of both maps."""
    if len(texts) == 1:
        return texts[0]
    lines = [f"{side}: {text}" for side, text in zip(("Left", "Right"), texts, strict=True)]
    whole = _one_map(pairs)
    if whole.ndim == 2:  # gradients with channels are drawn without a scale
        low, high = scale_ends(whole.min(), whole.max())
        lines.append(f"Same colors in both maps, {low} to {high}.")
    return "\n".join(lines)
