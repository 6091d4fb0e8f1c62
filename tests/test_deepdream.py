"""DeepDream: the lecture's recipe is gradient ascent, and octaves keep the photograph."""

import numpy as np
import pytest
from small_nets import (
    headless_net,
    linear_net,
    normal,
    pixel_features,
    pixel_net,
    random,
    random_tinynet,
    small_net,
)

from lecture_lib import deepdream
from lecture_lib.core.gradients import gradient
from lecture_lib.core.layer_scores import layer_energy
from lecture_lib.core.penalties import l2, total_variation
from lecture_lib.core.scores import class_score
from lecture_lib.core.tiling import resize
from lecture_lib.deepdream import dream, guided_objective, maximize_octaves, rms_unit, zoom_film
from lecture_lib.models.backend import keras, tf
from lecture_lib.models.layers import layer_outputs
from lecture_lib.models.surgery import named
from lecture_lib.style_transfer import style_score

PICTURE = random(40, 56, 3)


def redness(images):
    """A plain function, no Score."""
    return tf.reduce_mean(images[..., 0], axis=[1, 2])


# The recipe


def test_a_gradient_set_equal_to_the_activations_is_half_that_of_their_squares():
    def relu2(images):
        return layer_outputs(small_net(), "relu2")(images)["relu2"]

    def fed_back(images):
        activations = relu2(images)
        return tf.reduce_sum(tf.stop_gradient(activations) * activations, axis=[1, 2, 3])

    of_squares = gradient(l2.of(relu2), PICTURE)
    tolerance = 1e-5 * np.abs(of_squares).max()
    np.testing.assert_allclose(2 * gradient(fed_back, PICTURE), of_squares, atol=tolerance)
    # The energy is the mean of the squares, of 40 x 56 positions and 8 channels.
    of_energy = gradient(layer_energy(small_net(), "relu2"), PICTURE)
    np.testing.assert_allclose(40 * 56 * 8 * of_energy, of_squares, atol=tolerance)


def test_a_step_is_the_gradient_with_a_root_mean_square_of_the_learning_rate():
    start = np.full((24, 24, 3), 0.5, np.float32) + 0.1 * normal(24, 24, 3).clip(-1, 1)
    found = gradient(layer_energy(small_net(), "conv1"), start)
    expected = start + 0.01 * found / np.sqrt(np.mean(found**2))
    options = {"octaves": 1, "steps": 1, "shift": 0, "learning_rate": 0.01}
    dreamed = dream(small_net(), start, layer="conv1", **options).images
    np.testing.assert_allclose(dreamed, expected, atol=1e-5)
    assert not rms_unit(np.zeros((4, 4, 3), np.float32)).any()


def test_a_guide_gives_each_position_the_feature_that_suits_it_best():
    guide = random(5, 4, 3, seed=8)
    score = guided_objective(pixel_net(), "conv", guide)
    matches = pixel_features(PICTURE).reshape(-1, 4) @ pixel_features(guide).reshape(-1, 4).T
    np.testing.assert_allclose(score(PICTURE[None]), [matches.max(axis=1).mean()], rtol=1e-5)
    reached = dream(pixel_net(), PICTURE, layer="conv", guide=guide, octaves=2, steps=3)
    assert reached.values[-1] > reached.values[0]


# Octaves


@pytest.mark.parametrize(
    "layer", ["edges", "block4_relu", ["block1", "block2"], {"block2": 1.0, "block3": 0.1}]
)
def test_the_energy_rises_over_octaves(layer):
    reached = dream(
        random_tinynet(), random(48, 64, 3), layer=layer, octaves=3, steps=4, learning_rate=0.02
    )
    assert reached.values.shape == (13,) and reached.values[-1] > reached.values[0]
    assert reached.images.shape == (48, 64, 3) and reached.images.dtype == np.float32
    assert reached.images.min() >= 0 and reached.images.max() <= 1


@pytest.mark.parametrize("octaves", [1, 4])
def test_no_steps_return_the_picture(octaves):
    options = {"octaves": octaves, "octave_scale": 1.3, "steps": 0}
    reached = dream(small_net(), PICTURE, layer="conv1", **options)
    np.testing.assert_allclose(reached.images, PICTURE, atol=1e-6)
    assert len(reached.values) == 1


def test_a_dream_that_changes_nothing_gives_the_photograph_back_through_all_octaves():
    score = layer_energy(small_net(), "conv1")
    options = {"octaves": 3, "octave_scale": 1.3, "steps": 2, "learning_rate": 0}
    reached = maximize_octaves(score, PICTURE, **options)
    np.testing.assert_allclose(reached.images, PICTURE, atol=1e-5)


@pytest.mark.parametrize(
    "score",
    [
        lambda images: tf.reduce_mean(images[..., 0], axis=[1, 2]),
        class_score(small_net(), 1) + redness - 0.001 * total_variation,
        style_score(
            pixel_net(), PICTURE, random(20, 20, 3), content_layer="conv", style_layers="conv"
        ),
    ],
)
def test_any_score_can_be_maximized(score):
    reached = maximize_octaves(score, PICTURE, octaves=1, steps=4, shift=0, learning_rate=0.005)
    assert reached.values[-1] > reached.values[0]
    value = score(reached.images[None])[0]
    np.testing.assert_allclose(reached.values[-1], value, rtol=1e-3, atol=1e-6)


def test_the_same_seed_dreams_the_same():
    one, same, other = (
        dream(small_net(), PICTURE, layer="relu2", octaves=2, steps=3, seed=seed).images
        for seed in (0, 0, 1)
    )
    np.testing.assert_array_equal(one, same)
    assert not np.array_equal(one, other)


def test_octaves_weights_and_rates_compile_twice_at_most():
    images = keras.Input((None, None, 3))
    calls = []

    class Counted(keras.layers.Layer):
        def call(self, images):
            calls.append(images.shape)
            return images

    counted = Counted(name="counted")(images)
    scores = keras.layers.Dense(2)(keras.layers.GlobalAveragePooling2D()(counted))
    model = named(keras.Model(images, scores), class_names=None, image_size=32)
    calls.clear()
    dream(model, PICTURE, layer={"counted": 1.0}, octaves=3, steps=2)
    dream(model, PICTURE, layer={"counted": 3.0}, octaves=2, steps=2)
    dream(model, PICTURE, layer={"counted": 1.0}, octaves=1, steps=2, learning_rate=0.05)
    assert len(calls) <= 2  # one for the first size, one for any


def test_watch_sees_all_octaves_and_stopping_gives_a_whole_picture():
    seen = []

    def watch(step, steps, reached):
        seen.append((step, steps, reached.images.shape))
        return step == 3

    options = {"octaves": 3, "octave_scale": 1.3, "steps": 2, "watch": watch}
    reached = dream(small_net(), PICTURE, layer="conv1", **options)
    assert [step for step, *_ in seen] == [0, 1, 2, 3]
    assert {steps for _, steps, _ in seen} == {6}
    assert seen[0][2] == (24, 33, 3) and seen[3][2] == (31, 43, 3)
    assert reached.images.shape == PICTURE.shape and len(reached.values) == 4


def test_a_net_without_a_head_dreams():
    reached = dream(headless_net(), PICTURE, layer="conv", octaves=2, steps=3)
    assert reached.images.shape == PICTURE.shape and reached.values[-1] > reached.values[0]
    guided = dream(headless_net(), PICTURE, layer="conv", guide=random(9, 5, 3), octaves=1, steps=2)
    assert guided.values[-1] > guided.values[0]


# What cannot be dreamed


def net_of_one_size():
    return linear_net(normal(20, 20, 3, 2))


@pytest.mark.parametrize(
    "net, options, sentence",
    [
        (small_net, {"layer": "pool"}, "'pool' has no rows and columns"),
        (small_net, {"layer": "scores", "guide": PICTURE}, "'scores' has no rows and columns"),
        (small_net, {"layer": {"conv1": 1, "pool": 2}}, "'pool' has no rows and columns"),
        (small_net, {"layer": "conv9"}, "no layer 'conv9'; its layers are conv1"),
        (net_of_one_size, {"layer": "flatten"}, "no rows and columns"),
        (small_net, {"octaves": 8}, "smallest of 8 octaves has 4 x 5 pixels"),
        (small_net, {"octaves": 0}, "1 or more octaves"),
        (small_net, {"octave_scale": 1.0}, "1 or more octaves"),
        (small_net, {"tile": 0}, "tiles of 16 or more"),
        (small_net, {"octaves": 1, "learning_rate": -1}, "0 or more"),
        (small_net, {"image": np.uint8(255 * PICTURE)}, "divide by 255"),
    ],
)
def test_what_cannot_be_dreamed_gives_a_sentence(net, options, sentence):
    with pytest.raises(ValueError, match=sentence) as caught:
        dream(net(), **{"image": PICTURE, "layer": "conv1"} | options)
    assert "\n" not in str(caught.value) and len(str(caught.value)) < 300


def test_an_octave_that_the_network_cannot_take_gives_a_sentence_below_its_error():
    score = layer_energy(net_of_one_size(), "scores")
    with pytest.raises(ValueError, match="octave of 20 x 29 pixels.* the wrong ones") as caught:
        maximize_octaves(score, PICTURE, octaves=3)
    assert "\n" not in str(caught.value) and len(str(caught.value)) < 300
    assert isinstance(caught.value.__cause__, ValueError)


def test_a_score_that_is_none_keeps_its_sentence():
    with pytest.raises(ValueError, match="cannot be computed") as caught:
        maximize_octaves(tf.reduce_sum, PICTURE, octaves=1)
    assert "one number per image" in str(caught.value.__cause__)


# Films


def test_each_frame_of_a_film_is_nearer():
    score = layer_energy(small_net(), "conv1")
    film = zoom_film(score, PICTURE, frames=3, zoom=1.25, steps=0)
    assert [frame.shape for frame in film] == [PICTURE.shape] * 3
    center = np.clip(resize(PICTURE[4:-4, 6:-6], (40, 56)), 0, 1)
    np.testing.assert_allclose(film[1], center, atol=1e-5)


def test_a_film_that_goes_no_nearer_gives_a_sentence():
    with pytest.raises(ValueError, match="factor above 1"):
        zoom_film(layer_energy(small_net(), "conv1"), PICTURE, zoom=1.0)


def test_an_image_that_takes_too_much_memory_is_made_smaller_and_this_is_said(monkeypatch):
    monkeypatch.setattr(deepdream, "MOST_PIXELS", 40 * 60 // 4)
    image = random(40, 60, 3)
    with pytest.warns(UserWarning, match="is made 20 x 30 pixels first"):
        found = maximize_octaves(redness, image, octaves=1, steps=1)
    assert found.images.shape == (20, 30, 3)


def test_a_guide_takes_one_layer_also_in_a_list():
    image, options = random(20, 20, 3), {"guide": random(20, 20, 3, seed=1), "octaves": 1}
    one = dream(small_net(), image, layer="conv1", steps=1, **options)
    listed = dream(small_net(), image, layer=["conv1"], steps=1, **options)
    np.testing.assert_array_equal(one.images, listed.images)
    with pytest.raises(ValueError, match="With a guide one layer dreams; these are conv1, conv2"):
        dream(small_net(), image, layer=["conv1", "conv2"], steps=1, **options)
