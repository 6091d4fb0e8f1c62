"""A photograph of a cat and a painting of swirls become one picture: in a hundred steps the colors
and strokes of the painting run over the cat, whose outlines come back in them. Then the same cat in
stained glass, in dots and in waves."""

from collections.abc import Iterator

import numpy as np

from films.scenes import Shot, page, picture, row, several
from lecture_lib.datasets import load_image, painted_dots, painted_waves, stained_glass, swirls
from lecture_lib.models import load_model
from lecture_lib.style_transfer import stylize, texture

LAYERS = ["stem_relu", "block1_project", *(f"block{n}_expand_relu" for n in range(2, 6))]
RECIPE = {
    "content_layer": "block7",
    "style_layers": LAYERS,
    "style_weight": 1000,
    "smoothness": 100,
    "learning_rate": 0.05,
}


def shots() -> Iterator[Shot]:
    model = load_model("efficientnet_lite0")
    cat = load_image("cat", size=224)
    painting = swirls()
    painted = stylize(model, cat, painting, frames_every=1, **RECIPE)
    yield Shot(page(picture(painted.images, (320, 230))), "This cat was never painted.", 3.5)
    sources = page(row([cat, painting], labels=["its content", "its style"]))
    yield Shot(sources, "One picture says what, another one how.", 3.5)
    yield from style_alone(model, painting)
    small = picture(cat, (555, 125), width=150), picture(painting, (555, 325), width=150)
    scenes = [page(picture(frame, (240, 225)), *small) for frame in painted.frames]
    said = "Both at once: the shapes of one, the strokes of the other."
    yield from several(said, scenes, seconds=6)
    yield from other_styles(model, cat)


def style_alone(model, painting: np.ndarray) -> Iterator[Shot]:
    """A texture out of noise, which has the painting's Gram matrices."""
    kept = []

    def keep(step, steps, reached):
        kept.append(np.array(reached.images))

    texture(model, painting, layers=LAYERS, size=224, steps=60, smoothness=0.1, watch=keep)
    scenes = [
        page(row([painting, frame], labels=["painting", f"step {step}"]))
        for step, frame in enumerate(kept)
    ]
    said = "Style: which channels respond together, no matter where."
    yield from several(said, scenes, seconds=5)


def other_styles(model, cat: np.ndarray) -> Iterator[Shot]:
    styles = {"stained glass": stained_glass(), "dots": painted_dots(), "waves": painted_waves()}
    painted = [stylize(model, cat, style, steps=70, **RECIPE).images for style in styles.values()]
    below = row(list(styles.values()), middle=355, most=110, gap=92)
    shown = page(row(painted, middle=135, most=196, gap=12), below)
    yield Shot(shown, "Another painting, another cat.", 4)
    yield Shot(shown, "Style, to a network, is statistics of its layers.", 4)
