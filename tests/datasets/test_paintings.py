"""Paintings: each is an image that repeats with its seed, at any size the same one."""

import numpy as np
import pytest

from lecture_lib.datasets import paintings

each_painting = pytest.mark.parametrize(
    "paint",
    [paintings.swirls, paintings.stained_glass, paintings.painted_dots, paintings.painted_waves],
)


@each_painting
def test_a_painting_is_an_image_that_repeats(paint):
    one, same, other = (paint(side=48, seed=seed) for seed in (0, 0, 1))
    assert one.shape == (48, 48, 3) and one.dtype == np.float32
    assert one.min() >= 0 and one.max() <= 1
    np.testing.assert_array_equal(one, same)
    assert not np.array_equal(one, other)
    assert one.std(axis=(0, 1)).min() > 0.05  # there is something to see


@each_painting
def test_a_larger_painting_is_the_same_one(paint):
    small, large = paint(side=64), paint(side=128)
    halved = large.reshape(64, 2, 64, 2, 3).mean(axis=(1, 3))
    assert np.corrcoef(small.ravel(), halved.ravel())[0, 1] > 0.5


def test_panes_have_lead_between_them():
    def darkness(picture):
        return np.mean(picture.max(axis=-1) < 0.12)

    with_lead = paintings.stained_glass(side=64, lead=0.02)
    without = paintings.stained_glass(side=64, lead=0.0)
    assert darkness(with_lead) > 0.1 + darkness(without)
