"""A film for Chromium's fake camera, made of photographs that come with libraries."""

import contextlib
import io

import numpy as np
from browsing import started_chromium
from PIL import Image

from lecture_lib.datasets.images import load_image, to_uint8

PHOTOS = ["coffee", "cat", "motorcycle", "cameraman"]
HEIGHT, WIDTH = 480, 640  # of a common camera
PER_SECOND = 30  # what Chromium plays films of this kind at


def frame(photo):
    """A photograph in the middle of a camera's picture, gray beside it."""
    picture = np.full((HEIGHT, WIDTH, 3), 96, np.uint8)
    left = (WIDTH - HEIGHT) // 2
    picture[:, left : left + HEIGHT] = to_uint8(load_image(photo, size=HEIGHT))
    return picture


def write_film(path, frames):
    """Write pictures (480, 640, 3) as a film of JPEG files one after another; it is repeated."""
    with open(path, "wb") as film:
        for picture in frames:
            data = io.BytesIO()
            Image.fromarray(picture).save(data, "JPEG", quality=90)
            film.write(data.getvalue())
    return path


def still_film(path, *, seconds=2, photos=PHOTOS):
    """Write a film that shows one photograph after another."""
    frames = (frame(photo) for photo in photos for _ in range(round(seconds * PER_SECOND)))
    return write_film(path, frames)


@contextlib.contextmanager
def chromium_with_camera(film):
    """A running browser whose camera plays a film, and which always allows its use."""
    flags = ["use-fake-ui-for-media-stream", "use-fake-device-for-media-stream"]
    with started_chromium(*flags, f"use-file-for-fake-video-capture={film}") as browser:
        yield browser


# Put into a page before it loads: it keeps every stream that the page is given.
KEEP_STREAMS = """
window.streams = [];
if (navigator.mediaDevices) {
  const ask = navigator.mediaDevices.getUserMedia.bind(navigator.mediaDevices);
  navigator.mediaDevices.getUserMedia = async (wanted) => {
    const stream = await ask(wanted);
    window.streams.push(stream);
    return stream;
  };
}"""
STATES = "() => window.streams.flatMap((stream) => stream.getTracks()).map((t) => t.readyState)"


def lights(page):
    """The state of every track that the page was given: "live" or "ended"."""
    return page.evaluate(STATES)
