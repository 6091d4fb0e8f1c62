"""Feed the one decoder of pictures with files made to break it.

    pip install atheris
    PYTHONPATH=benchmarks python benchmarks/peers/fuzz_pictures.py [SECONDS]

Atheris changes bytes of small pictures of every format and keeps what reaches new lines of Python.
Whatever comes must be an image in [0, 1] or the one sentence of a ValueError; anything else ends
the run with the file that did it. What it finds lies in a temporary folder.
"""

import io
import sys
import tempfile
from pathlib import Path

import atheris

with atheris.instrument_imports(include=["PIL", "lecture_lib"]):
    import numpy as np
    from PIL import Image

    from lecture_lib.datasets.decoding import FORMATS, decode_image


def look(data):
    try:
        image = decode_image(data, size=16)
    except ValueError as error:
        assert (
            str(error).startswith("the picture ")
            and str(error).endswith(".")
            and "\n" not in str(error)
        )
    else:
        assert image.shape == (16, 16, 3) and image.min() >= 0 and image.max() <= 1


def main(seconds=60):
    noise = np.random.default_rng(0).integers(0, 256, (12, 20, 3), np.uint8)
    with tempfile.TemporaryDirectory() as folder:
        for format in FORMATS:
            file = io.BytesIO()
            Image.fromarray(noise).save(file, format)
            (Path(folder) / format).write_bytes(file.getvalue())
        atheris.Setup(
            [
                sys.argv[0],
                folder,
                f"-max_total_time={seconds}",
                "-max_len=3000",
                "-rss_limit_mb=2000",
                "-verbosity=1",
            ],
            look,
        )
        atheris.Fuzz()


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
