"""Batches in random order, each picture changed a little at random, so that a net learns what a
picture shows and not where.
"""

import keras
import numpy as np
from PIL import Image
from scipy import ndimage


class InRandomOrder(keras.utils.PyDataset):
    """Batches of numbers below `count` in an order drawn anew for each pass.

    A subclass says in `made` what a batch of them holds.

    batch: how many in one. limit: batches in a pass, to try a recipe; None for all whole ones.
    """

    def __init__(self, count, *, batch, limit=None, seed=0, **options):
        super().__init__(**options)
        self.count, self.batch, self.limit, self.random = (
            count,
            batch,
            limit,
            np.random.default_rng(seed),
        )
        self.on_epoch_end()

    def __len__(self):
        return self.limit or self.count // self.batch

    def __getitem__(self, number):
        return self.made(self.order[number * self.batch : (number + 1) * self.batch])

    def on_epoch_end(self):
        self.order = self.random.permutation(self.count)


class Moved(InRandomOrder):
    """Batches in random order, each picture shifted by up to `shift` pixels both ways.

    pictures: (N, side, side, C), uint8 0..255 or floats in [0, 1]. border: what is beyond the edge,
    as in `np.pad`. mirrored: whether
    half of the pictures are mirrored. smallest: side of the smallest square that may be cut out and
    enlarged, None for no enlarging.
    """

    def __init__(
        self,
        pictures,
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
        self.pictures = np.pad(
            pictures, [(0, 0), (shift, shift), (shift, shift), (0, 0)], mode=border
        )
        self.side, self.places = pictures.shape[1], [2 * shift + 1, 2 * shift + 1] + [2] * mirrored
        self.smallest, self.labels = smallest, labels

    def made(self, chosen):
        places = self.random.integers(0, self.places, size=(len(chosen), len(self.places)))
        pictures = np.stack(
            [self.moved(self.pictures[i], *place) for i, place in zip(chosen, places, strict=True)]
        )
        return (
            pictures.astype("float32") / 255 if pictures.dtype == np.uint8 else pictures
        ), self.labels[chosen]

    def moved(self, picture, row, column, mirrored=0):
        picture = picture[row : row + self.side, column : column + self.side][
            :, :: 1 - 2 * mirrored
        ]
        return self.enlarged(picture) if self.smallest and self.smallest < self.side else picture

    def enlarged(self, picture):
        size = self.random.integers(self.smallest, self.side + 1)
        row, column = self.random.integers(0, self.side + 1 - size, size=2)
        box = (column, row, column + size, row + size)
        return np.asarray(
            Image.fromarray(picture).resize((self.side, self.side), Image.Resampling.BILINEAR, box)
        )


def elastic(pictures, *, random, sigma=4.0, alpha=20.0):
    """Pictures (N, H, W, 1) bent like rubber.

    Every pixel is fetched from a place a little off, the offsets smoothed over `sigma` pixels.

    random: a numpy Generator; alpha: how far. Returns float32 of the same shape.
    Source: Simard et al., Best practices for convolutional neural networks, 2003.
    """
    count, height, width, _ = pictures.shape
    offsets = alpha * ndimage.gaussian_filter(
        random.uniform(-1, 1, (2, count, height, width)), (0, 0, sigma, sigma), mode="constant"
    )
    numbers, rows, columns = np.meshgrid(
        np.arange(count), np.arange(height), np.arange(width), indexing="ij"
    )
    places = [numbers, rows + offsets[0], columns + offsets[1]]
    return ndimage.map_coordinates(pictures[..., 0], places, order=1, mode="constant")[
        ..., None
    ].astype("float32")
