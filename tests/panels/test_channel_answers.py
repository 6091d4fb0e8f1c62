"""The table beside a channel's card: logits before and after, and whom the channel helps."""

import numpy as np

from lecture_lib.panels.channel_answers import Subject, facts_table

SUBJECT = Subject("a net", "block3", 7)
BEFORE = np.float32([2, 1, 0])
FACTS = {"class_names": ["cup", "cat & dog", "sea"], "before": BEFORE, "off": BEFORE - [0, 2, 0]}


def test_the_likeliest_class_comes_first_and_then_those_that_change_most():
    table = facts_table(SUBJECT, FACTS)
    assert table.index(">cup<") < table.index(">cat &amp; dog<") < table.index(">sea<")
    assert "<td>1.00</td><td>-1.00</td><td>…</td>" in table
    assert "Classes that it helps and hurts …" in table


def test_what_arrives_later_fills_the_table():
    later = {"mean": 0.25, "rate": 0.125, "at_mean": BEFORE, "effects": np.float32([1, -2, 0])}
    table = facts_table(SUBJECT, FACTS | later)
    assert "fires at 12.5% of all positions, mean 0.25" in table and "…" not in table
    assert "Adds most, on average over pictures: cup +1.00" in table
    assert "Takes most: cat &amp; dog -2.00" in table


def test_a_zero_has_no_sign():
    tiny = np.full(3, -1e-9, np.float32)
    later = {"mean": -0.0, "rate": 0.0, "at_mean": tiny, "effects": tiny}
    table = facts_table(SUBJECT, FACTS | later | {"before": tiny, "off": tiny})
    assert "-0" not in table and "<td>0.00</td><td>0.00</td><td>0.00</td>" in table
