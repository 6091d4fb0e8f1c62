"""Many pictures at once.

Squares cut out of the bundled photographs, and Tiny ImageNet when it is here.
"""

import io
import tarfile
import zipfile
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
from PIL import Image
from tqdm.auto import tqdm

from lecture_lib.datasets import downloads
from lecture_lib.datasets.images import load_image
from lecture_lib.datasets.shapes import Images

# The photographs in color that show things; from them come the pictures to search where there is no
# download.
COLORFUL = (
    "cat",
    "coffee",
    "astronaut",
    "rocket",
    "motorcycle",
    "naval officer",
    "tower",
    "flower",
)
TABLES = downloads.DATA / "tables"
CLASSES = (TABLES / "tinynet_classes.txt").read_text(encoding="utf-8").splitlines()
# The names of ImageNet's classes, in the order of the scores
IMAGENET_CLASSES = (TABLES / "imagenet_classes.txt").read_text(encoding="utf-8").splitlines()
ARCHIVES = (
    "tiny-imagenet-105.tar",
    "tiny-imagenet-200.zip",
)  # a selection repacked, and the original


class PictureSet(NamedTuple):
    """Pictures with their answers.

    Images (N, 64, 64, 3), labels (N,), class_names, and boxes (N, 4) as top, left, bottom, right.
    """

    images: np.ndarray
    labels: np.ndarray
    class_names: tuple
    boxes: np.ndarray


def random_crops(
    count: int = 2000, *, size: int = 64, photos: Sequence[str] = COLORFUL, seed: int = 0
) -> Images:
    """Squares cut at random places and scales out of photographs, each shrunk to `size`.

    (count, size, size, 3) float32 in [0, 1].

    The sides are drawn evenly in octaves, from `size` pixels to the shorter side of the photograph,
    so that a crop may be a detail or
    nearly the whole. photos: names or paths, taken in turn. Raises FileNotFoundError and ValueError
    as `load_image` does.
    """
    random = np.random.default_rng(seed)
    sources = [Image.fromarray(np.uint8(np.rint(255 * load_image(photo)))) for photo in photos]
    crops = np.empty((count, size, size, 3), np.float32)
    for number in range(count):
        source = sources[number % len(sources)]
        side = np.exp(random.uniform(np.log(min(size, *source.size)), np.log(min(source.size))))
        left, top = random.uniform(0, np.array(source.size) - side)
        box = (left, top, left + side, top + side)
        crops[number] = (
            np.asarray(source.resize((size, size), Image.Resampling.LANCZOS, box), np.float32) / 255
        )
    return crops


def tiny_imagenet_is_here() -> bool:
    """Say whether `load_tiny_imagenet` needs no network."""
    return any(_in_own_folder(name) for name in ARCHIVES) or downloads.is_here(ARCHIVES[1])


def load_tiny_imagenet(
    split: str = "val", *, class_names: Sequence[str] = CLASSES, per_class: int | None = None
) -> PictureSet:
    """Load Tiny ImageNet's pictures of some classes, by default those that `tinynet` knows.

    They come as a PictureSet, in the order of `class_names`.

    split: "train" (500 pictures a class) or "val" (50). per_class: the most pictures of a class,
    None for all. Boxes are in pixels: rows from top to bottom - 1, columns from left to right - 1
    hold the object. 40 classes take 0.1 GB of memory (val), 1 GB (train). Raises ValueError for
    another split or an unknown class, FileNotFoundError when the archive is neither here nor to be
    had.
    Source: Stanford CS231N, Tiny ImageNet, 2015.
    """
    _check_split(split)
    own = _in_own_folder(ARCHIVES[0])
    listed = (_listed_in_tar if own else _listed_in_zip)(own or downloads.fetch(ARCHIVES[1]), split)
    names = list(class_names)
    kept = {name: [] for name in class_names}
    known = {name for name, _, _ in listed}
    if unknown := [name for name in names if name not in known]:
        raise ValueError(
            f"Tiny ImageNet has no class {unknown[0]!r} here; it has {', '.join(sorted(known))}."
        )
    for name, file, box in listed:
        if name in kept and (per_class is None or len(kept[name]) < per_class):
            kept[name].append((file, box))
    rows = [(names.index(name), *row) for name in names for row in kept[name]]
    images = _decoded(own or downloads.fetch(ARCHIVES[1]), [file for _, file, _ in rows])
    numbers, _, boxes = zip(*rows, strict=True) if rows else ((), (), ())
    labels = np.array(numbers, np.int32)
    return PictureSet(images, labels, tuple(names), np.array(boxes, np.int32))


def _check_split(split):
    if split not in ("train", "val"):
        raise ValueError(f"Tiny ImageNet is divided into 'train' and 'val'; there is no {split!r}.")


def _in_own_folder(name):
    path = (downloads.own_folder() or Path("nowhere")) / name
    return path if path.is_file() else None


def _first_name(words):
    return words.split(",")[0]


def _box(numbers):
    x0, y0, x1, y1 = map(int, numbers)  # the last column and row belong to the object
    return y0, x0, y1 + 1, x1 + 1


def _listed_in_tar(path, split):
    """[(class name, file in the archive, box)] in the archive's own order."""
    with tarfile.open(path) as archive:
        words, boxes = (
            archive.extractfile(name).read().decode().splitlines()
            for name in ("classes.tsv", "boxes.tsv")
        )
    pairs = [line.split("\t") for line in words]
    names = {wnid: _first_name(name) for wnid, name in pairs}
    rows = [line.split("\t") for line in boxes[1:]]
    return [(names[wnid], file, _box(box)) for file, wnid, *box in rows if file.startswith(split)]


def _listed_in_zip(path, split):
    with zipfile.ZipFile(path) as archive:
        top = "tiny-imagenet-200"

        def lines(name):
            return archive.read(f"{top}/{name}").decode().splitlines()

        named = [line.split("\t") for line in lines("words.txt")]
        words = {wnid: _first_name(name) for wnid, name in named}
        if split == "val":
            rows = [line.split("\t") for line in lines("val/val_annotations.txt")]
            return [
                (words[wnid], f"{top}/val/images/{file}", _box(box)) for file, wnid, *box in rows
            ]
        rows = [
            (wnid, line.split("\t"))
            for wnid in lines("wnids.txt")
            for line in lines(f"train/{wnid}/{wnid}_boxes.txt")
        ]
        return [
            (words[wnid], f"{top}/train/{wnid}/images/{file}", _box(box))
            for wnid, (file, *box) in rows
        ]


def _decoded(path, files):
    images = np.empty((len(files), 64, 64, 3), np.float32)
    places = {file: place for place, file in enumerate(files)}
    progress = tqdm(total=len(files), desc="reading pictures", disable=None)

    def keep(name, file):
        images[places[name]] = (
            np.asarray(Image.open(io.BytesIO(file.read())).convert("RGB"), np.float32) / 255
        )
        progress.update()

    with progress:
        if path.suffix == ".zip":
            with zipfile.ZipFile(path) as archive:
                for name in files:
                    keep(name, archive.open(name))
        else:
            with tarfile.open(path) as archive:  # a tape has to be read in its own order
                for member in archive:
                    if member.name in places:
                        keep(member.name, archive.extractfile(member))
    return images
