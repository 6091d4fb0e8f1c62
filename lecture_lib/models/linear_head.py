"""Heads whose scores are linear in the means of the last maps, known by what they compute.

    S_c = Σ_k w_kc · mean F_k + b_c

Of which layers a head is made does not matter: a pooling and a Dense layer, factors before it, a
normalization or a temperature behind it. Whether the equation holds is tried in numbers.
"""

from typing import NamedTuple

import numpy as np

from lecture_lib.datasets.shapes import Activations, Network
from lecture_lib.models.backend import keras
from lecture_lib.models.cuts import calls_of, cuts_of
from lecture_lib.models.per_model_cache import kept_with_model

TRIES = 6  # how often each channel is scaled by a factor of its own, 0.03 to 30
NO_LINEAR_HEAD = (
    "CAM needs a net that ends in global average pooling and one linear layer, as only there the "
    "mean of the map plus the bias is the score; grad_cam_map works for any net."
)


class LastMaps(NamedTuple):
    """A network, parted at the last maps that all of it goes through.

    Attributes:
        outputs: a Model from images to [F, the maps of the last window, logits]; these two maps are
            of one size unless rows or columns were cut away between them.
        head: a Model from F to the logits.
    """

    outputs: keras.Model
    head: keras.Model


@kept_with_model
def last_maps(model: Network) -> LastMaps:
    """Part a network at the last maps F that all of it goes through, before the global pooling.

    Raises:
        ValueError: for a network without such maps.
    """
    maps = [cut.output for cut in cuts_of(model) if _has_maps(cut)]
    windows = [call.output for call, *_ in calls_of(model) if _has_window(call) and _has_maps(call)]
    if not maps:
        raise ValueError(NO_LINEAR_HEAD)
    before = windows[-1] if windows else maps[-1]
    outputs = keras.Model(model.input, [maps[-1], before, model.output])
    return LastMaps(outputs, keras.Model(maps[-1], model.output))


def _has_maps(operation: keras.Operation) -> bool:
    shape = getattr(operation.output, "shape", ())  # several outputs are a list
    return len(shape) == 4 and shape[1:3] != (1, 1)


def _has_window(operation: keras.Operation) -> bool:
    """Whether a layer may make maps smaller that show the whole image nevertheless."""
    is_own = not type(operation).__module__.startswith("keras.")
    may_hold_one = is_own and bool(getattr(operation, "weights", ()))
    return may_hold_one or hasattr(operation, "kernel_size") or hasattr(operation, "pool_size")


def check_is_linear(
    head: keras.Model,
    maps: Activations,
    gradient: Activations,
    *,
    size: tuple[int, int],
    class_index: int,
) -> None:
    """Raise ValueError where a score is not linear in the means of the maps.

    Args:
        head: from maps to logits.
        maps: F of one image, (h, w, channels).
        gradient: ∂S_c/∂F, of the same shape.
        size: (rows, columns) of the maps before; of cut maps it is not known where they lie.
        class_index: c, 0..classes-1.
    """
    # Each position of a channel has an equal share of its weight.
    is_unequal = np.ptp(gradient, axis=(0, 1)).max() > 1e-3 * np.abs(gradient).max()
    if is_unequal or maps.shape[:2] != tuple(size):
        raise ValueError(NO_LINEAR_HEAD)
    weights = gradient.sum(axis=(0, 1))  # w_c, (channels,)
    bias = _score(head, np.zeros_like(maps), class_index)

    # A bend, such as that of a ReLU between two layers, shows when the channels change their parts.
    factors = 10 ** np.random.default_rng(0).uniform(-1.5, 1.5, (TRIES, maps.shape[-1]))
    for factor in [1.0, *np.float32(factors)]:
        parts = weights * (factor * maps).mean(axis=(0, 1))
        score = _score(head, factor * maps, class_index)
        if abs(parts.sum() + bias - score) > 1e-3 * (np.abs(parts).sum() + abs(bias)) + 1e-5:
            raise ValueError(NO_LINEAR_HEAD)


def _score(head: keras.Model, maps: Activations, class_index: int) -> float:
    return float(head(maps[None], training=False)[0, class_index])
