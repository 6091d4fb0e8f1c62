"""Train `mnist_natural` (radius 0) or `mnist_robust` (radius 0.3) on MNIST.

    python data/recipes/train_mnist_wide.py NAME --radius R --epochs E

Adversarial training (Madry et al., Towards deep learning models resistant to adversarial attacks,
2018) at the price of one step: each image keeps its attack from pass to pass, and the next pass
only improves it (Zheng et al., Efficient adversarial training with transferable adversarial
examples, 2020); the last pass takes a few steps. With --again a network that is stored learns on,
at full radius from the start. Runs on Keras with TensorFlow or PyTorch; goes on after the last
whole pass when cut off.
"""

import argparse
import csv
import os
import time
from pathlib import Path

import keras
import numpy as np
from export import export, stored
from keras import layers
from linf_attack import attacked_accuracy, improved_attack
from tqdm.auto import tqdm

from lecture_lib.datasets.digits import load_mnist
from lecture_lib.models.classifiers import mnist_wide

BATCH = 120
# Passes in which the radius grows from 0: at full radius from the start, nothing is learned.
RAMP = 1.5
MANY = 4  # steps of the attack in the last pass; one in all others

# The same network in the order of axes that is fast


def fast_layout(model):
    """Return a network that computes the same, in the order of axes that its backend likes.

    With PyTorch, its maps are (N, C, h, w), which a processor pools twice as fast.
    """
    return channels_first(model) if keras.backend.backend() == "torch" else model


def channels_first(model):
    """Copy a network for maps (N, C, h, w); its weights keep their order."""
    images = keras.Input(model.input_shape[1:])
    x = layers.Permute((3, 1, 2))(images)
    for layer in model.layers[1:]:
        if isinstance(layer, layers.Flatten):
            x = layers.Permute((2, 3, 1))(x)
        config = layer.get_config()
        if isinstance(layer, (layers.Conv2D, layers.MaxPooling2D)):
            config["data_format"] = "channels_first"
        x = type(layer).from_config(config)(x)
    copied = keras.Model(images, x)
    copied.set_weights(model.get_weights())
    return copied


# Training


def one_pass(model, images, labels, changes, *, radii, steps, random):
    """Learn once from every image, each attacked a little further than in the pass before.

    Args:
        model: a compiled model, images -> logits.
        images: (N, 28, 28, 1) in [0, 1].
        labels: (N,).
        changes: the attacks, (N, 28, 28, 1) float16; they are improved in place.
        radii: the most that a pixel changes, for each batch.
        steps: of the attack.
        random: a numpy Generator, for the order.
    """
    batches = np.array_split(random.permutation(len(labels))[: len(radii) * BATCH], len(radii))
    for chosen, radius in zip(tqdm(batches, desc="batches", disable=None), radii, strict=True):
        some = images[chosen]
        answers = labels[chosen]
        if radius > 0:
            options = {"radius": radius, "steps": steps, "step": 2 * radius / (steps + 2)}
            changes[chosen] = improved_attack(
                model, some, answers, start=changes[chosen], **options
            )
            some = some + changes[chosen].astype("float32")
        model.train_on_batch(some, answers)


def begun(name, folder, *, again, peak, steps):
    """Return the compiled model, and how many passes an earlier run has done already."""
    folder.mkdir(parents=True, exist_ok=True)
    curve = folder / "curve.csv"
    done = len(curve.read_text().splitlines()) if curve.is_file() else 0
    if done:
        return keras.saving.load_model(folder / "last.keras"), done
    model = fast_layout(stored(mnist_wide(), name) if again else mnist_wide())
    rate = keras.optimizers.schedules.CosineDecay(peak, steps)
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile(keras.optimizers.Adam(rate), loss)
    return model, 0


def keep(model, folder, row):
    """Print a row of the curve after a pass, and store it and the model."""
    done, clean, attacked, seconds = row
    print(
        f"{folder.name}: pass {done}, {clean:.3f} clean, {attacked:.3f} attacked, {seconds} s",
        flush=True,
    )
    # In one step: a run that is killed here leaves the pass before.
    model.save(folder / "next.keras")
    os.replace(folder / "next.keras", folder / "last.keras")
    with open(folder / "curve.csv", "a", newline="") as file:
        csv.writer(file).writerow(row)


def radii_of(epoch, *, radius, per_pass, again):
    """Return the radius of each batch of a pass."""
    passes = epoch + np.arange(per_pass) / per_pass
    return (radius * np.minimum(1, again + passes / RAMP)).tolist()


def main(name, *, radius, epochs, again=False, peak=1e-3, precision="float32", limit=None, seed=0):
    """Train a network, pass after pass, and write its weights to data/weights."""
    start = time.time()
    keras.utils.set_random_seed(seed)
    keras.config.set_dtype_policy(precision)
    images, labels, *test = load_mnist()
    folder = Path("checkpoints") / (name + "_again" * again)
    per_pass = limit or len(labels) // BATCH
    model, done = begun(name, folder, again=again, peak=peak, steps=epochs * per_pass)
    changes = np.random.default_rng(seed).uniform(-radius, radius, images.shape).astype("float16")
    for epoch in range(done, epochs):
        options = {
            "radii": radii_of(epoch, radius=radius, per_pass=per_pass, again=again),
            "steps": MANY if epoch == epochs - 1 else 1,
            "random": np.random.default_rng([seed, epoch]),
        }
        one_pass(model, images, labels, changes, **options)
        shares = measured(model, *test, radius=radius)
        keep(model, folder, [epoch + 1, *shares, round(time.time() - start)])
    write(model, name)


def measured(model, images, labels, *, radius):
    """Return the shares of 250 test images classified rightly: as they are, and attacked."""
    some = (images[:250], labels[:250])
    return [attacked_accuracy(model, *some, radius=r, steps=10) for r in (0, radius)]


def write(model, name):
    """Write the weights of a trained model to data/weights, in the usual order and precision."""
    keras.config.set_dtype_policy("float32")
    plain = mnist_wide()
    plain.set_weights(model.get_weights())
    export(plain, mnist_wide(), name)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("name")
    parser.add_argument("--radius", type=float, default=0.0)
    parser.add_argument("--epochs", type=int, default=6)
    parser.add_argument(
        "--again",
        action="store_true",
        help="begin with the weights in data/, as after an earlier run of this recipe",
    )
    parser.add_argument(
        "--peak", type=float, default=1e-3, help="the largest learning rate, at the start"
    )
    parser.add_argument(
        "--precision",
        default="float32",
        help="mixed_bfloat16 halves the time on processors that know it",
    )
    parser.add_argument("--limit", type=int, help="batches in a pass, to try the recipe")
    main(**vars(parser.parse_args()))
