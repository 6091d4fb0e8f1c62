"""Real or changed? A quiz with two images, and what its answers say about the eye behind them."""

import math
from collections.abc import Callable, Iterable, Sequence
from statistics import NormalDist
from typing import NamedTuple

import numpy as np

from lecture_lib.datasets.images import as_batch
from lecture_lib.datasets.shapes import Image, Images
from lecture_lib.figures.html import tile
from lecture_lib.panels.panel import Panel, build, display_panel, set_status, show_image

SIDES = ("left", "right")


class Detection(NamedTuple):
    """How well one size of change was detected.

    Attributes:
        size: of the change.
        asked: how many questions were asked.
        right: how many were answered right.
        d_prime: the sensitivity d', 0 for guessing.
    """

    size: float
    asked: int
    right: int
    d_prime: float


def sensitivity(right: int, asked: int) -> float:
    """Return how far apart two images are for an eye that has to choose one; 0 is guessing.

    d' = √2 · Φ⁻¹((right + ½) / (asked + 1)); the halves keep a perfect score finite.

    Args:
        right: how many of the questions were answered right, 0..asked.
        asked: how many questions there were.

    Raises:
        ValueError: for counts that cannot be.

    Source:
        Macmillan and Creelman, Detection theory, 2005; the halves: Hautus, Corrections for extreme
        proportions and their biasing effects on estimated values of d', 1995.
    """
    if not 0 <= right <= asked:
        raise ValueError(
            f"Of {asked} questions {right} cannot have been answered right; give a count from 0 to "
            f"{asked}."
        )
    return math.sqrt(2) * NormalDist().inv_cdf((right + 0.5) / (asked + 1))


def detection(answers: Iterable[tuple[float, bool]]) -> list[Detection]:
    """Return how well changes of each size were detected, the smallest change first.

    Args:
        answers: (size of the change, whether the answer was right) pairs.
    """
    by_size: dict[float, list[bool]] = {}
    for size, is_right in answers:
        by_size.setdefault(size, []).append(is_right)
    rows = []
    for size in sorted(by_size):
        asked = len(by_size[size])
        right = sum(by_size[size])
        rows.append(Detection(size, asked, right, sensitivity(right, asked)))
    return rows


def summary(answers: Iterable[tuple[float, bool]]) -> str:
    """Return what the answers say, size by size, in one line."""
    parts = [
        f"{row.size:g}: {row.right} of {row.asked} (d' {row.d_prime:.1f})"
        for row in detection(answers)
    ]
    return "By size of the change: " + ", ".join(parts)


def two_sided_panel(name: str, says: str, choose: Callable) -> Panel:
    """Return a panel with a button for each of two sides, not yet shown.

    Args:
        name: for the names of saved pictures.
        says: what a button says of its side, such as "is real".
        choose: is called with "left" or "right".
    """
    texts = {side: f"{side.title()} {says}" for side in SIDES}
    panel = build({}, name=name, buttons=list(texts.values()))
    for side, text in texts.items():
        panel.buttons[text].on_click(lambda button, side=side: choose(side))
    return panel


class Quiz:
    """A quiz under way, in a panel that is not yet shown.

    Attributes:
        panel: what is seen.
        answers: so far, (size of the change, whether the answer was right); they stay in memory,
            nothing is saved or sent.

    Args:
        real, changed: (N, H, W, 3) in [0, 1], pairs of an image and its changed counterpart.
        sizes: (N,), how large each change is.
        seed: decides the order of the pairs and the sides.

    Raises:
        ValueError: where the images do not match.
    """

    def __init__(
        self, real: Images, changed: Images, sizes: Sequence[float], *, seed: int = 0
    ) -> None:
        self._real = as_batch(real)
        self._changed = as_batch(changed)
        self._sizes = sizes
        self._check_counts()
        random = np.random.default_rng(seed)
        self._order = random.permutation(len(self._real))
        self._real_on_left = random.random(len(self._real)) < 0.5
        self.answers: list[tuple[float, bool]] = []
        self.panel = two_sided_panel("real_or_changed", "is real", self.choose)
        self._ask()

    def _check_counts(self) -> None:
        count = len(self._sizes)
        if self._real.shape != self._changed.shape or len(self._real) != count:
            raise ValueError(
                f"There are {len(self._real)} real and {len(self._changed)} changed pictures and "
                f"{count} sizes; give as many of each."
            )

    def choose(self, side: str) -> None:
        """Answer that the real image stands on a side, "left" or "right", and ask on."""
        if len(self.answers) == len(self._order):
            return
        pair = self._order[len(self.answers)]
        is_right = bool((side == "left") == self._real_on_left[pair])
        self.answers.append((float(self._sizes[pair]), is_right))
        count = sum(right for _, right in self.answers)
        verdict = "Right" if is_right else "Wrong"
        self._ask(f"{verdict}, {count} of {len(self.answers)}. ")

    def _ask(self, before: str = "") -> None:
        """Show the next pair, or what the answers say where there is none left."""
        asked = len(self.answers)
        if asked == len(self._order):
            set_status(self.panel, f"{before}{summary(self.answers)}")
            return
        words = "Two pictures side by side; one is a photograph, one was changed"
        image = self._side_by_side(self._order[asked])
        show_image(self.panel, image, words, choices=(f"question-{asked + 1}",))
        question = f"Question {asked + 1} of {len(self._order)}: which one is real?"
        set_status(self.panel, f"{before}{question}")

    def _side_by_side(self, pair: int) -> Image:
        images = [self._real[pair], self._changed[pair]]
        if not self._real_on_left[pair]:
            images.reverse()
        return tile(np.stack(images), gap=8, width=640)


def real_or_changed(
    real: Images, changed: Images, sizes: Sequence[float], *, seed: int = 0
) -> Quiz:
    """Show a panel that asks, pair by pair, which of two images is real; return its Quiz.

    It says each time whether the answer was right.

    Args:
        real, changed: (N, H, W, 3) in [0, 1], pairs of an image and its changed counterpart.
        sizes: (N,), how large each change is.
        seed: decides the order of the pairs and the sides.

    Raises:
        ValueError: where the images do not match.
    """
    quiz = Quiz(real, changed, sizes, seed=seed)
    display_panel(quiz.panel)
    return quiz
