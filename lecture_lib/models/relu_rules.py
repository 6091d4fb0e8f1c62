"""Another rule in the place of every ReLU of a network, however the ReLU is written.

A ReLU is found by what it computes: a layer, an operation or an activation is one if it is 0 below
0 and the number itself above, up to a cap that it may have, such as 6.
"""

import inspect
from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np

from lecture_lib.datasets.shapes import Network, Tensor
from lecture_lib.models.backend import keras
from lecture_lib.models.layer_copies import Borrowed, copy
from lecture_lib.models.surgery import clone

# Layers that do nothing but compute a function of each number, and can stand inside others.
FUNCTIONS = (
    keras.layers.Activation,
    keras.layers.ReLU,
    keras.layers.LeakyReLU,
    keras.layers.ELU,
    keras.layers.Lambda,
)


def with_relu_rule(model: Network, rule: Callable, *, copies: dict | None = None) -> Network:
    """Copy a network with every ReLU computed by another rule; the original stays untouched.

    A leaky ReLU is another function and stays as it is.

    Args:
        model: images -> logits (N, classes).
        rule: tensor -> tensor with the values of ReLU and a backward pass of its own, for example
            `guided_relu`. Where a ReLU is capped, a rule with an argument `relu` is given the
            capped function; the values of any other rule are cut at the cap.
        copies: an empty dict, to be filled with {layer: its copy}.

    Raises:
        ValueError: for a network without a ReLU.
    """
    exchanged = {}
    net = clone(
        model,
        clone_function=partial(_with_rule_inside, rule, exchanged),
        exchange=partial(_with_rule_after, rule, exchanged),
        copies=copies,
    )
    if not exchanged:
        raise ValueError(_without_relu(model))
    return net


def _without_relu(model: Network) -> str:
    functions = [getattr(layer, "activation", None) for layer in model.layers]
    names = {getattr(function, "__name__", "") for function in functions} - {"", "linear"}
    others = f" (its activations are {', '.join(sorted(names))})" if names else ""
    return (
        f"This network has no ReLU{others}, so a rule for ReLUs has nothing to change: only a ReLU "
        "lets a gradient through or stops it. saliency_map works for every network."
    )


def _with_rule_inside(rule: Callable, exchanged: dict, layer: keras.Layer) -> keras.Layer:
    """A copy of a layer with the rule for the ReLUs inside it; `exchanged` notes where."""
    made = copy(layer)
    if not isinstance(made, Borrowed):  # whose layer is that of the original
        _exchange_inside(rule, exchanged, made)
    return made


def _exchange_inside(rule: Callable, exchanged: dict, layer: keras.Layer) -> None:
    numbers = _numbers((1, 512))
    if not isinstance(layer, FUNCTIONS) and callable(getattr(layer, "activation", None)):
        cap = _cap_of(layer.activation, numbers)
        if cap is not None:
            layer.activation = _capped(rule, cap)
            exchanged[layer] = layer
    for name, inner in list(vars(layer).items()):
        if isinstance(inner, FUNCTIONS) and (cap := _cap_of(inner, numbers)) is not None:
            exchanged[inner] = _rule_layer(rule, cap, inner.name)
            setattr(layer, name, exchanged[inner])
        elif isinstance(inner, keras.Layer):
            _exchange_inside(rule, exchanged, inner)


def _with_rule_after(
    rule: Callable,
    exchanged: dict,
    operation: keras.Operation,
    inputs: tuple,
    options: dict,
    outputs: Any,
) -> Any:
    """The outputs of a layer or an operation, or those of the rule if it is a ReLU."""
    tensors = [x for x in keras.tree.flatten((inputs, options)) if keras.utils.is_keras_tensor(x)]
    if len(tensors) != 1 or getattr(operation, "weights", ()):
        return outputs
    source = tensors[0]
    if operation in exchanged:  # one object that is used several times
        return exchanged[operation](source)
    if getattr(outputs, "shape", None) != source.shape:
        return outputs

    def function(numbers: np.ndarray) -> Tensor:
        given, named = keras.tree.map_structure(
            lambda x: numbers if x is source else x, (inputs, options)
        )
        return operation(*given, **named)

    cap = _cap_of(function, _numbers([side or 16 for side in source.shape]))
    if cap is None:
        return outputs
    is_layer = isinstance(operation, keras.Layer)
    name = operation.name if is_layer else f"{operation.name}_with_rule"
    exchanged[operation] = _rule_layer(rule, cap, name)
    return exchanged[operation](source)


def _rule_layer(rule: Callable, cap: float, name: str) -> keras.Layer:
    return keras.layers.Activation(_capped(rule, cap), name=name, dtype="float32")


def _numbers(shape: Any) -> np.ndarray:
    """Random numbers of both signs, from about 0.01 to 1,000, to try a function on."""
    random = np.random.default_rng(0)
    powers = random.uniform(-2, 3, shape)
    return np.float32(random.choice([-1, 1], shape) * 10**powers)


def _cap_of(function: Callable, x: np.ndarray) -> float | None:
    """Where the ReLU ends that a function is, infinity for one without a cap; None for no ReLU."""
    try:
        found = np.asarray(function(keras.ops.convert_to_tensor(x)), np.float32)
    except Exception:  # what does not take such numbers is no ReLU
        return None
    cap = found.max(initial=0)
    same = found.shape == x.shape and np.allclose(found, np.clip(x, 0, cap), rtol=1e-5, atol=0)
    if not same or cap == 0:
        return None
    return float(cap) if cap < x.max() else np.inf


def _capped(rule: Callable, cap: float) -> Callable:
    """The rule for a ReLU whose values end at `cap`."""
    if cap == np.inf:
        return partial(_applied, rule)
    relu = keras.ops.relu6 if cap == 6 else partial(keras.ops.clip, x_min=0, x_max=cap)
    if "relu" in inspect.signature(rule).parameters:
        return partial(_applied, rule, relu=relu)
    return partial(_cut, rule, cap)


def _applied(rule: Callable, x: Tensor, **options: Any) -> Tensor:
    return rule(x, **options)


def _cut(rule: Callable, cap: float, x: Tensor) -> Tensor:
    """The values of a rule that knows of no cap, up to the cap; beyond it no gradient passes."""
    return keras.ops.minimum(rule(x), cap)
