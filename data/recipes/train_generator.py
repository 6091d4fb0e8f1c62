"""Train `tinynet_generator`, which draws 64x64 pictures from the features "block4" of
`tinynet_robust`: python train_generator.py.

What it draws should be the picture, pixel by pixel, and should look to `tinynet_robust` as the
picture did: the mean absolute error of the pixels and of the features "block1" to "block3"
(Dosovitskiy and Brox, Generating images with perceptual similarity metrics based on deep networks,
2016). Runs on Keras with TensorFlow or PyTorch; goes on after the last whole pass when cut off.
"""

import argparse
from pathlib import Path

import keras
import numpy as np
from batches import InRandomOrder
from export import export
from keras import ops
from robust_features import features_of, robust_net, training_features
from tiny_imagenet import read

from lecture_lib.models.decoders import tinynet_generator

WEIGHTS = {
    "picture": 1.0,
    "block1": 1.0,
    "block2": 1.0,
    "block3": 1.0,
}  # of each mean absolute error


class Drawn(InRandomOrder):
    """Features in random order, and what should be drawn from them.

    The picture, and what the robust net sees in it.
    """

    def __init__(self, features, pictures, seen, *, batch=50, limit=None, seed=0):
        super().__init__(len(features), batch=batch, limit=limit, seed=seed, workers=0)
        self.features, self.pictures, self.seen = features, pictures, seen

    def made(self, chosen):
        images = self.pictures[chosen].astype("float32") / 255
        seen = {
            name: ops.convert_to_numpy(maps)
            for name, maps in self.seen(images, training=False).items()
        }
        return self.features[chosen].astype("float32"), {"picture": images} | seen


def main(*, epochs, peak=1e-3, precision="float32", limit=None, seed=0):
    keras.utils.set_random_seed(seed)
    keras.config.set_dtype_policy(precision)
    pictures, _, test_pictures, _ = read()
    net = robust_net()
    net.trainable = False
    seen = keras.Model(net.input, {name: net.get_layer(name).output for name in list(WEIGHTS)[1:]})
    batches = Drawn(training_features(pictures), pictures, seen, limit=limit, seed=seed)
    generator = tinynet_generator()
    drawn = generator(features := keras.Input((4, 4, 256)))
    model = keras.Model(features, {"picture": drawn} | seen(drawn))
    rate = keras.optimizers.schedules.CosineDecay(peak, epochs * len(batches))
    model.compile(keras.optimizers.Adam(rate), dict.fromkeys(WEIGHTS, "mae"), loss_weights=WEIGHTS)
    backup = keras.callbacks.BackupAndRestore(
        Path("checkpoints") / "tinynet_generator", double_checkpoint=True
    )
    model.fit(batches, epochs=epochs, callbacks=[backup], verbose=2, shuffle=False)
    keras.config.set_dtype_policy("float32")
    plain = tinynet_generator()
    plain.set_weights(generator.get_weights())
    test = test_pictures[:: max(1, len(test_pictures) // 500)]
    drawn = np.concatenate(
        [
            ops.convert_to_numpy(plain(part))
            for part in np.array_split(features_of(robust_net(), test), 10)
        ]
    )
    print(
        f"tinynet_generator: mean absolute error {np.abs(drawn - test / 255).mean():.4f} on "
        f"{len(test)} validation pictures"
    )
    export(plain, tinynet_generator(), "tinynet_generator")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--epochs", type=int, default=6)
    parser.add_argument(
        "--precision",
        default="float32",
        help="mixed_bfloat16 halves the time on processors that know it",
    )
    parser.add_argument("--limit", type=int, help="batches in a pass, to try the recipe")
    main(**vars(parser.parse_args()))
