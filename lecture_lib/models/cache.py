"""Features of many images, and a place on this user's disk where such results are kept.

What was computed once is read from there the next time.
"""

import contextlib
import hashlib
import inspect
import io
import os
import re
import uuid
from collections.abc import Callable
from pathlib import Path
from typing import Any

import joblib
import numpy as np
from jaxtyping import Float
from tqdm.auto import tqdm

from lecture_lib.datasets import downloads
from lecture_lib.datasets.shapes import ImageOrImages, Network
from lecture_lib.models.backend import keras
from lecture_lib.models.batching import batches
from lecture_lib.models.checks import batch_of
from lecture_lib.models.layers import compiled_outputs
from lecture_lib.models.remarks import interrupts_passed_on

LIMIT = 1_000_000_000  # bytes that the folder may hold; what was not used for longest goes first
CHECKSUM = 32  # bytes of SHA-256 at the beginning of each file


def layer_features(
    model: Network, layer: str, images: ImageOrImages, *, batch_size: int | None = None
) -> Float[np.ndarray, "*images units"]:
    """Return the activations of a layer, φ_layer(I), as one row of numbers for each image.

    Args:
        model: images -> logits (N, classes).
        layer: the name of a layer.
        images: (H, W, C) or (N, H, W, C) in [0, 1].
        batch_size: how many images go through the network together, by default
            `default_batch_size`.

    Returns:
        (units,) or (N, units) float32.

    Raises:
        ValueError: for images that are none, and for a layer that the network does not have.
    """
    batch = batch_of(model, images)
    forward = compiled_outputs(model, layer)
    # A bar for what takes long; None shows it only where somebody is looking.
    hidden = True if len(batch) <= 2000 else None
    shown = tqdm(batch, desc="computing features", disable=hidden, leave=False)
    outputs = [forward(stack)[layer] for stack in batches(shown, size=batch_size)]
    rows = np.concatenate(outputs).reshape(len(batch), -1)
    return rows[0] if np.ndim(images) == 3 else rows


def cached(
    function: Callable, *arguments: Any, uncounted: dict[str, Any] | None = None, **options: Any
) -> np.ndarray:
    """Return function(*arguments, **options), from the disk if it was computed before.

    Nothing is sent anywhere. A file that is damaged is not used: the array is computed again. The
    errors of the function come through.

    Args:
        function: returns one array, the same whenever it is called with the same values, such as
            `layer_features` or `tsne_map`.
        uncounted: further options that do not change the result, such as a function that is told
            how far it is. What the function raises, to stop, comes through and nothing is kept.
        *arguments, **options: networks, known by their layers and weights; arrays, numbers, texts,
            known by what they hold.
    """
    path = folder() / f"{function.__name__}-{fingerprint(function, arguments, options)}.npy"
    stored = _read(path)
    if stored is None:
        with interrupts_passed_on():  # a part would be taken for the whole from then on
            stored = np.asarray(function(*arguments, **options, **(uncounted or {})))
        _write(path, stored)
    return stored


def folder() -> Path:
    """Return the folder that the arrays are kept in; it may be deleted at any time."""
    return downloads.cache_folder() / "computed"


def fingerprint(function: Callable, arguments: tuple, options: dict) -> str:
    """Return 32 letters that are the same only for the same function and the same values.

    They are the same in any process. The function is known by its name and its source.
    """
    known = [function.__module__, function.__qualname__, inspect.getsource(function)]
    values = [_content(value) for value in arguments]
    return joblib.hash([known, values, {name: _content(options[name]) for name in options}])


def _content(value: Any) -> Any:
    """A network as what it computes with: its layers, connections and weights; else the value."""
    if not isinstance(value, keras.Model):
        return value
    # Keras counts these names up in each process.
    counted = r"(keras_tensor|functional|sequential)_?\d*"
    return re.sub(counted, "", repr(_config_of(value))), value.get_weights()


def _config_of(model: keras.Model) -> Any:
    """The settings of a network; of its layers alone where its graph was used for other models.

    Keras then cannot say how the layers are connected.
    """
    try:
        return model.get_config()
    except RuntimeError:
        return [layer.get_config() for layer in model.layers]


# Files: a checksum, then the array


def _read(path: Path) -> np.ndarray | None:
    """The array of a file, None where there is no such file or its checksum is wrong."""
    try:
        data = path.read_bytes()
        if hashlib.sha256(data[CHECKSUM:]).digest() != data[:CHECKSUM]:
            return None
        os.utime(path)  # used just now
    except OSError:
        return None
    return np.load(io.BytesIO(data[CHECKSUM:]), allow_pickle=False)


def _write(path: Path, array: np.ndarray) -> None:
    """Write beside `path` and move it there in one step: others see the whole file or none."""
    file = io.BytesIO()
    np.save(file, array, allow_pickle=False)
    data = file.getvalue()
    part = path.with_name(f".{uuid.uuid4().hex}.part")
    # With a full disk, or a folder that may not be written to, the array is there all the same; it
    # is only not kept.
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        part.write_bytes(hashlib.sha256(data).digest() + data)
        os.replace(part, path)
        _make_room(path.parent)
    except OSError:
        with contextlib.suppress(OSError):
            part.unlink()


def _make_room(place: Path) -> None:
    """Remove what was not used for longest until LIMIT is kept; the newest file always stays."""
    files = [(path.stat().st_mtime, path.stat().st_size, path) for path in place.glob("*.npy")]
    held = 0
    for number, (_, size, path) in enumerate(sorted(files, reverse=True)):
        held += size
        if number > 0 and held > LIMIT:
            path.unlink(missing_ok=True)
