"""Write docs/numbers.md: the headline numbers of the lectures beside those of the course.

    python tools/lecture_numbers.py

What the lectures say stands in data/tables/lecture_numbers.tsv. Our numbers come from the weights
and the other tables of data, and the worked example is computed; no network runs. A number that is
not where it was is written as missing, and named at the end; none is guessed.
"""

import csv
import json
from collections.abc import Callable
from functools import partial
from itertools import groupby
from pathlib import Path

import numpy as np

ROOT = Path(__file__).resolve().parents[1]
TABLES = ROOT / "data" / "tables"
PAGE = ROOT / "docs" / "numbers.md"
MISSING = "missing"
INTRODUCTION = """# The lectures' numbers beside ours

Every headline number of the lectures and the paper, ours, and why they differ. A result called
*exact* follows from arithmetic alone and must agree. All others depend on networks and pictures,
and ours are other ones. Where two numbers of ours stand in a row, the first is that of
EfficientNet-Lite0.

`python tools/lecture_numbers.py` writes this page from the tables and weights in `data`.
"""


# Where numbers come from


def table(name: str) -> list[dict[str, str]]:
    """Return the rows of a table of data/tables, none where it is not there."""
    path = TABLES / name
    if not path.is_file():
        return []
    with open(path, newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file, delimiter="\t" if path.suffix == ".tsv" else ","))


def notebook_path(digits: str) -> Path | None:
    """Return the notebook of two digits, None where there is none."""
    return next(iter((ROOT / "notebooks").glob(f"{digits}_*.ipynb")), None)


def percentage(share: float, digits: int) -> str:
    """Return a share in 0..1 as the page writes it."""
    return f"{100 * share:.{digits}f} %"


# Our numbers


def parameters() -> str:
    """Return the parameters of the three layers of the digit classifier."""
    sizes = weight_sizes("mnist_cnn")
    layers = ("conv1", "conv2", "scores")
    counts = [sizes.get(f"{layer}/kernel", 0) + sizes.get(f"{layer}/bias", 0) for layer in layers]
    return ", ".join(f"{count:,}" for count in counts) if all(counts) else MISSING


def row_count(name: str, layer: str) -> str:
    """Return how many numbers reach a dense layer of a bundled network."""
    sizes = weight_sizes(name)
    outputs_each = sizes.get(f"{layer}/bias", 0)
    return str(sizes[f"{layer}/kernel"] // outputs_each) if outputs_each else MISSING


def prototypes() -> str:
    """Return how many prototypes of how many numbers the bundled ProtoNet has."""
    sizes = weight_sizes("protonet")
    count = sizes.get("scores/kernel", 0) // 10  # a weight for each digit
    return f"{count} of {sizes['prototypes/kernel'] // count}" if count else MISSING


def weight_sizes(name: str) -> dict[str, int]:
    """Return {array: how many numbers it has} of the weights of a bundled network."""
    path = ROOT / "data" / "weights" / f"{name}.npz"
    if not path.is_file():
        return {}
    with np.load(path) as weights:
        return {key: weights[key].size for key in weights.files}


def digits_right() -> str:
    """Return the share of MNIST's test digits that the slides' classifier has right."""
    written = json.loads((TABLES / "accuracy.json").read_text(encoding="utf-8"))
    found = written.get("mnist_cnn", {}).get("mnist_test")
    return MISSING if found is None else percentage(found, 2)


def photographed(what: str, form: str) -> str:
    """Return one measure of ImageNet's photographs, of both ImageNet networks."""
    values = {}
    for row in table("lecture_photographs.csv"):
        if row["what"] == what:
            values[row["net"]] = format(float(row["value"]), form).replace("%", " %")
    if set(values) != {"efficientnet_lite0", "squeezenet"}:
        return MISSING
    return f"{values['efficientnet_lite0']}, SqueezeNet {values['squeezenet']}"


def attacks(rate: str) -> str:
    """Return how many attacks by the slides' rule reach their target, of both networks."""
    texts = []
    for net in ("efficientnet_lite0", "squeezenet"):
        tried, reached = 0, 0
        for row in table(f"attack_sweep_{net}.csv"):
            if (row["way"], row["rate"], row["right"]) == ("P with floor", rate, "1"):
                tried += 1
                reached += row["after_png"] == row["target"]
        if not tried:
            return MISSING
        texts.append(f"{reached}/{tried} = {percentage(reached / tried, 1)}")
    return ", SqueezeNet ".join(texts)


def stylized(originals: str, painted: str) -> str:
    """Return the accuracies for one ratio of original to painted images, of all runs."""
    clean, attacked = [], []
    for row in table("stylized_augmentation.csv"):
        if (row["original"], row["stylized"]) == (originals, painted):
            clean.append(float(row["clean"]))
            attacked.append(float(row["attacked"]))
    if not clean:
        return MISSING
    return f"{sum(clean) / len(clean):.4f} / {sum(attacked) / len(attacked):.4f}"


def black_pixels(column: str) -> str:
    """Return the share of exactly black pixels, of test digits or of adversarial ones."""
    for row in table("defense_pixels.csv"):
        if row["gray"] == "0 exactly":
            return percentage(float(row[column]), 2)
    return MISSING


def threshold() -> str:
    """Return the threshold that has the fewest test pixels near it."""
    shares = {row["level"]: float(row["test"]) for row in table("defense_levels.csv")}
    return min(shares, key=shares.get) if shares else MISSING


def thresholded(column: str) -> str:
    """Return the share of all test digits that count in a column of the thresholded classifier."""
    counted, images = 0, 0
    for row in table("defense_threshold.csv"):
        if float(row["radius"]) == 0.1:
            counted += int(row[column])
            images += int(row["images"])
    return percentage(counted / images, 2) if images else MISSING


def rule(name: str) -> str:
    """Return what a ReLU hands back in the worked example of Lecture 8, row by row."""
    inputs = np.array([[1, -1, 5], [2, -5, -7], [-3, 2, 4]])
    upstream = np.array([[-2, 3, -1], [6, -3, 1], [2, -1, 3]])
    was_active = inputs > 0
    is_positive = upstream > 0
    masks = {
        "plain": was_active,
        "deconvnet": is_positive,
        "guided": was_active & is_positive,
    }
    return " ".join(str(row.tolist()) for row in upstream * masks[name])


MEASURES: dict[str, Callable[[], str]] = {
    "goldfish": partial(photographed, "goldfish", ".4f"),
    "goldfish second": partial(photographed, "goldfish, second", ".1e"),
    "photographs right": partial(photographed, "share of 98 photographs", ".1%"),
    "noise": partial(photographed, "noise", ".1%"),
    "elephant": partial(photographed, "elephant", ".2f"),
    "elephant covered": partial(photographed, "elephant under a patch", ".2f"),
    "attacks 1": partial(attacks, "1"),
    "attacks 10": partial(attacks, "10"),
    "parameters": parameters,
    "digits right": digits_right,
    "none": lambda: "not repeated",
    "prototypes": prototypes,
    "hidden features": partial(row_count, "mnist_natural", "hidden"),
    "stylized 1 0": partial(stylized, "1", "0"),
    "flat features": partial(row_count, "mnist_cnn", "scores"),
    "plain rule": partial(rule, "plain"),
    "deconvnet rule": partial(rule, "deconvnet"),
    "guided rule": partial(rule, "guided"),
    "stylized 1 1": partial(stylized, "1", "1"),
    "stylized 1 2": partial(stylized, "1", "2"),
    "stylized 1 3": partial(stylized, "1", "3"),
    "stylized 1 4": partial(stylized, "1", "4"),
    "stylized 4 1": partial(stylized, "4", "1"),
    "black clean": partial(black_pixels, "test"),
    "black attacked": partial(black_pixels, "attacked"),
    "threshold": threshold,
    "accuracy thresholded": partial(thresholded, "attacked"),
    "certified": partial(thresholded, "certified"),
}


# The page


def line_of(row: dict[str, str]) -> str:
    """Return a row of the page's table."""
    ours = MEASURES[row["measure"]]()
    path = notebook_path(row["notebook"])
    link = f"[{row['notebook']}](../notebooks/{path.name})" if path else row["notebook"]
    return f"| {row['what']} | {row['theirs']} | {ours} | {row['why']} | {link} |"


def page() -> str:
    """Return the whole page."""
    parts = [INTRODUCTION]
    for lecture, rows in groupby(table("lecture_numbers.tsv"), key=lambda row: row["lecture"]):
        parts.append(f"## {lecture}\n")
        parts.append("| what | lecture | ours | why they differ | notebook |")
        parts.append("|---|---|---|---|---|")
        parts += [line_of(row) for row in rows]
        parts.append("")
    return "\n".join(parts)


def missing() -> list[str]:
    """Return what the page calls missing."""
    return [row["what"] for row in table("lecture_numbers.tsv") if MISSING in line_of(row)]


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
    print(f"docs/numbers.md is written; missing: {', '.join(missing()) or 'nothing'}.")
