"""A class is found by its name, its number, or a part that only one name has."""

import numpy as np
import pytest

from lecture_lib.models.class_names import as_class_names, find_class

NAMES = ("tench", "Goldfish", "great white shark", "tiger shark")


@pytest.mark.parametrize(
    "text, index",
    [("tench", 0), ("Goldfish", 1), (" GREAT white shark ", 2), ("3", 3), ("tiger", 3)],
)
def test_a_class_is_found_by_name_number_or_part(text, index):
    assert find_class(text, NAMES) == index


@pytest.mark.parametrize(
    "text, sentence",
    [
        ("goldfsh", "No class is called 'goldfsh'; near it are Goldfish"),
        ("shark", "near it are great white shark, tiger shark[.] Choose a name"),
        ("§§§", "near it are tench, Goldfish, great white shark"),
        ("", "near it are tench"),
        ("4", "or a number from 0 to 3"),
        ("-1", "or a number from 0 to 3"),
    ],
)
def test_a_text_that_means_no_class_or_several_shows_those_near_it(text, sentence):
    with pytest.raises(ValueError, match=sentence):
        find_class(text, NAMES)


def test_a_name_is_found_even_where_it_is_a_part_of_another():
    assert find_class("shark", ["tiger shark", "shark"]) == 1


# The forms in which names are given


@pytest.mark.parametrize(
    "names",
    [
        ["a", "b", "3"],
        ("a", "b", 3),
        np.array(["a", "b", "3"]),
        [b"a", b"b", b"3"],
        {0: "a", 1: "b", 2: 3},
        {2: "3", 0: "a", 1: "b"},
        {"0": "a", "1": "b", "2": "3"},
        {"b": 1, "a": 0, "3": 2},
    ],
)
def test_names_are_read_in_all_forms(names):
    assert as_class_names(names, count=3) == ("a", "b", "3")


def test_folders_whose_names_are_numbers_are_names():
    class_indices = {name: number for number, name in enumerate(sorted(map(str, range(11))))}
    names = as_class_names(class_indices, count=11)
    assert names == ("0", "1", "10", "2", "3", "4", "5", "6", "7", "8", "9")


def test_of_a_code_and_a_name_the_name_counts():
    names = {"1": ["n01443537", "goldfish"], "0": ["n01440764", "tench"]}
    assert as_class_names(names, count=2) == ("tench", "goldfish")


def test_without_names_classes_are_numbered():
    assert as_class_names(None, count=2) == ("class 0", "class 1")
    assert as_class_names(range(2), count=2) == ("0", "1")


@pytest.mark.parametrize(
    "names, sentence",
    [
        ("cat", "one text, 'cat'; give a list"),
        ({"a", "b"}, "a set, which has no order"),
        (["a"], "has 2 classes, but 1 class names were given"),
        ({0: "a", 2: "b"}, "do not run from 0"),
        ({"x": "a", "y": "b"}, "do not run from 0"),
        (5, "class_names is 5; give a list"),
    ],
)
def test_what_is_no_list_of_names_gives_a_sentence(names, sentence):
    with pytest.raises(ValueError, match=sentence):
        as_class_names(names, count=2)


def test_names_that_come_twice_are_told_apart_and_found():
    names = as_class_names(["crane", "Cat", "cat", "crane"], count=4)
    assert names == ("crane", "Cat", "cat", "crane (3)")
    assert [find_class(name, names) for name in names] == [0, 1, 2, 3]
    assert find_class("CRANE (3)", names) == 3
    with pytest.raises(ValueError, match="near it are Cat, cat"):
        find_class("CAT", names)
