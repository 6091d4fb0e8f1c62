"""Measure what the lectures measure on photographs of ImageNet, and write lecture_photographs.csv.

    python data/recipes/lecture_photographs.py

Four questions to the two ImageNet networks of the course, in about a minute: which probabilities
the goldfish gets, how many of the 98 photographs are classified correctly, how far the probability
of the African elephant falls where a gray square covers the photograph, and how confident a network
becomes of noise. The photographs are downloaded.
"""

import csv

import numpy as np
from export import DATA

from lecture_lib.adversarial.targeted import make_adversarial
from lecture_lib.datasets.decoding import imagenet_photo_names
from lecture_lib.datasets.images import load_image
from lecture_lib.models.checks import class_index
from lecture_lib.models.inference import probabilities
from lecture_lib.models.zoo import load_model
from lecture_lib.occlusion.occlusion import patch_places

NETWORKS = ("efficientnet_lite0", "squeezenet")
PATCH = 48  # pixels
STRIDE = 16
TABLE = DATA / "tables" / "lecture_photographs.csv"


def probability_of(model, photo):
    """Return the probability of a photograph's own class."""
    image = load_image(photo, size=model.image_size)
    return float(probabilities(model, image)[class_index(model, photo)])


def share_right(model):
    """Return the share of the photographs whose likeliest class is their own."""
    right = []
    for photo in imagenet_photo_names():
        image = load_image(photo, size=model.image_size)
        best = probabilities(model, image).argmax()
        right.append(best == class_index(model, photo))
    return float(np.mean(right))


def lowest_under_a_patch(model, photo):
    """Return the smallest probability of a photograph's class while a gray square covers it."""
    image = load_image(photo, size=model.image_size)
    places_down, places_across = patch_places(image.shape[:2], patch=PATCH, stride=STRIDE)
    covered = []
    for rows in places_down:
        for columns in places_across:
            patch = np.outer(rows, columns)[..., None]
            covered.append(np.where(patch, np.float32(0.5), image))
    return float(probabilities(model, np.stack(covered))[:, class_index(model, photo)].min())


def second_probability(model, photo):
    """Return the second highest probability of a photograph."""
    image = load_image(photo, size=model.image_size)
    return float(np.sort(probabilities(model, image))[-2])


def of_noise(model, target):
    """Return the probability of a class for noise that gradient ascent has moved toward it."""
    noise = np.random.default_rng(0).random((model.image_size, model.image_size, 3), np.float32)
    index = class_index(model, target)
    attacked = make_adversarial(model, noise, index, threshold=0.996, steps=300)
    return float(attacked.probability)


def measured(name):
    """Return the rows of one network."""
    model = load_model(name)
    found = {
        "goldfish, second": second_probability(model, "goldfish"),
        "noise": of_noise(model, "goldfish"),
        "goldfish": probability_of(model, "goldfish"),
        "share of 98 photographs": share_right(model),
        "elephant": probability_of(model, "African elephant"),
        "elephant under a patch": lowest_under_a_patch(model, "African elephant"),
    }
    return [{"net": name, "what": what, "value": f"{value:.6g}"} for what, value in found.items()]


def main():
    """Measure both networks and write the table."""
    rows = [row for name in NETWORKS for row in measured(name)]
    with open(TABLE, "w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, ["net", "what", "value"], lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)


if __name__ == "__main__":
    main()
