"""Guided backpropagation: the slide's numbers, and every way to write a ReLU."""

from functools import cache

import numpy as np
import pytest
from small_nets import linear_net, normal, random, random_tinynet, small_net

from lecture_lib.core.gradients import gradient
from lecture_lib.core.layer_scores import channel_score, layer_energy, neuron_score
from lecture_lib.core.scores import class_score
from lecture_lib.guided_backprop import (
    deconv_relu,
    deconvnet_map,
    gradient_to_image,
    guided_gradient,
    guided_map,
    guided_relu,
)
from lecture_lib.models.backend import keras, tf
from lecture_lib.models.surgery import named, with_shuffled_weights
from lecture_lib.models.wrapping import wrap_model
from lecture_lib.saliency import saliency_map

layers = keras.layers
MAPS = {guided_map: guided_relu, deconvnet_map: deconv_relu}
IMAGE = random(12, 12, 3)
each_map = pytest.mark.parametrize("make", MAPS)
SLIDE = np.float32([[1, -1, 5], [2, -5, -7], [-3, 2, 4]])
UPSTREAM = np.float32([[-2, 3, -1], [6, -3, 1], [2, -1, 3]])


@pytest.mark.parametrize(
    "rule, expected",
    [
        (tf.nn.relu, [[-2, 0, -1], [6, 0, 0], [0, -1, 3]]),
        (deconv_relu, [[0, 3, 0], [6, 0, 1], [2, 0, 3]]),
        (guided_relu, [[0, 0, 0], [6, 0, 0], [0, 0, 3]]),
    ],
)
def test_the_slides_numbers_in_a_network(rule, expected):
    """One ReLU and a linear layer, whose weights are the slide's gradient from above."""
    images = keras.Input((3, 3, 1))
    x = layers.ReLU()(layers.Rescaling(12.0, offset=-7.0)(images))
    net = keras.Model(images, layers.Dense(1)(layers.Flatten()(x)))
    net.set_weights([UPSTREAM.reshape(9, 1), np.zeros(1, np.float32)])
    named(net, class_names=None, image_size=3)
    image = (SLIDE[..., None] + 7) / 12  # the slide's input, brought into [0, 1]
    found = guided_gradient(net, image, lambda net: class_score(net, 0), rule=rule)
    np.testing.assert_allclose(found[..., 0] / 12, expected, rtol=1e-6)


def two_layers(image, *, gate):
    """∂S_c/∂I of `stack` for both classes by hand, in double precision: (H, W, 3, 2)."""
    first, second, head = (weight.astype(float) for weight in stack().get_weights())
    below = image @ first[0, 0]
    above = np.maximum(below, 0) @ second[0, 0]
    at_above = np.broadcast_to(head / image[..., 0].size, (*image.shape[:2], *head.shape))
    at_below = np.einsum("hwkc,jk->hwjc", gate(above[..., None], at_above), second[0, 0])
    return np.einsum("hwjc,ij->hwic", gate(below[..., None], at_below), first[0, 0])


def stack():
    """Two 1x1 convolutions, their ReLUs an argument and a layer, the mean, two linear scores."""
    images = keras.Input((None, None, 3))
    x = layers.Conv2D(6, 1, activation="relu", use_bias=False)(images)
    x = layers.GlobalAveragePooling2D()(layers.ReLU()(layers.Conv2D(7, 1, use_bias=False)(x)))
    net = keras.Model(images, layers.Dense(2, use_bias=False)(x))
    set_known_weights(net)
    return named(net, class_names=None, image_size=5)


def set_known_weights(net):
    net.set_weights(
        [normal(*weight.shape, seed=number) for number, weight in enumerate(net.get_weights())]
    )


@pytest.mark.parametrize(
    "make, gate",
    [
        (guided_map, lambda x, g: np.where((x > 0) & (g > 0), g, 0)),
        (deconvnet_map, lambda x, g: np.where((g > 0) & np.isfinite(x), g, 0)),
    ],
)
def test_two_layers_worked_by_hand(make, gate):
    image, net = random(5, 4, 3), stack()
    expected = two_layers(image, gate=gate)
    for class_index in range(2):
        found = make(net, image, class_index)
        by_hand = np.abs(expected[..., class_index]).max(axis=-1)
        np.testing.assert_allclose(found, by_hand, rtol=1e-4, atol=1e-7)


@each_map
def test_a_network_without_a_relu_gives_a_sentence(make):
    with pytest.raises(ValueError, match="This network has no ReLU, so"):
        make(linear_net(normal(6, 5, 1, 2)), random(6, 5, 1), 1)
    for activation in ("gelu", "swish"):
        net = spelled(relu=layers.Activation(activation))
        with pytest.raises(ValueError, match="no ReLU .its activations are (gelu|silu)"):
            make(net, IMAGE, 1)


def test_with_the_plain_rule_it_is_the_gradient():
    found = guided_gradient(small_net(), IMAGE, lambda net: class_score(net, 2), rule=tf.nn.relu)
    plain = gradient(class_score(small_net(), 2), IMAGE)
    np.testing.assert_allclose(found, plain, rtol=1e-5, atol=1e-8)


def test_deconvnet_without_max_pooling_does_not_see_the_image():
    """Its rule reads no activation; averages and convolutions are linear."""
    one, other = (
        deconvnet_map(random_tinynet(), random(64, 64, 3, seed=seed), 3) for seed in (1, 2)
    )
    np.testing.assert_array_equal(one, other)


def spelled(*, relu=None, convolution=layers.Conv2D, cap=None, **options):
    """A convolution, a ReLU written somehow, one more convolution with it, the mean, two scores."""
    images = keras.Input((12, 12, 3))
    relu = relu or (lambda x: x)
    x = relu(convolution(5, 3, **options)(images))
    x = layers.GlobalAveragePooling2D()(relu(convolution(4, 3, **options)(x)))
    net = keras.Model(images, layers.Dense(2)(x))
    net.set_weights([2 * normal(*w.shape, seed=n) for n, w in enumerate(net.get_weights())])
    return named(net, class_names=None, image_size=12)


@cache
def by_keras_layer(cap=None):
    """The same with layers of Keras, made once, as no test changes it."""
    return spelled(relu=lambda x: layers.ReLU(cap)(x))


def normalized(filters, size, **options):
    """A convolution inside a wrapper that passes it on."""
    return Same(layers.Conv2D(filters, size, **options))


class Same(layers.Wrapper):
    """Calls the layer inside, as SpectralNormalization does, but changes nothing."""

    def call(self, inputs):
        return self.layer(inputs)


def on_every_row(x):
    return layers.TimeDistributed(layers.ReLU())(x)


SPELLINGS = {
    "ops.relu": {"relu": keras.ops.relu},
    "ops.maximum": {"relu": lambda x: keras.ops.maximum(x, 0)},
    "ops.maximum, 0 first": {"relu": lambda x: keras.ops.maximum(0.0, x)},
    "ops.clip": {"relu": lambda x: keras.ops.clip(x, 0, 1e9)},
    "x * (x > 0)": {"relu": lambda x: x * keras.ops.cast(x > 0, "float32")},
    "where": {"relu": lambda x: keras.ops.where(x > 0, x, 0.0)},
    "half of x + |x|": {"relu": lambda x: (x + keras.ops.abs(x)) / 2},
    "x - min(x, 0)": {"relu": lambda x: x - keras.ops.minimum(x, 0)},
    "layers of arithmetic": {
        "relu": lambda x: layers.Maximum()([x, layers.Rescaling(0.0)(x)]),
    },
    "activations.relu": {"relu": keras.activations.relu},
    "LeakyReLU(0)": {"relu": lambda x: layers.LeakyReLU(negative_slope=0.0)(x)},
    "one object twice": {"relu": layers.ReLU()},
    "Activation(function)": {"relu": lambda x: layers.Activation(keras.ops.relu)(x)},
    "Activation(lambda)": {"relu": lambda x: layers.Activation(lambda v: tf.nn.relu(v))(x)},
    "Lambda": {"relu": lambda x: layers.Lambda(lambda v: tf.maximum(v, 0.0))(x)},
    "lambda as argument": {"activation": lambda v: keras.ops.relu(v)},
    "function as argument": {"activation": tf.nn.relu},
    "layer as argument": {"activation": layers.ReLU()},
    "inside a wrapper": {"convolution": normalized, "activation": "relu"},
    "TimeDistributed": {"relu": on_every_row},
}


@pytest.mark.parametrize("spelling", SPELLINGS)
def test_a_relu_is_found_however_it_is_written(spelling):
    wanted = guided_map(by_keras_layer(), IMAGE, 1)
    written = spelled(**SPELLINGS[spelling])
    for net in (written, wrap_model(written, probability="none", pixel_range=(0, 1))):
        np.testing.assert_allclose(guided_map(net, IMAGE, 1), wanted, rtol=1e-4, atol=1e-7)


CAPPED = {
    "relu6 as argument": (6, {"activation": "relu6"}),
    "ops.relu6": (6, {"relu": keras.ops.relu6}),
    "ops.clip": (6, {"relu": lambda x: keras.ops.clip(x, 0, 6)}),
    "Activation": (6, {"relu": lambda x: layers.Activation("relu6")(x)}),
    "minimum of maximum": (1, {"relu": lambda x: keras.ops.minimum(keras.ops.relu(x), 1.0)}),
    "a lambda": (1, {"relu": lambda x: layers.Activation(lambda v: tf.clip_by_value(v, 0, 1))(x)}),
}


@pytest.mark.parametrize("rule", [guided_relu, tf.nn.relu])
@pytest.mark.parametrize("spelling", CAPPED)
def test_a_capped_relu_is_found_however_it_is_written(spelling, rule):
    cap, options = CAPPED[spelling]
    maps = []
    for net in (by_keras_layer(cap), spelled(**options)):
        maps.append(guided_gradient(net, IMAGE, lambda net: class_score(net, 1), rule=rule))
    np.testing.assert_allclose(*maps, rtol=1e-4, atol=1e-7)
    if rule is tf.nn.relu:
        plain = gradient(class_score(net, 1), IMAGE)
        np.testing.assert_allclose(maps[1], plain, rtol=1e-4, atol=1e-7)


def test_relus_inside_spectral_normalization_and_time_distributed_take_the_rule():
    """They multiply by numbers of their own, so the map is compared with ReLUs written outside."""
    inside = keras.Sequential(
        [
            keras.Input((12, 12, 3)),
            layers.SpectralNormalization(layers.Conv2D(5, 3, activation="relu")),
            layers.TimeDistributed(layers.Dense(4, activation="relu")),
            layers.GlobalAveragePooling2D(),
            layers.Dense(2),
        ]
    )
    outside = keras.Sequential(
        [
            keras.Input((12, 12, 3)),
            layers.SpectralNormalization(layers.Conv2D(5, 3)),
            layers.ReLU(),
            layers.Dense(4),
            layers.ReLU(),
            layers.GlobalAveragePooling2D(),
            layers.Dense(2),
        ]
    )
    outside.set_weights(inside.get_weights())
    nets = [wrap_model(net, pixel_range=(0, 1)) for net in (inside, outside)]
    maps = [guided_map(net, IMAGE, 1) for net in nets]
    np.testing.assert_allclose(*maps, rtol=1e-4, atol=1e-7)


class Block(layers.Layer):
    """A convolution and a ReLU of somebody's own, whose pieces are held in some way."""

    def __init__(self, filters, kernel_size, **options):
        super().__init__(**options)
        self.filters = filters
        self.convolution = layers.Conv2D(filters, kernel_size)
        self.hold()

    def get_config(self):
        return super().get_config() | {"filters": self.filters, "kernel_size": 3}

    def hold(self):
        self.relu = layers.ReLU()

    def call(self, x):
        return self.relu(self.convolution(x))


class BlockOfAList(Block):
    def hold(self):
        self.layers_after = [layers.Activation("linear"), layers.Activation("relu")]

    def call(self, x):
        x = self.convolution(x)
        for layer in self.layers_after:
            x = layer(x)
        return x


class BlockOfAModel(Block):
    def hold(self):
        self.model = keras.Sequential([self.convolution, layers.ReLU()])

    def call(self, x):
        return self.model(x)


class BlockBuiltLate(Block):
    def hold(self):
        self.relu = None

    def build(self, shape):
        self.convolution.build(shape)
        self.relu = layers.ReLU()


class BlockOfItsOwnCode(Block):
    def call(self, x):
        return keras.ops.relu(self.convolution(x))


class BlockOfItsOwnCodeCapped(Block):
    def call(self, x):
        return keras.ops.relu6(self.convolution(x))


class BlockOfTensorFlow(Block):
    def call(self, x):
        return tf.maximum(self.convolution(x), 0.0)


class BlockThatHidesItsSettings(Block):
    def get_config(self):
        return {}


@pytest.mark.parametrize("block", [Block, BlockOfAList, BlockOfAModel, BlockBuiltLate])
def test_relus_that_a_layer_of_ones_own_holds_take_the_rule(block):
    net = spelled(convolution=block)
    for made in (net, wrap_model(net, probability="none", pixel_range=(0, 1))):
        np.testing.assert_allclose(
            guided_map(made, IMAGE, 1), guided_map(by_keras_layer(), IMAGE, 1), rtol=1e-4, atol=1e-7
        )


@pytest.mark.parametrize(
    "block",
    [BlockOfItsOwnCode, BlockOfItsOwnCodeCapped, BlockOfTensorFlow, BlockThatHidesItsSettings],
)
def test_a_relu_in_the_code_of_a_layer_of_ones_own_is_named_in_a_sentence(block):
    in_keras = block in (BlockOfItsOwnCode, BlockOfItsOwnCodeCapped)
    net = spelled(convolution=block, relu=layers.ReLU() if in_keras else None)
    net = wrap_model(net, probability="none", pixel_range=(0, 1))
    with pytest.raises(ValueError, match="The layer 'block_.*' calls a ReLU in code of its own"):
        guided_map(net, IMAGE, 1)
    assert saliency_map(net, IMAGE, 1).shape == (12, 12)


def test_leaky_and_shifted_relus_are_other_functions():
    others = [
        lambda x: layers.LeakyReLU(negative_slope=0.2)(x),
        lambda x: layers.ReLU(threshold=0.5)(x),
        lambda x: keras.ops.maximum(x, 0.1),
        lambda x: layers.MaxPooling2D(2, strides=1, padding="same")(x),
    ]
    for other in others:
        with pytest.raises(ValueError, match="This network has no ReLU"):
            guided_map(spelled(relu=other), IMAGE, 1)


def two_convolutions(images, *, relu, activation=None):
    """Two convolutions, the ReLU as an argument of theirs or as a layer of its own."""
    x = relu(layers.Conv2D(5, 3, activation=activation)(images))
    return relu(layers.Conv2D(4, 3, activation=activation)(x))


def networks_with_relus():
    """One network, its ReLUs written as arguments, as layers, and in a model inside the model."""
    images = keras.Input((12, 12, 3))
    activations = two_convolutions(images, relu=lambda x: layers.Activation("relu")(x))
    nested = keras.Model(images, activations)
    trunks = [
        two_convolutions(images, activation="relu", relu=lambda x: x),
        two_convolutions(images, relu=lambda x: layers.ReLU()(x)),
        nested(images),
    ]
    for trunk in trunks:
        net = keras.Model(images, layers.Dense(3)(layers.GlobalAveragePooling2D()(trunk)))
        set_known_weights(net)
        yield named(net, image_size=12)


@each_map
def test_every_way_to_write_a_relu_gives_the_same_map(make):
    nets = list(networks_with_relus())
    maps = [make(net, IMAGE, 1) for net in (*nets, wrap_model(nets[-1]))]
    plain = np.abs(gradient(class_score(nets[0], 1), IMAGE)).max(axis=-1)
    assert not np.allclose(maps[0], plain)
    for other in maps[1:]:
        np.testing.assert_allclose(maps[0], other, rtol=1e-4, atol=1e-7)


@pytest.mark.parametrize(
    "score_of",
    [
        lambda net: class_score(net, 1),
        lambda net: channel_score(net, "conv2", 3),
        lambda net: neuron_score(net, "relu2", 4, 7, 2),
        lambda net: layer_energy(net, "conv1"),
    ],
)
def test_any_score_of_the_network_has_a_guided_gradient(score_of):
    one = guided_gradient(small_net(), IMAGE, score_of)
    other = guided_gradient(small_net(), 1 - IMAGE, score_of)
    assert one.shape == IMAGE.shape and one.dtype == np.float32
    batch = guided_gradient(small_net(), np.stack([IMAGE, 1 - IMAGE]), score_of)
    np.testing.assert_allclose(batch, [one, other], rtol=1e-4, atol=1e-7)


def test_a_neurons_gradient_stays_within_what_it_sees():
    """Two 3x3 convolutions see 5x5 pixels."""
    found = guided_gradient(small_net(), IMAGE, lambda net: neuron_score(net, "conv2", 4, 7, 2))
    seen = np.zeros((12, 12), bool)
    seen[2:7, 5:10] = True
    assert np.abs(found[~seen]).max() == 0 and np.abs(found[seen]).max() > 0


@each_map
def test_the_gradient_of_the_network_itself_stays_as_it_was(make):
    net = small_net()
    before = gradient(class_score(net, 2), IMAGE)
    make(net, IMAGE, 2)
    np.testing.assert_array_equal(gradient(class_score(net, 2), IMAGE), before)


def test_a_network_that_learns_on_has_its_new_map():
    net = stack()
    before = guided_map(net, IMAGE, 1)
    shuffled = with_shuffled_weights(net)
    net.set_weights(shuffled.get_weights())
    assert not np.allclose(guided_map(net, IMAGE, 1), before)
    np.testing.assert_array_equal(guided_map(net, IMAGE, 1), guided_map(shuffled, IMAGE, 1))


def test_a_gradient_shown_as_an_image_keeps_signs_and_one_scale():
    gradients = normal(2, 4, 4, 3)
    images = gradient_to_image(gradients, quantile=1.0)
    found = (images - 0.5) * 2 * np.abs(gradients).max()
    np.testing.assert_allclose(found, gradients, rtol=1e-4, atol=1e-5)
    assert np.abs(gradient_to_image(gradients, quantile=0.9) - 0.5).max() == 0.5


def test_a_gradient_that_is_nearly_everywhere_0_is_shown_as_well():
    gray = np.full((3, 3, 3), 0.5, np.float32)
    np.testing.assert_array_equal(gradient_to_image(np.zeros((3, 3, 3))), gray)
    spike = np.zeros((20, 20, 3), np.float32)
    spike[3, 4, 1] = -2.0  # rarer than any quantile
    assert gradient_to_image(spike)[3, 4, 1] == 0 and np.unique(gradient_to_image(spike)).size == 2
