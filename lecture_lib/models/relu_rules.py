"""Another rule in the place of every ReLU of a network, however the ReLU is written.

A ReLU is found by what it computes: a layer, an operation or an activation is one if it is 0 below
0 and the number itself above, up to a cap that it may have, such as 6.
"""

import inspect
import re
from collections.abc import Callable
from functools import lru_cache, partial
from typing import Any

import numpy as np

from lecture_lib.datasets.shapes import Network, Tensor
from lecture_lib.models.backend import keras, tf
from lecture_lib.models.graph_calls import Call, Graph, ways_back
from lecture_lib.models.layer_copies import Borrowed
from lecture_lib.models.surgery import clone

# Layers that do nothing but compute a function of each number, and can stand inside others.
FUNCTIONS = (
    keras.layers.Activation,
    keras.layers.ReLU,
    keras.layers.LeakyReLU,
    keras.layers.ELU,
    keras.layers.Lambda,
)

MOST_CALLS = 5  # of which a ReLU may be made


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
        ValueError: for a network without a ReLU, and where a layer of somebody's own calls one in
            its own code.
    """
    exchanged = {}
    net = _exchanged(model, rule, exchanged, copies=copies)
    if hidden := _layer_with_hidden_relu(model):
        raise ValueError(
            f"The layer {hidden.name!r} calls a ReLU in code of its own, where no other rule can "
            "take its place; make it a keras.layers.ReLU, of the network or of that layer."
        )
    if not exchanged:
        raise ValueError(_without_relu(model))
    return net


def _exchanged(
    model: Network, rule: Callable, exchanged: dict, *, copies: dict | None = None
) -> keras.Model:
    """A copy of a network with the rule in the place of ReLUs; `exchanged` notes where."""
    return clone(model, exchange=partial(_with_rule_after, rule, exchanged, []), copies=copies)


def _without_relu(model: Network) -> str:
    functions = [getattr(layer, "activation", None) for layer in model.layers]
    names = {getattr(function, "__name__", "") for function in functions} - {"", "linear"}
    others = f" (its activations are {', '.join(sorted(names))})" if names else ""
    return (
        f"This network has no ReLU{others}, so a rule for ReLUs has nothing to change: only a ReLU "
        "lets a gradient through or stops it. saliency_map works for every network."
    )


# In the layers, and behind them


def _exchange_inside(rule: Callable, exchanged: dict, layer: keras.Layer) -> None:
    """Exchange the ReLU that ends a layer, such as a convolution, and those of layers in it."""
    numbers = _numbers((1, 512))
    for inner in _layers_in(layer, {}):
        # What is a function alone has it as its call; a convolution has it as its activation.
        attribute = "call" if isinstance(inner, FUNCTIONS) else "activation"
        function = getattr(inner, attribute, None)
        cap = _cap_of(function, numbers) if callable(function) else None
        if cap is not None and not isinstance(inner, Borrowed):
            setattr(inner, attribute, _capped(rule, cap))
            exchanged[inner] = inner


def _layers_in(layer: keras.Layer, found: dict) -> dict:
    """A layer and all that it holds, in attributes, lists and models, as the keys of a dict."""
    if layer not in found:
        found[layer] = None
        for held in keras.tree.flatten(list(vars(layer).values())):
            if isinstance(held, keras.Layer):
                _layers_in(held, found)
    return found


def _with_rule_after(
    rule: Callable,
    exchanged: dict,
    calls: list[Call],
    operation: keras.Operation,
    inputs: tuple,
    options: dict,
    outputs: Any,
) -> Any:
    """The outputs of a layer or an operation, or those of the rule where a ReLU ends."""
    if isinstance(operation, keras.Layer) and not isinstance(operation, (Borrowed, *FUNCTIONS)):
        _exchange_inside(rule, exchanged, operation)  # it has been built by now
    call = Call(operation, inputs, options, keras.tree.flatten(outputs))
    if call.has_weights():
        return outputs
    calls.append(call)
    if operation in exchanged and len(call.sources()) == 1:  # one object that is used several times
        return exchanged[operation](call.sources()[0])
    # The call may be all of a ReLU, as ops.relu(x), or the end of one, as x * (x > 0).
    for source, steps in ways_back(calls[-MOST_CALLS:], call.outputs[0]):
        if source.shape != call.outputs[0].shape:
            continue
        cap = _cap_of(partial(_stepwise, source, steps), _numbers(_tried_shape(source)))
        if cap is not None:
            is_layer = isinstance(operation, keras.Layer)
            name = operation.name if is_layer else f"{operation.name}_with_rule"
            by_rule = _rule_layer(rule, cap, name)
            exchanged[operation if len(steps) == 1 else by_rule] = by_rule
            return by_rule(source)
    return outputs


def _stepwise(source: keras.KerasTensor, steps: list[Call], numbers: Tensor) -> Tensor:
    output = steps[-1].outputs[0]
    return Graph(source, steps, output).compute([(source, numbers)], output)


def _tried_shape(tensor: keras.KerasTensor) -> tuple[int, ...]:
    """The shape of two images' worth of a tensor, of 16 rows and columns where it can have any."""
    return 2, *(side or 16 for side in tensor.shape[1:])


def _rule_layer(rule: Callable, cap: float, name: str) -> keras.Layer:
    return keras.layers.Activation(_capped(rule, cap), name=name, dtype="float32")


@lru_cache(maxsize=8)  # the layers of a block have one shape
def _numbers(shape: tuple[int, ...]) -> np.ndarray:
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


# ReLUs that cannot be reached


def _layer_with_hidden_relu(model: Network) -> keras.Layer | None:
    """A layer of somebody's own in which a ReLU is left when all that can be found are gone."""
    own = [layer for layer in model.layers if not type(layer).__module__.startswith("keras.")]
    if not own:
        return None
    without = _exchanged(model, _passes_all, {})
    shape = [1, *(side or 64 for side in model.input.shape[1:])]
    forward = tf.function(partial(without, training=False), autograph=False)
    graph = forward.get_concrete_function(tf.TensorSpec(shape)).graph  # drawn up, never run
    # An operation of the layer "block" is called functional_5_1/block_1/Relu, for example.
    places = [operation.name for operation in graph.get_operations() if _is_relu(operation)]
    for layer in own:
        if re.search(rf"^(.*/)?{re.escape(layer.name)}(_\d+)?/", "\n".join(places), re.MULTILINE):
            return layer
    return None


def _passes_all(x: Tensor, relu: Callable | None = None) -> Tensor:
    """What a ReLU is exchanged for so that none is left."""
    return x


def _is_relu(operation: tf.Operation) -> bool:
    if operation.type == "Maximum":
        bounds = [tf.get_static_value(side) for side in operation.inputs]
        return any(bound is not None and not np.any(bound) for bound in bounds)
    return operation.type in ("Relu", "Relu6")
