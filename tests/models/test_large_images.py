"""Photographs of many megapixels: the map of the smaller image, enlarged, said in a warning."""

import tracemalloc

import cv2
import numpy as np
import pytest
from small_nets import random, small_net

from lecture_lib.datasets.images import resize_image
from lecture_lib.grad_cam import cam_map, grad_cam_map
from lecture_lib.guided_backprop import deconvnet_map, guided_map
from lecture_lib.models import large_images
from lecture_lib.occlusion.occlusion import occlusion_map
from lecture_lib.occlusion.shapley import shapley_map
from lecture_lib.saliency import integrated_gradients_map, saliency_map, smoothgrad_map

MAPS = [
    saliency_map,
    smoothgrad_map,
    integrated_gradients_map,
    guided_map,
    deconvnet_map,
    cam_map,
    grad_cam_map,
    occlusion_map,
    shapley_map,
]
SAID = "megapixels, so its map was computed at 12 x 16 pixels"


@pytest.mark.parametrize("explain", MAPS)
def test_the_map_of_a_large_image_is_that_of_a_small_one_enlarged(explain, monkeypatch):
    monkeypatch.setattr(large_images, "MAX_PIXELS", 500)
    image = random(24, 32, 3)
    with pytest.warns(UserWarning, match=SAID):
        found = explain(small_net(), image, 1)
    small = explain(small_net(), resize_image(image, (12, 16)), 1)
    np.testing.assert_allclose(found, cv2.resize(small, (32, 24)), rtol=1e-4, atol=1e-6)


def test_lengths_and_images_among_the_options_become_smaller_too(monkeypatch):
    monkeypatch.setattr(large_images, "MAX_PIXELS", 500)
    image, fill = random(24, 32, 3), random(24, 32, 3, seed=2)
    with pytest.warns(UserWarning, match=SAID):
        found = occlusion_map(small_net(), image, 1, patch=8, stride=4, fill=fill)
    small = [resize_image(one, (12, 16)) for one in (image, fill)]
    expected = occlusion_map(small_net(), small[0], 1, patch=4, stride=2, fill=small[1])
    np.testing.assert_allclose(found, cv2.resize(expected, (32, 24)), rtol=1e-4, atol=1e-6)


def test_a_photograph_of_12_megapixels_takes_little_more_memory_than_itself():
    image = np.broadcast_to(np.float32(0.5), (3000, 4000, 3))
    tracemalloc.start()
    with pytest.warns(UserWarning, match="has 12 megapixels"):
        assert saliency_map(small_net(), image, 1).shape == (3000, 4000)
    assert tracemalloc.get_traced_memory()[1] < 600e6
    tracemalloc.stop()
