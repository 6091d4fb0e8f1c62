"""Measure the defenses on MNIST and Tiny ImageNet, for the tables of notebook 13: python defense_tables.py [PART ...].

PART: pixels, threshold, radius, digits, photographs. Writes defense_digits.csv and defense_photographs.csv (right answers against radius
and attack), defense_threshold.csv (certified, attacked and broken, by the number of fragile pixels), defense_radius.csv (the same
against the radius), defense_levels.csv (fragile pixels against the level) and defense_pixels.csv (how gray digits and attacked digits
are). Needs LECTURE_DATA; takes about ten minutes of a processor core. A run that was cut off goes on where it was, with what it has
kept in checkpoints/; take that away after a net was trained anew.
"""

import csv
import sys
from functools import cache, partial
from pathlib import Path

import numpy as np

from lecture_lib.adversarial.attacks import fgsm, pgd
from lecture_lib.course.sweeps import sweep
from lecture_lib.datasets.digits import load_mnist
from lecture_lib.datasets.image_sets import load_tiny_imagenet
from lecture_lib.defenses.thresholding import (
    certify,
    fragile,
    greedy_flip_attack,
    survivors,
    with_threshold,
)
from lecture_lib.models.inference import class_scores
from lecture_lib.models.zoo import load_model

DATA, KEPT = Path(__file__).parent.parent, Path("checkpoints")
DIGIT_RADII = np.linspace(0, 0.36, 13)
PHOTO_RADII = np.array([0, 0.25, 0.5, 0.75, 1, 1.5, 2, 3, 4, 6, 8, 12, 16]) / 255
ATTACKS = {
    "mnist": {
        "1 step": fgsm,
        "20 steps": partial(pgd, steps=20),
        "100 steps": partial(pgd, steps=100, seed=1),
    },
    "tinynet": {
        "1 step": fgsm,
        "10 steps": partial(pgd, steps=10),
        "2 × 20 steps": partial(pgd, steps=20, restarts=2, seed=1),
    },
}
LEVEL, RADIUS, CHUNK = 0.38, 0.1, 20


@cache
def mnist():
    return load_mnist()


def every_hundredth_digit():
    """A hundred test digits of all writers: the first half of MNIST's is the easier one."""
    return [part[::100] for part in mnist()[2:]]


@cache
def photographs(count=5):
    found = load_tiny_imagenet("val", per_class=count)
    mixed = np.random.default_rng(0).permutation(len(found.labels))
    return found.images[mixed], found.labels[mixed]


def accuracy(*, net, first):
    """Rows for `CHUNK` pictures from `first` on: how many are right at each radius, under each attack and all weaker ones."""
    digits = net.startswith("mnist")
    images, labels = every_hundredth_digit() if digits else photographs()
    some, radii = slice(first, first + CHUNK), DIGIT_RADII if digits else PHOTO_RADII
    attacks = ATTACKS["mnist" if digits else "tinynet"]
    kept = survivors(
        load_model(net), images[some], labels[some], radii=radii, attacks=list(attacks.values())
    )
    return [
        {
            "net": net,
            "attack": name,
            "radius": round(float(radius), 6),
            "images": CHUNK,
            "right": int(kept[row, column].sum()),
        }
        for row, name in enumerate(attacks)
        for column, radius in enumerate(radii)
    ]


def thresholded(*, first, count, radius, checked):
    """One row a picture behind the threshold: fragile pixels, right, right under attacks, certified, broken.

    What is proven needs no attack; `checked` of the pictures are attacked all the same, to see that the proof holds.
    """
    net, images, labels = (
        load_model("mnist_cnn"),
        *(part[first : first + count] for part in mnist()[2:]),
    )
    defended = _behind_threshold()
    right = lambda pictures, places: (
        class_scores(defended, pictures).argmax(axis=1) == labels[places]
    )
    found, clean = certify(net, images, labels, epsilon=radius), right(images, slice(None))
    attacked, flipped = clean.copy(), clean.copy()
    places = np.flatnonzero(clean & ~found.certified | clean & (np.arange(count) < checked))
    if places.size:
        climbed = pgd(defended, images[places], labels[places], epsilon=radius, steps=40)
        attacked[places] = right(climbed, places)
        flipped[places] = right(
            greedy_flip_attack(net, images[places], labels[places], epsilon=radius), places
        )
    assert not (found.certified & ~(attacked & flipped & clean)).any(), (
        "a picture was misread that the certificate vouches for"
    )
    columns = {
        "pixels": found.pixels,
        "clean": clean,
        "attacked": attacked,
        "flipped": flipped,
        "certified": found.certified,
        "broken": found.broken,
    }
    return [
        {name: int(values[row]) for name, values in columns.items()} | {"radius": radius}
        for row in range(count)
    ]


@cache
def _behind_threshold():
    return with_threshold(load_model("mnist_cnn"), level=LEVEL)


def undefended(*, first, count, radius):
    """One row a picture: is `mnist_cnn` without a threshold right after 40 steps?"""
    net, images, labels = (
        load_model("mnist_cnn"),
        *(part[first : first + count] for part in mnist()[2:]),
    )
    kept = survivors(net, images, labels, radii=[0, radius], attacks=[partial(pgd, steps=40)])
    return [{"radius": radius, "plain": int(right)} for right in kept[0, 1]]


def strongest(rows):
    """The same rows, where nothing looks weaker than it is: flips keep what the gradient found, broken is what any search broke."""
    for row in rows:
        flipped = row["flipped"] & row["attacked"]
        yield row | {"flipped": flipped, "broken": row["broken"] | 1 - flipped}


def summed(rows, by):
    """Rows with the same values in the columns `by` as one, their other columns added up and their number as "images"."""
    groups = {}
    for row in rows:
        nothing = dict.fromkeys([name for name in row if name not in by], 0) | {"images": 0}
        total = groups.setdefault(tuple(row[name] for name in by), nothing)
        for name in total:
            total[name] += row.get(name, 1)
    return [dict(zip(by, group, strict=True)) | groups[group] for group in sorted(groups)]


def write(name, rows):
    with open(DATA / "tables" / f"{name}.csv", "w", newline="", encoding="utf-8") as file:
        table = csv.DictWriter(file, list(rows[0]), lineterminator="\n")
        table.writeheader()
        table.writerows(rows)


def measure_accuracy(table, *nets, count):
    jobs = [{"net": net, "first": first} for net in nets for first in range(0, count, CHUNK)]
    write(
        table,
        summed(sweep(accuracy, jobs, path=KEPT / f"{table}.jsonl"), ["net", "attack", "radius"]),
    )


def measure_threshold(count=10_000, part=100):
    jobs = [
        {"first": first, "count": part, "radius": RADIUS, "checked": part if first < 200 else 0}
        for first in range(0, count, part)
    ]
    rows = strongest(sweep(thresholded, jobs, path=KEPT / "defense_threshold.jsonl"))
    write("defense_threshold", summed(rows, ["pixels", "radius"]))


def measure_radius(count=100, part=50):
    radii = [0.02, 0.05, 0.1, 0.15, 0.2]
    jobs = [
        {"first": first, "count": part, "radius": radius, "checked": 0}
        for radius in radii
        for first in range(0, count, part)
    ]
    rows = strongest(sweep(thresholded, jobs, path=KEPT / "defense_radius.jsonl"))
    plain = sweep(
        undefended,
        [{"first": 0, "count": 100, "radius": radius} for radius in radii],
        path=KEPT / "defense_plain.jsonl",
    )
    shares = {row["radius"]: row["plain"] / row["images"] for row in summed(plain, ["radius"])}
    write(
        "defense_radius",
        [row | {"plain_share": shares[row["radius"]]} for row in summed(rows, ["radius"])],
    )


def measure_pixels(count=500):
    images, _, tests, labels = mnist()
    levels = [round(0.3 + 0.01 * step, 2) for step in range(21)]
    shares = {
        name: [
            np.mean(
                [
                    fragile(part, epsilon=RADIUS, level=level).mean()
                    for part in np.split(pictures, 20)
                ]
            )
            for level in levels
        ]
        for name, pictures in (("train", images), ("test", tests))
    }
    write(
        "defense_levels",
        [
            {"level": level, "train": f"{train:.6f}", "test": f"{test:.6f}"}
            for level, train, test in zip(levels, shares["train"], shares["test"], strict=True)
        ],
    )
    attacked = pgd(
        load_model("mnist_natural"), tests[:count], labels[:count], epsilon=0.3, steps=20
    )
    rows = [{"gray": "0 exactly", "test": np.mean(tests == 0), "attacked": np.mean(attacked == 0)}]
    edges = np.linspace(0, 1, 21)
    gray = {
        name: np.histogram(pictures, edges)[0] / pictures.size
        for name, pictures in (("test", tests), ("attacked", attacked))
    }
    rows += [
        {"gray": f"{low:.3f}"} | {name: gray[name][place] for name in gray}
        for place, low in enumerate(edges[:-1])
    ]
    write("defense_pixels", [row | {name: f"{row[name]:.6f}" for name in gray} for row in rows])


if __name__ == "__main__":
    KEPT.mkdir(exist_ok=True)
    wanted = sys.argv[1:] or ["pixels", "threshold", "radius", "digits", "photographs"]
    if "pixels" in wanted:
        measure_pixels()
    if "threshold" in wanted:
        measure_threshold()
    if "radius" in wanted:
        measure_radius()
    if "digits" in wanted:
        measure_accuracy("defense_digits", "mnist_natural", "mnist_robust", count=100)
    if "photographs" in wanted:
        measure_accuracy("defense_photographs", "tinynet", "tinynet_robust", count=40)
