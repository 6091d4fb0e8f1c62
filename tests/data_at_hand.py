"""Data that lie on some computers only; tests that need them are skipped elsewhere."""

import os
from functools import cache
from pathlib import Path

import numpy as np
import pytest
from recipes_files import recipe

from lecture_lib.datasets import downloads
from lecture_lib.models.zoo import model_is_here

needs_squeezenet = pytest.mark.skipif(
    not model_is_here("squeezenet"), reason="SqueezeNet is not here; LECTURE_DATA names its folder"
)
needs_mnist = pytest.mark.skipif(
    not downloads.is_here("mnist.npz"), reason="MNIST is not here; LECTURE_DATA names its folder"
)
needs_tiny_imagenet = pytest.mark.skipif(
    not (Path(os.environ.get("LECTURE_DATA", "")) / "tiny-imagenet-105.tar").is_file(),
    reason="tiny-imagenet-105.tar is not here; LECTURE_DATA names its folder",
)


@cache
def validation_images():
    """The 2,000 validation images of Tiny ImageNet in the 40 classes, and their labels."""
    _, _, images, labels = recipe("tiny_imagenet").read()
    return np.float32(images) / 255, labels
