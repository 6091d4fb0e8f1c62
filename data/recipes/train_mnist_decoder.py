"""Train the decoder of `mnist_natural` or `mnist_robust`.

    python data/recipes/train_mnist_decoder.py NAME --epochs E

The network stays as it is; the decoder learns to draw each image from the network's features
"pool2" of that image, attacked with radius 0.3: what it draws shows what the features know (Zheng
et al., Insights from attacking interpretable models). Runs on Keras with TensorFlow or PyTorch;
goes on after the last whole pass when cut off.
"""

import argparse

import keras
import numpy as np
from batches import InRandomOrder, fit
from export import export, stored
from linf_attack import improved_attack
from train_mnist_wide import fast_layout

from lecture_lib.datasets.digits import load_mnist
from lecture_lib.models.classifiers import mnist_wide
from lecture_lib.models.decoders import mnist_decoder

RADIUS = 0.3


class AdversarialExamples(InRandomOrder):
    """Adversarial examples in random order, and the features of each from which to draw it.

    Args:
        net: images -> logits, with a layer "pool2".
        images: (N, 28, 28, 1) in [0, 1].
        labels: (N,).
        steps: of the attack.
        batch, limit, seed: of `InRandomOrder`.
    """

    def __init__(self, net, images, labels, *, steps=1, batch=250, limit=None, seed=0):
        super().__init__(len(labels), batch=batch, limit=limit, seed=seed, workers=0)
        self.net = fast_layout(net)
        self.features = keras.Model(net.input, net.get_layer("pool2").output)
        self.images = images
        self.labels = labels
        self.attack = {"radius": RADIUS, "steps": steps, "step": 1.25 * RADIUS / steps}

    def make_batch(self, chosen):
        """Return the features, and the adversarial examples that they are of."""
        images = self.images[chosen]
        labels = self.labels[chosen]
        start = self.random.uniform(-RADIUS, RADIUS, images.shape).astype("float32")
        images = images + improved_attack(self.net, images, labels, start=start, **self.attack)
        features = keras.ops.cast(self.features(images, training=False), "float32")
        return keras.ops.convert_to_numpy(features), images


def main(name, *, epochs, precision="float32", limit=None, seed=0):
    """Train a decoder, print its error, and write its weights to data/weights."""
    keras.utils.set_random_seed(seed)
    keras.config.set_dtype_policy(precision)
    images, labels, *test = load_mnist()
    net = stored(mnist_wide(), name)
    batches = AdversarialExamples(net, images, labels, limit=limit, seed=seed)
    decoder = mnist_decoder()
    rate = keras.optimizers.schedules.CosineDecay(2e-3, epochs * len(batches))
    decoder.compile(keras.optimizers.Adam(rate), keras.losses.MeanSquaredError())
    fit(decoder, batches, name=f"{name}_decoder", epochs=epochs)
    keras.config.set_dtype_policy("float32")
    plain = mnist_decoder()
    plain.set_weights(decoder.get_weights())
    report(name, plain, *test, seed=seed)
    export(plain, mnist_decoder(), f"{name}_decoder")


def report(name, decoder, images, labels, *, seed):
    """Print the error on 1,000 test images under an attack of ten steps."""
    net = stored(mnist_wide(), name)
    test = AdversarialExamples(net, images, labels, steps=10, batch=1000, seed=seed)
    features, adversarial = test[0]
    error = float(np.mean((keras.ops.convert_to_numpy(decoder(features)) - adversarial) ** 2))
    print(
        f"{name}_decoder: mean squared error {error:.4f} on 1,000 attacked test images; "
        f"gray images would have {adversarial.var():.4f}"
    )


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
