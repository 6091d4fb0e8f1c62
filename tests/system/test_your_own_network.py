"""The programs of the page on networks of one's own run, and each ends in a map of its image."""

import re

import numpy as np
import pytest
from course_files import ROOT

PAGE = (ROOT / "docs" / "your_own_network.md").read_text(encoding="utf-8")
PROGRAMS = re.findall(r"```python\n(.*?)```", PAGE, flags=re.DOTALL)


def test_there_are_three_programs_of_ten_lines_beside_their_imports():
    assert len(PROGRAMS) == 3
    for program in PROGRAMS:
        lines = [line for line in program.splitlines() if line and "import " not in line]
        assert len(lines) <= 12


@pytest.mark.parametrize("program", PROGRAMS, ids=["digits", "transfer", "binary"])
@pytest.mark.filterwarnings("ignore::UserWarning")
def test_a_program_ends_in_a_map(program):
    names = {}
    exec(compile(program, "your_own_network.md", "exec"), names)
    network = names["network"]
    side = network.image_size
    assert names["heatmap"].shape == (side, side) and np.isfinite(names["heatmap"]).all()


def test_pixels_from_0_to_255_are_seen_and_one_sigmoid_gives_two_classes():
    """The second program scales its pixels inside, the third ends in one sigmoid."""
    assert "Rescaling(1 / 255)" in PROGRAMS[1] and 'activation="sigmoid"' in PROGRAMS[2]
