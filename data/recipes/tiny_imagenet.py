"""The images that `tinynet` learns from: 40 classes of Tiny ImageNet.

They are read from the archive that LECTURE_DATA holds.
"""

import io
import os
import tarfile
from pathlib import Path

import numpy as np
from PIL import Image

from lecture_lib.datasets.downloads import DATA

CLASSES = (DATA / "tables" / "tinynet_classes.txt").read_text().splitlines()


def read():
    """Return train and validation images and labels: uint8 (N, 64, 64, 3) and int (N,), twice."""
    images = {"train": [], "val": []}
    labels = {"train": [], "val": []}
    with tarfile.open(Path(os.environ["LECTURE_DATA"]) / "tiny-imagenet-105.tar") as archive:
        names = class_names(archive)
        for member in archive:
            folder, *rest = member.name.split("/")
            if len(rest) == 2 and names[rest[0]] in CLASSES:
                data = archive.extractfile(member).read()
                images[folder].append(np.asarray(Image.open(io.BytesIO(data)).convert("RGB")))
                labels[folder].append(CLASSES.index(names[rest[0]]))
    parts = (images["train"], labels["train"], images["val"], labels["val"])
    return [np.array(part) for part in parts]


def class_names(archive):
    """Return {WordNet number: class name} of the archive's table, each name without synonyms."""
    rows = archive.extractfile("classes.tsv").read().decode().splitlines()
    pairs = [row.split("\t") for row in rows]
    return {number: name.split(",")[0] for number, name in pairs}
