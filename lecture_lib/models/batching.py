"""How images go through a network: as many together as suit a processor, results one by one."""

import itertools
from collections.abc import Callable, Iterable, Iterator

import numpy as np
from tqdm.auto import tqdm

from lecture_lib.datasets.shapes import Image, Images
from lecture_lib.models.parts import between_parts


def default_batch_size(shape: tuple) -> int:
    """Return how many images of one shape best go through a network together.

    It is 8 for 224 pixels a side, up to 32 for smaller ones: the overhead of an operation is the
    same for one image as for 32, but many large ones do not fit into the processor's cache.

    Args:
        shape: (..., H, W, C).
    """
    height, width = shape[-3:-1]
    return int(np.clip(8 * 224**2 // (height * width), 8, 32))


def batches(images: Iterable[Image] | Images, *, size: int | None = None) -> Iterator[Images]:
    """Gather images into batches (n, H, W, C), in their order.

    Args:
        images: (H, W, C) one after another, or (N, H, W, C).
        size: n, by default `default_batch_size`.

    Raises:
        ValueError: for images of two sizes.
    """
    stream = iter(images)
    total = len(images) if isinstance(images, np.ndarray) else None
    done = 0
    for first in stream:
        if done:
            between_parts(done, total)
        count = size or default_batch_size(np.shape(first))
        together = [first, *itertools.islice(stream, count - 1)]
        if len({np.shape(image) for image in together}) > 1:
            raise ValueError(
                "The images are not of one size; give all of them the same height and width."
            )
        done += len(together)
        yield np.stack(together)


def with_progress(evaluate: Callable, stacks: Iterable, *, count: int) -> Iterator:
    """Yield evaluate(batch) of batch after batch, result by result, under a bar of progress.

    The bar shows after 4 seconds.

    Args:
        evaluate: batch -> results, one for each image of the batch.
        stacks: the batches.
        count: how many images they hold in all.
    """
    with tqdm(total=count, desc="images", delay=4, leave=False) as progress:
        for stack in stacks:
            results = evaluate(stack)
            # Before they are given away: whoever wants no more does not come back.
            progress.update(len(stack))
            between_parts(progress.n, count)
            yield from results
