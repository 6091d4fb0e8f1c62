"""Maps: occlusion, saliency, SmoothGrad, integrated gradients, Grad-CAM, guided backprop.

All explain score 3 of the same net for the same photograph at 224 pixels. What a peer computes on
PyTorch it computes on the same net,
translated by keras_to_torch.py. SmoothGrad draws noise, each peer its own: there only the
correlation tells.
"""

from functools import cache, partial

import copied
import numpy as np
import on_tensorflow
from bare import best_batch, forward_of, gradient_of, passes, untrained
from on_tensorflow import CLASS, NOISE, PATCH, picture, stride_of
from side_by_side import BARE, COPIED, OURS, TORCH, Contender, Work, installed, peer

from lecture_lib.core.scores import class_score
from lecture_lib.grad_cam import grad_cam_map, grad_cam_maps, spatial_layers
from lecture_lib.guided_backprop import guided_map
from lecture_lib.models.backend import keras
from lecture_lib.models.zoo import model_is_here
from lecture_lib.occlusion.occlusion import occlusion_map
from lecture_lib.saliency import (
    integrated_gradients_map,
    saliency_map,
    saliency_maps,
    smoothgrad_map,
)

NETS = (
    "efficientnet_lite0",
    "mobilenetv2",
    "resnet50v2",
    "vgg16",
    *(["squeezenet"] if model_is_here("squeezenet") else []),
)
COUNTS = {
    "resnet50v2": (8, 8),
    "vgg16": (8, 8),
    "squeezenet": (24, 32),
}  # pictures of SmoothGrad, points of integrated gradients
FEW = 4  # of them, for loops that take one after another: each costs the same
# of our largest number: where the input of a ReLU is nearly 0, rounding decides whether a gradient
# gets through
EQUAL = 0.05


@cache
def fastest(net, kind):
    """The compiled pass of a net, "forward" or "gradient", and the batch size that suits it."""
    function = {"forward": forward_of, "gradient": gradient_of}[kind](untrained(net))
    return function, best_batch(function, picture())


def bare(net, kind, count):
    """So many passes of the net, forward or back to the picture."""
    function, size = fastest(net, kind)
    work, done = passes(function, picture(), count=count, size=size)
    return Contender(
        "bare passes",
        work,
        BARE,
        times=count / done,
        note=f"{count} {kind}, {min(size, count)} at a time",
    )


def ours(explain, *arguments, **options):
    return Contender("ours", partial(explain, *arguments, **options), OURS)


def loop(explain, *arguments, times=1.0, tolerance=EQUAL, note="", **options):
    return Contender(
        "copied loop", partial(explain, *arguments, **options), COPIED, times, tolerance, note
    )


def on_torch(package, who, name, *arguments, **about):
    """A peer of the module on_torch, which is only imported where it is asked for."""

    def prepare():
        import on_torch

        return getattr(on_torch, name)(*arguments)

    return peer(package, who, prepare, kind=TORCH, **about) if installed("torch") else []


def occlusion(net):
    model = untrained(net)
    stride = stride_of(net)
    across = (224 - PATCH) // stride + 1
    whole = partial(
        occlusion_map, model, picture(), CLASS, patch=PATCH, stride=stride, score=class_score
    )
    return [
        ours(whole),
        Contender(
            "ours, whole pictures",
            partial(whole, reuse_layers=None),
            "ours, whole pictures",
            tolerance=EQUAL,
        ),
        bare(net, "forward", across**2),
        loop(
            copied.occlusion,
            model,
            picture(),
            CLASS,
            patch=PATCH,
            stride=stride,
            rows=1,
            times=across,
            tolerance=None,
            note=f"predict for every patch; one of {across} rows, counted {across} times",
        ),
        *peer("xplique", "xplique", on_tensorflow.xplique_occlusion, net, tolerance=EQUAL),
        *peer(
            "tf_explain",
            "tf-explain",
            on_tensorflow.tf_explain_occlusion,
            net,
            times=across**2 / 49,
            note="patches side by side only: 49, counted as the others; fills with 127.5",
        ),
        *on_torch("captum", "captum", "captum_occlusion", net, tolerance=EQUAL),
    ]


def saliency(net):
    model = untrained(net)
    return [
        ours(saliency_map, model, picture(), CLASS),
        bare(net, "gradient", 1),
        loop(copied.saliency, model, picture(), CLASS),
        *peer("xplique", "xplique", on_tensorflow.xplique_saliency, net, tolerance=EQUAL),
        *peer(
            "tf_explain",
            "tf-explain",
            on_tensorflow.tf_explain_saliency,
            net,
            note="sum over colors, in 256 steps",
        ),
        *peer(
            "tf_keras_vis", "tf-keras-vis", on_tensorflow.keras_vis_saliency, net, tolerance=EQUAL
        ),
        *peer("saliency", "saliency (PAIR)", on_tensorflow.pair_saliency, net, tolerance=EQUAL),
        *on_torch("captum", "captum", "captum_saliency", net, tolerance=EQUAL),
    ]


def smoothgrad(net):
    model = untrained(net)
    count = COUNTS.get(net, (50, 64))[0]
    few = {
        "times": count / FEW,
        "note": f"one picture after another; {FEW} of {count}, counted {count / FEW:g} times",
    }
    return [
        ours(smoothgrad_map, model, picture(), CLASS, samples=count, noise=NOISE),
        bare(net, "gradient", count),
        loop(copied.smoothgrad, model, picture(), CLASS, samples=FEW, tolerance=None, **few),
        *peer("xplique", "xplique", on_tensorflow.xplique_smoothgrad, net, count),
        *peer(
            "tf_explain",
            "tf-explain",
            on_tensorflow.tf_explain_smoothgrad,
            net,
            count,
            note="of the cross entropy, not of the score",
        ),
        *peer("tf_keras_vis", "tf-keras-vis", on_tensorflow.keras_vis_saliency, net, FEW, **few),
        *peer("saliency", "saliency (PAIR)", on_tensorflow.pair_smoothgrad, net, FEW, **few),
        *on_torch("captum", "captum", "captum_smoothgrad", net, count),
    ]


def integrated_gradients(net):
    """Ours takes half as many points as the others: its map is then as complete as theirs."""
    model = untrained(net)
    count = COUNTS.get(net, (50, 64))[1]
    few = {"times": count / FEW, "note": f"{FEW} of {count} points, counted {count / FEW:g} times"}
    points = {"note": f"{count} points, in equal parts"}
    return [
        ours(integrated_gradients_map, model, picture(), CLASS, steps=count // 2),
        bare(net, "gradient", count),
        loop(
            copied.integrated_gradients, model, picture(), CLASS, steps=FEW, tolerance=None, **few
        ),
        *peer("xplique", "xplique", on_tensorflow.xplique_integrated, net, count, **points),
        *peer(
            "tf_explain",
            "tf-explain",
            on_tensorflow.tf_explain_integrated,
            net,
            count,
            note="not times the picture; in 256 steps",
        ),
        *peer("saliency", "saliency (PAIR)", on_tensorflow.pair_integrated, net, count, **points),
        *on_torch("captum", "captum", "captum_integrated", net, count, **points),
    ]


def grad_cam(net):
    model = untrained(net)
    layer = spatial_layers(model)[-1]
    return [
        ours(grad_cam_map, model, picture(), CLASS),
        bare(net, "forward", 1),
        loop(copied.grad_cam, model, picture(), CLASS, layer=layer),
        *peer(
            "xplique",
            "xplique",
            on_tensorflow.xplique_grad_cam,
            net,
            layer,
            note="no ReLU at its end; enlarged with cubic curves",
        ),
        *peer(
            "tf_explain",
            "tf-explain",
            on_tensorflow.tf_explain_grad_cam,
            net,
            layer,
            note="answers a colored picture",
        ),
        *peer(
            "tf_keras_vis",
            "tf-keras-vis",
            on_tensorflow.keras_vis_grad_cam,
            net,
            layer,
            note="enlarged from corner to corner",
        ),
        *on_torch("captum", "captum", "captum_grad_cam", net, layer, tolerance=EQUAL),
        *on_torch(
            "pytorch_grad_cam",
            "pytorch-grad-cam",
            "pytorch_grad_cam",
            net,
            layer,
            note="stretched to 0..1",
        ),
    ]


def grad_cam_of_classes(net, *, count):
    """Grad-CAM of several classes at once, and of one after another."""
    model = untrained(net)
    layer = spatial_layers(model)[-1]
    classes = np.arange(count)
    return [
        ours(lambda: grad_cam_maps(model, picture(), classes, layers=[layer])[layer]),
        Contender(
            "ours, one after another",
            lambda: np.stack([grad_cam_map(model, picture(), number) for number in classes]),
            "ours, one after another",
            tolerance=1e-4,
        ),
        bare(net, "forward", 1),
    ]


def saliency_of_classes(net):
    """Saliency of eight classes at once, and of one after another."""
    model = untrained(net)
    classes = np.arange(8)
    return [
        ours(saliency_maps, model, picture(), classes),
        Contender(
            "ours, one after another",
            lambda: np.stack([saliency_map(model, picture(), number) for number in classes]),
            "ours, one after another",
            tolerance=EQUAL,
        ),
        bare(net, "gradient", 8),
    ]


def guided_backprop(net):
    model = untrained(net)
    relus = [layer for layer in model.layers if isinstance(layer, keras.layers.ReLU)]

    def overlooked(some, what):
        return {"note": f"overlooks {what}: another map"} if some else {"tolerance": EQUAL}

    by_keras = overlooked(relus, "a ReLU that is a layer")
    capped = [layer for layer in relus if layer.max_value]
    by_torch = overlooked(capped, "ReLU6")
    by_xplique = (
        {"note": "a gradient passes a ReLU6 above 6, too: another map"}
        if capped
        else {"tolerance": EQUAL}
    )
    return [
        ours(guided_map, model, picture(), CLASS),
        bare(net, "gradient", 1),
        loop(
            copied.saliency,
            copied.guided_model(model),
            picture(),
            CLASS,
            **({"tolerance": None} | by_keras),
        ),
        *peer("xplique", "xplique", on_tensorflow.xplique_guided, net, **by_xplique),
        *peer("tf_keras_vis", "tf-keras-vis", on_tensorflow.keras_vis_guided, net, **by_keras),
        *on_torch("captum", "captum", "captum_guided", net, **by_torch),
        *on_torch("pytorch_grad_cam", "pytorch-grad-cam", "pytorch_guided", net, **by_torch),
    ]


WORKS = [
    Work(name, NETS, contenders)
    for name, contenders in {
        "occlusion": occlusion,
        "saliency": saliency,
        "SmoothGrad": smoothgrad,
        "integrated gradients": integrated_gradients,
        "Grad-CAM": grad_cam,
        "Grad-CAM of 5 classes": partial(grad_cam_of_classes, count=5),
        "Grad-CAM of 20 classes": partial(grad_cam_of_classes, count=20),
        "saliency of 8 classes": saliency_of_classes,
        "guided backprop": guided_backprop,
    }.items()
]
