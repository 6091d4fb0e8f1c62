"""Noise becomes African elephants, step by step, while the score of the class rises. Then ten
classes of a small network at once: pepper, lemon, banana, penguin and others come out of gray
noise. At last a picture of noise that a network takes for a school bus."""

from collections.abc import Iterator

import numpy as np

from films.scenes import Shot, curve, page, percent, picture, row, several, words
from lecture_lib.class_visualization import (
    importance_map,
    important_square,
    visualize_class,
    visualize_class_phases,
)
from lecture_lib.core import class_score
from lecture_lib.models import class_index, class_scores, load_model, probabilities

STEPS = 128
TEN = ["bell pepper", "lemon", "banana", "pizza", "teapot"]
TEN += ["king penguin", "golden retriever", "goldfish", "monarch", "ladybug"]


def shots() -> Iterator[Shot]:
    lite = load_model("efficientnet_lite0")
    elephant = class_index(lite, "African elephant")
    images = elephants(lite, elephant)
    whole = np.stack([image[16:240, 16:240] for image in images])
    images = most_important(lite, elephant, images)
    scenes = rising(images, class_scores(lite, whole)[:, elephant])
    half = len(scenes) // 2
    drawn = page(picture(images[-1], (320, 235)))
    yield Shot(drawn, "Nobody painted or photographed these elephants.", 4)
    yield from several(
        "Begin with noise. Which change raises “elephant”?", scenes[:half], seconds=5
    )
    yield from several("Take it, step by step: gradient ascent.", scenes[half:], seconds=5)
    yield Shot(scenes[-1], f"After {STEPS} steps. All of it was in the weights.", 4)
    yield from ten_classes()
    yield from only_noise(lite)


def elephants(lite, elephant: int) -> list[np.ndarray]:
    """The picture before the first step and after each."""
    kept = []

    def keep(step, steps, reached):
        kept.append(np.array(reached.images))

    visualize_class_phases(lite, elephant, steps=STEPS, watch=keep)
    return kept


def most_important(lite, elephant: int, images: list[np.ndarray]) -> list[np.ndarray]:
    """The square of the pictures that matters most to the class in the last one."""
    score = class_score(lite, elephant)
    square = important_square(importance_map(score, images[-1], crop_size=lite.image_size))
    return [image[square] for image in images]


def rising(images: list, values: np.ndarray) -> list[np.ndarray]:
    """Each picture with the curve of its score so far."""
    scenes = []
    limits = {"count": len(images), "low": values.min(), "high": values.max()}
    for number, image in enumerate(images):
        line = curve(values[: number + 1], (475, 130, 145, 180), **limits)
        texts = words("score of", (548, 350)), words("elephant", (548, 380))
        scenes.append(page(picture(image, (235, 235)), line, *texts))
    return scenes


def ten_classes() -> Iterator[Shot]:
    small = load_model("tinynet_robust")
    indices = np.array([class_index(small, name) for name in TEN])
    frames = visualize_class(small, indices, steps=48, seed=1, frames_every=1).frames
    labels = [
        words(name, (66 + 127 * (n % 5), 203 + 205 * (n // 5)), size=14)
        for n, name in enumerate(TEN)
    ]
    scenes = []
    for images in frames:
        rows = row(images[:5], middle=130, gap=10), row(images[5:], middle=335, gap=10)
        scenes.append(page(*rows, *labels))
    yield from several("Any class will do: ten of a small network.", scenes, seconds=6)


def only_noise(lite) -> Iterator[Shot]:
    """The same ascent on the pixels of an ordinary network."""
    bus = class_index(lite, "school bus")
    image = visualize_class(lite, bus, weight=0.001, learning_rate=3.0, steps=40).images
    said = f"school bus {percent(probabilities(lite, image)[bus])}"
    shown = page(picture(image, (320, 220), width=400, label=said))
    yield Shot(shown, "Pixel by pixel, an ordinary network draws noise.", 4)
    yield Shot(shown, "It predicts “school bus” here. A high probability proves little.", 4)
