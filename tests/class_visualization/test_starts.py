"""Images to start from: gray noise, and the sides of a class."""

import numpy as np
import pytest
from small_nets import small_net

from lecture_lib.class_visualization.starts import facets, gray_noise


def test_gray_noise_is_gray_with_a_little_noise():
    noise = gray_noise(small_net(), size=40, shape=(2,), noise=0.05)
    assert noise.shape == (2, 40, 40, 3) and noise.dtype == np.float32
    np.testing.assert_allclose([noise.mean(), noise.std()], [0.5, 0.05], atol=0.005)
    assert gray_noise(small_net()).shape == (12, 12, 3)


@pytest.mark.parametrize("class_index", [0, 39])
def test_facets_are_images_that_differ_from_one_another(class_index):
    images = facets(class_index)
    assert 2 <= len(images) <= 4
    assert images.shape[1:] == (64, 64, 3) and images.dtype == np.float32
    assert images.min() >= 0 and images.max() <= 1
    assert all(np.abs(one - images[0]).mean() > 0.02 for one in images[1:])


def test_there_are_facets_of_the_tinynets_classes_alone():
    with pytest.raises(ValueError, match="classes 0 to 39 of the tinynets, not of 40"):
        facets(40)
