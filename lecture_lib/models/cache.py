"""What a layer says of many pictures, and a place on this user's disk where such results are kept, so that they are computed once."""

import contextlib
import hashlib
import inspect
import io
import os
import re
import uuid

import joblib
import numpy as np
from tqdm.auto import tqdm

from lecture_lib.datasets import downloads
from lecture_lib.datasets.images import as_batch
from lecture_lib.models.backend import keras
from lecture_lib.models.batching import batches
from lecture_lib.models.inference import compiled_outputs

LIMIT = 1_000_000_000  # bytes that the folder may hold; what was not used for longest goes first


def layer_features(model, layer, images, *, batch_size=None):
    """φ_layer(I), what a layer says of each picture as one row of numbers.

    images: (H, W, C) or (N, H, W, C) in [0, 1]. Returns (units,) or (N, units) float32. Raises ValueError for images that are none and,
    with the list of layers, for a layer that the net does not have.
    """
    batch, forward = (
        as_batch(images, channels=model.input.shape[-1]),
        compiled_outputs(model, layer),
    )
    quiet = (
        True if len(batch) <= 2000 else None
    )  # a bar for what takes long, and where somebody is looking
    pictures = tqdm(batch, desc="computing features", disable=quiet, leave=False)
    outputs = np.concatenate([forward(some)[layer] for some in batches(pictures, size=batch_size)])
    rows = outputs.reshape(len(outputs), -1)
    return rows[0] if np.ndim(images) == 3 else rows


def cached(function, *arguments, **options):
    """function(*arguments, **options), which gives one array, from the disk if it was computed before from the same values.

    function: one that gives the same array whenever it is called like this, such as `layer_features` or `tsne_map`. arguments: networks,
    known by their layers and weights; arrays, numbers, texts, known by what they hold. Nothing is sent anywhere. A file that is damaged
    is not used: the array is computed again. Returns the array; the errors of the function come through.
    """
    path = folder() / f"{function.__name__}-{fingerprint(function, arguments, options)}.npy"
    stored = _read(path)
    if stored is None:
        stored = np.asarray(function(*arguments, **options))
        _write(path, stored)
    return stored


def folder():
    """The folder that the arrays are kept in; it may be deleted at any time."""
    return downloads.cache_folder() / "computed"


def fingerprint(function, arguments, options):
    """32 letters that are the same only for the same function, networks, arrays and numbers, in any process."""
    known = [function.__module__, function.__qualname__, inspect.getsource(function)]
    return joblib.hash(
        [
            known,
            [_content(value) for value in arguments],
            {name: _content(value) for name, value in options.items()},
        ]
    )


def _content(value):
    """A network as what it computes with: its layers, how they are connected, their weights; anything else as it is."""
    if not isinstance(value, keras.Model):
        return value
    layers = re.sub(
        r"(keras_tensor|functional|sequential)_?\d*", "", repr(value.get_config())
    )  # Keras counts these up in each process
    return layers, value.get_weights()


def _read(path):
    """The array of a file whose first 32 bytes are the checksum of the others; None where there is no such file."""
    try:
        data = path.read_bytes()
        if hashlib.sha256(data[32:]).digest() != data[:32]:
            return None
        os.utime(path)  # used just now
    except OSError:
        return None
    return np.load(io.BytesIO(data[32:]), allow_pickle=False)


def _write(path, array):
    """Write to a file beside `path` and move it there in one step, so that other processes see all of it or nothing."""
    file, part = io.BytesIO(), path.with_name(f".{uuid.uuid4().hex}.part")
    np.save(file, array, allow_pickle=False)
    data = file.getvalue()
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        part.write_bytes(hashlib.sha256(data).digest() + data)
        os.replace(part, path)
        _make_room(path.parent)
    except OSError:  # a full disk, a folder that may not be written to: the array is there all the same, it is only not kept
        with contextlib.suppress(OSError):
            part.unlink()


def _make_room(place):
    oldest_last = sorted(
        ((path.stat().st_mtime, path.stat().st_size, path) for path in place.glob("*.npy")),
        reverse=True,
    )
    total = np.cumsum([size for _, size, _ in oldest_last])
    for (_, _, path), held in zip(oldest_last[1:], total[1:], strict=True):
        if held > LIMIT:
            path.unlink(missing_ok=True)
