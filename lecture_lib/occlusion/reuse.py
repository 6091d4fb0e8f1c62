"""Which layers incremental occlusion shall go through: chosen from the network and the patches.

A cut is a layer that the whole network goes through: all that comes after it reads the image
through its map alone. Between two cuts, only a window around what a patch changes is computed anew.
"""

import numpy as np

from lecture_lib.datasets.shapes import Image, Network
from lecture_lib.models.backend import keras
from lecture_lib.models.cuts import cuts_of
from lecture_lib.models.layers import layer_names, layer_outputs
from lecture_lib.models.per_model_cache import kept_with_model
from lecture_lib.models.receptive_field import read_along
from lecture_lib.occlusion.incremental import stages_of

# Below so many covered pixels in all, preparing the windows takes as long as they save: it takes
# about a second, as do 100 images of 224 x 224 pixels.
FEWEST_PIXELS = 100 * 224 * 224
MOST_CHANGED = 0.5  # of a map; beyond that, hardly anything of it can be kept


def layers_to_reuse(
    model: Network, image: Image, patches: tuple[np.ndarray, np.ndarray]
) -> tuple[str, ...]:
    """Choose the layers between which occlusion computes only what a patch changes.

    Of each size of map it is one cut, the first of those with the fewest channels, as long as a
    patch changes at most half of its map.

    Args:
        model: images -> logits (N, classes).
        image: (H, W, C) in [0, 1].
        patches: which rows (n, H) and which columns (m, W) they cover, booleans; there are n · m
            patches.

    Returns:
        Names of layers in forward order; none where it would not pay, and for networks with layers
        whose windows are not known.
    """
    rows, columns = patches
    if len(rows) * len(columns) * image.shape[0] * image.shape[1] < FEWEST_PIXELS:
        return ()
    try:
        chosen = _reached_by_patches(model, image, patches)
        stages_of(model, chosen)  # an error for parts that cannot be copied
    except Exception:  # whatever a layer of somebody's own raises: the plain way is always right
        return ()
    return chosen


def _reached_by_patches(
    model: Network, image: Image, patches: tuple[np.ndarray, np.ndarray]
) -> tuple[str, ...]:
    """The narrow cuts from the first on, as long as a patch leaves half of their maps alone."""
    chosen = []
    for layer in _narrowest_cuts(model, image.shape):
        reads = read_along(model, layer, image_shape=image.shape)
        shares = [_changed_share(*axis) for axis in zip(reads, patches, strict=True)]
        if shares[0] * shares[1] > MOST_CHANGED:
            break
        chosen.append(layer)
    return tuple(chosen)


def _changed_share(reads: np.ndarray, patches: np.ndarray) -> float:
    """Along one axis, the share of the positions that read a pixel of a patch: their mean."""
    # (positions, side) @ (side, n): how many of its pixels each position reads
    return float(np.mean(reads.astype(np.float32) @ patches.T.astype(np.float32) > 0))


@kept_with_model
def _narrowest_cuts(model: Network, image_shape: tuple[int, int, int]) -> list[str]:
    """One cut of each size of map, the first of those with the fewest channels."""
    cuts = [layer for layer in map_cuts(model) if not _only_pads(model, layer)]
    maps = layer_outputs(model, cuts)(np.zeros((1, *image_shape), np.float32))
    chosen = {}
    for layer in cuts:
        size = tuple(maps[layer].shape[1:3])
        channels = maps[layer].shape[3]
        fewest, _ = chosen.get(size, (np.inf, layer))
        if channels < fewest:
            chosen[size] = (channels, layer)
    chosen.pop(image_shape[:2], None)  # before the first map that is smaller, nothing is saved
    return [layer for _, layer in chosen.values()]


def _only_pads(model: Network, layer: str) -> bool:
    return isinstance(model.get_layer(layer), keras.layers.ZeroPadding2D)


@kept_with_model
def map_cuts(model: Network) -> list[str]:
    """Return the names of the layers with rows and columns that the whole network goes through."""
    with_maps = set(layer_names(model))
    return [cut.name for cut in cuts_of(model) if cut.name in with_maps]
