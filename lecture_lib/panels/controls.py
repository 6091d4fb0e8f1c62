"""The controls of a panel: sliders, lists and boxes, each with a label."""

from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from functools import partial
from math import log10
from threading import RLock
from typing import Any, NamedTuple

import ipywidgets
from ipywidgets import interactive

from lecture_lib.models.class_names import find_class

# Held while a list gets new entries, for it chooses the first of them for a moment, and while the
# values are read, in another thread.
LISTS_CHANGE = RLock()
POWER_STEP = 0.05  # powers of ten from one place of a slider to the next, about


class Control(NamedTuple):
    """One argument of a function, as something that a reader can set.

    Attributes:
        view: what is seen; None for a constant.
        sources: the widgets whose value may change.
        read: () -> the value, or a ValueError that says why there is none.
        entry: of a list, (name of an entry) -> its value.
    """

    view: ipywidgets.Widget | None
    sources: list
    read: Callable
    entry: Callable | None = None


def as_control(name: str, given: Any) -> Control:
    """Return what was given for an argument as a Control.

    Args:
        name: of the argument; it becomes the label unless the widget has one.
        given: a Control, a widget, (low, high) or (low, high, step), a list of options, or a
            constant.

    Raises:
        ValueError: for a tuple that is no range and for an empty list.
    """
    if isinstance(given, Control):
        control = given
    elif isinstance(given, (list, tuple)):
        control = _of_widget(_widget_for(name, given))
    elif isinstance(given, ipywidgets.ValueWidget):
        control = _of_widget(given)
    else:
        control = Control(None, [], lambda: given)
    for source in control.sources:
        labeled(source, name.replace("_", " "))
    return control


def _of_widget(widget: ipywidgets.ValueWidget) -> Control:
    return Control(widget, [widget], lambda: widget.value)


def _widget_for(name: str, given: Sequence) -> ipywidgets.ValueWidget:
    """A slider for a range, a list for options."""
    try:
        if isinstance(given, tuple):
            widget = interactive.widget_from_tuple(given)
        else:
            widget = ipywidgets.Dropdown(options=given) if given else None
    except ValueError:  # where low is above high
        widget = None
    if widget is None:
        raise ValueError(
            f"{name} is {given!r}; give (low, high) or (low, high, step) in numbers, or a list of "
            "options."
        )
    return widget


def labeled(widget: ipywidgets.Widget, text: str) -> ipywidgets.Widget:
    """Give a widget a label, unless it has one, and the width that all controls have."""
    if hasattr(widget, "style"):
        widget.description = widget.description or text
        widget.tooltip = widget.tooltip or widget.description
        widget.style.description_width = "110px"
        widget.layout.width = "auto"
    return widget


# Sliders


def power_slider(value: float, *, low: float, high: float) -> Control:
    """Return a slider over powers of ten, for numbers that are compared by factors.

    Args:
        value: where it stands first.
        low, high: its two ends, above 0.

    Raises:
        ValueError: for a value that is not between them.
    """
    if not 0 < low <= value <= high:
        raise ValueError(f"{value} is not between {low} and {high}, both above 0.")
    # In a browser a slider stands at whole steps from its low end only; the value is one of them.
    below = log10(value) - log10(low)
    step = below / max(1, round(below / POWER_STEP)) if value > low else POWER_STEP
    slider = ipywidgets.FloatLogSlider(
        value, base=10, min=log10(low), max=log10(high), step=step, readout_format=".2r"
    )
    return _of_widget(slider)


def learning_rate_slider(value: float = 0.1, *, low: float = 1e-3, high: float = 10) -> Control:
    """Return a `power_slider` that may be moved during the ascent.

    It reads as a function () -> learning rate, which `ascend` asks before each step.

    Args:
        value: where it stands first.
        low, high: its two ends, above 0.
    """
    slider = labeled(power_slider(value, low=low, high=high).view, "learning rate")
    return Control(slider, [slider], lambda: partial(getattr, slider, "value"))


# Lists


def layer_dropdown_for(
    net: Control, layers_of: Callable[[Any], Sequence[str]], *, value: str | None = None
) -> Control:
    """Return a list of layers whose entries are those of the network that is chosen beside it.

    When another network is chosen, the layer keeps its name if that network has it, and else its
    place: the one that is as far on the way from the first layer to the last.

    Args:
        net: the Control of a network, such as `net_dropdown` returns.
        layers_of: value of `net` -> names of its layers, from first to last.
        value: the name chosen first, by default the last.

    Raises:
        ValueError: for a value that is not in the list.
    """
    names = list(layers_of(net.read()))
    dropdown = dropdown_of(names, value or names[-1], what="layer")

    def follow(change: Any) -> None:
        try:
            names = list(layers_of(net.read()))
        except (ValueError, FileNotFoundError):  # of a net that is not here its own list speaks
            return
        before = list(dropdown.options)
        place = before.index(dropdown.value) / max(len(before) - 1, 1)
        chosen = (
            dropdown.value if dropdown.value in names else names[round(place * (len(names) - 1))]
        )
        _refill(dropdown, names, chosen)

    net.sources[0].observe(follow, names="value")
    return Control(dropdown, [dropdown], lambda: dropdown.value)


def channel_slider_for(
    net: Control,
    layer: Control,
    count_of: Callable[[Any, Any], int],
    *,
    value: int = 0,
    step: int = 1,
) -> Control:
    """Return a slider over the channels of the layer that is chosen beside it.

    When another network or layer is chosen, the slider ends at the last channel of that one. A
    number that it does not have becomes the largest that it has, and comes back with a layer that
    has it.

    Args:
        net: the Control of a network, such as `net_dropdown` returns.
        layer: the Control of a layer, such as `layer_dropdown_for` returns.
        count_of: (value of `net`, value of `layer`) -> how many channels there are.
        value: the channel chosen first.
        step: how far apart the numbers lie that can be chosen; the first is 0.

    Raises:
        ValueError: for a value that the layer does not have.
    """

    def last() -> int:
        return (count_of(net.read(), layer.read()) - 1) // step * step

    if not 0 <= value <= last():
        raise ValueError(f"There is no channel {value} in this layer; the last one is {last()}.")
    slider = ipywidgets.IntSlider(value=value, max=last(), step=step)
    follow = _ending_at(slider, last)
    for source in (*net.sources, *layer.sources):
        source.observe(follow, names="value")
    return Control(slider, [slider], lambda: slider.value)


def _ending_at(slider: ipywidgets.IntSlider, last: Callable[[], int]) -> Callable:
    """A function for when the end may have moved; what the reader has chosen is remembered."""
    wanted = slider.value

    def follow(change: Any) -> None:
        nonlocal wanted
        chosen = wanted  # a list that gets new entries chooses a small layer for a moment
        with suppress(ValueError, FileNotFoundError):  # of a net that is not here its list speaks
            slider.max = last()
            slider.value = min(chosen, slider.max)
        wanted = chosen

    def remember(change: Any) -> None:
        nonlocal wanted
        wanted = slider.value

    slider.observe(remember, names="value")
    return follow


def net_dropdown(
    names: Sequence[str], *, reasons: Mapping[str, str] | None = None, value: str | None = None
) -> Control:
    """Return a list of networks.

    Args:
        names: of networks.
        reasons: {name: why it is not here}; such a net is marked, and choosing it only shows the
            reason.
        value: the name chosen first, by default the first that is here.

    Raises:
        ValueError: for a value that is not in the list.
    """
    reasons = reasons or {}
    here = [name for name in names if name not in reasons] or list(names)
    dropdown = labeled(dropdown_of(_marked(names, reasons), value or here[0], what="net"), "net")
    return Control(dropdown, [dropdown], lambda: _usable(dropdown.value, reasons))


def _marked(names: Sequence[str], reasons: Mapping[str, str]) -> list[tuple[str, str]]:
    """The entries (text, name) of a list; a name that cannot be used has its reason beside it."""
    return [(_with_reason(name, reasons), name) for name in names]


def _with_reason(name: str, reasons: Mapping[str, str]) -> str:
    if name not in reasons:
        return name
    first_words = reasons[name].partition(";")[0]  # which are enough in a list
    return f"{name}  ({first_words})"


def _usable(name: str, reasons: Mapping[str, str]) -> str:
    if name in reasons:
        raise ValueError(f"{name} cannot be used here: {reasons[name]}")
    return name


def dropdown_of(options: Sequence, value: Any, *, what: str) -> ipywidgets.Dropdown:
    """Return a list of options, one of them chosen.

    Args:
        options: values, or (text, value) pairs.
        value: the one chosen first.
        what: a word for one option, for the sentence of the error.

    Raises:
        ValueError: for a value that is not in the list.
    """
    values = [option[1] if isinstance(option, tuple) else option for option in options]
    if value not in values:
        known = ", ".join(map(str, values[:12]))
        raise ValueError(f"There is no {what} “{value}” to choose; there are: {known}.")
    return ipywidgets.Dropdown(options=options, value=value)


def set_options(dropdown: ipywidgets.Dropdown, options: Sequence) -> None:
    """Give a list other entries; what is chosen stays chosen."""
    if tuple(options) != tuple(dropdown.options):
        _refill(dropdown, options, dropdown.value)


def _refill(dropdown: ipywidgets.Dropdown, options: Sequence, value: Any) -> None:
    with LISTS_CHANGE:
        dropdown.options = options
        dropdown.value = value


# A box for classes


def class_box(class_names: Sequence[str], *, value: int | str = 0) -> Control:
    """Return a box that finds a class as its name is typed.

    A number is understood too, and a part of a name if only one class has it. Two classes of one
    name are told apart by their numbers.

    Args:
        class_names: of all classes, in the order of the logits.
        value: the class chosen first, as a number or a name; the box reads as the same kind.

    Raises:
        ValueError: for a value that is no class.
    """
    names = list(class_names)
    labels = [_label(index, names) for index in range(len(names))]
    box = ipywidgets.Combobox(
        value=labels[find_class(str(value), labels)],
        options=labels,
        placeholder="a name or a number",
        continuous_update=False,
    )

    def read() -> int | str:
        index = find_class(box.value, labels)
        return names[index] if isinstance(value, str) else index

    return Control(labeled(box, "class"), [box], read)


def class_box_for(
    net: Control, class_names_of: Callable[[Any], Sequence[str]], *, wishes: Sequence[str]
) -> Control:
    """Return a `class_box` whose classes are those of the network that is chosen beside it.

    When another network is chosen, the class stays if that network has it. Else the first of the
    wishes that it has takes its place, or its first class where it has none of them.

    Args:
        net: the Control of a network, such as `net_dropdown` returns.
        class_names_of: value of `net` -> the names of its classes, in the order of the logits.
        wishes: names of classes, the one chosen first in front.
    """

    def labels() -> list[str]:
        names = list(class_names_of(net.read()))
        return [_label(index, names) for index in range(len(names))]

    def follow(change: Any) -> None:
        try:
            known = labels()
        except (ValueError, FileNotFoundError):  # of a net that is not here its own list speaks
            return
        box.options = known
        box.value = _first_known([box.value, *wishes], known)

    box = ipywidgets.Combobox(placeholder="a name or a number", continuous_update=False)
    follow(None)
    net.sources[0].observe(follow, names="value")

    def read() -> str:
        known = labels()
        return list(class_names_of(net.read()))[find_class(box.value, known)]

    return Control(labeled(box, "class"), [box], read)


def _first_known(names: Sequence[str], known: Sequence[str]) -> str:
    return next((name for name in names if name in known), known[0])


def _label(index: int, names: Sequence[str]) -> str:
    name = names[index]
    return name if names.count(name) == 1 else f"{name} ({index})"
