"""Digits: those of scikit-learn look like MNIST's, and MNIST is what its authors published."""

import numpy as np
import pytest
from sklearn import datasets

from lecture_lib.datasets import digits, downloads


def test_the_small_digits_look_like_those_of_mnist():
    images, labels = digits.load_digits()
    assert images.shape == (1797, 28, 28, 1) and images.dtype == np.float32
    assert images.min() == 0 and images.max() == 1
    np.testing.assert_array_equal(labels, datasets.load_digits().target)
    border = images.copy()
    border[:, 4:24, 4:24] = 0
    assert not border.any() and 0.05 < images.mean() < 0.25  # black around, and mostly black


def test_each_enlarged_digit_is_still_its_small_one():
    images, _ = digits.load_digits()
    small = datasets.load_digits().images / 16
    means = (
        images[:, 4:24, 4:24, 0].reshape(-1, 4, 5, 4, 5).mean(axis=(2, 4))
    )  # 5x5 pixels of 20x20 cover 2x2 of 8x8
    np.testing.assert_allclose(means, small.reshape(-1, 4, 2, 4, 2).mean(axis=(2, 4)), atol=0.12)


@pytest.mark.skipif(
    not downloads.is_here("mnist.npz"),
    reason="MNIST is not here; LECTURE_DATA names the folder that holds it",
)
def test_mnist_is_what_its_authors_published():
    images, labels, test_images, test_labels = digits.load_mnist()
    assert (
        images.shape == (60000, 28, 28, 1)
        and test_images.shape == (10000, 28, 28, 1)
        and images.dtype == np.float32
    )
    assert (
        images.min() == 0
        and images.max() == 1
        and list(labels[:5]) == [5, 0, 4, 1, 9]
        and list(test_labels[:5]) == [7, 2, 1, 0, 4]
    )
    np.testing.assert_allclose(
        100 * np.mean(test_images == 0), 80.7242, atol=0.005
    )  # black pixels in per cent
