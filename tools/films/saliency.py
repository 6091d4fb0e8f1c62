"""A cup of coffee and the map of its gradient for “espresso”, which is grain at first. Averaged
over more and more noisy copies of the photograph, the map gathers on the coffee; at last the coffee
is cut out along it."""

from collections.abc import Iterator

import numpy as np
from scipy.ndimage import gaussian_filter

from films.scenes import Shot, bars_of, page, picture, several
from lecture_lib.core import class_score, gradient
from lecture_lib.datasets import load_image
from lecture_lib.figures import heat
from lecture_lib.models import load_model, top_classes
from lecture_lib.saliency import clip_strongest, grabcut_mask

COPIES = 48


def shots() -> Iterator[Shot]:
    model = load_model("efficientnet_lite0")
    cup = load_image("coffee", size=224)
    guesses = top_classes(model, cup, count=3)
    asked = page(picture(cup, (205, 235), width=380), bars_of(guesses, (420, 140, 200)))
    yield Shot(asked, "A network sees espresso here.", 3)
    yield Shot(asked, "Which pixels would change its score the most?", 3)
    maps = averaged(model, cup, guesses[0].class_index)
    yield from cleaning(cup, maps)
    yield from cut_out(cup, maps[-1])


def cleaning(cup: np.ndarray, maps: list[np.ndarray]) -> Iterator[Shot]:
    scenes = [beside(cup, heatmap) for heatmap in maps]
    yield Shot(scenes[0], f"One gradient answers for all {cup.size:,} numbers at once.", 4)
    yield Shot(scenes[0], "Bright: a small change there moves the score. But grainy.", 4)
    yield from several("Average it over noisy copies of the picture.", scenes, seconds=6)
    yield Shot(scenes[-1], f"After {COPIES} copies the map lies on the coffee.", 3.5)


def averaged(model, cup: np.ndarray, index: int) -> list[np.ndarray]:
    """The saliency map of the plain gradient, then of the mean over more and more noisy copies."""
    random = np.random.default_rng(0)
    score = class_score(model, index)
    maps = [np.abs(gradient(score, cup)).max(axis=-1)]
    total = np.zeros_like(cup)
    for _ in range(COPIES):
        noisy = cup + 0.2 * random.standard_normal(cup.shape, np.float32)
        total += gradient(score, noisy)
        maps.append(np.abs(total).max(axis=-1))
    return maps


def beside(cup: np.ndarray, heatmap: np.ndarray) -> np.ndarray:
    return page(
        picture(cup, (165, 215), width=296),
        picture(heat(clip_strongest(heatmap)), (475, 215), width=296),
    )


def cut_out(cup: np.ndarray, heatmap: np.ndarray) -> Iterator[Shot]:
    soft = gaussian_filter(heatmap, 6)
    mask = grabcut_mask(cup, soft)
    faded = np.where(mask[..., None], cup, 0.12 * cup)
    shown = page(picture(heat(soft), (165, 215), width=296), picture(faded, (475, 215), width=296))
    yield Shot(shown, "Its bright places are enough to cut the object out.", 4)
    yield Shot(shown, "The map says which pixels count. It does not say why.", 3.5)
