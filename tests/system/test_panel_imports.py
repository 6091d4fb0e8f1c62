"""What nobody asked for is not imported: plotly takes seconds, TensorFlow ten."""

import subprocess
import sys

import pytest
from course_files import ROOT

CODE = {
    "panels alone": ("import lecture_lib.panels", "plotly"),
    "a panel": (
        "import numpy as np\n"
        "from lecture_lib.panels import explore\n"
        "explore(lambda level: np.full((8, 8, 3), level), alt='gray', level=(0.0, 1.0, 0.1))",
        "plotly tensorflow matplotlib",
    ),
    "datasets": (
        "import lecture_lib.datasets\n"
        "from lecture_lib.datasets import load_image\n"
        "load_image('cat', size=32)",
        "tensorflow",
    ),
    "figures": (
        "import numpy as np\n"
        "import lecture_lib.figures\n"
        "from lecture_lib.figures import show\n"
        "show(np.full((8, 8, 3), 0.5), alt='gray')",
        "tensorflow",
    ),
}


@pytest.mark.parametrize("kind", CODE)
def test_importing_a_folder_imports_no_more_than_it_needs(kind):
    code, unwanted = CODE[kind]
    code += f"\nimport sys\nfound = set({unwanted.split()}) & set(sys.modules)"
    code += "\nassert not found, found"
    ended = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True)
    assert ended.returncode == 0, ended.stderr
