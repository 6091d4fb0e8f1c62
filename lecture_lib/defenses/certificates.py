"""Certificates: the lowest margin over all black and white patterns that an attacker can reach.

k undecided pixels, which the attacker may set to 0 or 1, give 2^k patterns: too many to try for
k = 40. But a network without padding that ends in one linear layer is a sum over windows. Each
position of its last map sees a few pixels only, and adds its part to every score:

    S_c(pattern) = Σ over windows of φ(pattern in the window) · weights[window, c] + bias[c]

So the lowest margin S_label − S_rival can be found in three steps.

1. **Tables.** For each window, what it adds to the margin for every setting of the undecided pixels
   that it sees: four of them give a table of 2 x 2 x 2 x 2 numbers.
2. **A bound.** Minimize each table separately, although neighboring windows see the same pixels. No
   pattern has a lower margin than the sum of these minima: if it is above 0, that is a proof.
3. **Agreement.** Where the bound is too low, go through all settings of the shared pixels, and
   minimize each table over the other pixels only. If no shared pixel is left out, this is exact.

An example: window A sees the pixels 0 and 1, window B the pixels 1 and 2.

    A            pixel 1 = 0   pixel 1 = 1      B            pixel 2 = 0   pixel 2 = 1
    pixel 0 = 0       3            -2           pixel 1 = 0      -1             4
    pixel 0 = 1       1             5           pixel 1 = 1       3             6

The bound is min A + min B = −2 − 1 = −3. But A takes pixel 1 to be 1 there, and B takes it to be 0.
If they agree on 0, the lowest sum is 1 − 1 = 0; on 1, it is −2 + 3 = 1. So the lowest margin is 0.
"""

from collections.abc import Callable, Sequence
from itertools import product
from typing import NamedTuple

import numpy as np

from lecture_lib.datasets.shapes import Image, Images, Network
from lecture_lib.models.backend import keras
from lecture_lib.models.inference import class_scores
from lecture_lib.models.layers import compiled_outputs, layer_names
from lecture_lib.models.per_model_cache import kept_with_model
from lecture_lib.models.receptive_field import Box, receptive_field
from lecture_lib.models.surgery import clone, weight_synchronizer, with_attributes_of

MOST_PIXELS_IN_A_WINDOW = 14  # undecided ones: a table of 2^14 settings
CROPS_AT_ONCE = 2048
# What may lie between the last map and the linear layer, as it changes no number.
BETWEEN = (
    keras.layers.Flatten,
    keras.layers.Reshape,
    keras.layers.Dropout,
    keras.layers.Identity,
)
NO_SUM = (
    "This net is no sum over windows; give convolutions and pools without padding, then one linear "
    "layer."
)


def lowest_margin(
    model: Network,
    pattern: Image,
    undecided: np.ndarray,
    *,
    label: int,
    max_shared_pixels: int = 18,
    margin_tolerance: float = np.inf,
) -> tuple[float, Image]:
    """Find the lowest margin over all settings of the undecided pixels, or a bound below it.

    min over rivals and patterns of S_label(pattern) − S_rival(pattern)

    Args:
        model: convolutions and pools without padding, then one linear layer; reads patterns.
        pattern: (H, W, C) of zeros and ones.
        undecided: (H, W, C) booleans, the pixels that may be set at will.
        label: the true class, 0..classes-1.
        max_shared_pixels: the windows agree about at most so many of the pixels that several of
            them see, those that are seen most often; the result is exact if there are no more.
        margin_tolerance: a rival whose bound is above this needs no agreement; ∞ always asks for
            it.

    Returns:
        (bound, pattern): the pattern is the one found there. The bound is −∞, and the pattern that
        given, where a window sees more than 14 undecided pixels.

    Raises:
        ValueError: for a network that is no such sum over windows.
    """
    windows = _sum_over_windows(model)
    places = np.argwhere(undecided)  # (pixels, 3): row, column, channel
    seen = [_pixels_in(box, places) for box in windows.boxes]
    if max(map(len, seen)) > MOST_PIXELS_IN_A_WINDOW:
        return -np.inf, pattern
    scores = _score_tables(windows, pattern, places, seen)
    shared = _most_shared(seen, len(places), max_shared_pixels)
    lowest = LowestSum(np.inf, np.zeros(len(places)))
    for rival in np.delete(np.arange(len(windows.bias)), label):
        margins = [table[..., label] - table[..., rival] for table in scores]
        ahead = windows.bias[label] - windows.bias[rival]
        found = lowest_sum(margins, seen, [], count=len(places))
        if found.value + ahead <= margin_tolerance:
            found = lowest_sum(margins, seen, shared, count=len(places))
        if found.value + ahead < lowest.value:
            lowest = LowestSum(found.value + ahead, found.setting)
    return lowest.value, _with_setting(pattern, places, lowest.setting)


# The network as a sum over windows


class _SumOverWindows(NamedTuple):
    """A network taken apart: S = Σ over windows of features(window) · weights[window] + bias.

    Attributes:
        boxes: which pixels each window sees.
        network: one window (N, h, w, C) -> its features (N, 1, 1, channels).
        weights: (windows, channels, classes).
        bias: (classes,).
    """

    boxes: list[Box]
    network: Network
    weights: np.ndarray
    bias: np.ndarray


def _sum_over_windows(model: Network) -> _SumOverWindows:
    """The network as it is now: its weights may have changed since the last call."""
    boxes, network, take_weights = _window_network(model)
    take_weights()
    return _taken_apart(model, boxes, network)


def _taken_apart(model: Network, boxes: list[Box], network: Network) -> _SumOverWindows:
    head = model.layers[-1]
    weights = head.kernel.numpy().reshape(len(boxes), -1, head.kernel.shape[1])
    return _SumOverWindows(boxes, network, weights, head.bias.numpy())


@kept_with_model
def _window_network(model: Network) -> tuple[list[Box], Network, Callable]:
    """The windows' boxes, a copy of the network for one window, and what updates its weights."""
    last = _last_map(model)
    boxes = [
        receptive_field(model, last.name, *position, image_shape=model.input.shape[1:3])
        for position in np.ndindex(last.output.shape[1:3])
    ]
    sides = {(box.bottom - box.top, box.right - box.left) for box in boxes}
    if len(sides) > 1:
        raise ValueError(NO_SUM)
    below_head = with_attributes_of(model, keras.Model(model.input, last.output))
    copies = {}
    network = clone(below_head, shape=(*sides.pop(), model.input.shape[-1]), copies=copies)
    if network.output.shape[1:3] != (1, 1):
        raise ValueError(NO_SUM)
    _check_is_sum(model, _taken_apart(model, boxes, network))
    return boxes, network, weight_synchronizer(copies)


def _last_map(model: Network) -> keras.layers.Layer:
    """The layer whose map the linear layer at the end reads, row by row, with nothing between."""
    with_maps = layer_names(model)
    if not with_maps:
        raise ValueError(NO_SUM)
    last = model.get_layer(with_maps[-1])
    *between, head = model.layers[model.layers.index(last) + 1 :] or [last]
    is_linear = isinstance(head, keras.layers.Dense) and head.output is model.output
    if not is_linear or not all(isinstance(layer, BETWEEN) for layer in between):
        raise ValueError(NO_SUM)
    shape = last.output.shape[1:]
    if None in shape or head.kernel.shape[0] != np.prod(shape):
        raise ValueError(NO_SUM)
    return last


def _check_is_sum(model: Network, windows: _SumOverWindows) -> None:
    """Raise ValueError where the sum over windows is another number than the network's score.

    A proof about another function than the network would be none.
    """
    pattern = np.random.default_rng(0).integers(0, 2, model.input.shape[1:]).astype(np.float32)
    crops = [pattern[box.top : box.bottom, box.left : box.right] for box in windows.boxes]
    features = _window_features(windows.network, np.stack(crops))  # (windows, channels)
    parts = np.einsum("wk,wkc->wc", features, windows.weights)
    scores = class_scores(model, pattern)
    sizes = np.abs(parts).sum(axis=0) + np.abs(windows.bias) + 1e-6
    if (np.abs(parts.sum(axis=0) + windows.bias - scores) > 1e-4 * sizes).any():
        raise ValueError(NO_SUM)


# Step 1: tables


def _pixels_in(box: Box, places: np.ndarray) -> np.ndarray:
    """Which of the places (pixels, 3) lie in a box, as indices in rising order."""
    rows_and_columns = places[:, :2]
    behind_corner = (rows_and_columns >= box[:2]).all(axis=1)
    before_end = (rows_and_columns < box[2:]).all(axis=1)
    return np.flatnonzero(behind_corner & before_end)


def _score_tables(
    windows: _SumOverWindows, pattern: Image, places: np.ndarray, seen: Sequence[np.ndarray]
) -> list[np.ndarray]:
    """What each window adds to the scores, (2, ..., 2, classes), an axis for each pixel it sees."""
    crops = [
        _all_settings(pattern, box, places[pixels])
        for box, pixels in zip(windows.boxes, seen, strict=True)
    ]
    features = _window_features(windows.network, np.concatenate(crops))
    ends = np.cumsum([len(crop) for crop in crops])
    parts = zip(np.split(features, ends[:-1]), windows.weights, seen, strict=True)
    return [
        (part @ weights).reshape(*[2] * len(pixels), -1)  # (2^pixels, classes) before
        for part, weights, pixels in parts
    ]


def _all_settings(pattern: Image, box: Box, places: np.ndarray) -> np.ndarray:
    """The crop of the pattern, once for each setting of its pixels, (2^pixels, h, w, C)."""
    settings = np.array(list(product((0, 1), repeat=len(places))), np.float32)
    crop = pattern[box.top : box.bottom, box.left : box.right]
    crops = np.repeat(crop[None], len(settings), axis=0)
    rows, columns, channels = (places - (box.top, box.left, 0)).T
    crops[:, rows, columns, channels] = settings
    return crops


def _window_features(network: Network, crops: Images) -> np.ndarray:
    """φ of each crop, (N, channels)."""
    layer = network.layers[-1].name
    outputs = compiled_outputs(network, (layer,))
    starts = range(0, len(crops), CROPS_AT_ONCE)
    maps = [outputs(crops[start : start + CROPS_AT_ONCE])[layer].numpy() for start in starts]
    return np.concatenate(maps)[:, 0, 0]


# Steps 2 and 3: the bound, and agreement


class LowestSum(NamedTuple):
    """The lowest sum of tables, and where it is reached.

    Attributes:
        value: the sum.
        setting: the undecided pixels there, (pixels,) of zeros and ones.
    """

    value: float
    setting: np.ndarray


def lowest_sum(
    tables: Sequence[np.ndarray],
    seen: Sequence[np.ndarray],
    agreed: Sequence[int],
    *,
    count: int,
) -> LowestSum:
    """Minimize a sum of tables, in which the windows agree about some of the pixels.

    min over settings of the agreed pixels of Σ over windows of (min over its other pixels of table)

    With no agreed pixel that is the sum of the minima.

    Args:
        tables: for each window an array (2, ..., 2), with an axis for each pixel that it sees.
        seen: for each window the numbers of these pixels, 0..count-1 in rising order.
        agreed: the numbers of the agreed pixels, in rising order.
        count: how many pixels there are.

    Returns:
        LowestSum(value, setting). Of a pixel that is not agreed about, the setting is the choice of
        the last window that sees it.
    """
    # The sum as a table (2, ..., 2) with an axis for each agreed pixel.
    total = np.zeros([1] * len(agreed))
    for table, pixels in zip(tables, seen, strict=True):
        free_axes = tuple(axis for axis, pixel in enumerate(pixels) if pixel not in agreed)
        # A window adds the same for both values of a pixel that it does not see.
        sides = [2 if pixel in pixels else 1 for pixel in agreed]
        total = total + table.min(axis=free_axes).reshape(sides)
    setting = np.zeros(count)
    setting[list(agreed)] = np.unravel_index(total.argmin(), total.shape)
    # Then each window chooses its other pixels.
    for table, pixels in zip(tables, seen, strict=True):
        free = [pixel for pixel in pixels if pixel not in agreed]
        place = [int(setting[pixel]) if pixel in agreed else slice(None) for pixel in pixels]
        choices = table[tuple(place)]
        setting[free] = np.unravel_index(choices.argmin(), choices.shape)
    return LowestSum(total.min(), setting)


def _most_shared(seen: Sequence[np.ndarray], count: int, most: int) -> list[int]:
    """The pixels that the most windows see, of those that several see, in rising order."""
    times = np.bincount(np.concatenate(seen).astype(int), minlength=count)
    most_seen_first = np.argsort(-times, kind="stable")
    shared = most_seen_first[: min(most, (times > 1).sum())]
    return sorted(shared.tolist())


def _with_setting(pattern: Image, places: np.ndarray, setting: np.ndarray) -> Image:
    found = pattern.copy()
    found[tuple(places.T)] = setting
    return found
