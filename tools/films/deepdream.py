"""The photograph of a Chinese tower grows birds, heads and furry faces, first in large forms, then
in finer ones. An early layer of the network draws strokes and waves in their place. At last a
flight into the picture, in which more and more animals appear."""

from collections.abc import Iterator

import numpy as np

from films.scenes import BLUE, Shot, curve, page, picture, several
from lecture_lib.core import layer_energy
from lecture_lib.datasets import load_image
from lecture_lib.deepdream import dream, zoom_film
from lecture_lib.models import load_model

LAYER = "block12_expand_relu"
SIZE = (284, 426)


def shots() -> Iterator[Shot]:
    model = load_model("efficientnet_lite0")
    tower = load_image("tower", size=SIZE)
    options = {"layer": LAYER, "learning_rate": 0.015, "octaves": 4, "steps": 20}
    dreamed = dream(model, tower, frames_every=1, **options)
    yield Shot(shown(dreamed.images), "A photograph, and what a network sees in it.", 4)
    yield Shot(shown(tower), "A late layer finds a little of something here.", 3)
    scenes = growing(dreamed.frames, dreamed.values)
    half = len(scenes) // 2
    yield from several("Change the picture so that it finds more.", scenes[:half], seconds=5)
    finer = "First in the large, then in finer and finer detail."
    yield from several(finer, scenes[half:], seconds=5)
    yield Shot(shown(dreamed.images), "Animals, where the network had a hint of one.", 4)
    yield from other_ways(model, tower)


def growing(frames: list, values: np.ndarray) -> list[np.ndarray]:
    scenes = []
    limits = {"count": len(values), "low": values.min(), "high": values.max()}
    label = "mean of the squared activations"
    for number, frame in enumerate(frames):
        line = curve(values[: number + 1], (40, 420, 560, 40), label=label, color=BLUE, **limits)
        scenes.append(page(picture(frame, (320, 195), width=555), line))
    return scenes


def shown(image: np.ndarray) -> np.ndarray:
    return page(picture(image, (320, 225), width=630))


def other_ways(model, tower: np.ndarray) -> Iterator[Shot]:
    early = dream(model, tower, layer="block3_expand_relu").images
    yield Shot(shown(early), "An early layer knows only strokes and edges.", 4)
    score = layer_energy(model, LAYER)
    begin = load_image("tower", size=(200, 300))
    flight = zoom_film(score, begin, frames=26, zoom=1.07, learning_rate=0.015)
    yield from several("Enlarge the middle, dream on, and so forth.", map(shown, flight), seconds=6)
