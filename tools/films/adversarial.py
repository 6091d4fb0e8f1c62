"""The photograph of a cat is changed in small steps along a gradient. The cat looks the same all
the time, while the bars of the classes change from “Egyptian cat” to “teapot”; the difference, ten
times enlarged, is colored grain."""

from collections.abc import Iterator

import numpy as np

from films.scenes import Shot, bars, page, percent, picture, row, several, words
from lecture_lib.core import ascend, class_log_probability, length, unit
from lecture_lib.datasets import load_image
from lecture_lib.models import class_index, load_model, probabilities, top_classes


def shots() -> Iterator[Shot]:
    model = load_model("efficientnet_lite0")
    cat = load_image("cat", size=model.image_size)
    # The cat before the first step and after each, until the teapot's probability is 0.99.
    score = class_log_probability(model, class_index(model, "teapot"))
    options = {"steps": 200, "learning_rate": 0.1, "stop_above": np.log(0.99)}
    images = ascend(score, cat, frames_every=1, **options).frames
    both = page(row([cat, images[-1]], labels=[said(model, cat), said(model, images[-1])]))
    yield Shot(both, "To a network the right one of these cats is a teapot.", 4)
    yield Shot(both, "How is such a picture made?", 2.5)
    yield from steps(model, images)
    yield from change(model, cat, images[-1])


def said(model, image: np.ndarray) -> str:
    guess = top_classes(model, image, count=1)[0]
    return f"{guess.class_name} {percent(guess.probability)}"


def steps(model, images: list) -> Iterator[Shot]:
    """The bars of the classes that lead before and after, step by step."""
    leading = [guess.class_index for guess in top_classes(model, images[0], count=3)]
    leading.append(class_index(model, "teapot"))
    names = [model.class_names[index] for index in leading]
    shares = probabilities(model, np.stack(images))[:, leading]
    scenes = [
        scene(image, names, share, number)
        for number, (image, share) in enumerate(zip(images, shares, strict=True))
    ]
    third = len(scenes) // 3
    yield from several("Each step changes the pixels to raise “teapot”.", scenes[:third], seconds=4)
    overtaken = f"After {np.argmax(shares.argmax(axis=1) == 3)} steps the teapot leads."
    yield from several(overtaken, scenes[third : 2 * third], seconds=4)
    reached = f"After {len(images) - 1} steps it is a teapot, {percent(shares[-1, -1])}."
    yield from several(reached, [*scenes[2 * third :], *20 * scenes[-1:]], seconds=4.5)


def scene(image: np.ndarray, names: list, shares: np.ndarray, step: int) -> np.ndarray:
    return page(
        picture(image, (215, 235), width=390),
        bars(names, shares, (440, 130, 180), marked="teapot"),
        words(f"step {step}", (530, 400), size=24),
    )


def change(model, cat: np.ndarray, last: np.ndarray) -> Iterator[Shot]:
    """What was changed, and a random change of the same length."""
    levels = np.abs(255 * (last - cat)).mean()
    grain = page(row([last, enlarged(last - cat)], labels=[said(model, last), "change × 10"]))
    yield Shot(grain, f"A color changed by {levels:.1f} of 255 levels, on average.", 4)
    direction = unit(np.random.default_rng(0).standard_normal(cat.shape, np.float32))
    random = np.clip(cat + length(last - cat) * direction, 0, 1).astype(np.float32)
    other = page(row([random, enlarged(random - cat)], labels=[said(model, random), "change × 10"]))
    yield Shot(other, "A random change of the same length: still a cat.", 4)
    yield Shot(other, "It is the direction of the change that counts.", 3)


def enlarged(difference: np.ndarray) -> np.ndarray:
    return np.clip(0.5 + 10 * difference, 0, 1)
