"""Load many pictures at once.

They are squares cut out of the bundled photographs, and Tiny ImageNet when it is here.
"""

import io
import tarfile
import zipfile
from collections.abc import Iterator, Sequence
from functools import cache
from itertools import islice
from pathlib import Path
from typing import NamedTuple

import numpy as np
from PIL import Image
from tqdm.auto import tqdm

from lecture_lib.datasets import downloads
from lecture_lib.datasets.decoding import BUNDLED
from lecture_lib.datasets.images import load_image, to_uint8
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
# A selection repacked, and the original
ARCHIVES = ("tiny-imagenet-105.tar", "tiny-imagenet-200.zip")

Box = tuple[int, int, int, int]
Listed = tuple[str, str, Box]  # class name, file in the archive, box


class PictureSet(NamedTuple):
    """Pictures with their answers.

    Attributes:
        images: (N, 64, 64, 3) float32 in [0, 1].
        labels: (N,) int32, indices into `class_names`.
        class_names: of the labels.
        boxes: (N, 4) int32 in pixels: rows from top to bottom - 1 and columns from left to
            right - 1 hold the object (top, left, bottom, right).
    """

    images: np.ndarray
    labels: np.ndarray
    class_names: tuple
    boxes: np.ndarray


def random_crops(
    count: int = 2000, *, size: int = 64, photos: Sequence[str] = COLORFUL, seed: int = 0
) -> Images:
    """Cut squares at random places and scales out of photographs, and shrink each to `size`.

    The sides are drawn evenly in octaves, from `size` pixels to the shorter side of the photograph,
    so that a crop may be a detail or nearly the whole.

    Args:
        count: how many.
        size: side of each result, in pixels.
        photos: names or paths, taken in turn.
        seed: of the places and scales.

    Returns:
        (count, size, size, 3) float32 in [0, 1].

    Raises:
        FileNotFoundError, ValueError: as `load_image` does.
    """
    random = np.random.default_rng(seed)
    sources = [_bundled(photo) if photo in BUNDLED else _picture(photo) for photo in photos]
    crops = np.empty((count, size, size, 3), np.float32)
    for number in range(count):
        source = sources[number % len(sources)]
        side = np.exp(random.uniform(np.log(min(size, *source.size)), np.log(min(source.size))))
        left, top = random.uniform(0, np.array(source.size) - side)
        box = (left, top, left + side, top + side)
        crop = source.resize((size, size), Image.Resampling.LANCZOS, box)
        crops[number] = np.asarray(crop, np.float32) / 255
    return crops


def _picture(photo: str | Path) -> Image.Image:
    return Image.fromarray(to_uint8(load_image(photo)))


@cache
def _bundled(photo: str) -> Image.Image:
    """A photograph that comes with the course, decoded once: crops are cut out of all of them."""
    return _picture(photo)


def tiny_imagenet_is_here() -> bool:
    """Say whether `load_tiny_imagenet` needs no network."""
    return any(_in_own_folder(name) for name in ARCHIVES) or downloads.is_here(ARCHIVES[1])


def load_tiny_imagenet(
    split: str = "val", *, class_names: Sequence[str] = CLASSES, per_class: int | None = None
) -> PictureSet:
    """Load Tiny ImageNet's pictures of some classes, by default those that `tinynet` knows.

    40 classes take 0.1 GB of memory (val) or 1 GB (train).

    Args:
        split: "train" (500 pictures a class) or "val" (50).
        class_names: whose pictures, in this order.
        per_class: the most pictures of a class, None for all.

    Returns:
        PictureSet of 64 x 64 pictures with their labels and the boxes around their objects.

    Raises:
        ValueError: for another split or an unknown class.
        FileNotFoundError: when the archive is neither here nor to be had.

    Source:
        Stanford CS231N, Tiny ImageNet, 2015.
    """
    _check_split(split)
    archive = _in_own_folder(ARCHIVES[0]) or downloads.fetch(ARCHIVES[1])
    listed = _listed_in_zip(archive, split) if _is_zip(archive) else _listed_in_tar(archive, split)
    rows = _rows_of_classes(listed, list(class_names), per_class)
    return PictureSet(
        images=_decoded(archive, [file for _, file, _ in rows]),
        labels=np.array([label for label, _, _ in rows], np.int32),
        class_names=tuple(class_names),
        boxes=np.array([box for _, _, box in rows], np.int32),
    )


def _rows_of_classes(
    listed: list[Listed], names: list[str], per_class: int | None
) -> list[tuple[int, str, Box]]:
    """(label, file, box) of the first pictures of each class, class by class."""
    found = {}
    for name, file, box in listed:
        found.setdefault(name, []).append((file, box))
    if unknown := [name for name in names if name not in found]:
        raise ValueError(
            f"Tiny ImageNet has no class {unknown[0]!r} here; it has {', '.join(sorted(found))}."
        )
    return [
        (label, file, box)
        for label, name in enumerate(names)
        for file, box in found[name][:per_class]
    ]


def _is_zip(archive: Path) -> bool:
    return archive.suffix == ".zip"


def _check_split(split: str) -> None:
    if split not in ("train", "val"):
        raise ValueError(f"Tiny ImageNet is divided into 'train' and 'val'; there is no {split!r}.")


def _in_own_folder(name: str) -> Path | None:
    path = (downloads.own_folder() or Path("nowhere")) / name
    return path if path.is_file() else None


def _first_name(words: str) -> str:
    return words.split(",")[0]


def _box(numbers: Sequence[str]) -> Box:
    x0, y0, x1, y1 = map(int, numbers)  # the last column and row belong to the object
    return y0, x0, y1 + 1, x1 + 1


def _listed_in_tar(path: Path, split: str) -> list[Listed]:
    """The pictures of a split in the archive's own order."""
    # Read up to the second of the two, which come first: 57,000 names follow.
    found = islice(_files_in_tar(path, {"classes.tsv", "boxes.tsv"}), 2)
    tables = {name: data.decode().splitlines() for name, data in found}
    pairs = [line.split("\t") for line in tables["classes.tsv"]]
    names = {wnid: _first_name(name) for wnid, name in pairs}
    rows = [line.split("\t") for line in tables["boxes.tsv"][1:]]
    return [(names[wnid], file, _box(box)) for file, wnid, *box in rows if file.startswith(split)]


def _listed_in_zip(path: Path, split: str) -> list[Listed]:
    """The pictures of a split in the order of the original archive."""
    with zipfile.ZipFile(path) as archive:
        top = "tiny-imagenet-200"

        def lines(name: str) -> list[str]:
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


def _decoded(path: Path, files: list[str]) -> Images:
    """The pictures of the archive, each in the place that its file has in `files`."""
    images = np.empty((len(files), 64, 64, 3), np.float32)
    places = {file: place for place, file in enumerate(files)}
    found = _files_in_zip(path, files) if _is_zip(path) else _files_in_tar(path, set(files))
    for name, data in tqdm(found, total=len(files), desc="reading pictures", disable=None):
        picture = Image.open(io.BytesIO(data)).convert("RGB")
        images[places[name]] = np.asarray(picture, np.float32) / 255
    return images


def _files_in_zip(path: Path, files: list[str]) -> Iterator[tuple[str, bytes]]:
    with zipfile.ZipFile(path) as archive:
        for name in files:
            yield name, archive.read(name)


def _files_in_tar(path: Path, files: set[str]) -> Iterator[tuple[str, bytes]]:
    """The files in the archive's own order, as a tape has to be read."""
    with tarfile.open(path) as archive:
        for member in archive:
            if member.name in files:
                yield member.name, archive.extractfile(member).read()
