"""Train `tinynet_generator`, which draws 64x64 images from features "block4" of `tinynet_robust`.

    python data/recipes/train_generator.py --epochs E

What it draws should be the image, pixel by pixel, and should look to `tinynet_robust` as the image
did: the mean absolute error of the pixels and of the features "block1" to "block3" (Dosovitskiy and
Brox, Generating images with perceptual similarity metrics based on deep networks, 2016). Runs on
Keras with TensorFlow or PyTorch; goes on after the last whole pass when cut off.
"""

import argparse

import keras
import numpy as np
from batches import InRandomOrder, fit
from export import export
from keras import ops
from robust_features import features_of, robust_net, training_features
from tiny_imagenet import read

from lecture_lib.models.decoders import tinynet_generator

LAYERS = ("block1", "block2", "block3")
WEIGHTS = {"picture": 1.0} | dict.fromkeys(LAYERS, 1.0)  # of each mean absolute error


class FeaturesOfImages(InRandomOrder):
    """Features in random order, and what should be drawn from them.

    That is the image, and the features of some layers for it.

    Args:
        features: those to draw from, (N, 4, 4, 256).
        images: (N, 64, 64, 3), uint8.
        seen: a Model from images to {layer: features}.
        batch, limit, seed: of `InRandomOrder`.
    """

    def __init__(self, features, images, seen, *, batch=50, limit=None, seed=0):
        super().__init__(len(features), batch=batch, limit=limit, seed=seed, workers=0)
        self.features = features
        self.images = images
        self.seen = seen

    def make_batch(self, chosen):
        """Return the features, and {output: target}."""
        images = self.images[chosen].astype("float32") / 255
        seen = self.seen(images, training=False)
        targets = {name: ops.convert_to_numpy(maps) for name, maps in seen.items()}
        return self.features[chosen].astype("float32"), {"picture": images} | targets


def joined(generator, seen):
    """Return the Model from features to {"picture": image, layer: what is seen in it}."""
    features = keras.Input((4, 4, 256))
    drawn = generator(features)
    return keras.Model(features, {"picture": drawn} | seen(drawn))


def main(*, epochs, peak=1e-3, precision="float32", limit=None, seed=0):
    """Train the generator, print its error, and write its weights to data/weights."""
    keras.utils.set_random_seed(seed)
    keras.config.set_dtype_policy(precision)
    images, _, test_images, _ = read()
    net = robust_net()
    net.trainable = False
    seen = keras.Model(net.input, {name: net.get_layer(name).output for name in LAYERS})
    batches = FeaturesOfImages(training_features(images), images, seen, limit=limit, seed=seed)
    generator = tinynet_generator()
    model = joined(generator, seen)
    rate = keras.optimizers.schedules.CosineDecay(peak, epochs * len(batches))
    model.compile(keras.optimizers.Adam(rate), dict.fromkeys(WEIGHTS, "mae"), loss_weights=WEIGHTS)
    fit(model, batches, name="tinynet_generator", epochs=epochs)
    write(generator, test_images)


def write(generator, test_images):
    """Print the error of a trained generator, and write its weights to data/weights."""
    keras.config.set_dtype_policy("float32")
    plain = tinynet_generator()
    plain.set_weights(generator.get_weights())
    images = test_images[:: max(1, len(test_images) // 500)]
    parts = np.array_split(features_of(robust_net(), images), 10)
    drawn = np.concatenate([ops.convert_to_numpy(plain(part)) for part in parts])
    error = np.abs(drawn - images / 255).mean()
    print(f"tinynet_generator: mean absolute error {error:.4f} on {len(images)} validation images")
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
