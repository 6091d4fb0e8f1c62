"""The card of the chosen channel in the panel, and the table beside it."""

from threading import RLock
from typing import Any

import ipywidgets

from lecture_lib.panels import channel_answers, channel_card
from lecture_lib.panels.channel_answers import Cell, Subject
from lecture_lib.panels.panel import Panel, show_image


class CardView:
    """A card that is filled as its parts arrive, from several threads.

    Attributes:
        table: what stands beside the card.
        subject: the channel that it is about, None before the first.
        cells: {part: (words, image)} of the card.
        facts: {name: number or numbers} of the table.

    Args:
        panel: whose picture the card is.
    """

    def __init__(self, panel: Panel) -> None:
        self.panel = panel
        self.table = ipywidgets.HTML(layout={"flex": "1 1 220px", "margin": "0 0 0 14px"})
        self.subject: Subject | None = None
        self.cells: dict[str, Cell] = {}
        self.facts: dict[str, Any] = {}
        self._lock = RLock()

    def begin(self, subject: Subject) -> None:
        """Forget the last channel; what arrives for it from now on comes too late."""
        with self._lock:
            self.subject = subject
            self.cells = channel_answers.empty_card(subject)
            self.facts = {}

    def put(self, subject: Subject, **parts: Any) -> None:
        """Put what has arrived into the card and the table, if it is about the same channel still.

        Args:
            subject: what it is about.
            parts: a cell for a part of the card, anything else for the table.
        """
        with self._lock:
            if subject != self.subject:
                return
            for name, part in parts.items():
                place = self.cells if name in self.cells else self.facts
                place[name] = part
            self._show()

    def _show(self) -> None:
        net, layer, channel = self.subject
        card = channel_card.composed(dict(self.cells.values()))
        words = f"{layer}, channel {channel}: its map on the picture, what its strongest neuron "
        words += "reads, a guided gradient, what maximizes it, patches"
        show_image(self.panel, card, words, choices=(net, layer, f"channel-{channel}"))
        self.table.value = channel_answers.facts_table(self.subject, self.facts)
