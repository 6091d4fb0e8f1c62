"""Films: a list of pictures saved as an animated GIF or as an MP4."""

import io
import tempfile
from pathlib import Path

import cv2
import numpy as np
from PIL import Image

from lecture_lib.core.ascent import clip
from lecture_lib.core.tiling import resized
from lecture_lib.datasets.images import save_bytes, to_uint8


def save_film(frames, path, *, seconds=0.1):
    """Save pictures (H, W, 3) as a film; all get the size of the last one. A file that exists is never overwritten.

    path: ends in .gif, for an animation that repeats, or in .mp4, for a much smaller film in all its colors (VP9, which browsers play; an
    odd last row or column is left off). seconds: how long each picture stays, above 0. Returns the Path written, path-2.gif where path is
    taken. Raises ValueError for another suffix, no frames, or an OpenCV that cannot write films, FileNotFoundError for no folder.
    """
    path = Path(path).expanduser()
    encode = {".gif": _as_gif, ".mp4": _as_mp4}.get(path.suffix.lower())
    if not (encode and len(frames) and seconds > 0):
        raise ValueError(
            f"A film of one picture or more, each seen for more than 0 s, is saved as .gif or .mp4; '{path.name}' shall hold "
            f"{len(frames)} pictures of {seconds} s."
        )
    size = frames[-1].shape[:2]
    pictures = [
        to_uint8(frame if frame.shape[:2] == size else clip(resized(frame, size)))
        for frame in frames
    ]
    return save_bytes(encode(pictures, seconds), path)


def _as_gif(pictures, seconds):
    first, *others = map(Image.fromarray, pictures)
    file = io.BytesIO()
    first.save(
        file, "GIF", save_all=True, append_images=others, duration=round(1000 * seconds), loop=0
    )
    return file.getvalue()


def _as_mp4(pictures, seconds):
    height, width = pictures[0].shape[:2]
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "film.mp4"
        writer = cv2.VideoWriter(
            str(path), cv2.VideoWriter_fourcc(*"vp09"), 1 / seconds, (width, height)
        )
        if not writer.isOpened():
            raise ValueError(
                "The OpenCV that is installed here cannot write films; let the name end in .gif."
            )
        for picture in pictures:
            writer.write(np.ascontiguousarray(picture[..., ::-1]))  # OpenCV wants blue first
        writer.release()
        return path.read_bytes()
