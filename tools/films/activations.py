"""A cup of coffee and beside it maps of one layer after the other: outlines of the cup in the first
layer, a few bright squares in the last. Then a square of the photograph in full color grows, which
is what one neuron sees."""

from collections.abc import Iterator

import numpy as np

from films.scenes import Shot, grid, page, picture
from lecture_lib.activations import (
    activation_maps,
    channels_to_images,
    highlight_box,
    receptive_field,
)
from lecture_lib.datasets import load_image
from lecture_lib.models import load_model

LAYERS = ["stem_relu", *(f"block{number}_expand_relu" for number in (3, 5, 9)), "head_relu"]
SAID = [
    "The first layer: outlines and areas of color.",
    "Deeper, the maps are coarser.",
    "Parts of the cup become patches of light.",
    "What is lost is where.",
    "What is gained is what: few maps respond, to few things.",
]
NEURONS = {"block3_expand": 28, "block5_expand": 14, "block7_expand": 7, "block10_expand": 7}


def shots() -> Iterator[Shot]:
    model = load_model("efficientnet_lite0")
    cup = load_image("coffee", size=224)
    first = channels_to_images(activation_maps(model, LAYERS[0], cup))
    yield Shot(page(grid(list(first), 8)), "What does each channel of a network see?", 3.5)
    for layer, said in zip(LAYERS, SAID, strict=True):
        yield Shot(layer_page(model, cup, layer), said, 3.2)
    yield from fields(model, cup)


def layer_page(model, cup: np.ndarray, layer: str) -> np.ndarray:
    """The photograph, and the nine maps of a layer that have the most contrast."""
    maps = activation_maps(model, layer, cup)
    contrast = np.argsort(-maps.std(axis=(0, 1)))[:9]
    images = list(channels_to_images(maps[..., contrast]))
    height, width, count = maps.shape
    label = f"nine of {count} maps of {height} × {width}"
    return page(
        picture(cup, (120, 215), width=208),
        grid(images, 3, box=(245, 10, 385, 400), smooth=False),
        picture(np.zeros((1, 1, 1)), (437, 412), width=1, label=label),
    )


def fields(model, cup: np.ndarray) -> Iterator[Shot]:
    """What one neuron sees, deeper and deeper."""
    for number, (layer, middle) in enumerate(NEURONS.items()):
        seen = receptive_field(model, layer, middle, middle, image_shape=(224, 224))
        lit = page(picture(highlight_box(cup, seen), (320, 225), width=400))
        size = seen.bottom - seen.top
        said = f"A neuron of this depth sees {size} × {size} pixels."
        yield Shot(
            lit, said if number else f"One neuron, early: it sees {size} × {size} pixels.", 2.6
        )
    whole = page(picture(cup, (320, 225), width=400))
    yield Shot(whole, "In the last layer each neuron can see everything.", 3)
