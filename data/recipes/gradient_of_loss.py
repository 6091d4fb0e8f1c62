"""The gradient of the loss with respect to pictures, on either backend that the recipes run on."""

import keras

if keras.backend.backend() == "torch":
    import torch

    def gradient_of_loss(model, pictures, labels):
        pictures = pictures.detach().requires_grad_(True)
        with torch.enable_grad():
            scores = keras.ops.cast(model(pictures, training=False), "float32")
            loss = keras.losses.sparse_categorical_crossentropy(labels, scores, from_logits=True)
            return torch.autograd.grad(loss.sum(), pictures)[0]

else:
    import tensorflow as tf

    def gradient_of_loss(model, pictures, labels):
        with tf.GradientTape() as tape:
            tape.watch(pictures)
            scores = keras.ops.cast(model(pictures, training=False), "float32")
            loss = keras.losses.sparse_categorical_crossentropy(labels, scores, from_logits=True)
        return tape.gradient(loss, pictures)
