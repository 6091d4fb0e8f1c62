"""Make the cat of the README: python tools/make_pictures.py.

The class pictures are made by tools/draw_gallery.py.
"""

from pathlib import Path

import numpy as np
from PIL import Image

from lecture_lib.adversarial.targeted import make_adversarial
from lecture_lib.datasets.images import load_image, to_uint8
from lecture_lib.models.checks import class_index
from lecture_lib.models.inference import top_classes
from lecture_lib.models.zoo import load_model

DOCS = Path(__file__).resolve().parent.parent / "docs"


def save(images, name, *, columns, zoom, gap):
    """Write images side by side as a PNG, each pixel `zoom` pixels wide, on white."""
    large = [to_uint8(image).repeat(zoom, axis=0).repeat(zoom, axis=1) for image in images]
    margins = [(0, gap), (0, gap), (0, 0)]  # below and to the right of each
    padded = [np.pad(image, margins, constant_values=255) for image in large]
    starts = range(0, len(padded), columns)
    rows = [np.concatenate(padded[start : start + columns], axis=1) for start in starts]
    Image.fromarray(np.concatenate(rows)[:-gap, :-gap]).save(DOCS / name, optimize=True)


def main():
    model = load_model("efficientnet_lite0")
    cat = load_image("cat", size=model.image_size)
    result = make_adversarial(model, cat, class_index(model, "teapot"), learning_rate=0.1)
    difference = result.images - cat
    save(
        [cat, result.images, np.clip(0.5 + 10 * difference, 0, 1)],
        "teapot.png",
        columns=3,
        zoom=1,
        gap=6,
    )
    for image in (cat, result.images):
        best = top_classes(model, image)[0]
        print(f"{best.class_name}, {best.probability:.0%}")
    print(f"{result.steps} steps, mean change {255 * np.abs(difference).mean():.1f} levels")


if __name__ == "__main__":
    main()
