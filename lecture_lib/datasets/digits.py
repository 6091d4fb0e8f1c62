"""Load handwritten digits: 1,797 of scikit-learn, and the 70,000 of MNIST when they are here."""

import numpy as np
from PIL import Image
from sklearn import datasets

from lecture_lib.datasets import downloads
from lecture_lib.datasets.shapes import Images, Labels


def load_digits() -> tuple[Images, Labels]:
    """Load the 1,797 digits of scikit-learn as MNIST would show them.

    Their 8x8 pixels are enlarged to 20x20 and set into a border of 4, the place that MNIST leaves
    around a digit.

    Returns:
        (images (1797, 28, 28, 1) float32 in [0, 1], white on black, labels (1797,) int32).
    """
    small, labels = datasets.load_digits(return_X_y=True)
    pictures = [
        Image.fromarray(np.uint8(digit.reshape(8, 8) * (255 / 16))).resize(
            (20, 20), Image.Resampling.BICUBIC
        )
        for digit in small
    ]
    large = np.stack([np.asarray(picture, np.float32) / 255 for picture in pictures])
    return np.pad(large, [(0, 0), (4, 4), (4, 4)])[..., None], labels.astype(np.int32)


def load_mnist() -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Load MNIST, the training set before the test set.

    Returns:
        (training images (60000, 28, 28, 1), training labels (60000,), test images
        (10000, 28, 28, 1), test labels (10000,)), images float32 in [0, 1], labels int32.

    Raises:
        FileNotFoundError: when it is neither here nor to be had.

    Source:
        LeCun et al., The MNIST database of handwritten digits, 1998.
    """
    with np.load(downloads.fetch("mnist.npz"), allow_pickle=False) as stored:
        images = [np.float32(stored[name][..., None]) / 255 for name in ("x_train", "x_test")]
        labels = [stored[name].astype(np.int32) for name in ("y_train", "y_test")]
    return images[0], labels[0], images[1], labels[1]
