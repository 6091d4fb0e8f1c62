"""Batches in random order, each image changed a little at random.

A network that learns from them learns what an image shows and not where.
"""

from pathlib import Path

import keras
import numpy as np
from PIL import Image
from scipy import ndimage
from tqdm.auto import tqdm


class InRandomOrder(keras.utils.PyDataset):
    """Batches in an order drawn anew for each pass; a subclass says in `make_batch` what they hold.

    Args:
        count: how many examples there are.
        batch: how many in one batch.
        limit: batches in a pass, to try a recipe; None for all whole ones.
        seed: of the order.
    """

    def __init__(self, count, *, batch, limit=None, seed=0, **options):
        super().__init__(**options)
        self.count = count
        self.batch = batch
        self.limit = limit
        self.random = np.random.default_rng(seed)
        self.on_epoch_end()

    def __len__(self):
        return self.limit or self.count // self.batch

    def __getitem__(self, number):
        return self.make_batch(self.order[number * self.batch : (number + 1) * self.batch])

    def make_batch(self, chosen):
        """Return (inputs, targets) of the examples of these numbers."""
        raise NotImplementedError

    def on_epoch_end(self):
        """Draw the order of the next pass."""
        self.order = self.random.permutation(self.count)


class ShiftedImages(InRandomOrder):
    """Batches in random order, each image shifted by up to `shift` pixels both ways.

    Args:
        images: (N, side, side, C), uint8 0..255 or floats in [0, 1].
        labels: (N,).
        batch: how many in one batch.
        shift: in pixels.
        border: what is beyond the edge, as in `np.pad`.
        mirrored: whether half of the images are mirrored.
        smallest: side of the smallest square that may be cut out and enlarged; None enlarges none.
        seed: of the order and of the changes.
    """

    def __init__(
        self,
        images,
        labels,
        *,
        batch,
        shift,
        border="constant",
        mirrored=False,
        smallest=None,
        seed=0,
    ):
        super().__init__(len(labels), batch=batch, seed=seed)
        self.side = images.shape[1]
        self.padded = np.pad(images, [(0, 0), (shift, shift), (shift, shift), (0, 0)], mode=border)
        self.labels = labels
        self.smallest = smallest
        # How many choices there are for the row, the column, and the mirroring.
        self.choices = [2 * shift + 1, 2 * shift + 1] + [2] * mirrored

    def make_batch(self, chosen):
        """Return the images, floats in [0, 1], and their labels."""
        drawn = self.random.integers(0, self.choices, size=(len(chosen), len(self.choices)))
        changed = [self.changed(self.padded[i], *how) for i, how in zip(chosen, drawn, strict=True)]
        images = np.stack(changed)
        if images.dtype == np.uint8:
            images = images.astype("float32") / 255
        return images, self.labels[chosen]

    def changed(self, image, row, column, mirrored=0):
        """Return the part of a padded image that begins at a row and a column."""
        image = image[row : row + self.side, column : column + self.side]
        image = image[:, ::-1] if mirrored else image
        if self.smallest and self.smallest < self.side:
            return self.enlarged(image)
        return image

    def enlarged(self, image):
        """Return a square cut out of an image at random, at the size of the whole."""
        size = self.random.integers(self.smallest, self.side + 1)
        row, column = self.random.integers(0, self.side + 1 - size, size=2)
        box = (column, row, column + size, row + size)
        sides = (self.side, self.side)
        return np.asarray(Image.fromarray(image).resize(sides, Image.Resampling.BILINEAR, box))


def elastic(images, *, random, sigma=4.0, alpha=20.0):
    """Bend images like rubber: every pixel is fetched from a place a little off.

    Args:
        images: (N, H, W, 1).
        random: a numpy Generator.
        sigma: over how many pixels the offsets are smoothed.
        alpha: how far they go.

    Returns:
        (N, H, W, 1) float32.

    Source:
        Simard et al., Best practices for convolutional neural networks, 2003.
    """
    count, height, width, _ = images.shape
    noise = random.uniform(-1, 1, (2, count, height, width))
    offsets = alpha * ndimage.gaussian_filter(noise, (0, 0, sigma, sigma), mode="constant")
    numbers, rows, columns = np.indices((count, height, width))
    places = [numbers, rows + offsets[0], columns + offsets[1]]
    bent = ndimage.map_coordinates(images[..., 0], places, order=1, mode="constant")
    return bent[..., None].astype("float32")


def in_parts(evaluate, images, *, size, desc):
    """Return evaluate(images) of uint8 images, some at a time, under a bar of progress.

    Args:
        evaluate: floats in [0, 1] (n, H, W, C) -> an array.
        images: (N, H, W, C), uint8.
        size: how many images at a time.
        desc: what the bar says.
    """
    starts = tqdm(range(0, len(images), size), desc=desc, disable=None)
    parts = [evaluate(images[first : first + size].astype("float32") / 255) for first in starts]
    return np.concatenate(parts)


def fit(model, batches, *, name, epochs):
    """Train a compiled model, pass after pass.

    A run that was cut off goes on after its last whole pass, which is kept in checkpoints/NAME.
    """
    backup = keras.callbacks.BackupAndRestore(Path("checkpoints") / name, double_checkpoint=True)
    model.fit(batches, epochs=epochs, callbacks=[backup], verbose=2, shuffle=False)
