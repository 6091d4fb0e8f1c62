"""Architectures whose output is an image: sizes, ranges, and what a stylizer does not see."""

import numpy as np
import pytest
from small_nets import normal, random

from lecture_lib.models import classifiers, decoders
from lecture_lib.models.backend import keras

layers = keras.layers


@pytest.mark.parametrize(
    "build, features, images",
    [
        (decoders.mnist_decoder, (7, 7, 64), (28, 28, 1)),
        (decoders.protonet_decoder, (40,), (28, 28, 1)),
        (decoders.tinynet_generator, (4, 4, 256), (64, 64, 3)),
        (decoders.tinynet_generator, (6, 9, 256), (96, 144, 3)),
    ],
)
def test_a_decoder_draws_images_of_the_right_size_in_the_right_range(build, features, images):
    drawn = build()(100 * normal(2, *features)).numpy()
    assert drawn.shape == (2, *images) and drawn.min() >= 0 and drawn.max() <= 1


@pytest.mark.parametrize(
    "classifier, layer, decoder",
    [
        (classifiers.mnist_wide, "pool2", decoders.mnist_decoder),
        (classifiers.protonet, "code", decoders.protonet_decoder),
    ],
)
def test_the_decoders_begin_where_the_classifiers_end(classifier, layer, decoder):
    net = classifier()
    assert net.get_layer(layer).output.shape[1:] == decoder().input.shape[1:]
    assert decoder().output.shape == net.input.shape


def test_the_generator_begins_where_tinynet_ends():
    features = classifiers.tinynet().get_layer("block4").output
    assert features.shape == decoders.tinynet_generator().input.shape


# The stylizer


@pytest.fixture(scope="module")
def painter():
    """A stylizer whose styles differ: its gains and shifts are drawn at random."""
    model = decoders.stylizer(3)
    of_style = [layer for layer in model.layers if layer.name.endswith(("_gain", "_shift"))]
    for number, layer in enumerate(of_style):
        change = 0.5 * normal(*layer.kernel.shape, seed=number)
        layer.set_weights([layer.get_weights()[0] + change])
    return model


def test_a_painting_has_the_size_of_its_image_and_is_painted_as_if_alone(painter):
    images = random(3, 32, 40, 3)
    styles = np.eye(3, dtype=np.float32)
    together = painter([images, styles]).numpy()
    assert together.shape == images.shape and together.min() >= 0 and together.max() <= 1
    for number in range(3):
        alone = painter([images[number][None], styles[number][None]]).numpy()
        np.testing.assert_allclose(together[number], alone[0], atol=1e-4)


def test_styles_differ_and_mixtures_lie_between(painter):
    images = np.repeat(random(1, 32, 32, 3), 3, axis=0)
    styles = np.float32([[1, 0, 0], [0.5, 0.5, 0], [0, 1, 0]])
    one, mixed, other = painter([images, styles]).numpy()
    apart = np.abs(one - other).mean()
    assert apart > 0.05
    assert np.abs(mixed - one).mean() < apart and np.abs(mixed - other).mean() < apart


def test_a_stylizer_does_not_see_how_bright_an_image_is_or_how_strong_its_contrast(painter):
    """A factor and an offset are gone after the first layer, but for what avoids a division by 0.

    Each map is brought to mean 0 and deviation 1, and the edges are mirrored.
    """
    images = random(2, 32, 32, 3)
    styles = np.float32([[0, 0, 1]] * 2)
    plain = painter([images, styles]).numpy()
    faint = painter([0.2 + 0.6 * images, styles]).numpy()
    assert np.abs(plain - faint).mean() < 0.05 * np.abs(plain[0] - plain[1]).mean()


def test_an_empty_canvas_is_painted_in_one_color_up_to_its_edges(painter):
    canvas = np.full((1, 32, 32, 3), 0.7, np.float32)
    drawn = painter([canvas, np.float32([[0, 1, 0]])]).numpy()[0]
    np.testing.assert_allclose(drawn, np.broadcast_to(drawn[16, 16], drawn.shape), atol=1e-3)


def test_a_stylizer_is_small_and_enlarges_before_it_convolves():
    model = decoders.stylizer(4)
    assert 100_000 <= model.count_params() <= 300_000
    assert not any(isinstance(layer, layers.Conv2DTranspose) for layer in model.layers)
    for layer in model.layers:
        if isinstance(layer, layers.Conv2D):
            assert np.all(np.mod(layer.kernel_size, layer.strides) == 0)


@pytest.mark.parametrize("size", [1e-7, 1e-6, 1e-4])
def test_noise_as_faint_as_rounding_does_not_change_what_is_painted(painter, size):
    """Each processor rounds in its own way; all must paint the same on an even image."""
    canvas = np.full((1, 32, 32, 3), 0.7, np.float32)
    style = np.float32([[0, 1, 0]])
    even = painter([canvas, style]).numpy()
    noisy = painter([canvas + size * normal(*canvas.shape), style]).numpy()
    assert np.abs(even - noisy).max() < 0.5 / 255  # not seen in an image of 256 levels
