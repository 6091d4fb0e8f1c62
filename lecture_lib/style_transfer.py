"""Style transfer: a picture with the content of one image and the style of another, by going down the distance from both."""

from functools import partial

import numpy as np

from lecture_lib.core.ascent import adam, ascend
from lecture_lib.core.scores import l2, total_variation_beta
from lecture_lib.datasets.images import as_batch
from lecture_lib.models.backend import tf
from lecture_lib.models.inference import as_tuple, compiled_outputs, layer_outputs, map_features

STYLE_LAYERS = ("edges", "block1", "block2", "block3")  # of the bundled nets


def stylize(
    model,
    content,
    style,
    *,
    content_layer="block2",
    style_layers=STYLE_LAYERS,
    content_weight=1.0,
    style_weight=10.0,
    smoothness=12.0,
    steps=100,
    learning_rate=0.03,
    start=None,
    frames_every=0,
    watch=None,
):
    """argmin over I of α · content + β · style + γ · unrest, the three parts as in `style_score`, by steps of Adam.

    content, style: images (H, W, C) in [0, 1], not necessarily of one size. content_weight: α, style_weight: β, smoothness: γ, 0 or more.
    learning_rate: about how far a pixel moves in a step. start: where to begin, an image or a batch of the content's size; by default
    the content. frames_every, watch: as in `ascend`. Returns an Ascent, images like the start, values −(the sum above) after each step.
    Raises ValueError for pictures that are too small for a layer, and for layers without rows and columns.
    Source: Gatys, Ecker and Bethge, Image style transfer using convolutional neural networks, 2016.
    """
    score = style_score(
        model,
        content,
        style,
        content_layer=content_layer,
        style_layers=style_layers,
        content_weight=content_weight,
        style_weight=style_weight,
        smoothness=smoothness,
    )
    begin = content if start is None else start
    if np.shape(begin)[-3:] != np.shape(content):
        raise ValueError(
            f"The start has the shape {np.shape(begin)}; it must be as large as the content, {np.shape(content)}."
        )
    return ascend(
        score,
        begin,
        steps=steps,
        learning_rate=learning_rate,
        direction=adam(),
        frames_every=frames_every,
        watch=watch,
    )


def style_score(
    model,
    content,
    style,
    *,
    content_layer="block2",
    style_layers=STYLE_LAYERS,
    content_weight=1.0,
    style_weight=10.0,
    smoothness=12.0,
):
    """−(α ‖F − P‖² / ‖P‖² + β · mean over layers of ‖G − A‖² / ‖A‖² + γ · TV₁.₅ per pixel), a score to climb.

    F and P are the activations of `content_layer` for I and for the content, G and A the Gram matrices of each style layer for I and for
    the style. Divided by what they are compared with, the parts are shares: 0 is alike, 1 as far away as nothing at all. P and A are
    computed here, once. The weights are numbers of the partial, so that moving one compiles nothing anew. TV is `total_variation_beta` with
    the exponent 1.5: with 1 outlines come in steps of square pixels, with 2 they blur.
    """
    style_layers = as_tuple(style_layers)
    if not (style_layers and min(content_weight, style_weight, smoothness) >= 0):
        raise ValueError("Style needs one layer or more, and weights of 0 or more.")
    wanted = _maps(model, [content_layer], content, what="content")[content_layer]
    styles = _maps(model, style_layers, style, what="style")
    return partial(
        _style_score,
        model=model,
        content_layer=content_layer,
        style_layers=style_layers,
        wanted=wanted,
        grams=[gram(styles[layer]) for layer in style_layers],
        content_weight=float(content_weight),
        style_weight=float(style_weight),
        smoothness=float(smoothness),
    )


def _style_score(
    images,
    *,
    model,
    content_layer,
    style_layers,
    wanted,
    grams,
    content_weight,
    style_weight,
    smoothness,
):
    maps = layer_outputs(model, {content_layer, *style_layers})(images)
    content = _relative(maps[content_layer], wanted)
    style = tf.add_n(
        [
            _relative(gram(maps[layer]), target)
            for layer, target in zip(style_layers, grams, strict=True)
        ]
    ) / len(style_layers)
    unrest = total_variation_beta(1.5)(images) / tf.cast(
        tf.reduce_prod(tf.shape(images)[1:3]), tf.float32
    )
    return -(content_weight * content + style_weight * style + smoothness * unrest)


def _relative(values, target):
    return l2(values - target) / l2(target)


def _maps(model, layers, image, *, what):
    """{layer: activations} of one image, checked: maps, and of 2 x 2 positions or more."""
    image = as_batch(image, channels=model.input.shape[-1])[:1]
    for layer in layers:
        map_features(model, layer)
    try:
        shapes = layer_outputs(model, layers).compute_output_shape(image.shape)
    except ValueError:
        shapes = dict.fromkeys(layers, (1, 0, 0))
    if small := [layer for layer in layers if min(shapes[layer][1:3]) < 2]:
        raise ValueError(
            f"The {what} picture has {image.shape[1]} x {image.shape[2]} pixels, which leaves layer {small[0]!r} less than "
            "2 x 2 positions; give a larger picture or choose an earlier layer."
        )
    return compiled_outputs(model, tuple(layers))(image)


def texture(
    model,
    style,
    *,
    layers=STYLE_LAYERS,
    size=256,
    steps=100,
    learning_rate=0.05,
    smoothness=1.0,
    seed=0,
    watch=None,
):
    """A picture of the style alone, from noise: whatever the Gram matrices of these layers do not fix is left to chance.

    layers: a name or several. size: side of the picture in pixels. Returns an Ascent whose images are (size, size, C) in [0, 1].
    Source: Gatys, Ecker and Bethge, Texture synthesis using convolutional neural networks, 2015.
    """
    layers = as_tuple(layers)
    noise = (
        np.random.default_rng(seed)
        .uniform(0.4, 0.6, (size, size, model.input.shape[-1]))
        .astype(np.float32)
    )
    return stylize(
        model,
        noise,
        style,
        content_layer=layers[0],
        style_layers=layers,
        content_weight=0,
        style_weight=1,
        smoothness=smoothness,
        steps=steps,
        learning_rate=learning_rate,
        watch=watch,
    )


def style_distance(model, layers, image):
    """Σ over layers of ‖G(I) − G(image)‖², G the Gram matrix of a layer's channels divided by its size. image: (H, W, C)."""
    outputs = layer_outputs(model, layers)(np.asarray(image, np.float32)[None])
    return partial(
        _style_distance,
        model=model,
        layers=tuple(outputs),
        targets=[gram(maps) for maps in outputs.values()],
    )


def _style_distance(images, *, model, layers, targets):
    maps = layer_outputs(model, layers)(images)
    return tf.add_n(
        [l2(gram(maps[layer]) - target) for layer, target in zip(layers, targets, strict=True)]
    )


def gram(activations):
    """G = V Vᵀ / (positions · channels), V the activations (N, h, w, C) as a matrix of C rows. Returns (N, C, C)."""
    size = tf.cast(tf.reduce_prod(tf.shape(activations)[1:]), activations.dtype)
    rows = tf.reshape(
        activations, [tf.shape(activations)[0], -1, tf.shape(activations)[-1]]
    )  # Vᵀ as it lies in memory: a row per position
    return _gram_product(rows) / size


def _gram_product(rows):
    """V Vᵀ from Vᵀ (N, positions, C): both factors are V, so that the way back, (G' + G'ᵀ) V, is one product where two would be taken."""
    rule = lambda v: (
        tf.matmul(v, v, transpose_a=True),
        lambda slope: tf.matmul(v, slope + tf.linalg.matrix_transpose(slope)),
    )
    return tf.custom_gradient(rule)(rows)
