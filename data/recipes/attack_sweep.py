"""The slides' experiment again: 24 photographs, 12 target classes, two step lengths, two ways to climb: ../attack_sweep.csv.

python data/recipes/attack_sweep.py [--net squeezenet]; another net's table is attack_sweep_NET.csv. Needs the ImageNet photographs and
the net's weights. An interrupted run goes on where it was (the record lies beside the table until that is written).
"""

import argparse
import csv
import time
from functools import partial
from pathlib import Path

import numpy as np

from lecture_lib.adversarial.attacks import evaluate_changed_only
from lecture_lib.adversarial.transfer import stages
from lecture_lib.core.ascent import ascend, length, unit
from lecture_lib.core.scores import class_log_probability, class_probability
from lecture_lib.course.sweeps import sweep
from lecture_lib.datasets.images import load_image
from lecture_lib.models.inference import class_index, class_scores
from lecture_lib.models.zoo import load_model

DATA = Path(__file__).parent.parent
TARGETS = [
    "goldfish",
    "scorpion",
    "chimpanzee",
    "koala",
    "tiger",
    "airliner",
    "analog clock",
    "African elephant",
    "schooner",
    "school bus",
    "jellyfish",
    "king penguin",
]
OTHERS = [
    "ostrich",
    "macaw",
    "flamingo",
    "monarch",
    "zebra",
    "giant panda",
    "acoustic guitar",
    "castle",
    "grand piano",
    "parachute",
    "strawberry",
    "volcano",
]
THRESHOLD, STEPS = 0.7, 200
RATES = (1, 10)  # lengths of a step where pixels run from -1 to 1: half as long in [0, 1]


def floored(gradients):
    """What `tf.math.l2_normalize` makes of the gradient of pixels in [-1, 1], written for pixels in [0, 1], where it is twice as long."""
    return gradients / np.maximum(length(gradients), 2e-6).astype(np.float32)


# The course climbs log P, each step at its full length; the slides climb P with the floor.
WAYS = {
    "log P": (class_log_probability, np.log(THRESHOLD), unit),
    "P with floor": (class_probability, THRESHOLD, floored),
}


def attack(net, photo, rate, way):
    """One photograph toward every target but its own class: a row for each, with what the net says of the picture at every stage."""
    model, (score, enough, direction) = load_model(net), WAYS[way]
    image = load_image(photo, size=model.image_size)
    names = [name for name in TARGETS if name != photo]
    targets = np.array([class_index(model, name) for name in names], np.int32)
    score_of, start = partial(score, model), np.repeat(image[None], len(names), axis=0)
    climb = ascend(
        score_of(targets),
        start,
        steps=STEPS,
        learning_rate=rate / 2,
        direction=direction,
        stop_above=enough,
        evaluate=evaluate_changed_only(score_of, targets),
    )
    pngs = [
        np.stack([stages()[name](picture) for picture in climb.images])
        for name in ("8 bits", "save_img")
    ]
    says = lambda images: [
        model.class_names[index] for index in class_scores(model, images).argmax(axis=1)
    ]
    seen, answers = says(image[None])[0], [says(images) for images in (climb.images, *pngs)]
    took, changes = np.sum(climb.values[:-1] <= enough, axis=0), climb.images - image
    columns = zip(names, climb.values[-1] > enough, took, *answers, changes, strict=True)
    return [
        {
            "net": net,
            "photo": photo,
            "seen": seen,
            "target": target,
            "way": way,
            "rate": rate,
            "reached": int(reached),
            "steps": int(steps),
            "answer": answer,
            "after_png": after_png,
            "after_save_img": after_save_img,
            "mean_squared": float(f"{np.square(change).mean():.3g}"),
            "mean_absolute": float(f"{np.abs(change).mean():.3g}"),
        }
        for target, reached, steps, answer, after_png, after_save_img, change in columns
    ]


def main():
    """Run what is missing of the sweep, write the table, print the shares that reached their target."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument(
        "--net", default="squeezenet", help="a name that load_model knows, with ImageNet's classes"
    )
    net = parser.parse_args().net
    jobs = [
        {"net": net, "photo": photo, "rate": rate, "way": way}
        for way in WAYS
        for rate in RATES
        for photo in TARGETS + OTHERS
    ]
    table = (
        DATA / "tables" / ("attack_sweep.csv" if net == "squeezenet" else f"attack_sweep_{net}.csv")
    )
    record, began, used = table.with_suffix(".jsonl"), time.perf_counter(), time.process_time()
    rows = sweep(attack, jobs, path=record)
    print(
        f"{time.perf_counter() - began:.0f} s, {time.process_time() - used:.0f} s of the processor"
    )
    for way in WAYS:
        for rate in RATES:
            some = [row for row in rows if (row["way"], row["rate"]) == (way, rate)]
            reached = np.mean([row["reached"] for row in some])
            after = np.mean([row["after_png"] == row["target"] for row in some])
            print(
                f"{way:12} rate {rate:2}: {len(some)} attacks, {reached:.1%} reach the target, {after:.1%} after PNG"
            )
    if len({(row["photo"], row["way"], row["rate"]) for row in rows}) == len(
        jobs
    ):  # and not when it was interrupted
        with open(table, "w", newline="", encoding="utf-8") as file:
            writer = csv.DictWriter(file, rows[0], lineterminator="\n")
            writer.writeheader()
            writer.writerows(rows)
        record.unlink()


if __name__ == "__main__":
    main()
