"""Noise comes over the photograph of a cup of coffee while a curve of the probability of “espresso”
falls. Then four pictures that belong to no class of the network, each with the class that it gets
all the same."""

from collections.abc import Iterator

import numpy as np

from films.scenes import BLUE, Shot, bars_of, curve, grid, page, percent, picture, several, words
from lecture_lib.datasets import load_image
from lecture_lib.models import load_model, probabilities, top_classes

STRENGTHS = np.linspace(0, 0.6, 61)


def shots() -> Iterator[Shot]:
    model = load_model("efficientnet_lite0")
    cup = load_image("coffee", size=224)
    guesses = top_classes(model, cup, count=5)
    first = page(picture(cup, (205, 235), width=380), bars_of(guesses, (420, 90, 200)))
    yield Shot(first, "A network turns a picture into a probability for each class.", 4)
    yield Shot(
        first, f"Of {len(model.class_names):,} classes it predicts {guesses[0].class_name}.", 3
    )
    yield from noise(model, cup, guesses[0].class_index)
    yield from strangers(model)


def noise(model, cup: np.ndarray, espresso: int) -> Iterator[Shot]:
    grain = np.random.default_rng(0).standard_normal(cup.shape)
    noisy = [np.clip(cup + strength * grain, 0, 1).astype(np.float32) for strength in STRENGTHS]
    shares = probabilities(model, np.stack(noisy))
    scenes = []
    for number, image in enumerate(noisy):
        best = shares[number].argmax()
        so_far = shares[: number + 1, espresso]
        answer = [model.class_names[best], percent(shares[number, best])]
        scenes.append(scene(image, answer, so_far))
    yield from several("Now add noise, more and more of it.", scenes[:31], seconds=5)
    yield from several("You still see the cup. Its probability fades.", scenes[31:], seconds=5)
    last = model.class_names[shares[-1].argmax()]
    yield Shot(scenes[-1], f"In the end it predicts “{last}”, with little probability.", 4)


def scene(image: np.ndarray, answer: list, shares: np.ndarray) -> np.ndarray:
    parts = [words(text, (520, 110 + 36 * n), size=24) for n, text in enumerate(answer)]
    return page(
        picture(image, (205, 235), width=380),
        words("first answer:", (520, 70), size=20, color=BLUE),
        *parts,
        curve(shares, (430, 260, 180, 140), count=len(STRENGTHS), low=0, high=1, label="espresso"),
        words("noise →", (520, 425), size=20),
    )


def strangers(model) -> Iterator[Shot]:
    """What the network has no class for."""
    names = ["coins", "moon", "retina", "astronaut"]
    images = [load_image(name, size=224) for name in names]
    answers = [top_classes(model, image, count=1)[0] for image in images]
    labels = []
    for number, answer in enumerate(answers):
        text = f"{answer.class_name} {percent(answer.probability)}"
        labels.append(words(text, (207 + 226 * (number % 2), 220 + 232 * (number // 2)), size=19))
    shown = page(grid(images, 2, box=(100, 2, 440, 440), gap=30), *labels)
    yield Shot(shown, "For these it has no class, and must answer all the same.", 4.5)
    yield Shot(shown, "What does a network see? This course opens it.", 3.5)
