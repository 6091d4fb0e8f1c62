"""A copy of somebody's model in the course's form, in which all layers are reached by their names.

It is flat, in single precision, with its channels last, for images of any size where that can be,
and without what acts in training alone. That it computes what the model computes is tried.
"""

import contextlib
import re
from collections.abc import Callable
from functools import partial

import numpy as np

from lecture_lib.datasets.shapes import Images
from lecture_lib.models.backend import keras
from lecture_lib.models.input_layers import (
    InputKind,
    all_layers,
    channels_last_copy,
    in_their_form,
    into_their_form,
)
from lecture_lib.models.layer_copies import borrow, copy
from lecture_lib.models.surgery import clone

# Layers of Keras that act in training alone, beside those that are called Random...
NOISE = (
    keras.layers.GaussianNoise,
    keras.layers.GaussianDropout,
    keras.layers.AlphaDropout,
    keras.layers.ActivityRegularization,
)
AUGMENTATIONS = ("RandAugment", "AugMix", "CutMix", "MixUp")
HALF = ("float16", "bfloat16")


def flat_copy(model: keras.Model, kind: InputKind, images: Images) -> keras.Model:
    """Make a copy of a model with all layers reached by name, checked: it computes the same.

    Args:
        model: a graph of layers with one input and one output.
        kind: in which form it reads its images.
        images: some in the course's form, (N, H, W, C) in [0, 1], to try it on.

    Raises:
        ValueError: for weights that are no numbers, a model that cannot be called, and one whose
            copies compute something else.
    """
    graph = keras.Model(model.inputs[0], model.outputs[0])
    _check_weights(model)
    _check_call(graph, kind, images)
    reason = "it computes something else than the model"
    for copy_layer in (copy, _copy_of_kerass_own):
        try:
            flat = _copied(graph, kind, partial(_as_it_predicts, copy_layer, kind))
        except Exception as error:  # layers complain in many ways
            reason = in_a_line(error)
            continue
        if _compute_the_same(graph, flat, kind, images):
            return flat
    if _is_random(graph, in_their_form(images[:2], kind)):
        reason = "its outputs change from call to call, as of noise inside a Lambda layer"
    raise ValueError(f"This model cannot be copied layer by layer{_blamed(graph, kind)}: {reason}.")


def _blamed(graph: keras.Model, kind: InputKind) -> str:
    """What may be in the way of a copy."""
    if kind.channels_first:
        return ", as its channels come first and a layer counts on that; build it with them last"
    own = sorted({type(layer).__name__ for layer in all_layers(graph) if not _is_of_keras(layer)})
    return f", perhaps for a layer of its own ({', '.join(own)})" if own else ""


def _check_weights(model: keras.Model) -> None:
    for layer in all_layers(model):
        if not all(np.isfinite(weight).all() for weight in layer.get_weights()):
            raise ValueError(
                f"Weights of the layer {layer.name!r} are NaN or infinite, as after a training "
                "that diverged; train again, with a smaller learning rate for example."
            )


def _check_call(model: keras.Model, kind: InputKind, images: Images) -> None:
    """Raise ValueError for a model that cannot be called."""
    some = np.resize(images, (model.inputs[0].shape[0] or 1, *images.shape[1:]))
    try:
        outputs_of(model, in_their_form(some, kind))
    except Exception as error:  # layers complain in many ways
        way_out = ", unless image_size names others" if None in kind.shape else ""
        raise ValueError(
            f"This model cannot be called on images of {some.shape[1]} x {some.shape[2]} pixels"
            f"{way_out}: {in_a_line(error)}."
        ) from None


def in_a_line(error: Exception) -> str:
    """Return what an error says, without its colors and its lines, in short."""
    text = re.sub(r"\x1b\[[0-9;]*m", "", str(error))
    return " ".join(text.split())[:200].rstrip(".")


def _is_random(model: keras.Model, images: np.ndarray) -> bool:
    try:
        once, again = (outputs_of(model, images) for _ in range(2))
    except Exception:  # a model that cannot be called at all is not random
        return False
    return not np.array_equal(once, again)


def _copied(graph: keras.Model, kind: InputKind, copy_layer: Callable) -> keras.Model:
    """A flat copy for images of any size, or where this cannot be, of the model's own."""
    if to_theirs := into_their_form(kind):
        return clone(graph, clone_function=copy_layer, shape=kind.shape, preprocess=to_theirs)
    with contextlib.suppress(Exception):  # a Dense layer after a Flatten, for example, fixes it
        flexible = clone(graph, clone_function=copy_layer, shape=(None, None, kind.shape[-1]))
        if flexible.output.shape[1:] == graph.output.shape[1:] or len(flexible.output.shape) == 4:
            return flexible
    return clone(graph, clone_function=copy_layer, shape=kind.shape)


def _copy_of_kerass_own(layer: keras.layers.Layer) -> keras.layers.Layer:
    """A copy of a layer of Keras; those of somebody's own may not tell all their settings."""
    return copy(layer) if _is_of_keras(layer) else borrow(layer)


def _is_of_keras(layer: keras.layers.Layer) -> bool:
    return type(layer).__module__.startswith("keras.")


def _as_it_predicts(
    copy_layer: Callable, kind: InputKind, layer: keras.layers.Layer
) -> keras.layers.Layer:
    """A copy of a layer, or nothing at all in the place of one that acts in training alone."""
    if _is_of_keras(layer) and _acts_in_training_alone(layer):
        return keras.layers.Identity(name=layer.name)
    return channels_last_copy(layer) if kind.channels_first else copy_layer(layer)


def _acts_in_training_alone(layer: keras.layers.Layer) -> bool:
    name = type(layer).__name__
    is_augmentation = name in AUGMENTATIONS or name.startswith("Random")
    return isinstance(layer, NOISE) or is_augmentation


def _compute_the_same(
    theirs: keras.Model, ours: keras.Model, kind: InputKind, images: Images
) -> bool:
    """Whether a copy gives what the model gives, for images in 0..1 and in 0..255."""
    batch = theirs.inputs[0].shape[0] or 2
    some = np.resize(images, (batch, *images.shape[1:]))
    is_half = any(layer.compute_dtype in HALF for layer in all_layers(theirs))
    tolerance = 0.1 if is_half else 1e-3
    for white in [255] if "int" in theirs.inputs[0].dtype else [1, 255]:
        expected = outputs_of(theirs, in_their_form(white * some, kind))
        if kind.channels_first and expected.ndim == 4:
            expected = np.moveaxis(expected, 1, -1)
        found = outputs_of(ours, white * some)
        if np.shape(found) != np.shape(expected) or not _near(found, expected, tolerance):
            return False
    return True


def outputs_of(model: keras.Model, images: np.ndarray) -> np.ndarray:
    """Return what a model predicts, as float32."""
    return np.asarray(keras.ops.convert_to_numpy(model(images, training=False)), np.float32)


def _near(found: np.ndarray, expected: np.ndarray, tolerance: float) -> bool:
    known = np.isfinite(expected)  # half precision goes to infinity soon
    size = np.abs(expected[known]).max(initial=0)
    return bool(np.allclose(found[known], expected[known], rtol=tolerance, atol=tolerance * size))
