"""A face and its five nearest neighbors, first by pixels, which are other things, then by features,
which are the same face. Then hundreds of handwritten digits, colored by digit, drift apart from a
heap into islands of one digit each."""

from collections.abc import Iterator

import numpy as np
from scipy.spatial.distance import cdist

from films.scenes import SOFT, Part, Shot, page, picture, row, several, together, words
from lecture_lib.datasets import BUNDLED, load_digits, random_crops
from lecture_lib.models import layer_features, load_model
from lecture_lib.neighbors import nearest_neighbors, pca_map
from lecture_lib.panels import pictures_at, tinted

QUERY = 5
SHOWN = 700  # digits on the map


def shots() -> Iterator[Shot]:
    photos = list(BUNDLED)
    bank = random_crops(360, size=224, photos=photos)
    model = load_model("efficientnet_lite0")
    pixels = bank.reshape(360, 32, 7, 32, 7, 3).mean(axis=(2, 4))
    features = layer_features(model, "pool", bank)
    by_pixels, by_features = (
        nearest_neighbors(numbers[QUERY], numbers, exclude=QUERY).indices
        for numbers in (pixels, features)
    )
    yield Shot(page(picture(bank[QUERY], (320, 235))), "Which pictures are most like this one?", 3)
    query = picture(bank[QUERY], (320, 85), width=150)
    first = neighbors(bank[by_pixels], 240, "by pixels")
    second = neighbors(bank[by_features], 385, "by features")
    yield Shot(page(query, first), "By pixels, a face is nearest to the moon.", 4)
    yield Shot(page(query, first, second), "By the network's features: the same face.", 4)
    yield from drifting()


def neighbors(images: np.ndarray, middle: float, label: str) -> Part:
    below = words(label, (20, middle - 73), size=18, anchor="lm", color=SOFT)
    return together(row(list(images), middle=middle, gap=8), below)


def drifting() -> Iterator[Shot]:
    """Digits on maps: PCA, then t-SNE on its way."""
    digits, labels = load_digits()
    features = layer_features(load_model("mnist_cnn"), "flatten", digits)
    ink = tinted(digits[:SHOWN, 3:-3, 3:-3], labels[:SHOWN])
    flat = pca_map(features)[:SHOWN]
    heap = page(picture(pictures_at(flat, ink, size=16, width=460), (320, 235), width=460))
    yield Shot(heap, f"{SHOWN} handwritten digits on a map: similar ones near each other.", 4)
    yield Shot(heap, "The map is told no labels. Color only shows them to you.", 3.5)
    scenes = []
    for points in tsne_steps(features[:SHOWN], flat):
        drawn = pictures_at(points, ink, size=16, width=460)
        scenes.append(page(picture(drawn, (320, 235), width=460)))
    yield from several("t-SNE pulls neighbors together, step by step.", scenes, seconds=7)
    yield Shot(scenes[-1], "Islands: to the network, equal digits are alike.", 4)


def tsne_steps(features: np.ndarray, start: np.ndarray) -> Iterator[np.ndarray]:
    """The points of a map while t-SNE moves them.

    The gradient is 4 sum over j of (p - q) (y_i - y_j) / (1 + |y_i - y_j|^2).
    """
    p = neighborhoods(features)
    points = 1e-2 * start / start.std()
    moving = np.zeros_like(points)
    for step in range(360):
        close = 1 / (1 + cdist(points, points, "sqeuclidean"))
        np.fill_diagonal(close, 0)
        # Neighbors pull four times as hard at first, so that islands can pass one another.
        pull = ((4 if step < 120 else 1) * p - close / close.sum()) * close
        gradient = 4 * (pull.sum(axis=1, keepdims=True) * points - pull @ points)
        moving = (0.5 if step < 120 else 0.8) * moving - len(p) / 12 * gradient
        points = points + moving
        if step % 5 == 0:
            yield points


def neighborhoods(features: np.ndarray) -> np.ndarray:
    """How likely each digit is to be another's neighbor, p of t-SNE; about thirty are."""
    squares = cdist(features, features, "sqeuclidean")
    nearness = np.exp(-3 * squares / np.sort(squares, axis=1)[:, [30]])
    np.fill_diagonal(nearness, 0)
    p = nearness / nearness.sum(axis=1, keepdims=True)
    return (p + p.T) / (2 * len(p))
