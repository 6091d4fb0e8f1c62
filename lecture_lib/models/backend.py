"""TensorFlow and Keras, imported once and quietly, and the settings that the course relies on.

Importing TensorFlow prints lines about processors that no setting turns off.
"""

import contextlib
import gc
import logging
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


@contextlib.contextmanager
def _without_garbage_collection() -> Iterator[None]:
    """Look for no garbage while much is imported, none of which is, and never among it later."""
    was_enabled = gc.isenabled()
    gc.disable()
    try:
        yield
        gc.freeze()
    finally:
        if was_enabled:
            gc.enable()


with _without_standard_error(), _without_garbage_collection():
    import keras
    import tensorflow as tf

    # Looks for graphics cards now; the first computation would print that it found none.
    tf.config.list_physical_devices()

# In a notebook TensorFlow's import has set its logger to INFO, whatever it was before; a remark
# that several small functions were compiled one after another does not belong on a page.
tf.get_logger().setLevel(logging.ERROR)


@contextlib.contextmanager
def usual_settings() -> Iterator[None]:
    """Build layers in single precision with channels last, whatever Keras is set to otherwise.

    A layer keeps the settings that held when it was built.
    """
    precision = keras.config.floatx()
    policy = keras.config.dtype_policy()
    order = keras.config.image_data_format()
    try:
        keras.config.set_floatx("float32")
        keras.config.set_dtype_policy("float32")
        keras.config.set_image_data_format("channels_last")
        yield
    finally:
        keras.config.set_floatx(precision)
        keras.config.set_dtype_policy(policy)
        keras.config.set_image_data_format(order)


__all__ = ["keras", "tf", "usual_settings"]
