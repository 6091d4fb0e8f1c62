"""Teach a network two classes from pictures of your own, and see what it looks at."""

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import ipywidgets
import numpy as np

from lecture_lib.datasets.images import decode_image, resize_image
from lecture_lib.datasets.shapes import Image, Images, Map, Network
from lecture_lib.grad_cam import cam_map
from lecture_lib.models.inference import top_classes
from lecture_lib.models.teaching import with_new_classes
from lecture_lib.panels.compare import compared
from lecture_lib.panels.controls import Control
from lecture_lib.panels.image_picker import picture_dropdown
from lecture_lib.panels.interactive import explore_panel
from lecture_lib.panels.panel import (
    EXPECTED,
    Panel,
    display_panel,
    place_above,
    set_status,
    show_error,
)

FEWEST = 2  # examples of a class


class Lesson:
    """A network that is taught two classes, in a panel that is not yet shown.

    Attributes:
        panel: what is seen.
        network: with the classes that it has learned last.
        boxes: {class: the box that takes its pictures}.

    Args:
        model: images -> logits (N, classes), which ends in means of maps and a linear layer.
        examples: {class: pictures to begin with}, two classes.
        pictures: names to test it with, as `picture_dropdown` takes them.

    Raises:
        ValueError: for another number of classes than two.
    """

    def __init__(
        self, model: Network, examples: dict[str, Images], *, pictures: Sequence[str]
    ) -> None:
        if len(examples) != 2:
            raise ValueError(f"A lesson has two classes; there are {len(examples)}.")
        self._model = model
        self._given = dict(examples)
        self._uploaded: dict[str, list[Image]] = {name: [] for name in examples}
        self._lessons = ipywidgets.IntText(0)  # taught so often; a change asks for an answer
        self.network = self._taught()
        self.boxes = {name: _upload_box(name, partial(self._take, name)) for name in examples}
        self.panel = self._panel(pictures)

    def _panel(self, pictures: Sequence[str]) -> Panel:
        panel = explore_panel(
            compared(self._answer),
            alt="The picture, and in colors what spoke for the class that is predicted",
            picture=picture_dropdown(
                pictures, size=self._model.image_size, chooses_handed_on=False
            ),
            lesson=Control(None, [self._lessons], lambda: self._lessons.value),
        )
        train = ipywidgets.Button(description="Train", button_style="primary")
        train.tooltip = "Learn the two classes from the pictures in the boxes"
        train.on_click(lambda button: self.train())
        groups = [ipywidgets.VBox([box, self._adder(name)]) for name, box in self.boxes.items()]
        row = ipywidgets.HBox([*groups, train], layout={"flex_flow": "row wrap"})
        place_above(panel, row)
        return panel

    def _adder(self, name: str) -> ipywidgets.Button:
        """A button that makes the chosen picture, such as one of the camera, an example."""
        button = ipywidgets.Button(description=f"Add the chosen one to {name}")
        button.tooltip = f"The picture on view becomes an example of {name}"
        button.layout = {"width": "auto", "margin": "2px 8px 8px 2px"}
        button.on_click(lambda button: self.add_chosen(name))
        return button

    def examples_of(self, name: str) -> Images:
        """Return what a class is learned from: the pictures uploaded, or where none are, the given.

        Args:
            name: of the class.
        """
        uploaded = self._uploaded[name]
        return np.stack(uploaded) if uploaded else self._given[name]

    def add_chosen(self, name: str) -> None:
        """Make the picture that is chosen in the list an example of a class.

        Args:
            name: of the class.
        """
        try:
            picture = self.panel.controls["picture"].read()
            self._uploaded[name].append(resize_image(picture, self._model.image_size))
            self._say_count(name)
        except EXPECTED as error:
            show_error(self.panel, error)

    def train(self) -> None:
        """Learn both classes anew, and answer about the chosen picture."""
        try:
            self.network = self._taught()
            self._lessons.value += 1
        except EXPECTED as error:
            show_error(self.panel, error)

    def _taught(self) -> Network:
        groups = {name: self.examples_of(name) for name in self._given}
        for name, pictures in groups.items():
            if len(pictures) < FEWEST:
                raise ValueError(
                    f"“{name}” has {len(pictures)} picture; upload {FEWEST} at least, about 12 "
                    "teach it well."
                )
        labels = np.repeat([0, 1], [len(pictures) for pictures in groups.values()])
        images = np.concatenate(list(groups.values()))
        return with_new_classes(self._model, images, labels, class_names=list(groups))

    def _take(self, name: str, files: Sequence[Any]) -> None:
        """Keep the pictures that were uploaded for a class; what is no picture is named."""
        size = self._model.image_size
        try:
            for file in files:
                data = bytes(file["content"])
                self._uploaded[name].append(decode_image(data, name=file["name"], size=size))
            self._say_count(name)
        except EXPECTED as error:
            show_error(self.panel, error)

    def _say_count(self, name: str) -> None:
        count = len(self._uploaded[name])
        set_status(self.panel, f"Pictures for “{name}”: {count}. Train learns from them.")

    def _answer(self, picture: Image, lesson: int) -> tuple[tuple[Image, Map], str]:
        """What the network predicts, with the picture and the class activation map."""
        network = self.network
        guess = top_classes(network, picture, count=1)[0]
        evidence = np.maximum(cam_map(network, picture, guess.class_index), 0)
        words = f"Prediction: {guess.class_name} ({guess.probability:.0%}); "
        return (picture, evidence), words + f"learned from {self._counts()}."

    def _counts(self) -> str:
        return " and ".join(f"{len(self.examples_of(name))} {name}" for name in self._given)


def _upload_box(name: str, take: Callable) -> ipywidgets.FileUpload:
    """A button that takes any number of pictures of a class."""
    box = ipywidgets.FileUpload(
        accept="image/*",
        multiple=True,
        description=f"Pictures of {name}",
        tooltip=f"About 12 pictures of {name}, up to 10 MB each",
        layout={"width": "auto", "margin": "2px 8px 8px 2px"},
    )

    def upload(change: Any) -> None:
        if change["new"]:
            take(change["new"])
            box.value = ()  # the lesson keeps them; more can be added

    box.observe(upload, names="value")
    return box


def teach_two_classes(
    model: Network, examples: dict[str, Images], *, pictures: Sequence[str]
) -> Lesson:
    """Show a panel that teaches a network two classes, and return its Lesson.

    It begins with the given pictures. Upload your own into the two boxes, or add stills of the
    camera one by one, and press Train. Of the picture that is chosen in the list the panel shows
    the prediction and its class activation map.

    Args:
        model: images -> logits (N, classes), which ends in means of maps and a linear layer.
        examples: {class: pictures to begin with (N, H, W, 3) in [0, 1]}, two classes.
        pictures: names to test it with, as `picture_dropdown` takes them.

    Raises:
        ValueError: for another number of classes than two, and for fewer than two pictures of one.
    """
    lesson = Lesson(model, examples, pictures=pictures)
    display_panel(lesson.panel)
    return lesson
