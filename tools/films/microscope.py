"""What one channel of a network sees: it lights up on a cat's eyes and on an officer's eyes
behind glasses, and what excites it most looks like eyes. Then the channel is switched off, and the
score of the cat does not fall, but rises."""

from collections.abc import Iterator

import numpy as np

from films.scenes import Shot, bars, grid, page, picture, row, words
from lecture_lib.activations import activation_maps, top_activations
from lecture_lib.datasets import atlas_tiles, load_image, random_crops, resize_image
from lecture_lib.figures import overlay
from lecture_lib.grad_cam import enlarge
from lecture_lib.microscope import square_around, switched_off
from lecture_lib.models import class_index, class_scores, load_model

LAYER = "block12_expand_relu"
RAW = "block12_expand"  # before the ReLU, which ends at 6
CHANNEL = 569
CROPS = 120


def shots() -> Iterator[Shot]:
    model = load_model("efficientnet_lite0")
    cat, officer = (load_image(name, size=224) for name in ("cat", "naval officer"))
    drawn = resize_image(atlas_tiles("efficientnet_lite0", LAYER)[CHANNEL], 224)
    count = model.get_layer(LAYER).output.shape[-1]
    first = page(row([lit(model, cat), drawn, lit(model, officer)], gap=10))
    yield Shot(first, f"One channel among {count} of a layer. What is it for?", 4)
    yield Shot(page(row([cat, lit(model, cat)])), "Here it fires on a cat.", 3.5)
    yield Shot(
        page(row([officer, lit(model, officer)])), "And here on an officer with glasses.", 3.5
    )
    yield Shot(page(grid(strongest(model), 4)), f"What excites it most, of {CROPS} crops.", 4)
    yield Shot(
        page(picture(drawn, (320, 235))),
        "And what maximizes it, drawn by gradient ascent: eyes?",
        4,
    )
    yield from intervention(model, cat)


def lit(model, image: np.ndarray) -> np.ndarray:
    """The image under the map of the channel."""
    maps = activation_maps(model, RAW, image)[..., CHANNEL]
    return overlay(image, enlarge(np.maximum(maps, 0), image.shape[:2]))


def strongest(model) -> list[np.ndarray]:
    """The middle of what the strongest neurons of the channel read."""
    crops = random_crops(CROPS, size=224, seed=5)
    found = top_activations(model, RAW, crops, channels=[CHANNEL], count=12)
    squares = []
    for number, line, column in found.places[0].tolist():
        box = square_around(model, RAW, line, column, image_shape=crops.shape[1:])
        square = crops[number, box.top : box.bottom, box.left : box.right]
        squares.append(resize_image(square, 96))
    return squares


def intervention(model, cat: np.ndarray) -> Iterator[Shot]:
    """The logit of the cat with the channel and without it."""
    index = class_index(model, "Egyptian cat")
    before = class_scores(model, cat)[index]
    after = switched_off(model, LAYER, CHANNEL, cat)[index]
    names = ["with the channel", "without it"]
    left = picture(cat, (165, 215), width=296)
    title = words("score of Egyptian cat", (475, 110))
    texts = [f"{before:.2f}", f"{after:.2f}"]
    box = (360, 175, 230)
    asked = page(left, title, bars(names[:1], [before / 12], box, texts=texts[:1], step=80))
    yield Shot(asked, "Does the network need it for a cat? Switch it off.", 4)
    told = page(
        left,
        title,
        bars(names, [before / 12, after / 12], box, texts=texts, marked=names[1], step=80),
    )
    yield Shot(told, f"The score rises, from {texts[0]} to {texts[1]}.", 4)
    yield Shot(told, "What a channel responds to is not what it is for.", 4)
