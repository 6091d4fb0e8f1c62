"""Images to start from: gray with a little noise, and the sides of a class."""

import numpy as np

from lecture_lib.datasets.decoding import check_size
from lecture_lib.datasets.downloads import DATA
from lecture_lib.datasets.shapes import ImageOrImages, Images, Network


def gray_noise(
    model: Network,
    *,
    size: int | tuple[int, int] | None = None,
    shape: tuple[int, ...] = (),
    seed: int = 0,
    noise: float = 0.02,
) -> ImageOrImages:
    """Return gray images with a little noise, to start from.

    Args:
        model: the network that they are for.
        size: their side in pixels, or (height, width), by default the network's own.
        shape: () for one image, (N,) for several.
        seed: the same seed, the same images.
        noise: the standard deviation of the pixels around ½.

    Returns:
        (H, W, C), or (N, H, W, C), float32 in [0, 1].

    Raises:
        ValueError: for a size that is none.
    """
    check_size(size)
    sides = np.broadcast_to(model.image_size if size is None else size, 2)
    channels = model.input.shape[-1]
    pixels = np.random.default_rng(seed).standard_normal((*shape, *sides, channels), np.float32)
    return np.clip(0.5 + noise * pixels, 0, 1)


def facets(class_index: int) -> Images:
    """Return images from which ascents show several sides of one class.

    They are the means of two to four groups of photographs that look alike: the groups that k-means
    finds in the features of tinynet_robust.

    Args:
        class_index: 0..39, a class of the tinynets.

    Returns:
        (groups, 64, 64, 3) float32 in [0, 1], the largest group first.

    Raises:
        ValueError: for another class.

    Source:
        Nguyen, Yosinski and Clune, Multifaceted feature visualization, 2016.
    """
    with np.load(DATA / "weights" / "facets.npz", allow_pickle=False) as stored:
        is_of_class = stored["class_index"] == class_index
        if not is_of_class.any():
            raise ValueError(
                f"There are facets of the classes 0 to {stored['class_index'].max()} of the "
                f"tinynets, not of {class_index}."
            )
        return stored["pictures"][is_of_class].astype(np.float32) / 255
