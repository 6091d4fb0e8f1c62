"""Architectures: the same net with its normalization folded, at any size, with convolutions that leave no checkerboard."""

import numpy as np
import pytest
from recipes_loader import recipe
from small_nets import normal, random

from lecture_lib.models import classifiers, decoders, surgery
from lecture_lib.models.backend import keras


def strides_and_sizes(model):
    for layer in model.layers:
        if isinstance(layer, keras.layers.Conv2D):
            yield from zip(layer.strides, layer.kernel_size, strict=True)


def test_folded_normalization_gives_the_same_scores():
    trained, plain = classifiers.tinynet(5, batch_normalization=True), classifiers.tinynet(5)
    for number, layer in enumerate(
        layer for layer in trained.layers if isinstance(layer, keras.layers.BatchNormalization)
    ):
        gamma, beta, mean, deviation = normal(4, *layer.gamma.shape, seed=number)
        layer.set_weights([1 + 0.2 * gamma, 0.3 * beta, 0.3 * mean, np.exp(0.3 * deviation)])
    weights = recipe("export").folded_weights(trained)
    for layer in plain.layers:
        layer.set_weights([weights[f"{layer.name}/{weight.name}"] for weight in layer.weights])
    images = random(2, 64, 64, 3)
    expected = trained(images, training=False)
    np.testing.assert_allclose(plain(images), expected, rtol=1e-3, atol=1e-4 * np.std(expected))


@pytest.mark.parametrize(
    "build, sizes",
    [
        (classifiers.tinynet, [(16, 16), (64, 64), (96, 96), (65, 50)]),
        (classifiers.squeezenet, [(35, 35), (64, 80)]),
    ],
)
def test_any_size_gives_one_score_per_class(build, sizes):
    model = build(7)
    for size in sizes:
        assert model(random(2, *size, 3)).shape == (2, 7)


def test_every_strided_convolution_covers_all_pixels_alike():
    assert any(stride > 1 for stride, _ in strides_and_sizes(classifiers.tinynet()))
    assert all(size % stride == 0 for stride, size in strides_and_sizes(classifiers.tinynet()))


def test_parameters_are_counted():
    assert classifiers.tinynet(40).count_params() == 1_838_744
    assert classifiers.mnist_cnn().count_params() == 34_826
    assert classifiers.squeezenet().count_params() == 1_235_496
    assert classifiers.mnist_wide().count_params() == 832 + 51_264 + 3_212_288 + 10_250
    assert classifiers.protonet().count_params() == 320 + 9_248 + 9_248 + 2_890 + 15 * 40 + 15 * 10


def test_dropout_acts_in_training_only():
    model, digits = classifiers.mnist_cnn(), random(2, 28, 28, 1)
    np.testing.assert_array_equal(model(digits), model(digits))
    assert not np.array_equal(model(digits, training=True), model(digits, training=True))


@pytest.mark.parametrize("side", [7, 8, 55, 56])
def test_pooling_keeps_the_last_half_filled_window(side):
    images = keras.Input((side, side, 1))
    found = keras.Model(images, classifiers.ceil_max_pooling(images, "pool"))(
        picture := random(1, side, side, 1)
    ).numpy()
    count = -(-(side - 3) // 2) + 1  # Caffe rounds up
    expected = [
        [picture[0, 2 * r : 2 * r + 3, 2 * c : 2 * c + 3].max() for c in range(count)]
        for r in range(count)
    ]
    np.testing.assert_array_equal(found[0, ..., 0], expected)


def test_prototypes_measure_squared_distances():
    codes, prototypes = normal(6, 40, seed=1), normal(4, 40, seed=2)
    layer = classifiers.Prototypes(4)
    layer.build((None, 40))
    layer.set_weights([prototypes])
    expected = np.square(np.float64(codes)[:, None] - prototypes).sum(axis=2)
    np.testing.assert_allclose(layer(codes), expected, rtol=1e-5)


def test_a_net_with_prototypes_can_be_copied():
    model, images = classifiers.protonet(), random(3, 28, 28, 1)
    np.testing.assert_allclose(surgery.clone(model)(images), model(images), rtol=1e-5)


def test_protonet_is_a_code_of_forty_numbers_and_scores_linear_in_its_distances():
    model, images = classifiers.protonet(), random(3, 28, 28, 1)
    parts = keras.Model(
        model.input, [model.get_layer(name).output for name in ("code", "prototypes", "scores")]
    )
    codes, distances, scores = (part.numpy() for part in parts(images))
    assert codes.shape == (3, 40) and distances.shape == (3, 15)
    np.testing.assert_allclose(
        scores, distances @ model.get_layer("scores").get_weights()[0], rtol=1e-4, atol=1e-5
    )


@pytest.mark.parametrize(
    "build, features, pictures",
    [
        (decoders.mnist_decoder, (7, 7, 64), (28, 28, 1)),
        (decoders.protonet_decoder, (40,), (28, 28, 1)),
        (decoders.tinynet_generator, (4, 4, 256), (64, 64, 3)),
        (decoders.tinynet_generator, (6, 9, 256), (96, 144, 3)),
    ],
)
def test_a_decoder_draws_pictures_of_the_right_size_in_the_right_range(build, features, pictures):
    drawn = build()(100 * normal(2, *features)).numpy()
    assert drawn.shape == (2, *pictures) and drawn.min() >= 0 and drawn.max() <= 1


def test_the_decoders_begin_where_the_nets_end():
    pairs = (
        (classifiers.mnist_wide(), "pool2", decoders.mnist_decoder()),
        (classifiers.protonet(), "code", decoders.protonet_decoder()),
    )
    for net, layer, decoder in pairs:
        assert (
            net.get_layer(layer).output.shape[1:] == decoder.input.shape[1:]
            and decoder.output.shape == net.input.shape
        )
    assert (
        classifiers.tinynet().get_layer("block4").output.shape
        == decoders.tinynet_generator().input.shape
    )


# The stylizer


@pytest.fixture(scope="module")
def painter():
    """A stylizer whose styles differ: its gains and shifts are drawn at random."""
    model = decoders.stylizer(3)
    for number, layer in enumerate(
        layer for layer in model.layers if layer.name.endswith(("_gain", "_shift"))
    ):
        layer.set_weights([layer.get_weights()[0] + 0.5 * normal(*layer.kernel.shape, seed=number)])
    return model


def test_a_painting_has_the_size_of_its_picture_and_is_painted_as_if_alone(painter):
    images, styles = random(3, 32, 40, 3), np.eye(3, dtype=np.float32)
    together = painter([images, styles]).numpy()
    assert together.shape == images.shape and together.min() >= 0 and together.max() <= 1
    for number in range(3):
        alone = painter([images[number][None], styles[number][None]]).numpy()
        np.testing.assert_allclose(together[number], alone[0], atol=1e-4)


def test_styles_differ_and_mixtures_lie_between(painter):
    image, weights = (
        np.repeat(random(1, 32, 32, 3), 3, axis=0),
        np.float32([[1, 0, 0], [0.5, 0.5, 0], [0, 1, 0]]),
    )
    one, mixed, other = painter([image, weights]).numpy()
    assert np.abs(one - other).mean() > 0.05
    assert (
        max(np.abs(mixed - one).mean(), np.abs(mixed - other).mean()) < np.abs(one - other).mean()
    )


def test_a_stylizer_does_not_see_how_bright_a_picture_is_or_how_strong_its_contrast(painter):
    """Each map is brought to mean 0 and deviation 1, and the edges are mirrored: a factor and an offset are gone after the first layer,
    but for the little that keeps a division by 0 away."""
    images, styles = random(2, 32, 32, 3), np.float32([[0, 0, 1]] * 2)
    plain, faint = painter([images, styles]).numpy(), painter([0.2 + 0.6 * images, styles]).numpy()
    assert np.abs(plain - faint).mean() < 0.05 * np.abs(plain[0] - plain[1]).mean()


def test_an_empty_canvas_is_painted_in_one_color_up_to_its_edges(painter):
    drawn = painter([np.full((1, 32, 32, 3), 0.7, np.float32), np.float32([[0, 1, 0]])]).numpy()[0]
    np.testing.assert_allclose(drawn, np.broadcast_to(drawn[16, 16], drawn.shape), atol=1e-3)


def test_a_stylizer_is_small_and_enlarges_before_it_convolves():
    model = decoders.stylizer(4)
    assert 100_000 <= model.count_params() <= 300_000
    assert all(size % stride == 0 for stride, size in strides_and_sizes(model))
    assert not any(isinstance(layer, keras.layers.Conv2DTranspose) for layer in model.layers)
