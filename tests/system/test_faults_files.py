"""Files that a stranger made: malformed pictures, model files with code, stored outputs."""

import ast
import io
import json
import os
import re
import struct
import tracemalloc
import zipfile
import zlib
from pathlib import Path

import numpy as np
import pytest
from course_files import NOTEBOOKS, ROOT, code_cells
from PIL import Image
from recipes_loader import recipe
from small_nets import small_net

from lecture_lib.datasets.decoding import FORMATS, decode_image
from lecture_lib.models.backend import keras
from lecture_lib.models.inference import class_scores
from lecture_lib.models.keras_files import read_keras_file
from lecture_lib.models.zoo import load_model

SECONDS = 60 if os.environ.get("COURSE_LONG") else 0  # of fuzzing beyond the first hundred files


def file_bytes(picture, format, **options):
    file = io.BytesIO()
    picture.save(file, format, **options)
    return file.getvalue()


NOISE = Image.fromarray(np.random.default_rng(0).integers(0, 256, (24, 40, 3), np.uint8))
FILES = {name: file_bytes(NOISE, name) for name in FORMATS}


# Pictures


def chunk(kind, data):
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def png(*, width=4, height=4, bits=8, color=2, more=b"", data=None):
    """A PNG file written by hand, so that each of its numbers can be a lie."""
    header = chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, bits, color, 0, 0, 0))
    rows = zlib.compress(b"\0" * (height * (1 + 3 * width))) if data is None else data
    return b"\x89PNG\r\n\x1a\n" + header + more + chunk(b"IDAT", rows) + chunk(b"IEND", b"")


MALFORMED = {
    "png of no width": png(width=0, height=4),
    "png of 4 billion rows": png(width=1, height=2**31 - 1, data=b""),
    "png of a color that is none": png(color=5),
    "png without rows": png(data=zlib.compress(b"")),
    "png with rows that are no zip": png(data=b"\0" * 40),
    "png whose text is a bomb": png(
        more=chunk(b"zTXt", b"a\0\0" + zlib.compress(b"\0" * 80_000_000, 9))
    ),
    "png whose profile is a bomb": png(
        more=chunk(b"iCCP", b"a\0\0" + zlib.compress(b"\0" * 80_000_000, 9))
    ),
    "png whose rows are a bomb": png(data=zlib.compress(b"\0" * 80_000_000, 9)),
    "gif with a frame beyond its edge": FILES["GIF"].replace(b",\0\0\0\0", b",\xff\x7f\xff\x7f", 1),
    "bmp of negative width": FILES["BMP"][:18] + struct.pack("<i", -40) + FILES["BMP"][22:],
    "bmp of 4 billion columns": FILES["BMP"][:18]
    + struct.pack("<I", 2**31 - 1)
    + FILES["BMP"][22:],
    "tiff that begins beyond its end": b"II*\0" + struct.pack("<I", 2**31) + b"\0" * 40,
    "tiff whose directories go in a circle": b"II*\0" + struct.pack("<IHI", 8, 0, 8),
    "jpeg of no size": FILES["JPEG"].replace(struct.pack(">HH", 24, 40), b"\0\0\0\0", 1),
    "jpeg with a broken EXIF block": FILES["JPEG"][:2]
    + b"\xff\xe1\0\x10Exif\0\0II*\0\xff\xff\xff\xff"
    + FILES["JPEG"][2:],
    "webp that says it is longer": FILES["WEBP"][:4]
    + struct.pack("<I", 2**31 - 1)
    + FILES["WEBP"][8:],
    "svg": b'<svg xmlns="http://www.w3.org/2000/svg"><image href="file:///etc/passwd"/></svg>',
    "postscript that runs a program": b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 4 4\n"
    b"(%pipe%true) (r) file\nshowpage\n",
    "html": b"<html><script>alert(1)</script></html>",
    "zip": b"PK\x03\x04" + b"\0" * 60,
    "heic": b"\0\0\0\x18ftypheic" + b"\0" * 60,
    "pickle": b"\x80\x04cos\nsystem\n.",
}


def answer(data):
    """An image in [0, 1], or the sentence that says why there is none; anything else fails."""
    try:
        image = decode_image(data, name="holiday.png", size=16)
    except ValueError as error:
        assert (
            str(error).startswith("holiday.png ")
            and str(error).endswith(".")
            and "\n" not in str(error)
        )
        return str(error)
    assert (
        image.shape == (16, 16, 3)
        and image.dtype == np.float32
        and image.min() >= 0
        and image.max() <= 1
    )
    return image


@pytest.mark.parametrize("kind", MALFORMED)
@pytest.mark.filterwarnings("error")
def test_a_malformed_picture_is_an_image_or_one_sentence_in_little_memory(kind):
    tracemalloc.start()
    try:
        found = answer(MALFORMED[kind])
        assert tracemalloc.get_traced_memory()[1] < 300e6
    finally:
        tracemalloc.stop()
    readable = (
        "png whose rows are a bomb",
        "jpeg with a broken EXIF block",
        "gif with a frame beyond its edge",
    )
    assert kind in readable or isinstance(found, str)


def test_a_picture_that_is_also_something_else_is_only_a_picture():
    for format in ("PNG", "GIF", "JPEG", "BMP"):
        np.testing.assert_array_equal(
            answer(FILES[format] + b"PK\x03\x04<script>alert(1)</script>"), answer(FILES[format])
        )


def test_pictures_made_by_chance_are_images_or_one_sentence():
    """Cut, spliced, overwritten, with bytes put in: Hypothesis looks for one that gives more."""
    hypothesis = pytest.importorskip(
        "hypothesis", reason="fuzzing needs Hypothesis: pip install hypothesis"
    )
    from time import monotonic

    from hypothesis import strategies as some

    edits = some.lists(
        some.tuples(some.integers(0, 3000), some.integers(0, 12), some.binary(max_size=12)),
        max_size=6,
    )
    end = monotonic() + SECONDS

    @hypothesis.settings(
        max_examples=100,
        deadline=None,
        database=None,
        derandomize=not SECONDS,
        suppress_health_check=list(hypothesis.HealthCheck),
    )
    @hypothesis.given(name=some.sampled_from(FORMATS), edits=edits, length=some.integers(0, 4000))
    def look(name, edits, length):
        data = FILES[name][:length] if length % 3 == 0 else FILES[name]
        for start, count, put in edits:
            data = data[:start] + put + data[start + count :]
        answer(data)

    look()
    while monotonic() < end:
        look()  # at a hundred others


# Models


def rewritten(path, *, config=None, add=()):
    """A .keras file of `small_net` with another configuration, or with more members."""
    small_net().save(path.with_name("small.keras"))
    with (
        zipfile.ZipFile(path.with_name("small.keras")) as whole,
        zipfile.ZipFile(path, "w") as changed,
    ):
        for name in whole.namelist():
            changed.writestr(
                name, json.dumps(config) if config and name == "config.json" else whole.read(name)
            )
        for name, data in add:
            changed.writestr(name, data)
    return path


def object_of(module, class_name, config, **more):
    return {
        "module": module,
        "class_name": class_name,
        "config": config,
        "registered_name": None,
        **more,
    }


def functional(layer):
    images = object_of(
        "keras.layers",
        "InputLayer",
        {"batch_shape": [None, 4, 4, 3], "name": "image"},
        name="image",
        inbound_nodes=[],
    )
    history = {"shape": [None, 4, 4, 3], "dtype": "float32", "keras_history": ["image", 0, 0]}
    tensor = {"class_name": "__keras_tensor__", "config": history}
    layer = {**layer, "name": "last", "inbound_nodes": [{"args": [tensor], "kwargs": {}}]}
    config = {
        "name": "net",
        "layers": [images, layer],
        "input_layers": [["image", 0, 0]],
        "output_layers": [["last", 0, 0]],
    }
    return object_of("keras.src.models.functional", "Functional", {**config, "trainable": True})


def codes(marker):
    """Configurations that would write the file `marker` if anything in them were run."""
    call = f"open({str(marker)!r}, 'w').close()"

    def function(module, name):
        return {
            "module": module,
            "class_name": "function",
            "config": name,
            "registered_name": name,
        }

    def activation(given):
        return functional(
            object_of("keras.layers", "Activation", {"name": "last", "activation": given})
        )

    return {
        "exec": activation(function("builtins", "exec")),
        "system": activation(function("os", "system")),
        "a class of another library": functional(
            object_of("subprocess", "Popen", {"args": ["touch", str(marker)]})
        ),
        "a class of Python": object_of("builtins", "exec", {"source": call}),
        "a module beside the file": functional(
            object_of("module_with_a_surprise", "Surprise", {"name": "last"})
        ),
        "a function of Keras that fetches": activation(
            {
                "module": "keras.utils",
                "class_name": "get_file",
                "config": {"fname": str(marker), "origin": "file:///etc/hostname"},
            }
        ),
        "a lambda": functional(
            object_of(
                "keras.layers",
                "Lambda",
                {
                    "name": "last",
                    "function": {
                        "class_name": "__lambda__",
                        "config": {
                            "code": "4wEAAAAAAAAAAAAAAAEAAAABAAAAQwAAAHMEAAAAfABTAA==\n",
                            "defaults": None,
                            "closure": None,
                        },
                    },
                },
            )
        ),
        "a graph saved elsewhere": functional(
            object_of(
                "keras.layers",
                "TFSMLayer",
                {
                    "name": "last",
                    "filepath": str(marker.with_name("saved")),
                    "call_endpoint": "serving_default",
                },
            )
        ),
    }


CODES = list(codes(Path("marker")))


@pytest.mark.parametrize("kind", CODES)
def test_a_model_file_with_code_is_refused_and_nothing_of_it_runs(tmp_path, monkeypatch, kind):
    marker = tmp_path / "it_ran"
    (tmp_path / "module_with_a_surprise.py").write_text(
        f"open({str(marker)!r}, 'w').close()\nclass Surprise: pass\n"
    )
    if kind == "a graph saved elsewhere":
        pooled = keras.Sequential([keras.Input((4, 4, 3)), keras.layers.GlobalAveragePooling2D()])
        pooled.export(tmp_path / "saved", verbose=False)
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(tmp_path)
    path = rewritten(tmp_path / "own.keras", config=codes(marker)[kind])
    with pytest.raises(
        ValueError, match="own.keras could not be read as a Keras model; files that hold code"
    ) as caught:
        load_model(path)
    assert "\n" not in str(caught.value)
    assert not marker.exists()


def test_the_same_file_without_code_is_read(tmp_path):
    harmless = functional(
        object_of("keras.layers", "Activation", {"name": "last", "activation": "relu"})
    )
    assert (
        read_keras_file(rewritten(tmp_path / "own.keras", config=harmless))
        .get_layer("last")
        .activation
        is keras.activations.relu
    )


@pytest.mark.filterwarnings("ignore:Skipping invalid path")
def test_a_model_file_that_wants_to_write_outside_its_place_cannot(tmp_path, monkeypatch):
    home = tmp_path / "deep" / "in" / "a" / "home"
    home.mkdir(parents=True)
    monkeypatch.chdir(home)
    monkeypatch.setenv("TMPDIR", str(home))
    outside = [
        "../../outside.txt",
        "assets/../../outside.txt",
        str(tmp_path / "absolute.txt"),
        "assets/a/../../../outside.txt",
    ]
    path = rewritten(
        home / "own.keras", add=[(name, b"written") for name in [*outside, "assets/inside.txt"]]
    )
    before = sorted(tmp_path.rglob("*"))
    try:
        assert class_scores(load_model(path), np.full((8, 8, 3), 0.5, np.float32)).shape == (5,)
    except ValueError as error:
        assert "own.keras could not be read" in str(error)
    assert sorted(tmp_path.rglob("*")) == before


def test_an_export_that_breaks_off_leaves_the_weights_before(tmp_path, monkeypatch):
    export = recipe("export")
    monkeypatch.setattr(export, "DATA", tmp_path)
    weights = tmp_path / "weights" / "net.npz"
    weights.parent.mkdir()
    weights.write_bytes(b"the weights before")

    def broken_off(path, **_):
        path.write_bytes(b"half")
        raise KeyboardInterrupt

    monkeypatch.setattr(np, "savez_compressed", broken_off)
    with pytest.raises(KeyboardInterrupt):
        export.export(small_net(), keras.models.clone_model(small_net()), "net")
    assert weights.read_bytes() == b"the weights before"


# What travels with the course


def calls_in_file(path):
    if path.suffix == ".py":
        source = path.read_text(encoding="utf-8")
    else:
        cells = ("".join(cell["source"]) for cell in code_cells(path))
        source = "\n".join(
            line
            for cell in cells
            for line in cell.splitlines()
            if not line.lstrip().startswith(("%", "!"))
        )
    return calls(source)


def calls(source):
    return [
        node
        for node in ast.walk(ast.parse(source))
        if isinstance(node, (ast.Call, ast.Import, ast.ImportFrom))
    ]


def is_unsafe(node):
    """Whether a call or an import can run what a file holds.

    Such are pickle and its kin, eval, and a model read without safe mode.
    """
    if isinstance(node, (ast.Import, ast.ImportFrom)):
        names = {alias.name for alias in node.names} | {getattr(node, "module", None) or ""}
        return bool(
            {name.split(".")[0] for name in names}
            & {"pickle", "cPickle", "dill", "cloudpickle", "shelve", "marshal"}
        )
    called = ast.unparse(node.func)
    given = {keyword.arg: ast.unparse(keyword.value) for keyword in node.keywords}
    if called in ("np.load", "numpy.load"):
        return given.get("allow_pickle", "False") != "False"
    unsafe = (
        "eval",
        "exec",
        "pickle.load",
        "pickle.loads",
        "pickle.Unpickler",
        "joblib.load",
        "joblib.dump",
        "torch.load",
        "yaml.load",
        "pd.read_pickle",
    )
    return called in unsafe or given.get("safe_mode", "True") != "True"


FOLDERS = ("lecture_lib", "data/recipes", "tools", "deploy", "benchmarks")
SOURCES = [path for folder in FOLDERS for path in sorted((ROOT / folder).rglob("*.py"))]


@pytest.mark.parametrize("path", SOURCES + NOTEBOOKS, ids=lambda path: path.stem)
def test_nothing_that_is_read_can_run_code(path):
    """Two places may, as they stand here, and nothing else.

    The reader of weights knows four names of pickle and refuses all others; what draws the pictures
    of the exercises runs the course's own solutions.
    """
    allowed = {
        "pytorch_weights.py": ["import pickle"],
        "exercise_pictures.py": ["exec(compile(source, 'exercise', 'exec'), names)"],
    }
    found = [ast.unparse(node)[:80] for node in calls_in_file(path) if is_unsafe(node)]
    assert found == allowed.get(path.name, [])


def test_the_search_for_what_runs_code_finds_it():
    bad = (
        "import pickle\npickle.loads(b)\npickle.Unpickler(f)\nfrom dill import "
        "loads\nnp.load(f, allow_pickle=True)\n"
        "load_model(f, safe_mode=False)\neval(x)"
    )
    good = (
        "import json\nnp.load(f)\nnp.load(f, allow_pickle=False)\n"
        "load_model(f, safe_mode=True)\nnet.eval()"
    )
    assert (
        all(map(is_unsafe, calls(bad)))
        and len(calls(bad)) == 7
        and not any(map(is_unsafe, calls(good)))
    )


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_a_notebook_shows_its_pictures_before_it_is_trusted(path):
    """JupyterLab runs no script and shows no widget of a notebook that this computer has not run.

    So each widget has a picture or a text, too.
    """
    for output in (output for cell in code_cells(path) for output in cell["outputs"]):
        data = output.get("data", {})
        assert (
            "<script" not in str(data.get("text/html", "")) and "application/javascript" not in data
        )
        if "application/vnd.jupyter.widget-view+json" in data:
            bar = re.search(
                r"\d+%\|", "".join(data.get("text/plain", ""))
            )  # a progress bar, which is text as well
            assert bar or data.keys() & {"image/png", "image/jpeg"}
