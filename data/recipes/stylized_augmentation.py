"""Does a net that also learns from stylized pictures resist attacks? python
stylized_augmentation.py makes stylized_augmentation.csv.

To the pictures of ten classes come the same pictures painted by `stylizer`, each in 0 to 4 styles:
original to stylized 1:0 to 1:4, and the other way round, 2:1 and 4:1 (half, or a quarter, of the
pictures painted once). For each ratio a small net learns from scratch, with the same number of
steps, and is asked about pictures that it never saw, as they are and after a 20-step L2 attack of
radius 0.5. After Zheng et al., Insights from attacking interpretable models; Geirhos et al.,
ImageNet-trained CNNs are biased toward texture, 2019. Runs on Keras with TensorFlow or PyTorch;
rows that the table has already are not made again.
"""

import argparse
import csv

import keras
import numpy as np
from batches import Moved
from export import DATA, stored
from keras import layers, ops
from tiny_imagenet import CLASSES, read
from tqdm.auto import tqdm
from train_tinynet import accuracy

from lecture_lib.models.decoders import stylizer

TEN = (
    "goldfish",
    "koala",
    "king penguin",
    "golden retriever",
    "monarch",
    "African elephant",
    "school bus",
    "teapot",
    "pizza",
    "seashore",
)
RATIOS = ((1, 0), (1, 1), (1, 2), (1, 3), (1, 4), (2, 1), (4, 1))  # original to stylized
STYLES, BATCH = 4, 50


def ten_classes():
    """The pictures and labels 0..9 of `TEN`.

    For training (300 each) and for the questions (50 each), uint8 and int.
    """
    pictures, labels, test_pictures, test_labels = read()
    first = np.concatenate(
        [np.flatnonzero(labels == number)[:300] for number in range(len(CLASSES))]
    )
    pictures, labels = pictures[first], labels[first]
    places = np.full(len(CLASSES), -1)
    places[[CLASSES.index(name) for name in TEN]] = np.arange(len(TEN))
    parts = ((pictures, places[labels]), (test_pictures, places[test_labels]))
    return [values[answers >= 0] for shown, answers in parts for values in (shown, answers)]


def painted(pictures):
    """uint8 pictures (N, 64, 64, 3) in each style: (styles, N, 64, 64, 3)."""
    painter, found = stored(stylizer(STYLES), "stylizer"), []
    for weights in np.eye(STYLES, dtype="float32"):
        for first in tqdm(range(0, len(pictures), BATCH), desc="painting", disable=None):
            images = pictures[first : first + BATCH].astype("float32") / 255
            drawn = painter([images, np.repeat(weights[None], len(images), axis=0)], training=False)
            found.append(np.rint(255 * ops.convert_to_numpy(drawn)).astype("uint8"))
    return np.concatenate(found).reshape(STYLES, *pictures.shape)


def mixture(pictures, labels, stylized, *, ratio, random):
    """The originals, and for 1:k each in k styles that differ, for k:1 every k-th of them in one.

    Pictures and labels.
    """
    original, painted = ratio
    order = np.argsort(
        random.random((len(pictures), STYLES)), axis=1
    )  # the styles of each picture, shuffled
    chosen = np.sort(
        random.permutation(len(pictures))[: len(pictures) * min(painted, 1) // original]
    )
    added = [stylized[order[chosen, number], chosen] for number in range(painted)]
    return np.concatenate([pictures, *added]), np.concatenate(
        [labels, *[labels[chosen]] * len(added)]
    )


def small_net():
    """Four 4x4 convolutions of stride 2 with normalization, average pooling, one linear layer.

    430,218 parameters.
    """
    x = images = keras.Input((64, 64, 3))
    for filters in 32, 64, 128, 128:
        x = layers.Conv2D(filters, 4, 2, padding="same", use_bias=False)(x)
        x = layers.ReLU()(layers.BatchNormalization(momentum=0.9)(x))
    return keras.Model(images, layers.Dense(len(TEN))(layers.GlobalAveragePooling2D()(x)))


def learned(pictures, labels, *, steps, seed):
    """A small net that has learned from so many batches, shifted and mirrored, whatever the number
    of pictures.
    """
    keras.utils.set_random_seed(seed)
    net = small_net()
    batches = Moved(
        pictures, labels, batch=BATCH, shift=6, border="reflect", mirrored=True, seed=seed
    )
    rate = keras.optimizers.schedules.CosineDecay(2e-3, steps)
    net.compile(
        keras.optimizers.Adam(rate), keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    )
    for step in tqdm(range(steps), desc="steps", disable=None):
        net.train_on_batch(*batches[step % len(batches)])
        if (step + 1) % len(batches) == 0:
            batches.on_epoch_end()
    return net


def main(*, seeds, steps, precision="float32"):
    path, (pictures, labels, test_pictures, test_labels) = (
        DATA / "tables" / "stylized_augmentation.csv",
        ten_classes(),
    )
    rows = list(csv.reader(path.open()))[1:] if path.is_file() else []
    done, stylized = {tuple(map(int, row[:3])) for row in rows}, painted(pictures)
    keras.config.set_dtype_policy(precision)
    for seed in range(seeds):
        for ratio in RATIOS:
            if (*ratio, seed) in done:
                continue
            seen = mixture(
                pictures, labels, stylized, ratio=ratio, random=np.random.default_rng(seed)
            )
            net = learned(*seen, steps=steps, seed=seed)
            clean, attacked = (
                accuracy(net, test_pictures, test_labels, radius=radius) for radius in (0, 0.5)
            )
            print(
                f"{ratio[0]}:{ratio[1]}, seed {seed}: {clean:.3f} clean, {attacked:.3f} attacked",
                flush=True,
            )
            rows.append([*ratio, seed, round(clean, 4), round(attacked, 4)])
            ordered = sorted(rows, key=lambda row: [*map(float, row)])
            with path.open("w", newline="") as file:
                csv.writer(file).writerows(
                    [["original", "stylized", "seed", "clean", "attacked"], *ordered]
                )


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seeds", type=int, default=2)
    parser.add_argument("--steps", type=int, default=500)
    parser.add_argument(
        "--precision",
        default="float32",
        help="mixed_bfloat16 takes two thirds of the time on processors that know it",
    )
    main(**vars(parser.parse_args()))
