"""The same net and the same picture in two independent libraries: captum, on PyTorch with the weights carried over, and tf-keras-vis.

Run where they are installed: `pip install -e ".[parity]"`. Tolerance: 1e-4 of a map's largest number, 32-bit arithmetic on both sides.
"""

from functools import cache

import numpy as np
import pytest
from small_nets import normal, random

from lecture_lib.core.scores import class_score, neuron_score
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
    """Three convolutions, a pooling between them, the mean, linear scores; weights are always the same."""
    layers, images = keras.layers, keras.Input((None, None, 3), name="image")
    x = layers.Conv2D(8, 3, padding="same", activation="relu", name="conv1")(images)
    x = layers.ReLU(name="relu2")(layers.Conv2D(10, 3, padding="same", name="conv2")(x))
    x = layers.Conv2D(12, 3, padding="same", activation="relu", name="conv3")(
        layers.MaxPooling2D(2, name="halved")(x)
    )
    x = layers.Dense(4, name="scores")(layers.GlobalAveragePooling2D(name="pool")(x))
    model = keras.Model(images, x)
    model.set_weights(
        [
            0.4 * normal(*weight.shape, seed=number)
            for number, weight in enumerate(model.get_weights())
        ]
    )
    return named(model, class_names=None, image_size=12)


@cache
def torch_net():
    """The same net in PyTorch: kernels (height, width, in, out) become (out, in, height, width)."""
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
    numbers = [
        np.transpose(weight)
        if weight.ndim == 2
        else weight.transpose(3, 2, 0, 1)
        if weight.ndim == 4
        else weight
        for weight in keras_net().get_weights()
    ]
    net.load_state_dict(dict(zip(net.state_dict(), map(torch.tensor, numbers), strict=True)))
    return net.eval()


def for_torch(image):
    return pytest.importorskip("torch").tensor(image.transpose(2, 0, 1)[None])


def from_torch(tensor):
    """(1, C, H, W) -> (H, W, C)."""
    return tensor.detach().numpy()[0].transpose(1, 2, 0)


@pytest.fixture
def captum():
    return pytest.importorskip("captum.attr", reason="captum is not installed")


def test_both_nets_give_the_same_scores(captum):
    np.testing.assert_allclose(
        keras_net()(IMAGE[None]), torch_net()(for_torch(IMAGE)).detach(), rtol=1e-4, atol=1e-5
    )


@classes
def test_gradients_are_those_of_captum(captum, class_index):
    kinds = {
        saliency_map: captum.Saliency,
        guided_map: captum.GuidedBackprop,
        deconvnet_map: captum.Deconvolution,
    }
    for make, kind in kinds.items():
        theirs = np.abs(
            from_torch(kind(torch_net()).attribute(for_torch(IMAGE), target=class_index))
        ).max(axis=-1)
        assert_same_map(make(keras_net(), IMAGE, class_index), theirs)


@pytest.mark.parametrize("channel", [0, 5, 11])
def test_the_guided_gradient_of_a_neuron_is_that_of_captum(captum, channel):
    maps = keras.Model(keras_net().input, keras_net().get_layer("conv3").output)(
        IMAGE[None]
    ).numpy()[0]
    row, column = np.unravel_index(maps[..., channel].argmax(), maps.shape[:2])
    attribution = captum.NeuronGuidedBackprop(torch_net(), torch_net()[6])
    theirs = from_torch(
        attribution.attribute(for_torch(IMAGE), neuron_selector=(channel, int(row), int(column)))
    )
    assert_same_map(
        guided_gradient(
            keras_net(), IMAGE, lambda net: neuron_score(net, "conv3", row, column, channel)
        ),
        theirs,
    )


@classes
def test_integrated_gradients_are_those_of_captum(captum, class_index):
    attribution = captum.IntegratedGradients(torch_net())
    theirs = attribution.attribute(
        for_torch(IMAGE), target=class_index, n_steps=32, method="riemann_middle"
    )
    assert_same_map(
        integrated_gradients_map(keras_net(), IMAGE, class_index, steps=32),
        from_torch(theirs).sum(axis=-1),
    )


@classes
@pytest.mark.parametrize("patch, stride", [(4, 2), (6, 1)])
def test_occlusion_is_that_of_captum(captum, class_index, patch, stride):
    """Where the patches of a row end at the edge of their own accord; otherwise captum cuts the last one off, and we move it back."""
    options = {
        "sliding_window_shapes": (3, patch, patch),
        "strides": (3, stride, stride),
        "baselines": 0.5,
    }
    theirs = captum.Occlusion(torch_net()).attribute(
        for_torch(IMAGE), target=class_index, **options
    )
    ours = occlusion_map(
        keras_net(), IMAGE, class_index, patch=patch, stride=stride, fill=0.5, of=class_score
    )
    assert_same_map(ours, from_torch(theirs)[..., 0])


@classes
@pytest.mark.parametrize("layer, place", [("conv1", 1), ("relu2", 3), ("halved", 4), ("conv3", 6)])
def test_grad_cam_is_that_of_captum_at_every_layer(captum, class_index, layer, place):
    attribution = captum.LayerGradCam(torch_net(), torch_net()[place])
    theirs = attribution.attribute(for_torch(IMAGE), target=class_index, relu_attributions=True)
    assert_same_map(
        grad_cam_map(keras_net(), IMAGE, class_index, layer=layer, full_size=False),
        from_torch(theirs)[..., 0],
    )
    large = captum.LayerAttribution.interpolate(theirs, IMAGE.shape[:2], "bilinear")
    assert_same_map(
        grad_cam_map(keras_net(), IMAGE, class_index, layer=layer), from_torch(large)[..., 0]
    )


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
    theirs = Saliency(keras_net())(CategoricalScore(class_index), IMAGE[None], normalize_map=False)[
        0
    ]
    assert_same_map(saliency_map(keras_net(), IMAGE, class_index), np.asarray(theirs))


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
    )[0]
    assert_same_map(
        grad_cam_map(keras_net(), IMAGE, class_index, layer=layer, full_size=False),
        np.asarray(theirs),
    )


@classes
def test_guided_backprop_is_saliency_of_tf_keras_vis_on_a_net_with_the_rule(keras_vis, class_index):
    """tf-keras-vis lets a function change the net: the activations of its own layers, here by the rule of TensorFlow's documentation."""
    _, Saliency, CategoricalScore = keras_vis

    @tf.custom_gradient
    def guided(x):
        return tf.nn.relu(x), lambda upstream: tf.where((x > 0) & (upstream > 0), upstream, 0.0)

    def with_rule(model):
        for layer in model.layers:
            if getattr(layer, "activation", None) is keras.activations.relu:
                layer.activation = guided

    pure = keras.models.clone_model(keras_net(), clone_function=as_activation)
    pure.set_weights(keras_net().get_weights())
    theirs = Saliency(pure, model_modifier=with_rule)(
        CategoricalScore(class_index), IMAGE[None], normalize_map=False
    )[0]
    assert_same_map(guided_map(keras_net(), IMAGE, class_index), np.asarray(theirs))


def as_activation(layer):
    is_relu = isinstance(layer, keras.layers.ReLU)
    return (
        keras.layers.Activation("relu", name=layer.name)
        if is_relu
        else type(layer).from_config(layer.get_config())
    )
