"""The contract of maps, whatever the method, the network and the image.

A map is a function (model, image, class_index, *, options) -> (H, W).
"""

from functools import cache, partial

import numpy as np
import pytest
from small_nets import (
    assert_same_numbers,
    counting_net,
    first_blocks,
    numbers_of,
    random,
    small_net,
)

from lecture_lib.grad_cam import cam_map, contrast_map, grad_cam_map, sharp_cam_map
from lecture_lib.guided_backprop import deconvnet_map, guided_map
from lecture_lib.models import zoo
from lecture_lib.models.inference import class_scores
from lecture_lib.models.zoo import load_model, model_is_here
from lecture_lib.occlusion.occlusion import occlusion_map
from lecture_lib.occlusion.shapley import shapley_map
from lecture_lib.saliency import integrated_gradients_map, saliency_map, smoothgrad_map
from lecture_lib.scoreboard import center_map, edge_map, random_map

MAPS = {
    "saliency": saliency_map,
    "smoothgrad": partial(smoothgrad_map, samples=2),
    "integrated_gradients": partial(integrated_gradients_map, steps=2),
    "occlusion": partial(occlusion_map, patch=16, stride=16),
    "shapley": partial(shapley_map, grid=2),
    "shapley_sampled": partial(shapley_map, grid=2, samples=2),
    "guided": guided_map,
    "deconvnet": deconvnet_map,
    "cam": cam_map,
    "grad_cam": grad_cam_map,
    "contrast": contrast_map,
    "sharp_cam": sharp_cam_map,
    "random": random_map,
    "center": center_map,
    "edges": edge_map,
}
# What each network is shown: its own size, then another where it can take one.
NETS = {
    "small_net": [(20, 18, 3), (17, 24, 3)],
    "tinynet_robust": [(64, 64, 3), (48, 80, 3)],
    "tinynet": [(64, 64, 3)],
    "mnist_cnn": [(28, 28, 1)],
    "efficientnet_lite0": [(64, 80, 3)],
    "squeezenet": [(64, 80, 3)],
    "resnet50v2": [(64, 64, 3)],
    "mobilenetv2": [(64, 64, 3), (64, 96, 3)],
    "vgg16": [(64, 64, 3)],
}
# CAM needs pooling and one linear layer at the end.
WITHOUT_CAM = {"mnist_cnn", "vgg16"}
each_map = pytest.mark.parametrize("name", MAPS)
each_net = pytest.mark.parametrize("net", NETS)


@cache
def net_of(name):
    """A network by its name; those of Keras cut short, with random weights."""
    if name == "small_net":
        return small_net()
    return first_blocks(name) if name in zoo.APPLICATIONS else load_model(name)


@each_net
@each_map
def test_a_map_is_finite_and_of_the_images_size_and_the_network_stays_as_it_was(net, name):
    if net in ("efficientnet_lite0", "squeezenet") and not model_is_here(net):
        pytest.skip("SqueezeNet is not here; LECTURE_DATA names its folder")
    if name == "cam" and net in WITHOUT_CAM:
        pytest.skip("see the test of networks without CAM")
    model = net_of(net)
    for shape in NETS[net]:
        image = random(*shape, seed=1)
        given, weights, scores = image.copy(), numbers_of(model), class_scores(model, image)
        heatmap = MAPS[name](model, image, 3)
        assert heatmap.shape == shape[:2] and heatmap.dtype == np.float32
        assert np.isfinite(heatmap).all()
        np.testing.assert_array_equal(image, given)
        assert_same_numbers(model, weights)
        np.testing.assert_array_equal(class_scores(model, image), scores)


@pytest.mark.parametrize("net", sorted(WITHOUT_CAM))
def test_cam_refuses_networks_that_end_otherwise(net):
    with pytest.raises(ValueError, match="CAM needs a net that ends in global average pooling"):
        cam_map(net_of(net), random(*NETS[net][0]), 0)


@each_map
def test_asked_again_a_map_is_the_same_and_numpy_classes_are_welcome(name):
    explain, image = MAPS[name], random(64, 64, 3)
    model = net_of("tinynet_robust")
    again = explain(model, image, np.int64(5))
    np.testing.assert_array_equal(explain(model, image, 5), again)


@each_map
def test_a_new_class_or_image_compiles_nothing_anew(name):
    net, calls = counting_net()
    options = {"patch": 2, "stride": 2} if name == "occlusion" else {}
    explain = partial(MAPS[name], **options)
    explain(net, random(6, 6, 3), 0)
    calls.clear()
    for class_index in 1, 2:
        explain(net, random(6, 6, 3, seed=class_index), class_index)
    assert not calls


@each_map
@pytest.mark.parametrize(
    "bad, sentence",
    [
        (random(2, 64, 64, 3), "explains one image"),
        (random(64, 64), "explains one image"),
        (255 * random(64, 64, 3), "divide by 255"),
        (random(64, 64, 3) - 1, r"images are in \[0, 1\]"),
        (random(64, 64, 3) * np.nan, "NaN"),
        (random(64, 64, 1), r"\(H, W, 3\)"),
        (np.zeros((64, 64, 3), np.uint8), "floats in"),
    ],
)
def test_an_image_that_is_none_gives_one_sentence(name, bad, sentence):
    with pytest.raises(ValueError, match=sentence) as caught:
        MAPS[name](net_of("tinynet_robust"), bad, 0)
    assert "\n" not in str(caught.value)


@each_map
@pytest.mark.parametrize(
    "several", [[3], [1, 2], np.arange(40), np.eye(40, dtype=int)[3], np.eye(40, dtype=int)[:2]]
)
def test_several_classes_and_one_hot_numbers_give_one_sentence(name, several):
    if name in ("random", "center", "edges"):
        return  # baselines that look at no class
    with pytest.raises(ValueError, match="One class is asked for|is a whole number") as caught:
        MAPS[name](net_of("tinynet_robust"), random(64, 64, 3), several)
    assert "\n" not in str(caught.value)


@each_map
@pytest.mark.parametrize("bad", [40, -1, 1.5, "goldfish"])
def test_a_class_that_is_none_gives_one_sentence(name, bad):
    if name in ("random", "center", "edges"):
        return  # baselines that look at no class
    with pytest.raises(ValueError, match="from 0 to 39") as caught:
        MAPS[name](net_of("tinynet_robust"), random(64, 64, 3), bad)
    assert "\n" not in str(caught.value)
