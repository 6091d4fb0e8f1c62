"""The slides' experiment again: 24 photographs, 12 target classes, two step lengths, three scores.

python data/recipes/attack_sweep.py writes tables/attack_sweep_efficientnet_lite0.csv. There
EfficientNet-Lite0 is attacked, on three crops of each of eight bundled photographs, all of which it
classifies rightly.
python data/recipes/attack_sweep.py --photographs imagenet --net squeezenet attacks SqueezeNet on 24
photographs of ImageNet, one of each class, and writes tables/attack_sweep_squeezenet.csv; that
needs the photographs and the net's weights. An interrupted run goes on where it was (the record
lies beside the table until that is written).
"""

import argparse
import csv
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import NamedTuple

import numpy as np

from lecture_lib.adversarial.batches import evaluate_changed_only
from lecture_lib.adversarial.transfer import post_processing
from lecture_lib.core.ascent import Ascent, ascend, length, unit
from lecture_lib.core.scores import class_log_probability, class_probability
from lecture_lib.course.sweeps import sweep
from lecture_lib.datasets.images import load_image, resize_image
from lecture_lib.models.checks import class_index
from lecture_lib.models.inference import class_scores
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
# Of each bundled photograph: what it may be called, and three crops (top, left, side).
CROPS = {
    "cat": (
        ("Egyptian cat", "tiger cat", "tabby"),
        [(50, 0, 150), (120, 271, 180), (0, 151, 300)],
    ),
    "coffee": (("espresso", "cup"), [(0, 0, 240), (106, 360, 240), (0, 200, 400)]),
    "motorcycle": (
        ("moped", "motor scooter"),
        [(66, 441, 300), (0, 0, 500), (250, 163, 250)],
    ),
    "naval officer": (("military uniform",), [(44, 0, 512), (0, 256, 256), (0, 136, 307)]),
    "cameraman": (("tripod",), [(68, 205, 307), (0, 0, 512), (205, 0, 307)]),
    "tower": (("palace",), [(86, 0, 341), (0, 142, 213), (57, 199, 341)]),
    "rocket": (("missile", "projectile"), [(57, 256, 256), (0, 106, 427), (0, 128, 256)]),
    "flower": (("daisy",), [(57, 99, 341), (214, 284, 213), (0, 213, 427)]),
}
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
    "P with floor": Way(class_probability, THRESHOLD, floored),
    "P without floor": Way(class_probability, THRESHOLD, unit),
    "log P": Way(class_log_probability, np.log(THRESHOLD), unit),
}


def sources(photographs):
    """The names of the 24 photographs: of ImageNet its classes, of the crops "cat 1" and so on."""
    if photographs == "imagenet":
        return TARGETS + OTHERS
    return [f"{photo} {number}" for photo in CROPS for number in (1, 2, 3)]


def load_source(name, size):
    """A photograph or a crop of one, (size, size, 3), and the classes that are right for it."""
    photo, number = name[:-2], name[-1:]
    if photo not in CROPS:
        return load_image(name, size=size), (name,)
    answers, boxes = CROPS[photo]
    top, left, side = boxes[int(number) - 1]
    crop = load_image(photo)[top : top + side, left : left + side]
    return resize_image(crop, size), answers


def attack(net, photo, rate, way):
    """Attack one photograph toward every target but its own class: a row for each."""
    model = load_model(net)
    image, answers = load_source(photo, model.image_size)
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
    right = int(seen in answers)
    job = {"net": net, "photo": photo, "seen": seen, "right": right, "way": way, "rate": rate}
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
        "right": job["right"],
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
    """Print the shares that reached their target, for each way and each rate.

    A photograph that was misread counts in neither: the second share leaves it out.
    """
    for way in WAYS:
        for rate in RATES:
            some = [row for row in rows if (row["way"], row["rate"]) == (way, rate)]
            of_right = [row for row in some if row["right"]]
            print(
                f"{way:15} rate {rate:2}: of {len(some)} attacks {share_reached(some):.1%} reach "
                f"the target, of the {len(of_right)} on sources read rightly "
                f"{share_reached(of_right):.1%}"
            )


def share_reached(rows):
    """The share that shows its target after the trip through a PNG file."""
    return np.mean([row["after_png"] == row["target"] for row in rows])


def write(table, rows):
    with open(table, "w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, rows[0], lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)


def chosen():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    names = {"help": "a name that load_model knows, with ImageNet's classes"}
    parser.add_argument("--net", default="efficientnet_lite0", **names)
    parser.add_argument("--photographs", default="bundled", choices=["bundled", "imagenet"])
    return parser.parse_args()


def main():
    """Run what is missing of the sweep, print the shares, write the table."""
    net = chosen().net
    table = DATA / "tables" / f"attack_sweep_{net}.csv"
    record = table.with_suffix(".jsonl")
    jobs = [
        {"net": net, "photo": photo, "rate": rate, "way": way}
        for way in WAYS
        for rate in RATES
        for photo in sources(chosen().photographs)
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
