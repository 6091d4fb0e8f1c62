"""The loops that one finds on slides and in tutorials, as they are.

An eager tape, one picture at a time, `predict` for every patch.
"""

import numpy as np

from lecture_lib.models.backend import keras, tf
from lecture_lib.models.surgery import clone


def gradient(model, picture, class_index):
    """∂S_c/∂I of one picture (H, W, 3)."""
    images = tf.convert_to_tensor(picture[None])
    with tf.GradientTape() as tape:
        tape.watch(images)
        score = model(images)[0, class_index]
    return tape.gradient(score, images)[0].numpy()


def saliency(model, picture, class_index):
    """The slide's loop: max over color of |∂S_c/∂I|."""
    return np.max(np.abs(gradient(model, picture, class_index)), axis=-1)


def smoothgrad(model, picture, class_index, *, samples, noise=0.1, seed=0):
    """The mean over noisy pictures, one after another."""
    random = np.random.default_rng(seed)
    total = np.zeros_like(picture)
    for _ in range(samples):
        noisy = picture + noise * random.standard_normal(picture.shape, np.float32)
        total += gradient(model, noisy, class_index)
    return np.max(np.abs(total / samples), axis=-1)


def integrated_gradients(model, picture, class_index, *, steps):
    """The mean over the way from black, one picture after another (midpoints, as ours)."""
    total = np.zeros_like(picture)
    for step in range(steps):
        total += gradient(model, picture * np.float32((step + 0.5) / steps), class_index)
    return np.sum(picture * total / steps, axis=-1)


def occlusion(model, picture, class_index, *, patch, stride, rows=None):
    """A gray patch and a `predict` at every place: the drops (places down, places across).

    rows: only so many rows of places.
    """
    height, width = picture.shape[:2]
    whole = model.predict(picture[None], verbose=0)[0, class_index]
    drops = []
    for top in list(range(0, height - patch + 1, stride))[:rows]:
        for left in range(0, width - patch + 1, stride):
            covered = picture.copy()
            covered[top : top + patch, left : left + patch] = 0.5
            drops.append(whole - model.predict(covered[None], verbose=0)[0, class_index])
    return np.reshape(drops, (-1, (width - patch) // stride + 1))


def grad_cam(model, picture, class_index, *, layer):
    """A model with two outputs, made anew for each picture; enlarged with TensorFlow."""
    both = keras.Model(model.input, [model.get_layer(layer).output, model.output])
    with tf.GradientTape() as tape:
        maps, scores = both(picture[None])
        score = scores[:, class_index]
    weights = tf.reduce_mean(tape.gradient(score, maps), axis=(0, 1, 2))
    coarse = tf.nn.relu(tf.reduce_sum(weights * maps[0], axis=-1))
    return tf.image.resize(coarse[..., None], picture.shape[:2])[..., 0].numpy()


def guided_model(model):
    """A copy in which `relu` as a layer's activation is guided.

    A ReLU that is a layer of its own is overlooked, as in the tutorials.
    """

    @tf.custom_gradient
    def guided_relu(x):
        return (
            tf.nn.relu(x),
            lambda gradients: (
                tf.cast(gradients > 0, "float32") * tf.cast(x > 0, "float32") * gradients
            ),
        )

    made = clone(model)
    for layer in made.layers:
        if getattr(layer, "activation", None) is keras.activations.relu:
            layer.activation = guided_relu
    return made
