"""The slides' experiment again: 24 photographs, 12 target classes, two step lengths, two scores.

python data/recipes/attack_sweep.py [--net squeezenet] writes tables/attack_sweep.csv; another net's
table is attack_sweep_NET.csv. Needs the ImageNet photographs and the net's weights. An interrupted
run goes on where it was (the record lies beside the table until that is written).
"""

import argparse
import csv
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import NamedTuple

import numpy as np

from lecture_lib.adversarial.attacks import evaluate_changed_only
from lecture_lib.adversarial.transfer import post_processing
from lecture_lib.core.ascent import Ascent, ascend, length, unit
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
THRESHOLD = 0.7
STEPS = 200
RATES = (1, 10)  # lengths of a step where pixels run from -1 to 1: half as long in [0, 1]


def floored(gradients):
    """Divide each image's gradient by its length as `tf.math.l2_normalize` does, with a floor.

    That floor is meant for pixels in [-1, 1]; in [0, 1] the gradient is twice as long.
    """
    return gradients / np.maximum(length(gradients), 2e-6).astype(np.float32)


class Way(NamedTuple):
    """A way to attack.

    Attributes:
        score: (model, classes) -> the Score to be ascended.
        stop_above: the value of the score at which the target has the threshold's probability.
        direction: gradients -> steps.
    """

    score: Callable
    stop_above: float
    direction: Callable


# The course ascends log P, each step at its full length; the slides ascend P with the floor.
WAYS = {
    "log P": Way(class_log_probability, np.log(THRESHOLD), unit),
    "P with floor": Way(class_probability, THRESHOLD, floored),
}


def attack(net, photo, rate, way):
    """Attack one photograph toward every target but its own class: a row for each."""
    model = load_model(net)
    image = load_image(photo, size=model.image_size)
    names = [name for name in TARGETS if name != photo]
    targets = np.array([class_index(model, name) for name in names], np.int32)
    ascent = ascend_all(model, image, targets, rate=rate, way=WAYS[way])
    # What the net predicts: of the array, and of two files.
    columns = {
        "answer": predicted_names(model, ascent.images),
        "after_png": predicted_names(model, after_stage("8 bits", ascent.images)),
        "after_save_img": predicted_names(model, after_stage("save_img", ascent.images)),
    }
    seen = predicted_names(model, image[None])[0]
    job = {"net": net, "photo": photo, "seen": seen, "way": way, "rate": rate}
    return [
        row_of(job, ascent, image, place=place, target=name, columns=columns)
        for place, name in enumerate(names)
    ]


def ascend_all(model, image, targets, *, rate, way):
    """The ascent of one image toward several targets at once."""
    score_of = partial(way.score, model)
    return ascend(
        score_of(targets),
        np.repeat(image[None], len(targets), axis=0),
        steps=STEPS,
        learning_rate=rate / 2,
        direction=way.direction,
        stop_above=way.stop_above,
        evaluate=evaluate_changed_only(score_of, targets),
    )


def after_stage(stage, images):
    return np.stack([post_processing()[stage](image) for image in images])


def predicted_names(model, images):
    return [model.class_names[index] for index in class_scores(model, images).argmax(axis=1)]


def row_of(job, ascent: Ascent, image, *, place, target, columns):
    """The row of one target: a job's names, what was reached, and how large the change is."""
    stop_above = WAYS[job["way"]].stop_above
    values = ascent.values[:, place]
    change = ascent.images[place] - image
    return {
        "net": job["net"],
        "photo": job["photo"],
        "seen": job["seen"],
        "target": target,
        "way": job["way"],
        "rate": job["rate"],
        "reached": int(values[-1] > stop_above),
        "steps": int(np.sum(values[:-1] <= stop_above)),
        **{name: texts[place] for name, texts in columns.items()},
        "mean_squared": float(f"{np.square(change).mean():.3g}"),
        "mean_absolute": float(f"{np.abs(change).mean():.3g}"),
    }


def report(rows):
    """Print the shares that reached their target, for each way and each rate."""
    for way in WAYS:
        for rate in RATES:
            some = [row for row in rows if (row["way"], row["rate"]) == (way, rate)]
            reached = np.mean([row["reached"] for row in some])
            after = np.mean([row["after_png"] == row["target"] for row in some])
            print(
                f"{way:12} rate {rate:2}: {len(some)} attacks, {reached:.1%} reach the target, "
                f"{after:.1%} after PNG"
            )


def write(table, rows):
    with open(table, "w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, rows[0], lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)


def chosen_net():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument(
        "--net", default="squeezenet", help="a name that load_model knows, with ImageNet's classes"
    )
    return parser.parse_args().net


def main():
    """Run what is missing of the sweep, print the shares, write the table."""
    net = chosen_net()
    name = "attack_sweep.csv" if net == "squeezenet" else f"attack_sweep_{net}.csv"
    table = DATA / "tables" / name
    record = table.with_suffix(".jsonl")
    jobs = [
        {"net": net, "photo": photo, "rate": rate, "way": way}
        for way in WAYS
        for rate in RATES
        for photo in TARGETS + OTHERS
    ]
    began = time.perf_counter()
    used = time.process_time()
    rows = sweep(attack, jobs, path=record)
    print(f"{time.perf_counter() - began:.0f} s, {time.process_time() - used:.0f} s of processor")
    report(rows)
    # An interrupted sweep keeps its record, and writes no table.
    done = {(row["photo"], row["way"], row["rate"]) for row in rows}
    if len(done) == len(jobs):
        write(table, rows)
        record.unlink()


if __name__ == "__main__":
    main()
