"""The weights of a network's first layer as colored tiles: stripes, spots and blobs. One of them
slides over a photograph; then noise turns, step by step, into the very picture of the filter."""

from collections.abc import Iterator

import numpy as np

from films.scenes import Shot, box, curve, grid, page, picture, several, words
from lecture_lib.datasets import load_image
from lecture_lib.figures import heat
from lecture_lib.filters import filters_of, filters_to_images
from lecture_lib.models import load_model

SIDE = 128  # pixels of the photograph that a filter slides over


def shots() -> Iterator[Shot]:
    bank = filters_of(load_model("tinynet_robust"))
    tiles = list(filters_to_images(bank, one_scale=False))
    all_filters = page(grid(tiles, 8, smooth=False))
    yield Shot(all_filters, "A network's first weights, drawn as pictures.", 3.5)
    yield Shot(all_filters, "Nobody put these stripes and blobs there: training did.", 3.5)
    lengths = np.linalg.norm(bank.reshape(len(bank), -1), axis=1)
    longest = bank[lengths.argmax()]
    yield from sliding(longest, tiles[lengths.argmax()])
    yield from best_patch(longest)
    yield from beside_random(longest)


def sliding(weights: np.ndarray, tile: np.ndarray) -> Iterator[Shot]:
    """The sum of all products, at one place after the other."""
    photo = load_image("cat", size=SIDE)
    patches = np.lib.stride_tricks.sliding_window_view(photo, weights.shape)[::2, ::2, 0]
    responses = np.tensordot(patches, weights, axes=3)
    limit = np.percentile(np.abs(responses), 99.5)
    colors = heat(np.clip(np.abs(responses) / limit, 0, 1))
    scenes = [one_place(photo, tile, colors, done) for done in range(0, colors[..., 0].size, 32)]
    half = len(scenes) // 2
    yield from several("A filter is laid on each place of a picture.", scenes[:half], seconds=4)
    yield from several(
        "Pixels times weights, all added up: one number a place.", scenes[half:], seconds=4
    )


def one_place(photo: np.ndarray, tile: np.ndarray, colors: np.ndarray, done: int) -> np.ndarray:
    rows = len(colors)
    seen = colors.reshape(-1, 3).copy()
    seen[done + 1 :] = 0
    row, column = divmod(done, rows)
    size = 296 / SIDE
    left, top = 17 + 2 * column * size, 60 + 2 * row * size
    return page(
        picture(photo, (165, 208), width=296),
        box((left, top, left + 8 * size, top + 8 * size)),
        picture(seen.reshape(colors.shape), (475, 208), width=296),
        picture(tile, (60, 412), width=72, smooth=False),
        words("the filter", (150, 412), size=20),
        words("strength of its response", (475, 380), size=20),
    )


def best_patch(weights: np.ndarray) -> Iterator[Shot]:
    """Gradient ascent on the response, among patches of length 1."""
    patch = np.random.default_rng(0).standard_normal(weights.shape)
    steps = []
    for _ in range(41):
        patch = patch / np.linalg.norm(patch)
        steps.append(patch)
        patch = patch + 0.1 * weights / np.linalg.norm(weights)
    responses = [np.vdot(weights, step) for step in steps]
    highest = np.linalg.norm(weights)
    scenes = []
    for number, image in enumerate(filters_to_images(np.float32(steps), one_scale=False)):
        line = curve(responses[: number + 1], (430, 130, 180, 200), count=41, low=0, high=highest)
        said = f"response {responses[number]:.2f}".replace("-", "−")
        texts = [words(said, (520, 380), size=24)]
        scenes.append(page(picture(image, (210, 235), width=380, smooth=False), line, *texts))
    yield from several(
        "Which patch excites it most? Gradient ascent begins with noise.", scenes, seconds=5
    )
    yield Shot(scenes[-1], "The best patch is the filter itself.", 3)


def beside_random(weights: np.ndarray) -> Iterator[Shot]:
    random = np.random.default_rng(1).standard_normal((10_000, weights.size))
    random /= np.linalg.norm(random, axis=1, keepdims=True)
    responses = random @ weights.ravel()
    best = random[responses.argmax()].reshape(weights.shape)
    highest = np.linalg.norm(weights)
    images = filters_to_images(np.float32([weights / highest, best]), one_scale=False)
    shown = page(
        picture(images[0], (165, 215), width=296, smooth=False, label=f"{highest:.2f}"),
        picture(images[1], (475, 215), width=296, smooth=False, label=f"{responses.max():.2f}"),
    )
    yield Shot(shown, "The best of 10,000 random patches does not come near.", 4.5)
