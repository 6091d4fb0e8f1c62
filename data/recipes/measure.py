"""Measure digit readers and write what was found to accuracy.json.

Python measure.py NAME [NAME ...].

Shares of right answers: on MNIST's 10,000 test pictures, and on every tenth of them (the first half
is the easier one) when an attack of 20 steps, or of 100, may change each pixel by up to 0.1 or 0.3.
Runs on Keras with TensorFlow or PyTorch.
"""

import json
import sys

import keras
import numpy as np
from export import DATA, stored
from linf_attack import attacked_accuracy
from train_mnist_wide import quick_twin

from lecture_lib.datasets.digits import load_mnist
from lecture_lib.models import classifiers

NETS = {
    "mnist_cnn": classifiers.mnist_cnn,
    "mnist_natural": classifiers.mnist_wide,
    "mnist_robust": classifiers.mnist_wide,
    "protonet": classifiers.protonet,
}


def measured(name, images, labels):
    """{"mnist_test": share, "attacked_linf_0.1": share, ...} of a net of data/."""
    net = stored(NETS[name](), name)
    net = quick_twin(net) if NETS[name] is classifiers.mnist_wide else net
    attacks = {
        "attacked_linf_0.1": (0.1, 20),
        "attacked_linf_0.3": (0.3, 20),
        "attacked_linf_0.3_100_steps": (0.3, 100),
    }
    shares = {"mnist_test": attacked_accuracy(net, images, labels)}
    for key, (radius, steps) in attacks.items():
        step = 0.01 if steps == 100 else None
        shares[key] = attacked_accuracy(
            net, images[::10], labels[::10], radius=radius, steps=steps, step=step
        )
    return shares


def main(names):
    keras.utils.set_random_seed(0)
    _, _, images, labels = load_mnist()
    for name in names:
        found = {
            key: round(float(share), 4)
            for key, share in measured(name, images, labels.astype(np.int32)).items()
        }
        path = DATA / "tables" / "accuracy.json"
        written = json.loads(path.read_text())
        path.write_text(
            json.dumps(written | {name: written.get(name, {}) | found}, indent=2) + "\n"
        )
        print(name, found, flush=True)


if __name__ == "__main__":
    main(sys.argv[1:] or list(NETS))
