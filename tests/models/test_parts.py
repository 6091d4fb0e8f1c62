"""Long work in parts: who waits is told how far it is, and may leave it; nobody else is."""

import numpy as np
from leaving import left_after

from lecture_lib.core.ascent import ascend
from lecture_lib.models.batching import batches, with_progress
from lecture_lib.models.parts import between_parts, told_between_parts

IMAGES = np.zeros((20, 4, 4, 1), np.float32)


def rising(score, images):
    """A value and a gradient that need no network."""
    return np.float32(0), np.ones_like(images)


def test_between_the_steps_of_an_ascent_it_is_told_and_may_be_left():
    with left_after(3) as told:
        ascend(None, IMAGES[0], steps=9, evaluate=rising)
    assert told == [(1, 9), (2, 9), (3, 9)]


def test_between_batches_it_is_told_how_many_images_are_done():
    told = []
    with told_between_parts(lambda *progress: told.append(progress)):
        sizes = [len(batch) for batch in batches(IMAGES, size=8)]
        assert [len(batch) for batch in batches(iter(IMAGES), size=8)] == sizes == [8, 8, 4]
    assert told == [(8, 20), (16, 20), (8, None), (16, None)]


def test_between_stacks_with_a_bar_it_is_told_of_all_of_them():
    told = []
    with told_between_parts(lambda *progress: told.append(progress)):
        assert len(list(with_progress(len_each, [IMAGES[:8], IMAGES[8:]], count=20))) == 20
    assert told == [(8, 20), (20, 20)]


def len_each(stack):
    return [len(stack)] * len(stack)


def test_outside_nobody_is_told():
    told = []
    with told_between_parts(lambda *progress: told.append(progress)):
        between_parts(1)
    between_parts(2)
    assert told == [(1, None)]
