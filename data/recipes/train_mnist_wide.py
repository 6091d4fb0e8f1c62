"""Train `mnist_natural` (radius 0) or `mnist_robust` (radius 0.3) on MNIST.

Python train_mnist_wide.py NAME --radius R --epochs E.

Adversarial training (Madry et al., Towards deep learning models resistant to adversarial attacks,
2018) at the price of one step: each picture keeps its attack from pass to pass, and the next pass
only improves it (Zheng et al., Efficient adversarial training with transferable adversarial
examples, 2020); the last pass takes a few steps. With --again a net that is stored learns on, at
full radius from the start. Runs on Keras with TensorFlow or PyTorch; goes on after the last whole
pass when cut off.
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
# passes in which the radius grows from 0: at full radius from the start, the net learns nothing
RAMP = 1.5
MANY = 4  # steps of the attack in the last pass; one in all others


def quick_twin(model):
    """The same net for the same pictures.

    With PyTorch, its maps are (N, C, h, w), which a processor pools twice as fast.
    """
    return channels_first(model) if keras.backend.backend() == "torch" else model


def channels_first(model):
    """A copy of the net whose maps are (N, C, h, w); its weights keep their order."""
    x = layers.Permute((3, 1, 2))(images := keras.Input(model.input_shape[1:]))
    for layer in model.layers[1:]:
        if isinstance(layer, layers.Flatten):
            x = layers.Permute((2, 3, 1))(x)
        changed = (
            {"data_format": "channels_first"}
            if isinstance(layer, (layers.Conv2D, layers.MaxPooling2D))
            else {}
        )
        x = type(layer).from_config(layer.get_config() | changed)(x)
    twin = keras.Model(images, x)
    twin.set_weights(model.get_weights())
    return twin


def one_pass(model, images, labels, changes, *, radii, steps, random):
    """Learn once from every picture, each attacked a little further than in the pass before.

    `changes` holds the attacks.
    """
    batches = np.array_split(random.permutation(len(labels))[: len(radii) * BATCH], len(radii))
    for chosen, radius in zip(tqdm(batches, desc="batches", disable=None), radii, strict=True):
        pictures, answers = images[chosen], labels[chosen]
        if radius > 0:
            options = {"radius": radius, "steps": steps, "step": 2 * radius / (steps + 2)}
            changes[chosen] = improved_attack(
                model, pictures, answers, start=changes[chosen], **options
            )
            pictures = pictures + changes[chosen].astype("float32")
        model.train_on_batch(pictures, answers)


def main(name, *, radius, epochs, again=False, peak=1e-3, precision="float32", limit=None, seed=0):
    keras.utils.set_random_seed(seed)
    keras.config.set_dtype_policy(precision)
    images, labels, test_images, test_labels = load_mnist()
    folder, start, per_pass = (
        Path("checkpoints") / (name + "_again" * again),
        time.time(),
        limit or len(labels) // BATCH,
    )
    folder.mkdir(parents=True, exist_ok=True)
    curve = folder / "curve.csv"
    done = len(curve.read_text().splitlines()) if curve.is_file() else 0
    model = quick_twin(stored(mnist_wide(), name) if again else mnist_wide())
    rate = keras.optimizers.schedules.CosineDecay(peak, epochs * per_pass)
    model.compile(
        keras.optimizers.Adam(rate), keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    )
    if done:
        model = keras.saving.load_model(folder / "last.keras")
    changes = np.random.default_rng(seed).uniform(-radius, radius, images.shape).astype("float16")
    for epoch in range(done, epochs):
        radii = radius * np.minimum(1, again + (epoch + np.arange(per_pass) / per_pass) / RAMP)
        one_pass(
            model,
            images,
            labels,
            changes,
            radii=radii.tolist(),
            steps=MANY if epoch == epochs - 1 else 1,
            random=np.random.default_rng([seed, epoch]),
        )
        shares = [
            attacked_accuracy(model, test_images[:250], test_labels[:250], radius=r, steps=10)
            for r in (0, radius)
        ]
        seconds = round(time.time() - start)
        print(
            f"{name}: pass {epoch + 1} of {epochs}, {shares[0]:.3f} clean, {shares[1]:.3f} "
            f"attacked, {seconds} s",
            flush=True,
        )
        model.save(folder / "next.keras")
        os.replace(
            folder / "next.keras", folder / "last.keras"
        )  # in one step: a run that is killed here leaves the pass before
        with open(curve, "a", newline="") as file:
            csv.writer(file).writerow([epoch + 1, *shares, seconds])
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
