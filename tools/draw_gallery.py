"""Draw the class pictures that take minutes, for the README and for notebook 08.

    python tools/draw_gallery.py

docs/classes.png    forty classes of ImageNet by phases, as EfficientNet-Lite0 has them
docs/answers.png    five classes as three networks have them
docs/six_ways.png   one class, drawn in six ways in the same time

About 20 minutes on two cores. Each finished picture lies in checkpoints/gallery, so that an
interrupted run goes on where it stopped. SqueezeNet draws a row of the second picture and judges
the others, so it is downloaded where it is missing.
"""

import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from lecture_lib.class_visualization import (
    importance_map,
    important_square,
    top_k_recognition_rate,
    visualize_class,
    visualize_class_fourier,
    visualize_class_phases,
)
from lecture_lib.core.regularizers import blurred, clip_small_pixels, drop_small_gradients
from lecture_lib.core.scores import class_score
from lecture_lib.core.transforms import random_jitter
from lecture_lib.datasets.images import resize_image, to_uint8
from lecture_lib.models.checks import class_index
from lecture_lib.models.inference import class_scores, probabilities
from lecture_lib.models.remarks import interrupts_passed_on
from lecture_lib.models.zoo import load_model

COURSE = Path(__file__).resolve().parent.parent
FINISHED = COURSE / "checkpoints" / "gallery"
LINE = 18  # pixels for a line of words below a picture
GAP = 6
STEPS = 160  # of a picture by phases; with 100 the outlines of large things are less complete
SECONDS = 20  # of processor time for each of the six ways
CLASSES = [
    *["African elephant", "zebra", "lion", "tiger", "giant panda", "koala", "chimpanzee"],
    *["red fox", "golden retriever", "Siberian husky", "ostrich", "flamingo", "goose"],
    *["black swan", "pelican", "peacock", "king penguin", "bald eagle", "macaw", "goldfish"],
    *["jellyfish", "starfish", "monarch", "ladybug", "scorpion", "daisy", "lemon"],
    *["bell pepper", "banana", "pineapple", "strawberry", "pizza", "cup", "teapot"],
    *["dumbbell", "school bus", "limousine", "airliner", "schooner", "castle"],
]
KNOWN_TO_ALL = ["school bus", "goldfish", "king penguin", "teapot", "jellyfish"]


# One class by phases


def draw_class(net, name):
    """The picture of a class and the square in it that matters: whole and square, uint8."""
    model = load_model(net)
    number = class_index(model, name)
    image = visualize_class_phases(model, number, steps=STEPS).images
    score = class_score(model, number)
    importance = importance_map(score, image, crop_size=model.image_size)
    return to_uint8(image), to_uint8(image[important_square(importance)])


def load_or_draw(net, name):
    """The two pictures of a class, from the file of an earlier run where there is one."""
    path = FINISHED / net / f"{name}.npz"
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        with interrupts_passed_on():  # a picture that was cut short would count as finished
            whole, square = draw_class(net, name)
        part = path.with_suffix(".part")
        with part.open("wb") as file:
            np.savez(file, whole=whole, square=square)
        part.replace(path)
    print(f"{net}: {name}", flush=True)
    with np.load(path, allow_pickle=False) as stored:
        return stored["whole"], stored["square"]


# Pages of pictures with words below


def labeled(image, words, *, side):
    """A picture at a side in pixels, with lines of words below it."""
    lines = words.splitlines()
    font = ImageFont.load_default(size=13)
    tile = Image.new("RGB", (side, side + LINE * len(lines)), "white")
    tile.paste(Image.fromarray(image).resize((side, side), Image.Resampling.LANCZOS))
    for number, line in enumerate(lines):
        place = (side / 2, side + LINE * (number + 0.5))
        ImageDraw.Draw(tile).text(place, line, fill="black", font=font, anchor="mm")
    return tile


def save_page(tiles, name, *, columns):
    """Write tiles in rows, on white, as a PNG in docs/."""
    step_right = tiles[0].width + GAP
    step_down = tiles[0].height + GAP
    rows = -(-len(tiles) // columns)
    page = Image.new("RGB", (columns * step_right - GAP, rows * step_down - GAP), "white")
    for number, tile in enumerate(tiles):
        row, column = divmod(number, columns)
        page.paste(tile, (column * step_right, row * step_down))
    # A palette of 256 colors: a third of the size, and no difference that could be seen.
    page.quantize(256).save(COURSE / "docs" / name, optimize=True)


def draw_forty():
    """Write docs/classes.png, and say how many of its classes SqueezeNet recognizes."""
    pairs = [load_or_draw("efficientnet_lite0", name) for name in CLASSES]
    wholes, squares = zip(*pairs, strict=True)
    tiles = [labeled(square, name, side=140) for square, name in zip(squares, CLASSES, strict=True)]
    save_page(tiles, "classes.png", columns=8)
    judge = load_model("squeezenet")
    for part, images in {"whole": wholes, "square": squares}.items():
        scaled = [image / np.float32(255) for image in images]
        rate = top_k_recognition_rate(judge, scaled, CLASSES)
        print(f"SqueezeNet, shown the {part}: {rate:.1%} of 40 classes among its first five")


def draw_answers():
    """Write docs/answers.png: the same way, five classes, three networks."""
    titles = {
        "efficientnet_lite0": "EfficientNet-Lite0",
        "squeezenet": "SqueezeNet",
        "tinynet_robust": "tinynet_robust",
    }
    tiles = []
    for net, title in titles.items():
        for name in KNOWN_TO_ALL:
            _, square = load_or_draw(net, name)
            tiles.append(labeled(square, f"{title}: {name}", side=192))
    save_page(tiles, "answers.png", columns=5)


# Six ways in the same time


class Budget:
    """A `watch` that ends an ascent when it has used up its processor time."""

    def __init__(self):
        self.steps = 0
        self.began = None

    def __call__(self, step, steps, reached):
        # The first call comes after the graph is compiled, which is not the way's fault.
        self.began = self.began or time.process_time()
        self.steps = step
        return time.process_time() - self.began > SECONDS


def yosinski(images):
    """A blur, then the smallest pixels gray: two of the three projections of Yosinski et al."""
    return clip_small_pixels(blurred(images, sigma=0.5))


def six_ways(name) -> dict[str, Callable]:
    """Six functions watch -> Ascent that draw a class, by their names."""
    lite = load_model("efficientnet_lite0")
    robust = load_model("tinynet_robust")
    number = class_index(lite, name)
    pixels = partial(visualize_class, lite, number, learning_rate=3.0, steps=5000)
    some = partial(drop_small_gradients, share=0.3)
    jitter = {"smoothness": 0.002, "transform": random_jitter}
    wide = {"shift": 0.12, "zoom": 0.25}
    small = class_index(robust, name)
    return {
        "plain ascent": partial(pixels, weight=0.001),
        "Yosinski's three rules": partial(pixels, weight=0, project=yosinski, direction=some),
        "total variation, jitter": partial(pixels, weight=0, **jitter),
        "Fourier coefficients": partial(visualize_class_fourier, lite, number, steps=5000, **wide),
        "phases": partial(visualize_class_phases, lite, number, steps=5000),
        "plain, robust network": partial(visualize_class, robust, small, weight=0.03, steps=5000),
    }


def drawn_in_time(way, visualize, name):
    """A tile of one way: the picture, and what two networks that classify say of it."""
    budget = Budget()
    image = visualize(watch=budget).images
    lite = load_model("efficientnet_lite0")
    judge = load_model("squeezenet")
    if way == "phases":
        importance = importance_map(class_score(lite, class_index(lite, name)), image)
        image = image[important_square(importance)]
    own = probabilities(lite, resize_image(image, lite.image_size))[class_index(lite, name)]
    scores = class_scores(judge, resize_image(image, judge.image_size))
    place = 1 + np.sum(scores > scores[class_index(judge, name)])
    words = f"{way}, {budget.steps} steps\nEfficientNet-Lite0: {own:.0%}\nSqueezeNet: place {place}"
    print(words, flush=True)
    return labeled(to_uint8(resize_image(image, 224)), words, side=248)


def draw_six_ways(name="school bus"):
    """Write docs/six_ways.png."""
    ways = six_ways(name).items()
    tiles = [drawn_in_time(way, visualize, name) for way, visualize in ways]
    save_page(tiles, "six_ways.png", columns=3)


if __name__ == "__main__":
    draw_six_ways()
    draw_answers()
    draw_forty()
