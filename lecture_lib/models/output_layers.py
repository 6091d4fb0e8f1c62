"""What a network of somebody's own ends in: from its last layers to logits.

A softmax or a sigmoid at the end is left out, so that gradients do not vanish where it saturates.
It is found by what it computes, not by what it is called: the end of the network is tried on random
numbers and compared with the formula. Where it cannot be taken off, as in an average of several
softmaxes, the logits are the logarithms of the probabilities.
"""

from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import numpy as np
from scipy.special import expit, log_expit, log_softmax, softmax

from lecture_lib.datasets.shapes import Images, Tensor
from lecture_lib.models.backend import keras
from lecture_lib.models.graph_calls import Call, Graph, ways_back

# Kinds of probabilities, and what the end of a network computes from logits to get them.
SOFTMAX = (softmax, log_softmax)
SIGMOID = (expit, log_expit)
# Layers that compute their activation of a sum, so that it can be taken off.
WITH_ACTIVATION = (
    keras.layers.Dense,
    keras.layers.EinsumDense,
    keras.layers.Conv2D,
    keras.layers.SeparableConv2D,
    keras.layers.DepthwiseConv2D,
)
TINY = 1e-37  # the smallest probability whose logarithm is taken
FAR = 60.0  # a logit whose sigmoid is 0 or 1


class Ending(NamedTuple):
    """What a network ends in.

    Attributes:
        logits: the symbolic tensor of the logits, (N, classes), or of what `made_of` names.
        probability: "softmax" or "sigmoid", how probabilities come from logits; None for no such
            end, where the outputs may be logits or any other scores.
        activated: the layer whose own activation is to be left out, or None.
        made_of: "logits", or "probabilities" where these cannot be taken apart.
    """

    logits: keras.KerasTensor
    probability: str | None
    activated: keras.layers.Layer | None = None
    made_of: str = "logits"


class _Candidate(NamedTuple):
    """A tensor near the end, what comes behind it, and the layer whose activation that includes."""

    tensor: keras.KerasTensor
    rest: Callable
    activated: keras.layers.Layer | None


def find_ending(graph: Graph, images: Images) -> Ending:
    """Find the logits of a network.

    Args:
        graph: of the network.
        images: some, to try it on.

    Raises:
        ValueError: for a softmax over a single output, which is 1 whatever the image.
    """
    if len(graph.output.shape) != 2 and not _is_one_position(graph.output):
        return Ending(graph.output, None)  # maps, whatever they hold
    for candidate in _candidates(graph):
        shape = [side or 2 for side in candidate.tensor.shape[1:]]
        numbers = 3 * np.random.default_rng(0).standard_normal((4, *shape)).astype(np.float32)
        found = _flat(_tried(candidate.rest, numbers))
        if _is_one_of(SOFTMAX, found, _flat(numbers)):
            check_several(found.shape[-1])
            return Ending(candidate.tensor, "softmax", candidate.activated)
        if _is_one_of(SIGMOID, found, _flat(numbers)):
            return Ending(candidate.tensor, "sigmoid", candidate.activated)
    return _from_outputs(graph, images)


def _candidates(graph: Graph) -> Iterator[_Candidate]:
    """The tensors near the end, the farthest from it first: behind them all goes one way."""
    tensors = [graph.output, *(tensor for tensor, _ in ways_back(graph.calls, graph.output))]
    candidates = [_Candidate(tensor, _rest(graph, tensor), None) for tensor in tensors[1:]]
    call = graph.maker_of(tensors[-1])
    if call is not None and isinstance(call.operation, WITH_ACTIVATION):
        rest = _rest(graph, tensors[-1], call.operation.activation)
        candidates.append(_Candidate(tensors[-1], rest, call.operation))
    return reversed(candidates)


def _rest(
    graph: Graph,
    tensor: keras.KerasTensor,
    activation: Callable = keras.activations.linear,
) -> Callable:
    """What the network computes from a tensor to its end, as a function of numbers."""

    def rest(numbers: np.ndarray) -> Tensor:
        activated = activation(keras.ops.convert_to_tensor(numbers))
        return graph.compute([(tensor, activated)], graph.output)

    return rest


def _tried(function: Callable, numbers: Any) -> np.ndarray:
    """What a function gives, or nothing where it does not take such numbers."""
    try:
        return np.asarray(function(numbers), np.float32)
    except Exception:  # layers complain in many ways
        return np.zeros((len(numbers), 0), np.float32)


def _flat(numbers: np.ndarray) -> np.ndarray:
    return numbers.reshape(len(numbers), -1)


def _is_one_of(formulas: tuple, found: np.ndarray, logits: np.ndarray) -> bool:
    """Whether one of the formulas gives what was found from the logits."""
    return found.shape == logits.shape and any(
        np.allclose(found, formula(logits, axis=-1), rtol=1e-3, atol=1e-5)
        if formula in SOFTMAX
        else np.allclose(found, formula(logits), rtol=1e-3, atol=1e-5)
        for formula in formulas
    )


def check_several(outputs: int) -> None:
    """Raise ValueError for a softmax over a single output."""
    if outputs == 1:
        raise ValueError(
            "The model ends in a softmax over a single output, which is 1 for every image; "
            "end it in Dense(1, activation='sigmoid') or in Dense(2, activation='softmax')."
        )


# An end that cannot be taken off


def _from_outputs(graph: Graph, images: Images) -> Ending:
    """What the outputs for some images are, where nothing is known of the end."""
    outputs = np.asarray(graph.compute([(graph.images, images)], graph.output), np.float32)
    if outputs.ndim != 2:
        return Ending(graph.output, None)
    if np.isin(outputs, (0, 1)).all() and np.ptp(outputs) == 1:
        raise ValueError(
            "This model ends in decisions, each 0 or 1, which have no gradient; leave out what is "
            "behind its scores, such as argmax or a threshold."
        )
    if outputs.shape[1] > 1 and _are_shares(outputs):
        return Ending(graph.output, "softmax", made_of="probabilities")
    if outputs.shape[1] > 1 and _are_shares(np.exp(np.minimum(outputs, FAR))):
        return Ending(graph.output, "softmax")  # logarithms of probabilities are logits
    if _go_from_0_to_1(graph, outputs.shape[1]):
        return Ending(graph.output, "sigmoid", made_of="probabilities")
    return Ending(graph.output, None)


def _are_shares(outputs: np.ndarray) -> bool:
    """Whether the outputs are shares of one whole for all images: of 1, of 100 percent, of 255."""
    sums = outputs.sum(axis=1)
    return bool(outputs.min() >= 0 and sums[0] > 0 and np.allclose(sums, sums[0], rtol=1e-3))


def _go_from_0_to_1(graph: Graph, classes: int) -> bool:
    """Whether the outputs go from 0 to 1 as all logits go from far below 0 to far above."""
    calls = _last_with_weights(graph)
    values = []
    for far in (-FAR, FAR):
        known = [(call.outputs[0], _activated(call, far)) for call in calls]
        values.append(_tried(lambda known: graph.compute(known, graph.output), known))
    ends = [np.ravel(value)[:classes] for value in values]
    return all(len(end) == classes for end in ends) and bool(
        np.allclose(ends[0], 0, atol=1e-3) and np.allclose(ends[1], 1, atol=1e-3)
    )


def _last_with_weights(graph: Graph) -> list[Call]:
    """The calls of layers with weights from which nothing but weightless ones leads to the end."""
    found = []
    waiting = [graph.output]
    while waiting:
        call = graph.maker_of(waiting.pop())
        if call is None:
            continue
        if call.has_weights():
            found.append(call)
        else:
            waiting += call.sources()
    return found


def _activated(call: Call, number: float) -> Tensor:
    shape = [side or 2 for side in call.outputs[0].shape[1:]]
    numbers = keras.ops.full((1, *shape), number)
    if isinstance(call.operation, WITH_ACTIVATION):
        return call.operation.activation(numbers)
    return numbers


# From what was found to the network that ends in logits


def with_logits(graph: Graph, ending: Ending) -> keras.Model:
    """Make the Model that ends in the logits; one sigmoid gives two classes, with logits (0, z)."""
    if ending.activated is not None:
        ending.activated.activation = keras.activations.linear
    logits = ending.logits
    if ending.made_of == "probabilities":
        logits = _log_odds(logits) if ending.probability == "sigmoid" else _log_share(logits)
    if _is_one_position(logits):
        logits = keras.layers.Flatten(name="flat_scores")(logits)
    if ending.probability == "sigmoid" and logits.shape[-1] == 1:
        logits = _two_classes(logits, graph.maker_of(logits))
    return keras.Model(graph.images, logits)


def _log_share(shares: keras.KerasTensor) -> keras.KerasTensor:
    """The logarithm of probabilities, which may be shares of another whole than 1."""
    return _log(shares / keras.ops.sum(shares, axis=-1, keepdims=True))


def _log(probabilities: keras.KerasTensor) -> keras.KerasTensor:
    return keras.ops.log(keras.ops.maximum(probabilities, TINY))


def _log_odds(probabilities: keras.KerasTensor) -> keras.KerasTensor:
    """The logit of a probability: log P − log(1 − P)."""
    return _log(probabilities) - _log(1.0 - probabilities)


def _is_one_position(logits: keras.KerasTensor) -> bool:
    """Whether there are no more numbers than channels, in (N, 1, 1, classes) for example."""
    shape = logits.shape[1:]
    return len(shape) > 1 and None not in shape and sorted(shape)[:-1] == [1] * (len(shape) - 1)


def _two_classes(logit: keras.KerasTensor, maker: Call | None) -> keras.KerasTensor:
    """The logits (0, z) of two classes from the one logit z."""
    if maker is None or type(maker.operation) is not keras.layers.Dense:
        return keras.ops.pad(logit, ((0, 0), (1, 0)))
    # As weights of a Dense layer, so that the network ends as others do.
    one = maker.operation
    two = keras.layers.Dense(2, use_bias=one.use_bias, name=one.name)
    logits = two(maker.sources()[0])
    two.set_weights([_zeros_first(weight) for weight in one.get_weights()])
    return logits


def _zeros_first(weight: np.ndarray) -> np.ndarray:
    """A kernel (inputs, 1) or a bias (1,) as one for two classes, the first of them 0."""
    return np.concatenate([np.zeros_like(weight), weight], axis=-1)
