"""Make the films of the notebooks: python tools/make_films.py [NUMBER ...]

For each notebook docs/films/ holds a silent film of 20 to 40 seconds with its captions in the
picture (.webm), its words as text (.txt) and its first picture (.webp). All that a film shows is
computed here, by the library, from photographs that come with libraries; without numbers all films
are made, each in a minute or two. The first cell of the notebook plays it; run
tools/mark_slides.py afterward. PyAV encodes: pip install ".[films]"
"""

import importlib
import io
import json
import os
import sys
import tempfile
import textwrap
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from types import ModuleType

import numpy as np
from cells import course_notebooks, source_of
from film_player import FOLDER, with_film
from films.scenes import BACK, HEIGHT, INK, PER_SECOND, WIDTH, Shot, font
from PIL import Image, ImageDraw

ROOT = Path(__file__).resolve().parent.parent
STRIP = 106  # pixels over the scene, for two lines of words: a player's controls lie below
FADE = 4  # pictures in which the scene of one caption becomes that of the next
SECONDS = (20, 40)
SHORTEST = 2.5  # seconds that a caption is seen
MOST_WORDS = 12
MOST_BYTES = 1_500_000
# Constant quality, the best of these with which a film is small; key pictures ten seconds apart.
QUALITIES = (33, 38, 43, 48)  # from fine to coarse
SMALL = 1_000_000  # bytes
OPTIONS = {"b": "0", "deadline": "good", "cpu-used": "4", "g": "120", "row-mt": "1"}


def module_of(name: str) -> ModuleType:
    """The module with the film of a notebook, such as "04_occlusion"."""
    return importlib.import_module(f"films.{name[3:]}")


def pictures_of(shots: Sequence[Shot]) -> Iterator[np.ndarray]:
    """Every picture of a film; where the caption changes, one scene fades into the next."""
    before = shots[0]
    for shot in shots:
        changed = shot.caption != before.caption
        for number in range(round(PER_SECOND * shot.seconds)):
            share = min(1, (number + 1) / FADE) if changed else 1
            scene = (1 - share) * before.scene + share * shot.scene
            yield with_caption(scene, shot.caption)
        before = shot


def with_caption(scene: np.ndarray, caption: str) -> np.ndarray:
    """A scene with a sentence over it."""
    canvas = Image.new("RGB", (WIDTH, STRIP + HEIGHT), BACK)
    canvas.paste(Image.fromarray(np.round(scene).astype(np.uint8)), (0, STRIP))
    lines = balanced_lines(caption)
    high = STRIP / 2 - 19 * (len(lines) - 1) - 4
    for number, line in enumerate(lines):
        middle = (WIDTH / 2, high + 38 * number)
        ImageDraw.Draw(canvas).text(middle, line, font=font(29), fill=INK, anchor="mm")
    return np.asarray(canvas)


def balanced_lines(caption: str) -> list[str]:
    """The caption in one line, or in two that are about equally long; 7 × 7 is not parted."""
    caption = caption.replace(" × ", "\xa0×\xa0").replace(" %", "\xa0%")
    if font(29).getlength(caption) <= WIDTH - 40:
        return [caption]
    half = len(caption) // 2
    widths = range(half, len(caption))
    return next(lines for width in widths if len(lines := textwrap.wrap(caption, width)) <= 2)


def captions_of(shots: Iterable[Shot]) -> list[tuple[float, str]]:
    """(second at which it comes, caption) of a film, in order."""
    captions = []
    now = 0.0
    for shot in shots:
        if not captions or captions[-1][1] != shot.caption:
            captions.append((now, shot.caption))
        now += round(PER_SECOND * shot.seconds) / PER_SECOND
    return captions


def transcript(module: ModuleType, shots: Sequence[Shot]) -> str:
    """The words of a film: what is to be seen, and its captions with their seconds."""
    seen = " ".join(module.__doc__.split())
    whole = f"A silent film of {length_of(shots):.0f} seconds. {seen}"
    lines = [
        f"{second // 60:.0f}:{second % 60:04.1f}  {said}" for second, said in captions_of(shots)
    ]
    return "\n".join([*textwrap.wrap(whole, 88), "", *lines]) + "\n"


def length_of(shots: Iterable[Shot]) -> float:
    """The seconds of a film."""
    return sum(round(PER_SECOND * shot.seconds) for shot in shots) / PER_SECOND


def check(shots: Sequence[Shot]) -> None:
    """Refuse a film that is too short or too long, or has a caption that nobody can read in time.

    Raises:
        ValueError: with a sentence for the first thing that is wrong.
    """
    length = length_of(shots)
    if not SECONDS[0] <= length <= SECONDS[1]:
        raise ValueError(f"The film is {length:.1f} s long; it should be 20 to 40 s.")
    begins, captions = zip(*captions_of(shots), strict=True)
    for caption, seen in zip(captions, np.diff([*begins, length]), strict=True):
        if seen < SHORTEST or len(caption.split()) > MOST_WORDS:
            raise ValueError(
                f"“{caption}” is seen for {seen:.1f} s; a caption has {MOST_WORDS} words at most "
                f"and stays {SHORTEST} s or longer."
            )


def encode(pictures: Iterable[np.ndarray], text: str, *, quality: int) -> bytes:
    """A film as WebM (VP9), which carries its words as its description.

    quality: 0, the finest, to 63.
    """
    import av  # for this alone

    film = io.BytesIO()
    # Without a random number in the file: the same film is the same bytes.
    with av.open(film, "w", format="webm", options={"fflags": "+bitexact"}) as container:
        container.metadata["description"] = text
        options = {**OPTIONS, "crf": str(quality)}
        stream = container.add_stream("libvpx-vp9", rate=PER_SECOND, options=options)
        stream.width, stream.height, stream.pix_fmt = WIDTH, HEIGHT + STRIP, "yuv420p"
        for one in pictures:
            container.mux(stream.encode(av.VideoFrame.from_ndarray(one, format="rgb24")))
        container.mux(stream.encode())
    return film.getvalue()


def encode_small(shots: Sequence[Shot], text: str) -> bytes:
    """A film in the best quality in which it is small.

    Raises:
        ValueError: where it is too large in all of them.
    """
    for quality in QUALITIES:
        film = encode(pictures_of(shots), text, quality=quality)
        if len(film) <= SMALL:
            return film
    if len(film) > MOST_BYTES:
        raise ValueError(f"The film has {len(film):,} bytes, more than {MOST_BYTES:,}.")
    return film


def make(path: Path) -> None:
    """Write the film of a notebook, its words and first picture, and let its first cell play it.

    Raises:
        ValueError: for a film that is too long, too large, or not to be read in time.
    """
    module = module_of(path.stem)
    shots = list(module.shots())
    check(shots)
    text = transcript(module, shots)
    film = encode_small(shots, text)
    target = FOLDER / path.stem[:2]
    target.with_suffix(".webm").write_bytes(film)
    target.with_suffix(".txt").write_text(text, encoding="utf-8")
    first = Image.fromarray(next(pictures_of(shots)))
    first.save(target.with_suffix(".webp"), quality=80, method=6)
    play_in(path)
    print(f"{path.stem}: {length_of(shots):.0f} s, {len(film) / 1e6:.2f} MB", flush=True)


def play_in(path: Path) -> None:
    """Let the first cell of a notebook play its film."""
    notebook = json.loads(path.read_text(encoding="utf-8"))
    first = notebook["cells"][0]
    first["source"] = with_film(source_of(first), path.stem[:2]).splitlines(keepends=True)
    text = json.dumps(notebook, indent=1, ensure_ascii=False) + "\n"
    path.write_text(text, encoding="utf-8")


def use_only_what_travels_with_the_course() -> None:
    """No folder of data, an empty cache and no network: a film is made of what everybody has."""
    os.environ.pop("LECTURE_DATA", None)
    os.environ["XDG_CACHE_HOME"] = tempfile.mkdtemp()
    for name in ("http_proxy", "https_proxy", "HTTP_PROXY", "HTTPS_PROXY"):
        os.environ[name] = "http://127.0.0.1:9"


if __name__ == "__main__":
    use_only_what_travels_with_the_course()
    for path in course_notebooks(ROOT / "notebooks"):
        if path.name[:2] in sys.argv[1:] or not sys.argv[1:]:
            make(path)
