"""TensorFlow and Keras, imported once and quietly: importing TensorFlow prints lines about processors that no setting turns off."""

import contextlib
import os

os.environ["KERAS_BACKEND"] = "tensorflow"  # gradients.py records its tape there


@contextlib.contextmanager
def _no_chatter():
    """Send what compiled code writes to standard error nowhere, for as long as the block runs; Python's exceptions still come through."""
    kept, nowhere = os.dup(2), os.open(os.devnull, os.O_WRONLY)
    try:
        os.dup2(nowhere, 2)
        yield
    finally:
        os.dup2(kept, 2)
        os.close(kept)
        os.close(nowhere)


with _no_chatter():
    import keras
    import tensorflow as tf

    tf.config.list_physical_devices()  # looks for graphics cards now; at the first computation it would print that it found none

__all__ = ["keras", "tf"]
