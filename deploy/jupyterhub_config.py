"""One server for a class: a JupyterHub where every student has a running copy of the course.

    jupyterhub --config deploy/jupyterhub_config.py

deploy/README.md says how to install it and how large the server has to be. With LECTURE_TRIAL set
to a password, anybody who knows it gets in under any name, no user of the system is needed, and
everything is kept in a temporary folder: for trying it out on a laptop.
"""

import os
import sys
import tempfile
from pathlib import Path

c = get_config()  # noqa: F821
here = Path(__file__).resolve().parent
trial = os.environ.get("LECTURE_TRIAL")

# Who gets in. Without a word here, users of this computer with their passwords (PAM); a university
# has OAuth or LDAP instead.
c.Authenticator.allow_all = True
if trial:
    c.JupyterHub.authenticator_class = "dummy"
    c.DummyAuthenticator.password = trial
    c.JupyterHub.spawner_class = "simple"
    c.SimpleLocalProcessSpawner.home_dir_template = str(
        Path(tempfile.gettempdir()) / "convnets-trial" / "{username}"
    )
    c.JupyterHub.ip = "localhost"

# Every student begins at the first notebook, in a copy of the course that start_student.py makes.
c.Spawner.cmd = [sys.executable, str(here / "start_student.py")]
c.Spawner.notebook_dir = "~/convnets"
c.Spawner.default_url = "/lab/tree/notebooks/00_start_here.ipynb"
c.Spawner.start_timeout = c.Spawner.http_timeout = 90
c.Spawner.args = [
    # a photograph from a camera travels in one message
    '--ServerApp.tornado_settings={"websocket_max_message_size": 104857600}',
    # a kernel holds about a gigabyte; one that did nothing for half an hour goes
    "--MappingKernelManager.cull_idle_timeout=1800",
    "--MappingKernelManager.cull_interval=120",
    "--LabApp.extension_manager=readonly",
]
# One copy of nets and data for all. Nobody needs to be able to write there; what a student computes
# is kept in that student's own cache.
c.Spawner.environment = {"LECTURE_DATA": os.environ.get("LECTURE_DATA", "/srv/convnets/data")}
# Thirty students with sixteen threads each would stand in one another's way.
threads = str(max(2, (os.cpu_count() or 2) // 8))
c.Spawner.environment |= dict.fromkeys(
    ("OMP_NUM_THREADS", "TF_NUM_INTRAOP_THREADS", "TF_NUM_INTEROP_THREADS"), threads
)

# What one student may use. Processes of users cannot be held to it by themselves; on a server with
# systemd, systemdspawner does.
c.Spawner.mem_limit = "2G"
if os.environ.get("LECTURE_SPAWNER") == "systemd":
    c.JupyterHub.spawner_class = "systemdspawner.SystemdSpawner"

# Servers of students who left are stopped after an hour; their files stay.
c.JupyterHub.load_roles = [
    {
        "name": "idle-culler",
        "services": ["idle-culler"],
        "scopes": ["list:users", "read:users:activity", "read:servers", "delete:servers"],
    }
]
c.JupyterHub.services = [
    {
        "name": "idle-culler",
        "command": [sys.executable, "-m", "jupyterhub_idle_culler", "--timeout=3600"],
    }
]
