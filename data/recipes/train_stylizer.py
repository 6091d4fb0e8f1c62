"""Train `stylizer`, one small network that paints any image in four styles at once.

    python data/recipes/train_stylizer.py --epochs E

What it learns from is what style transfer (Gatys et al., 2016) minimizes for one image: content
from "block2" of `tinynet_robust`, style from the Gram matrices of "edges" to "block3", total
variation; here for every image, in one pass forward (Johnson et al., Perceptual losses for
real-time style transfer, 2016). The styles are the paintings of `lecture_lib.datasets.paintings`;
of each the network keeps two numbers per map (Dumoulin et al., A learned representation for
artistic style, 2017). Runs on Keras with TensorFlow or PyTorch.

The stored weights are of a run before `stylizer` brought even maps to 0. They were not tuned anew:
the loss stayed (3.4546, now 3.4547). A new run gives another file, at 3.41; see data/README.md.
"""

import argparse

import keras
import numpy as np
from batches import InRandomOrder, fit
from export import export
from keras import ops
from PIL import Image
from robust_features import robust_net
from tiny_imagenet import read

from lecture_lib.datasets import paintings
from lecture_lib.datasets.image_sets import random_crops
from lecture_lib.datasets.images import imagenet_photo_names
from lecture_lib.models.decoders import stylizer

STYLES = ("swirls", "stained_glass", "painted_dots", "painted_waves")
STYLE_LAYERS = ("edges", "block1", "block2", "block3")
CONTENT_LAYER = "block2"
SIDE = 96
WEIGHTS = {"content": 1.0, "style": 10.0, "total_variation": 3.0}

# What it learns from


class Contents(InRandomOrder):
    """Images (batch, SIDE, SIDE, 3) in random order, and for each one of the styles, in turn.

    Args:
        images: (N, SIDE, SIDE, 3), uint8.
        batch, limit, seed: of `InRandomOrder`.
    """

    def __init__(self, images, *, batch=4, limit=None, seed=0):
        super().__init__(len(images), batch=batch, limit=limit, seed=seed, workers=0)
        self.images = images

    def make_batch(self, chosen):
        """Return (images, styles), and 0 as the target of every part of the loss."""
        styles = np.eye(len(STYLES), dtype="float32")[np.arange(len(chosen)) % len(STYLES)]
        targets = dict.fromkeys(WEIGHTS, np.zeros(len(chosen), "float32"))
        return (self.images[chosen].astype("float32") / 255, styles), targets


def contents(count):
    """Return 2 count images, uint8 (2 count, SIDE, SIDE, 3).

    Half are images of Tiny ImageNet made larger, half are squares of ImageNet's photographs, which
    are sharp.
    """
    small = read()[0]
    chosen = np.random.default_rng(0).permutation(len(small))[:count]
    large = [
        np.asarray(Image.fromarray(image).resize((SIDE, SIDE), Image.Resampling.BICUBIC))
        for image in small[chosen]
    ]
    crops = random_crops(count, size=SIDE, photos=imagenet_photo_names())
    return np.concatenate([np.stack(large), np.rint(255 * crops).astype("uint8")])


# The loss


def gram(maps):
    """Return V Vᵀ / (positions · channels) of maps (N, h, w, C): (N, C, C)."""
    _, height, width, channels = maps.shape
    rows = ops.reshape(maps, (-1, height * width, channels))
    return ops.matmul(ops.transpose(rows, (0, 2, 1)), rows) / (height * width * channels)


def share(values, target):
    """Return ‖values − target‖² / ‖target‖² of each of a batch: (N,)."""
    axes = tuple(range(1, len(values.shape)))
    return ops.sum(ops.square(values - target), axis=axes) / ops.sum(ops.square(target), axis=axes)


def total_variation(images):
    """Return the total variation per pixel of images (N, SIDE, SIDE, 3): (N,)."""
    down = ops.sum(ops.abs(images[:, 1:] - images[:, :-1]), axis=(1, 2, 3))
    right = ops.sum(ops.abs(images[:, :, 1:] - images[:, :, :-1]), axis=(1, 2, 3))
    return (down + right) / SIDE**2


def style_features(net):
    """Return the Model from images to {layer: maps} of the layers of style."""
    return keras.Model(net.input, {layer: net.get_layer(layer).output for layer in STYLE_LAYERS})


def style_grams(net):
    """Return the Gram matrices of the paintings: {layer: (styles, C, C)}."""
    painted = np.stack([getattr(paintings, style)() for style in STYLES])
    maps = style_features(net)(painted)
    return {layer: ops.convert_to_numpy(gram(maps[layer])) for layer in maps}


def parts(maps, content, target):
    """Return how far maps are from a content's maps, and from Gram matrices.

    Args:
        maps: {layer: (N, h, w, C)}.
        content: the same of the content.
        target: {layer: (N, C, C)}.

    Returns:
        {"content": (N,), "style": (N,)}.
    """
    maps = {layer: ops.cast(values, "float32") for layer, values in maps.items()}
    wanted = ops.cast(content[CONTENT_LAYER], "float32")
    style = [share(gram(maps[layer]), target[layer]) for layer in STYLE_LAYERS]
    return {"content": share(maps[CONTENT_LAYER], wanted), "style": sum(style) / len(style)}


def objective(net, painter, grams):
    """Return the Model from (images, styles) to the parts of the loss, {name: (N,)}.

    Args:
        net: the network whose features are compared.
        painter: (images, styles) -> images.
        grams: {layer: (styles, C, C)}.
    """
    images = keras.Input((SIDE, SIDE, 3))
    styles = keras.Input((len(STYLES),))
    painted = painter([images, styles])
    weights = ops.cast(styles, "float32")
    target = {layer: ops.tensordot(weights, grams[layer], 1) for layer in STYLE_LAYERS}
    seen = style_features(net)
    losses = parts(seen(painted), seen(images), target)
    losses["total_variation"] = total_variation(ops.cast(painted, "float32"))
    return keras.Model([images, styles], losses)


def mean(_, values):
    """Return the mean of a part of the loss."""
    return ops.mean(values)


# Training


def main(*, epochs, limit=250, count=3000, peak=2e-3, precision="float32", seed=0):
    """Train the stylizer and write its weights to data/weights."""
    keras.utils.set_random_seed(seed)
    grams = style_grams(robust_net())
    keras.config.set_dtype_policy(precision)
    net = robust_net()
    net.trainable = False
    painter = stylizer(len(STYLES))
    batches = Contents(contents(count), limit=limit, seed=seed)
    model = objective(net, painter, grams)
    rate = keras.optimizers.schedules.CosineDecay(peak, epochs * limit)
    model.compile(keras.optimizers.Adam(rate), dict.fromkeys(WEIGHTS, mean), loss_weights=WEIGHTS)
    fit(model, batches, name="stylizer", epochs=epochs)
    write(painter)


def write(painter):
    """Write the weights of a trained stylizer to data/weights."""
    keras.config.set_dtype_policy("float32")
    plain = stylizer(len(STYLES))
    plain.set_weights(painter.get_weights())
    export(plain, stylizer(len(STYLES)), "stylizer")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--epochs", type=int, default=12)
    parser.add_argument(
        "--precision",
        default="float32",
        help="mixed_bfloat16 takes two thirds of the time on processors that know it",
    )
    parser.add_argument("--limit", type=int, default=250, help="batches in a pass")
    main(**vars(parser.parse_args()))
