"""Style transfer: the score is its formula, style forgets places, without style it is inversion, and paintings repeat."""

from functools import partial

import numpy as np
import pytest
from small_nets import pixel_features, pixel_net, random, random_tinynet, small_net

from lecture_lib.core.ascent import adam, ascend
from lecture_lib.core.gradients import gradient, value_and_gradient
from lecture_lib.core.scores import feature_distance, total_variation_beta
from lecture_lib.datasets import paintings
from lecture_lib.models.backend import keras
from lecture_lib.models.surgery import named
from lecture_lib.style_transfer import style_score, stylize, texture

CONTENT, STYLE, STYLE_TOO = random(24, 32, 3), random(20, 28, 3, seed=1), random(24, 32, 3, seed=9)
LAYERS = {"content_layer": "conv", "style_layers": ["conv"]}


def gram_in_numpy(maps):
    rows = maps.reshape(-1, maps.shape[-1]).T
    return rows @ rows.T / rows.size


def test_the_score_is_its_formula():
    image = random(24, 32, 3, seed=2)
    features, wanted = pixel_features(image), pixel_features(CONTENT)
    target = gram_in_numpy(pixel_features(STYLE))
    content = np.sum((features - wanted) ** 2) / np.sum(wanted**2)
    style = np.sum((gram_in_numpy(features) - target) ** 2) / np.sum(target**2)
    down, right = (
        np.diff(image, axis=0, append=image[-1:]),
        np.diff(image, axis=1, append=image[:, -1:]),
    )
    unrest = np.sum((down**2 + right**2) ** 0.75) / (24 * 32)
    score = style_score(
        pixel_net(), CONTENT, STYLE, content_weight=0.5, style_weight=3, smoothness=0.1, **LAYERS
    )
    np.testing.assert_allclose(
        score(image[None]), [-(0.5 * content + 3 * style + 0.1 * unrest)], rtol=1e-4
    )


def test_style_is_the_mean_over_its_layers():
    image = random(1, 24, 32, 3, seed=2)
    alone = partial(
        style_score,
        small_net(),
        CONTENT,
        STYLE,
        content_layer="conv1",
        content_weight=0,
        smoothness=0,
        style_weight=1,
    )
    one, two, both = (
        alone(style_layers=layers)(image) for layers in ("conv1", ["relu2"], ("conv1", "relu2"))
    )
    np.testing.assert_allclose(both, (one + two) / 2, rtol=1e-5)


def test_the_content_has_content_zero_and_the_style_has_style_zero():
    alone = {"content_weight": 0.0, "style_weight": 0.0, "smoothness": 0.0}
    score = style_score(
        small_net(), CONTENT, STYLE_TOO, content_layer="relu2", style_layers=["conv1", "relu2"]
    )
    np.testing.assert_allclose(
        partial(score, **alone | {"content_weight": 1.0})(CONTENT[None]), 0, atol=1e-8
    )
    np.testing.assert_allclose(
        partial(score, **alone | {"style_weight": 1.0})(STYLE_TOO[None]), 0, atol=1e-8
    )


def test_style_does_not_know_where_things_are():
    """Of a net that looks at single pixels, a shuffled picture has the same style, and another content."""
    shuffled = np.random.default_rng(0).permutation(STYLE.reshape(-1, 3)).reshape(STYLE.shape)
    score = style_score(
        pixel_net(), STYLE, STYLE, content_weight=0, style_weight=1, smoothness=0, **LAYERS
    )
    np.testing.assert_allclose(score(shuffled[None]), 0, atol=1e-8)
    assert partial(score, content_weight=1.0)(shuffled[None])[0] < -0.1


def test_without_style_it_is_inversion():
    start = random(24, 32, 3, seed=3)
    ours = stylize(
        small_net(),
        CONTENT,
        STYLE,
        content_layer="relu2",
        style_layers=["conv1"],
        style_weight=0,
        smoothness=0,
        start=start,
        steps=10,
    )
    distance = feature_distance(small_net(), "relu2", CONTENT)
    theirs = ascend(
        lambda images: -distance(images), start, steps=10, learning_rate=0.03, direction=adam()
    )
    np.testing.assert_allclose(ours.images, theirs.images, atol=0.02)
    slopes = [
        gradient(score, start)
        for score in (
            style_score(
                small_net(),
                CONTENT,
                STYLE,
                content_layer="relu2",
                style_layers=["conv1"],
                style_weight=0,
                smoothness=0,
            ),
            distance,
        )
    ]
    cosine = -np.sum(slopes[0] * slopes[1]) / np.linalg.norm(slopes[0]) / np.linalg.norm(slopes[1])
    np.testing.assert_allclose(cosine, 1, atol=1e-5)


def test_smoothness_alone_is_the_unrest_of_a_pixel():
    score = style_score(
        pixel_net(), CONTENT, STYLE, content_weight=0, style_weight=0, smoothness=2, **LAYERS
    )
    np.testing.assert_allclose(
        score(CONTENT[None]),
        -2 * total_variation_beta(CONTENT[None], beta=1.5) / (24 * 32),
        rtol=1e-5,
    )


def test_it_gets_nearer_and_more_style_weight_gets_nearer_to_the_style():
    content, style = random(48, 48, 3), random(40, 40, 3, seed=1) ** 3
    style_of = style_score(
        random_tinynet(), content, style, content_weight=0, style_weight=1, smoothness=0
    )
    reached = []
    for weight in 0.0, 1.0, 100.0:
        climb = stylize(
            random_tinynet(), content, style, style_weight=weight, smoothness=0, steps=25
        )
        assert climb.images.shape == (48, 48, 3) and climb.images.dtype == np.float32
        assert climb.images.min() >= 0 and climb.images.max() <= 1 and climb.values.shape == (26,)
        assert weight == 0 or climb.values[-1] > climb.values[0]
        reached.append(style_of(climb.images[None])[0])
    assert reached[0] < reached[1] < reached[2]


def test_no_steps_return_the_start():
    np.testing.assert_array_equal(
        stylize(pixel_net(), CONTENT, STYLE, steps=0, **LAYERS).images, CONTENT
    )
    start = random(24, 32, 3, seed=7)
    np.testing.assert_array_equal(
        stylize(pixel_net(), CONTENT, STYLE, steps=0, start=start, **LAYERS).images, start
    )


def test_several_starts_are_as_one_by_one():
    starts = random(3, 24, 32, 3, seed=4)
    batch = stylize(pixel_net(), CONTENT, STYLE, start=starts, steps=8, **LAYERS)
    for number, start in enumerate(starts):
        alone = stylize(pixel_net(), CONTENT, STYLE, start=start, steps=8, **LAYERS)
        np.testing.assert_allclose(batch.images[number], alone.images, atol=1e-4)
        np.testing.assert_allclose(batch.values[:, number], alone.values, rtol=1e-3)


def test_the_same_seed_gives_the_same_texture():
    one, same, other = (
        texture(pixel_net(), STYLE, layers="conv", size=20, steps=5, seed=seed)
        for seed in (0, 0, 1)
    )
    np.testing.assert_array_equal(one.images, same.images)
    assert not np.array_equal(one.images, other.images)
    assert one.images.shape == (20, 20, 3) and one.values[-1] > one.values[0]


def test_moving_a_weight_or_taking_another_picture_compiles_nothing_anew():
    calls = []

    class Counted(keras.layers.Layer):
        def call(self, images):
            calls.append(images.shape)
            return images

    images = keras.Input((None, None, 3))
    counted = Counted(name="counted")(images)
    scores = keras.layers.Dense(2)(keras.layers.GlobalAveragePooling2D()(counted))
    model = named(keras.Model(images, scores), class_names=None, image_size=9)
    make = partial(style_score, model, content_layer="counted", style_layers=["counted"])
    made = [
        make(CONTENT, STYLE),
        make(CONTENT, STYLE, style_weight=2),
        make(CONTENT, CONTENT, content_weight=3, smoothness=0.1),
    ]
    calls.clear()
    for score in made:
        value_and_gradient(score, CONTENT)
    assert len(calls) == 1


@pytest.mark.parametrize(
    "ask, sentence",
    [
        (
            lambda: stylize(random_tinynet(), random(64, 64, 3), random(8, 8, 3)),
            "style picture has 8 x 8 pixels, .* 'block2' less than",
        ),
        (
            lambda: stylize(
                random_tinynet(), random(9, 9, 3), random(64, 64, 3), content_layer="block4"
            ),
            "content picture has 9 x 9 pixels",
        ),
        (
            lambda: stylize(random_tinynet(), CONTENT, STYLE, content_layer="pool"),
            "'pool' has no rows and columns",
        ),
        (
            lambda: stylize(random_tinynet(), CONTENT, STYLE, style_layers=["edges", "scores"]),
            "'scores' has no rows and columns",
        ),
        (
            lambda: stylize(random_tinynet(), CONTENT, STYLE, style_layers="conv7"),
            "no layer 'conv7'; its layers are",
        ),
        (
            lambda: stylize(pixel_net(), CONTENT, STYLE, start=STYLE, **LAYERS),
            "must be as large as the content",
        ),
        (
            lambda: stylize(pixel_net(), CONTENT, STYLE, style_weight=-1, **LAYERS),
            "weights of 0 or more",
        ),
        (
            lambda: stylize(pixel_net(), CONTENT, STYLE, content_layer="conv", style_layers=[]),
            "one layer or more",
        ),
        (lambda: stylize(pixel_net(), np.uint8(255 * CONTENT), STYLE, **LAYERS), "divide by 255"),
        (lambda: stylize(pixel_net(), CONTENT, STYLE[..., :1], **LAYERS), "one image is"),
        (lambda: stylize(pixel_net(), CONTENT, STYLE, learning_rate=-1, **LAYERS), "0 or more"),
    ],
)
def test_what_cannot_be_painted_gives_a_sentence(ask, sentence):
    with pytest.raises(ValueError, match=sentence) as caught:
        ask()
    assert "\n" not in str(caught.value) or "layers are" in str(caught.value)


def test_a_net_of_one_size_says_that_the_style_does_not_fit():
    images = keras.Input((24, 32, 3))
    maps = keras.layers.Conv2D(4, 5, name="conv")(images)
    net = named(
        keras.Model(images, keras.layers.Dense(2)(keras.layers.Flatten()(maps))),
        class_names=None,
        image_size=24,
    )
    with pytest.raises(ValueError, match="style picture has 4 x 4 pixels"):
        stylize(net, CONTENT, random(4, 4, 3), **LAYERS)


# Paintings

each_painting = pytest.mark.parametrize(
    "paint",
    [paintings.swirls, paintings.stained_glass, paintings.painted_dots, paintings.painted_waves],
)


@each_painting
def test_a_painting_is_a_picture_that_repeats(paint):
    one, same, other = (paint(side=48, seed=seed) for seed in (0, 0, 1))
    assert (
        one.shape == (48, 48, 3) and one.dtype == np.float32 and one.min() >= 0 and one.max() <= 1
    )
    np.testing.assert_array_equal(one, same)
    assert not np.array_equal(one, other)
    assert one.std(axis=(0, 1)).min() > 0.05  # there is something to see


@each_painting
def test_a_larger_painting_is_the_same_one(paint):
    small, large = paint(side=64), paint(side=128)
    halved = large.reshape(64, 2, 64, 2, 3).mean(axis=(1, 3))
    assert np.corrcoef(small.ravel(), halved.ravel())[0, 1] > 0.5


def test_panes_have_lead_between_them():
    wide, none = (paintings.stained_glass(side=64, lead=lead) for lead in (0.02, 0.0))
    dark = lambda picture: np.mean(picture.max(axis=-1) < 0.12)
    assert dark(wide) > 0.1 + dark(none)
