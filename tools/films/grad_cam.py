"""A cup and a motorcycle side by side. Channel by channel a map for “espresso” builds up over the
cup, then one for “moped” over the motorcycle. The maps of earlier layers show edges of both; only
the last layer tells the two apart."""

from collections.abc import Iterator

import numpy as np

from films.scenes import Shot, page, percent, picture, several, words
from lecture_lib.activations import activation_maps
from lecture_lib.datasets import load_image
from lecture_lib.figures import overlay
from lecture_lib.grad_cam import enlarge, grad_cam_maps
from lecture_lib.models import class_index, load_model

DEPTHS = ["block3", "block11", "head_relu"]


def shots() -> Iterator[Shot]:
    model = load_model("efficientnet_lite0")
    pair = np.concatenate([load_image(name, size=224) for name in ("coffee", "motorcycle")], axis=1)
    maps = activation_maps(model, "head_relu", pair)
    plain = shown(pair, "")
    yield Shot(plain, "This network was only ever told what is in a picture.", 4)
    yield Shot(plain, "Can it say where?", 2.5)
    weights, _ = model.get_layer("scores").get_weights()
    yield from adding_up(pair, maps, weights[:, class_index(model, "espresso")])
    moped = over(pair, maps @ weights[:, class_index(model, "moped")])
    yield Shot(
        shown(moped, "moped"), "The same channels with the weights of moped: the motorcycle.", 4
    )
    yield from depths(model, pair)


def shown(image: np.ndarray, label: str) -> np.ndarray:
    return page(picture(image, (320, 215), width=620, label=label))


def over(pair: np.ndarray, coarse: np.ndarray) -> np.ndarray:
    """The pair under what speaks for a class."""
    return overlay(pair, enlarge(np.maximum(coarse, 0), pair.shape[:2]))


def adding_up(pair: np.ndarray, maps: np.ndarray, weights: np.ndarray) -> Iterator[Shot]:
    """The sum of more and more channels, in the order in which the network has them."""
    count = maps.shape[-1]
    scenes = []
    for channels in np.unique(np.geomspace(1, count, 60).astype(int)):
        image = over(pair, maps[..., :channels] @ weights[:channels])
        scenes.append(shown(image, f"espresso: {channels:,} of {count:,} channels"))
    said = "Add up the maps of the last layer, weighted for espresso."
    yield from several(said, scenes, seconds=6)
    rows, columns = maps.shape[:2]
    yield Shot(scenes[-1], f"The cup. The map has {rows} × {columns} numbers, enlarged.", 4)


def depths(model, pair: np.ndarray) -> Iterator[Shot]:
    """The maps of three depths, and the share on the half where the thing is."""
    by_layer = grad_cam_maps(model, pair, class_index(model, "espresso"), layers=DEPTHS)
    said = [
        "The same question to an early layer: edges of everything.",
        "In the middle: scattered spots.",
        "Only the last layer tells the two things apart.",
    ]
    for layer, sentence in zip(DEPTHS, said, strict=True):
        heatmap = by_layer[layer]
        home = heatmap[:, :224].sum() / heatmap.sum()
        scene = page(
            picture(overlay(pair, heatmap), (320, 215), width=620),
            words(f"espresso, {layer}: {percent(home)} lies on the cup's half", (320, 395)),
        )
        yield Shot(scene, sentence, 4)
