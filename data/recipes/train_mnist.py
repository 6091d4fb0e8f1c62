"""Train `mnist_cnn`, the slides' digit reader, on MNIST and on the first 1,000 digits of
scikit-learn: python train_mnist.py.

Each picture is shifted by up to two pixels at random, so that the net reads digits wherever they
are written. Runs on Keras with TensorFlow, or with PyTorch (KERAS_BACKEND=torch).
"""

import keras
import numpy as np
from batches import Moved
from export import export

from lecture_lib.datasets.digits import load_digits, load_mnist
from lecture_lib.models.classifiers import mnist_cnn


def main(*, epochs=20, seed=0):
    keras.utils.set_random_seed(seed)
    images, labels, test_images, test_labels = load_mnist()
    digits, digit_labels = load_digits()
    repeats = 10  # so that a thousand digits are not lost among sixty thousand
    pictures = np.concatenate([images, *[digits[:1000]] * repeats])
    answers = np.concatenate([labels, *[digit_labels[:1000]] * repeats])
    batches = Moved(pictures, answers, batch=128, shift=2, seed=seed)
    model = mnist_cnn()
    rate = keras.optimizers.schedules.CosineDecay(2e-3, epochs * len(batches))
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile(keras.optimizers.Adam(rate), loss, metrics=["accuracy"])
    backup = keras.callbacks.BackupAndRestore("checkpoints/mnist_cnn", double_checkpoint=True)
    model.fit(batches, epochs=epochs, callbacks=[backup], verbose=2, shuffle=False)
    for name, pictures, answers in (
        ("MNIST test", test_images, test_labels),
        ("digits never seen", digits[1000:], digit_labels[1000:]),
    ):
        print(
            f"mnist_cnn: {model.evaluate(pictures, answers, verbose=0)[1]:.4f} of "
            f"{len(answers)} pictures of {name}"
        )
    export(model, mnist_cnn(), "mnist_cnn")


if __name__ == "__main__":
    main()
