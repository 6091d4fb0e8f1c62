"""Features are the rows of a layer; what was computed once is read again, whole or not at all."""

import os

import numpy as np
import pytest
from small_nets import linear_net, normal, random, small_net

from lecture_lib.models import cache
from lecture_lib.models.cache import cached, layer_features
from lecture_lib.models.layers import layer_outputs

# Features


def test_features_are_the_rows_of_a_layer():
    images = random(5, 12, 12, 3)
    rows = np.asarray(layer_outputs(small_net(), "conv2")(images)["conv2"]).reshape(5, -1)
    for batch_size in (1, 3, 8):
        found = layer_features(small_net(), "conv2", images, batch_size=batch_size)
        np.testing.assert_allclose(found, rows, rtol=1e-4, atol=1e-5)
    alone = layer_features(small_net(), "conv2", images[2])
    np.testing.assert_allclose(alone, rows[2], rtol=1e-4, atol=1e-5)


def test_features_of_nothing_give_a_sentence():
    with pytest.raises(ValueError, match="its layers are conv1"):
        layer_features(small_net(), "conv9", random(2, 12, 12, 3))
    with pytest.raises(ValueError, match="divide by 255"):
        layer_features(small_net(), "conv2", 255 * random(2, 12, 12, 3))


# What is kept on the disk


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.setattr(cache, "folder", lambda: tmp_path / "computed")
    return tmp_path / "computed"


CALLS = []


def doubled(*values, factor=2):
    """A function that notes each call."""
    CALLS.append(values)
    return factor * np.asarray(values[-1], np.float32)


def calls_of(*arguments, **options):
    """How often the function was really called for this, and what came."""
    before = len(CALLS)
    result = cached(doubled, *arguments, **options)
    return len(CALLS) - before, result


def is_computed(*arguments, **options):
    """Whether the function was really called."""
    return calls_of(*arguments, **options)[0] == 1


def test_what_was_computed_is_not_computed_again(folder):
    images = random(3, 4, 4, 3)
    assert is_computed(images)
    called, again = calls_of(images.copy())
    assert called == 0
    np.testing.assert_array_equal(again, 2 * images)


def test_other_values_are_computed_anew(folder):
    images = random(3, 4, 4, 3)
    other = images.copy()
    other[0, 0, 0, 0] += 1e-3
    assert is_computed(images) and is_computed(other)
    assert is_computed(images, factor=3) and is_computed(images[:2])
    assert len(list(folder.iterdir())) == 4


def test_a_network_is_known_by_its_weights_and_layers(folder):
    weights = normal(4, 4, 3, 2)
    images = random(2, 4, 4, 3)
    assert is_computed(linear_net(weights), "flatten", images)
    assert not is_computed(linear_net(weights), "flatten", images)
    assert is_computed(linear_net(weights), "scores", images)
    weights[0, 0, 0, 0] += 1
    assert is_computed(linear_net(weights), "flatten", images)


def flipped(place):
    """Damage that turns one bit of a file."""
    return lambda data: data[:place] + bytes([data[place] ^ 1]) + data[place:][1:]


@pytest.mark.parametrize(
    "damage",
    [
        lambda data: b"",
        lambda data: data[:20],
        lambda data: data[:-1],
        lambda data: data + b"x",
        flipped(0),
        flipped(40),
        flipped(100),
        flipped(-3),
    ],
)
def test_a_damaged_file_is_computed_again(damage, folder):
    values = random(2, 3, 3, 3)
    cached(doubled, values)
    (path,) = folder.iterdir()
    whole = path.read_bytes()
    path.write_bytes(damage(whole))
    called, result = calls_of(values)
    assert called == 1
    np.testing.assert_array_equal(result, 2 * values)
    assert path.read_bytes() == whole
    assert [left.name for left in folder.iterdir()] == [path.name]


def test_where_nothing_can_be_kept_the_result_still_comes(folder):
    folder.write_text("a file where the folder should be")
    np.testing.assert_array_equal(cached(doubled, np.ones(3)), [2, 2, 2])
    assert folder.read_text().startswith("a file")


def test_what_was_not_used_for_longest_makes_room(folder, monkeypatch):
    values = np.zeros(400)
    monkeypatch.setattr(cache, "LIMIT", 3 * (400 * 4 + 160))
    for number in range(3):
        cached(doubled, number, values)
        age(folder)
    assert not is_computed(0, values)  # used again, so that 1 is the oldest now
    cached(doubled, 3, values)
    assert not any(is_computed(number, values) for number in (0, 2, 3))
    assert is_computed(1, values)


def age(folder):
    """Make all files 100 seconds older."""
    for path in folder.iterdir():
        state = path.stat()
        os.utime(path, (state.st_atime - 100, state.st_mtime - 100))


def fails(values):
    raise ValueError(f"These {len(values)} values will not do.")


def test_an_error_of_the_function_comes_through_and_nothing_is_kept(folder):
    with pytest.raises(ValueError, match="These 3 values will not do"):
        cached(fails, np.ones(3))
    assert not folder.exists() or not list(folder.iterdir())


def watched_double(values, *, watch):
    if watch(len(values)):
        raise InterruptedError
    return 2 * values


def test_who_watches_does_not_count_and_what_was_stopped_is_not_kept(folder):
    values = np.arange(3.0)
    with pytest.raises(InterruptedError):
        cached(watched_double, values, uncounted={"watch": lambda count: count == 3})
    seen = []
    for _ in range(2):
        found = cached(watched_double, values, uncounted={"watch": seen.append})
        np.testing.assert_array_equal(found, 2 * values)
    assert seen == [3] and len(list(folder.glob("watched_double*"))) == 1
