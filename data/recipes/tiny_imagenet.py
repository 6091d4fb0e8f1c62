"""The pictures that `tinynet` learns from.

40 classes of Tiny ImageNet, read from the archive that LECTURE_DATA holds.
"""

import io
import os
import tarfile
from pathlib import Path

import numpy as np
from PIL import Image

CLASSES = (Path(__file__).parent.parent / "tables" / "tinynet_classes.txt").read_text().splitlines()


def read():
    """Return train and validation pictures and labels: uint8 (N, 64, 64, 3) and int (N,), twice."""
    parts = {"train": ([], []), "val": ([], [])}
    with tarfile.open(Path(os.environ["LECTURE_DATA"]) / "tiny-imagenet-105.tar") as archive:
        rows = archive.extractfile("classes.tsv").read().decode().splitlines()
        names = {wnid: name.split(",")[0] for wnid, name in (row.split("\t") for row in rows)}
        for member in archive:
            folder, *rest = member.name.split("/")
            if len(rest) == 2 and names[rest[0]] in CLASSES:
                picture = Image.open(io.BytesIO(archive.extractfile(member).read())).convert("RGB")
                parts[folder][0].append(np.asarray(picture))
                parts[folder][1].append(CLASSES.index(names[rest[0]]))
    return [np.array(values) for part in parts.values() for values in part]
