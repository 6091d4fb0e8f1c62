"""The calls of a network's graph, one after another: which layer makes which tensor from which.

So a part of a network can be computed alone, from any of its tensors on.
"""

from collections.abc import Iterator
from typing import Any, NamedTuple

from lecture_lib.datasets.shapes import Tensor
from lecture_lib.models.backend import keras


class Call(NamedTuple):
    """One layer, or an operation such as x * 2, at one place of the graph.

    Attributes:
        operation: what is called.
        inputs: the arguments that it is called with.
        options: the named arguments.
        outputs: the symbolic tensors that it gives.
    """

    operation: keras.Operation
    inputs: tuple
    options: dict
    outputs: list

    def sources(self) -> list[keras.KerasTensor]:
        """Return the symbolic tensors among the arguments."""
        given = keras.tree.flatten((self.inputs, self.options))
        return [value for value in given if isinstance(value, keras.KerasTensor)]

    def has_weights(self) -> bool:
        """Say whether what is called has weights."""
        return bool(getattr(self.operation, "weights", ()))


class Graph(NamedTuple):
    """A network as the list of its calls.

    Attributes:
        images: the symbolic tensor that all begins with.
        calls: in forward order.
        output: the symbolic tensor that all ends in.
    """

    images: keras.KerasTensor
    calls: list[Call]
    output: keras.KerasTensor

    def maker_of(self, tensor: keras.KerasTensor) -> Call | None:
        """Return the call that gives a tensor, None for the images."""
        for call in self.calls:
            if any(tensor is output for output in call.outputs):
                return call
        return None

    def compute(self, known: list[tuple], wanted: keras.KerasTensor) -> Tensor:
        """Return the value of a tensor from the values of others that lie before it.

        Args:
            known: [(symbolic tensor, value)].
            wanted: the symbolic tensor to compute.
        """
        values = {id(tensor): value for tensor, value in known}
        for call in self.calls:
            if id(wanted) in values:
                break
            ready = all(id(source) in values for source in call.sources())
            if ready and not any(id(output) in values for output in call.outputs):
                values.update(_computed(call, values))
        return values[id(wanted)]


def _computed(call: Call, values: dict) -> Iterator[tuple[int, Tensor]]:
    inputs, options = keras.tree.map_structure(
        lambda x: values[id(x)] if isinstance(x, keras.KerasTensor) else x,
        (call.inputs, call.options),
    )
    results = keras.tree.flatten(call.operation(*inputs, **options))
    for output, result in zip(call.outputs, results, strict=True):
        yield id(output), result


def ways_back(
    calls: list[Call], output: keras.KerasTensor
) -> Iterator[tuple[keras.KerasTensor, list[Call]]]:
    """Yield the tensors of which another one is a function alone, through calls without weights.

    Of softmax(z) this is z, also where it is written exp(z) / sum(exp(z)).

    Args:
        calls: in forward order; what they do not make is not looked behind.
        output: the tensor to start from.

    Yields:
        (tensor, the calls from there to the output), the nearest tensor first.
    """
    needed = {id(output): output}
    steps = []
    for call in reversed(calls):
        made = [id(tensor) for tensor in call.outputs if id(tensor) in needed]
        if not made:
            continue
        if call.has_weights():
            return
        for number in made:
            del needed[number]
        needed |= {id(source): source for source in call.sources()}
        steps = [call, *steps]
        if len(needed) == 1:
            yield next(iter(needed.values())), steps


def graph_of(model: keras.Model) -> Graph:
    """Return the calls of a flat network, that is one without models in it.

    Its layers are called once more, so that their own `output` is not theirs alone any longer: let
    it be a copy that nobody else uses.
    """
    calls = []

    def record(operation: keras.Operation, *inputs: Any, **options: Any) -> Any:
        outputs = operation(*inputs, **options)
        calls.append(Call(operation, inputs, options, keras.tree.flatten(outputs)))
        return outputs

    again = keras.models.clone_model(
        model, clone_function=lambda operation: operation, call_function=record
    )
    return Graph(again.inputs[0], calls, again.outputs[0])
