"""Class activation maps: where in the image a layer found evidence for a class."""

from collections.abc import Sequence

import cv2
import numpy as np
from jaxtyping import Float

from lecture_lib.core.gradients import gradient_at_layers, gradient_at_layers_of_prediction
from lecture_lib.datasets.shapes import Activations, Image, Map, Network
from lecture_lib.models.backend import keras
from lecture_lib.models.inference import (
    features,
    layer_names,
    layers_and_scores,
    map_features,
    one_class,
    one_image,
)
from lecture_lib.models.large_images import at_a_size_for_networks
from lecture_lib.models.linear_head import check_is_linear, last_maps
from lecture_lib.models.per_model_cache import kept_with_model

# A map of the size of the image, or with full_size=False of the size of the layer.
CoarseMap = Float[np.ndarray, "rows columns"]


@at_a_size_for_networks
def cam_map(model: Network, image: Image, class_index: int, *, full_size: bool = True) -> CoarseMap:
    """Map what each position of the last layer adds to the score of a class.

    M_c = Σ_k w_kc F_k, and S_c = mean(M_c) + b_c

    This is for networks whose scores are linear in the means of their last maps F, with weights w
    and bias b: global average pooling, then at most one Dense layer. As the weights of the means
    they are the gradient, w_kc = Σ ∂S_c/∂F_k over the positions. Whether S_c is mean(M_c) + b_c is
    checked at each call.

    Args:
        model: images -> logits (N, classes).
        image: I, (H, W, C) in [0, 1].
        class_index: c, 0..classes-1.
        full_size: False returns the (h, w) numbers that there really are.

    Returns:
        (H, W) float32, signed, in units of the score.

    Raises:
        ValueError: for a network that ends otherwise, for anything but one image, and for anything
            but one class that the network has.

    Source:
        Zhou et al., Learning deep features for discriminative localization, 2016.
    """
    image = one_image(model, image)
    class_index = one_class(model, class_index)
    outputs, head = last_maps(model)
    (last, before), (at_last, _) = gradient_at_layers(outputs, image[None], class_index)
    maps = last.numpy()[0]  # F, (h, w, channels)
    gradient = at_last.numpy()[0]  # ∂S_c/∂F, of the same shape
    check_is_linear(head, maps, gradient, size=before.shape[1:3], class_index=class_index)
    weights = gradient.sum(axis=(0, 1))  # w_c, (channels,)
    coarse = maps @ weights
    return enlarge(coarse, image.shape[:2]) if full_size else coarse


@at_a_size_for_networks
def grad_cam_map(
    model: Network,
    image: Image,
    class_index: int,
    *,
    layer: str | None = None,
    full_size: bool = True,
) -> CoarseMap:
    """Map where a layer found evidence for a class: its channels, weighted by their gradients.

    M_c = ReLU(Σ_k α_k A_k), α_k = mean of ∂S_c/∂A_k over rows and columns

    Args:
        model: images -> logits (N, classes).
        image: I, (H, W, C) in [0, 1].
        class_index: c, 0..classes-1.
        layer: the name of the layer whose channels are A_k, by default the last one with rows and
            columns.
        full_size: False returns the (h, w) numbers that there really are.

    Returns:
        (H, W) float32, 0 or more.

    Raises:
        ValueError: for a layer without rows and columns, for anything but one image, and for a
            class that the network does not have.

    Source:
        Selvaraju et al., Grad-CAM: visual explanations from deep networks via gradient-based
        localization, 2017.
    """
    layer = layer or spatial_layers(model)[-1]
    return grad_cam_maps(model, image, class_index, layers=[layer], full_size=full_size)[layer]


def grad_cam_maps(
    model: Network,
    image: Image,
    class_index: int,
    *,
    layers: Sequence[str] | None = None,
    full_size: bool = True,
) -> dict[str, np.ndarray]:
    """Map where each of several layers found evidence for a class, from one pass of the network.

    Args:
        model: images -> logits (N, classes).
        image: I, (H, W, C) in [0, 1].
        class_index: c, 0..classes-1.
        layers: their names, by default all layers that have rows and columns.
        full_size: False returns the (h, w) numbers of each layer that there really are.

    Returns:
        {layer name: map}, each as `grad_cam_map` returns it.

    Raises:
        ValueError: as `grad_cam_map` does.
    """
    image = one_image(model, image)
    class_index = one_class(model, class_index)
    names = tuple(layers or spatial_layers(model))
    for name in layers or ():
        map_features(model, name)  # says what is wrong with a layer that has no map

    # One pass forward and back gives A and ∂S_c/∂A of all layers, (1, h, w, channels) each.
    outputs = layers_and_scores(model, names)
    activations, gradients = gradient_at_layers(outputs, image[None], class_index)
    maps = {
        name: weighted_sum(at_layer.numpy()[0], gradient.numpy()[0])
        for name, at_layer, gradient in zip(names, activations, gradients, strict=True)
    }
    if full_size:
        return {name: enlarge(heatmap, image.shape[:2]) for name, heatmap in maps.items()}
    return maps


def predict_with_map(
    model: Network, image: Image, *, layer: str | None = None
) -> tuple[CoarseMap, np.ndarray]:
    """Predict, and map where a layer found evidence for the predicted class, in one pass.

    Args:
        model: images -> logits (N, classes).
        image: I, (H, W, C) in [0, 1].
        layer: as in `grad_cam_map`.

    Returns:
        (M_c, S): the map (H, W) of the class c with the largest logit, as `grad_cam_map` returns
        it, and the logits (classes,).

    Raises:
        ValueError: as `grad_cam_map` does.
    """
    image = one_image(model, image)
    layer = layer or spatial_layers(model)[-1]
    map_features(model, layer)
    outputs = layers_and_scores(model, (layer,))
    parts = gradient_at_layers_of_prediction(outputs, image[None])
    (activations,), (gradients,), scores = parts
    coarse = weighted_sum(activations.numpy()[0], gradients.numpy()[0])
    return enlarge(coarse, image.shape[:2]), scores.numpy()[0]


def weighted_sum(activations: Activations, gradients: Activations) -> CoarseMap:
    """Sum the channels of a layer, weighted by their mean gradients, and keep what is positive.

    ReLU(Σ_k α_k A_k), α_k = mean of the gradients of channel k over rows and columns

    Args:
        activations: A, (h, w, channels).
        gradients: ∂S_c/∂A, of the same shape.

    Returns:
        (h, w), 0 or more.
    """
    alpha = gradients.mean(axis=(0, 1))  # (channels,)
    return np.maximum(activations @ alpha, 0)


@kept_with_model  # for a large network, asking Keras takes longer than Grad-CAM's way back
def spatial_layers(model: Network) -> tuple[str, ...]:
    """Return the names of the layers that have a map for Grad-CAM, in forward order.

    These have more than one row and column.

    Args:
        model: any network of the course.

    Returns:
        names, the layer next to the image first.

    Raises:
        ValueError: for a network without any.
    """
    names = tuple(name for name in layer_names(model) if features(model, name).shape[1:3] != (1, 1))
    if not names or not _any_has_learned(model, names):
        raise ValueError(
            "This network has no layer with rows and columns, so there is no map of one; "
            "saliency_map and occlusion_map explain any network."
        )
    return names


def _any_has_learned(model: Network, names: tuple[str, ...]) -> bool:
    """Whether the last of these layers comes after weights, not only after preprocessing."""
    for layer in model.layers:
        if layer.weights and not isinstance(layer, keras.layers.Normalization):
            return True
        if layer.name == names[-1]:
            return False
    return False


def enlarge(heatmap: CoarseMap, size: tuple[int, int]) -> Map:
    """Return a map at another size, with straight lines between its numbers (bilinear).

    Args:
        heatmap: (h, w).
        size: (H, W).
    """
    height, width = size
    return cv2.resize(heatmap, (width, height), interpolation=cv2.INTER_LINEAR)
