"""Style transfer: the score is its formula, style forgets places, without style it inverts."""

from functools import partial

import numpy as np
import pytest
from small_nets import (
    headless_net,
    normal,
    pixel_features,
    pixel_net,
    random,
    random_tinynet,
    small_net,
)

from lecture_lib.core.ascent import adam, ascend
from lecture_lib.core.gradients import gradient, value_and_gradient
from lecture_lib.core.layer_scores import feature_distance
from lecture_lib.core.penalties import total_variation_beta
from lecture_lib.models.backend import keras, tf
from lecture_lib.models.surgery import named
from lecture_lib.style_transfer import (
    gram,
    shape_bias,
    style_distance,
    style_score,
    stylize,
    texture,
)

CONTENT = random(24, 32, 3)
STYLE = random(20, 28, 3, seed=1)
STYLE_TOO = random(24, 32, 3, seed=9)
LAYERS = {"content_layer": "conv", "style_layers": ["conv"]}
NO_WEIGHTS = {"content_weight": 0, "style_weight": 0, "smoothness": 0}


def gram_in_numpy(maps):
    rows = maps.reshape(-1, maps.shape[-1]).T  # V, one row for each channel
    return rows @ rows.T / rows.size


# The Gram matrix and the distance of styles


def test_the_style_distance_is_its_formula():
    images = random(4, 6, 5, 3)
    target = gram_in_numpy(pixel_features(images[:1]))
    expected = [np.sum((gram_in_numpy(maps) - target) ** 2) for maps in pixel_features(images)]
    values = value_and_gradient(style_distance(pixel_net(), ["conv"], images[0]), images)[0]
    assert values.shape == (4,)
    np.testing.assert_allclose(values, expected, rtol=2e-5, atol=1e-6)


def test_style_distances_add_up_over_layers():
    images, image = random(2, 8, 8, 3), random(6, 5, 3)
    one = style_distance(small_net(), "conv1", image)(images)
    two = style_distance(small_net(), ["conv2"], image)(images)
    both = style_distance(small_net(), ["conv1", "conv2"], image)(images)
    np.testing.assert_allclose(both, one + two, rtol=1e-5)


def test_where_the_image_is_the_target_the_style_distance_and_its_gradient_are_zero():
    image = random(6, 5, 3)
    value, found = value_and_gradient(style_distance(small_net(), ["conv1"], image), image)
    np.testing.assert_allclose(value, 0, atol=1e-8)
    np.testing.assert_allclose(found, np.zeros_like(found), atol=1e-4)


def test_the_style_of_a_layer_that_is_none_lists_the_layers():
    with pytest.raises(ValueError, match="no layer 'conv9'; its layers are conv, pool, scores"):
        style_distance(pixel_net(), ["conv", "conv9"], CONTENT)


def test_the_gradient_of_a_gram_matrix_is_that_of_its_two_equal_factors():
    maps = normal(2, 3, 4, 5)
    weights = normal(5, 5, seed=9)  # not symmetric, as the gradient of one entry is not

    def weighted(images):
        return tf.reduce_sum(gram(images) * weights, axis=[1, 2])

    expected = maps @ (weights + weights.T) / (3 * 4 * 5)
    np.testing.assert_allclose(gradient(weighted, maps), expected, rtol=1e-4, atol=1e-6)


def test_a_gram_matrix_does_not_know_where_things_are_nor_how_large_the_image_is():
    maps = normal(1, 6, 6, 4)
    shuffled = np.random.default_rng(0).permutation(maps.reshape(36, 4)).reshape(1, 6, 6, 4)
    np.testing.assert_allclose(gram(shuffled), gram(maps), rtol=1e-5, atol=1e-7)
    np.testing.assert_allclose(gram(maps)[0], gram_in_numpy(maps[0]), rtol=1e-5, atol=1e-7)
    np.testing.assert_allclose(gram(np.tile(maps, (1, 2, 3, 1))), gram(maps), rtol=1e-5, atol=1e-7)


# The score


def test_the_score_is_its_formula():
    image = random(24, 32, 3, seed=2)
    features = pixel_features(image)
    wanted = pixel_features(CONTENT)
    content = np.sum((features - wanted) ** 2) / np.sum(wanted**2)
    target = gram_in_numpy(pixel_features(STYLE))
    style = np.sum((gram_in_numpy(features) - target) ** 2) / np.sum(target**2)
    down = np.diff(image, axis=0, append=image[-1:])
    right = np.diff(image, axis=1, append=image[:, -1:])
    variation = np.sum((down**2 + right**2) ** 0.75) / (24 * 32)
    score = style_score(
        pixel_net(), CONTENT, STYLE, content_weight=0.5, style_weight=3, smoothness=0.1, **LAYERS
    )
    expected = -(0.5 * content + 3 * style + 0.1 * variation)
    np.testing.assert_allclose(score(image[None]), [expected], rtol=1e-4)


def test_style_is_the_mean_over_its_layers():
    image = random(1, 24, 32, 3, seed=2)
    only_style = NO_WEIGHTS | {"style_weight": 1}
    make = partial(style_score, small_net(), CONTENT, STYLE, content_layer="conv1", **only_style)
    one = make(style_layers="conv1")(image)
    two = make(style_layers=["relu2"])(image)
    both = make(style_layers=("conv1", "relu2"))(image)
    np.testing.assert_allclose(both, (one + two) / 2, rtol=1e-5)


@pytest.mark.parametrize("part, image", [("content_weight", CONTENT), ("style_weight", STYLE_TOO)])
def test_the_content_has_content_zero_and_the_style_has_style_zero(part, image):
    score = style_score(
        small_net(),
        CONTENT,
        STYLE_TOO,
        content_layer="relu2",
        style_layers=["conv1", "relu2"],
        **NO_WEIGHTS | {part: 1},
    )
    np.testing.assert_allclose(score(image[None]), 0, atol=1e-8)


def test_style_does_not_know_where_things_are():
    """Of a net that looks at single pixels, a shuffled image has the same style, other content."""
    shuffled = np.random.default_rng(0).permutation(STYLE.reshape(-1, 3)).reshape(STYLE.shape)
    make = partial(style_score, pixel_net(), STYLE, STYLE, style_weight=1, smoothness=0, **LAYERS)
    np.testing.assert_allclose(make(content_weight=0)(shuffled[None]), 0, atol=1e-8)
    assert make(content_weight=1)(shuffled[None])[0] < -0.1


def test_without_style_it_is_inversion():
    start = random(24, 32, 3, seed=3)
    only_content = {
        "content_layer": "relu2",
        "style_layers": ["conv1"],
        "style_weight": 0,
        "smoothness": 0,
    }
    ours = stylize(small_net(), CONTENT, STYLE, start=start, steps=10, **only_content)
    distance = feature_distance(small_net(), "relu2", CONTENT)
    theirs = ascend(-distance, start, steps=10, learning_rate=0.03, direction=adam())
    np.testing.assert_allclose(ours.images, theirs.images, atol=0.02)
    one = gradient(style_score(small_net(), CONTENT, STYLE, **only_content), start)
    other = gradient(distance, start)
    cosine = -np.sum(one * other) / np.linalg.norm(one) / np.linalg.norm(other)
    np.testing.assert_allclose(cosine, 1, atol=1e-5)


def test_smoothness_alone_is_the_total_variation_per_pixel():
    score = style_score(pixel_net(), CONTENT, STYLE, **NO_WEIGHTS | {"smoothness": 2}, **LAYERS)
    expected = -2 * total_variation_beta(1.5)(CONTENT[None]) / (24 * 32)
    np.testing.assert_allclose(score(CONTENT[None]), expected, rtol=1e-5)


def test_another_weight_or_another_image_compiles_nothing_anew():
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


# Painting


def test_it_gets_nearer_and_more_style_weight_gets_nearer_to_the_style():
    content = random(48, 48, 3)
    style = random(40, 40, 3, seed=1) ** 3
    style_of = style_score(random_tinynet(), content, style, **NO_WEIGHTS | {"style_weight": 1})
    reached = []
    for weight in 0.0, 1.0, 100.0:
        painted = stylize(
            random_tinynet(), content, style, style_weight=weight, smoothness=0, steps=25
        )
        assert painted.images.shape == (48, 48, 3) and painted.images.dtype == np.float32
        assert painted.images.min() >= 0 and painted.images.max() <= 1
        assert painted.values.shape == (26,)
        assert weight == 0 or painted.values[-1] > painted.values[0]
        reached.append(style_of(painted.images[None])[0])
    assert reached[0] < reached[1] < reached[2]


def test_no_steps_return_the_start():
    unmoved = stylize(pixel_net(), CONTENT, STYLE, steps=0, **LAYERS)
    np.testing.assert_array_equal(unmoved.images, CONTENT)
    start = random(24, 32, 3, seed=7)
    unmoved = stylize(pixel_net(), CONTENT, STYLE, steps=0, start=start, **LAYERS)
    np.testing.assert_array_equal(unmoved.images, start)


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


SMALL_STYLE = {"content": random(64, 64, 3), "style": random(8, 8, 3)}
SMALL_CONTENT = {
    "content": random(9, 9, 3),
    "style": random(64, 64, 3),
    "content_layer": "block4",
}


@pytest.mark.parametrize(
    "net, options, sentence",
    [
        (random_tinynet, SMALL_STYLE, "style image has 8 x 8 pixels, .* 'block2' less than"),
        (random_tinynet, SMALL_CONTENT, "content image has 9 x 9 pixels"),
        (random_tinynet, {"content_layer": "pool"}, "'pool' has no rows and columns"),
        (random_tinynet, {"style_layers": ["edges", "scores"]}, "'scores' has no rows and columns"),
        (random_tinynet, {"style_layers": "conv7"}, "no layer 'conv7'; its layers are"),
        (pixel_net, {"start": STYLE, **LAYERS}, "must be as large as the content"),
        (pixel_net, {"style_weight": -1, **LAYERS}, "weights of 0 or more"),
        (pixel_net, {"content_layer": "conv", "style_layers": []}, "one layer or more"),
        (pixel_net, {"content": np.uint8(255 * CONTENT), **LAYERS}, "divide by 255"),
        (pixel_net, {"style": STYLE[..., :1], **LAYERS}, "one image is"),
        (pixel_net, {"learning_rate": -1, **LAYERS}, "0 or more"),
    ],
)
def test_what_cannot_be_painted_gives_a_sentence(net, options, sentence):
    with pytest.raises(ValueError, match=sentence) as caught:
        stylize(net(), **{"content": CONTENT, "style": STYLE} | options)
    assert "\n" not in str(caught.value) or "layers are" in str(caught.value)


BLACK = np.zeros((24, 32, 3), np.float32)


@pytest.mark.parametrize(
    "images, what",
    [({"content": BLACK}, "content"), ({"style": BLACK}, "style")],
)
def test_an_image_without_activations_is_refused_by_its_cause(images, what):
    given = {"content": CONTENT, "style": STYLE} | images
    with pytest.raises(ValueError, match=f"activations of the {what} image in layer 'conv' are 0"):
        stylize(headless_net(), **given, **LAYERS)


def test_a_style_score_may_be_made_inside_a_plain_function():
    def halved(images):
        return style_score(headless_net(), CONTENT, STYLE, **LAYERS)(images) / 2

    expected = style_score(headless_net(), CONTENT, STYLE, **LAYERS)(STYLE_TOO[None])[0] / 2
    value = value_and_gradient(halved, STYLE_TOO)[0]
    np.testing.assert_allclose(value, expected, rtol=1e-4)


def test_what_has_no_weight_may_be_black():
    painted = stylize(headless_net(), BLACK, STYLE, content_weight=0, steps=2, **LAYERS)
    assert np.isfinite(painted.values).all()


def test_a_net_without_a_head_paints_images_that_are_not_square():
    options = {"steps": 10, "learning_rate": 0.002, "smoothness": 0}
    painted = stylize(headless_net(), CONTENT, STYLE, **options, **LAYERS)
    assert painted.images.shape == CONTENT.shape and painted.values[-1] > painted.values[0]
    plain = texture(headless_net(), STYLE, layers="conv", size=(16, 24), steps=2)
    assert plain.images.shape == (16, 24, 3)


def test_a_net_of_one_size_says_that_the_style_does_not_fit():
    images = keras.Input((24, 32, 3))
    maps = keras.layers.Conv2D(4, 5, name="conv")(images)
    scores = keras.layers.Dense(2)(keras.layers.Flatten()(maps))
    net = named(keras.Model(images, scores), class_names=None, image_size=24)
    with pytest.raises(ValueError, match="style image has 4 x 4 pixels"):
        stylize(net, CONTENT, random(4, 4, 3), **LAYERS)


# Texture or shape?


def test_shape_bias_counts_decisions_for_either_and_wilsons_interval_holds_it():
    decisions = ["cat"] * 6 + ["elephant"] * 2 + ["teapot"] * 5
    found = shape_bias(decisions, ["cat"] * 13, ["elephant"] * 13)
    assert found.share == 0.75 and found.count == 8
    # (p + z²/2n ± z √(p(1 − p)/n + z²/4n²)) / (1 + z²/n), z = 1.96
    p, n, z = 0.75, 8, 1.959964
    spread = z * np.sqrt(p * (1 - p) / n + z**2 / (4 * n**2))
    ends = (p + z**2 / (2 * n) + spread * np.array([-1, 1])) / (1 + z**2 / n)
    np.testing.assert_allclose([found.low, found.high], ends, rtol=1e-5)


def test_shape_bias_needs_decisions_that_belong_together():
    with pytest.raises(ValueError, match="No decision is for the shape"):
        shape_bias([3, 3], [1, 1], [2, 2])
    with pytest.raises(ValueError, match="zip"):
        shape_bias([3, 3], [1], [2, 2])
