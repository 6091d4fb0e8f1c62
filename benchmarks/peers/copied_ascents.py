"""Gradient ascent to pictures, as one copies it from examples, and in tf-keras-vis and lucent.

Each function gives its run().
"""

from functools import partial

import numpy as np
from on_attack_libraries import net_of, on_torch

from lecture_lib.core.tiling import pyramid
from lecture_lib.models.backend import keras, tf


def copied_class(model, start, *, steps, rate=1.0, weight=0.01):
    """S_c − weight · ‖I − ½‖² by an eager tape, a step of one length, back into [0, 1]."""

    def run():
        image = tf.constant(start[None])
        for _ in range(steps):
            with tf.GradientTape() as tape:
                tape.watch(image)
                gain = model(image)[:, 3] - weight * tf.reduce_sum(tf.square(image - 0.5))
            image = tf.clip_by_value(
                image + rate * tf.math.l2_normalize(tape.gradient(gain, image)), 0, 1
            )
        return image[0].numpy()

    return run


def copied_dream(model, layer, image, *, octaves=3, steps=10, scale=1.4, rate=0.01):
    """The loop of a well-known example, by an eager tape over the whole picture.

    Sizes from small to large, lost detail put back.
    """
    extractor = keras.Model(model.input, model.get_layer(layer).output)
    sizes = [copy.shape[:2] for copy in pyramid(image, octaves=octaves, scale=scale)]

    def run():
        original = tf.constant(image[None])
        shrunk = dreamed = tf.image.resize(original, sizes[0])
        for size in sizes:
            dreamed = tf.image.resize(dreamed, size)
            same_size = tf.image.resize(original, size)
            dreamed += same_size - tf.image.resize(shrunk, size)
            for _ in range(steps):
                with tf.GradientTape() as tape:
                    tape.watch(dreamed)
                    energy = tf.reduce_mean(tf.square(extractor(dreamed)))
                gradient = tape.gradient(energy, dreamed)
                dreamed = tf.clip_by_value(
                    dreamed + rate * gradient / tf.maximum(tf.reduce_mean(tf.abs(gradient)), 1e-6),
                    0,
                    1,
                )
            shrunk = same_size
        return dreamed[0].numpy()

    return run


def copied_style(model, layers, content, style, *, steps=20):
    """The loop of a well-known example: Gram matrices, the optimizer of Keras, total variation."""
    extractor = keras.Model(model.input, {layer: model.get_layer(layer).output for layer in layers})

    def gram_matrix(maps):
        channels = tf.reshape(tf.transpose(maps, (2, 0, 1)), (tf.shape(maps)[2], -1))
        return tf.matmul(channels, tf.transpose(channels))

    def run():
        picture = tf.Variable(content[None])
        optimizer = keras.optimizers.Adam(0.03)
        for _ in range(steps):
            with tf.GradientTape() as tape:
                maps = extractor(tf.concat([content[None], style[None], picture], axis=0))
                loss = tf.reduce_sum(tf.square(maps[layers[-1]][2] - maps[layers[-1]][0]))
                for layer in layers:
                    size = tf.cast(tf.size(maps[layer][0]), tf.float32)
                    loss += tf.reduce_sum(
                        tf.square(gram_matrix(maps[layer][1]) - gram_matrix(maps[layer][2]))
                    ) / (4 * size**2)
                loss += 1e-6 * tf.reduce_sum(tf.image.total_variation(picture))
            optimizer.apply_gradients([(tape.gradient(loss, picture), picture)])
        return picture[0].numpy()

    return run


def keras_vis_class(model, start, *, steps, rate=1.0, weight=0.01):
    """The same objective and steps in tf-keras-vis: its regularizer, its modifier of gradients."""
    from tf_keras_vis.activation_maximization import ActivationMaximization
    from tf_keras_vis.activation_maximization.regularizers import Regularizer
    from tf_keras_vis.utils.scores import CategoricalScore

    class FromGray(Regularizer):
        def __init__(self):
            super().__init__("from_gray")

        def __call__(self, value):
            return weight * tf.reduce_sum(tf.square(value - 0.5), axis=[1, 2, 3])

    visualize = ActivationMaximization(model, clone=False)
    options = {
        "input_range": (0, 1),
        "regularizers": [FromGray()],
        "input_modifiers": [lambda images: tf.clip_by_value(images, 0, 1)],
    }

    def call():
        return visualize(
            CategoricalScore(3),
            seed_input=start[None].copy(),
            steps=steps,
            gradient_modifier=tf.math.l2_normalize,
            optimizer=keras.optimizers.SGD(rate),
            **options,
        )

    return lambda: np.asarray(call())[0]


def lucent_class(net, *, steps, fourier):
    """lucent on the same net in PyTorch: pixels by Adam, or its Fourier coefficients."""
    from on_torch import without_compiled_torchvision

    without_compiled_torchvision()
    from lucent.optvis import param, render, transform

    model = on_torch(net)
    side = net_of(net).image_size
    start = partial(param.image, side // 2 * 2, fft=fourier, decorrelate=fourier)
    moves = [transform.jitter(8), transform.random_scale([0.9, 1.0, 1.1])] if fourier else []
    options = {
        "preprocess": False,
        "progress": False,
        "show_image": False,
        "fixed_image_size": side,
    }
    return lambda: render.render_vis(
        model, "labels:3", start, transforms=moves, thresholds=(steps,), **options
    )[0][0]
