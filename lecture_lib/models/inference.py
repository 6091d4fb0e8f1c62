"""Networks: `keras.Model`s from images (N, H, W, C) in [0, 1] to class scores (N, classes) before softmax.

Preprocessing is inside the model, layers are flat and have names, `class_names` and `image_size` are attributes. `zoo` says where
they come from, `surgery` makes one from another; here is what one asks of them.
"""

import difflib
from functools import lru_cache, partial
from typing import NamedTuple

import numpy as np

from lecture_lib.datasets.images import as_batch
from lecture_lib.models.backend import keras, tf
from lecture_lib.models.batching import batches
from lecture_lib.models.surgery import with_relu_rule, with_shuffled_weights, wrap_model
from lecture_lib.models.zoo import load_model, model_is_here, model_names

__all__ = [
    "load_model",
    "model_is_here",
    "model_names",
    "with_shuffled_weights",
    "with_relu_rule",
    "wrap_model",
]


class Guess(NamedTuple):
    """One class a network sees in a picture: its number, its name, its probability in 0..1."""

    class_index: int
    class_name: str
    probability: float


def class_scores(model, images, *, batch_size=None):
    """S(I), the scores of all classes before softmax.

    images: (H, W, C) or (N, H, W, C) in [0, 1]. Returns (classes,) or (N, classes) float32. Raises ValueError for images that are none.
    """
    batch = batch_for(model, images)
    scores = np.concatenate(
        [_compiled_forward(model)(some) for some in batches(batch, size=batch_size)]
    )
    return scores[0] if np.ndim(images) == 3 else scores


@lru_cache(maxsize=16)
def _compiled_forward(model):
    return tf.function(
        lambda images: model(images, training=False), autograph=False, reduce_retracing=True
    )


def batch_for(model, images):
    """`as_batch` of images with as many colors as the net reads. Raises ValueError, too, for a size that does not get through the net."""
    batch = as_batch(images, channels=model.input.shape[-1])
    if not _takes(model, batch.shape[1:]):
        size = getattr(model, "image_size", None) or model.input.shape[1]
        raise ValueError(
            f"Pictures of {batch.shape[1]} x {batch.shape[2]} pixels do not get through this net; it was made for {size} x "
            f"{size}, and resize_image(image, {size}) makes them so large."
        )
    return batch


@lru_cache(maxsize=64)
def _takes(model, shape):
    try:  # asked beforehand: what TensorFlow says later on is a page long, or nothing at all
        model.compute_output_shape((1, *shape))
    except NotImplementedError:
        return True  # a layer of somebody's own that cannot tell
    except ValueError:
        return False
    return True


def probabilities(model, images):
    """P_c(I) = exp S_c(I) / Σ exp S(I), the softmax of the scores, in 0..1.

    images: (H, W, C) or (N, H, W, C) in [0, 1]. Returns (classes,) or (N, classes) float32.
    """
    scores = class_scores(model, images)
    powers = np.exp(scores - scores.max(axis=-1, keepdims=True))
    return powers / powers.sum(axis=-1, keepdims=True)


def top_classes(model, image, *, count=5):
    """The `count` likeliest classes of one image (H, W, C), likeliest first, as a list of Guess(class_index, class_name, probability).

    Raises ValueError for anything but one image.
    """
    if np.ndim(image) != 3:
        raise ValueError(
            f"The likeliest classes are those of one image (H, W, C); this has the shape {np.shape(image)}."
        )
    chances = probabilities(model, image)
    return [
        Guess(int(index), model.class_names[index], float(chances[index]))
        for index in np.argsort(-chances)[:count]
    ]


def class_index(model, name):
    """The number of a class by its name, upper or lower case. Raises ValueError with the nearest names if there is none."""
    lowered = [known.lower() for known in model.class_names]
    if name.lower() in lowered:
        return lowered.index(name.lower())
    near = difflib.get_close_matches(name.lower(), lowered, 5, cutoff=0.4) or lowered[:5]
    raise ValueError(f"This net knows no class {name!r}; near it are {', '.join(near)}.")


def check_class(model, class_index):
    """The class index, or an int32 array of one per image; raises ValueError outside 0..classes-1."""
    indices, classes = np.asarray(class_index), model.output.shape[-1]
    if not np.issubdtype(indices.dtype, np.integer) or indices.ndim > 1:
        raise ValueError(
            f"A class is a whole number from 0 to {classes - 1}, not {class_index!r}; class_index(model, name) looks one up."
        )
    if indices.size and not (indices.min() >= 0 and indices.max() < classes):
        raise ValueError(
            f"This net has {classes} classes, numbered from 0 to {classes - 1}; {class_index} is not among them."
        )
    return indices.astype(np.int32)


def layer_names(model, *, maps_only=True):
    """The names of a net's layers in forward order; with maps_only, those whose output has rows, columns and channels."""
    named_layers = [
        layer for layer in model.layers if not isinstance(layer, keras.layers.InputLayer)
    ]
    return [layer.name for layer in named_layers if not maps_only or len(layer.output.shape) == 4]


def features(model, layer):
    """The symbolic output of one layer, by name. Raises ValueError that lists the layers when there is none of that name."""
    if layer not in (known := layer_names(model, maps_only=False)):
        raise ValueError(f"This net has no layer {layer!r}; its layers are {', '.join(known)}.")
    return model.get_layer(layer).output


def map_features(model, layer):
    """`features` of a layer that has rows and columns; raises ValueError with the names of those that have, for one that has none."""
    if len((output := features(model, layer)).shape) != 4:
        raise ValueError(
            f"Layer {layer!r} has no rows and columns; those that have are {', '.join(layer_names(model))}."
        )
    return output


def layer_outputs(model, names):
    """A Model from images to {name: activations φ(I)}, for one layer name or several.

    Activations: (N, h, w, channels), or (N, units). Raises ValueError that lists the layers when there is none of that name.
    """
    return keras.Model(model.input, {name: features(model, name) for name in as_tuple(names)})


def as_tuple(layers):
    """One layer name, or several, as a tuple of names."""
    return (layers,) if isinstance(layers, str) else tuple(layers)


@lru_cache(maxsize=16)
def compiled_outputs(model, names):
    """`layer_outputs`, compiled and kept: for one name, or a tuple of names, a function from images (N, H, W, C) to {name: tensor}."""
    return tf.function(
        partial(_outputs, layer_outputs(model, names)), autograph=False, reduce_retracing=True
    )


def _outputs(outputs, images):
    return outputs(images, training=False)


@lru_cache(maxsize=32)
def layers_and_scores(model, names):
    """A Model from images to [φ_1, φ_2, ..., S], the layers of a tuple of names and the scores; for `gradients.gradient_at_layers`."""
    return keras.Model(model.input, [*(features(model, name) for name in names), model.output])


def one_image(model, image):
    """One image (H, W, C), checked: finite, in [0, 1], with as many colors as the net reads."""
    if np.ndim(image) != 3:
        raise ValueError(
            f"A map explains one image of shape (height, width, colors); this one has shape {np.shape(image)}."
        )
    return batch_for(model, image)[0]
