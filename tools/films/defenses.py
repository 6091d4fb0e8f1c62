"""A handwritten digit under attack, as two networks read it: one is soon wrong, the other, trained
under attack, holds. Then a digit in black and white with a few undecided pixels in orange, all of
whose settings are tried; and eighty digits, most of them proven safe."""

import csv
from collections.abc import Iterator
from itertools import product

import numpy as np

from films.scenes import BLUE, INK, ORANGE, Shot, curve, grid, page, picture, several, words
from lecture_lib.adversarial import pgd
from lecture_lib.datasets import DATA, load_digits
from lecture_lib.defenses import certify, threshold, undecided_pixels
from lecture_lib.models import class_scores, load_model

RADII = np.linspace(0, 0.3, 31)
COLORS = {"natural": ORANGE, "robust": BLUE}


def shots() -> Iterator[Shot]:
    images, labels = load_digits()
    images = np.clip(2.2 * (images[1000:] - 0.5) + 0.5, 0, 1).astype(np.float32)
    labels = labels[1000:]
    nets = {name: load_model(f"mnist_{name}") for name in COLORS}
    known = [class_scores(net, images).argmax(axis=1) == labels for net in nets.values()]
    images, labels = images[known[0] & known[1]], labels[known[0] & known[1]]
    yield from attacked(nets, images[labels == 4][0])
    yield from measured()
    classifier = load_model("mnist_cnn")
    right = class_scores(classifier, threshold(images)).argmax(axis=1) == labels
    yield from proof(classifier, images[right], labels[right])
    yield from eighty(classifier, images[right][:80], labels[right][:80])


def attacked(nets: dict, four: np.ndarray) -> Iterator[Shot]:
    """A four that both networks classify correctly, moved more and more against each of them."""
    scenes = [two_answers(nets, four, float(radius)) for radius in RADII]
    yield Shot(scenes[-1], "To you both are a 4. One network disagrees.", 3.5)
    said = "An attack moves each pixel a little, against the gradient."
    yield from several(said, scenes, seconds=6)
    yield Shot(scenes[-1], "The robust network was trained on adversarial examples.", 3.5)


def two_answers(nets: dict, four: np.ndarray, radius: float) -> np.ndarray:
    parts = [words(f"each pixel moves by at most {radius:.2f}", (320, 30))]
    for middle, (name, net) in zip((165, 475), nets.items(), strict=True):
        moved = pgd(net, four, 4, epsilon=radius)
        answer = class_scores(net, moved).argmax()
        color = INK if answer == 4 else ORANGE
        label = f"{name}: {answer}"
        shown = picture(moved, (middle, 220), width=290, smooth=False, label=label, color=color)
        parts.append(shown)
    return page(*parts)


def measured() -> Iterator[Shot]:
    """Robust accuracy at each radius, from the table that the notebook reads."""
    with open(DATA / "tables" / "defense_digits.csv", encoding="utf-8") as file:
        rows = [row for row in csv.DictReader(file) if row["attack"] == "100 steps"]
    lines = {
        name: [
            int(row["right"]) / int(row["images"]) for row in rows if row["net"] == f"mnist_{name}"
        ]
        for name in COLORS
    }
    radii = sorted({float(row["radius"]) for row in rows})
    scenes = []
    for count in range(1, len(radii) + 1):
        parts = [words(f"radius {radii[count - 1]:.2f}", (320, 430))]
        for high, (name, values) in zip((60, 90), lines.items(), strict=True):
            limits = {"count": len(radii), "low": 0, "high": 1, "color": COLORS[name]}
            parts.append(curve(values[:count], (60, 120, 520, 270), **limits))
            text = f"{name}: {values[count - 1]:.0%} right".replace("%", " %")
            parts.append(words(text, (320, high - 30), color=COLORS[name]))
        scenes.append(page(*parts))
    said = "It holds as far as it was trained to, and no farther."
    yield from several(said, [*scenes, *scenes[-1:]], seconds=5)


def proof(classifier, images: np.ndarray, labels: np.ndarray) -> Iterator[Shot]:
    """All settings of the undecided pixels of one digit."""
    undecided = undecided_pixels(images, epsilon=0.05)
    digit = np.flatnonzero(undecided.sum(axis=(1, 2, 3)) == 5)[0]
    pattern = threshold(images[digit])
    marked = np.where(undecided[digit], np.float32(ORANGE) / 255, pattern)
    yield Shot(
        page(picture(marked, (320, 235), smooth=False)),
        "Black and white only: an attacker can flip just the orange pixels.",
        4.5,
    )
    settings = np.repeat(pattern[None], 32, axis=0)
    places = tuple(np.argwhere(undecided[digit]).T)
    settings[(slice(None), *places)] = list(product((0, 1), repeat=5))
    answers = class_scores(classifier, settings).argmax(axis=1)
    scenes = [
        page(
            picture(one, (320, 215), width=390, smooth=False),
            words(f"pattern {number + 1} of {len(settings)}: a {answer}", (320, 440)),
        )
        for number, (one, answer) in enumerate(zip(settings, answers, strict=True))
    ]
    right = np.sum(answers == labels[digit])
    yield from several(
        f"{right} of {len(settings)} patterns are right: a proof.", scenes, seconds=5
    )


def eighty(classifier, images: np.ndarray, labels: np.ndarray) -> Iterator[Shot]:
    found = certify(classifier, images, labels, epsilon=0.1)
    color = np.where(found.certified[:, None], np.float32(BLUE), np.float32(INK))
    color = np.where(found.broken[:, None], np.float32(ORANGE), color) / 255
    tinted = images * color[:, None, None]
    shown = page(grid(list(tinted), 10, box=(10, 5, 620, 455), smooth=False))
    said = f"Blue: {found.certified.sum()} of 80 digits are proven safe."
    yield Shot(shown, said, 3.5)
    yield Shot(
        shown, f"Orange: for {found.broken.sum()} the search found the image that fools it.", 4
    )
