"""Train `tinynet` (radius 0) or `tinynet_robust` (radius 0.8) on Tiny ImageNet.

    python data/recipes/train_tinynet.py NAME --radius R --epochs E

Adversarial training with one step (Madry et al., Towards deep learning models resistant to
adversarial attacks, 2018; Wong et al., Fast is better than free, 2020): each batch is first moved
by one gradient step of length `radius` toward a larger loss, then learned from. Runs on Keras with
TensorFlow, or with PyTorch (KERAS_BACKEND=torch, about twice as fast on two cores). A run that was
cut off goes on after the last whole epoch when the same command is given again.
"""

import argparse
import csv
import time
from functools import partial
from pathlib import Path

import keras
from batches import ShiftedImages
from export import export
from gradient_of_loss import gradient_of_loss
from keras import ops
from tiny_imagenet import CLASSES, read

from lecture_lib.models.classifiers import tinynet

# Attacks


def length(change):
    """Return the Euclidean length of each image of a batch, never 0, as (N, 1, 1, 1)."""
    squares = ops.sum(ops.square(change), axis=(1, 2, 3), keepdims=True)
    return ops.sqrt(ops.maximum(squares, 1e-24))


def attack(model, images, labels, *, radius, steps=1, step=None):
    """Move images toward a larger loss, no farther than `radius` from where they were.

    The library's `pgd` does the same, on TensorFlow alone; this runs on PyTorch, too.

    Args:
        model: images -> logits (N, classes).
        images: (N, H, W, C) in [0, 1], tensors of the backend.
        labels: the true classes, (N,).
        radius: the largest Euclidean length of the change of an image.
        steps: how many.
        step: the length of each; None takes the radius.
    """
    # From a random place within the radius.
    noise = keras.random.normal(ops.shape(images))
    share = keras.random.uniform((ops.shape(images)[0], 1, 1, 1))
    change = noise / length(noise) * radius * share
    for _ in range(steps):
        gradients = gradient_of_loss(model, ops.clip(images + change, 0, 1), labels)
        change = change + (step or radius) * gradients / length(gradients)
        change = change * ops.minimum(radius / length(change), 1)
    return ops.clip(images + change, 0, 1)


class AdversarialModel(keras.Model):
    """A model that learns from adversarial examples; with radius 0, an ordinary model."""

    radius = 0.0

    def train_step(self, data):
        """Attack a batch, then learn from it."""
        images, labels, _ = keras.utils.unpack_x_y_sample_weight(data)
        if self.radius > 0:
            images = ops.convert_to_tensor(images)
            images = attack(self, images, ops.convert_to_tensor(labels), radius=self.radius)
        return super().train_step((images, labels))


def accuracy(model, images, labels, *, radius=0.0, batch=100):
    """Return the share of images classified rightly, after a 20-step attack when radius > 0.

    Args:
        model: images -> logits (N, classes).
        images: (N, H, W, C), uint8.
        labels: (N,).
        radius: the largest Euclidean length of the change of an image.
        batch: how many images at once.
    """
    right = 0
    for start in range(0, len(labels), batch):
        some = ops.convert_to_tensor(images[start : start + batch].astype("float32") / 255)
        wanted = labels[start : start + batch]
        if radius > 0:
            answers = ops.convert_to_tensor(wanted)
            some = attack(model, some, answers, radius=radius, steps=20, step=radius / 4)
        logits = ops.convert_to_numpy(model(some, training=False))
        right += int((logits.argmax(1) == wanted).sum())
    return right / len(labels)


# Training


def smoothed_loss(labels, logits, *, smoothing):
    """Return the cross-entropy against labels of which other classes have a little.

    Args:
        labels: (N,).
        logits: (N, classes).
        smoothing: the share of a label that is spread over all classes (Szegedy et al., 2016).
    """
    numbers = ops.cast(ops.reshape(labels, (-1,)), "int32")
    return keras.losses.categorical_crossentropy(
        ops.one_hot(numbers, len(CLASSES)), logits, from_logits=True, label_smoothing=smoothing
    )


def compiled(*, radius, smoothing, peak, steps):
    """Build the model to be trained, with its optimizer and its loss."""
    net = tinynet(len(CLASSES), batch_normalization=True)
    model = AdversarialModel(net.input, net.output)
    model.radius = radius
    # The learning rate grows for a fifth of the steps, then falls to 0.
    rate = keras.optimizers.schedules.CosineDecay(
        0.02, steps - steps // 5, warmup_target=peak, warmup_steps=steps // 5
    )
    optimizer = keras.optimizers.SGD(rate, momentum=0.9, nesterov=True, weight_decay=5e-3)
    metrics = [keras.metrics.SparseCategoricalAccuracy("accuracy")]
    model.compile(optimizer, partial(smoothed_loss, smoothing=smoothing), metrics=metrics)
    return model


class Record(keras.callbacks.Callback):
    """Prints the validation accuracy after each epoch, and writes it to curve.csv.

    Args:
        folder: checkpoints/NAME.
        images, labels: those of validation.
        epochs: how many there will be.
    """

    def __init__(self, folder, images, labels, *, epochs):
        super().__init__()
        self.folder = folder
        self.images = images
        self.labels = labels
        self.epochs = epochs
        self.start = time.time()

    def on_epoch_end(self, epoch, logs=None):
        """Measure, print and write."""
        share = accuracy(self.model, self.images, self.labels)
        row = [epoch + 1, round(logs["accuracy"], 4), share, round(time.time() - self.start)]
        print(
            f"{self.folder.name}: epoch {row[0]} of {self.epochs}, trained {row[1]}, "
            f"validation {row[2]}, {row[3]} s",
            flush=True,
        )
        with open(self.folder / "curve.csv", "a", newline="") as curve:
            csv.writer(curve).writerow(row)


def shifted(images, labels, *, smallest, seed):
    """Return batches of training images: shifted, mirrored, and parts of them enlarged."""
    return ShiftedImages(
        images,
        labels,
        batch=100,
        shift=6,
        border="reflect",
        mirrored=True,
        smallest=smallest,
        seed=seed,
    )


def main(
    name, *, radius, epochs, smallest=64, smoothing=0.0, peak=0.2, precision="float32", seed=0
):
    """Train a network, print its accuracy, and write its weights to data/weights."""
    keras.utils.set_random_seed(seed)
    keras.config.set_dtype_policy(precision)
    images, labels, *test = read()
    batches = shifted(images, labels, smallest=smallest, seed=seed)
    model = compiled(radius=radius, smoothing=smoothing, peak=peak, steps=epochs * len(batches))
    folder = Path("checkpoints") / name
    folder.mkdir(parents=True, exist_ok=True)
    backup = keras.callbacks.BackupAndRestore(folder / "backup", double_checkpoint=True)
    callbacks = [backup, Record(folder, *test, epochs=epochs)]
    model.fit(batches, epochs=epochs, callbacks=callbacks, verbose=0, shuffle=False)
    model.save_weights(folder / "final.weights.h5")
    report(model, name, *test)
    keras.config.set_dtype_policy("float32")
    export(model, tinynet(len(CLASSES)), name)


def report(model, name, images, labels):
    """Print the accuracy on validation images, as they are and under a 20-step attack."""
    clean, attacked = (accuracy(model, images, labels, radius=radius) for radius in (0, 0.5))
    print(
        f"{name}: {clean:.4f} of {len(labels)} validation images, "
        f"{attacked:.4f} under a 20-step L2 attack of radius 0.5"
    )


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("name")
    parser.add_argument("--radius", type=float, default=0.0)
    parser.add_argument("--epochs", type=int, default=17)
    parser.add_argument(
        "--smallest",
        type=int,
        default=64,
        help="side of the smallest square that is enlarged to 64 pixels",
    )
    parser.add_argument(
        "--smoothing", type=float, default=0.0, help="share of a label given to the other classes"
    )
    parser.add_argument(
        "--precision",
        default="float32",
        help="mixed_bfloat16 takes two thirds of the time on processors that know it",
    )
    main(**vars(parser.parse_args()))
