"""Controls: each argument gets one, lists mark what cannot be used, classes are found by words."""

import numpy as np
import pytest
from panel_tools import GRAY

from lecture_lib.panels.controls import (
    as_control,
    channel_slider_for,
    class_box,
    class_box_for,
    layer_dropdown_for,
    learning_rate_slider,
    net_dropdown,
    power_slider,
)


@pytest.mark.parametrize(
    "given, value",
    [
        ((0, 10), 5),
        ((0.0, 1.0, 0.5), 0.5),
        (["a", "b"], "a"),
        ("as it is", "as it is"),
        (7, 7),
        (GRAY, GRAY),
    ],
)
def test_a_control_is_made_from_what_is_given(given, value):
    np.testing.assert_array_equal(as_control("some_name", given).read(), value)


@pytest.mark.parametrize("given", [("a", "b"), (1,), (5, 1), []])
def test_what_is_no_range_and_no_list_is_named(given):
    with pytest.raises(ValueError, match="some_name"):
        as_control("some_name", given)


def test_a_control_is_labeled_with_its_argument():
    slider = as_control("number_of_steps", (0, 10)).view
    assert slider.description == slider.tooltip == "number of steps"


def test_the_learning_rate_moves_by_factors():
    control = learning_rate_slider(0.1, low=0.001, high=10)
    assert control.read()() == pytest.approx(0.1)
    assert (10**control.view.min, 10**control.view.max) == pytest.approx((0.001, 10))
    with pytest.raises(ValueError, match="20 is not between"):
        learning_rate_slider(20)


def test_a_weight_moves_by_factors_and_has_its_argument_as_its_name():
    control = as_control("style_weight", power_slider(10, low=1, high=1000))
    assert (control.read(), control.view.description, control.view.max) == (
        pytest.approx(10),
        "style weight",
        pytest.approx(3),
    )
    with pytest.raises(ValueError, match="0 is not between"):
        power_slider(0, low=0, high=1)


def test_a_net_that_is_not_here_says_why():
    control = net_dropdown(["big", "small"], reasons={"big": "it needs a download of 98 MB."})
    assert control.read() == "small"
    control.view.value = "big"
    with pytest.raises(ValueError, match="98 MB"):
        control.read()


def test_the_list_of_layers_is_that_of_the_chosen_network():
    layers = {"short": ["conv1", "scores"], "long": ["stem", "conv1", "block1", "block2", "head"]}
    net = net_dropdown(list(layers), value="long")
    layer = layer_dropdown_for(net, layers.get, value="block1")
    assert layer.view.options == tuple(layers["long"])
    layer.view.value = "conv1"
    net.view.value = "short"
    assert layer.view.options == tuple(layers["short"])
    assert layer.read() == "conv1"  # the name stays where the network has it
    layer.view.value = "scores"
    net.view.value = "long"
    assert layer.read() == "head"  # else the place: the last of one, the last of the other
    with pytest.raises(ValueError, match="no layer “conv9”"):
        layer_dropdown_for(net, layers.get, value="conv9")


def test_two_lists_of_layers_are_told_apart_by_the_names_of_their_arguments():
    net = net_dropdown(["one"])
    for name in ("content_layer", "style_up_to"):
        layer = as_control(name, layer_dropdown_for(net, lambda _: ["conv1", "conv2"]))
        assert layer.view.description == name.replace("_", " ")


@pytest.mark.parametrize(
    "value, low, high",
    [
        (0.015, 0.001, 0.1),
        (0.05, 0.005, 0.2),
        (100, 1, 3000),
        (1, 1, 10),
        (10, 1, 10),
        (1.01, 1, 9),
    ],
)
def test_a_slider_over_powers_of_ten_can_stand_where_it_begins(value, low, high):
    """A browser shows whole steps from the low end: 0.015 was written as 0.016."""
    slider = power_slider(value, low=low, high=high).view
    steps = (np.log10(value) - slider.min) / slider.step
    assert slider.value == value and steps == pytest.approx(round(steps), abs=1e-6)
    assert 0 < slider.step < 0.08


def test_numbers_beside_a_slider_of_powers_have_no_exponent():
    # "r" is decimal notation with so many digits, where "g" would say 7.9e+2
    assert power_slider(790, low=1, high=10_000).view.readout_format == ".2r"


def test_the_list_of_layers_stays_while_the_network_cannot_be_loaded():
    def layers_of(name):
        if name == "elsewhere":
            raise FileNotFoundError(name)
        return ["conv1", "conv2"]

    net = net_dropdown(["here", "elsewhere"], value="here")
    layer = layer_dropdown_for(net, layers_of)
    net.view.value = "elsewhere"
    assert layer.view.options == ("conv1", "conv2")


def test_the_slider_of_channels_ends_where_the_layer_does():
    channels = {"small": {"conv1": 8, "conv2": 20}, "large": {"conv1": 64, "conv2": 20}}

    def count_of(name, layer):
        if name == "elsewhere":
            raise FileNotFoundError(name)
        return channels[name][layer]

    net = net_dropdown([*channels, "elsewhere"])
    layer = layer_dropdown_for(net, lambda name: channels.get(name, channels["small"]))
    channel = channel_slider_for(net, layer, count_of, value=19)
    layer.view.value = "conv1"
    assert (channel.view.max, channel.read()) == (7, 7)
    net.view.value = "large"  # a layer of the same name has other channels there
    assert (channel.view.max, channel.read()) == (63, 19)
    net.view.value = "elsewhere"
    assert channel.view.max == 63


def test_a_list_of_layers_that_gets_new_entries_leaves_the_channel_alone():
    channels = {"first": {"input": 3, "conv1": 64}, "second": {"image": 3, "conv2": 32}}
    net = net_dropdown(list(channels))
    layer = layer_dropdown_for(net, lambda name: list(channels[name]), value="conv1")
    channel = channel_slider_for(net, layer, lambda name, at: channels[name][at], value=20)
    net.view.value = "second"  # whose list begins with a layer of three channels
    assert (layer.read(), channel.view.max, channel.read()) == ("conv2", 31, 20)


def test_a_slider_of_channels_has_no_channel_beyond_the_last():
    net, layer = net_dropdown(["one"]), net_dropdown(["layer"])
    with pytest.raises(ValueError, match="no channel 64 .* the last one is 63"):
        channel_slider_for(net, layer, lambda *_: 64, value=64)


def test_a_slider_of_channels_may_go_in_steps():
    net, layer = net_dropdown(["one"]), net_dropdown(["layer"])
    channel = channel_slider_for(net, layer, lambda *_: 40, step=16)
    assert (channel.view.min, channel.view.max, channel.view.step) == (0, 32, 16)


@pytest.mark.parametrize(
    "text, index", [("dog", 1), ("2", 2), (" DOG ", 1), ("crane (3)", 3), ("goldf", 0)]
)
def test_a_class_is_found_by_name_number_or_part(text, index):
    control = class_box(["goldfish", "dog", "crane", "crane"])
    control.view.value = text
    assert control.read() == index


@pytest.mark.parametrize("text", ["", "unicorn", "4", "-1", "crane", "²"])
def test_a_class_that_is_not_there_is_one_sentence(text):
    control = class_box(["goldfish", "dog", "crane", "crane"], value=1)
    assert control.read() == 1
    control.view.value = text
    with pytest.raises(ValueError, match="No class is called"):
        control.read()


# A box whose classes are those of the network beside it

CLASSES_OF = {"large": ["zebra", "ladybug", "crane", "crane"], "small": ["goldfish", "ladybug"]}


def box_beside_nets(*wishes, missing=()):
    net = net_dropdown([*CLASSES_OF, "other", *missing], value="large")
    names_of = {**CLASSES_OF, "other": ["tench", "shark"]}.__getitem__
    if missing:
        return net, class_box_for(net, lambda name: failing(name, names_of), wishes=wishes)
    return net, class_box_for(net, names_of, wishes=wishes)


def failing(name, names_of):
    if name == "absent":
        raise FileNotFoundError("not here")
    return names_of(name)


def test_the_classes_follow_the_net_and_a_class_stays_where_it_is_known():
    net, box = box_beside_nets("zebra", "ladybug")
    assert (box.read(), len(box.view.options)) == ("zebra", 4)
    net.view.value = "small"
    assert (box.read(), box.view.options) == ("ladybug", ("goldfish", "ladybug"))
    net.view.value = "large"
    assert box.read() == "ladybug"
    net.view.value = "other"
    assert box.read() == "tench"


def test_what_is_typed_is_found_among_the_classes_of_the_net():
    net, box = box_beside_nets("zebra")
    box.view.value = "crane (3)"
    assert box.read() == "crane"
    net.view.value = "small"
    box.view.value = "gold"
    assert box.read() == "goldfish"
    box.view.value = "zebra"
    with pytest.raises(ValueError, match="No class is called 'zebra'"):
        box.read()


def test_a_net_that_is_not_here_leaves_the_classes_as_they_are():
    net, box = box_beside_nets("zebra", missing=["absent"])
    net.view.value = "absent"
    assert (box.view.value, len(box.view.options)) == ("zebra", 4)
