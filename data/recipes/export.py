"""Trained weights as the course stores them: float16, normalization folded into convolutions."""

import os

import numpy as np
from keras import layers

from lecture_lib.datasets.downloads import DATA


def folded_weights(model):
    """Return {"layer/kernel": array, "layer/bias": array}, without batch normalization.

    A convolution and the normalization after it become one convolution with a bias.
    """
    weights = {}
    for layer in model.layers:
        if isinstance(layer, layers.BatchNormalization):
            gamma, beta, mean, variance = layer.get_weights()
            scale = gamma / np.sqrt(variance + layer.epsilon)
            convolution = layer.name.removesuffix("_norm")
            weights[f"{convolution}/kernel"] = weights[f"{convolution}/kernel"] * scale
            weights[f"{convolution}/bias"] = beta - mean * scale
        else:
            for weight in layer.weights:
                weights[f"{layer.name}/{weight.name}"] = np.asarray(weight)
    return weights


def export(trained, plain, name):
    """Save the folded weights of a model to data/weights/NAME.npz.

    Args:
        trained: the model that learned.
        plain: the model that will load the weights; it gets them here, and is seen to agree.
        name: of the file.
    """
    weights = {key: np.float16(value) for key, value in folded_weights(trained).items()}
    give_weights(plain, weights)
    inputs = random_inputs(plain)
    difference = np.abs(trained.predict_on_batch(inputs) - plain.predict_on_batch(inputs)).max()
    print(
        f"{name}: {plain.count_params():,} parameters, "
        f"largest change of an output by rounding to float16: {difference:.1e}"
    )
    # In one step: the weights before stay whole until these are.
    part = DATA / "weights" / f"{name}.part.npz"
    np.savez_compressed(part, **weights)
    os.replace(part, DATA / "weights" / f"{name}.npz")


def give_weights(model, weights):
    """Give a model the weights of {"layer/weight": array}."""
    for layer in model.layers:
        keys = [f"{layer.name}/{weight.name}" for weight in layer.weights]
        layer.set_weights([np.float32(weights[key]) for key in keys])


def random_inputs(model):
    """Draw four random inputs for a model of one input or several."""
    random = np.random.default_rng(0)
    inputs = []
    for tensor in model.inputs:
        free = 64 if tensor.shape[-1] == 3 else 4  # a side of photographs, of features
        shape = [size or free for size in tensor.shape[1:]]
        inputs.append(random.random((4, *shape), np.float32))
    return inputs if len(inputs) > 1 else inputs[0]


def stored(plain, name):
    """Give the network `plain` the weights of data/weights/NAME.npz, and return it."""
    with np.load(DATA / "weights" / f"{name}.npz", allow_pickle=False) as weights:
        give_weights(plain, weights)
    return plain
