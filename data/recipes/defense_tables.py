"""Measure the defenses on MNIST and Tiny ImageNet, for the tables of notebook 13.

python defense_tables.py [PART ...], PART: pixels, threshold, radius, digits, photographs. Writes
defense_digits.csv and defense_photographs.csv (right predictions against radius and attack),
defense_threshold.csv (certified, attacked and broken, by the number of undecided pixels),
defense_radius.csv (the same against the radius), defense_levels.csv (undecided pixels against the
level) and defense_pixels.csv (how gray digits and their adversarial examples are).

Needs LECTURE_DATA; takes about ten minutes of a processor core. A run that was cut off goes on
where it was, with what it has kept in checkpoints/; take that away after a net was trained anew.
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
    greedy_flip_attack,
    robust_mask,
    undecided_pixels,
    with_threshold,
)
from lecture_lib.models.inference import class_scores
from lecture_lib.models.zoo import load_model

DATA = Path(__file__).parent.parent
CHECKPOINTS = Path("checkpoints")
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
LEVEL = 0.38
RADIUS = 0.1
CHUNK = 20  # images of one job


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
    """Count the right predictions for `CHUNK` images at each radius, under each attack.

    An attack counts together with all weaker ones.
    """
    digits = net.startswith("mnist")
    images, labels = every_hundredth_digit() if digits else photographs()
    some = slice(first, first + CHUNK)
    radii = DIGIT_RADII if digits else PHOTO_RADII
    attacks = ATTACKS["mnist" if digits else "tinynet"]
    robust = robust_mask(
        load_model(net), images[some], labels[some], radii=radii, attacks=list(attacks.values())
    )
    return [
        {
            "net": net,
            "attack": name,
            "radius": round(float(radius), 6),
            "images": CHUNK,
            "right": int(robust[row, column].sum()),
        }
        for row, name in enumerate(attacks)
        for column, radius in enumerate(radii)
    ]


def thresholded(*, first, count, radius, checked):
    """One row an image behind the threshold: undecided pixels, right, attacked, certified, broken.

    What is proven needs no attack; `checked` of the images are attacked all the same, to see that
    the proof holds.
    """
    net = load_model("mnist_cnn")
    images, labels = some_test_digits(first, count)
    found = certify(net, images, labels, epsilon=radius)
    clean = is_right(_behind_threshold(), images, labels)
    places = np.flatnonzero(clean & (~found.certified | (np.arange(count) < checked)))
    attacked, flipped = under_attacks(images, labels, clean, radius=radius, places=places)
    if (found.certified & ~(attacked & flipped & clean)).any():
        raise AssertionError("A digit was misclassified that the certificate vouches for.")
    columns = {
        "pixels": found.undecided_pixels,
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


def some_test_digits(first, count):
    return [part[first : first + count] for part in mnist()[2:]]


def is_right(net, images, labels):
    return class_scores(net, images).argmax(axis=1) == labels


def under_attacks(images, labels, clean, *, radius, places):
    """Which digits stay right under the gradient attack, and under flips, tried at `places`."""
    attacked = clean.copy()
    flipped = clean.copy()
    if places.size:
        defended = _behind_threshold()
        some, true_classes = images[places], labels[places]
        moved = pgd(defended, some, true_classes, epsilon=radius, steps=40)
        attacked[places] = is_right(defended, moved, true_classes)
        moved = greedy_flip_attack(load_model("mnist_cnn"), some, true_classes, epsilon=radius)
        flipped[places] = is_right(defended, moved, true_classes)
    return attacked, flipped


@cache
def _behind_threshold():
    return with_threshold(load_model("mnist_cnn"), level=LEVEL)


def undefended(*, first, count, radius):
    """One row a digit: is `mnist_cnn` without a threshold right after 40 steps?"""
    net = load_model("mnist_cnn")
    images, labels = some_test_digits(first, count)
    robust = robust_mask(net, images, labels, radii=[0, radius], attacks=[partial(pgd, steps=40)])
    return [{"radius": radius, "plain": int(right)} for right in robust[0, 1]]


def strongest(rows):
    """The same rows, where no attack looks weaker than it is.

    Flips also count what the gradient attack found, and broken is what any search broke.
    """
    for row in rows:
        flipped = row["flipped"] & row["attacked"]
        yield row | {"flipped": flipped, "broken": row["broken"] | 1 - flipped}


def summed(rows, by):
    """Add up the rows that agree in the columns `by`; their number is the column "images"."""
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
    rows = sweep(accuracy, jobs, path=CHECKPOINTS / f"{table}.jsonl")
    write(table, summed(rows, ["net", "attack", "radius"]))


def measure_threshold(count=10_000, part=100):
    jobs = [
        {"first": first, "count": part, "radius": RADIUS, "checked": part if first < 200 else 0}
        for first in range(0, count, part)
    ]
    rows = strongest(sweep(thresholded, jobs, path=CHECKPOINTS / "defense_threshold.jsonl"))
    write("defense_threshold", summed(rows, ["pixels", "radius"]))


def measure_radius(count=100, part=50):
    radii = [0.02, 0.05, 0.1, 0.15, 0.2]
    jobs = [
        {"first": first, "count": part, "radius": radius, "checked": 0}
        for radius in radii
        for first in range(0, count, part)
    ]
    rows = strongest(sweep(thresholded, jobs, path=CHECKPOINTS / "defense_radius.jsonl"))
    shares = undefended_shares(radii)
    write(
        "defense_radius",
        [row | {"plain_share": shares[row["radius"]]} for row in summed(rows, ["radius"])],
    )


def undefended_shares(radii):
    """{radius: the share of a hundred digits that stays right without a threshold}."""
    jobs = [{"first": 0, "count": 100, "radius": radius} for radius in radii]
    rows = sweep(undefended, jobs, path=CHECKPOINTS / "defense_plain.jsonl")
    return {row["radius"]: row["plain"] / row["images"] for row in summed(rows, ["radius"])}


def measure_levels():
    """The share of undecided pixels at each level, of MNIST's training and test images."""
    train, _, test, _ = mnist()
    levels = [round(0.3 + 0.01 * step, 2) for step in range(21)]
    rows = [
        {
            "level": level,
            "train": f"{undecided_share(train, level):.6f}",
            "test": f"{undecided_share(test, level):.6f}",
        }
        for level in levels
    ]
    write("defense_levels", rows)


def undecided_share(images, level):
    # In parts, as all of them at once fill the memory.
    parts = np.split(images, 20)
    return np.mean([undecided_pixels(part, epsilon=RADIUS, level=level).mean() for part in parts])


def measure_pixels(count=500):
    """The histogram of gray values, of test digits and of their adversarial examples."""
    _, _, test, labels = mnist()
    net = load_model("mnist_natural")
    attacked = pgd(net, test[:count], labels[:count], epsilon=0.3, steps=20)
    edges = np.linspace(0, 1, 21)
    gray = {"test": shares_of_grays(test, edges), "attacked": shares_of_grays(attacked, edges)}
    rows = [{"gray": "0 exactly", "test": np.mean(test == 0), "attacked": np.mean(attacked == 0)}]
    for place, low in enumerate(edges[:-1]):
        rows.append({"gray": f"{low:.3f}"} | {name: gray[name][place] for name in gray})
    write("defense_pixels", [row | {name: f"{row[name]:.6f}" for name in gray} for row in rows])


def shares_of_grays(images, edges):
    counts, _ = np.histogram(images, edges)
    return counts / images.size


def measure_levels_and_pixels():
    measure_levels()
    measure_pixels()


PARTS = {
    "pixels": measure_levels_and_pixels,
    "threshold": measure_threshold,
    "radius": measure_radius,
    "digits": partial(
        measure_accuracy, "defense_digits", "mnist_natural", "mnist_robust", count=100
    ),
    "photographs": partial(
        measure_accuracy, "defense_photographs", "tinynet", "tinynet_robust", count=40
    ),
}


if __name__ == "__main__":
    CHECKPOINTS.mkdir(exist_ok=True)
    for name in [name for name in PARTS if name in (sys.argv[1:] or PARTS)]:
        PARTS[name]()
