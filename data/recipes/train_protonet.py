"""Train `protonet`, a classifier of digits that compares with 15 prototypes, and its decoder.

    python data/recipes/train_protonet.py --epochs E

Four losses (Li et al., Deep learning for case-based reasoning through prototypes, 2018): 20 times
the cross-entropy of the class, the squared error of the decoded image, and two squared distances:
of each prototype to the nearest image of the batch, and of each image to the nearest prototype.
Each image is bent like rubber first. With --again the stored networks learn on. Runs on Keras with
TensorFlow or PyTorch.
"""

import argparse

import keras
import numpy as np
from batches import InRandomOrder, elastic, fit
from export import export, stored
from keras import ops

from lecture_lib.datasets.digits import load_mnist
from lecture_lib.models.classifiers import protonet
from lecture_lib.models.decoders import protonet_decoder


class BentImages(InRandomOrder):
    """Bent images in random order, with the targets of all outputs: the digit, and the image.

    Args:
        images: (N, 28, 28, 1) in [0, 1].
        labels: (N,).
        alpha: how far the images are bent, see `elastic`.
        batch, limit, seed: of `InRandomOrder`.
    """

    def __init__(self, images, labels, *, alpha, batch=250, limit=None, seed=0):
        super().__init__(len(labels), batch=batch, limit=limit, seed=seed, workers=0)
        self.images = images
        self.labels = labels
        self.alpha = alpha

    def make_batch(self, chosen):
        """Return the images, and {output: target}."""
        images = elastic(self.images[chosen], random=self.random, alpha=self.alpha)
        labels = self.labels[chosen]
        return images, {"scores": labels, "picture": images, "prototypes": labels}


def squared_error(images, decoded):
    """Return ‖g(f(I)) − I‖², summed over an image's pixels."""
    return ops.sum(ops.square(decoded - images), axis=(1, 2, 3))


def prototype_distance(_, distances):
    """Return R1 + R2: prototypes should lie near images of the batch, and images near prototypes.

    distances: squared, (N, prototypes).
    """
    return ops.mean(ops.min(distances, axis=0)) + ops.mean(ops.min(distances, axis=1))


LOSSES = {
    "scores": keras.losses.SparseCategoricalCrossentropy(from_logits=True),
    "prototypes": prototype_distance,
    "picture": squared_error,
}
WEIGHTS = {"scores": 20.0, "prototypes": 1.0, "picture": 1.0}


def compiled(net, decoder, *, steps):
    """Return the Model from images to {"scores", "prototypes", "picture"}, ready to be trained."""
    outputs = {name: net.get_layer(name).output for name in ("scores", "prototypes")}
    outputs["picture"] = decoder(net.get_layer("code").output)
    model = keras.Model(net.input, outputs)
    rate = keras.optimizers.schedules.CosineDecay(2e-3, steps)
    metrics = {"scores": "accuracy"}
    model.compile(keras.optimizers.Adam(rate), LOSSES, loss_weights=WEIGHTS, metrics=metrics)
    return model


def main(*, epochs, again=False, alpha=20.0, limit=None, seed=0):
    """Train both networks, print the accuracy, and write their weights to data/weights."""
    keras.utils.set_random_seed(seed)
    images, labels, *test = load_mnist()
    batches = BentImages(images, labels, alpha=alpha, limit=limit, seed=seed)
    net = protonet()
    decoder = protonet_decoder()
    if again:
        stored(net, "protonet")
        stored(decoder, "protonet_decoder")
    model = compiled(net, decoder, steps=epochs * len(batches))
    fit(model, batches, name="protonet" + "_again" * again, epochs=epochs)
    report(net, *test)
    export(net, protonet(), "protonet")
    export(decoder, protonet_decoder(), "protonet_decoder")


def report(net, images, labels):
    """Print the accuracy on test images."""
    logits = [ops.convert_to_numpy(net(part)) for part in np.split(images, 20)]
    share = np.mean(np.concatenate(logits).argmax(axis=1) == labels)
    print(f"protonet: {share:.4f} of {len(labels)} test images")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--epochs", type=int, default=20)
    parser.add_argument(
        "--again",
        action="store_true",
        help="begin with the weights in data/, as after an earlier run of this recipe",
    )
    parser.add_argument(
        "--alpha", type=float, default=20.0, help="how far an image is bent, see `elastic`"
    )
    parser.add_argument("--limit", type=int, help="batches in a pass, to try the recipe")
    main(**vars(parser.parse_args()))
