"""What the microscope answers to a choice, as functions of what is looked at."""

import html
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from lecture_lib.activations import channels_to_images
from lecture_lib.core.layer_scores import neuron_score
from lecture_lib.datasets.atlas import atlas_tiles
from lecture_lib.datasets.images import resize_image
from lecture_lib.datasets.shapes import Activations, Image, Network
from lecture_lib.figures.numbers import without_minus_zero
from lecture_lib.guided_backprop import gradient_to_image, guided_gradient
from lecture_lib.microscope import (
    before_relu,
    channels_for_class,
    channels_for_region,
    strongest_neuron,
    switched_off,
)
from lecture_lib.models.checks import class_index
from lecture_lib.models.inference import class_scores
from lecture_lib.models.layers import compiled_outputs, map_features
from lecture_lib.models.receptive_field import Box
from lecture_lib.models.zoo import load_model
from lecture_lib.panels import channel_card, channel_study
from lecture_lib.panels.channel_tiles import LARGEST_TILE

MAPS = "its map here"
MAXIMA = "what maximizes it"
STRONGEST = "strongest here"
BY_NUMBER = "by number"
IN_BOX = "in the box"
FOR_CLASS = "for the class"
SMALLEST = 128  # pixels of a picture: a smaller one leaves few positions
LINES = 6  # classes in the table

Cell = tuple[str, Image]  # words and an image of the card


class Subject(NamedTuple):
    """The channel that is looked at."""

    net: str
    layer: str
    channel: int


class Sight(NamedTuple):
    """What is looked at through a layer: the network, the picture, and its activations.

    Two with one key, (net, layer, picture), are the same. `raw` are the activations before the
    ReLU, where those that a cap makes equal still differ; without a ReLU they are `maps`.
    """

    key: tuple
    net: str
    model: Network
    layer: str
    image: Image
    maps: Activations
    raw: Activations


def seen(key: tuple, picture: Image) -> Sight:
    """Return the activations of a layer for a picture, brought to a size for the network.

    Args:
        key: (net, layer, anything that tells the picture from others).
        picture: (H, W, 3) in [0, 1].

    Raises:
        ValueError: for a network that reads gray images.
    """
    net, layer, _ = key
    model = load_model(net)
    if model.input.shape[-1] == 1:
        raise ValueError(f"{net} reads gray digits; the microscope shows networks for photographs.")
    image = resize_image(picture, max(SMALLEST, int(np.min(model.image_size))))
    map_features(model, layer)
    before = before_relu(model, layer)
    outputs = compiled_outputs(model, (before, layer))(image[None])  # both from one pass
    maps = outputs[layer].numpy()[0]
    return Sight(key, net, model, layer, image, maps, outputs[before].numpy()[0])


def tile_images(sight: Sight, kind: str) -> np.ndarray:
    """Return a small image of each channel: its map, or what maximizes it."""
    if kind == MAXIMA and channel_study.is_in_atlas(sight.net, sight.layer):
        return atlas_tiles(sight.net, sight.layer)
    step = -(-sight.maps.shape[0] // LARGEST_TILE)
    return channels_to_images(sight.maps[::step, ::step])


def ordered(sight: Sight, values: dict, box: Box | None) -> tuple[np.ndarray, str]:
    """Return the numbers of all channels in the chosen order, and a sentence about it."""
    if values["order"] == BY_NUMBER:
        return np.arange(sight.maps.shape[-1]), "Channels by number."
    if values["order"] == IN_BOX:
        strength = _in_box(sight, box)
        said = "Channels that fire more in the box than outside, the most selective first."
    elif values["order"] == FOR_CLASS:
        strength = _for_class(sight, values["class_name"])
        said = f"Channels by what they add to the logit of {values['class_name']} on this picture."
    else:
        strength = sight.raw.max(axis=(0, 1))
        said = "Channels by their strongest neuron on this picture."
    return np.argsort(-strength, kind="stable"), said


def _in_box(sight: Sight, box: Box | None) -> np.ndarray:
    if box is None:
        raise ValueError("Drag a box on the picture first; then its channels come first.")
    return channels_for_region(sight.model, sight.layer, sight.image, box=box)


def _for_class(sight: Sight, name: str) -> np.ndarray:
    index = class_index(sight.model, name)
    return channels_for_class(sight.model, sight.layer, sight.image, class_index=index)


def empty_card(subject: Subject) -> dict[str, Cell]:
    """Return the parts of a card that wait for their images; what the atlas has is there."""
    cells = {
        "map": ("its map here", channel_card.WAITING_MAP),
        "field": ("its peak reads", channel_card.WAITING),
        "guided": ("guided gradient …", channel_card.WAITING),
        "maximum": ("what maximizes it …", channel_card.WAITING),
        "patches": ("patches that excite it most …", np.tile(channel_card.WAITING, (1, 2, 1))),
    }
    known = channel_study.atlas_image(*subject)
    if known is not None:
        cells["maximum"] = ("what maximizes it (atlas)", known)
    return cells


def quick_cells(sight: Sight, channel: int) -> dict[str, Cell]:
    """Return the parts of a card that take no time: the map, and what its peak reads."""
    on_picture = channel_card.map_on_picture(sight.image, sight.maps, channel)
    options = {"image": sight.image, "maps": sight.raw}
    lit, size = channel_card.what_it_reads(sight.model, sight.layer, channel, **options)
    return {
        "map": ("its map here", on_picture),
        "field": (f"its peak reads {size}", lit),
    }


def quick_facts(sight: Sight, channel: int) -> dict[str, Any]:
    """Return the logits of the picture before and after the channel is switched off."""
    return {
        "class_names": sight.model.class_names,
        "before": class_scores(sight.model, sight.image),
        "off": switched_off(sight.model, sight.layer, channel, sight.image),
    }


def guided_cell(sight: Sight, channel: int) -> Cell:
    """Return the guided gradient of the channel's strongest neuron, before its own ReLU."""
    row, column, _ = strongest_neuron(sight.raw, channel)
    layer = before_relu(sight.model, sight.layer)

    def score(net: Network) -> Any:
        return neuron_score(net, layer, row, column, channel)

    values = guided_gradient(sight.model, sight.image, score)
    return "its guided gradient", gradient_to_image(values, quantile=0.99)


# Words


def facts_table(subject: Subject, facts: dict[str, Any]) -> str:
    """Return the facts as HTML: how often it fires, what changes without it, whom it helps."""
    before, off = facts["before"], facts["off"]
    names = facts["class_names"]
    likeliest = int(before.argmax())
    changes = np.argsort(-np.abs(off - before))
    shown = [likeliest, *changes[changes != likeliest][: LINES - 1]]
    at_mean = facts.get("at_mean")
    rows = [
        _row(names[c], before[c], off[c], None if at_mean is None else at_mean[c]) for c in shown
    ]
    text = f"<b>{html.escape(subject.layer)}, channel {subject.channel}</b>"
    if "rate" in facts:
        text += f"<br>fires at {facts['rate']:.1%} of all positions, mean {facts['mean']:.3g}"
    text += (
        "<table><caption>Logits on this picture</caption><tr><th scope='col'>class</th>"
        "<th scope='col'>before</th><th scope='col'>at 0</th><th scope='col'>at its mean</th></tr>"
        f"{''.join(rows)}</table>"
    )
    helped = _helped(names, facts.get("effects"))
    return without_minus_zero(f"<div class='lecture-facts'>{text}{helped}</div>")


def _row(name: str, before: float, off: float, at_mean: float | None) -> str:
    numbers = [f"{before:.2f}", f"{off:.2f}", "…" if at_mean is None else f"{at_mean:.2f}"]
    cells = "".join(f"<td>{number}</td>" for number in numbers)
    return f"<tr><th scope='row'>{html.escape(name)}</th>{cells}</tr>"


def _helped(names: Sequence[str], effects: np.ndarray | None) -> str:
    if effects is None:
        return "<p>Classes that it helps and hurts …</p>"
    order = np.argsort(-effects)
    most = ", ".join(html.escape(f"{names[c]} {effects[c]:+.2f}") for c in order[:4])
    least = ", ".join(html.escape(f"{names[c]} {effects[c]:+.2f}") for c in order[:-5:-1])
    return f"<p>Adds most, on average over pictures: {most}.<br>Takes most: {least}.</p>"
