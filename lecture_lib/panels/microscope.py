"""The microscope: choose a channel of any layer, and see what it is for.

What depends on the picture is answered at once; what takes longer is computed in the background and
arrives piece by piece, until another channel is chosen or Stop is pressed.
"""

import time
from collections.abc import Callable, Sequence
from threading import Event
from typing import Any

import ipywidgets
import numpy as np

from lecture_lib.microscope import switched_off
from lecture_lib.models.zoo import load_model
from lecture_lib.panels import channel_answers, channel_card, channel_study
from lecture_lib.panels.background import ANY_ERROR, SETTLED_AFTER, coalesce
from lecture_lib.panels.camera import cameras_of
from lecture_lib.panels.card_view import CardView
from lecture_lib.panels.channel_answers import (
    BY_NUMBER,
    FOR_CLASS,
    IN_BOX,
    MAPS,
    MAXIMA,
    STRONGEST,
    Sight,
    Subject,
)
from lecture_lib.panels.channel_names import keep_name, kept_names
from lecture_lib.panels.channel_tiles import (
    ChannelTiles,
    box_in_pixels,
    show_order,
    show_picture,
    show_tiles,
)
from lecture_lib.panels.controls import Control
from lecture_lib.panels.panel import (
    STYLE,
    Panel,
    build,
    display_panel,
    set_status,
    show_error,
    values_of,
)

ORDERS = [STRONGEST, BY_NUMBER, IN_BOX, FOR_CLASS]
KEEP = "Keep name"
LARGE = "Draw what maximizes it, large"
STOP = "Stop"


def explore_channels(
    *, net: Control, layer: Control, picture: Control, class_name: Control, channel: int = -1
) -> None:
    """Show the panel of all channels of a layer, and the card of the chosen one.

    Args:
        net: reads as the name of a network, such as `net_dropdown` returns it.
        layer: its layers, such as `layer_dropdown_for` returns them.
        picture: a list of pictures, `picture_dropdown`.
        class_name: reads as the name of a class, `class_box`.
        channel: the one chosen first, by default the strongest.
    """
    display_panel(
        explore_channels_panel(
            net=net, layer=layer, picture=picture, class_name=class_name, channel=channel
        )
    )


def explore_channels_panel(
    *, net: Control, layer: Control, picture: Control, class_name: Control, channel: int = -1
) -> Panel:
    """Return the Panel of `explore_channels` with its first card, not yet shown."""
    controls = {"net": net, "layer": layer, "picture": picture, "class_name": class_name}
    controls |= {"tiles_show": [MAPS, MAXIMA], "order": ORDERS}
    panel = build(controls, name="explore_channels", buttons=[LARGE, STOP])
    tiles = ChannelTiles(chosen=channel)
    microscope = _Microscope(panel, tiles)
    microscope.arrange()
    microscope.give()
    microscope.study()
    microscope.connect()
    return panel


class _Microscope:
    """What the panel knows, and who asks for it: `give` answers at once, `study` in a while."""

    def __init__(self, panel: Panel, tiles: ChannelTiles) -> None:
        self.panel = panel
        self.tiles = tiles
        self.name = ipywidgets.Text(description="name", placeholder="what it seems to look for")
        self.keep = ipywidgets.Button(description=KEEP, tooltip=KEEP, layout={"width": "auto"})
        self.known: dict[str, tuple] = {}  # {what: (for which choices, the result)}
        self.card = CardView(panel)
        self.large: Subject | None = None  # whose large picture was asked for
        self.stopped = Event()
        self.cameras = cameras_of(panel.controls.values())
        self.look = coalesce(self.answer)
        self.research = coalesce(self.study)

    # Parts and what they do

    def arrange(self) -> None:
        """Put controls above, tiles below them, then the card beside the table."""
        rows = [control.view for control in self.panel.controls.values()]
        half = {"flex": "1 1 300px", "min_width": "280px"}
        columns = [ipywidgets.VBox(rows[:3], layout=half), ipywidgets.VBox(rows[3:], layout=half)]
        wrap = {"flex_flow": "row wrap", "align_items": "flex-start"}
        naming = [self.name, self.keep, *self.panel.buttons.values()]
        self.panel.box.children = (
            ipywidgets.HTML(STYLE, layout={"display": "none"}),
            ipywidgets.HBox(columns, layout=wrap),
            self.tiles,
            self.panel.status,
            ipywidgets.HBox([self.panel.picture, self.card.table], layout=wrap),
            ipywidgets.HBox(naming, layout=wrap),
            self.panel.progress,
            self.panel.exchange,
            self.panel.page_side,
        )

    def connect(self) -> None:
        """Let controls, tiles and buttons ask for answers in the background."""
        for camera in self.cameras:
            camera.offers_live = True
        for name, control in self.panel.controls.items():
            for source in control.sources:
                source.observe(lambda change, name=name: self._when_moved(name), names="value")
        self.tiles.observe(lambda change: self.look(), names="chosen")
        self.tiles.observe(lambda change: self._order_by(IN_BOX), names="box")
        self.keep.on_click(lambda button: self._keep_name())
        self.panel.buttons[LARGE].on_click(lambda button: self._ask_for_large())
        self.panel.buttons[STOP].on_click(lambda button: self.stopped.set())

    def _when_moved(self, name: str) -> None:
        if name == "class_name":
            self._order_by(FOR_CLASS)
        else:
            self.look()

    def _order_by(self, order: str) -> None:
        """Choose an order; where it is chosen already, what it goes by has changed."""
        choice = self.panel.controls["order"].sources[0]
        if order == IN_BOX and not self.tiles.box and choice.value == order:
            order = STRONGEST  # the box was taken away
        choice.value = order
        self.look()

    def _keep_name(self) -> None:
        try:
            before = keep_name(self.card.subject, self.name.value)
            self._name_tiles()
            text = (
                f"Kept in my-names.csv: channel {self.card.subject.channel} is “{self.name.value}”."
            )
            if before not in (None, self.name.value):
                text += f" It was “{before}”, which stays in the file above it."
            set_status(self.panel, text)
        except ANY_ERROR as error:
            show_error(self.panel, error)

    # What is answered at once

    def answer(self) -> None:
        """Answer a choice when lists that follow it have settled; then go on in the background."""
        time.sleep(SETTLED_AFTER)
        try:
            if self.give():
                self.research()
        finally:
            for camera in self.cameras:
                camera.answered(self.panel.shown["text"])

    def give(self) -> bool:
        """Answer the choices as they are now: tiles, their order, the card of the chosen one.

        Returns whether another channel than before is looked at.
        """
        is_new = False
        try:
            values = values_of(self.panel)
            sight = self._sight(values)
            self._show_tiles(sight, values["tiles_show"])
            order, said = self._order(sight, values)
            if values["tiles_show"] == MAXIMA and not channel_study.is_in_atlas(*sight.key[:2]):
                said = f"{sight.layer} is not in the atlas: its tiles show maps. {said}"
            subject = Subject(sight.net, sight.layer, self._chosen(sight, order))
            self._name_tiles(order, subject)
            is_new = self._look_at(subject, sight)
            set_status(self.panel, said)
        except ANY_ERROR as error:
            show_error(self.panel, error)
        return is_new

    def _latest(self, what: str, choices: tuple, make: Callable) -> Any:
        """The result of make() for these choices; the last one is kept."""
        if self.known.get(what, (None,))[0] != choices:
            self.known[what] = (choices, make())
        return self.known[what][1]

    def _sight(self, values: dict) -> Sight:
        picture = values["picture"]
        key = (values["net"], values["layer"], hash(picture.tobytes()))
        return self._latest("sight", key, lambda: channel_answers.seen(key, picture))

    def _show_tiles(self, sight: Sight, kind: str) -> None:
        def show() -> None:
            show_picture(self.tiles, sight.image, "The chosen picture")
            show_tiles(self.tiles, channel_answers.tile_images(sight, kind))

        self._latest("tiles", (sight.key, kind), show)

    def _order(self, sight: Sight, values: dict) -> tuple[np.ndarray, str]:
        """The channels in the chosen order, and a sentence about it."""
        box = box_in_pixels(self.tiles.box, sight.image.shape)
        choices = (sight.key, values["order"], values["class_name"], box)
        return self._latest("order", choices, lambda: channel_answers.ordered(sight, values, box))

    def _chosen(self, sight: Sight, order: np.ndarray) -> int:
        """The chosen channel; in another layer, or before any choice, the first of the order."""
        is_new = self.card.subject is None or self.card.subject[:2] != (sight.net, sight.layer)
        chosen = self.tiles.chosen
        is_first_choice = self.card.subject is None and 0 <= chosen < len(order)
        return int(order[0]) if is_new and not is_first_choice else chosen

    def _name_tiles(self, order: Sequence[int] | None = None, subject: Any = None) -> None:
        subject = subject or self.card.subject
        names = {
            channel: name
            for (net, layer, channel), name in kept_names().items()
            if (net, layer) == subject[:2]
        }
        show_order(self.tiles, self.tiles.order if order is None else order, names)
        if subject != self.card.subject:
            self.name.value = names.get(subject.channel, "")
            self.tiles.chosen = subject.channel

    def _look_at(self, subject: Subject, sight: Sight) -> bool:
        """Fill the card with what depends on the picture; say whether it is another channel."""
        is_new = subject != self.card.subject
        if is_new:
            self.stopped.set()
            self.card.begin(subject)
        self._latest("card", (sight.key, subject), lambda: self._fill_card(subject, sight))
        return is_new

    def _fill_card(self, subject: Subject, sight: Sight) -> None:
        self.card.put(
            subject,
            **channel_answers.quick_cells(sight, subject.channel),
            **channel_answers.quick_facts(sight, subject.channel),
        )
        if "mean" in self.card.facts:
            self.card.put(subject, at_mean=self._at_mean(subject, self.card.facts["mean"]))
        if not any(camera.is_live for camera in self.cameras):  # it would halve their number
            self.card.put(subject, guided=channel_answers.guided_cell(sight, subject.channel))

    # What takes a while

    def _ask_for_large(self) -> None:
        """Let the picture of the atlas be drawn once more, as large as the network's own images."""
        self.large = self.card.subject
        self.stopped.set()  # what runs now begins again, with what is known already
        self.research()

    def study(self) -> None:
        """Find out what takes longer about the chosen channel, and show each part as it comes."""
        self.stopped.clear()
        subject = self.card.subject
        if subject is None:
            return
        try:
            self._study(subject)
        except channel_study.Stopped:
            pass
        except ANY_ERROR as error:
            show_error(self.panel, error)
        self.panel.progress.value = 0

    def _study(self, subject: Subject) -> None:
        model = load_model(subject.net)
        about = (model, subject.layer, subject.channel)
        patches = channel_study.patches_for(*about, watch=self._watch)
        if patches:
            images = channel_study.survey_pictures(int(np.min(model.image_size)))
            row = channel_card.row_of_patches(images, patches)
            strongest = f"patches that excite it most, {patches[0].value:.1f} and less"
            self.card.put(subject, patches=(strongest, row))
        mean, rate = channel_study.mean_and_rate(*about)
        self.card.put(subject, mean=mean, rate=rate, at_mean=self._at_mean(subject, mean))
        self._watch(0, 1)
        self.card.put(subject, effects=channel_study.effects_for(*about))
        if subject == self.large or not channel_study.is_in_atlas(*subject[:2]):
            image = channel_study.maximizing_image(*about, watch=self._preview(subject))
            self.card.put(subject, maximum=("what maximizes it", image))

    def _at_mean(self, subject: Subject, mean: float) -> np.ndarray:
        sight = self.known["sight"][1]
        if sight.key[:2] != subject[:2]:  # another layer was chosen meanwhile
            raise channel_study.Stopped
        return switched_off(sight.model, subject.layer, subject.channel, sight.image, value=mean)

    def _watch(self, done: int, total: int) -> bool:
        self.panel.progress.max = total
        self.panel.progress.value = done
        if self.stopped.is_set():
            raise channel_study.Stopped
        return False

    def _preview(self, subject: Subject) -> Callable:
        """A watch of the ascent that shows its picture about twice a second."""
        due = 0.0

        def watch(step: int, steps: int, reached: Any) -> bool:
            nonlocal due
            if time.monotonic() > due:
                self.card.put(subject, maximum=(f"what maximizes it, step {step}", reached.images))
                due = time.monotonic() + 0.5
            return self._watch(step, steps)

        return watch
