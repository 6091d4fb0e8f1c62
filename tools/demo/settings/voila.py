"""Settings of the demonstration.

LECTURE_DEMO is the folder that make_demo.py filled, LECTURE_DEMO_TOKEN a password or nothing.
"""

import json
import os
from pathlib import Path

pages = Path(os.environ["LECTURE_DEMO"])
tiles = json.loads((pages / "tiles.json").read_text(encoding="utf-8"))


def add_tiles(page_config, **request):
    """Let the start page know the tiles."""
    page_config["tiles"] = tiles
    return page_config


c = get_config()  # noqa: F821
c.Voila.root_dir = str(pages)
c.Voila.log_level = "WARN"
if token := os.environ.get(
    "LECTURE_DEMO_TOKEN"
):  # with it, only who has the address with ?token=... gets in
    c.Voila.token = token
c.Voila.tornado_settings = {
    "websocket_max_message_size": 100 * 2**20
}  # a photograph from a camera travels in one message
c.VoilaConfiguration.template = "lecture"
c.VoilaConfiguration.classic_tree = True
c.VoilaConfiguration.page_config_hook = add_tiles
# JupyterLab's other extensions expect parts of JupyterLab that a page has not; anywidget draws the
# map of dots and names the sliders.
c.VoilaConfiguration.extension_allowlist = [
    "@voila-dashboards/widgets-manager8",
    "@jupyter-widgets/jupyterlab-manager",
    "anywidget",
]
c.VoilaConfiguration.file_allowlist = [r"pictures/\w+\.png", r"films/\d\d\.(webm|webp|txt)"]
c.VoilaConfiguration.multi_kernel_manager_class = "warm_kernels.WarmKernels"
# A page that is closed ends its kernel; where a browser vanished without a word, this does.
c.MappingKernelManager.cull_idle_timeout = 1800
c.MappingKernelManager.cull_interval = 60
