"""Train `stylizer`, one small net that paints any picture in four styles at once.

Python train_stylizer.py --epochs E.

What it learns from is what style transfer (Gatys et al., 2016) climbs for one picture: content from
"block2" of `tinynet_robust`, style from the Gram matrices of "edges" to "block3", total variation;
here for every picture, in one pass forward (Johnson et al., Perceptual losses for real-time style
transfer, 2016). The styles are the paintings of `lecture_lib.datasets.paintings`; of each the net
keeps two numbers a map (Dumoulin et al., A learned representation for artistic style, 2017). Runs
on Keras with TensorFlow or PyTorch.

The stored weights are of a run before `stylizer` brought even maps to 0. They were not tuned anew:
the loss stayed (3.4546, now 3.4547). A new run gives another file, at 3.41; see data/README.md.
"""

import argparse
from pathlib import Path

import keras
import numpy as np
from batches import InRandomOrder
from export import export
from keras import ops
from PIL import Image
from robust_features import robust_net
from tiny_imagenet import read

from lecture_lib.datasets import paintings as styles
from lecture_lib.datasets.image_sets import random_crops
from lecture_lib.datasets.images import imagenet_photo_names
from lecture_lib.models.decoders import stylizer

STYLES = ("swirls", "stained_glass", "painted_dots", "painted_waves")
STYLE_LAYERS, CONTENT_LAYER = ("edges", "block1", "block2", "block3"), "block2"
SIDE = 96
WEIGHTS = {"content": 1.0, "style": 10.0, "unrest": 3.0}


class Contents(InRandomOrder):
    """Pictures (batch, SIDE, SIDE, 3) in random order, and for each one of the styles, in turn."""

    def __init__(self, pictures, *, batch=4, limit=None, seed=0):
        super().__init__(len(pictures), batch=batch, limit=limit, seed=seed, workers=0)
        self.pictures = pictures

    def made(self, chosen):
        styles = np.eye(len(STYLES), dtype="float32")[np.arange(len(chosen)) % len(STYLES)]
        return (self.pictures[chosen].astype("float32") / 255, styles), dict.fromkeys(
            WEIGHTS, np.zeros(len(chosen), "float32")
        )


def contents(count):
    """uint8 (2 count, SIDE, SIDE, 3).

    Pictures of Tiny ImageNet made larger, and squares of ImageNet's photographs, which are sharp.
    """
    small = read()[0]
    small = small[np.random.default_rng(0).permutation(len(small))[:count]]
    large = [
        np.asarray(Image.fromarray(picture).resize((SIDE, SIDE), Image.Resampling.BICUBIC))
        for picture in small
    ]
    crops = random_crops(count, size=SIDE, photos=imagenet_photo_names())
    return np.concatenate([np.stack(large), np.rint(255 * crops).astype("uint8")])


def gram(maps):
    """V Vᵀ / (positions · channels) of maps (N, h, w, C): (N, C, C)."""
    rows = ops.reshape(maps, (-1, maps.shape[1] * maps.shape[2], maps.shape[3]))
    return ops.matmul(ops.transpose(rows, (0, 2, 1)), rows) / (
        maps.shape[1] * maps.shape[2] * maps.shape[3]
    )


def share(values, target):
    """‖values − target‖² / ‖target‖² of each of a batch: (N,)."""
    axes = tuple(range(1, len(values.shape)))
    return ops.sum(ops.square(values - target), axis=axes) / ops.sum(ops.square(target), axis=axes)


def style_grams(net):
    """The Gram matrices of the paintings: {layer: (styles, C, C)}."""
    paintings = np.stack([getattr(styles, style)() for style in STYLES])
    return {
        layer: ops.convert_to_numpy(gram(maps)) for layer, maps in seen_by(net)(paintings).items()
    }


def seen_by(net):
    return keras.Model(net.input, {layer: net.get_layer(layer).output for layer in STYLE_LAYERS})


def parts(maps, content, target):
    """{"content": (N,), "style": (N,)}: how far the maps {layer.

    (N, h, w, C)} are from a content's maps, and from Gram matrices.
    """
    maps, content = (
        {layer: ops.cast(values, "float32") for layer, values in each.items()}
        for each in (maps, content)
    )
    style = [share(gram(maps[layer]), target[layer]) for layer in STYLE_LAYERS]
    return {
        "content": share(maps[CONTENT_LAYER], content[CONTENT_LAYER]),
        "style": sum(style) / len(style),
    }


def unrest(pictures):
    """Total variation per pixel of pictures (N, SIDE, SIDE, 3): (N,)."""
    down, right = pictures[:, 1:] - pictures[:, :-1], pictures[:, :, 1:] - pictures[:, :, :-1]
    return (
        ops.sum(ops.abs(down), axis=(1, 2, 3)) + ops.sum(ops.abs(right), axis=(1, 2, 3))
    ) / SIDE**2


def objective(net, painter, grams):
    """The model from (pictures, styles) to the parts of the loss, {"content": (N,), "style".

    (N,), "unrest": (N,)}.
    """
    painted = painter(
        [images := keras.Input((SIDE, SIDE, 3)), styles := keras.Input((len(STYLES),))]
    )
    target = {
        layer: ops.tensordot(ops.cast(styles, "float32"), grams[layer], 1) for layer in STYLE_LAYERS
    }
    seen = seen_by(net)
    losses = parts(seen(painted), seen(images), target) | {
        "unrest": unrest(ops.cast(painted, "float32"))
    }
    return keras.Model([images, styles], losses)


def mean(_, values):
    return ops.mean(values)


def main(*, epochs, limit=250, count=3000, peak=2e-3, precision="float32", seed=0):
    keras.utils.set_random_seed(seed)
    grams = style_grams(robust_net())
    keras.config.set_dtype_policy(precision)
    net, painter = robust_net(), stylizer(len(STYLES))
    net.trainable = False
    batches = Contents(contents(count), limit=limit, seed=seed)
    model = objective(net, painter, grams)
    rate = keras.optimizers.schedules.CosineDecay(peak, epochs * limit)
    model.compile(keras.optimizers.Adam(rate), dict.fromkeys(WEIGHTS, mean), loss_weights=WEIGHTS)
    backup = keras.callbacks.BackupAndRestore(
        Path("checkpoints") / "stylizer", double_checkpoint=True
    )
    model.fit(batches, epochs=epochs, callbacks=[backup], verbose=2, shuffle=False)
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
