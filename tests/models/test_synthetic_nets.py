"""Networks that see badges see nothing else."""

import numpy as np
import pytest
from small_nets import assert_same_numbers, numbers_of, random, small_net

from lecture_lib.datasets.synthetic import cross, paint_badges, ring
from lecture_lib.models.inference import class_scores
from lecture_lib.models.synthetic_nets import badge_network, hand_set_network


def test_the_network_set_by_hand_sees_colored_pixels_and_nothing_else():
    photographs = random(6, 64, 64, 3)
    gray = np.repeat(photographs.mean(axis=-1, keepdims=True), 3, axis=-1)
    net = hand_set_network()
    np.testing.assert_allclose(class_scores(net, gray), 0, atol=1e-6)
    badged = paint_badges(gray, [ring, cross]).images
    red_ink = np.maximum(badged[..., 0] - badged[..., 2], 0).mean(axis=(1, 2))
    scores = class_scores(net, badged)
    np.testing.assert_allclose(scores[:, 0], red_ink, rtol=1e-5)
    assert scores.min() > 0 and net.class_names == ("ring", "cross")


@pytest.fixture(scope="module")
def photographs():
    return 0.5 * random(16, 64, 64, 3, seed=2)


@pytest.fixture(scope="module")
def trained(photographs):
    """A network that learned from badges on photographs, and what its trunk was before."""
    kept = numbers_of(small_net())
    return badge_network(small_net(), photographs, layer="relu2"), kept


@pytest.mark.parametrize("seed, badges", enumerate([[], [ring], [cross], [ring, cross]]))
def test_the_network_that_learned_tells_one_badge_from_the_other(
    seed, badges, trained, photographs
):
    net, _ = trained
    images = paint_badges(photographs, badges, seed=seed).images
    is_there = [badge in badges for badge in (ring, cross)]
    assert ((class_scores(net, images) > 0) == is_there).mean() > 0.9


def test_the_network_that_learned_leaves_its_trunk_as_it_was(trained):
    net, kept = trained
    assert net.class_names == ("ring", "cross")
    assert_same_numbers(small_net(), kept)
