"""Make the pictures of the README with the bundled networks: python tools/make_pictures.py."""

from pathlib import Path

import numpy as np
from PIL import Image

from lecture_lib.adversarial.targeted import make_adversarial
from lecture_lib.class_visualization import visualize_class
from lecture_lib.datasets.images import load_image, to_uint8
from lecture_lib.models.inference import class_index
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
    robust = load_model("tinynet_robust")
    tinynet = load_model("tinynet")
    save(
        visualize_class(robust, np.arange(40), steps=60).images,
        "classes.png",
        columns=10,
        zoom=1,
        gap=2,
    )
    cat = load_image("cat", size=tinynet.image_size)
    attacked = make_adversarial(
        tinynet, cat, class_index(tinynet, "teapot"), learning_rate=0.05
    ).images
    save(
        [cat, attacked, np.clip(0.5 + 10 * (attacked - cat), 0, 1)],
        "teapot.png",
        columns=3,
        zoom=3,
        gap=6,
    )


if __name__ == "__main__":
    main()
