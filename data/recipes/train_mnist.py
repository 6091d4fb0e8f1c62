"""Train `mnist_cnn`, the slides' classifier of digits, on MNIST and on scikit-learn's digits.

    python data/recipes/train_mnist.py

Of scikit-learn's digits it sees the first 1,000. Each image is shifted by up to two pixels at
random, so that the network recognizes digits wherever they are written. Runs on Keras with
TensorFlow, or with PyTorch (KERAS_BACKEND=torch).
"""

import keras
import numpy as np
from batches import ShiftedImages, fit
from export import export

from lecture_lib.datasets.digits import load_digits, load_mnist
from lecture_lib.models.classifiers import mnist_cnn

SEEN = 1000  # of scikit-learn's digits
REPEATS = 10  # so that a thousand digits are not lost among sixty thousand


def main(*, epochs=20, seed=0):
    """Train the network, print its accuracy, and write its weights to data/weights."""
    keras.utils.set_random_seed(seed)
    images, labels, *test = load_mnist()
    digits, digit_labels = load_digits()
    images = np.concatenate([images, *[digits[:SEEN]] * REPEATS])
    labels = np.concatenate([labels, *[digit_labels[:SEEN]] * REPEATS])
    batches = ShiftedImages(images, labels, batch=128, shift=2, seed=seed)
    model = mnist_cnn()
    rate = keras.optimizers.schedules.CosineDecay(2e-3, epochs * len(batches))
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile(keras.optimizers.Adam(rate), loss, metrics=["accuracy"])
    fit(model, batches, name="mnist_cnn", epochs=epochs)
    report(model, "MNIST test", *test)
    report(model, "digits never seen", digits[SEEN:], digit_labels[SEEN:])
    export(model, mnist_cnn(), "mnist_cnn")


def report(model, name, images, labels):
    """Print the accuracy on some images."""
    share = model.evaluate(images, labels, verbose=0)[1]
    print(f"mnist_cnn: {share:.4f} of {len(labels)} images of {name}")


if __name__ == "__main__":
    main()
