"""A class is found by its name, its number, or a part that only one name has."""

import pytest

from lecture_lib.models.class_names import find_class

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
