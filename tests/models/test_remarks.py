"""Remarks: nothing is said for nothing, and an interrupt is a remark or the interrupt it was."""

import warnings
from threading import Thread

import pytest

from lecture_lib.models.remarks import Interrupted, interrupts_passed_on, say, say_interrupted


def test_nothing_to_say_is_not_said():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        say("")


def test_a_result_that_was_cut_short_becomes_the_interrupt_that_it_was():
    with pytest.raises(KeyboardInterrupt), interrupts_passed_on():
        say_interrupted("Interrupted after 3 of 9.")
    with pytest.warns(Interrupted, match="after 3 of 9"):
        say_interrupted("Interrupted after 3 of 9.")


def test_other_remarks_stay_remarks():
    with pytest.warns(UserWarning, match="so it is"), interrupts_passed_on():
        say("so it is")


def test_what_other_threads_do_is_not_changed():
    said = []

    def say_in_thread():
        with pytest.warns(Interrupted):
            say_interrupted("Interrupted.")
        said.append("in the thread")

    with interrupts_passed_on():
        thread = Thread(target=say_in_thread)
        thread.start()
        thread.join()
    assert said == ["in the thread"]
