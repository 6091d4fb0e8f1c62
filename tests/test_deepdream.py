"""DeepDream: the recipe is the climb, octaves keep the photograph, tiles and shifts change nothing but the memory."""

import cv2
import numpy as np
import pytest
from PIL import Image
from small_nets import (
    linear_net,
    normal,
    pixel_features,
    pixel_net,
    random,
    random_tinynet,
    small_net,
)

from lecture_lib.core import tiling
from lecture_lib.core.gradients import gradient, value_and_gradient
from lecture_lib.core.scores import layer_energy
from lecture_lib.core.tiling import enlarged, pyramid, resized, shifted, tiled_gradient
from lecture_lib.deepdream import dream, energies, likeness, maximize_octaves, per_pixel, zoom_film
from lecture_lib.figures.video import save_film
from lecture_lib.models.backend import keras, tf
from lecture_lib.models.inference import layer_outputs
from lecture_lib.models.surgery import named

PICTURE = random(40, 56, 3)


def test_a_gradient_set_equal_to_the_activations_is_half_that_of_their_squares():
    def fed_back(images):
        activations = layer_outputs(small_net(), "relu2")(images)["relu2"]
        return tf.reduce_sum(tf.stop_gradient(activations) * activations, axis=[1, 2, 3])

    slope = gradient(layer_energy(small_net(), "relu2"), PICTURE)
    np.testing.assert_allclose(
        2 * gradient(fed_back, PICTURE), slope, atol=1e-5 * np.abs(slope).max()
    )


def test_the_energy_is_its_formula_for_one_layer_and_for_several():
    values = [
        energies(pixel_net(), layers)(PICTURE[None]).numpy()
        for layers in ("conv", ["conv"], {"conv": 3.0})
    ]
    expected = np.mean(pixel_features(PICTURE) ** 2)
    np.testing.assert_allclose(np.ravel(values), expected * np.array([1, 1, 3]), rtol=1e-5)
    one, two = (energies(small_net(), layer)(PICTURE[None]) for layer in ("conv1", "relu2"))
    np.testing.assert_allclose(
        energies(small_net(), {"conv1": 2.0, "relu2": 0.5})(PICTURE[None]),
        2 * one + 0.5 * two,
        rtol=1e-5,
    )


def test_a_step_is_the_gradient_of_the_squares_with_a_root_mean_square_of_the_learning_rate():
    start = np.full((24, 24, 3), 0.5, np.float32) + 0.1 * normal(24, 24, 3).clip(-1, 1)
    slope = gradient(layer_energy(small_net(), "conv1"), start)
    moved = dream(
        small_net(), start, layer="conv1", tiling=1, steps=1, shift=0, learning_rate=0.01
    ).images
    np.testing.assert_allclose(moved, start + 0.01 * slope / np.sqrt(np.mean(slope**2)), atol=1e-5)
    assert not per_pixel(np.zeros((4, 4, 3), np.float32)).any()


@pytest.mark.parametrize(
    "layer", ["edges", "block4_relu", ["block1", "block2"], {"block2": 1.0, "block3": 0.1}]
)
def test_the_energy_rises_over_octaves(layer):
    climb = dream(
        random_tinynet(), random(48, 64, 3), layer=layer, tiling=3, steps=4, learning_rate=0.02
    )
    assert climb.values.shape == (13,) and climb.values[-1] > climb.values[0]
    assert climb.images.shape == (48, 64, 3) and climb.images.dtype == np.float32
    assert climb.images.min() >= 0 and climb.images.max() <= 1


def test_no_steps_return_the_picture():
    for number in 1, 4:
        climb = dream(small_net(), PICTURE, layer="conv1", tiling=number, octave_scale=1.3, steps=0)
        np.testing.assert_allclose(climb.images, PICTURE, atol=1e-6)
        assert len(climb.values) == 1


def test_a_dream_that_changes_nothing_gives_the_photograph_back_through_all_octaves():
    climb = maximize_octaves(
        energies(small_net(), "conv1"),
        PICTURE,
        tiling=3,
        steps=2,
        octave_scale=1.3,
        learning_rate=0,
    )
    np.testing.assert_allclose(climb.images, PICTURE, atol=1e-5)


def test_copies_shrink_by_the_scale_and_lost_detail_comes_back():
    copies = pyramid(PICTURE, tiling=3, scale=1.4)
    assert [copy.shape[:2] for copy in copies] == [(20, 29), (29, 40), (40, 56)]
    np.testing.assert_array_equal(copies[-1], PICTURE)
    np.testing.assert_allclose(enlarged(copies[0], copies[0], copies[2]), PICTURE, atol=1e-6)
    brighter = enlarged(copies[1] * 0 + 0.2, copies[1] * 0 + 0.1, 0 * PICTURE + 0.5)
    np.testing.assert_allclose(brighter, 0.6, atol=1e-5)


def test_enlarging_agrees_with_pillow():
    wave = np.float32(0.5 + 0.4 * np.sin(np.arange(20) / 3))[:, None] * np.ones(
        (20, 30), np.float32
    )
    theirs = np.asarray(Image.fromarray(wave).resize((45, 30), Image.Resampling.BICUBIC))
    np.testing.assert_allclose(resized(wave[..., None], (30, 45))[..., 0], theirs, atol=0.02)


def test_tiles_are_the_whole_picture_away_from_their_borders():
    """Two 3x3 convolutions see 2 pixels away; the whole picture is cut at columns 50 and 100."""
    picture = random(30, 150, 3)
    score = energies(small_net(), "relu2")
    value, slope = tiled_gradient(score, picture, tile=75)
    whole_value, whole = value_and_gradient(score, picture)
    away = np.ones(150, bool)
    for cut in 50, 100:
        away[cut - 4 : cut + 4] = False
    np.testing.assert_allclose(slope[:, away], whole[:, away], rtol=1e-3, atol=1e-6)
    assert np.abs(slope - whole)[:, ~away].max() > 1e-6
    np.testing.assert_allclose(value, whole_value, rtol=0.05)


def test_of_a_net_that_sees_single_pixels_tiles_are_exact_wherever_they_are_cut():
    score = energies(pixel_net(), "conv")
    value, slope = tiled_gradient(score, PICTURE, tile=20, random=np.random.default_rng(1))
    np.testing.assert_allclose(value, value_and_gradient(score, PICTURE)[0], rtol=1e-5)
    np.testing.assert_allclose(slope, gradient(score, PICTURE), rtol=1e-4, atol=1e-8)


def test_no_tile_is_larger_than_asked(monkeypatch):
    seen = []

    def evaluate(score, image):
        seen.append(image.shape)
        return 1.0, np.ones_like(image)

    monkeypatch.setattr(tiling, "value_and_gradient", evaluate)
    for seed in range(50):
        value, slope = tiled_gradient(
            None, random(70, 45, 3), tile=32, random=np.random.default_rng(seed)
        )
        np.testing.assert_allclose(
            value, 1, rtol=1e-5
        )  # the shares add up, and every pixel is in one part
        np.testing.assert_allclose(
            slope.sum(), sum(np.prod(shape) ** 2 for shape in seen) / slope.size, rtol=1e-4
        )
        assert max(side for shape in seen for side in shape) <= 32
        seen.clear()


def test_a_shift_moves_the_gradient_back_and_leaves_alone_what_went_out():
    score = energies(pixel_net(), "conv")
    whole = gradient(score, PICTURE)
    for seed in range(5):
        slope = shifted(score, PICTURE, reach=6, tile=99, random=np.random.default_rng(seed))[1]
        np.testing.assert_allclose(slope[6:-6, 6:-6], whole[6:-6, 6:-6], rtol=1e-4, atol=1e-8)
        same = np.isclose(slope, whole, rtol=1e-3, atol=1e-9).all(axis=-1)
        assert (same | (slope == 0).all(axis=-1)).all()


def test_the_same_seed_dreams_the_same():
    one, same, other = (
        dream(small_net(), PICTURE, layer="relu2", tiling=2, steps=3, seed=seed).images
        for seed in (0, 0, 1)
    )
    np.testing.assert_array_equal(one, same)
    assert not np.array_equal(one, other)


def test_a_guide_gives_each_place_the_feature_that_suits_it_best():
    guide = random(5, 4, 3, seed=8)
    score = likeness(pixel_net(), "conv", guide)
    matches = pixel_features(PICTURE).reshape(-1, 4) @ pixel_features(guide).reshape(-1, 4).T
    np.testing.assert_allclose(score(PICTURE[None]), [matches.max(axis=1).mean()], rtol=1e-5)
    climb = dream(pixel_net(), PICTURE, layer="conv", guide=guide, tiling=2, steps=3)
    assert climb.values[-1] > climb.values[0]


def test_octaves_weights_and_rates_compile_twice_at_most():
    images = keras.Input((None, None, 3))
    calls = []

    class Counted(keras.layers.Layer):
        def call(self, images):
            calls.append(images.shape)
            return images

    model = keras.Model(
        images,
        keras.layers.Dense(2)(
            keras.layers.GlobalAveragePooling2D()(Counted(name="counted")(images))
        ),
    )
    model = named(model, class_names=None, image_size=32)
    calls.clear()
    climb = lambda *, weight=1.0, **options: dream(
        model, PICTURE, layer={"counted": weight}, steps=2, **options
    )
    climb(tiling=3), climb(tiling=2, weight=3.0), climb(tiling=1, learning_rate=0.05)
    assert len(calls) <= 2  # one for the first size, one for any


def test_watch_sees_all_octaves_and_stopping_gives_a_whole_picture():
    seen = []
    climb = dream(
        small_net(),
        PICTURE,
        layer="conv1",
        tiling=3,
        octave_scale=1.3,
        steps=2,
        watch=lambda step, steps, ascent: (
            seen.append((step, steps, ascent.images.shape)) or step == 3
        ),
    )
    assert [step for step, *_ in seen] == [0, 1, 2, 3] and {steps for _, steps, _ in seen} == {6}
    assert seen[0][2] == (24, 33, 3) and seen[3][2] == (31, 43, 3)
    assert climb.images.shape == PICTURE.shape and len(climb.values) == 4


@pytest.mark.parametrize(
    "ask, sentence",
    [
        (lambda: dream(small_net(), PICTURE, layer="pool"), "'pool' has no rows and columns"),
        (
            lambda: dream(small_net(), PICTURE, layer="scores", guide=PICTURE),
            "'scores' has no rows and columns",
        ),
        (
            lambda: dream(small_net(), PICTURE, layer="conv9"),
            "no layer 'conv9'; its layers are conv1",
        ),
        (
            lambda: dream(small_net(), PICTURE, layer="conv1", tiling=8),
            "smallest of 8 octaves has 4 x 5 pixels",
        ),
        (
            lambda: dream(linear_net(normal(20, 20, 3, 2)), PICTURE, layer="flatten"),
            "no rows and columns",
        ),
        (
            lambda: maximize_octaves(
                layer_energy(linear_net(normal(20, 20, 3, 2)), "scores"), PICTURE
            ),
            "wrong ones",
        ),
        (lambda: dream(small_net(), PICTURE, layer="conv1", tiling=0), "1 or more octaves"),
        (lambda: dream(small_net(), PICTURE, layer="conv1", octave_scale=1.0), "1 or more octaves"),
        (lambda: dream(small_net(), PICTURE, layer="conv1", tile=0), "tiles of 16 or more"),
        (
            lambda: dream(small_net(), PICTURE, layer="conv1", tiling=1, learning_rate=-1),
            "0 or more",
        ),
        (lambda: dream(small_net(), np.uint8(255 * PICTURE), layer="conv1"), "divide by 255"),
        (lambda: zoom_film(energies(small_net(), "conv1"), PICTURE, zoom=1.0), "factor above 1"),
    ],
)
def test_what_cannot_be_dreamed_gives_a_sentence(ask, sentence):
    with pytest.raises(ValueError, match=sentence) as caught:
        ask()
    assert "\n" not in str(caught.value) and len(str(caught.value)) < 300


def test_each_picture_of_a_film_is_nearer():
    score = energies(small_net(), "conv1")
    film = zoom_film(score, PICTURE, frames=3, zoom=1.25, steps=0)
    assert [frame.shape for frame in film] == [PICTURE.shape] * 3
    middle = np.clip(resized(PICTURE[4:-4, 6:-6], (40, 56)), 0, 1)
    np.testing.assert_allclose(film[1], middle, atol=1e-5)


def test_a_film_is_saved_as_it_is_and_overwrites_nothing(tmp_path):
    frames = [np.full((20, 30, 3), level, np.float32) for level in (0.0, 0.5)] + [
        np.full((40, 60, 3), 1.0, np.float32)
    ]
    first, second = (save_film(frames, tmp_path / "dream.gif", seconds=0.2) for _ in range(2))
    assert (first.name, second.name) == ("dream.gif", "dream-2.gif")
    with Image.open(first) as film:
        assert film.n_frames == 3 and film.size == (60, 40) and film.info["duration"] == 200
        film.seek(1)
        np.testing.assert_allclose(np.asarray(film.convert("RGB")), 128, atol=2)
    for bad in (
        {"frames": [], "path": "a.gif"},
        {"frames": frames, "path": "a.avi"},
        {"frames": frames, "path": "a.gif", "seconds": 0},
    ):
        with pytest.raises(ValueError, match=r"saved as .gif or .mp4"):
            save_film(**bad)
    with pytest.raises(FileNotFoundError, match="no folder"):
        save_film(frames, tmp_path / "nowhere" / "dream.gif")


def test_an_mp4_plays_the_same_pictures(tmp_path):
    levels = 0.1, 0.5, 0.9
    frames = [
        np.full((45, 61, 3), level, np.float32) * np.float32([1, 1, 0.5]) for level in levels
    ]  # odd sides, less blue
    first, second = (save_film(frames, tmp_path / "dream.mp4", seconds=0.2) for _ in range(2))
    assert (first.name, second.name) == ("dream.mp4", "dream-2.mp4")
    film = cv2.VideoCapture(str(first))
    assert film.get(cv2.CAP_PROP_FPS) == pytest.approx(5)
    pictures = [film.read()[1][..., ::-1] for _ in frames]
    np.testing.assert_allclose(pictures, 255 * np.stack(frames)[:, :44, :60], atol=6)
    assert not film.read()[0]


def test_where_opencv_cannot_write_films_a_sentence_says_so(tmp_path, monkeypatch):
    monkeypatch.setattr(cv2, "VideoWriter_fourcc", lambda *letters: cv2.VideoWriter.fourcc(*"none"))
    with pytest.raises(ValueError, match=r"let the name end in .gif"):
        save_film([PICTURE], tmp_path / "dream.mp4")
    assert list(tmp_path.iterdir()) == []
