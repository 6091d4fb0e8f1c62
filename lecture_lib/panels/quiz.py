"""Real or changed? A quiz with two pictures, and what its answers say about the eye that gave them."""

import math
from statistics import NormalDist
from typing import NamedTuple

import numpy as np

from lecture_lib.datasets.images import as_batch
from lecture_lib.figures.html import tile
from lecture_lib.panels import panel as panels


class Detection(NamedTuple):
    """One size of change: how many questions were asked, how many answered right, and the sensitivity d'."""

    size: float
    asked: int
    right: int
    d_prime: float


class Quiz(NamedTuple):
    """A quiz under way: its `panel`, the `answers` so far, (size of the change, whether it was right), and `choose("left" or "right")`."""

    panel: panels.Panel
    answers: list
    choose: object


def sensitivity(right, asked):
    """d' = √2 · Φ⁻¹((right + ½) / (asked + 1)), how far apart two pictures are for an eye that has to choose one; 0 is guessing.

    right: how many of the questions asked were answered right, 0..asked. The halves keep a perfect score finite. Raises ValueError
    for counts that cannot be. Source: Macmillan and Creelman, Detection theory, 2005; the halves: Hautus, 1995.
    """
    if not 0 <= right <= asked:
        raise ValueError(
            f"Of {asked} questions {right} cannot have been answered right; give a count from 0 to {asked}."
        )
    return math.sqrt(2) * NormalDist().inv_cdf((right + 0.5) / (asked + 1))


def detection(answers):
    """How well changes of each size were detected: a list of Detection, the smallest change first. answers: (size, right) pairs."""
    by_size = {
        size: [right for other, right in answers if other == size]
        for size in sorted({size for size, _ in answers})
    }
    return [
        Detection(size, len(rights), sum(rights), sensitivity(sum(rights), len(rights)))
        for size, rights in by_size.items()
    ]


def real_or_changed(real, changed, sizes, *, seed=0):
    """Show a panel that asks, pair by pair, which of two pictures is real, and says each time whether that was right; returns its Quiz.

    real, changed: (N, H, W, 3) in [0, 1], pairs of a picture and its changed twin. sizes: (N,), how large each change is. seed: decides
    the order of the pairs and the sides. The answers stay in the Quiz, in memory: nothing is saved or sent.
    Raises ValueError where the pictures do not match.
    """
    quiz = quiz_of(real, changed, sizes, seed=seed)
    panels.publish(quiz.panel)
    return quiz


def quiz_of(real, changed, sizes, *, seed=0):
    """The Quiz of `real_or_changed`, not yet shown."""
    real, changed = as_batch(real), as_batch(changed)
    if real.shape != changed.shape or len(real) != len(sizes):
        raise ValueError(
            f"There are {len(real)} real and {len(changed)} changed pictures and {len(sizes)} sizes; give as many of each."
        )
    random, answers = np.random.default_rng(seed), []
    order, on_the_left = (
        random.permutation(len(real)),
        random.random(len(real)) < 0.5,
    )  # where the real picture stands
    pairs = [
        pair if left else pair[::-1]
        for pair, left in zip(np.stack([real, changed], axis=1), on_the_left, strict=True)
    ]
    panel = panels.build({}, name="real_or_changed", buttons=["Left is real", "Right is real"])

    def ask(before=""):
        if len(answers) == len(order):
            return panels.say(panel, f"{before}{summary(answers)}")
        pair = tile(pairs[order[len(answers)]], gap=8, width=640)
        panels.show(panel, pair, "Two pictures side by side; one is a photograph, one was changed")
        panels.say(
            panel, f"{before}Question {len(answers) + 1} of {len(order)}: which one is real?"
        )

    def choose(side):
        if len(answers) < len(order):
            number = order[len(answers)]
            answers.append(
                (float(sizes[number]), right := bool((side == "left") == on_the_left[number]))
            )
            ask(
                f"{'Right' if right else 'Wrong'}, {sum(r for _, r in answers)} of {len(answers)}. "
            )

    for side in ("left", "right"):
        panel.buttons[f"{side.title()} is real"].on_click(lambda button, side=side: choose(side))
    ask()
    return Quiz(panel, answers, choose)


def summary(answers):
    """What the answers say, size by size, in one line."""
    return "By size of the change: " + ", ".join(
        f"{row.size:g}: {row.right} of {row.asked} (d' {row.d_prime:.1f})"
        for row in detection(answers)
    )
