"""How pictures go through a network together: as many at once as suits a processor, the answers given away one after another."""

import itertools

import numpy as np
from tqdm.auto import tqdm


def default_batch_size(shape):
    """How many pictures (..., H, W, C) best go through a net together: 8 of 224 pixels a side, up to 32 of smaller ones.

    Sending off the operations of a net costs as much for one as for 32; many large ones do not stay in a processor's own memory.
    """
    return int(np.clip(8 * 224**2 // (shape[-3] * shape[-2]), 8, 32))


def batches(images, *, size=None):
    """Images (H, W, C) given one after another, or (N, H, W, C), as batches (n, H, W, C). size: n, by default `default_batch_size`.

    Raises ValueError for images of two sizes.
    """
    stream = iter(images)
    for first in stream:
        together = [
            first,
            *itertools.islice(stream, (size or default_batch_size(np.shape(first))) - 1),
        ]
        if len({np.shape(image) for image in together}) > 1:
            raise ValueError(
                "The pictures are not of one size; give all of them the same height and width."
            )
        yield np.stack(together)


def counted(ask, stacks, *, count):
    """ask(batch) -> answers, of one batch after another, given away one by one, with a bar of progress that shows after 4 seconds."""
    with tqdm(total=count, desc="pictures", delay=4, leave=False) as progress:
        for some in stacks:
            answers = ask(some)
            progress.update(
                len(some)
            )  # before they are given away: whoever wants no more does not come back
            yield from answers
