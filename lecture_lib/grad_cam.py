"""Class activation maps: where in the image a layer found evidence for a class."""

from collections.abc import Sequence

import cv2
import numpy as np
from jaxtyping import Float

from lecture_lib.core.gradients import (
    gradient_at_layers,
    gradient_at_layers_of_prediction,
    mean_gradients_at_layers,
)
from lecture_lib.datasets.shapes import Activations, Image, Labels, Map, Network
from lecture_lib.models.backend import keras
from lecture_lib.models.checks import check_class, one_class, one_image
from lecture_lib.models.inference import class_scores
from lecture_lib.models.large_images import at_a_size_for_networks
from lecture_lib.models.layers import (
    features,
    layer_names,
    layer_outputs,
    layers_and_scores,
    map_features,
)
from lecture_lib.models.linear_head import check_is_linear, last_maps
from lecture_lib.models.per_model_cache import kept_with_model

# A map of the size of the image, or with full_size=False of the size of the layer.
CoarseMap = Float[np.ndarray, "rows columns"]
ChannelWeights = Float[np.ndarray, "features"]  # α, one number for each channel


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
    class_index = one_class(model, class_index)
    return grad_cam_maps(model, image, class_index, layers=[layer], full_size=full_size)[layer]


def grad_cam_maps(
    model: Network,
    image: Image,
    class_index: int | Sequence[int] | Labels,
    *,
    layers: Sequence[str] | None = None,
    full_size: bool = True,
) -> dict[str, np.ndarray]:
    """Map where each of several layers found evidence for a class, or for each of several classes.

    M_c = ReLU(Σ_k α_ck A_k), α_ck = mean of ∂S_c/∂A_k over rows and columns

    A class enters through its weights α_c alone. So all layers and classes have one pass forward in
    common, and one pass backward for each class, which go through the network together.

    Args:
        model: images -> logits (N, classes).
        image: I, (H, W, C) in [0, 1].
        class_index: c, 0..classes-1, or several.
        layers: their names, by default all layers that have rows and columns.
        full_size: False returns the (h, w) numbers of each layer that there really are.

    Returns:
        {layer name: map}, each as `grad_cam_map` returns it, or of several classes the maps
        (classes, H, W); those of an image of many megapixels are of the size at which the network
        sees it.

    Raises:
        ValueError: as `grad_cam_map` does.
    """
    image = one_image(model, image)
    classes = check_class(model, class_index)
    names = tuple(layers or spatial_layers(model))
    for name in layers or ():
        map_features(model, name)  # says what is wrong with a layer that has no map

    # One pass forward gives A of all layers, and one back for each class gives α at each of them.
    activations, alphas = _activations_and_weights(model, names, image, classes=classes)
    maps = {}
    for name, at_layer, alpha in zip(names, activations, alphas, strict=True):
        size = image.shape[:2] if full_size else at_layer.shape[:2]
        coarse = [positive_sum(at_layer, of_class) for of_class in alpha]
        heatmaps = np.stack([enlarge(heatmap, size) for heatmap in coarse])  # (classes, H, W)
        maps[name] = heatmaps if classes.ndim else heatmaps[0]
    return maps


def _activations_and_weights(
    model: Network, layers: tuple[str, ...], image: Image, *, classes: int | Labels
) -> tuple[list[np.ndarray], list[np.ndarray]]:
    """A of each layer, (h, w, channels), and its weights α, (classes, channels)."""
    outputs = layers_and_scores(model, layers)
    if np.ndim(classes):
        return mean_gradients_at_layers(outputs, image, classes)
    # A single class needs no second graph, nor the second or two that compiling it takes.
    activations, gradients = gradient_at_layers(outputs, image[None], classes)
    alphas = [at_layer.numpy().mean(axis=(1, 2)) for at_layer in gradients]  # (1, channels) each
    return [at_layer.numpy()[0] for at_layer in activations], alphas


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
    return positive_sum(activations, gradients.mean(axis=(0, 1)))


def positive_sum(activations: Activations, alpha: ChannelWeights) -> CoarseMap:
    """Sum the channels of a layer, each with a weight of its own, and keep what is positive.

    ReLU(Σ_k α_k A_k)

    Args:
        activations: A, (h, w, channels).
        alpha: α, (channels,).

    Returns:
        (h, w), 0 or more.
    """
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


# Why this class and not another


def competing_classes(
    model: Network, image: Image, class_index: int, *, count: int = 3
) -> np.ndarray:
    """Return the classes whose logits are nearest to that of a class, the nearest first.

    Args:
        model: images -> logits (N, classes).
        image: I, (H, W, C) in [0, 1].
        class_index: c, 0..classes-1.
        count: how many, at most all others.

    Returns:
        (count,) class indices, without c.

    Raises:
        ValueError: for anything but one image, a class that the network does not have, and a
            network with one class alone.
    """
    logits = class_scores(model, one_image(model, image))
    index = one_class(model, class_index)
    nearest = np.argsort(np.abs(logits - logits[index]), kind="stable")
    if len(nearest) < 2:
        raise ValueError("This network has one class alone, so there is none to compare it with.")
    return nearest[nearest != index][:count]


@at_a_size_for_networks
def contrast_map(
    model: Network,
    image: Image,
    class_index: int,
    *,
    competitors: int | Sequence[int] | np.ndarray | None = None,
    weight: float = 1.0,
    layer: str | None = None,
    full_size: bool = True,
) -> CoarseMap:
    """Map what speaks for a class and not for its competitors: Grad-CAM of a difference of logits.

    M = ReLU(Σ_k α_k A_k), α_k = mean of ∂(S_c − γ · mean over d of S_d)/∂A_k

    Args:
        model: images -> logits (N, classes).
        image: I, (H, W, C) in [0, 1].
        class_index: c, 0..classes-1.
        competitors: the classes d, one or several, by default those of `competing_classes`.
        weight: γ, 0 or more; 0 gives Grad-CAM.
        layer: as in `grad_cam_map`.
        full_size: False returns the (h, w) numbers that there really are.

    Returns:
        (H, W) float32, 0 or more.

    Raises:
        ValueError: as `grad_cam_map` does, and for a class among its own competitors.

    Source:
        Zhang et al., Finer-CAM: spotting the difference reveals finer details for visual
        explanation, 2025.
    """
    image = one_image(model, image)
    own = one_class(model, class_index)
    if competitors is None:
        competitors = competing_classes(model, image, own)
    others = np.atleast_1d(check_class(model, competitors))
    _check_competitors(own, others, weight)
    layer = layer or spatial_layers(model)[-1]
    map_features(model, layer)  # says what is wrong with a layer that has no map
    asked = np.append(np.int32(own), others)
    outputs = layers_and_scores(model, (layer,))
    (activations,), (alphas,) = mean_gradients_at_layers(outputs, image, asked)
    # Row 0 is that of c, the others are its competitors'.
    alpha = alphas[0] - weight * alphas[1:].mean(axis=0)
    coarse = positive_sum(activations, alpha)
    return enlarge(coarse, image.shape[:2]) if full_size else coarse


def _check_competitors(own: int, others: np.ndarray, weight: float) -> None:
    if own in others or not weight >= 0:
        raise ValueError(
            "A competing class is another than the one asked about; the weight is 0 or more."
        )


@at_a_size_for_networks
def sharp_cam_map(
    model: Network, image: Image, class_index: int, *, layers: Sequence[str] | None = None
) -> Map:
    """Map where all of several depths found evidence for a class: the product of their maps.

    M = Π_l M_l / max M_l, M_l = ReLU(Σ_k ∂S_c/∂A_k · A_k), position by position

    The deep maps tell the class, the early ones the place. A layer whose map is 0 everywhere is
    left out. The product falls off steeply; a root of it shows weak places as well.

    Args:
        model: images -> logits (N, classes).
        image: I, (H, W, C) in [0, 1].
        class_index: c, 0..classes-1.
        layers: names of layers with rows and columns, by default the last one of each size.

    Returns:
        (H, W) float32 in [0, 1].

    Raises:
        ValueError: as `grad_cam_map` does.

    Source:
        Draelos and Carin, Use HiResCAM instead of Grad-CAM for faithful explanations, 2020 (the
        map of a layer). Englebert et al., Poly-CAM: high resolution class activation map for
        convolutional neural networks, 2024 (early and late layers multiplied).
    """
    image = one_image(model, image)
    class_index = one_class(model, class_index)
    for name in layers or ():
        map_features(model, name)  # says what is wrong with a layer that has no map
    names = tuple(layers or _last_of_each_size(model, image.shape))
    outputs = layers_and_scores(model, names)
    activations, gradients = gradient_at_layers(outputs, image[None], class_index)
    product = np.ones(image.shape[:2], np.float32)
    for at_layer, changes in zip(activations, gradients, strict=True):
        heatmap = np.maximum(np.sum(at_layer.numpy()[0] * changes.numpy()[0], axis=-1), 0)
        if heatmap.any():
            product *= enlarge(heatmap / heatmap.max(), image.shape[:2])
    return product


@kept_with_model
def _last_of_each_size(model: Network, shape: tuple[int, ...]) -> tuple[str, ...]:
    """The last layer of each size that is smaller than the image, or the very last layer."""
    names = spatial_layers(model)
    shapes = layer_outputs(model, names).compute_output_shape((1, *shape))
    last = {tuple(shapes[name][1:3]): name for name in names}
    smaller = [name for size, name in last.items() if size != shape[:2]]
    return tuple(smaller) or names[-1:]
