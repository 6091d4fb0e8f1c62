"""Pictures under stripes and pictures under dots become points in two colors, which lie apart.
Along the arrow between them the score of zebra rises for nearly all pictures. Bars compare how far
four classes lean on stripes."""

from collections.abc import Iterator

import numpy as np

from films.scenes import (
    BLUE,
    INK,
    ORANGE,
    Part,
    Shot,
    bars,
    grid,
    page,
    several,
    smooth_line,
    together,
    words,
)
from lecture_lib.concepts import concept_vector, layer_gradients, mean_activations
from lecture_lib.datasets import dots, paint_pattern, random_crops, stripes
from lecture_lib.models import class_index, class_scores, load_model

LAYER = "block15"
COUNT = 120  # pictures under each pattern
CLASSES = ["zebra", "tiger", "ladybug", "monarch"]


def shots() -> Iterator[Shot]:
    model = load_model("efficientnet_lite0")
    striped, dotted = (under(pattern, seed) for seed, pattern in enumerate((stripes, dots)))
    pairs = [image for pair in zip(striped[:6], dotted[:6], strict=True) for image in pair]
    yield Shot(page(grid(pairs, 4)), "Does a zebra have to be striped? Ask the network.", 3.5)
    yield Shot(page(grid(list(striped[:12]), 4)), "Show it stripes, on photographs of anything,", 3)
    yield Shot(page(grid(list(dotted[:12]), 4)), "and as many pictures without: dots.", 3)
    means = [mean_activations(model, LAYER, images)[LAYER] for images in (striped, dotted)]
    vector = concept_vector(*means).vector
    yield from apart(means, vector)
    yield from leaning(model, vector)


def under(pattern, seed: int) -> np.ndarray:
    crops = random_crops(COUNT, size=224, seed=seed)
    return paint_pattern(crops, pattern, periods=(14, 56), seed=seed)


def apart(means: list, vector: np.ndarray) -> Iterator[Shot]:
    """The activations as points: sideways along the direction, upward where they spread most."""
    rows = np.concatenate(means)
    rows = rows - rows.mean(axis=0)
    across = rows @ vector
    rest = rows - across[:, None] * vector
    upward = rest @ np.linalg.svd(rest, full_matrices=False)[2][0]
    sideways = 320 + 210 * across / np.abs(across).max()
    places = np.stack([sideways, 225 + 190 * upward / np.abs(upward).max()], axis=1)
    mixed = np.random.default_rng(0).permutation(len(places))
    counts = range(6, len(places) + 1, 6)
    scenes = [page(points(places, mixed[:count])) for count in counts]
    yield from several("Each picture: one point among the channels of a layer.", scenes, seconds=5)
    arrow = together(points(places, mixed), direction())
    yield Shot(page(arrow), "The direction from dots to stripes is the concept.", 4)


def points(places: np.ndarray, shown: np.ndarray) -> Part:
    def draw(canvas):
        for number in shown:
            color = ORANGE if number < COUNT else BLUE
            smooth_line(canvas, [places[number], places[number]], color=color, width=1, end=5)
        words("stripes", (580, 440), color=ORANGE)(canvas)
        words("dots", (50, 440), color=BLUE)(canvas)

    return draw


def direction() -> Part:
    def draw(canvas):
        smooth_line(canvas, [(180, 225), (460, 225)], color=INK, width=5)
        smooth_line(canvas, [(435, 205), (460, 225), (435, 245)], color=INK, width=5)
        words("v", (475, 200), size=30)(canvas)

    return draw


def leaning(model, vector: np.ndarray) -> Iterator[Shot]:
    """For which share of a class's pictures a step along the direction raises its logit."""
    crops = random_crops(200, size=224, seed=21)
    scores = class_scores(model, crops)
    shares, shown = [], []
    for name in CLASSES:
        index = class_index(model, name)
        own = crops[np.argsort(-scores[:, index])[:24]]
        rises = layer_gradients(model, LAYER, own, class_index=index)[LAYER] @ vector
        shares.append(float(np.mean(rises > 0)))
        shown.append(framed(own, rises > 0))
    zebras = page(grid(list(shown[0]), 6))
    yield Shot(zebras, "The pictures most like a zebra that we have: no zebras.", 4)
    said = f"A step toward stripes raises “zebra” for {round(100 * shares[0])} % of them."
    yield Shot(zebras, said, 4)
    table = page(
        words("raised by a step toward stripes", (320, 40)),
        bars(CLASSES, shares, (120, 100, 400), step=85),
    )
    yield Shot(table, "Zebra and tiger lean on stripes; ladybug and monarch on dots.", 4.5)


def framed(images: np.ndarray, rises: np.ndarray) -> np.ndarray:
    """The images with an orange frame where the logit rises, a blue one where it falls."""
    images = images.copy()
    colors = np.where(rises[:, None], np.float32(ORANGE), np.float32(BLUE)) / 255
    inside = np.zeros((224, 224), bool)
    inside[12:-12, 12:-12] = True
    return np.where(inside[None, ..., None], images, colors[:, None, None])
