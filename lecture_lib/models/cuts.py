"""The cuts of a network: the operations that all of it goes through, one after another.

All that comes after a cut reads the image through the cut's output alone.
"""

from typing import Any

from lecture_lib.datasets.shapes import Network
from lecture_lib.models.backend import keras


def cuts_of(model: Network) -> list[keras.Operation]:
    """Return the layers, and the operations such as x * 2, that the whole network goes through.

    Args:
        model: images -> logits (N, classes).

    Returns:
        They in forward order.
    """
    calls = calls_of(model)

    # The place of the last call that reads each tensor.
    last_use = {}
    for place, (_, sources, _) in enumerate(calls):
        last_use.update(dict.fromkeys(sources, place))

    # A call is a cut if no tensor made before it is read after it.
    cuts = []
    open_until = 0
    for place, (operation, sources, output) in enumerate(calls):
        if place == 0:
            open_until = max(last_use[source] for source in sources)
        if open_until <= place:
            cuts.append(operation)
        open_until = max(open_until, last_use.get(output, place))
    return cuts


class _StandIn(keras.Operation):
    """Takes a layer's place in a graph that is walked through, not computed."""

    def compute_output_spec(self, *inputs: Any, **options: Any) -> keras.KerasTensor:
        return keras.KerasTensor((None,))


def calls_of(model: Network) -> list[tuple[keras.Operation, list[int], int]]:
    """Return [(operation, marks of its inputs, mark of its output)] in forward order."""
    calls = []
    outputs = []  # kept, so that no two tensors have one mark

    def record(operation: keras.Operation, *inputs: Any, **options: Any) -> keras.KerasTensor:
        given = keras.tree.flatten((inputs, options))
        sources = [id(value) for value in given if isinstance(value, keras.KerasTensor)]
        output = _StandIn()(*inputs, **options)
        outputs.append(output)
        calls.append((operation, sources, id(output)))
        return output

    graph = keras.Model(model.input, model.output)
    keras.models.clone_model(
        graph, clone_function=lambda operation: operation, call_function=record
    )
    return calls
