"""The gradient of the loss with respect to images, on either backend that the recipes run on."""

import keras

if keras.backend.backend() == "torch":
    import torch

    def gradient_of_loss(model, images, labels):
        """Return ∂L/∂I, shaped like the images, of the cross-entropy of each image."""
        images = images.detach().requires_grad_(True)
        with torch.enable_grad():
            loss = _loss(model, images, labels)
            return torch.autograd.grad(loss.sum(), images)[0]

else:
    import tensorflow as tf

    def gradient_of_loss(model, images, labels):
        """Return ∂L/∂I, shaped like the images, of the cross-entropy of each image."""
        with tf.GradientTape() as tape:
            tape.watch(images)
            loss = _loss(model, images, labels)
        return tape.gradient(loss, images)


def _loss(model, images, labels):
    logits = keras.ops.cast(model(images, training=False), "float32")
    return keras.losses.sparse_categorical_crossentropy(labels, logits, from_logits=True)
