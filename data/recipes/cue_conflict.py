"""Texture or shape: what do four networks answer where the two disagree?

    python data/recipes/cue_conflict.py

It makes cue_conflict.csv. ImageNet's photographs of twelve classes are painted in the style of one
another by the course's own style transfer on EfficientNet-Lite0, as in notebook 11: content of one
class, style of another, at 224 pixels and with three weights of the style, 396 images. Each network
chooses among the twelve classes. Rows of style weight 0 are the photographs as they are. After
Geirhos et al., ImageNet-trained CNNs are biased towards texture, 2019. It takes about ten minutes;
rows that the table has already are not made again.
"""

import csv
from itertools import permutations

from export import DATA
from tqdm.auto import tqdm

from lecture_lib.datasets.images import load_image, resize_image
from lecture_lib.models.inference import class_scores
from lecture_lib.models.zoo import load_model
from lecture_lib.style_transfer import stylize

TWELVE = (
    "king penguin",
    "koala",
    "monarch",
    "ladybug",
    "school bus",
    "pizza",
    "goldfish",
    "triumphal arch",
    "lesser panda",
    "tarantula",
    "orange",
    "sports car",
)
NETWORKS = ("efficientnet_lite0", "squeezenet", "tinynet", "tinynet_robust")
STYLE_WEIGHTS = (1000, 10_000, 100_000)
RECIPE = {
    "content_layer": "block7",
    "style_layers": (
        "stem_relu",
        "block1_project",
        "block2_expand_relu",
        "block3_expand_relu",
        "block4_expand_relu",
        "block5_expand_relu",
    ),
    "smoothness": 100,
    "learning_rate": 0.05,
    "steps": 50,
}
TABLE = DATA / "tables" / "cue_conflict.csv"
COLUMNS = ["style_weight", "shape", "texture", "network", "decision"]


def cue_conflict(weight, shape, texture):
    """Return an image with the shape of one photograph and the texture of another."""
    content = load_image(shape, size=224)
    if not weight:
        return content
    painter = load_model("efficientnet_lite0")
    style = load_image(texture, size=224)
    return stylize(painter, content, style, style_weight=weight, **RECIPE).images


def decision(network, image):
    """Return the one of the twelve classes with the highest logit."""
    model = load_model(network)
    logits = class_scores(model, resize_image(image, model.image_size))
    return max(TWELVE, key=lambda name: logits[model.class_names.index(name)])


def questions():
    """Return (style weight, shape, texture) of every image."""
    plain = [(0, name, name) for name in TWELVE]
    pairs = list(permutations(TWELVE, 2))
    return plain + [(weight, *pair) for weight in STYLE_WEIGHTS for pair in pairs]


def already_made():
    """Return the questions whose rows the table has."""
    if not TABLE.exists():
        return set()
    with TABLE.open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    return {(int(row["style_weight"]), row["shape"], row["texture"]) for row in rows}


def main():
    """Make the rows that the table lacks, image by image."""
    done = already_made()
    with TABLE.open("a", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        if not done:
            writer.writerow(COLUMNS)
        for question in tqdm([one for one in questions() if one not in done]):
            image = cue_conflict(*question)
            writer.writerows([*question, name, decision(name, image)] for name in NETWORKS)
            file.flush()


if __name__ == "__main__":
    main()
