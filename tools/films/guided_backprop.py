"""The gradient of “espresso” for a photograph of a cup, around gray: grain. With another rule at
every ReLU it becomes a fine drawing of the cup. Three photographs and what one channel draws
of each: heads. At last the drawing for “goldfish”, which is the same cup."""

from collections.abc import Iterator
from functools import partial

import numpy as np
from scipy.stats import spearmanr

from films.scenes import DARK, ORANGE, Part, Shot, page, row, together, words
from lecture_lib.activations import activation_maps
from lecture_lib.core import class_score, gradient, neuron_score
from lecture_lib.datasets import load_image
from lecture_lib.guided_backprop import gradient_to_image, guided_gradient, guided_map
from lecture_lib.models import class_index, load_model

# The lecture's example: what comes to nine ReLUs, and the gradients that come back.
X = np.array([[1, -1, 5], [2, -5, -7], [-3, 2, 4]])
G = np.array([[-2, 3, -1], [6, -3, 1], [2, -1, 3]])
LAYER = "block13_expand"
HEADS = 958  # a channel of this layer


def shots() -> Iterator[Shot]:
    model = load_model("efficientnet_lite0")
    cup = load_image("coffee", size=224)
    espresso = class_index(model, "espresso")
    plain = gradient_to_image(gradient(class_score(model, espresso), cup))
    drawing = gradient_to_image(
        guided_gradient(model, cup, partial(class_score, class_index=espresso))
    )
    yield Shot(
        page(row([cup, plain])),
        "What in this picture speaks for espresso? The gradient answers in grain.",
        5,
    )
    yield from rule()
    yield Shot(
        page(row([cup, drawing])), "With this one change, the same gradient is a drawing.", 4.5
    )
    yield from heads(model)
    yield from same_for_all(model, cup, espresso)


def rule() -> Iterator[Shot]:
    """The backward rules on nine numbers."""
    active = X > 0
    first = numbers(X, (160, 225), "what came to nine ReLUs", kept=active)
    back = numbers(G, (480, 225), "the gradients that come back", kept=active)
    yield Shot(page(first, back), "A gradient passes a ReLU where its input was positive.", 4.5)
    both = numbers(G, (480, 225), "the gradients that come back", kept=active & (G > 0))
    yield Shot(page(first, both), "Guided: it must be positive itself, too.", 4)


def numbers(matrix: np.ndarray, middle: tuple, label: str, *, kept: np.ndarray) -> Part:
    """Nine numbers; those that are not kept are dark."""
    parts = [words(label, (middle[0], middle[1] - 150), size=20)]
    for place, value in np.ndenumerate(matrix):
        at = (middle[0] + 80 * (place[1] - 1), middle[1] + 80 * (place[0] - 1))
        color = ORANGE if kept[place] else DARK
        parts.append(words(f"{value}".replace("-", "−"), at, size=40, color=color))
    return together(*parts)


def heads(model) -> Iterator[Shot]:
    photos = [load_image(name, size=224) for name in ("cameraman", "astronaut", "naval officer")]
    drawings = []
    for photo in photos:
        maps = activation_maps(model, LAYER, photo)[..., HEADS]
        place = [int(number) for number in np.unravel_index(maps.argmax(), maps.shape)]
        score = partial(neuron_score, layer=LAYER, row=place[0], column=place[1], channel=HEADS)
        drawings.append(gradient_to_image(guided_gradient(model, photo, score), quantile=0.99))
    shown = page(row(photos, middle=120), row(drawings, middle=340))
    yield Shot(shown, "What one channel draws of three photographs: heads.", 5)


def same_for_all(model, cup: np.ndarray, espresso: int) -> Iterator[Shot]:
    goldfish = class_index(model, "goldfish")
    drawings = [
        gradient_to_image(guided_gradient(model, cup, partial(class_score, class_index=index)))
        for index in (espresso, goldfish)
    ]
    maps = [guided_map(model, cup, index).ravel() for index in (espresso, goldfish)]
    labels = ["for espresso", "for goldfish"]
    shown = page(row(drawings, labels=labels))
    yield Shot(shown, "But ask for a goldfish, and it draws the same cup.", 4)
    alike = spearmanr(*maps).statistic
    yield Shot(shown, f"Rank correlation of the two maps: {alike:.3f}.", 3)
    yield Shot(shown, "A clean drawing proves nothing: test it.", 3)
