"""The controls of a panel: sliders, lists and boxes with a label each; what a control hands on is what its `read()` gives."""

from collections.abc import Callable
from functools import partial
from math import log10
from typing import NamedTuple

import ipywidgets
from ipywidgets import interactive


class Control(NamedTuple):
    """`view` is what is seen, `sources` the widgets whose value may change, `read()` gives the value or raises a ValueError."""

    view: ipywidgets.Widget
    sources: list
    read: Callable


def as_control(name, given):
    """What was given for an argument as a Control: a Control, a widget, (low, high) or (low, high, step), a list of options, or a constant.

    The label is the argument's name unless the widget has one. Raises ValueError for a tuple that is no range and for an empty list.
    """
    if isinstance(given, Control):
        control = given
    elif isinstance(given, (list, tuple)):
        control = _of_widget(_from_options(name, given))
    else:
        control = _of_widget(
            given if isinstance(given, ipywidgets.ValueWidget) else ipywidgets.fixed(given)
        )
    for source in control.sources:
        labeled(source, name.replace("_", " "))
    return control


def power_slider(value, *, low, high):
    """A slider over powers of ten from low to high, for numbers that are compared by factors."""
    if not 0 < low <= value <= high:
        raise ValueError(f"{value} is not between {low} and {high}, both above 0.")
    return _of_widget(
        ipywidgets.FloatLogSlider(
            value, base=10, min=log10(low), max=log10(high), step=0.05, readout_format=".2g"
        )
    )


def learning_rate_slider(value=0.1, *, low=1e-3, high=10):
    """A `power_slider` that hands on a function () -> rate, which `ascend` asks before each step: it may be moved during the climb."""
    slider = labeled(power_slider(value, low=low, high=high).view, "learning rate")
    return Control(slider, [slider], lambda: partial(getattr, slider, "value"))


def layer_dropdown(model, *, value=None, net=None, reasons=None):
    """A list of layers; model: a network, or the names themselves. value: the name chosen first, by default the last.

    net: the Control of the net they belong to; reasons: of the net's value, gives {layer: why it cannot be used}, as `models.unfit_layers`
    does; such layers are marked, anew for each net, and choosing one only shows the reason.
    """
    names = (
        model
        if isinstance(model, (list, tuple))
        else [layer.name for layer in model.layers if type(layer).__name__ != "InputLayer"]
    )
    because = lambda: _reasons_now(net, reasons)
    dropdown = labeled(
        dropdown_of(_marked(names, because()), value or names[-1], what="layer"), "layer"
    )
    if net:
        net.sources[0].observe(
            lambda change: set_options(dropdown, _marked(names, because())), names="value"
        )
    return Control(dropdown, [dropdown], lambda: _usable(dropdown.value, because()))


def net_dropdown(names, *, reasons=None, value=None):
    """A list of networks; reasons: {name: why it is not here}; such a net is marked, and choosing it only shows the reason."""
    reasons = reasons or {}
    here = [name for name in names if name not in reasons] or list(names)
    dropdown = labeled(dropdown_of(_marked(names, reasons), value or here[0], what="net"), "net")
    return Control(dropdown, [dropdown], lambda: _usable(dropdown.value, reasons))


def _reasons_now(net, reasons):
    try:
        return reasons(net.read()) if net else {}
    except (ValueError, FileNotFoundError):  # of a net that is not here its own list speaks
        return {}


def _marked(names, reasons):
    """The entries of a list, those that cannot be used with the reason; its first words, up to a semicolon, are enough there."""
    return [
        (f"{name}  ({reasons[name].partition(';')[0]})" if name in reasons else name, name)
        for name in names
    ]


def _usable(name, reasons):
    if name in reasons:
        raise ValueError(f"{name} cannot be used here: {reasons[name]}")
    return name


def set_options(dropdown, options):
    """Give a list other entries; what is chosen stays chosen, and where there is nothing new nothing happens."""
    if tuple(options) != tuple(dropdown.options):
        chosen, dropdown.options = (
            dropdown.value,
            options,
        )  # which chooses the first for a moment; panels answer the newest choice
        dropdown.value = chosen


def class_box(class_names, *, value=0):
    """A box that finds a class as its name is typed; value: the class chosen first, as a number or a name. It reads as the same kind.

    A number is understood too, and a part of a name if only one class has it. Two classes of one name are told apart by their numbers.
    """
    names = list(class_names)
    labels = [
        name if names.count(name) == 1 else f"{name} ({index})" for index, name in enumerate(names)
    ]
    first = find_class(str(value), labels)
    box = ipywidgets.Combobox(
        value=labels[first],
        options=labels,
        placeholder="a name or a number",
        continuous_update=False,
    )
    read = (
        (lambda: names[find_class(box.value, labels)])
        if isinstance(value, str)
        else (lambda: find_class(box.value, labels))
    )
    return Control(labeled(box, "class"), [box], read)


def find_class(text, labels):
    """The number of the class that a text means: a number, a name, or a part that only one name has; raises ValueError with the reason."""
    text = text.strip().lower()
    lowered = [label.lower() for label in labels]
    if text in lowered:
        return lowered.index(text)
    if text.isdecimal() and int(text) < len(labels):
        return int(text)
    matches = [index for index, label in enumerate(lowered) if text and text in label]
    if len(matches) == 1:
        return matches[0]
    several = (
        f" (it could be {', '.join(labels[index] for index in matches[:3])})" if matches else ""
    )
    raise ValueError(
        f"No class is called “{text}”{several}; choose a name from the list, or a number from 0 to {len(labels) - 1}."
    )


def _of_widget(widget):
    return Control(widget, [widget], lambda: widget.value)


def _from_options(name, given):
    try:
        widget = (
            interactive.widget_from_tuple(given)
            if isinstance(given, tuple)
            else ipywidgets.Dropdown(options=given)
            if given
            else None
        )
    except ValueError:  # where low is above high
        widget = None
    if widget is None:
        raise ValueError(
            f"{name} is {given!r}; give (low, high) or (low, high, step) in numbers, or a list of options."
        )
    return widget


def dropdown_of(options, value, *, what):
    """A list of options, the one of this value chosen; raises ValueError with those that there are for another; what: a word for one."""
    values = [option[1] if isinstance(option, tuple) else option for option in options]
    if value not in values:
        raise ValueError(
            f"There is no {what} “{value}” to choose; there are: {', '.join(map(str, values[:12]))}."
        )
    return ipywidgets.Dropdown(options=options, value=value)


def labeled(widget, text):
    """The widget with a label, unless it has one, and the width that all controls have."""
    if hasattr(widget, "style") and not isinstance(widget, ipywidgets.fixed):
        widget.description = widget.description or text
        widget.tooltip = widget.tooltip or widget.description
        widget.style.description_width, widget.layout.width = "110px", "auto"
    return widget
