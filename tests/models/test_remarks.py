"""Remarks: nothing is said for nothing, and one of them can be made an interrupt again."""

import warnings

import pytest

from lecture_lib.models.remarks import Interrupted, interrupts_passed_on, say


def test_nothing_to_say_is_not_said():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        say("")


def test_a_result_that_was_cut_short_becomes_the_interrupt_that_it_was():
    with pytest.raises(KeyboardInterrupt), interrupts_passed_on():
        say("Interrupted after 3 of 9.", category=Interrupted)


def test_other_remarks_stay_remarks_and_filters_are_as_before():
    before = list(warnings.filters)
    with pytest.warns(UserWarning, match="so it is"), interrupts_passed_on():
        say("so it is")
    assert list(warnings.filters) == before
