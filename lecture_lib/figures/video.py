"""Films: a list of images played in the page, or saved as an animated GIF or as an MP4."""

import base64
import html
import tempfile
from collections.abc import Sequence
from pathlib import Path

import cv2
import imageio.v3
import numpy as np
from IPython.display import display

from lecture_lib.core.ascent import clip
from lecture_lib.core.tiling import resize
from lecture_lib.datasets.images import to_uint8
from lecture_lib.datasets.saving import save_bytes
from lecture_lib.datasets.shapes import Image
from lecture_lib.figures.html import picture_bundle


def show_film(
    frames: Sequence[Image], *, seconds: float = 0.1, size: int | None = None, alt: str
) -> None:
    """Play images as a film in the page, again and again; pages without films show the last image.

    Args:
        frames: images (H, W, 3) in [0, 1]; all get the size of the last one.
        seconds: how long each frame stays, above 0.
        size: the width of the film in pixels of the page, by default its own.
        alt: what is to be seen, in words.

    Raises:
        ValueError: for no frames, an OpenCV that cannot write films, and an empty `alt`.
    """
    pixels = _pixels(frames, seconds)
    width = size or pixels[-1].shape[1]
    # The last image beside it is small, for the film is what counts.
    data, metadata = picture_bundle(pixels[-1], alt=alt, width=min(width, 180))
    film = base64.b64encode(_encode_mp4(pixels, seconds)).decode()
    words = html.escape(alt)
    data["text/html"] = (
        f'<video aria-label="{words}" title="{words}" width="{width}" controls loop muted autoplay '
        f'playsinline style="max-width:100%;height:auto" src="data:video/mp4;base64,{film}">'
        f"{words}</video>"
    )
    display(data, metadata=metadata, raw=True)


def save_film(frames: Sequence[Image], path: str | Path, *, seconds: float = 0.1) -> Path:
    """Save images as a film; a file that exists is never overwritten.

    Args:
        frames: images (H, W, 3) in [0, 1]; all get the size of the last one.
        path: ends in .gif, for an animation that repeats, or in .mp4, for a much smaller film in
            all its colors (VP9, which browsers play; an odd last row or column is left off).
        seconds: how long each frame stays, above 0.

    Returns:
        The path written: path-2.gif where path is taken.

    Raises:
        ValueError: for another suffix, for no frames, or an OpenCV that cannot write films.
        FileNotFoundError: for a folder that does not exist.
    """
    path = Path(path).expanduser()
    encode = {".gif": _encode_gif, ".mp4": _encode_mp4}.get(path.suffix.lower())
    if not encode:
        raise ValueError(f"A film is saved as .gif or .mp4; the path was '{path.name}'.")
    return save_bytes(encode(_pixels(frames, seconds), seconds), path)


def _pixels(frames: Sequence[Image], seconds: float) -> list[np.ndarray]:
    """The frames as bytes (H, W, 3), all of the size of the last one."""
    if not (len(frames) and seconds > 0):
        raise ValueError(
            "A film has one image or more, each seen for more than 0 s; it was asked for with "
            f"{len(frames)} images of {seconds} s."
        )
    size = frames[-1].shape[:2]
    return [to_uint8(_at_size(frame, size)) for frame in frames]


def _at_size(frame: Image, size: tuple[int, int]) -> np.ndarray:
    return frame if frame.shape[:2] == size else clip(resize(frame, size))


def _encode_gif(frames: list[np.ndarray], seconds: float) -> bytes:
    milliseconds = round(1000 * seconds)
    return imageio.v3.imwrite("<bytes>", frames, extension=".gif", duration=milliseconds, loop=0)


def _encode_mp4(frames: list[np.ndarray], seconds: float) -> bytes:
    height, width = frames[0].shape[:2]
    codec = cv2.VideoWriter_fourcc(*"vp09")
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "film.mp4"
        writer = cv2.VideoWriter(str(path), codec, 1 / seconds, (width, height))
        if not writer.isOpened():
            raise ValueError(
                "The OpenCV that is installed here cannot write films; let the name end in .gif."
            )
        for frame in frames:
            writer.write(np.ascontiguousarray(frame[..., ::-1]))  # OpenCV wants blue first
        writer.release()
        return path.read_bytes()
