"""TensorFlow and Keras, imported once and quietly.

Importing TensorFlow prints lines about processors that no setting turns off.
"""

import contextlib
import os
from collections.abc import Iterator

os.environ["KERAS_BACKEND"] = "tensorflow"  # gradients.py records its tape there


@contextlib.contextmanager
def _without_standard_error() -> Iterator[None]:
    """Discard what compiled code writes to standard error; Python's exceptions come through."""
    kept = os.dup(2)
    nowhere = os.open(os.devnull, os.O_WRONLY)
    try:
        os.dup2(nowhere, 2)
        yield
    finally:
        os.dup2(kept, 2)
        os.close(kept)
        os.close(nowhere)


with _without_standard_error():
    import keras
    import tensorflow as tf

    # Looks for graphics cards now; the first computation would print that it found none.
    tf.config.list_physical_devices()

__all__ = ["keras", "tf"]
