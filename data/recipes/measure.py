"""Measure classifiers of digits, and write what was found to accuracy.json.

    python data/recipes/measure.py NAME [NAME ...]

Shares of right predictions: on MNIST's 10,000 test images, and on every tenth of them (the first
half is the easier one) when an attack of 20 steps, or of 100, may change each pixel by up to 0.1 or
0.3. Runs on Keras with TensorFlow or PyTorch.
"""

import json
import sys

import keras
import numpy as np
from export import DATA, stored
from linf_attack import attacked_accuracy
from train_mnist_wide import fast_layout

from lecture_lib.datasets.digits import load_mnist
from lecture_lib.models import classifiers

NETWORKS = {
    "mnist_cnn": classifiers.mnist_cnn,
    "mnist_natural": classifiers.mnist_wide,
    "mnist_robust": classifiers.mnist_wide,
    "protonet": classifiers.protonet,
}
ATTACKS = {
    "attacked_linf_0.1": {"radius": 0.1, "steps": 20},
    "attacked_linf_0.3": {"radius": 0.3, "steps": 20},
    "attacked_linf_0.3_100_steps": {"radius": 0.3, "steps": 100, "step": 0.01},
}
TABLE = DATA / "tables" / "accuracy.json"


def measured(name, images, labels):
    """Return {"mnist_test": share, "attacked_linf_0.1": share, ...} of a network of data/."""
    net = stored(NETWORKS[name](), name)
    if NETWORKS[name] is classifiers.mnist_wide:
        net = fast_layout(net)
    shares = {"mnist_test": attacked_accuracy(net, images, labels)}
    for key, attack in ATTACKS.items():
        shares[key] = attacked_accuracy(net, images[::10], labels[::10], **attack)
    return {key: round(float(share), 4) for key, share in shares.items()}


def main(names):
    """Measure the networks of these names and write the table after each."""
    keras.utils.set_random_seed(0)
    _, _, images, labels = load_mnist()
    for name in names:
        found = measured(name, images, labels.astype(np.int32))
        written = json.loads(TABLE.read_text())
        written[name] = written.get(name, {}) | found
        TABLE.write_text(json.dumps(written, indent=2) + "\n")
        print(name, found, flush=True)


if __name__ == "__main__":
    main(sys.argv[1:] or list(NETWORKS))
