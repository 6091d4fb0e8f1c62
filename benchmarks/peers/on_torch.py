"""Maps of captum and pytorch-grad-cam on the same net in PyTorch.

Each is a function(net name, ...) -> run(), ready to be timed.
"""

import contextlib
from functools import cache

import torch
from bare import untrained
from keras_to_torch import torch_net
from on_tensorflow import CLASS, NOISE, PATCH, of_colors, picture, stride_of


@cache
def translated(net):
    """The net on PyTorch."""
    return torch_net(untrained(net))


def images():
    """The photograph as PyTorch wants it (1, 3, H, W)."""
    return torch.tensor(picture().transpose(2, 0, 1)[None].copy())


def pixels(attribution):
    """(1, C, H, W) -> (H, W, C)."""
    return attribution.detach().numpy()[0].transpose(1, 2, 0)


# captum 0.9


def captum_saliency(net):
    from captum.attr import Saliency

    return lambda: of_colors(
        pixels(Saliency(translated(net)).attribute(images().requires_grad_(), target=CLASS))
    )


def captum_smoothgrad(net, count):
    from captum.attr import NoiseTunnel, Saliency

    settings = {
        "nt_type": "smoothgrad",
        "nt_samples": count,
        "nt_samples_batch_size": 8,
        "stdevs": NOISE,
        "abs": False,
    }
    explain = NoiseTunnel(Saliency(translated(net)))
    return lambda: of_colors(
        pixels(explain.attribute(images().requires_grad_(), target=CLASS, **settings))
    )


def captum_integrated(net, count):
    from captum.attr import IntegratedGradients

    settings = {
        "baselines": 0.0,
        "n_steps": count,
        "method": "riemann_middle",
        "internal_batch_size": 8,
    }
    return lambda: pixels(
        IntegratedGradients(translated(net)).attribute(images(), target=CLASS, **settings)
    ).sum(axis=-1)


def captum_occlusion(net):
    from captum.attr import Occlusion

    stride = stride_of(net)
    settings = {
        "sliding_window_shapes": (3, PATCH, PATCH),
        "strides": (3, stride, stride),
        "baselines": 0.5,
        "perturbations_per_eval": 8,
    }

    def run():
        with torch.no_grad():
            return pixels(Occlusion(translated(net)).attribute(images(), target=CLASS, **settings))[
                ..., 0
            ]

    return run


def captum_grad_cam(net, layer):
    from captum.attr import LayerAttribution, LayerGradCam

    explain = LayerGradCam(translated(net), translated(net).layer(layer))

    def run():
        coarse = explain.attribute(images().requires_grad_(), target=CLASS, relu_attributions=True)
        return pixels(LayerAttribution.interpolate(coarse, (224, 224), "bilinear"))[..., 0]

    return run


def captum_guided(net):
    from captum.attr import GuidedBackprop

    explain = GuidedBackprop(translated(net))
    return lambda: of_colors(pixels(explain.attribute(images().requires_grad_(), target=CLASS)))


# pytorch-grad-cam 1.5


def without_compiled_torchvision():
    """Let torchvision be imported where its compiled part does not load; grad-cam needs none.

    So it is beside a PyTorch for processors only.
    """
    for name in ("nms", "qnms"):
        with contextlib.suppress(RuntimeError):  # it is there
            torch.library.define(
                f"torchvision::{name}",
                "(Tensor dets, Tensor scores, float iou_threshold) -> Tensor",
            )


def pytorch_grad_cam(net, layer):
    without_compiled_torchvision()
    from pytorch_grad_cam import GradCAM
    from pytorch_grad_cam.utils.model_targets import ClassifierOutputTarget

    model = torch_net(untrained(net))
    explain = GradCAM(model, [model.layer(layer)])
    return lambda: explain(images().requires_grad_(), [ClassifierOutputTarget(CLASS)])[0]


def pytorch_guided(net):
    without_compiled_torchvision()
    from pytorch_grad_cam import GuidedBackpropReLUModel

    explain = GuidedBackpropReLUModel(torch_net(untrained(net)))
    return lambda: of_colors(explain(images(), CLASS))
