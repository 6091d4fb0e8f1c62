"""What was made for a network lasts as long as the network does, and no longer."""

import gc
import weakref

import numpy as np
import pytest
from small_nets import linear_net, normal, random, small_net

from lecture_lib.core.gradients import value_and_gradient
from lecture_lib.core.scores import class_score
from lecture_lib.models import per_model_cache
from lecture_lib.models.inference import class_scores
from lecture_lib.models.layers import compiled_outputs
from lecture_lib.models.per_model_cache import kept_with_model
from lecture_lib.models.receptive_field import receptive_field
from lecture_lib.models.surgery import clone


class Made:
    """Something that a weak reference can point at."""


@pytest.fixture
def make():
    """A function that makes something for a network, and the list of what it was asked for."""
    calls = []

    @kept_with_model
    def make(model, *arguments):
        calls.append(arguments)
        return Made()

    return make, calls


def test_what_was_made_is_returned_again_for_the_same_network_and_arguments(make):
    make, calls = make
    one = linear_net(normal(2, 2, 1, 2))
    other = linear_net(normal(2, 2, 1, 2))
    assert make(one, "layer", 1) is make(one, "layer", 1)
    assert make(one, "layer", 2) is not make(one, "layer", 1)
    assert make(other, "layer", 1) is not make(one, "layer", 1)
    assert calls == [("layer", 1), ("layer", 2), ("layer", 1)]


def test_two_functions_do_not_get_each_others_results():
    net = linear_net(normal(2, 2, 1, 2))
    first = kept_with_model(lambda model: "first")
    second = kept_with_model(lambda model: "second")
    assert [first(net), second(net), first(net)] == ["first", "second", "first"]


def test_what_belongs_to_no_network_is_kept_too(make):
    make, calls = make
    assert make(None, "a penalty") is make(None, "a penalty")
    assert len(calls) == 1


def test_the_oldest_results_are_forgotten_first(make, monkeypatch):
    monkeypatch.setattr(per_model_cache, "LIMIT", 3)
    make, calls = make
    net = linear_net(normal(2, 2, 1, 2))
    for number in range(4):
        make(net, number)
    make(net, 3)
    assert len(calls) == 4
    make(net, 0)
    assert len(calls) == 5


def test_a_dropped_network_is_collected_with_all_that_was_made_for_it(make):
    make, _ = make
    net = linear_net(normal(2, 2, 1, 2))
    pointers = [weakref.ref(net), weakref.ref(make(net))]
    del net
    gc.collect()
    assert [pointer() for pointer in pointers] == [None, None]


def test_a_dropped_network_is_collected_with_all_that_was_compiled_for_it():
    net = clone(small_net())
    images = random(2, 12, 12, 3)
    class_scores(net, images)
    value_and_gradient(class_score(net, 1), images)
    graph = compiled_outputs(net, "conv2")
    graph(images)
    receptive_field(net, "conv2", 0, 0, image_shape=(12, 12))
    pointers = [weakref.ref(net), weakref.ref(graph), weakref.ref(net.weights[0])]
    del net, graph
    gc.collect()
    assert [pointer() for pointer in pointers] == [None, None, None]


def test_a_network_with_something_kept_is_stored_and_copied_as_before(make, tmp_path):
    make, _ = make
    net = linear_net(normal(2, 2, 1, 2))
    make(net)
    images = random(3, 2, 2, 1)
    copied = clone(net)
    np.testing.assert_allclose(class_scores(copied, images), class_scores(net, images), rtol=1e-5)
    net.save(tmp_path / "net.keras")
    assert "kept" not in repr(net.get_config())
