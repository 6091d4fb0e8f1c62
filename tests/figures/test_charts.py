"""What is counted has whole numbers along its axis."""

import numpy as np
import pytest

from lecture_lib.figures import charts


@pytest.fixture
def drawn(monkeypatch):
    figures = []
    monkeypatch.setattr(charts, "publish", lambda figure, alt: figures.append(figure))
    return figures


def ticks_of(figure):
    """The numbers along the x axis of a chart that are in view."""
    (axis,) = figure.axes
    low, high = axis.get_xlim()
    return [tick for tick in axis.get_xticks() if low <= tick <= high]


@pytest.mark.parametrize("count", [2, 3, 5, 11, 12, 20, 101])
def test_counted_things_have_whole_numbers(drawn, count):
    charts.show_values(np.arange(float(count)), alt="a line")
    charts.show_curves(
        np.arange(1, count + 1), np.arange(count), x_label="runs", y_label="y", alt="a line"
    )
    for figure in drawn:
        ticks = ticks_of(figure)
        assert len(ticks) >= 2 and all(tick == round(tick) for tick in ticks)


def test_so_have_those_of_which_only_some_were_tried(drawn):
    charts.show_curves([0, 1, 2, 5, 10, 20], np.arange(6), x_label="off", y_label="y", alt="a line")
    ticks = ticks_of(drawn[0])
    assert len(ticks) >= 4 and all(tick == round(tick) for tick in ticks)


def test_what_is_measured_keeps_its_parts(drawn):
    charts.show_curves(
        np.linspace(0, 1, 11), np.arange(11), x_label="share", y_label="y", alt="a line"
    )
    assert 0.2 in np.round(ticks_of(drawn[0]), 6)
