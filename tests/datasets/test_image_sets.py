"""Many pictures at once.

Crops repeat with their seed, both archives of Tiny ImageNet are read alike, boxes hold what they
should.
"""

import io
import os
import tarfile
import zipfile
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from lecture_lib.datasets import downloads, image_sets
from lecture_lib.datasets.image_sets import load_tiny_imagenet, random_crops, tiny_imagenet_is_here

BOX = "10\t20\t29\t39"  # columns 10 to 29, rows 20 to 39


def jpeg(*, value):
    """A gray picture with a white square in the box."""
    pixels = np.full((64, 64, 3), value, np.uint8)
    pixels[20:40, 10:30] = 255
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, "JPEG", quality=95)
    return file.getvalue()


def files_of_tar():
    yield "classes.tsv", "n01\tgoldfish, Carassius auratus\nn02\tlemon\n"
    names = {
        wnid: [f"{split}/{wnid}/{wnid}_{i}.JPEG" for split in ("train", "val") for i in range(2)]
        for wnid in ("n01", "n02")
    }
    rows = [f"{name}\t{wnid}\t{BOX}" for wnid in names for name in names[wnid]]
    yield "boxes.tsv", "file\twnid\tx0\ty0\tx1\ty1\n" + "\n".join(rows) + "\n"
    yield from ((name, jpeg(value=20 * i)) for wnid in names for i, name in enumerate(names[wnid]))


def files_of_zip():
    yield "wnids.txt", "n01\nn02\n"
    yield "words.txt", "n01\tgoldfish, Carassius auratus\nn02\tlemon\nn03\tnever shown\n"
    yield (
        "val/val_annotations.txt",
        "".join(
            f"val_{i}.JPEG\t{wnid}\t{BOX}\n" for i, wnid in enumerate(["n02", "n01", "n02", "n01"])
        ),
    )
    yield from ((f"val/images/val_{i}.JPEG", jpeg(value=20 * i)) for i in range(4))
    for wnid in ("n01", "n02"):
        yield (
            f"train/{wnid}/{wnid}_boxes.txt",
            "".join(f"{wnid}_{i}.JPEG\t{BOX}\n" for i in range(2)),
        )
        yield from ((f"train/{wnid}/images/{wnid}_{i}.JPEG", jpeg(value=20 * i)) for i in range(2))


@pytest.fixture(params=["tar", "zip"])
def archive(request, tmp_path, monkeypatch):
    """A small Tiny ImageNet of two classes in each of its two forms."""
    if request.param == "tar":
        with tarfile.open(tmp_path / "tiny-imagenet-105.tar", "w") as file:
            for name, data in files_of_tar():
                data = data.encode() if isinstance(data, str) else data
                member = tarfile.TarInfo(name)
                member.size = len(data)
                file.addfile(member, io.BytesIO(data))
    else:
        with zipfile.ZipFile(tmp_path / "tiny-imagenet-200.zip", "w") as file:
            for name, data in files_of_zip():
                file.writestr(f"tiny-imagenet-200/{name}", data)
        monkeypatch.setattr(downloads, "fetch", lambda name: tmp_path / name)
    monkeypatch.setenv("LECTURE_DATA", str(tmp_path))


@pytest.mark.parametrize("split", ["train", "val"])
def test_both_archives_are_read(archive, split):
    assert tiny_imagenet_is_here()
    pictures = load_tiny_imagenet(split, class_names=("lemon", "goldfish"))
    assert pictures.images.shape == (4, 64, 64, 3) and pictures.images.dtype == np.float32
    assert pictures.labels.tolist() == [0, 0, 1, 1] and pictures.class_names == (
        "lemon",
        "goldfish",
    )
    for picture, (top, left, bottom, right) in zip(pictures.images, pictures.boxes, strict=True):
        assert (top, left, bottom, right) == (20, 10, 40, 30)
        assert picture[top:bottom, left:right].min() > 0.9
        assert picture[: top - 2].max() < 0.4 and picture[bottom + 2 :].max() < 0.4


def test_few_a_class_and_unknown_names(archive):
    assert load_tiny_imagenet(class_names=("goldfish", "lemon"), per_class=1).labels.tolist() == [
        0,
        1,
    ]
    with pytest.raises(ValueError, match="no class 'unicorn' here; it has goldfish, lemon"):
        load_tiny_imagenet(class_names=("goldfish", "unicorn"))
    with pytest.raises(ValueError, match="divided into 'train' and 'val'; there is no 'test'"):
        load_tiny_imagenet("test")


def test_it_says_when_it_is_not_here(tmp_path, monkeypatch):
    monkeypatch.setenv("LECTURE_DATA", str(tmp_path))
    monkeypatch.setattr(downloads, "cache_folder", lambda: tmp_path / "cache")
    assert not tiny_imagenet_is_here()


ARCHIVE = Path(os.environ.get("LECTURE_DATA", "nowhere")) / "tiny-imagenet-105.tar"


@pytest.mark.skipif(not ARCHIVE.is_file(), reason="Tiny ImageNet is not here")
def test_tiny_imagenet_itself():
    pictures = load_tiny_imagenet(per_class=2)
    assert pictures.images.shape == (80, 64, 64, 3) and (np.bincount(pictures.labels) == 2).all()
    top, left, bottom, right = pictures.boxes.T
    assert (
        (pictures.boxes >= 0).all()
        and (pictures.boxes <= 64).all()
        and (bottom > top).all()
        and (right > left).all()
    )


def test_crops_repeat_with_their_seed_and_differ_without():
    crops = random_crops(12, size=24, seed=3)
    assert (
        crops.shape == (12, 24, 24, 3)
        and crops.dtype == np.float32
        and 0 <= crops.min()
        and crops.max() <= 1
    )
    np.testing.assert_array_equal(crops, random_crops(12, size=24, seed=3))
    assert np.abs(crops - random_crops(12, size=24, seed=4)).mean() > 0.05


def test_a_photograph_of_the_course_is_decoded_once_and_a_file_each_time(tmp_path, monkeypatch):
    path = tmp_path / "own.png"
    Image.new("RGB", (40, 40), "white").save(path)
    random_crops(1, photos=["cat"])
    decoded = []
    load = image_sets.load_image
    monkeypatch.setattr(
        image_sets, "load_image", lambda photo: decoded.append(photo) or load(photo)
    )
    both = ["cat", path]
    white = random_crops(2, size=20, photos=both)[1]
    Image.new("RGB", (40, 40), "black").save(path)
    black = random_crops(2, size=20, photos=both)[1]
    assert (white == 1).all() and (black == 0).all() and decoded == [path, path]


def test_crops_are_cut_at_many_scales(tmp_path):
    """In a picture that rises by 1 per 400 columns, a crop's own rise tells its side."""
    ramp = np.broadcast_to(np.linspace(0, 255, 400), (400, 400)).astype(np.uint8)
    Image.fromarray(np.stack([ramp] * 3, axis=-1)).save(tmp_path / "ramp.png")
    crops = random_crops(200, size=20, photos=[tmp_path / "ramp.png"])
    sides = 400 * (crops[:, 10, -1, 0] - crops[:, 10, 0, 0]) * 20 / 19
    assert sides.min() < 30 and sides.max() > 350
    np.testing.assert_allclose(
        np.median(np.log2(sides)), np.log2(np.sqrt(20 * 400)), atol=0.4
    )  # evenly in octaves


def test_the_classes_are_those_of_the_nets():
    assert len(image_sets.CLASSES) == 40 and "goldfish" in image_sets.CLASSES
