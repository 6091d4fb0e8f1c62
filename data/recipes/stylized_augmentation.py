"""Does a network that also learns from stylized images resist attacks?

    python data/recipes/stylized_augmentation.py

It makes stylized_augmentation.csv. To the images of ten classes come the same images painted by
`stylizer`, each in 0 to 4 styles: original to stylized 1:0 to 1:4, and the other way round, 2:1 and
4:1 (half, or a quarter, of the images painted once). For each ratio a small network learns from
scratch, with the same number of steps, and classifies images that it never saw, as they are and
after a 20-step L2 attack of radius 0.5. After Zheng et al., Insights from attacking interpretable
models; Geirhos et al., ImageNet-trained CNNs are biased toward texture, 2019. Runs on Keras with
TensorFlow or PyTorch; rows that the table has already are not made again.
"""

import argparse
import csv
from functools import partial

import keras
import numpy as np
from batches import ShiftedImages, in_parts
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
STYLES = 4
BATCH = 50
PER_CLASS = 300  # training images
TABLE = DATA / "tables" / "stylized_augmentation.csv"
COLUMNS = ["original", "stylized", "seed", "clean", "attacked"]


def ten_classes():
    """Return images and labels 0..9 of `TEN`, for training and, 50 per class, for validation.

    Images are uint8 (N, 64, 64, 3).
    """
    images, labels, test_images, test_labels = read()
    of_class = [np.flatnonzero(labels == number)[:PER_CLASS] for number in range(len(CLASSES))]
    first = np.concatenate(of_class)
    return [*only_ten(images[first], labels[first]), *only_ten(test_images, test_labels)]


def only_ten(images, labels):
    """Return the images that show one of the ten classes, and their numbers among the ten."""
    places = np.full(len(CLASSES), -1)
    places[[CLASSES.index(name) for name in TEN]] = np.arange(len(TEN))
    numbers = places[labels]
    return images[numbers >= 0], numbers[numbers >= 0]


def stylized(images):
    """Paint uint8 images (N, 64, 64, 3) in each style: (styles, N, 64, 64, 3)."""
    painter = stored(stylizer(STYLES), "stylizer")
    painted = []
    for style in np.eye(STYLES, dtype="float32"):
        paint = partial(painted_in, style, painter)
        painted.append(in_parts(paint, images, size=BATCH, desc="painting"))
    return np.stack(painted)


def painted_in(style, painter, images):
    """Paint images in [0, 1] in the style that these weights (styles,) mean: uint8."""
    styles = np.repeat(style[None], len(images), axis=0)
    drawn = painter([images, styles], training=False)
    return np.rint(255 * ops.convert_to_numpy(drawn)).astype("uint8")


def mixture(images, labels, painted, *, ratio, random):
    """Mix originals with painted images.

    Args:
        images: uint8 (N, H, W, 3).
        labels: (N,).
        painted: the same images in each style, (styles, N, H, W, 3).
        ratio: (1, k) adds each image in k styles that differ, (k, 1) every k-th of them in one.
        random: a numpy Generator.

    Returns:
        The images and their labels, the originals first.
    """
    original, copies = ratio
    # The styles of each image, shuffled.
    order = np.argsort(random.random((len(images), STYLES)), axis=1)
    count = len(images) * min(copies, 1) // original
    chosen = np.sort(random.permutation(len(images))[:count])
    added = [painted[order[chosen, number], chosen] for number in range(copies)]
    answers = [labels[chosen]] * len(added)
    return np.concatenate([images, *added]), np.concatenate([labels, *answers])


def small_net():
    """Build four 4x4 convolutions of stride 2 with normalization, a mean, one linear layer.

    430,218 parameters.
    """
    x = images = keras.Input((64, 64, 3))
    for filters in 32, 64, 128, 128:
        x = layers.Conv2D(filters, 4, 2, padding="same", use_bias=False)(x)
        x = layers.ReLU()(layers.BatchNormalization(momentum=0.9)(x))
    return keras.Model(images, layers.Dense(len(TEN))(layers.GlobalAveragePooling2D()(x)))


def trained(images, labels, *, steps, seed):
    """Train a small network on so many batches, shifted and mirrored, whatever their number."""
    keras.utils.set_random_seed(seed)
    net = small_net()
    batches = ShiftedImages(
        images, labels, batch=BATCH, shift=6, border="reflect", mirrored=True, seed=seed
    )
    rate = keras.optimizers.schedules.CosineDecay(2e-3, steps)
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    net.compile(keras.optimizers.Adam(rate), loss)
    for step in tqdm(range(steps), desc="steps", disable=None):
        net.train_on_batch(*batches[step % len(batches)])
        if (step + 1) % len(batches) == 0:
            batches.on_epoch_end()
    return net


def written_rows():
    """Return the rows that the table has already."""
    if not TABLE.is_file():
        return []
    with TABLE.open(newline="") as file:
        return list(csv.reader(file))[1:]


def write(rows):
    """Write the table, sorted by ratio and seed."""
    ordered = sorted(rows, key=lambda row: [*map(float, row)])
    with TABLE.open("w", newline="") as file:
        csv.writer(file).writerows([COLUMNS, *ordered])


def main(*, seeds, steps, precision="float32"):
    """Train a network for each ratio and seed that the table lacks, and write its accuracy."""
    images, labels, *test = ten_classes()
    rows = written_rows()
    done = {tuple(map(int, row[:3])) for row in rows}
    painted = stylized(images)
    keras.config.set_dtype_policy(precision)
    wanted = [(*ratio, seed) for seed in range(seeds) for ratio in RATIOS]
    for original, copies, seed in (key for key in wanted if key not in done):
        random = np.random.default_rng(seed)
        seen = mixture(images, labels, painted, ratio=(original, copies), random=random)
        net = trained(*seen, steps=steps, seed=seed)
        clean, attacked = (accuracy(net, *test, radius=radius) for radius in (0, 0.5))
        reached = f"{clean:.3f} clean, {attacked:.3f} attacked"
        print(f"{original}:{copies}, seed {seed}: {reached}", flush=True)
        rows.append([original, copies, seed, round(clean, 4), round(attacked, 4)])
        write(rows)


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
