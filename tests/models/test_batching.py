"""Batches: all images in their order, as many together as suit their size."""

import numpy as np
import pytest

from lecture_lib.models.batching import batches, default_batch_size, with_progress


def numbered(count, side=64):
    """Images (count, side, side, 1), all pixels of each one its number."""
    numbers = np.arange(count, dtype=np.float32).reshape(count, 1, 1, 1)
    return numbers + np.zeros((1, side, side, 1), np.float32)


@pytest.mark.parametrize(
    "shape, size",
    [((224, 224, 3), 8), ((9, 64, 64, 3), 32), ((112, 112, 1), 32), ((512, 512, 3), 8)],
)
def test_fewer_large_images_go_together_than_small_ones(shape, size):
    assert default_batch_size(shape) == size


def test_batches_hold_all_images_in_their_order():
    images = numbered(75)
    found = list(batches(image for image in images))
    assert [len(batch) for batch in found] == [32, 32, 11]
    np.testing.assert_array_equal(np.concatenate(found), images)
    assert [len(batch) for batch in batches(images[:5], size=2)] == [2, 2, 1]
    assert list(batches([])) == []


def test_images_of_two_sizes_give_a_sentence():
    image = numbered(1)[0]
    with pytest.raises(ValueError, match="not of one size"):
        list(batches([image, image[:32]]))


def test_results_come_one_by_one_and_no_batch_before_it_is_needed():
    asked = []

    def evaluate(batch):
        asked.append(len(batch))
        return batch.mean(axis=(1, 2, 3))

    results = with_progress(evaluate, batches(numbered(5), size=2), count=5)
    assert [next(results), next(results)] == [0, 1] and asked == [2]
    assert list(results) == [2, 3, 4] and asked == [2, 2, 1]
