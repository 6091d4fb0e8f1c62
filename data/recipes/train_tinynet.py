"""Train `tinynet` (radius 0) or `tinynet_robust` (radius 0.8) on Tiny ImageNet.

Python train_tinynet.py NAME --radius R --epochs E.

Adversarial training with one step (Madry et al., Towards deep learning models resistant to
adversarial attacks, 2018; Wong et al., Fast is better than free, 2020): each batch is first moved
by one gradient step of length `radius` toward a larger loss, then learned from. Runs on Keras with
TensorFlow, or with PyTorch (KERAS_BACKEND=torch, about twice as fast on two cores). A run that was
cut off goes on after the last whole epoch when the same command is given again.
"""

import argparse
import csv
import time
from pathlib import Path

import keras
from batches import Moved
from export import export
from gradient_of_loss import gradient_of_loss
from keras import ops
from tiny_imagenet import CLASSES, read

from lecture_lib.models.classifiers import tinynet


def length(direction):
    """Euclidean length of each picture of a batch, never 0, as (N, 1, 1, 1)."""
    return ops.sqrt(
        ops.maximum(ops.sum(ops.square(direction), axis=(1, 2, 3), keepdims=True), 1e-24)
    )


def attack(model, pictures, labels, *, radius, steps=1, step=None):
    """Pictures moved by `steps` steps of length `step` toward a larger loss, no farther than
    `radius` from where they were.
    """
    noise = keras.random.normal(ops.shape(pictures))
    change = (
        noise / length(noise) * radius * keras.random.uniform((ops.shape(pictures)[0], 1, 1, 1))
    )
    for _ in range(steps):
        gradient = gradient_of_loss(model, ops.clip(pictures + change, 0, 1), labels)
        change = change + (step or radius) * gradient / length(gradient)
        change = change * ops.minimum(radius / length(change), 1)
    return ops.clip(pictures + change, 0, 1)


class AdversarialModel(keras.Model):
    """A model that learns from attacked pictures; with radius 0, an ordinary model."""

    radius = 0.0

    def train_step(self, data):
        pictures, labels, _ = keras.utils.unpack_x_y_sample_weight(data)
        if self.radius > 0:
            pictures = attack(
                self,
                ops.convert_to_tensor(pictures),
                ops.convert_to_tensor(labels),
                radius=self.radius,
            )
        return super().train_step((pictures, labels))


def accuracy(model, pictures, labels, *, radius=0.0, batch=100):
    """Share of pictures classified rightly, after a 20-step attack when radius > 0."""
    right = 0
    for start in range(0, len(labels), batch):
        x, y = (
            ops.convert_to_tensor(pictures[start : start + batch].astype("float32") / 255),
            labels[start : start + batch],
        )
        if radius > 0:
            x = attack(model, x, ops.convert_to_tensor(y), radius=radius, steps=20, step=radius / 4)
        right += int((ops.convert_to_numpy(model(x, training=False)).argmax(1) == y).sum())
    return right / len(labels)


def smoothed_loss(smoothing):
    """Cross-entropy against labels of which each other class has a little, `smoothing` in all
    (Szegedy et al., 2016).
    """
    return lambda labels, scores: keras.losses.categorical_crossentropy(
        ops.one_hot(ops.cast(ops.reshape(labels, (-1,)), "int32"), len(CLASSES)),
        scores,
        from_logits=True,
        label_smoothing=smoothing,
    )


def main(
    name, *, radius, epochs, smallest=64, smoothing=0.0, peak=0.2, precision="float32", seed=0
):
    keras.utils.set_random_seed(seed)
    keras.config.set_dtype_policy(precision)
    pictures, labels, test_pictures, test_labels = read()
    batches = Moved(
        pictures,
        labels,
        batch=100,
        shift=6,
        border="reflect",
        mirrored=True,
        smallest=smallest,
        seed=seed,
    )
    net = tinynet(len(CLASSES), batch_normalization=True)
    model = AdversarialModel(net.input, net.output)
    model.radius = radius
    steps = epochs * len(batches)
    rate = keras.optimizers.schedules.CosineDecay(
        0.02, steps - steps // 5, warmup_target=peak, warmup_steps=steps // 5
    )
    optimizer = keras.optimizers.SGD(rate, momentum=0.9, nesterov=True, weight_decay=5e-3)
    model.compile(
        optimizer,
        smoothed_loss(smoothing),
        metrics=[keras.metrics.SparseCategoricalAccuracy("accuracy")],
    )
    folder = Path("checkpoints") / name
    start = time.time()

    def record(epoch, logs):
        share = accuracy(model, test_pictures, test_labels)
        row = [epoch + 1, round(logs["accuracy"], 4), share, round(time.time() - start)]
        print(
            f"{name}: epoch {row[0]} of {epochs}, trained {row[1]}, validation {row[2]}, "
            f"{row[3]} s",
            flush=True,
        )
        with open(folder / "curve.csv", "a", newline="") as curve:
            csv.writer(curve).writerow(row)

    folder.mkdir(parents=True, exist_ok=True)
    backup = keras.callbacks.BackupAndRestore(folder / "backup", double_checkpoint=True)
    callbacks = [backup, keras.callbacks.LambdaCallback(on_epoch_end=record)]
    model.fit(batches, epochs=epochs, callbacks=callbacks, verbose=0, shuffle=False)
    model.save_weights(folder / "final.weights.h5")
    clean, attacked = (
        accuracy(model, test_pictures, test_labels),
        accuracy(model, test_pictures, test_labels, radius=0.5),
    )
    print(
        f"{name}: {clean:.4f} of {len(test_labels)} validation pictures, {attacked:.4f} under a "
        "20-step L2 attack of radius 0.5"
    )
    keras.config.set_dtype_policy("float32")
    export(model, tinynet(len(CLASSES)), name)


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
