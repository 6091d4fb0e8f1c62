"""What attacks have in common: images that have arrived cost nothing more."""

from functools import partial

import numpy as np

from lecture_lib.adversarial.batches import evaluate_changed_only
from lecture_lib.core.ascent import ascend, identity
from lecture_lib.models.backend import tf


def test_finished_images_leave_the_batch_and_keep_their_value():
    """Each image ascends its own sum by 2 a step; one that is above 3.5 is not asked again."""
    asked = []

    def total(images, *, classes):
        tf.py_function(lambda values: asked.append(values.numpy().tolist()), [classes], [])
        return tf.reduce_sum(images, axis=(1, 2, 3)) + 0.0 * tf.cast(classes, tf.float32)

    def total_of(classes):
        return partial(total, classes=classes)

    # The sums are 0, 4 and -4 at first.
    offsets = np.float32([0, 1, -1])[:, None, None, None]
    start = np.zeros((3, 2, 2, 1), np.float32) + offsets
    evaluate = evaluate_changed_only(total_of, np.int32([10, 11, 12]), batch_size=2)
    options = {"steps": 5, "learning_rate": 1.0, "project": identity, "stop_above": 3.5}
    ascent = ascend(None, start, evaluate=evaluate, **options)
    expected = [[0, 4, -4], [2, 4, -2], [4, 4, 0], [4, 4, 2], [4, 4, 4]]
    np.testing.assert_allclose(ascent.values, expected, atol=1e-5)
    np.testing.assert_allclose(ascent.images.sum(axis=(1, 2, 3)), 4, atol=1e-5)
    assert asked == [[10, 11], [12], [10, 12], [10, 12], [12], [12]]
