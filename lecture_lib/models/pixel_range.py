"""In which range a network of somebody's own wants its pixels: 0..1, as in the course, or 0..255.

Nothing says so in a model, but much can be seen. What lies in front of the first weights (a
Rescaling, a Normalization, a function) brings pixels to numbers of about 1; so it is computed for
one picture in 0..1 and in 0..255, and the scale that gives such numbers is the one it was made for.
Where nothing lies in front, the statistics of the first batch normalization tell.
"""

from collections.abc import Callable
from functools import update_wrapper
from typing import NamedTuple

import numpy as np

from lecture_lib.datasets.shapes import Images, Tensor
from lecture_lib.models.backend import keras
from lecture_lib.models.graph_calls import Graph

WHITES = (1, 255, 65535)  # what white may be: a number, 8 bits, 16 bits
# The spread of what weights are trained on, for a picture whose own is 0.3: a half to twice that
# for pixels in [-1, 1], four times for those of ImageNet's deviation.
LEAST_SPREAD = 0.03
UNCLEAR_SPREAD = 0.06
MOST_WHITE = (
    8  # of pixels that are divided alone; by 16, as for digits of 4 bits, white is 255 / 16
)
LEAST_MOVEMENT = 0.1  # of a trained network's logits, from one picture to another
FAR_FROM_ZERO = 20  # a mean of ImageNet, in 0..255, is subtracted from pixels in 0..255
NORMALIZATIONS = (keras.layers.Normalization, keras.layers.BatchNormalization)


class PixelRange(NamedTuple):
    """What white is for a network.

    Attributes:
        white: 1, 255 or 65535; what images in [0, 1] are multiplied by.
        remark: a sentence for the reader where it is not 1, or not certain; else "".
    """

    white: int
    remark: str


def find_pixel_range(graph: Graph, images: Images, *, logits: keras.KerasTensor) -> PixelRange:
    """Find out what white is for a network.

    Args:
        graph: of the network.
        images: some in [0, 1], to try it on.
        logits: the symbolic tensor of its logits.
    """
    first = _first_weights(graph)
    if first is None:
        return PixelRange(1, "")
    # What arrives at the first weights for the same picture in each range.
    arrives = [np.asarray(_at(graph, first, white * images), np.float32) for white in WHITES]
    if np.allclose(arrives[0], arrives[1], rtol=1e-2, atol=1e-2 * arrives[0].std()):
        return PixelRange(1, "")  # each picture is brought to one range, whatever its own
    if _is_unscaled(arrives[0]):
        return _from_statistics(graph, images, logits)
    return _from_spread(arrives)


def _is_unscaled(arrives: np.ndarray) -> bool:
    """Whether images in [0, 1] arrive so, as they are or behind padding, cropping and the like."""
    return bool(arrives.min() > -0.01 and 0.9 < arrives.max() < 1.1)


def _from_spread(arrives: list[np.ndarray]) -> PixelRange:
    spreads = [_spread(values) for values in arrives]
    mean = np.abs(arrives[0].mean(axis=tuple(range(arrives[0].ndim - 1)))).mean()
    if spreads[0] < 1 and mean > FAR_FROM_ZERO:
        return PixelRange(255, _said(255))
    large_enough = [
        white for white, spread in zip(WHITES, spreads, strict=True) if spread > LEAST_SPREAD
    ]
    white = large_enough[0] if large_enough else 1
    known = arrives[WHITES.index(white)]
    is_small = white == 1 and spreads[0] < UNCLEAR_SPREAD
    is_large = white > 1 and known.min() > -0.01 and known.max() > MOST_WHITE
    if not large_enough or is_small or is_large:
        return PixelRange(1, UNCLEAR)
    return PixelRange(white, _said(white) if white > 1 else "")


def _spread(values: np.ndarray) -> float:
    """How much the images differ, where they do: a border of zeros tells nothing of them."""
    spread = values.std(axis=0)
    return float(spread[spread > 0].mean()) if spread.any() else 0.0


def _said(white: int) -> str:
    return (
        f"This model scales pixels from 0 to {white} itself, so images in [0, 1] are multiplied by "
        f"{white} first; pixel_range=(0, 1) feeds them as they are."
    )


UNCLEAR = (
    "Whether this model was trained on pixels from 0 to 1 or from 0 to 255 cannot be seen in it; "
    "it is fed 0 to 1, and pixel_range=(0, 255) feeds it the other."
)


# What lies in front of the first weights


def _first_weights(graph: Graph) -> keras.KerasTensor | None:
    """The tensor that the first layer reads which is no preprocessing, None for no such layer."""
    for call in graph.calls:
        weights = getattr(call.operation, "weights", ())
        if weights and not isinstance(call.operation, NORMALIZATIONS):
            return call.sources()[0]
    return None


def _at(graph: Graph, tensor: keras.KerasTensor, images: Images) -> Tensor:
    return graph.compute([(graph.images, images)], tensor)


# Where nothing lies in front


def _from_statistics(graph: Graph, images: Images, logits: keras.KerasTensor) -> PixelRange:
    """What the first batch normalization has seen in training, beside what it sees now."""
    for call in graph.calls:
        if isinstance(call.operation, keras.layers.BatchNormalization):
            variance = np.asarray(call.operation.moving_variance)
            seen = [_variance(_at(graph, call.sources()[0], white * images)) for white in (1, 255)]
            return _nearest(variance, *seen)
    return _from_movement(_at(graph, logits, images))


def _variance(values: Tensor) -> np.ndarray:
    """The variance of each channel."""
    values = np.asarray(values, np.float64)
    return values.reshape(-1, values.shape[-1]).var(axis=0)


def _nearest(variance: np.ndarray, seen_1: np.ndarray, seen_255: np.ndarray) -> PixelRange:
    if np.allclose(variance, 1):
        return PixelRange(1, "")  # not trained
    away_1 = np.median(np.abs(np.log((variance + 1e-9) / (seen_1 + 1e-9))))
    away_255 = np.median(np.abs(np.log((variance + 1e-9) / (seen_255 + 1e-9))))
    if away_1 <= away_255:
        return PixelRange(1, "")
    return PixelRange(
        255,
        "The batch normalization of this model has seen pixels from 0 to 255, so images in [0, 1] "
        "are multiplied by 255 first; pixel_range=(0, 1) feeds them as they are.",
    )


def _from_movement(logits: Tensor) -> PixelRange:
    """A remark where the logits hardly change from one picture to another."""
    moved = np.ptp(np.asarray(logits), axis=0).max()
    return PixelRange(1, UNCLEAR if moved < LEAST_MOVEMENT else "")


# Preprocessing functions


def range_for(preprocess: Callable | None) -> tuple[int, int] | None:
    """Return (0, 255) for a `preprocess_input` of `keras.applications`, None for any other."""
    function = getattr(preprocess, "func", preprocess)  # of a partial, the function inside
    return (0, 255) if getattr(function, "__name__", "") == "preprocess_input" else None


def as_layer_call(preprocess: Callable) -> Callable:
    """Return a preprocessing function that can be built into a graph, whatever it is made of.

    Functions of Keras work on symbolic tensors; those of TensorFlow become a layer.
    """

    def build(images: keras.KerasTensor) -> keras.KerasTensor:
        try:
            return preprocess(images)
        except Exception:  # what TensorFlow says of a symbolic tensor has many kinds
            return keras.layers.Lambda(preprocess, name="preprocess")(images)

    return update_wrapper(build, preprocess) if hasattr(preprocess, "__name__") else build
