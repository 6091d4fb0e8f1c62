"""The same network and the same image in two independent libraries, captum and tf-keras-vis.

For captum, the weights are carried over to PyTorch. Run where both are installed:
`pip install -e ".[parity]"`. The tolerance is 1e-4 of a map's largest number, with 32-bit
arithmetic on both sides.
"""

from functools import cache, partial

import numpy as np
import pytest
from small_nets import normal, random

from lecture_lib.activations import activation_maps
from lecture_lib.core.layer_scores import neuron_score
from lecture_lib.core.scores import class_score
from lecture_lib.grad_cam import grad_cam_map
from lecture_lib.guided_backprop import deconvnet_map, guided_gradient, guided_map
from lecture_lib.models.backend import keras, tf
from lecture_lib.models.surgery import named
from lecture_lib.occlusion.occlusion import occlusion_map
from lecture_lib.saliency import integrated_gradients_map, saliency_map

IMAGE = random(16, 12, 3, seed=5)
classes = pytest.mark.parametrize("class_index", range(4))


def assert_same_map(ours, theirs):
    assert ours.shape == theirs.shape and np.abs(theirs).max() > 1e-3
    np.testing.assert_allclose(ours, theirs, atol=1e-4 * np.abs(theirs).max())


@cache
def keras_net():
    """Three convolutions, a pooling between them, the mean, linear scores; known weights."""
    layers = keras.layers
    images = keras.Input((None, None, 3), name="image")
    x = layers.Conv2D(8, 3, padding="same", activation="relu", name="conv1")(images)
    x = layers.ReLU(name="relu2")(layers.Conv2D(10, 3, padding="same", name="conv2")(x))
    x = layers.MaxPooling2D(2, name="halved")(x)
    x = layers.Conv2D(12, 3, padding="same", activation="relu", name="conv3")(x)
    x = layers.Dense(4, name="scores")(layers.GlobalAveragePooling2D(name="pool")(x))
    model = keras.Model(images, x)
    shapes = [weight.shape for weight in model.get_weights()]
    model.set_weights([0.4 * normal(*shape, seed=seed) for seed, shape in enumerate(shapes)])
    return named(model, class_names=None, image_size=12)


@cache
def torch_net():
    """The same network in PyTorch."""
    torch = pytest.importorskip("torch", reason="PyTorch is not installed")
    nn = torch.nn
    net = nn.Sequential(
        nn.Conv2d(3, 8, 3, padding=1),
        nn.ReLU(),
        nn.Conv2d(8, 10, 3, padding=1),
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.Conv2d(10, 12, 3, padding=1),
        nn.ReLU(),
        nn.AdaptiveAvgPool2d(1),
        nn.Flatten(),
        nn.Linear(12, 4),
    )
    numbers = [torch.tensor(as_in_torch(weight)) for weight in keras_net().get_weights()]
    net.load_state_dict(dict(zip(net.state_dict(), numbers, strict=True)))
    return net.eval()


def as_in_torch(weight):
    """Kernels (height, width, in, out) become (out, in, height, width); (in, out) -> (out, in)."""
    orders = {4: (3, 2, 0, 1), 2: (1, 0), 1: (0,)}
    return weight.transpose(orders[weight.ndim])


def for_torch(image):
    return batch_for_torch(image[None])


def batch_for_torch(images):
    return pytest.importorskip("torch").tensor(images.transpose(0, 3, 1, 2).copy())


def from_torch(tensor):
    """(1, C, H, W) -> (H, W, C)."""
    return tensor.detach().numpy()[0].transpose(1, 2, 0)


@pytest.fixture
def captum():
    return pytest.importorskip("captum.attr", reason="captum is not installed")


def test_both_networks_give_the_same_scores(captum):
    theirs = torch_net()(for_torch(IMAGE)).detach()
    np.testing.assert_allclose(keras_net()(IMAGE[None]), theirs, rtol=1e-4, atol=1e-5)


@classes
def test_gradients_are_those_of_captum(captum, class_index):
    kinds = {
        saliency_map: captum.Saliency,
        guided_map: captum.GuidedBackprop,
        deconvnet_map: captum.Deconvolution,
    }
    for make, kind in kinds.items():
        gradients = kind(torch_net()).attribute(for_torch(IMAGE), target=class_index)
        theirs = np.abs(from_torch(gradients)).max(axis=-1)
        assert_same_map(make(keras_net(), IMAGE, class_index), theirs)


@pytest.mark.parametrize("channel", [0, 5, 11])
def test_the_guided_gradient_of_a_neuron_is_that_of_captum(captum, channel):
    maps = activation_maps(keras_net(), "conv3", IMAGE)
    row, column = map(int, np.unravel_index(maps[..., channel].argmax(), maps.shape[:2]))
    attribution = captum.NeuronGuidedBackprop(torch_net(), torch_net()[6])
    theirs = attribution.attribute(for_torch(IMAGE), neuron_selector=(channel, row, column))
    ours = guided_gradient(
        keras_net(), IMAGE, lambda net: neuron_score(net, "conv3", row, column, channel)
    )
    assert_same_map(ours, from_torch(theirs))


@classes
def test_integrated_gradients_are_those_of_captum(captum, class_index):
    """Each part of the line has one point, its middle; the parts' attributions add up."""
    ends = np.linspace(0, 1, 33, dtype=np.float32)[:, None, None, None] ** 2 * IMAGE
    attribution = captum.IntegratedGradients(torch_net())
    of_parts = attribution.attribute(
        batch_for_torch(ends[1:]),
        baselines=batch_for_torch(ends[:-1]),
        target=class_index,
        n_steps=1,
        method="gausslegendre",
    )
    ours = integrated_gradients_map(keras_net(), IMAGE, class_index, steps=32)
    assert_same_map(ours, from_torch(of_parts.sum(dim=0, keepdim=True)).sum(axis=-1))


@classes
@pytest.mark.parametrize("patch, stride", [(4, 2), (6, 1)])
def test_occlusion_is_that_of_captum(captum, class_index, patch, stride):
    """These patches end at the edge; captum would cut the last one off where we move it back."""
    options = {
        "sliding_window_shapes": (3, patch, patch),
        "strides": (3, stride, stride),
        "baselines": 0.5,
    }
    theirs = captum.Occlusion(torch_net()).attribute(
        for_torch(IMAGE), target=class_index, **options
    )
    ours = occlusion_map(
        keras_net(), IMAGE, class_index, patch=patch, stride=stride, score=class_score
    )
    assert_same_map(ours, from_torch(theirs)[..., 0])


@classes
@pytest.mark.parametrize("layer, place", [("conv1", 1), ("relu2", 3), ("halved", 4), ("conv3", 6)])
def test_grad_cam_is_that_of_captum_at_every_layer(captum, class_index, layer, place):
    attribution = captum.LayerGradCam(torch_net(), torch_net()[place])
    theirs = attribution.attribute(for_torch(IMAGE), target=class_index, relu_attributions=True)
    explain = partial(grad_cam_map, keras_net(), IMAGE, class_index, layer=layer)
    assert_same_map(explain(full_size=False), from_torch(theirs)[..., 0])
    large = captum.LayerAttribution.interpolate(theirs, IMAGE.shape[:2], "bilinear")
    assert_same_map(explain(), from_torch(large)[..., 0])


@pytest.fixture
def keras_vis():
    pytest.importorskip("tf_keras_vis", reason="tf-keras-vis is not installed")
    from tf_keras_vis.gradcam import Gradcam
    from tf_keras_vis.saliency import Saliency
    from tf_keras_vis.utils.scores import CategoricalScore

    return Gradcam, Saliency, CategoricalScore


@classes
def test_saliency_is_that_of_tf_keras_vis(keras_vis, class_index):
    _, Saliency, CategoricalScore = keras_vis
    explain = Saliency(keras_net())
    theirs = explain(CategoricalScore(class_index), IMAGE[None], normalize_map=False)
    assert_same_map(saliency_map(keras_net(), IMAGE, class_index), np.asarray(theirs)[0])


@classes
@pytest.mark.parametrize("layer", ["conv1", "conv2", "conv3"])
def test_grad_cam_is_that_of_tf_keras_vis(keras_vis, class_index, layer):
    Gradcam, _, CategoricalScore = keras_vis
    theirs = Gradcam(keras_net())(
        CategoricalScore(class_index),
        IMAGE[None],
        penultimate_layer=layer,
        expand_cam=False,
        normalize_cam=False,
    )
    ours = grad_cam_map(keras_net(), IMAGE, class_index, layer=layer, full_size=False)
    assert_same_map(ours, np.asarray(theirs)[0])


@classes
def test_guided_backprop_is_saliency_of_tf_keras_vis_with_the_rule(keras_vis, class_index):
    """tf-keras-vis lets a function of ours, `use_guided_rule`, exchange activations."""
    _, Saliency, CategoricalScore = keras_vis
    pure = keras.models.clone_model(keras_net(), clone_function=as_activation)
    pure.set_weights(keras_net().get_weights())
    explain = Saliency(pure, model_modifier=use_guided_rule)
    theirs = explain(CategoricalScore(class_index), IMAGE[None], normalize_map=False)
    assert_same_map(guided_map(keras_net(), IMAGE, class_index), np.asarray(theirs)[0])


def as_activation(layer):
    """The layer again, a ReLU as an Activation."""
    if isinstance(layer, keras.layers.ReLU):
        return keras.layers.Activation("relu", name=layer.name)
    return type(layer).from_config(layer.get_config())


def use_guided_rule(model):
    for layer in model.layers:
        if getattr(layer, "activation", None) is keras.activations.relu:
            layer.activation = guided_as_documented


@tf.custom_gradient
def guided_as_documented(x):
    """The rule as TensorFlow's documentation of custom gradients would write it."""
    return tf.nn.relu(x), lambda upstream: tf.where((x > 0) & (upstream > 0), upstream, 0.0)
