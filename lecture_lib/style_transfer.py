"""Style transfer: the content of one image in the style of another, by gradient descent."""

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np
from scipy.stats import binomtest

from lecture_lib.core.ascent import Ascent, adam, ascend
from lecture_lib.core.penalties import l2, total_variation_beta
from lecture_lib.core.scores import Score
from lecture_lib.datasets.shapes import (
    Image,
    ImageOrImages,
    Network,
    Tensor,
    TensorImages,
    TensorValues,
)
from lecture_lib.models.backend import tf
from lecture_lib.models.checks import image_of, start_of
from lecture_lib.models.layers import as_tuple, compiled_outputs, layer_outputs, map_features
from lecture_lib.models.per_model_cache import kept_with_model

STYLE_LAYERS = ("edges", "block1", "block2", "block3")  # of the bundled networks


def stylize(
    model: Network,
    content: Image,
    style: Image,
    *,
    steps: int = 100,
    learning_rate: float | Callable[[], float] = 0.03,
    start: ImageOrImages | None = None,
    frames_every: int = 0,
    watch: Callable | None = None,
    **options: Any,
) -> Ascent:
    """Paint the content of one image in the style of another: maximize `style_score` with Adam.

    Args:
        model: images -> logits (N, classes).
        content: (H, W, C) in [0, 1].
        style: an image in [0, 1], not necessarily of the same size.
        steps: how many, 0 or more.
        learning_rate: about how far a pixel moves in a step.
        start: where to begin, an image or a batch of the content's size; by default the content.
        frames_every: keep a copy after every so many steps; 0 keeps none.
        watch: (step, steps, ascent), called after each step; returning True ends the ascent.
        options: content_layer, style_layers, content_weight, style_weight and smoothness, those of
            `style_score`.

    Returns:
        An Ascent, images like the start; its values are those of `style_score`.

    Raises:
        ValueError: for images that are too small for a layer, and for layers without rows and
            columns.

    Source:
        Gatys, Ecker and Bethge, Image style transfer using convolutional neural networks, 2016.
    """
    content = image_of(model, content)
    start = content if start is None else start_of(model, start)
    score = style_score(model, content, style, **options)
    if np.shape(start)[-3:] != np.shape(content):
        raise ValueError(
            f"The start has the shape {np.shape(start)}; it must be as large as the content, "
            f"{np.shape(content)}."
        )
    return ascend(
        score,
        start,
        steps=steps,
        learning_rate=learning_rate,
        direction=adam(),
        frames_every=frames_every,
        watch=watch,
    )


def style_score(
    model: Network,
    content: Image,
    style: Image,
    *,
    content_layer: str = "block2",
    style_layers: str | Sequence[str] = STYLE_LAYERS,
    content_weight: float = 1.0,
    style_weight: float = 10.0,
    smoothness: float = 12.0,
) -> Score:
    """Score how near an image is to the content of one image and to the style of another.

    S(I) = −(α ‖F − P‖² / ‖P‖² + β · mean over l of ‖G_l − A_l‖² / ‖A_l‖² + γ · TV₁.₅(I) per pixel)

    F and P are the activations of the content layer for I and for the content, G_l and A_l the Gram
    matrices of a style layer l for I and for the style. Divided by what they are compared with, the
    parts are shares: 0 where the two are alike, 1 where I has nothing of it. With the exponent 1 of
    the total variation outlines come in steps of square pixels, with 2 they blur.

    Args:
        model: images -> logits (N, classes).
        content: (H, W, C) in [0, 1]; its activations P are computed once, here.
        style: an image in [0, 1]; its Gram matrices A_l are computed once, here.
        content_layer: the name of a layer with rows and columns.
        style_layers: one name, or several.
        content_weight: α, 0 or more.
        style_weight: β, 0 or more.
        smoothness: γ, 0 or more.

    Raises:
        ValueError: for weights below 0, for images that are too small for a layer, for layers
            without rows and columns, and for an image whose activations at a layer are all 0.
    """
    style_layers = as_tuple(style_layers)
    if not (style_layers and min(content_weight, style_weight, smoothness) >= 0):
        raise ValueError("Style needs one layer or more, and weights of 0 or more.")
    content_maps = _checked_maps(model, (content_layer,), content, what="content")
    style_maps = _checked_maps(model, style_layers, style, what="style")
    grams = {layer: gram(style_maps[layer]) for layer in style_layers}
    if content_weight:
        _check_not_zero(content_maps, what="content")
    if style_weight:
        _check_not_zero(grams, what="style")
    distances = Score(
        _content_and_style_distance,
        content_maps[content_layer],
        [grams[layer] for layer in style_layers],
        np.float32([content_weight, style_weight]),
        model=model,
        content_layer=content_layer,
        style_layers=style_layers,
    )
    height, width = np.shape(content)[-3:-1]
    variation = total_variation_beta(1.5) / (height * width)
    return -(distances + float(smoothness) * variation)


def _content_and_style_distance(
    images: TensorImages,
    content: Tensor,
    grams: list[Tensor],
    weights: Tensor,
    *,
    model: Network,
    content_layer: str,
    style_layers: tuple,
) -> TensorValues:
    """Both distances from one pass through the network, which is most of the work."""
    maps = layer_outputs(model, {content_layer, *style_layers})(images)
    content_distance = _relative_distance(maps[content_layer], content)
    style_distances = [
        _relative_distance(gram(maps[layer]), target)
        for layer, target in zip(style_layers, grams, strict=True)
    ]
    content_weight, style_weight = tf.unstack(weights)
    mean_style_distance = tf.add_n(style_distances) / len(style_layers)
    return content_weight * content_distance + style_weight * mean_style_distance


def _relative_distance(values: Tensor, target: Tensor) -> TensorValues:
    # A target of 0 comes only with a weight of 0: its distance counts for nothing.
    return tf.math.divide_no_nan(l2(values - target), l2(target))


def _check_not_zero(targets: dict[str, Tensor], *, what: str) -> None:
    """Raise a ValueError where a distance would be divided by a target of 0."""
    for layer, target in targets.items():
        # Inside a graph there are no numbers yet to be looked at.
        if not tf.is_symbolic_tensor(target) and not np.any(target):
            raise ValueError(
                f"All activations of the {what} image in layer {layer!r} are 0, so no distance can "
                "be measured relative to them; choose another image or another layer."
            )


def _checked_maps(
    model: Network, layers: tuple[str, ...], image: Image, *, what: str
) -> dict[str, Tensor]:
    """The activations of one image, which must have 2 x 2 positions or more at each layer."""
    image = image_of(model, image)[None]
    for layer in layers:
        map_features(model, layer)
    for layer, smallest_side in _smallest_sides(model, layers, image.shape).items():
        if smallest_side < 2:
            raise ValueError(
                f"The {what} image has {image.shape[1]} x {image.shape[2]} pixels, which leaves "
                f"layer {layer!r} less than 2 x 2 positions; give a larger image or choose an "
                "earlier layer."
            )
    return compiled_outputs(model, layers)(image)


@kept_with_model
def _smallest_sides(
    model: Network, layers: tuple[str, ...], shape: tuple[int, ...]
) -> dict[str, int]:
    """The smaller side of each layer's maps for images of a shape, 0 where they do not fit."""
    try:
        shapes = layer_outputs(model, layers).compute_output_shape(shape)
    except ValueError:
        return dict.fromkeys(layers, 0)
    return {layer: min(shapes[layer][1:3]) for layer in layers}


def texture(
    model: Network,
    style: Image,
    *,
    layers: str | Sequence[str] = STYLE_LAYERS,
    size: int | tuple[int, int] = 256,
    steps: int = 100,
    learning_rate: float | Callable[[], float] = 0.05,
    smoothness: float = 1.0,
    seed: int = 0,
    watch: Callable | None = None,
) -> Ascent:
    """Paint the style alone, from noise: what the Gram matrices do not fix is left to chance.

    Args:
        model: images -> logits (N, classes).
        style: an image in [0, 1].
        layers: one name of a layer, or several.
        size: of the texture in pixels, its side or (height, width).
        steps: how many, 0 or more.
        learning_rate: about how far a pixel moves in a step.
        smoothness: of the total variation, 0 or more.
        seed: draws the noise.
        watch: (step, steps, ascent), called after each step; returning True ends the ascent.

    Returns:
        An Ascent whose images are (height, width, C) in [0, 1].

    Source:
        Gatys, Ecker and Bethge, Texture synthesis using convolutional neural networks, 2015.
    """
    layers = as_tuple(layers)
    shape = (*np.broadcast_to(size, 2), model.input.shape[-1])
    noise = np.random.default_rng(seed).uniform(0.4, 0.6, shape).astype(np.float32)
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


# The Gram matrix, a layer's style


def style_distance(model: Network, layers: str | Sequence[str], image: Image) -> Score:
    """Score the distance to the style of an image: S(I) = Σ over layers of ‖G(I) − G(image)‖².

    Args:
        model: images -> logits (N, classes).
        layers: one name of a layer, or several.
        image: (H, W, C) in [0, 1]; its Gram matrices are computed once, here.

    Raises:
        ValueError: for a layer that the network does not have, and for anything but one image.
    """
    layers = as_tuple(layers)
    maps = layer_outputs(model, layers)(image_of(model, image)[None])
    targets = [gram(maps[layer]) for layer in layers]
    return Score(_style_distance, targets, model=model, layers=layers)


def _style_distance(
    images: TensorImages, targets: list[Tensor], *, model: Network, layers: tuple
) -> TensorValues:
    maps = layer_outputs(model, layers)(images)
    return tf.add_n(
        [l2(gram(maps[layer]) - target) for layer, target in zip(layers, targets, strict=True)]
    )


def gram(activations: Tensor) -> Tensor:
    """Return which channels are strong together: G = V Vᵀ / (positions · channels).

    Args:
        activations: (N, h, w, C); V is their matrix of one row per channel, one column per
            position.

    Returns:
        (N, C, C).
    """
    count, *_, channels = tf.unstack(tf.shape(activations))
    size = tf.cast(tf.reduce_prod(tf.shape(activations)[1:]), activations.dtype)
    rows = tf.reshape(activations, [count, -1, channels])  # Vᵀ as it lies in memory
    return _gram_product(rows) / size


@tf.custom_gradient
def _gram_product(rows: Tensor) -> tuple[Tensor, Callable]:
    """V Vᵀ from Vᵀ, (N, positions, C) -> (N, C, C), with one product on the way back.

    The gradient of V Vᵀ is (G' + G'ᵀ) V, as both factors are V; taken apart it would be two.
    """

    def gradient(upstream: Tensor) -> Tensor:
        return tf.matmul(rows, upstream + tf.linalg.matrix_transpose(upstream))

    return tf.matmul(rows, rows, transpose_a=True), gradient


# Texture or shape?


class ShapeBias(NamedTuple):
    """How often a network decides by shape where shape and texture disagree.

    Attributes:
        share: of the decisions for either, those for the shape.
        low, high: its 95 % interval.
        count: how many decisions were for either.
    """

    share: float
    low: float
    high: float
    count: int


def shape_bias(decisions: Sequence, shapes: Sequence, textures: Sequence) -> ShapeBias:
    """Count decisions about images with the shape of one class and the texture of another.

    B = shape / (shape + texture); decisions for a third class are left out.

    Args:
        decisions: N classes, names or numbers, as a network predicted them.
        shapes: N classes, those of the contents.
        textures: N classes, those of the styles, each another than the shape.

    Raises:
        ValueError: where no decision is for either, and for unequal numbers of classes.

    Source:
        Geirhos et al., ImageNet-trained CNNs are biased towards texture, 2019. Wilson, Probable
        inference, the law of succession, and statistical inference, 1927 (the interval).
    """
    answers = list(zip(decisions, shapes, textures, strict=True))
    by_shape = sum(decision == shape for decision, shape, _ in answers)
    by_texture = sum(decision == texture for decision, _, texture in answers)
    count = by_shape + by_texture
    if not count:
        raise ValueError("No decision is for the shape or for the texture.")
    interval = binomtest(by_shape, count).proportion_ci(method="wilson")
    return ShapeBias(by_shape / count, interval.low, interval.high, count)
