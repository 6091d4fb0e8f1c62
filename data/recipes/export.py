"""Write a trained net's weights as the course stores them.

Float16, one array a weight, normalization folded into the convolutions.
"""

import os
from pathlib import Path

import numpy as np
from keras import layers

DATA = Path(__file__).parent.parent


def folded_weights(model):
    """{"layer/kernel": array, "layer/bias": array}.

    A convolution and the normalization after it as one convolution with a bias.
    """
    weights = {}
    for layer in model.layers:
        if isinstance(layer, layers.BatchNormalization):
            gamma, beta, mean, variance = layer.get_weights()
            scale, convolution = (
                gamma / np.sqrt(variance + layer.epsilon),
                layer.name.removesuffix("_norm"),
            )
            weights[f"{convolution}/kernel"] = weights[f"{convolution}/kernel"] * scale
            weights[f"{convolution}/bias"] = beta - mean * scale
        else:
            weights |= {
                f"{layer.name}/{weight.name}": np.asarray(weight) for weight in layer.weights
            }
    return weights


def export(trained, plain, name):
    """Save the folded weights of `trained` to data/weights/NAME.npz, after `plain`, the net that
    will load them, was seen to agree.
    """
    weights = {key: np.float16(value) for key, value in folded_weights(trained).items()}
    for layer in plain.layers:
        layer.set_weights(
            [np.float32(weights[f"{layer.name}/{weight.name}"]) for weight in layer.weights]
        )
    random, free = (
        np.random.default_rng(0),
        lambda shape: 64 if shape[-1] == 3 else 4,
    )  # sides of photographs, of features
    shapes = [each.shape for each in plain.inputs]
    inputs = [
        random.random((4, *[size or free(shape) for size in shape[1:]]), np.float32)
        for shape in shapes
    ]
    inputs = inputs if len(inputs) > 1 else inputs[0]
    difference = np.abs(trained.predict_on_batch(inputs) - plain.predict_on_batch(inputs)).max()
    print(
        f"{name}: {plain.count_params():,} parameters, largest change of an output by rounding "
        f"to float16: {difference:.1e}"
    )
    part = DATA / "weights" / f"{name}.part.npz"
    np.savez_compressed(part, **weights)
    os.replace(
        part, DATA / "weights" / f"{name}.npz"
    )  # in one step: the weights before stay whole until these are


def stored(plain, name):
    """The net `plain` with the weights of data/weights/NAME.npz."""
    with np.load(DATA / "weights" / f"{name}.npz", allow_pickle=False) as weights:
        for layer in plain.layers:
            layer.set_weights(
                [np.float32(weights[f"{layer.name}/{weight.name}"]) for weight in layer.weights]
            )
    return plain
