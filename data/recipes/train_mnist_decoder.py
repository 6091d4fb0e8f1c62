"""Train the decoder of `mnist_natural` or `mnist_robust`.

Python train_mnist_decoder.py NET --epochs E.

The net stays as it is; the decoder learns to draw each picture from the net's features "pool2" of
that picture, attacked with radius
0.3: what it draws shows what the features know (Zheng et al., Insights from attacking interpretable
models). Runs on Keras with TensorFlow or PyTorch; goes on after the last whole pass when cut off.
"""

import argparse
from pathlib import Path

import keras
import numpy as np
from batches import InRandomOrder
from export import export, stored
from linf_attack import improved_attack
from train_mnist_wide import quick_twin

from lecture_lib.datasets.digits import load_mnist
from lecture_lib.models.classifiers import mnist_wide
from lecture_lib.models.decoders import mnist_decoder

RADIUS = 0.3


class Attacked(InRandomOrder):
    """Attacked pictures in random order, and the features of each from which to draw it."""

    def __init__(self, net, images, labels, *, steps=1, batch=250, limit=None, seed=0):
        super().__init__(len(labels), batch=batch, limit=limit, seed=seed, workers=0)
        self.twin, self.images, self.labels, self.steps = quick_twin(net), images, labels, steps
        self.features = keras.Model(net.input, net.get_layer("pool2").output)

    def made(self, chosen):
        pictures = self.images[chosen]
        start = self.random.uniform(-RADIUS, RADIUS, pictures.shape).astype("float32")
        options = {
            "start": start,
            "radius": RADIUS,
            "steps": self.steps,
            "step": 1.25 * RADIUS / self.steps,
        }
        attacked = pictures + improved_attack(self.twin, pictures, self.labels[chosen], **options)
        features = keras.ops.cast(self.features(attacked, training=False), "float32")
        return keras.ops.convert_to_numpy(features), attacked


def main(name, *, epochs, precision="float32", limit=None, seed=0):
    keras.utils.set_random_seed(seed)
    keras.config.set_dtype_policy(precision)
    images, labels, test_images, test_labels = load_mnist()
    net = stored(mnist_wide(), name)
    batches = Attacked(net, images, labels, limit=limit, seed=seed)
    decoder = mnist_decoder()
    rate = keras.optimizers.schedules.CosineDecay(2e-3, epochs * len(batches))
    decoder.compile(keras.optimizers.Adam(rate), keras.losses.MeanSquaredError())
    backup = keras.callbacks.BackupAndRestore(
        Path("checkpoints") / f"{name}_decoder", double_checkpoint=True
    )
    decoder.fit(batches, epochs=epochs, callbacks=[backup], verbose=2, shuffle=False)
    keras.config.set_dtype_policy("float32")
    plain = mnist_decoder()
    plain.set_weights(decoder.get_weights())
    features, attacked = Attacked(
        stored(mnist_wide(), name), test_images, test_labels, steps=10, batch=1000, seed=seed
    )[0]
    error = float(np.mean((keras.ops.convert_to_numpy(plain(features)) - attacked) ** 2))
    print(
        f"{name}_decoder: mean squared error {error:.4f} on 1,000 attacked test pictures; gray "
        f"pictures would have {attacked.var():.4f}"
    )
    export(plain, mnist_decoder(), f"{name}_decoder")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("name", choices=["mnist_natural", "mnist_robust"])
    parser.add_argument("--epochs", type=int, default=1)
    parser.add_argument(
        "--precision",
        default="float32",
        help="mixed_bfloat16 halves the time on processors that know it",
    )
    parser.add_argument("--limit", type=int, help="batches in a pass, to try the recipe")
    main(**vars(parser.parse_args()))
