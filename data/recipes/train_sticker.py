"""Train the sticker that notebook 12 prints, and write data/stickers/toaster.png.

    python data/recipes/train_sticker.py [--target toaster] [--steps 600]

EfficientNet-Lite0 at 224 pixels; 200 crops of the bundled photographs, 12 of them a step, each in
another random way; the sticker covers between a sixteenth and a sixth of a picture. Then it
prints on how many of 200 unseen crops, seen in unseen ways, it wins. Seed 0.
"""

import argparse

import numpy as np
from export import DATA

from lecture_lib.adversarial.stickers import make_sticker, photograph
from lecture_lib.datasets.image_sets import random_crops
from lecture_lib.datasets.images import load_image
from lecture_lib.datasets.saving import encode_png
from lecture_lib.models.checks import class_index
from lecture_lib.models.inference import class_scores
from lecture_lib.models.remarks import interrupts_passed_on
from lecture_lib.models.zoo import load_model

AREAS = {"a fifth": 1 / 5, "a twelfth": 1 / 12}


def say(step, steps, ascent):
    """Print the score now and then."""
    if step % 25 == 0:
        print(f"step {step} of {steps}: mean log probability {ascent.values[-1]:.3f}", flush=True)


def main(target, steps):
    """Train, write the picture, load it again and measure that."""
    model = load_model("efficientnet_lite0")
    index = class_index(model, target)
    learned_on = random_crops(200, size=model.image_size, seed=0)
    with interrupts_passed_on():  # half a sticker would be written over a whole one
        sticker = make_sticker(model, learned_on, index, steps=steps, watch=say)
    path = DATA / "stickers" / f"{target.replace(' ', '_')}.png"
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(encode_png(sticker))
    stored = load_image(path)
    unseen = random_crops(200, size=model.image_size, seed=1)
    for words, area in AREAS.items():
        seen = photograph(unseen, stored, area=area, seed=1)
        share = np.mean(class_scores(model, seen).argmax(axis=1) == index)
        print(f"at {words} of the picture: {target} in {share:.1%} of {len(seen)}")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--target", default="toaster")
    parser.add_argument("--steps", type=int, default=600)
    given = parser.parse_args()
    main(given.target, given.steps)
