"""Class activation maps: where in the picture a layer found what speaks for a class, as coarse as the layer is."""

from functools import lru_cache

import cv2
import numpy as np

from lecture_lib.core.gradients import gradient_at_layers
from lecture_lib.models.backend import keras
from lecture_lib.models.inference import check_class, layers_and_scores, map_features, one_image


def cam_map(model, image, class_index, *, full_size=True):
    """M_c = Σ_k w_kc F_k, the last layer's channels weighted as the linear head weights their means; M_c's mean + bias is S_c.

    For nets whose scores are linear in the means of the last maps F: global average pooling, then at most one Dense layer.
    image: (H, W, C) in [0, 1]. full_size: False gives the (h, w) numbers that there really are. Returns (H, W) float32, signed, in
    units of the score. Raises ValueError for a net that ends otherwise.
    Source: Zhou et al., Learning deep features for discriminative localization, 2016.
    """
    image, class_index = one_image(model, image), check_class(model, class_index)
    pooled, weights = _pooled_head(model)
    (maps,), _ = gradient_at_layers(layers_and_scores(model, (pooled,)), image[None], class_index)
    coarse = maps.numpy()[0] @ weights[:, class_index]
    return enlarge(coarse, image.shape[:2]) if full_size else coarse


def _pooled_head(model):
    """The name of the layer that is pooled, and the weights (channels, classes) of the linear layer after it."""
    idle = (keras.layers.Dropout, keras.layers.Flatten)  # of one mean a channel they change nothing
    *_, maps, pool, last = [
        layer
        for layer in model.layers
        if not (isinstance(layer, idle) or _is_linear_activation(layer))
    ]
    if isinstance(last, keras.layers.GlobalAveragePooling2D):  # the scores are the means themselves
        return pool.name, np.eye(model.output.shape[-1], dtype=np.float32)
    linear = isinstance(last, keras.layers.Dense) and last.activation is keras.activations.linear
    if not (linear and isinstance(pool, keras.layers.GlobalAveragePooling2D)):
        raise ValueError(
            "CAM needs a net that ends in global average pooling and one linear layer; grad_cam_map works for any net."
        )
    return maps.name, last.get_weights()[0]


def _is_linear_activation(layer):
    return (
        isinstance(layer, keras.layers.Activation) and layer.activation is keras.activations.linear
    )


def grad_cam_map(model, image, class_index, *, layer=None, full_size=True):
    """ReLU(Σ_k α_k A_k), A_k the channels of a layer, α_k the mean of ∂S_c/∂A_k over its rows and columns.

    image: (H, W, C) in [0, 1]. layer: a name, by default the last layer with rows and columns. full_size: False gives the (h, w)
    numbers that there really are. Returns (H, W) float32, 0 or more. Raises ValueError for a layer without rows and columns.
    Source: Selvaraju et al., Grad-CAM: visual explanations from deep networks via gradient-based localization, 2017.
    """
    layer = layer or spatial_layers(model)[-1]
    return grad_cam_maps(model, image, class_index, layers=[layer], full_size=full_size)[layer]


def grad_cam_maps(model, image, class_index, *, layers=None, full_size=True):
    """The Grad-CAM of several layers, by default all, from one pass through the net: {layer name: map}, as in `grad_cam_map`."""
    image, class_index = one_image(model, image), check_class(model, class_index)
    names = tuple(layers or spatial_layers(model))
    for name in layers or ():
        map_features(model, name)
    activations, gradients = gradient_at_layers(
        layers_and_scores(model, names), image[None], class_index
    )
    coarse = {
        name: weighted_sum(maps.numpy()[0], slopes.numpy()[0])
        for name, maps, slopes in zip(names, activations, gradients, strict=True)
    }
    return (
        {name: enlarge(heatmap, image.shape[:2]) for name, heatmap in coarse.items()}
        if full_size
        else coarse
    )


def weighted_sum(activations, gradients):
    """ReLU(Σ_k α_k A_k), α_k = mean of the gradients of channel k. Both (h, w, channels); returns (h, w)."""
    return np.maximum(activations @ gradients.mean(axis=(0, 1)), 0)


@lru_cache(maxsize=32)  # of a large net, asking takes longer than Grad-CAM's way back
def spatial_layers(model):
    """The names of the layers that have a map for Grad-CAM, in forward order: those with more than one row and column."""
    maps = [
        layer
        for layer in model.layers
        if not isinstance(layer, keras.layers.InputLayer) and len(layer.output.shape) == 4
    ]
    return tuple(layer.name for layer in maps if layer.output.shape[1:3] != (1, 1))


def enlarge(heatmap, size):
    """A map (h, w) at another size (H, W), straight lines between its numbers (bilinear)."""
    return cv2.resize(heatmap, (size[1], size[0]), interpolation=cv2.INTER_LINEAR)
