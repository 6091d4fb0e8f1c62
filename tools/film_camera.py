"""Film a live panel at work for the README: docs/camera.webp, 20 seconds, at most 1.5 MB.

    PYTHONPATH=.:tests python tools/film_camera.py

A browser's camera plays a film made of photographs that come with libraries; the panel names what
it sees and where. Needs Chromium and Playwright, and takes a minute and a half.
"""

import io
import tempfile
import time
from pathlib import Path

import cv2
import numpy as np
from camera_film import HEIGHT, PER_SECOND, WIDTH, chromium_with_camera, write_film
from lab import cell, notebook_of, run_all_cells, started_lab, write
from PIL import Image

from lecture_lib.datasets.images import load_image, to_uint8

TARGET = Path(__file__).resolve().parent.parent / "docs" / "camera.webp"
PHOTOS = ["coffee", "cat", "motorcycle", "naval officer", "cameraman"]
SECONDS = 4  # for each photograph
PICTURES = 5  # a second, in the film for the README
SIZE = 430  # pixels of a photograph that is held into the camera
MOST = 1_500_000  # bytes
SOURCE = """
from functools import partial
from lecture_lib.models import load_model
from lecture_lib.panels import classes_and_map, live_camera
model = load_model("efficientnet_lite0")
live_camera(partial(classes_and_map, model), alt="A picture and where its class is seen")"""


def held_up(photo, moment):
    """A camera's picture of a photograph that is held into it: it comes from below and sways.

    Args:
        photo: (SIZE, SIZE, 3), 0..255.
        moment: 0..1, from its coming to its going.
    """
    away = max(0.0, 1 - moment / 0.12, 1 - (1 - moment) / 0.12)  # 1 is out of the picture
    angle = 5 * np.sin(2 * np.pi * moment)
    zoom = 1 + 0.08 * np.sin(np.pi * moment)
    move = cv2.getRotationMatrix2D((SIZE / 2, SIZE / 2), angle, zoom)
    move[:, 2] += (WIDTH - SIZE) / 2, (HEIGHT - SIZE) / 2 + HEIGHT * away**2
    return cv2.warpAffine(photo, move, (WIDTH, HEIGHT), borderValue=(78, 82, 88))


def frames():
    """All pictures of the film that the camera plays."""
    count = SECONDS * PER_SECOND
    for name in PHOTOS:
        photo = to_uint8(load_image(name, size=SIZE))
        for number in range(count):
            yield held_up(photo, number / count)


def filmed(page, panel):
    """Pictures of a panel, as many of a second as the film for the README shows."""
    pictures = []
    began = time.monotonic()
    for number in range(len(PHOTOS) * SECONDS * PICTURES):
        pause = began + number / PICTURES - time.monotonic()
        page.wait_for_timeout(max(0, 1000 * pause))
        picture = Image.open(io.BytesIO(panel.screenshot(type="png", timeout=5000)))
        pictures.append(picture.convert("RGB"))
    return pictures


def save(pictures):
    """Write docs/camera.webp at the best quality whose file is small enough."""
    small = [
        picture.resize((picture.width * 3 // 4, picture.height * 3 // 4)) for picture in pictures
    ]
    for quality in (70, 55, 40, 25):
        data = io.BytesIO()
        small[0].save(
            data,
            "WEBP",
            save_all=True,
            append_images=small[1:],
            method=4,
            loop=0,
            duration=1000 // PICTURES,
            quality=quality,
        )
        if data.tell() <= MOST:
            TARGET.write_bytes(data.getvalue())
            return f"{TARGET.name}: {len(small)} pictures, {data.tell() / 1e6:.2f} MB, {quality}"
    return "The film is too large at any quality; make it shorter."


def main():
    folder = Path(tempfile.mkdtemp())
    path = folder / "notebooks" / "camera.ipynb"
    path.parent.mkdir()
    write(notebook_of([cell(SOURCE)]), path)
    film = write_film(folder / "film.mjpeg", frames())
    with started_lab(folder) as address, chromium_with_camera(film) as browser:
        page = browser.new_page(viewport={"width": 1280, "height": 900})
        page.goto(address.format("camera"))
        run_all_cells(page, path)
        panel = page.locator(".lecture-panel")
        panel.scroll_into_view_if_needed()
        # Filming takes half of the processor, so the rate is not the panel's own.
        page.add_style_tag(content=".lecture-camera-rate { display: none; }")
        panel.get_by_role("button", name="Start camera", exact=True).click()
        page.wait_for_timeout(3000)
        print(save(filmed(page, panel)))


if __name__ == "__main__":
    main()
