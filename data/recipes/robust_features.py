"""What `tinynet_robust` sees in its training pictures.

The features "block4" of each, computed once and kept under ./checkpoints.
"""

from pathlib import Path

import keras
import numpy as np
from export import stored
from tiny_imagenet import CLASSES
from tqdm.auto import tqdm

from lecture_lib.models.classifiers import tinynet


def robust_net():
    """`tinynet_robust`, as stored."""
    return stored(tinynet(len(CLASSES)), "tinynet_robust")


def features_of(net, pictures, *, batch=50):
    """φ_block4 of uint8 pictures (N, 64, 64, 3): (N, 4, 4, 256) float16."""
    seen, found = keras.Model(net.input, net.get_layer("block4").output), []
    for first in tqdm(range(0, len(pictures), batch), desc="features", disable=None):
        images = pictures[first : first + batch].astype("float32") / 255
        found.append(keras.ops.convert_to_numpy(seen(images, training=False)).astype("float16"))
    return np.concatenate(found)


def training_features(pictures):
    """`features_of` the training pictures, read from ./checkpoints/robust_features.npy when they
    are there.
    """
    path = Path("checkpoints") / "robust_features.npy"
    if not path.is_file():
        path.parent.mkdir(exist_ok=True)
        part = path.with_suffix(".part.npy")
        np.save(part, features_of(robust_net(), pictures))
        part.rename(path)
    return np.load(path)
