"""Data that a test needs and that is not part of the course; without it the test is skipped."""

import os
from functools import cache
from pathlib import Path

import pytest

from lecture_lib.datasets import downloads
from lecture_lib.datasets.image_sets import load_tiny_imagenet

needs_mnist = pytest.mark.skipif(
    not downloads.is_here("mnist.npz"), reason="MNIST is not here; LECTURE_DATA names its folder"
)


def validation_pictures():
    """The 2,000 validation pictures of the 40 classes (2000, 64, 64, 3), and their labels."""
    if not (Path(os.environ.get("LECTURE_DATA", "")) / "tiny-imagenet-105.tar").is_file():
        pytest.skip("tiny-imagenet-105.tar is not here; LECTURE_DATA names its folder")
    return _read_validation_pictures()


@cache
def _read_validation_pictures():
    found = load_tiny_imagenet("val")
    return found.images, found.labels
