"""Guided backpropagation: the gradient of a score, with another rule for ReLUs on the way back.

Forward, a ReLU lets x through where x > 0. Backward, a gradient g comes from above, and there are
three rules for what passes:

    plain       g where x > 0                the derivative
    deconvnet   g where g > 0                what raises the score, whatever the unit saw
    guided      g where x > 0 and g > 0      both
"""

from collections.abc import Callable

import numpy as np

from lecture_lib.core.gradients import gradient
from lecture_lib.core.scores import class_score
from lecture_lib.datasets.images import strongest_channel, unbatch
from lecture_lib.datasets.shapes import (
    Image,
    ImageOrImages,
    Map,
    Network,
    SeenImageOrImages,
    Tensor,
)
from lecture_lib.models.backend import tf
from lecture_lib.models.checks import batch_for, one_class, one_image
from lecture_lib.models.large_images import at_a_size_for_networks
from lecture_lib.models.per_model_cache import kept_with_model
from lecture_lib.models.relu_rules import with_relu_rule
from lecture_lib.models.surgery import weight_synchronizer


def guided_relu(x: Tensor, relu: Callable = tf.nn.relu) -> Tensor:
    """Compute a ReLU whose backward pass keeps a gradient where it and the input are positive.

    Args:
        x: a tensor of any shape.
        relu: the function whose values it gives, such as `tf.nn.relu6` where a network caps them.

    Source:
        Springenberg et al., Striving for simplicity: the all convolutional net, 2015.
    """
    # The gradient first meets a rule that keeps what is positive, then ReLU's own derivative.
    return _keep_positive_gradients(relu(x))


@tf.custom_gradient
def _keep_positive_gradients(y: Tensor) -> tuple[Tensor, Callable]:
    return tf.identity(y), tf.nn.relu


def deconv_relu(x: Tensor, relu: Callable = tf.nn.relu) -> Tensor:
    """Compute a ReLU whose backward pass keeps a gradient where it is positive.

    Args:
        x: a tensor of any shape.
        relu: the function whose values it gives, such as `tf.nn.relu6` where a network caps them.

    Source:
        Zeiler and Fergus, Visualizing and understanding convolutional networks, 2014.
    """
    # ReLU's own derivative is replaced: its input x is not looked at on the way back.
    with_rule = tf.custom_gradient(lambda x: (relu(x), tf.nn.relu))
    return with_rule(x)


@at_a_size_for_networks
def guided_map(model: Network, image: Image, class_index: int) -> Map:
    """Map the saliency of a class under the rule of guided backpropagation.

    M = max over color of |∂S_c/∂I|, where a gradient g passes a ReLU if g > 0 and its input x > 0

    Args:
        model: images -> logits (N, classes).
        image: I, (H, W, C) in [0, 1].
        class_index: c, 0..classes-1.

    Returns:
        (H, W) float32, 0 or more.

    Raises:
        ValueError: for anything but one image, for a class that the network does not have, and for
            a network without ReLUs.

    Source:
        Springenberg et al., Striving for simplicity: the all convolutional net, 2015.
    """
    return _class_map(model, image, class_index, rule=guided_relu)


@at_a_size_for_networks
def deconvnet_map(model: Network, image: Image, class_index: int) -> Map:
    """Map the saliency of a class under the rule of the deconvnet.

    M = max over color of |∂S_c/∂I|, where a gradient g passes a ReLU if g > 0, whatever its input

    Args:
        model: images -> logits (N, classes).
        image: I, (H, W, C) in [0, 1].
        class_index: c, 0..classes-1.

    Returns:
        (H, W) float32, 0 or more.

    Raises:
        ValueError: for anything but one image, for a class that the network does not have, and for
            a network without ReLUs.

    Source:
        Zeiler and Fergus, Visualizing and understanding convolutional networks, 2014.
    """
    return _class_map(model, image, class_index, rule=deconv_relu)


def _class_map(model: Network, image: Image, class_index: int, *, rule: Callable) -> Map:
    image = one_image(model, image)
    index = one_class(model, class_index)
    gradients = guided_gradient(model, image, lambda net: class_score(net, index), rule=rule)
    return strongest_channel(gradients)  # (H, W, C) -> (H, W)


def guided_gradient(
    model: Network, image: ImageOrImages, score_of: Callable, *, rule: Callable = guided_relu
) -> SeenImageOrImages:
    """Return the gradient ∂S/∂I of any score, with another rule in the place of every ReLU.

    The network stays as it is: the rule works in a copy.

    Args:
        model: images -> logits (N, classes).
        image: I, (H, W, C) in [0, 1], or a batch (N, H, W, C).
        score_of: network -> score, for example
            `lambda net: neuron_score(net, layer, row, column, channel)`.
        rule: `guided_relu`, `deconv_relu`, or a rule of your own: tensor -> tensor.

    Returns:
        float32 of the shape of `image`, in units of the score per unit of a pixel.

    Raises:
        ValueError: for what is neither an image nor a batch, for what the score refuses, and for a
            network without ReLUs.
    """
    images = batch_for(model, image)
    net, take_weights = _cached_copy(model, rule)
    take_weights()  # the model may have learned since
    return gradient(score_of(net), unbatch(images, image))


@kept_with_model
def _cached_copy(model: Network, rule: Callable) -> tuple[Network, Callable]:
    """A copy with the rule, and a function that gives it the weights the model has by then."""
    copies = {}
    net = with_relu_rule(model, rule, copies=copies)
    return net, weight_synchronizer(copies)


def gradient_to_image(gradients: ImageOrImages, *, quantile: float = 0.995) -> ImageOrImages:
    """Show gradients as images around gray: 0 is gray, a positive gradient is brighter.

    ½ + ½ g / s, with one scale s for all colors and all images of a batch

    Args:
        gradients: g, (H, W, C) or (N, H, W, C).
        quantile: the share of the numbers with |g| <= s; what lies beyond is clipped.

    Returns:
        float32 of the same shape, in [0, 1].
    """
    sizes = np.abs(gradients)
    # Of a single neuron most gradients are 0, and so may be their quantile.
    scale = np.quantile(sizes, quantile) or sizes.max() or 1.0
    return np.clip(0.5 + 0.5 * np.asarray(gradients, np.float32) / np.float32(scale), 0, 1)
