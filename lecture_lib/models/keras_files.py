"""Networks in files: a `.keras` file is read, and code in it never run; other forms are named.

What is no file of Keras 3 is refused with what to do instead.
"""

import contextlib
import json
import shutil
import tempfile
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from lecture_lib.models.backend import keras

OLDER_FILES = (".h5", ".hdf5", ".pb")
HDF5 = b"\x89HDF"  # how its files begin
FILES_OF_OTHERS = (
    ".pt",
    ".pth",
    ".onnx",
    ".tflite",
    ".safetensors",
    ".bin",
    ".ckpt",
    ".npz",
    ".zip",
)


def is_file(name: str | Path) -> bool:
    """Say whether the name of a network is the path of a `.keras` file.

    Args:
        name: as `load_model` takes it.

    Raises:
        ValueError: for the path of a file in another form.
    """
    path = Path(str(name)).expanduser()
    if path.name.lower().endswith(".weights.h5"):
        raise ValueError(
            f"{name} holds weights without their model; build it in Python, give it the weights by "
            "model.load_weights, and wrap it by wrap_model."
        )
    if path.suffix.lower() in FILES_OF_OTHERS:
        raise ValueError(
            f"{name} is no file of Keras; build the model of keras.layers, give it the weights by "
            "layer.set_weights, and wrap it by wrap_model."
        )
    if path.suffix.lower() in OLDER_FILES or (path / "saved_model.pb").is_file():
        raise ValueError(
            f"{name} is in an older form of Keras; read it with keras.saving.load_model, "
            "or a SavedModel with the Keras that wrote it, and save it as 'own.keras'."
        )
    return path.suffix.lower() == ".keras"


def read_keras_file(path: str | Path, *, custom_objects: dict | None = None) -> keras.Model:
    """Read a Keras model from a `.keras` file; code in the file is never run.

    Args:
        path: of the file.
        custom_objects: {name: class} of the layers of your own in it.

    Raises:
        FileNotFoundError: when there is no such file.
        ValueError: for a file that is no Keras model, or holds code.
    """
    if not Path(path).is_file():
        raise FileNotFoundError(f"There is no file {path}.")
    _check_is_archive(Path(path))
    try:
        with _spelled_small(Path(path)) as file:
            model = keras.saving.load_model(
                file, custom_objects=custom_objects, compile=False, safe_mode=True
            )
            model.loss = _loss_in(file)
            return model
    except Exception as error:
        reason = " ".join(str(error).split())[:200]
        raise ValueError(
            f"{path} could not be read as a Keras model; files that hold code (Lambda layers) are "
            "refused, and layers of your own are named by custom_objects={'Mine': Mine}; or build "
            "the model in Python, give it the weights by model.load_weights, and wrap it by "
            f"wrap_model: {reason}"
        ) from None


def _check_is_archive(path: Path) -> None:
    """Raise ValueError for a file that is no `.keras` file, whatever its name is."""
    if zipfile.is_zipfile(path):
        return
    with path.open("rb") as file:
        is_older = file.read(4) == HDF5
    if is_older:
        raise ValueError(
            f"{path} is an HDF5 file; let its name end in .h5, read it with "
            "keras.saving.load_model, and save it as 'own.keras'."
        )
    raise ValueError(
        f"{path} holds no Keras model ({path.stat().st_size} bytes), or is cut off; save it anew "
        "with model.save('own.keras')."
    )


def _loss_in(path: Path) -> str:
    """The name of the loss that the model in a file was trained with, "" where there is none."""
    with zipfile.ZipFile(path) as file:
        compiled = json.loads(file.read("config.json")).get("compile_config") or {}
    return _name_in(compiled.get("loss"))


def _name_in(stored: Any) -> str:
    """The name of a loss as Keras stores it: a text, settings, or those of the first output."""
    if isinstance(stored, dict) and "class_name" in stored:
        settings = stored.get("config")
        stored = settings.get("name") if isinstance(settings, dict) else settings
    elif isinstance(stored, (dict, list)) and stored:
        return _name_in(next(iter(stored.values() if isinstance(stored, dict) else stored)))
    return stored if isinstance(stored, str) else ""


@contextlib.contextmanager
def _spelled_small(path: Path) -> Iterator[Path]:
    """The path of a file whose name ends in .keras, a copy if it ends in .KERAS."""
    if path.suffix == ".keras":
        yield path
        return
    with tempfile.TemporaryDirectory() as folder:
        yield Path(shutil.copy(path, Path(folder) / "model.keras"))
