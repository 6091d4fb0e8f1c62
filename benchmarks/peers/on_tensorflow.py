"""Maps of other libraries that run on TensorFlow, each as function(net name, ...) -> run().

Each is called as its documentation calls it, on the same net and picture, in batches of 8 where it
takes batches; what it answers is brought into the form of ours (H, W) by numpy where that is a
line.
"""

from functools import cache

import numpy as np
from bare import untrained

from lecture_lib.datasets.images import load_image
from lecture_lib.models.backend import keras, tf

CLASS = 3
PATCH = 32
NOISE = 0.1
keras.config.disable_interactive_logging()  # the bars of `predict` would run through the table


@cache
def picture():
    """The photograph that all explain, (224, 224, 3)."""
    return np.asarray(load_image("coffee", size=224), np.float32)


def stride_of(net):
    """How far a patch moves: half of its side, or all of it where a pass takes long."""
    return PATCH if net in ("resnet50v2", "vgg16") else PATCH // 2


def target(net):
    """The class as a one in a row of zeros (1, classes)."""
    return np.eye(untrained(net).output.shape[-1], dtype=np.float32)[[CLASS]]


@cache
def covered_by(stride):
    """How many patches cover each pixel (H, W)."""
    places = [slice(start, start + PATCH) for start in range(0, 224 - PATCH + 1, stride)]
    counts = np.zeros((224, 224), np.float32)
    for row in places:
        for column in places:
            counts[row, column] += 1
    return counts


def of_colors(gradients):
    return np.abs(np.asarray(gradients)).max(axis=-1).reshape(224, 224)


# xplique 2.0


def xplique(net, method, **settings):
    """A run of one of xplique's methods; its answer is (1, H, W, 1 or 3)."""
    from xplique import attributions

    explainer = getattr(attributions, method)(untrained(net), batch_size=8, **settings)
    return lambda: np.asarray(explainer(picture()[None], target(net)))[0]


def xplique_occlusion(net):
    run = xplique(
        net, "Occlusion", patch_size=PATCH, patch_stride=stride_of(net), occlusion_value=0.5
    )
    return lambda: run()[..., 0] / covered_by(stride_of(net))  # it adds up where patches overlap


def xplique_saliency(net):
    run = xplique(net, "Saliency", reducer="max")
    return lambda: run()[..., 0]


def xplique_smoothgrad(net, count):
    run = xplique(net, "SmoothGrad", nb_samples=count, noise=NOISE, reducer=None)
    return lambda: of_colors(run())


def xplique_integrated(net, count):
    run = xplique(net, "IntegratedGradients", steps=count, reducer="sum")
    return lambda: run()[..., 0]


def xplique_grad_cam(net, layer):
    run = xplique(net, "GradCAM", conv_layer=layer)
    return lambda: run()[..., 0]


def xplique_guided(net):
    run = xplique(net, "GuidedBackprop", reducer=None)
    return lambda: of_colors(run())


# tf-explain 0.3


def tf_explain_occlusion(net):
    from tf_explain.core.occlusion_sensitivity import OcclusionSensitivity

    return lambda: OcclusionSensitivity(batch_size=8).get_sensitivity_map(
        untrained(net), picture(), CLASS, PATCH
    )


def tf_explain_saliency(net):
    from tf_explain.core.vanilla_gradients import VanillaGradients

    return lambda: VanillaGradients().explain_score_model(
        (picture()[None], None), untrained(net), CLASS
    )


def tf_explain_smoothgrad(net, count):
    from tf_explain.core.smoothgrad import SmoothGrad

    return lambda: SmoothGrad().explain(
        (picture()[None], None), untrained(net), CLASS, count, NOISE
    )


def tf_explain_integrated(net, count):
    from tf_explain.core.integrated_gradients import IntegratedGradients

    return lambda: IntegratedGradients().explain(
        (picture()[None], None), untrained(net), CLASS, n_steps=count
    )


def tf_explain_grad_cam(net, layer):
    from tf_explain.core.grad_cam import GradCAM

    def run():
        GradCAM().explain(
            (picture()[None], None), untrained(net), CLASS, layer_name=layer, use_guided_grads=False
        )

    return run  # a colored picture: nothing to compare


# tf-keras-vis 0.8


def keras_vis_saliency(net, count=0):
    """Saliency, or SmoothGrad of `count` pictures; its noise is a share of the picture's range."""
    from tf_keras_vis.saliency import Saliency
    from tf_keras_vis.utils.scores import CategoricalScore

    explain = Saliency(untrained(net), clone=False)
    score = CategoricalScore(CLASS)
    settings = {"gradient_modifier": None, "keepdims": True, "normalize_map": False}
    noise = NOISE / np.ptp(picture())
    return lambda: of_colors(
        explain(score, picture()[None], smooth_samples=count, smooth_noise=noise, **settings)
    )


def keras_vis_grad_cam(net, layer):
    from tf_keras_vis.gradcam import Gradcam
    from tf_keras_vis.utils.scores import CategoricalScore

    explain = Gradcam(untrained(net), clone=False)
    score = CategoricalScore(CLASS)
    return lambda: explain(
        score,
        picture()[None],
        penultimate_layer=layer,
        seek_penultimate_conv_layer=False,
        normalize_cam=False,
    )[0]


def keras_vis_guided(net):
    from tf_keras_vis.saliency import Saliency
    from tf_keras_vis.utils.model_modifiers import GuidedBackpropagation
    from tf_keras_vis.utils.scores import CategoricalScore

    from lecture_lib.models.surgery import clone

    explain = Saliency(clone(untrained(net)), GuidedBackpropagation(), clone=False)
    score = CategoricalScore(CLASS)
    return lambda: explain(score, picture()[None], normalize_map=False)[0]


# saliency (PAIR) 0.2: one brings the function that asks the net oneself; this is the one of its
# example


def pair_caller(net):
    def call(images, call_model_args=None, expected_keys=None):
        images = tf.convert_to_tensor(images, tf.float32)
        with tf.GradientTape() as tape:
            tape.watch(images)
            scores = untrained(net)(images)[:, CLASS]
        return {"INPUT_OUTPUT_GRADIENTS": tape.gradient(scores, images).numpy()}

    return call


def pair_saliency(net):
    from saliency.core import GradientSaliency

    return lambda: of_colors(GradientSaliency().GetMask(picture(), pair_caller(net)))


def pair_smoothgrad(net, count):
    from saliency.core import GradientSaliency

    spread = NOISE / np.ptp(picture())
    settings = {"stdev_spread": spread, "nsamples": count, "magnitude": False}
    return lambda: of_colors(
        GradientSaliency().GetSmoothedMask(picture(), pair_caller(net), **settings)
    )


def pair_integrated(net, count):
    from saliency.core import IntegratedGradients

    return lambda: (
        IntegratedGradients()
        .GetMask(picture(), pair_caller(net), x_steps=count, batch_size=8)
        .sum(axis=-1)
    )
