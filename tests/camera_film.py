"""A film for Chromium's fake camera, made of photographs that come with libraries."""

import contextlib
import io
from itertools import cycle, islice

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


def with_noise(picture, random):
    """The picture with the noise of a camera: two frames alike would not be computed twice."""
    noise = random.integers(-6, 7, (HEIGHT // 4, WIDTH // 4, 1))
    return np.clip(picture + noise.repeat(4, axis=0).repeat(4, axis=1), 0, 255).astype(np.uint8)


def write_film(path, frames):
    """Write pictures (480, 640, 3) as a film of JPEG files one after another; it is repeated."""
    with open(path, "wb") as film:
        film.writelines(map(jpeg_of, frames))
    return path


def jpeg_of(picture):
    data = io.BytesIO()
    Image.fromarray(picture).save(data, "JPEG", quality=90)
    return data.getvalue()


def still_film(path, *, seconds=2, photos=PHOTOS):
    """Write a film that shows one photograph after another."""
    path.write_bytes(b"".join(_frames(photos, round(seconds * PER_SECOND))))
    return path


def _frames(photos, count):
    """JPEG files: of each photograph a few with noise, in turn."""
    random = np.random.default_rng(0)
    for photo in photos:
        still = frame(photo)
        noisy = [jpeg_of(with_noise(still, random)) for _ in range(6)]
        yield from islice(cycle(noisy), count)


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
