"""Guided backpropagation: the gradient of a score, with another rule for the way back through each ReLU.

On its way back, a gradient g meets ReLU after ReLU. Forwards each has let x through where x > 0. Backwards there are three rules:

    plain          g where x > 0                 the derivative
    deconvnet      g where g > 0                 what speaks for the score, whatever the unit saw
    guided         g where x > 0 and g > 0       both
"""

from functools import lru_cache

import numpy as np

from lecture_lib.core.gradients import gradient
from lecture_lib.core.scores import class_score
from lecture_lib.datasets.images import strongest_channel, unbatch
from lecture_lib.models.backend import tf
from lecture_lib.models.inference import batch_for, one_image
from lecture_lib.models.surgery import weight_synchronizer, with_relu_rule


def guided_relu(x, relu=tf.nn.relu):
    """ReLU whose backward pass lets a gradient through where it is positive and the input was too.

    relu: the function whose values it gives, such as `tf.nn.relu6` where a net caps them.
    Source: Springenberg et al., Striving for simplicity: the all convolutional net, 2015.
    """
    # What is positive is chosen just behind the ReLU, whose own derivative then does the rest: nothing but one step is added.
    return tf.custom_gradient(lambda y: (tf.identity(y), tf.nn.relu))(relu(x))


def deconv_relu(x, relu=tf.nn.relu):
    """ReLU whose backward pass lets a gradient through where it is positive, whatever the input was. relu: as in `guided_relu`.

    Source: Zeiler and Fergus, Visualizing and understanding convolutional networks, 2014.
    """
    return tf.custom_gradient(lambda x: (relu(x), tf.nn.relu))(x)


def guided_map(model, image, class_index):
    """max over color of |∂S_c/∂I|, where gradients pass a ReLU only if they are positive and its input was too.

    image: (H, W, C) in [0, 1]. class_index: 0..classes-1. Returns (H, W) float32, 0 or more; of a net without ReLU that of `saliency_map`.
    Source: Springenberg et al., Striving for simplicity: the all convolutional net, 2015.
    """
    return _class_map(model, image, class_index, rule=guided_relu)


def deconvnet_map(model, image, class_index):
    """max over color of |∂S_c/∂I|, where gradients pass a ReLU only if they are positive, whatever its input was.

    image: (H, W, C) in [0, 1]. class_index: 0..classes-1. Returns (H, W) float32, 0 or more; of a net without ReLU that of `saliency_map`.
    Source: Zeiler and Fergus, Visualizing and understanding convolutional networks, 2014.
    """
    return _class_map(model, image, class_index, rule=deconv_relu)


def _class_map(model, image, class_index, *, rule):
    image = one_image(model, image)
    return strongest_channel(
        guided_gradient(model, image, lambda net: class_score(net, class_index), rule=rule)
    )


def guided_gradient(model, image, score_of, *, rule=guided_relu):
    """∂S/∂I of any score of the net, with `rule` in the place of every ReLU.

    image: (H, W, C) in [0, 1], or a batch. score_of: model -> score, so that class, channel and neuron all fit, for example
    `lambda net: neuron_score(net, layer, row, column, channel)`. rule: guided_relu or deconv_relu of `gradients`, or a rule of
    your own. Returns float32 shaped like the image. The model stays as it is: the rule works in a copy.
    """
    images = batch_for(model, image)
    return gradient(score_of(_copy_with_rule(model, rule)), unbatch(images, image))


def _copy_with_rule(model, rule):
    net, take_weights = _made_once(model, rule)
    take_weights()  # the model may have learned since
    return net


@lru_cache(maxsize=8)
def _made_once(model, rule):
    copies = {}
    return with_relu_rule(model, rule, copies=copies), weight_synchronizer(copies)


def gradient_to_image(gradients, *, quantile=0.995):
    """½ + ½ g / s as pictures: a slope of 0 is gray, and red, green and blue all have the one scale s, as do all pictures of a batch.

    gradients: (H, W, C) or (N, H, W, C). quantile: the share of numbers that |g| ≤ s holds for; what lies beyond is clipped.
    Returns float32 of the same shape in [0, 1].
    """
    scale = (
        np.quantile(np.abs(gradients), quantile) or np.abs(gradients).max() or 1.0
    )  # of a single neuron most slopes are 0
    return np.clip(0.5 + 0.5 * np.asarray(gradients, np.float32) / np.float32(scale), 0, 1)
