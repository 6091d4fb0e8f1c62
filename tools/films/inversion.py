"""A photograph of a cat and beside it what is rebuilt from the numbers of one layer, step by step:
from an early layer the whole photograph, from a middle one eyes and whiskers in false colors, from
the last one nothing that could be read."""

from collections.abc import Iterator

import numpy as np

from films.scenes import Shot, page, row, several
from lecture_lib.datasets import load_image
from lecture_lib.inversion import invert
from lecture_lib.models import layer_outputs, load_model

SAID = {
    "block3": "From an early layer it comes back as a photograph.",
    "block11": "From the middle: eyes and whiskers, in false colors.",
    "head_relu": "From the last layer: nothing that we could read.",
}


def shots() -> Iterator[Shot]:
    model = load_model("efficientnet_lite0")
    cat = load_image("cat", size=224)
    found = {layer: rebuilt(model, cat, layer) for layer in SAID}
    lasts = [frames[-1] for frames in found.values()]
    yield Shot(page(row([cat, *lasts[:2]])), "What does a layer still know about a picture?", 3.5)
    start = found["block3"][0]
    gray = page(row([cat, start], labels=["photograph", "start"]))
    yield Shot(gray, "Keep only the numbers of one layer. Forget the picture.", 3.5)
    yield Shot(gray, "Change gray noise until it has the same numbers.", 3.5)
    for layer, frames in found.items():
        yield from one_layer(model, cat, layer, frames)
    everything = page(row([cat, *lasts], labels=["photograph", *SAID]))
    yield Shot(everything, "The deeper the layer, the less it knows of the pixels.", 4.5)


def rebuilt(model, cat: np.ndarray, layer: str) -> list[np.ndarray]:
    """What is found at the start and after each step."""
    kept = []

    def keep(step, steps, reached):
        kept.append(np.array(reached.images))

    invert(model, cat, layer=layer, steps=80, watch=keep)
    return kept


def one_layer(model, cat: np.ndarray, layer: str, frames: list) -> Iterator[Shot]:
    rows, columns, channels = layer_outputs(model, layer)(cat[None])[layer].shape[1:]
    size = f"{layer}: {rows} × {columns} × {channels:,}"
    scenes = [
        page(row([cat, frame], labels=[size, f"step {step}"])) for step, frame in enumerate(frames)
    ]
    yield from several(SAID[layer], [*scenes, *40 * scenes[-1:]], seconds=5)
