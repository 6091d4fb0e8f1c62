"""Interrupts, in every loop that takes long: what was reached is returned, and it is said.

What would do harm when it is cut short (a grade, a mask of robust images, a file that is kept) ends
with the interrupt instead. Each interrupt comes once, in the middle of a computation, as Ctrl-C
does.
"""

import warnings

import numpy as np
import pytest
from small_nets import normal, random, small_net

from lecture_lib.adversarial import carlini_wagner, pgd, transfer_matrix
from lecture_lib.class_visualization import make_trials, visualize_class, visualize_class_fourier
from lecture_lib.core import gradients
from lecture_lib.core.layer_scores import layer_energy
from lecture_lib.deepdream import dream, zoom_film
from lecture_lib.defenses import robust_mask
from lecture_lib.inversion import invert
from lecture_lib.models import cache
from lecture_lib.models.remarks import Interrupted
from lecture_lib.neighbors import tsne_map
from lecture_lib.occlusion import occlusion_map
from lecture_lib.scoreboard import grade
from lecture_lib.style_transfer import stylize

NET = small_net()
IMAGE = random(24, 24, 3)
IMAGES = random(3, 12, 12, 3)
LABELS = np.array([0, 1, 2])
STYLE = {"content_layer": "conv1", "style_layers": "conv1"}


@pytest.fixture
def interrupted_at(monkeypatch):
    """A function: the call of this number of all that asks a network for a score is interrupted."""
    run = gradients._run
    calls = []

    def at(number):
        def run_or_stop(*arguments):
            calls.append(number)
            if len(calls) == number:
                raise KeyboardInterrupt
            return run(*arguments)

        monkeypatch.setattr(gradients, "_run", run_or_stop)
        return calls

    return at


ASCENTS = {
    "pixels": lambda: visualize_class(NET, 0, steps=50),
    "fourier": lambda: visualize_class_fourier(NET, 0, steps=50),
    "dream": lambda: dream(NET, IMAGE, layer="conv1", octaves=1, steps=50),
    "invert": lambda: invert(NET, IMAGE, layer="conv1", steps=50),
    "stylize": lambda: stylize(NET, IMAGE, IMAGE, steps=50, **STYLE),
}


@pytest.mark.parametrize("ask", ASCENTS.values(), ids=ASCENTS)
def test_an_ascent_returns_what_was_reached_and_says_so(ask, interrupted_at):
    calls = interrupted_at(4)
    with pytest.warns(Interrupted, match="after step 2 of 50"):
        reached = ask()
    assert len(calls) == 4 and len(reached.values) == 3
    assert reached.interrupted and np.isfinite(reached.images).all()


def test_an_ascent_that_comes_to_its_end_says_nothing():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert not visualize_class(NET, 0, steps=2).interrupted


ATTACKS = {
    "pgd": lambda: pgd(NET, IMAGES, LABELS, steps=3, restarts=50, epsilon=0.1),
    "carlini_wagner": lambda: carlini_wagner(NET, IMAGES, LABELS, steps=3, binary_search_steps=50),
}


@pytest.mark.parametrize("attack", ATTACKS.values(), ids=ATTACKS)
def test_an_attack_ends_with_the_start_that_was_interrupted(attack, interrupted_at):
    calls = interrupted_at(8)
    with pytest.warns(Interrupted):
        found = attack()
    assert len(calls) < 20  # what was found is looked at once more, and no other start begins
    assert found.shape == IMAGES.shape and found.min() >= 0 and found.max() <= 1


def test_a_film_ends_and_its_frames_are_there(interrupted_at):
    interrupted_at(9)
    with pytest.warns(Interrupted):
        film = zoom_film(layer_energy(NET, "conv1"), random(48, 48, 3), frames=30, steps=2)
    assert 1 <= len(film) <= 3


def test_a_map_of_some_patches_says_that_it_is_one(interrupted_at):
    interrupted_at(2)
    with pytest.warns(Interrupted, match="The map shows .* of 4[0-9][0-9] patches"):
        heatmap = occlusion_map(NET, IMAGE, 1, patch=4, stride=1)
    assert heatmap.any()


def test_points_of_a_map_are_returned_as_they_are_by_then():
    def interrupts(step, *_):
        if step == 7:
            raise KeyboardInterrupt

    features = normal(40, 5)
    with pytest.warns(Interrupted, match="after step 7 of 300"):
        reached = tsne_map(features, perplexity=5, steps=300, watch=interrupts)
    ended = tsne_map(features, perplexity=5, steps=300, watch=lambda step, *_: step == 7)
    np.testing.assert_array_equal(reached, ended)


# Where a part would do harm


def attack(model, images, labels, *, epsilon=0.1):
    return pgd(model, images, labels, epsilon=epsilon, steps=20)


def robust():
    return robust_mask(NET, IMAGES, LABELS, radii=[0.0, 0.1], attacks=[attack])


def transferred():
    return transfer_matrix([NET, NET], IMAGES, attack)


def graded():
    def explain(model, image, index):
        return occlusion_map(model, image, index, patch=3, stride=1)

    masks = np.zeros((3, 12, 12), bool)
    masks[:, :6] = True
    return grade({"occlusion": explain}, NET, IMAGES, classes=LABELS, masks=masks, shuffled=NET)


def trials():
    references, questions = random(8, 12, 12, 3), random(40, 12, 12, 3, seed=1)
    options = {"references": references, "questions": questions}
    return make_trials(NET, "conv1", [0], steps=20, **options)


@pytest.mark.parametrize("ask", [robust, transferred, graded, trials])
def test_what_is_measured_or_shown_to_judges_is_whole_or_not_at_all(ask, interrupted_at):
    calls = interrupted_at(8)
    with pytest.raises(KeyboardInterrupt):
        ask()
    assert len(calls) < 20


def drawn(model, steps):
    return visualize_class(model, 0, steps=steps).images


def test_a_part_is_not_kept_for_the_whole(interrupted_at, monkeypatch, tmp_path):
    monkeypatch.setattr(cache, "folder", lambda: tmp_path)
    interrupted_at(4)
    with pytest.raises(KeyboardInterrupt):
        cache.cached(drawn, NET, steps=9)
    assert not list(tmp_path.iterdir())
    np.testing.assert_array_equal(cache.cached(drawn, NET, steps=9), drawn(NET, 9))
