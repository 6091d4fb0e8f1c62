"""Train `protonet` and its decoder, a digit reader that compares with 15 prototypes.

Python train_protonet.py --epochs E.

Four losses (Li et al., Deep learning for case-based reasoning through prototypes, 2018): 20 times
the cross-entropy of the class, the
squared error of the decoded picture, and two squared distances: of each prototype to the nearest
picture of the batch, and of each picture to the nearest prototype. Each picture is bent like rubber
first. With --again the stored nets learn on. Runs on Keras with TensorFlow or PyTorch.
"""

import argparse
from pathlib import Path

import keras
import numpy as np
from batches import InRandomOrder, elastic
from export import export, stored
from keras import ops

from lecture_lib.datasets.digits import load_mnist
from lecture_lib.models.classifiers import protonet
from lecture_lib.models.decoders import protonet_decoder


class Elastic(InRandomOrder):
    """Bent pictures in random order, with the answers to all outputs.

    The digit, and the picture itself.
    """

    def __init__(self, images, labels, *, alpha, batch=250, limit=None, seed=0):
        super().__init__(len(labels), batch=batch, limit=limit, seed=seed, workers=0)
        self.images, self.labels, self.alpha = images, labels, alpha

    def made(self, chosen):
        pictures = elastic(self.images[chosen], random=self.random, alpha=self.alpha)
        return pictures, {
            "scores": self.labels[chosen],
            "picture": pictures,
            "prototypes": self.labels[chosen],
        }


def squared_error(pictures, decoded):
    """‖g(f(I)) − I‖², summed over a picture's pixels."""
    return ops.sum(ops.square(decoded - pictures), axis=(1, 2, 3))


def nearness(_, distances):
    """R1 + R2: each prototype should lie near a picture of the batch, and each picture near a
    prototype. distances: (N, prototypes).
    """
    return ops.mean(ops.min(distances, axis=0)) + ops.mean(ops.min(distances, axis=1))


def main(*, epochs, again=False, alpha=20.0, limit=None, seed=0):
    keras.utils.set_random_seed(seed)
    images, labels, test_images, test_labels = load_mnist()
    batches = Elastic(images, labels, alpha=alpha, limit=limit, seed=seed)
    net, decoder = (
        stored(make(), make.__name__) if again else make() for make in (protonet, protonet_decoder)
    )
    outputs = {name: net.get_layer(name).output for name in ("scores", "prototypes")}
    model = keras.Model(net.input, outputs | {"picture": decoder(net.get_layer("code").output)})
    rate = keras.optimizers.schedules.CosineDecay(2e-3, epochs * len(batches))
    losses = {
        "scores": keras.losses.SparseCategoricalCrossentropy(from_logits=True),
        "prototypes": nearness,
        "picture": squared_error,
    }
    weights = {"scores": 20.0, "prototypes": 1.0, "picture": 1.0}
    model.compile(
        keras.optimizers.Adam(rate), losses, loss_weights=weights, metrics={"scores": "accuracy"}
    )
    backup = keras.callbacks.BackupAndRestore(
        Path("checkpoints") / ("protonet" + "_again" * again), double_checkpoint=True
    )
    model.fit(batches, epochs=epochs, callbacks=[backup], verbose=2, shuffle=False)
    guesses = np.concatenate(
        [ops.convert_to_numpy(net(part)).argmax(1) for part in np.split(test_images, 20)]
    )
    print(f"protonet: {np.mean(guesses == test_labels):.4f} of {len(test_labels)} test pictures")
    export(net, protonet(), "protonet")
    export(decoder, protonet_decoder(), "protonet_decoder")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--epochs", type=int, default=20)
    parser.add_argument(
        "--again",
        action="store_true",
        help="begin with the weights in data/, as after an earlier run of this recipe",
    )
    parser.add_argument(
        "--alpha", type=float, default=20.0, help="how far a picture is bent, see `elastic`"
    )
    parser.add_argument("--limit", type=int, help="batches in a pass, to try the recipe")
    main(**vars(parser.parse_args()))
