"""A gray square wanders over the photograph of a man with a camera on a tripod. Beside it a map
grows, and under both a curve shows the probability of “tripod”, which falls where the square lies
on the tripod's legs."""

from collections.abc import Iterator

import numpy as np

from films.scenes import BLUE, ORANGE, Shot, bars_of, curve, page, percent, picture, several, words
from lecture_lib.datasets import load_image
from lecture_lib.figures import heat, overlay
from lecture_lib.models import class_index, load_model, probabilities, top_classes

PATCH = 56
PLACES = [(row, column) for row in range(0, 169, 14) for column in range(0, 169, 14)]


def shots() -> Iterator[Shot]:
    model = load_model("efficientnet_lite0")
    image = load_image("cameraman", size=model.image_size)
    guesses = top_classes(model, image, count=3)
    yield from question(image, guesses)

    # Every place of the patch, and the map as it grows.
    covered = np.stack([with_patch(image, *place) for place in PLACES])
    values = probabilities(model, covered)[:, class_index(model, "tripod")]
    maps = list(growing(guesses[0].probability - values))
    yield from wandering(covered, maps, values)
    yield from answer(image, covered, maps[-1], values)


def question(image: np.ndarray, guesses: list) -> Iterator[Shot]:
    asked = page(picture(image, (225, 235)), bars_of(guesses, (455, 150, 165), marked="tripod"))
    yield Shot(
        asked,
        f"A network sees a tripod in this photograph: {percent(guesses[0].probability)}.",
        3.5,
    )
    yield Shot(asked, "Which part of the picture does it need for that?", 3)


def with_patch(image: np.ndarray, row: int, column: int) -> np.ndarray:
    image = image.copy()
    image[row : row + PATCH, column : column + PATCH] = 0.5
    return image


def growing(falls: np.ndarray) -> Iterator[np.ndarray]:
    """The occlusion map after each place: at each pixel the mean fall so far."""
    total = np.zeros((224, 224))
    count = np.zeros((224, 224))
    for (row, column), fall in zip(PLACES, falls, strict=True):
        total[row : row + PATCH, column : column + PATCH] += fall
        count[row : row + PATCH, column : column + PATCH] += 1
        yield total / np.maximum(count, 1)


def wandering(covered: np.ndarray, maps: list, values: np.ndarray) -> Iterator[Shot]:
    scenes = []
    for number, (one, grown) in enumerate(zip(covered, maps, strict=True)):
        scenes.append(scene(one, grown / maps[-1].max(), values[: number + 1]))
    yield from several("Cover a part with a gray square, and ask again.", scenes[:52], seconds=4.5)
    yield from several("The sky, the man: the answer hardly changes.", scenes[52:117], seconds=5.5)
    yield from several("Where the legs are covered, the curve falls.", scenes[117:], seconds=5)


def answer(
    image: np.ndarray, covered: np.ndarray, grown: np.ndarray, values: np.ndarray
) -> Iterator[Shot]:
    worst = int(values.argmin())
    best = int(values.argmax())
    colors = grown / grown.max()
    lowest = f"At the worst place the probability is {percent(values[worst])}."
    yield Shot(scene(covered[worst], colors, values, now=worst), lowest, 3.5)
    found = page(picture(overlay(image, grown, signed=True), (320, 235), width=440))
    yield Shot(found, "Red: what the network needs, the legs on the grass.", 4)
    raised = f"Blue: without the head the probability rises, to {percent(values[best])}."
    yield Shot(scene(covered[best], colors, values, now=best), raised, 4)
    yield Shot(found, "Such a map of answers is called an occlusion map.", 3)


def scene(
    covered: np.ndarray, grown: np.ndarray, values: np.ndarray, *, now: int = -1
) -> np.ndarray:
    """The covered photograph, the map so far in shares of its largest number, and the curve.

    now: which value is written out.
    """
    share = values[now]
    # Two rows outside the picture hold the ends of the colors.
    colors = heat(np.vstack([np.full(224, 1.0), grown, np.full(224, -1.0)]), signed=True)[1:-1]
    return page(
        picture(covered, (165, 165), width=296),
        picture(colors, (475, 165), width=296),
        curve(values, (20, 350, 480, 90), count=len(PLACES), low=0.6, high=1.0),
        words("P(tripod)", (570, 375), size=20),
        words(percent(share), (570, 410), size=30, color=ORANGE if share < 0.9 else BLUE),
    )
