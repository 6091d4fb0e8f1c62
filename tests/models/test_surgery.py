"""What surgery makes computes what it was made from, with one thing exchanged."""

import numpy as np
import pytest
from small_nets import assert_same_numbers, normal, numbers_of, random, small_net, softmax

from lecture_lib.core import scores
from lecture_lib.core.gradients import gradient
from lecture_lib.guided_backprop import deconv_relu, guided_relu
from lecture_lib.models import surgery
from lecture_lib.models.backend import keras, tf
from lecture_lib.models.layers import layer_names, layer_outputs
from lecture_lib.models.relu_rules import with_relu_rule
from lecture_lib.models.wrapping import wrap_model

layers = keras.layers
IMAGES = random(3, 12, 12, 3)


def chain(*parts, side=12):
    """A Sequential model of these layers, for images of this side."""
    return keras.Sequential([keras.Input((side, side, 3)), *parts])


def sequential(*last, side=None):
    convolution = layers.Conv2D(4, 3, activation="relu", name="conv")
    return chain(convolution, layers.GlobalAveragePooling2D(), *last, side=side)


def functional(*last):
    images = keras.Input((None, None, 3))
    x = layers.Conv2D(4, 3, activation="relu", name="conv")(images)
    for layer in (layers.GlobalAveragePooling2D(), *last):
        x = layer(x)
    return keras.Model(images, x)


def shared_base():
    """A model whose one convolution stands twice in it."""
    images = keras.Input((None, None, 3))
    shared = layers.Conv2D(3, 3, padding="same", activation="relu", name="shared")
    return keras.Model(images, layers.Add()([shared(images), shared(shared(images))]), name="base")


def transfer(*last):
    """A model as transfer learning leaves it: preprocessing, a model in the model, a new head."""
    preprocess = layers.Rescaling(2.0, offset=-1.0)
    return chain(preprocess, shared_base(), layers.GlobalAveragePooling2D(), *last)


# Anybody's model becomes a network


SOFTMAX = {
    "activation": lambda: [layers.Dense(5, activation="softmax")],
    "Softmax layer": lambda: [layers.Dense(5), layers.Softmax()],
    "Activation layer": lambda: [layers.Dense(5), layers.Activation("softmax")],
    "function of Keras operations": lambda: [layers.Dense(5, activation=keras.ops.softmax)],
    "function of TensorFlow": lambda: [layers.Dense(5, activation=tf.nn.softmax)],
}


@pytest.mark.parametrize("end", SOFTMAX)
@pytest.mark.parametrize("build", [sequential, functional, transfer])
def test_a_softmax_at_the_end_is_left_out(build, end):
    theirs = build(*SOFTMAX[end]())
    found = wrap_model(theirs)(IMAGES).numpy()
    np.testing.assert_allclose(softmax(found), theirs(IMAGES), rtol=1e-5)
    assert not np.allclose(found.sum(axis=1), 1)


@pytest.mark.parametrize("build", [sequential, functional, transfer])
def test_without_a_softmax_the_logits_are_theirs_and_they_stay_as_they_were(build):
    theirs = build(layers.Dense(5))
    kept = numbers_of(theirs)
    expected = theirs(IMAGES)
    np.testing.assert_allclose(wrap_model(theirs)(IMAGES), expected, rtol=1e-5, atol=1e-6)
    assert_same_numbers(theirs, kept)
    np.testing.assert_array_equal(theirs(IMAGES), expected)


def test_layers_of_a_wrapped_model_have_one_output_as_before():
    """A layer that was called a second time would have several, and be of no use by its name."""
    theirs = transfer(layers.Dense(5))
    base = theirs.get_layer("base")
    net = wrap_model(theirs)
    surgery.clone(net)
    once = [layer for layer in (*theirs.layers, *base.layers) if layer.name != "shared"]
    assert all(layer.output is not None for layer in once)
    names = layer_names(net, maps_only=False)
    outputs = layer_outputs(net, [name for name in names if name != "shared"])(IMAGES)
    assert len(outputs) == len(names) - 1


def test_a_softmax_in_the_middle_stays():
    theirs = sequential(layers.Softmax(), layers.Dense(5))
    found = wrap_model(theirs)(IMAGES)
    np.testing.assert_allclose(found, theirs(IMAGES), rtol=1e-5, atol=1e-6)


def test_layers_inside_a_model_inside_are_reached_by_name():
    net = wrap_model(transfer(layers.Dense(5, activation="softmax", name="head")))
    assert {"shared", "head"} <= set(layer_names(net, maps_only=False))
    assert not any(isinstance(layer, keras.Model) for layer in net.layers)
    # The convolution is called three times; each call has a layer, with an output of its own.
    called = [layer for layer in net.layers if isinstance(layer, layers.Conv2D)]
    assert {layer.name for layer in called} == {"shared", "shared_call2", "shared_call3"}
    for other in called[1:]:
        assert_same_numbers(other, called[0].get_weights())
    assert gradient(scores.class_score(net, 2), IMAGES[0]).any()


def test_a_model_inside_a_model_inside_a_model_is_unpacked():
    inner = chain(layers.Conv2D(3, 3, name="deep"), layers.ReLU())
    theirs = chain(chain(inner, layers.ReLU()), layers.GlobalMaxPooling2D(), layers.Dense(2))
    net = wrap_model(theirs)
    assert "deep" in layer_names(net)
    np.testing.assert_allclose(net(IMAGES), theirs(IMAGES), rtol=1e-4, atol=1e-5)


def test_two_inner_models_with_layers_of_one_name_are_told_apart():
    bases = [chain(layers.Conv2D(3, 3, name="conv")) for _ in range(2)]
    theirs = chain(bases[0], layers.Resizing(12, 12), bases[1], layers.Flatten(), layers.Dense(2))
    net = wrap_model(theirs)
    names = layer_names(net, maps_only=False)
    assert len(set(names)) == len(names)
    np.testing.assert_allclose(net(IMAGES), theirs(IMAGES), rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize(
    "preprocess",
    [
        layers.Rescaling(2.0, offset=-1.0),
        lambda images: images * 2.0 - 1.0,
        lambda images: keras.ops.subtract(keras.ops.multiply(images, 2.0), 1.0),
    ],
)
def test_preprocessing_goes_inside(preprocess):
    theirs = sequential(layers.Dense(5))
    net = wrap_model(theirs, preprocess=preprocess)
    np.testing.assert_allclose(net(IMAGES), theirs(2 * IMAGES - 1), rtol=1e-4, atol=1e-6)
    again = with_relu_rule(net, guided_relu)
    np.testing.assert_allclose(again(IMAGES), theirs(2 * IMAGES - 1), rtol=1e-4, atol=1e-6)


def test_preprocessing_goes_before_every_layer_that_reads_the_images():
    theirs = keras.Sequential([shared_base(), layers.GlobalAveragePooling2D(), layers.Dense(2)])
    theirs(IMAGES)
    net = surgery.clone(wrap_model(theirs), preprocess=layers.Rescaling(0.5))
    np.testing.assert_allclose(net(IMAGES), theirs(0.5 * IMAGES), rtol=1e-4, atol=1e-6)


def test_an_adapted_normalization_keeps_what_it_adapted_to():
    normalization = layers.Normalization()
    normalization.adapt(3 + 2 * normal(50, 12, 12, 3))
    theirs = chain(normalization, layers.Flatten(), layers.Dense(2))
    found = wrap_model(theirs)(IMAGES)
    np.testing.assert_allclose(found, theirs(IMAGES), rtol=1e-4, atol=1e-5)


def test_any_size_where_the_architecture_allows():
    net = wrap_model(sequential(layers.Dense(5), side=12))
    assert net(random(1, 20, 17, 3)).shape == (1, 5) and net.image_size == 12


def test_the_fixed_size_where_it_does_not():
    theirs = chain(layers.Conv2D(2, 3), layers.Flatten(), layers.Dense(5))
    net = wrap_model(theirs)
    assert net.input.shape == (None, 12, 12, 3) and net.image_size == 12
    np.testing.assert_allclose(net(IMAGES), theirs(IMAGES), rtol=1e-5, atol=1e-6)


def test_names_and_size_are_attributes_that_copies_keep():
    net = wrap_model(sequential(layers.Dense(2)), class_names=["cat", "dog"], image_size=64)
    for made in net, with_relu_rule(net, guided_relu), surgery.with_shuffled_weights(net):
        assert made.class_names == ("cat", "dog") and made.image_size == 64
    assert wrap_model(sequential(layers.Dense(2))).class_names == ("class 0", "class 1")


def two_inputs():
    images = [keras.Input((4, 4, 3)), keras.Input((4, 4, 3))]
    return keras.Model(images, layers.Dense(2)(layers.Flatten()(layers.Add()(images))))


class OwnClass(keras.Model):
    def call(self, images):
        return images


@pytest.mark.parametrize(
    "build, sentence",
    [
        (OwnClass, "must be functional or Sequential, so that its layers can be reached"),
        (lambda: keras.Sequential([layers.Dense(2)]), "no input shape yet"),
        (two_inputs, "one input and one output; this model has 2 inputs"),
    ],
)
def test_a_model_that_is_no_network_gives_a_sentence(build, sentence):
    with pytest.raises(ValueError, match=sentence):
        wrap_model(build())


def test_a_wrong_number_of_names_gives_a_sentence():
    with pytest.raises(ValueError, match="has 3 classes, but 2 class names were given"):
        wrap_model(sequential(layers.Dense(3)), class_names=["a", "b"])


# ReLUs computed by another rule


RELU = {
    "argument": lambda: [layers.Conv2D(4, 3, activation="relu")],
    "ReLU layer": lambda: [layers.Conv2D(4, 3), layers.ReLU()],
    "Activation layer": lambda: [layers.Conv2D(4, 3), layers.Activation("relu")],
    "capped ReLU layer": lambda: [
        layers.Conv2D(4, 3),
        layers.Rescaling(20.0),
        layers.ReLU(max_value=6.0),
    ],
    "ReLU layer capped at 3": lambda: [layers.Conv2D(4, 3), layers.ReLU(max_value=3.0)],
    "capped argument": lambda: [
        layers.Rescaling(20.0),
        layers.Conv2D(4, 3, activation="relu6"),
    ],
    "nested": lambda: [chain(layers.Conv2D(4, 3), layers.ReLU())],
    "beside a leaky ReLU": lambda: [
        layers.Conv2D(4, 3, activation="relu"),
        layers.ReLU(negative_slope=0.2),
    ],
}


def relu_net(name):
    """A network for each way to write a ReLU, that ends in the mean and 3 logits."""
    model = chain(*RELU[name](), layers.GlobalAveragePooling2D(), layers.Dense(3))
    shapes = [weight.shape for weight in model.weights]
    model.set_weights([normal(*shape, seed=number) for number, shape in enumerate(shapes)])
    return wrap_model(model)


@pytest.mark.parametrize("name", RELU)
@pytest.mark.parametrize("rule", [guided_relu, deconv_relu])
def test_a_relu_rule_changes_the_backward_pass_alone(name, rule):
    net = relu_net(name)
    kept = numbers_of(net)
    score = scores.class_score(net, 1)
    values = score(IMAGES)
    gradients = gradient(score, IMAGES)
    changed = scores.class_score(with_relu_rule(net, rule), 1)
    np.testing.assert_allclose(changed(IMAGES), values, rtol=1e-5, atol=1e-6)
    assert not np.allclose(gradient(changed, IMAGES), gradients, rtol=1e-3, atol=1e-7)
    np.testing.assert_array_equal(gradient(score, IMAGES), gradients)
    assert_same_numbers(net, kept)


@pytest.mark.parametrize(
    "rule, gate",
    [
        (guided_relu, lambda inputs, upstream: (inputs > 0) & (upstream > 0)),
        (deconv_relu, lambda _, upstream: upstream > 0),
    ],
)
def test_the_rule_is_what_the_backward_pass_computes(rule, gate):
    """conv, ReLU, mean, logits: upstream at the ReLU is w_k / positions.

    Guided backprop drops it where w_k or the ReLU's input is below 0.
    """
    convolution = layers.Conv2D(4, 1, activation="relu")
    theirs = chain(convolution, layers.GlobalAveragePooling2D(), layers.Dense(2), side=4)
    kernel, bias, weights, _ = theirs.get_weights()
    image = random(4, 4, 3)
    inputs = image @ kernel[0, 0] + bias
    upstream = np.broadcast_to(weights[:, 1] / 16, (4, 4, 4))
    expected = np.where(gate(inputs, upstream), upstream, 0) @ kernel[0, 0].T
    net = with_relu_rule(wrap_model(theirs), rule)
    found = gradient(scores.class_score(net, 1), image)
    np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-7)


# Weights


def test_shuffled_weights_are_the_same_numbers_in_an_order_of_the_seed():
    net = small_net()
    kept = numbers_of(net)
    one, same, other = (surgery.with_shuffled_weights(net, seed=seed) for seed in (0, 0, 1))
    assert_same_numbers(same, numbers_of(one))
    assert_same_numbers(net, kept)
    for new, another, old in zip(one.get_weights(), other.get_weights(), kept, strict=True):
        np.testing.assert_array_equal(np.sort(new, axis=None), np.sort(old, axis=None))
        is_bias = old.ndim == 1
        assert np.array_equal(new, old) == is_bias and np.array_equal(new, another) == is_bias


@pytest.mark.parametrize("name", ["argument", "capped argument", "capped ReLU layer"])
def test_a_network_with_a_relu_rule_can_be_shuffled(name):
    net = relu_net(name)
    rule_first = surgery.with_shuffled_weights(with_relu_rule(net, guided_relu))
    rule_last = with_relu_rule(surgery.with_shuffled_weights(net), guided_relu)
    first, last = (gradient(scores.class_score(n, 1), IMAGES[0]) for n in (rule_first, rule_last))
    np.testing.assert_array_equal(first, last)


def test_shuffled_weights_of_some_layers_leave_the_others():
    chosen = ["conv2", "scores"]
    shuffled = surgery.with_shuffled_weights(small_net(), layers=chosen)
    for layer in (layer for layer in small_net().layers if layer.weights):
        new = shuffled.get_layer(layer.name).get_weights()[0]
        assert np.array_equal(layer.get_weights()[0], new) == (layer.name not in chosen)
    with pytest.raises(ValueError, match="no layer 'conv9'; its layers are image, conv1"):
        surgery.with_shuffled_weights(small_net(), layers=["conv9"])


def test_a_copy_says_which_layer_each_of_its_own_was():
    net = wrap_model(transfer(layers.Dense(5)))
    copies = {}
    made = with_relu_rule(net, guided_relu, copies=copies)
    own = {id(layer) for layer in made.layers if layer.name != "image"}
    assert {id(layer) for layer in copies.values()} == own
    for old, new in copies.items():
        assert_same_numbers(new, old.get_weights())


def test_copies_take_the_weights_that_their_originals_have_by_then():
    net = surgery.clone(small_net())
    copies = {}
    made = surgery.clone(net, copies=copies)
    synchronize = surgery.weight_synchronizer(copies)
    for factor in 2, 3:
        net.set_weights([factor * weight for weight in net.get_weights()])
        synchronize()
        assert_same_numbers(made, net.get_weights())
