"""The features "block4" of `tinynet_robust` for its training images.

They are computed once and kept under ./checkpoints.
"""

from pathlib import Path

import keras
import numpy as np
from batches import in_parts
from export import stored
from tiny_imagenet import CLASSES

from lecture_lib.models.classifiers import tinynet


def robust_net():
    """Return `tinynet_robust`, as it is stored."""
    return stored(tinynet(len(CLASSES)), "tinynet_robust")


def features_of(net, images, *, batch=50):
    """Return φ_block4 of uint8 images (N, 64, 64, 3): (N, 4, 4, 256) float16."""
    outputs = keras.Model(net.input, net.get_layer("block4").output)

    def evaluate(part):
        return keras.ops.convert_to_numpy(outputs(part, training=False)).astype("float16")

    return in_parts(evaluate, images, size=batch, desc="features")


def training_features(images):
    """Return `features_of` the training images, from ./checkpoints when they are there."""
    path = Path("checkpoints") / "robust_features.npy"
    if not path.is_file():
        path.parent.mkdir(exist_ok=True)
        part = path.with_suffix(".part.npy")
        np.save(part, features_of(robust_net(), images))
        part.rename(path)
    return np.load(path)
