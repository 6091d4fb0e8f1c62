"""Attacks that change no pixel by more than a radius, on either backend that the recipes run on."""

import numpy as np
from gradient_of_loss import gradient_of_loss
from keras import ops


def improved_attack(model, images, labels, *, start, radius, steps, step):
    """Changes (N, H, W, C) after `steps` steps of ±`step` a pixel toward a larger loss, none beyond `radius`, each picture within [0, 1].

    images: (N, H, W, C) in [0, 1]; start: the changes to begin with. Returns float32.
    Source: Madry et al., Toward deep learning models resistant to adversarial attacks, 2018.
    """
    images, labels = ops.convert_to_tensor(images), ops.convert_to_tensor(labels)
    low, high = ops.maximum(images - radius, 0), ops.minimum(images + radius, 1)
    attacked = ops.clip(images + ops.cast(start, "float32"), low, high)
    for _ in range(steps):
        attacked = ops.clip(
            attacked + step * ops.sign(gradient_of_loss(model, attacked, labels)), low, high
        )
    return ops.convert_to_numpy(attacked - images)


def attacked_accuracy(model, images, labels, *, radius=0.0, steps=20, step=None, batch=250, seed=0):
    """Share of pictures classified rightly, after an attack from a random start when radius > 0; step: by default 2.5 radius / steps."""
    random, right = np.random.default_rng(seed), 0
    for first in range(0, len(labels), batch):
        pictures, answers = images[first : first + batch], labels[first : first + batch]
        if radius > 0:
            start = random.uniform(-radius, radius, pictures.shape).astype("float32")
            options = {"radius": radius, "steps": steps, "step": step or 2.5 * radius / steps}
            pictures = pictures + improved_attack(model, pictures, answers, start=start, **options)
        right += int(
            (
                ops.convert_to_numpy(ops.cast(model(pictures, training=False), "float32")).argmax(1)
                == answers
            ).sum()
        )
    return right / len(labels)
