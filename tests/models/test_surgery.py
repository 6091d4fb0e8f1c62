"""Surgery: what comes out computes what went in, with one thing exchanged, and what went in stays as it was."""

import numpy as np
import pytest
from small_nets import assert_same_numbers, normal, numbers_of, random, small_net

from lecture_lib.core import scores
from lecture_lib.core.gradients import gradient
from lecture_lib.guided_backprop import deconv_relu, guided_relu
from lecture_lib.models import inference, surgery
from lecture_lib.models.backend import keras, tf

layers = keras.layers
IMAGES = random(3, 12, 12, 3)


def softmax(values):
    powers = np.exp(values - values.max(axis=-1, keepdims=True))
    return powers / powers.sum(axis=-1, keepdims=True)


def sequential(*last, side=None):
    return keras.Sequential(
        [
            keras.Input((side, side, 3)),
            layers.Conv2D(4, 3, activation="relu", name="conv"),
            layers.GlobalAveragePooling2D(),
            *last,
        ]
    )


def functional(*last):
    images = x = keras.Input((None, None, 3))
    for layer in (
        layers.Conv2D(4, 3, activation="relu", name="conv"),
        layers.GlobalAveragePooling2D(),
        *last,
    ):
        x = layer(x)
    return keras.Model(images, x)


def shared_base():
    """A net whose one convolution stands twice in it."""
    images, shared = (
        keras.Input((None, None, 3)),
        layers.Conv2D(3, 3, padding="same", activation="relu", name="shared"),
    )
    return keras.Model(images, layers.Add()([shared(images), shared(shared(images))]), name="base")


def transfer(*last):
    """A net as transfer learning leaves it: preprocessing, a model inside the model, a new head."""
    return keras.Sequential(
        [
            keras.Input((12, 12, 3)),
            layers.Rescaling(2.0, offset=-1.0),
            shared_base(),
            layers.GlobalAveragePooling2D(),
            *last,
        ]
    )


def softmax_end(name):
    """The layers that end a net, for each way to write a softmax."""
    return {
        "activation": [layers.Dense(5, activation="softmax")],
        "Softmax layer": [layers.Dense(5), layers.Softmax()],
        "Activation layer": [layers.Dense(5), layers.Activation("softmax")],
        "function of Keras operations": [layers.Dense(5, activation=keras.ops.softmax)],
        "function of TensorFlow": [layers.Dense(5, activation=tf.nn.softmax)],
    }[name]


@pytest.mark.parametrize(
    "end",
    [
        "activation",
        "Softmax layer",
        "Activation layer",
        "function of Keras operations",
        "function of TensorFlow",
    ],
)
@pytest.mark.parametrize("build", [sequential, functional, transfer])
def test_a_softmax_at_the_end_is_left_out(build, end):
    theirs = build(*softmax_end(end))
    found = surgery.wrap_model(theirs)(IMAGES).numpy()
    np.testing.assert_allclose(softmax(found), theirs(IMAGES), rtol=1e-5)
    assert not np.allclose(found.sum(axis=1), 1)


@pytest.mark.parametrize("build", [sequential, functional, transfer])
def test_without_a_softmax_the_scores_are_theirs_and_they_stay_as_they_were(build):
    theirs = build(layers.Dense(5))
    kept, expected = numbers_of(theirs), theirs(IMAGES)
    np.testing.assert_allclose(surgery.wrap_model(theirs)(IMAGES), expected, rtol=1e-5, atol=1e-6)
    assert_same_numbers(theirs, kept)
    np.testing.assert_array_equal(theirs(IMAGES), expected)


def test_a_softmax_in_the_middle_stays():
    theirs = sequential(layers.Softmax(), layers.Dense(5))
    np.testing.assert_allclose(
        surgery.wrap_model(theirs)(IMAGES), theirs(IMAGES), rtol=1e-5, atol=1e-6
    )


def test_layers_inside_a_model_inside_are_reached_by_name():
    net = surgery.wrap_model(transfer(layers.Dense(5, activation="softmax", name="head")))
    assert {"shared", "head"} <= set(inference.layer_names(net, maps_only=False))
    assert not any(isinstance(layer, keras.Model) for layer in net.layers)
    assert (
        sum(isinstance(layer, layers.Conv2D) for layer in net.layers) == 1
    )  # it stands twice, and is one
    assert gradient(scores.class_score(net, 2), IMAGES[0]).any()


def test_two_inner_models_with_layers_of_one_name_are_told_apart():
    bases = [
        keras.Sequential([keras.Input((12, 12, 3)), layers.Conv2D(3, 3, name="conv")])
        for _ in range(2)
    ]
    theirs = keras.Sequential(
        [
            keras.Input((12, 12, 3)),
            bases[0],
            layers.Resizing(12, 12),
            bases[1],
            layers.Flatten(),
            layers.Dense(2),
        ]
    )
    net = surgery.wrap_model(theirs)
    names = inference.layer_names(net, maps_only=False)
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
    net = surgery.wrap_model(theirs, preprocess=preprocess)
    np.testing.assert_allclose(net(IMAGES), theirs(2 * IMAGES - 1), rtol=1e-4, atol=1e-6)
    again = surgery.with_relu_rule(net, guided_relu)
    np.testing.assert_allclose(again(IMAGES), theirs(2 * IMAGES - 1), rtol=1e-4, atol=1e-6)


def test_an_adapted_normalization_keeps_what_it_adapted_to():
    normalization = layers.Normalization()
    normalization.adapt(3 + 2 * normal(50, 12, 12, 3))
    theirs = keras.Sequential(
        [keras.Input((12, 12, 3)), normalization, layers.Flatten(), layers.Dense(2)]
    )
    np.testing.assert_allclose(
        surgery.wrap_model(theirs)(IMAGES), theirs(IMAGES), rtol=1e-4, atol=1e-5
    )


def test_any_size_where_the_architecture_allows():
    net = surgery.wrap_model(sequential(layers.Dense(5), side=12))
    assert net(random(1, 20, 17, 3)).shape == (1, 5) and net.image_size == 12


def test_the_fixed_size_where_it_does_not():
    theirs = keras.Sequential(
        [keras.Input((12, 12, 3)), layers.Conv2D(2, 3), layers.Flatten(), layers.Dense(5)]
    )
    net = surgery.wrap_model(theirs)
    assert net.input.shape == (None, 12, 12, 3) and net.image_size == 12
    np.testing.assert_allclose(net(IMAGES), theirs(IMAGES), rtol=1e-5, atol=1e-6)


def test_names_and_size_are_attributes_that_copies_keep():
    net = surgery.wrap_model(sequential(layers.Dense(2)), class_names=["cat", "dog"], image_size=64)
    for made in net, surgery.with_relu_rule(net, guided_relu), surgery.with_shuffled_weights(net):
        assert made.class_names == ("cat", "dog") and made.image_size == 64
    assert surgery.wrap_model(sequential(layers.Dense(2))).class_names == ("class 0", "class 1")


def two_inputs():
    images = [keras.Input((4, 4, 3)), keras.Input((4, 4, 3))]
    return keras.Model(images, layers.Dense(2)(layers.Flatten()(layers.Add()(images))))


class OwnClass(keras.Model):
    def call(self, images):
        return images


@pytest.mark.parametrize(
    "build, options, sentence",
    [
        (
            lambda: sequential(layers.Dense(3)),
            {"class_names": ["a", "b"]},
            "has 3 classes, but 2 class names were given",
        ),
        (OwnClass, {}, "must be functional or Sequential, so that its layers can be reached"),
        (lambda: keras.Sequential([layers.Dense(2)]), {}, "no input shape yet"),
        (two_inputs, {}, "one input and one output; this model has 2 and 1"),
        (
            lambda: keras.Sequential([keras.Input((8, 8, 3)), layers.Conv2D(2, 3)]),
            {},
            r"one score per class, shape \(N, classes\)",
        ),
    ],
)
def test_a_model_that_is_no_network_gives_a_sentence(build, options, sentence):
    with pytest.raises(ValueError, match=sentence):
        surgery.wrap_model(build(), **options)


def relu_net(name):
    """A net for each way to write a ReLU, that ends in the mean and 3 scores."""
    middle = {
        "argument": [layers.Conv2D(4, 3, activation="relu")],
        "ReLU layer": [layers.Conv2D(4, 3), layers.ReLU()],
        "Activation layer": [layers.Conv2D(4, 3), layers.Activation("relu")],
        "capped ReLU layer": [
            layers.Conv2D(4, 3),
            layers.Rescaling(20.0),
            layers.ReLU(max_value=6.0),
        ],
        "capped argument": [layers.Rescaling(20.0), layers.Conv2D(4, 3, activation="relu6")],
        "nested": [
            keras.Sequential([keras.Input((12, 12, 3)), layers.Conv2D(4, 3), layers.ReLU()])
        ],
        "leaky ReLU layer": [layers.Conv2D(4, 3), layers.ReLU(negative_slope=0.2)],
    }[name]
    model = keras.Sequential(
        [keras.Input((12, 12, 3)), *middle, layers.GlobalAveragePooling2D(), layers.Dense(3)]
    )
    model.set_weights(
        [normal(*weight.shape, seed=number) for number, weight in enumerate(model.get_weights())]
    )
    return model


@pytest.mark.parametrize(
    "name",
    [
        "argument",
        "ReLU layer",
        "Activation layer",
        "capped ReLU layer",
        "capped argument",
        "nested",
        "leaky ReLU layer",
    ],
)
@pytest.mark.parametrize("rule", [guided_relu, deconv_relu])
def test_a_relu_rule_changes_the_way_back_alone(name, rule):
    net = surgery.wrap_model(relu_net(name))
    kept, score = numbers_of(net), scores.class_score(net, 1)
    values, slopes = score(IMAGES), gradient(score, IMAGES)
    changed = surgery.with_relu_rule(net, rule)
    np.testing.assert_allclose(scores.class_score(changed, 1)(IMAGES), values, rtol=1e-5, atol=1e-6)
    differs = not np.allclose(
        gradient(scores.class_score(changed, 1), IMAGES), slopes, rtol=1e-3, atol=1e-7
    )
    assert differs == (
        name != "leaky ReLU layer"
    )  # which is another function, so that the rule does not speak of it
    np.testing.assert_array_equal(gradient(score, IMAGES), slopes)
    assert_same_numbers(net, kept)


def test_the_rule_is_what_the_way_back_computes():
    """conv, ReLU, mean, scores: upstream at the ReLU is w_k / positions, and guided backprop drops it where w_k or its input is below 0."""
    images = keras.Input((4, 4, 3))
    theirs = keras.Model(
        images,
        layers.Dense(2)(
            layers.GlobalAveragePooling2D()(layers.Conv2D(4, 1, activation="relu")(images))
        ),
    )
    kernel, bias, weights, _ = theirs.get_weights()
    image = random(4, 4, 3)
    gates = {
        guided_relu: lambda inputs, upstream: (inputs > 0) & (upstream > 0),
        deconv_relu: lambda _, upstream: upstream > 0,
    }
    for rule, gate in gates.items():
        net = surgery.with_relu_rule(surgery.wrap_model(theirs), rule)
        inputs, upstream = (
            image @ kernel[0, 0] + bias,
            np.broadcast_to(weights[:, 1] / 16, (4, 4, 4)),
        )
        expected = np.where(gate(inputs, upstream), upstream, 0) @ kernel[0, 0].T
        np.testing.assert_allclose(
            gradient(scores.class_score(net, 1), image), expected, rtol=1e-4, atol=1e-7
        )


def test_random_weights_are_the_same_numbers_in_an_order_of_the_seed():
    net = small_net()
    kept = numbers_of(net)
    one, same, other = (surgery.with_shuffled_weights(net, seed=seed) for seed in (0, 0, 1))
    assert_same_numbers(same, numbers_of(one))
    assert_same_numbers(net, kept)
    for new, another, old in zip(one.get_weights(), other.get_weights(), kept, strict=True):
        np.testing.assert_array_equal(np.sort(new, axis=None), np.sort(old, axis=None))
        assert (new == old).all() == (old.ndim == 1) and (new == another).all() == (old.ndim == 1)


@pytest.mark.parametrize("name", ["argument", "capped argument", "capped ReLU layer"])
def test_a_net_with_a_relu_rule_can_forget_what_it_knows(name):
    net = surgery.wrap_model(relu_net(name))
    rule_first = surgery.with_shuffled_weights(surgery.with_relu_rule(net, guided_relu))
    rule_last = surgery.with_relu_rule(surgery.with_shuffled_weights(net), guided_relu)
    slopes = [gradient(scores.class_score(net, 1), IMAGES[0]) for net in (rule_first, rule_last)]
    np.testing.assert_array_equal(slopes[0], slopes[1])


def test_random_weights_of_some_layers_leave_the_others():
    net, shuffled = (
        small_net(),
        surgery.with_shuffled_weights(small_net(), layers=["conv2", "scores"]),
    )
    for layer in net.layers:
        kernels = zip(
            layer.get_weights()[:1], shuffled.get_layer(layer.name).get_weights()[:1], strict=True
        )
        assert all(
            (old == new).all() != (layer.name in ("conv2", "scores")) for old, new in kernels
        )
    with pytest.raises(ValueError, match="no layer 'conv9'; its layers are image, conv1"):
        surgery.with_shuffled_weights(net, layers=["conv9"])


def test_a_rebuilt_net_can_say_which_layer_each_of_its_own_was():
    net, copies = surgery.wrap_model(transfer(layers.Dense(5))), {}
    made = surgery.with_relu_rule(net, guided_relu, copies=copies)
    assert set(map(id, copies.values())) == {
        id(layer) for layer in made.layers if layer.name != "image"
    }
    for old, new in copies.items():
        for weight, copied in zip(old.get_weights(), new.get_weights(), strict=True):
            np.testing.assert_array_equal(weight, copied)
