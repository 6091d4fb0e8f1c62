"""A photograph with a red ring and a blue cross on it, for a network that looks for the ring alone.
One map after another lies over it: Grad-CAM and occlusion find the ring, guided backprop draws ring
and cross, saliency is spread everywhere. Bars rank them."""

from collections.abc import Iterator
from functools import partial

import numpy as np

from films.scenes import Shot, bars, page, picture
from lecture_lib.core import class_score
from lecture_lib.datasets import cross, paint_badges, random_crops, ring
from lecture_lib.figures import heat
from lecture_lib.grad_cam import cam_map, grad_cam_map
from lecture_lib.guided_backprop import guided_map
from lecture_lib.models import badge_network, load_model
from lecture_lib.occlusion import occlusion_map
from lecture_lib.saliency import saliency_map, smoothgrad_map
from lecture_lib.scoreboard import center_map, edge_map, mass_inside

MAPS = {
    "saliency": saliency_map,
    "SmoothGrad": partial(smoothgrad_map, samples=16),
    "guided backprop": guided_map,
    "occlusion": partial(occlusion_map, patch=56, stride=28, score=class_score),
    "Grad-CAM": grad_cam_map,
    "CAM": cam_map,
    "edges": edge_map,
    "center": center_map,
}
SAID = {
    "saliency": "Saliency: spread over the whole picture.",
    "guided backprop": "Guided backprop draws ring and cross alike.",
    "occlusion": "Occlusion finds the ring, coarsely.",
    "Grad-CAM": "Grad-CAM finds it, too.",
}
PICTURES = 8


def shots() -> Iterator[Shot]:
    lite = load_model("efficientnet_lite0")
    net = badge_network(lite, random_crops(160, size=224, seed=11), layer="block13")
    marked = paint_badges(random_crops(PICTURES, size=224, seed=12), [ring, cross], seed=5)
    image, mask = marked.images[0], marked.masks[0, 0]
    asked = page(picture(image, (320, 235)))
    yield Shot(asked, "A map looks convincing. Is it right?", 3)
    yield Shot(asked, "So we plant the cause: this network looks for the red ring.", 4)
    yield Shot(asked, "A right map lies on the ring, not on the cross.", 4)
    for name, sentence in SAID.items():
        yield Shot(one_map(net, image, mask, name), sentence, 3)
    yield from ranking(net, marked)


def one_map(net, image: np.ndarray, mask: np.ndarray, name: str) -> np.ndarray:
    heatmap = np.maximum(MAPS[name](net, image, 0), 0)
    colors = heat(np.minimum(heatmap, np.percentile(heatmap, 99)))
    inside = f"{name}: {mass_inside(heatmap, mask):.2f} inside"
    return page(
        picture(image, (165, 215), width=296),
        picture(colors, (475, 215), width=296, label=inside),
    )


def ranking(net, marked) -> Iterator[Shot]:
    """The mean share of each map inside the ring, best first, beside what knows nothing."""
    shares = {}
    for name, explain in MAPS.items():
        inside = [
            mass_inside(explain(net, image, 0), mask)
            for image, mask in zip(marked.images, marked.masks[0], strict=True)
        ]
        shares[name] = float(np.mean(inside))
    names = sorted(shares, key=shares.get, reverse=True)
    values = [shares[name] for name in names]
    table = page(bars(names, values, (120, 28, 400), texts=[f"{v:.2f}" for v in values], step=55))
    yield Shot(table, f"Over {PICTURES} pictures: the share of each map inside the ring.", 4.5)
    yield Shot(table, "Edges and center know nothing of it: a map must beat them.", 4)
