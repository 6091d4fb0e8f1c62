"""Attacks that change no pixel by more than a radius, on either backend that the recipes run on.

The library's `pgd` is the same attack, on TensorFlow alone; these recipes run on PyTorch, too.
"""

import numpy as np
from gradient_of_loss import gradient_of_loss
from keras import ops


def improved_attack(model, images, labels, *, start, radius, steps, step):
    """Return changes of the images after some steps of ±`step` a pixel toward a larger loss.

    δ ← clip(δ + step · sign(∂L/∂I (I + δ)), −radius, radius),  I + δ in [0, 1]

    Args:
        model: images -> logits (N, classes).
        images: (N, H, W, C) in [0, 1].
        labels: the true classes, (N,).
        start: the changes to begin with, (N, H, W, C).
        radius: the most that a pixel changes.
        steps: how many, 0 or more.
        step: the change of a pixel at each.

    Returns:
        The changes, (N, H, W, C) float32.

    Source:
        Madry et al., Towards deep learning models resistant to adversarial attacks, 2018.
    """
    images = ops.convert_to_tensor(images)
    labels = ops.convert_to_tensor(labels)
    # As close as the radius allows, and still an image.
    low = ops.maximum(images - radius, 0)
    high = ops.minimum(images + radius, 1)
    adversarial = ops.clip(images + ops.cast(start, "float32"), low, high)
    for _ in range(steps):
        gradients = gradient_of_loss(model, adversarial, labels)
        adversarial = ops.clip(adversarial + step * ops.sign(gradients), low, high)
    return ops.convert_to_numpy(adversarial - images)


def attacked_accuracy(model, images, labels, *, radius=0.0, steps=20, step=None, batch=250, seed=0):
    """Return the share of images classified rightly, attacked from a random start if radius > 0.

    Args:
        model: images -> logits (N, classes).
        images: (N, H, W, C) in [0, 1].
        labels: the true classes, (N,).
        radius: the most that a pixel changes.
        steps: of the attack.
        step: the change of a pixel at each; None takes 2.5 radius / steps.
        batch: how many images at once.
        seed: of the random starts.
    """
    random = np.random.default_rng(seed)
    options = {"radius": radius, "steps": steps, "step": step or 2.5 * radius / max(steps, 1)}
    right = 0
    for first in range(0, len(labels), batch):
        some = images[first : first + batch]
        true_classes = labels[first : first + batch]
        if radius > 0:
            start = random.uniform(-radius, radius, some.shape).astype("float32")
            some = some + improved_attack(model, some, true_classes, start=start, **options)
        logits = ops.cast(model(some, training=False), "float32")
        right += int((ops.convert_to_numpy(logits).argmax(1) == true_classes).sum())
    return right / len(labels)
