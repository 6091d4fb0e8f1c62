"""Photographs of many megapixels: the map of the smaller image, enlarged, said in a warning."""

import subprocess
import sys
import tracemalloc
import warnings
from functools import partial

import cv2
import numpy as np
import pytest
from small_nets import linear_net, normal, random, small_net

from lecture_lib.activations import activation_maps, top_patches
from lecture_lib.adversarial.attacks import fgsm, pgd
from lecture_lib.adversarial.targeted import make_adversarial
from lecture_lib.class_visualization import visualize_class, visualize_class_fourier
from lecture_lib.concepts import layer_gradients
from lecture_lib.datasets.images import resize_image
from lecture_lib.grad_cam import cam_map, grad_cam_map, grad_cam_maps
from lecture_lib.guided_backprop import deconvnet_map, guided_map
from lecture_lib.inversion import invert
from lecture_lib.models import large_images
from lecture_lib.models.backend import keras
from lecture_lib.models.cache import layer_features
from lecture_lib.models.inference import class_scores, probabilities
from lecture_lib.models.surgery import named
from lecture_lib.occlusion.occlusion import occlusion_map
from lecture_lib.occlusion.shapley import shapley_map
from lecture_lib.saliency import integrated_gradients_map, saliency_map, smoothgrad_map
from lecture_lib.style_transfer import stylize

FUNCTIONS = [
    class_scores,
    probabilities,
    lambda net, image: grad_cam_maps(net, image, 1, layers=["conv1"])["conv1"],
    lambda net, image: activation_maps(net, "conv2", image),
    lambda net, image: layer_features(net, "conv2", image),
    lambda net, image: layer_gradients(net, "conv2", image, class_index=1)["conv2"],
    lambda net, image: invert(net, image, layer="conv1", steps=1).images,
    lambda net, image: (
        stylize(net, image, image, steps=1, content_layer="conv2", style_layers=["conv1"]).images
    ),
    lambda net, image: visualize_class(net, 0, start=image, steps=1).images,
    lambda net, image: visualize_class_fourier(net, 0, start=image, steps=1).images,
    lambda net, image: make_adversarial(net, image, 2, steps=1).images,
    partial(pgd, labels=1, steps=1),
    partial(fgsm, labels=1),
]
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
SAID = "megapixels are seen at 12 x 16 pixels, a size that this network is made for"


@pytest.mark.parametrize("explain", MAPS)
def test_the_map_of_a_large_image_is_that_of_a_small_one_enlarged(explain, monkeypatch):
    monkeypatch.setattr(large_images, "MAX_PIXELS", 500)
    image = random(24, 32, 3)
    with pytest.warns(UserWarning, match=SAID):
        found = explain(small_net(), image, 1)
    small = explain(small_net(), resize_image(image, (12, 16)), 1)
    np.testing.assert_allclose(found, cv2.resize(small, (32, 24)), rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize("channels", [1, 4])
def test_a_large_image_of_other_channels_is_seen_at_the_size_of_the_network_too(
    channels, monkeypatch
):
    monkeypatch.setattr(large_images, "MAX_PIXELS", 500)
    images = keras.Input((None, None, channels))
    maps = keras.layers.Conv2D(2, 3, padding="same")(images)
    scores = keras.layers.GlobalAveragePooling2D()(maps)
    net = named(keras.Model(images, scores), image_size=12)
    image = np.full((24, 32, channels), 0.4, np.float32)
    with pytest.warns(UserWarning, match=SAID):
        found = class_scores(net, image)
    np.testing.assert_allclose(found, class_scores(net, image[::2, ::2]), rtol=1e-3, atol=1e-5)


def test_lengths_and_images_among_the_options_become_smaller_too(monkeypatch):
    monkeypatch.setattr(large_images, "MAX_PIXELS", 500)
    image, fill = random(24, 32, 3), random(24, 32, 3, seed=2)
    with pytest.warns(UserWarning, match=SAID):
        found = occlusion_map(small_net(), image, 1, patch=8, stride=4, fill=fill)
    small = [resize_image(one, (12, 16)) for one in (image, fill)]
    expected = occlusion_map(small_net(), small[0], 1, patch=4, stride=2, fill=small[1])
    np.testing.assert_allclose(found, cv2.resize(expected, (32, 24)), rtol=1e-4, atol=1e-6)


def test_what_is_no_map_is_computed_from_the_smaller_image(monkeypatch):
    monkeypatch.setattr(large_images, "MAX_PIXELS", 500)
    image = random(24, 32, 3)
    small = resize_image(image, (12, 16))
    for function in FUNCTIONS:
        with pytest.warns(UserWarning, match=SAID):
            found = function(small_net(), image)
        np.testing.assert_allclose(found, function(small_net(), small), rtol=1e-4, atol=1e-6)


def test_a_network_of_one_size_says_which_images_it_takes(monkeypatch):
    monkeypatch.setattr(large_images, "MAX_PIXELS", 500)
    net = linear_net(normal(8, 8, 3, 2))
    for function in (class_scores, partial(saliency_map, class_index=1)):
        with pytest.raises(ValueError, match="Images of 24 x 32 pixels do not get through"):
            function(net, random(24, 32, 3))


def test_images_as_large_as_those_a_network_is_made_for_are_seen_as_they_are(monkeypatch):
    monkeypatch.setattr(large_images, "MAX_PIXELS", 100)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert saliency_map(small_net(), random(12, 12, 3), 1).shape == (12, 12)


def test_patches_of_a_large_image_are_refused_in_a_sentence(monkeypatch):
    monkeypatch.setattr(large_images, "MAX_PIXELS", 500)
    with pytest.raises(ValueError, match="fit_within"):
        top_patches(small_net(), "conv1", 0, random(2, 24, 32, 3))


def test_a_photograph_of_12_megapixels_takes_little_more_memory_than_itself():
    image = np.broadcast_to(np.float32(0.5), (3000, 4000, 3))
    tracemalloc.start()
    with pytest.warns(UserWarning, match="Images of 12 megapixels are seen at 12 x 16 pixels"):
        assert saliency_map(small_net(), image, 1).shape == (3000, 4000)
    assert tracemalloc.get_traced_memory()[1] < 600e6
    tracemalloc.stop()


PROGRAM = """
import re, warnings
import numpy as np
from lecture_lib.adversarial import make_adversarial, pgd
from lecture_lib.deepdream import dream
from lecture_lib.grad_cam import grad_cam_map, grad_cam_maps
from lecture_lib.inversion import invert
from lecture_lib.models import load_model, top_classes
from lecture_lib.occlusion import occlusion_map
from lecture_lib.saliency import integrated_gradients_map
from lecture_lib.style_transfer import stylize

warnings.simplefilter("ignore")
net = load_model("tinynet")
image = np.random.default_rng(0).random((3000, 4000, 3), np.float32)
top_classes(net, image)
integrated_gradients_map(net, image, 3, steps=8)
occlusion_map(net, image, 3)
grad_cam_map(net, image, 3)
grad_cam_maps(net, image, 3)
pgd(net, image, 3, steps=1)
make_adversarial(net, image, 3, steps=1)
stylize(net, image, image, steps=1)
invert(net, image, layer="block2", steps=1)
dream(net, image, layer="block1", octaves=1, steps=1)
print(re.search(r"VmHWM:\\s+(\\d+)", open("/proc/self/status").read()).group(1))
"""


@pytest.mark.skipif(sys.platform != "linux", reason="the peak is read as Linux writes it")
def test_a_photograph_of_12_megapixels_stays_within_two_and_a_half_gigabytes():
    run = subprocess.run([sys.executable, "-c", PROGRAM], capture_output=True, text=True)
    assert run.returncode == 0, run.stderr[-2000:]
    kilobytes = int(run.stdout.split()[-1])
    print(f"{kilobytes / 1e6:.2f} GB")
    assert kilobytes < 2.5e6
