"""The class as judge: which of two pictures excites a channel more? The answers are kept as CSV."""

import csv
import io
import time
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import NamedTuple

import ipywidgets
import numpy as np
from jaxtyping import Float
from scipy.stats import binomtest

from lecture_lib.class_visualization.trials import KINDS, Trial
from lecture_lib.datasets.images import fit_within
from lecture_lib.datasets.saving import save_bytes
from lecture_lib.datasets.shapes import Images
from lecture_lib.figures.html import tile
from lecture_lib.panels.panel import (
    display_panel,
    download_link,
    place_above,
    set_status,
    show_image,
)
from lecture_lib.panels.quiz import two_sided_panel
from lecture_lib.panels.saving import pictures_folder

GREEN = np.float32([0, 158, 115]) / 255
ORANGE = np.float32([213, 94, 0]) / 255
# Borowski et al. 2021, their experiment I: the share of right answers of ten people.
PUBLISHED = {"synthetic": 0.82, "natural": 0.92}
COLUMNS = ("trial", "kind", "channel", "answer", "right", "seconds")
LEGEND = (
    "Green frames, left: pictures that excite the channel. Orange frames, right: pictures that do "
    "not. <b>Which of the two large pictures below excites it more?</b>"
)

WholeTrial = Float[np.ndarray, "trial_height trial_width 3"]


class Share(NamedTuple):
    """How often one kind of references led to the right answer.

    Attributes:
        kind: of the references.
        right: how many answers were right.
        asked: how many there are.
        low, high: the ends of the 95 % interval of the share, 0..1.
        published: the share that Borowski et al. found with references of this kind.
    """

    kind: str
    right: int
    asked: int
    low: float
    high: float
    published: float


def shares(answers: Iterable[tuple[str, bool]]) -> list[Share]:
    """Count the right answers of each kind of references, each with its 95 % interval.

    The interval is Wilson's: the shares p with |r − n p| ≤ 1.96 √(n p (1 − p)), where r of n
    answers are right. It is wide when there are few.

    Args:
        answers: (kind of the references, whether the answer was right) pairs.

    Returns:
        A Share for each kind that was asked about, the synthetic ones first.

    Source:
        Wilson, Probable inference, the law of succession, and statistical inference, 1927.
    """
    given = list(answers)
    rows = []
    for kind in KINDS:
        of_kind = [bool(right) for other, right in given if other == kind]
        if of_kind:
            right = sum(of_kind)
            ends = binomtest(right, len(of_kind)).proportion_ci(method="wilson")
            numbers = (right, len(of_kind), float(ends.low), float(ends.high))
            rows.append(Share(kind, *numbers, PUBLISHED[kind]))
    return rows


def in_words(rows: Sequence[Share]) -> str:
    """Say in one line what `shares` has counted."""
    parts = [
        f"{row.kind} references: {row.right} of {row.asked} right, 95 % interval "
        f"{row.low:.0%} to {row.high:.0%} (published: {row.published:.0%})"
        for row in rows
    ]
    return "; ".join(parts) or "no answers yet"


def read_answers(folder: str | Path | None = None) -> list[tuple[str, bool]]:
    """Read the answers of a class: all files judge-*.csv of a folder, added up.

    Args:
        folder: where they were collected, by default `my-pictures` of this course.

    Returns:
        (kind of the references, whether the answer was right) pairs, as `shares` takes them.

    Raises:
        FileNotFoundError: where there is no such file.
        ValueError: for a file of another form; it is named.
    """
    folder = Path(folder or pictures_folder())
    files = sorted(folder.glob("judge-*.csv"))
    if not files:
        raise FileNotFoundError(
            f"There is no file judge-*.csv in {folder.name}; answer the panel's questions first, "
            "or name another folder."
        )
    answers = []
    for file in files:
        answers += _answers_in(file)
    return answers


def _answers_in(file: Path) -> list[tuple[str, bool]]:
    try:
        with open(file, encoding="utf-8", newline="") as rows:
            found = [(row["kind"], row["right"]) for row in csv.DictReader(rows)]
    except (OSError, KeyError, UnicodeDecodeError, csv.Error):
        found = [("", "")]
    if any(kind not in KINDS or right not in ("0", "1") for kind, right in found):
        raise ValueError(
            f"{file.name} is no file of answers; its columns are {', '.join(COLUMNS)}."
        )
    return [(kind, right == "1") for kind, right in found]


class Judge:
    """Trials under way, in a panel that is not yet shown.

    Attributes:
        panel: what is seen.
        answers: so far, (kind of the references, whether the answer was right).
        path: the CSV file of the answers, None before the first.

    Args:
        trials: as `make_trials` makes them.
        seed: decides on which side the right picture stands.

    Raises:
        ValueError: where there are no trials.
    """

    def __init__(self, trials: Sequence[Trial], *, seed: int = 0) -> None:
        if not len(trials):
            raise ValueError("There are no trials; make_trials makes them.")
        self._trials = list(trials)
        self._stronger_on_left = np.random.default_rng(seed).random(len(trials)) < 0.5
        self._asked_at = time.monotonic()
        self.answers: list[tuple[str, bool]] = []
        self.path: Path | None = None
        self.panel = two_sided_panel("judge_channels", "excites it more", self.choose)
        place_above(self.panel, ipywidgets.HTML(f'<div class="lecture-legend">{LEGEND}</div>'))
        self._ask()

    def choose(self, side: str) -> None:
        """Answer that the picture on a side, "left" or "right", excites the channel more."""
        number = len(self.answers)
        if number == len(self._trials):
            return
        is_right = bool((side == "left") == self._stronger_on_left[number])
        trial = self._trials[number]
        self.answers.append((trial.kind, is_right))
        seconds = round(time.monotonic() - self._asked_at, 1)
        row = (number + 1, trial.kind, trial.channel, side, int(is_right), seconds)
        kept = self._keep(row)
        self._ask(f"{'Right' if is_right else 'Wrong'}. {kept}")

    def _keep(self, row: tuple) -> str:
        """Add an answer to the file, and say so only where that fails."""
        try:
            if self.path is None:
                self.path = save_bytes(_line(COLUMNS), _new_path())
            with open(self.path, "ab") as file:
                file.write(_line(row))
        except (OSError, ValueError) as error:
            reason = getattr(error, "strerror", None) or error
            return f"(The answer could not be kept in a file: {reason}.) "
        return ""

    def _ask(self, before: str = "") -> None:
        """Show the next trial, or what the answers say where there is none left."""
        asked = len(self.answers)
        if asked == len(self._trials):
            self._say_result(before)
            return
        trial = self._trials[asked]
        words = (
            f"Above {len(trial.exciting)} {trial.kind} references in green frames and "
            f"{len(trial.others)} in orange ones; below two pictures to choose from"
        )
        image = trial_image(trial, stronger_on_left=bool(self._stronger_on_left[asked]))
        show_image(self.panel, image, words, choices=(f"trial-{asked + 1}",))
        self._asked_at = time.monotonic()
        set_status(self.panel, f"{before}Trial {asked + 1} of {len(self._trials)}.")

    def _say_result(self, before: str) -> None:
        """Say both shares and where the answers are kept, and offer a copy of them."""
        said = f"{before}{in_words(shares(self.answers))}."
        if self.path is None:
            set_status(self.panel, said)
            return
        said += f" Kept in {self.path.parent.name}/{self.path.name}."
        set_status(self.panel, said, link=download_link(self.path, kind="text/csv"))


def _new_path() -> Path:
    folder = pictures_folder()
    folder.mkdir(exist_ok=True)
    return folder / f"judge-{time.strftime('%Y%m%d-%H%M%S')}.csv"


def _line(row: Sequence) -> bytes:
    """A row of a CSV file."""
    text = io.StringIO(newline="")
    csv.writer(text).writerow(row)
    return text.getvalue().encode()


def trial_image(trial: Trial, *, stronger_on_left: bool) -> WholeTrial:
    """Return a trial as one image: references above, the pictures of the question below.

    Args:
        trial: its pictures.
        stronger_on_left: on which side the picture that excites the channel more stands.
    """
    blocks = [_block(trial.exciting, GREEN), _block(trial.others, ORANGE)]
    pair = [trial.stronger, trial.weaker]
    large = [fit_within(picture, 200) for picture in (pair if stronger_on_left else pair[::-1])]
    rows = [_side_by_side(*blocks), _side_by_side(*large)]
    width = max(row.shape[1] for row in rows)
    return np.concatenate([rows[0], _white(28, width), _padded(rows[1], width)])


def _block(pictures: Images, color: np.ndarray) -> np.ndarray:
    """Pictures of 100 pixels, two in a row, each in a frame of its color."""
    small = np.stack([fit_within(picture, 100) for picture in pictures])
    frame = [(0, 0), (4, 4), (4, 4), (0, 0)]
    return tile(np.pad(small - color, frame) + color, columns=2, gap=4)


def _side_by_side(left: np.ndarray, right: np.ndarray) -> np.ndarray:
    return np.concatenate([left, _white(left.shape[0], 40), right], axis=1)


def _padded(row: np.ndarray, width: int) -> np.ndarray:
    """A row with white on both sides of it."""
    margin = width - row.shape[1]
    sides = (margin // 2, margin - margin // 2)
    return np.pad(row, [(0, 0), sides, (0, 0)], constant_values=1)


def _white(height: int, width: int) -> np.ndarray:
    return np.ones((height, width, 3), np.float32)


def judge_channels(trials: Sequence[Trial], *, seed: int = 0) -> Judge:
    """Show a panel that asks trial by trial which picture excites a channel more; return its Judge.

    Each answer is added to a new file judge-*.csv in `my-pictures` on this machine. Nothing is
    sent, and no name is kept.

    Args:
        trials: as `make_trials` makes them.
        seed: decides on which side the right picture stands.

    Raises:
        ValueError: where there are no trials.
    """
    session = Judge(trials, seed=seed)
    display_panel(session.panel)
    return session
