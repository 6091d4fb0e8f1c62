"""Layers made from layers: the same kind and settings, weights apart, in single precision."""

import warnings
from collections.abc import Callable, Collection
from typing import Any, no_type_check

from lecture_lib.datasets.shapes import Tensor
from lecture_lib.models.backend import keras

# What a layer needs for training alone, under the ends of their names among its settings.
FOR_TRAINING = ("_initializer", "_regularizer", "_constraint")


class Borrowed(keras.layers.Layer):
    """A layer that cannot be made a second time: it is called where it is, its weights included.

    Args:
        layer: the layer.
    """

    @no_type_check  # Keras reads the signature, which a checker around it would hide
    def __init__(self, layer: keras.layers.Layer, **options: Any) -> None:
        super().__init__(**options)
        self.layer = layer

    def call(self, *inputs: Tensor, **options: Any) -> Tensor:
        """Return what the layer gives."""
        return self.layer(*inputs, **options)

    def get_config(self) -> dict:
        """Return the layer itself: what is borrowed is not stored."""
        return super().get_config() | {"layer": self.layer}

    @classmethod
    def from_config(cls, config: dict) -> "Borrowed":
        """Borrow the layer once more."""
        return cls(**config)


def copy(
    layer: keras.layers.Layer, *, change: Callable[[dict], dict] | None = None
) -> keras.layers.Layer:
    """Make a new layer of the same kind and settings, without the weights.

    A layer that Keras cannot make from its settings, such as a Lambda layer, is borrowed.

    Args:
        layer: the layer.
        change: settings -> settings, what shall be otherwise.
    """
    if isinstance(layer, Borrowed):
        return borrow(layer.layer)
    try:
        config = _in_single_precision(_settings_of(layer))
        config = change(config) if change else config
        return _made_from(config, layer)
    except Exception:  # whatever a layer of somebody's own raises
        return borrow(layer)


def borrow(layer: keras.layers.Layer) -> Borrowed:
    """Make a layer that calls another one, and has an output of its own."""
    return Borrowed(layer, name=layer.name, dtype="float32")


def _settings_of(layer: keras.layers.Layer) -> dict:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # that a lambda cannot be stored; nothing is
        return layer.get_config()


def _made_from(config: dict, layer: keras.layers.Layer) -> keras.layers.Layer:
    kept = {key: value for key, value in config.items() if not key.endswith(FOR_TRAINING)}
    if isinstance(config.get("activation"), str | None):
        return layer.__class__.from_config(kept)
    # The activation is a function of one's own, which no settings can hold.
    made = layer.__class__.from_config(kept | {"activation": None})
    made.activation = layer.activation
    return made


def _in_single_precision(config: Any) -> Any:
    """The settings of a layer, and of the layers in it, with float32 for any other precision."""
    if isinstance(config, list):
        return [_in_single_precision(item) for item in config]
    if not isinstance(config, dict):
        return config
    changed = {key: _in_single_precision(value) for key, value in config.items()}
    return changed | {"dtype": "float32"} if "dtype" in config else changed


def copy_operation(operation: keras.Operation) -> keras.Operation:
    """Make a new operation, such as x * 2, of the same kind and settings, where that is possible.

    An operation remembers each graph that it stands in, and so would keep them all in memory.
    """
    try:
        return operation.__class__.from_config(operation.get_config())
    except Exception:  # then it stands in two graphs
        return operation


def free_name(name: str, taken: Collection[str]) -> str:
    """Return a name, or if it is taken the first free one of name_2, name_3, ..."""
    number = 1
    free = name
    while free in taken:
        number += 1
        free = f"{name}_{number}"
    return free
