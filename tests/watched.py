"""What every function promises that lets its ascent be watched."""

import numpy as np


def check_watch_sees_images(visualize):
    """A `watch` is shown the images of each step, and last the result.

    visualize: size=, steps=, watch= -> an Ascent of one image in color.
    """
    seen = []

    def watch(step, steps, reached):
        seen.append((step, steps, reached.images))

    result = visualize(size=16, steps=2, watch=watch)
    assert [(step, steps) for step, steps, _ in seen] == [(0, 2), (1, 2), (2, 2)]
    images = np.stack([image for *_, image in seen])
    assert images.shape == (3, 16, 16, 3) and images.min() >= 0 and images.max() <= 1
    np.testing.assert_array_equal(images[-1], result.images)
