"""Settings of JupyterLab for `make lab`; labconfig/page_config.json turns off its news."""

import os
import sys
import warnings

c = get_config()  # noqa: F821

# Nothing stands above the address that is to be copied.
warnings.filterwarnings("ignore", message="ServerApp.token config is deprecated")
c.LabApp.log_level = "ERROR"

# The student's own copy of the notebooks, which `make lab` makes first.
c.LabApp.default_url = "/lab/tree/my-notebooks/notebooks/00_start_here.ipynb"
c.ServerApp.ip = "localhost"
# A photograph from a camera travels to the kernel in one message; the server allows 10 MB.
c.ServerApp.tornado_settings = {"websocket_max_message_size": 100 * 2**20}
# Without a screen JupyterLab would start a text browser in the terminal.
has_screen = bool(os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY"))
c.ServerApp.open_browser = sys.platform != "linux" or has_screen
# In a container everybody is root.
c.ServerApp.allow_root = True
