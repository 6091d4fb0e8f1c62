"""Serve the panels of all notebooks as web pages.

    python tools/serve_demo.py FOLDER [FLAGS OF VOILA]

FOLDER is made anew. `make demo` calls it.
"""

import os
import secrets
import shutil
import subprocess
import sys
import threading
import time
import urllib.request
import webbrowser
from pathlib import Path

TOOLS = Path(__file__).resolve().parent
ADDRESS = "http://localhost:8866/"


def open_browser_when_ready(address: str, *, seconds: int = 120) -> None:
    """Open the browser on an address as soon as its server answers."""
    directly = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    for _ in range(seconds):
        time.sleep(1)
        try:
            directly.open(address, timeout=5)
        except OSError:
            continue
        webbrowser.open(address)
        return


def has_screen() -> bool:
    """Say whether a browser can be opened: on Linux without a screen it would be one of text."""
    screen = os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY")
    return sys.platform != "linux" or bool(screen)


def main(folder: Path, flags: list[str]) -> int:
    """Make the pages, start Voila, and return its exit code."""
    shutil.rmtree(folder, ignore_errors=True)
    subprocess.run([sys.executable, TOOLS / "make_demo.py", folder], check=True)
    # In the environment, for a command line can be read by everybody on the computer.
    token = secrets.token_hex(16)
    own = {"LECTURE_DEMO": folder, "LECTURE_DEMO_TOKEN": token, "JUPYTER_PATH": TOOLS / "demo"}
    environment = {**os.environ, **{name: str(value) for name, value in own.items()}}
    address = f"{ADDRESS}?token={token}"
    print(f"Starting the demonstration at {address}", flush=True)
    print("Half a minute until the first networks are awake. Ctrl-C ends it.", flush=True)
    if has_screen():
        threading.Thread(target=open_browser_when_ready, args=(address,), daemon=True).start()
    command = ["-m", "voila", "--Voila.config_file_paths=settings", "--no-browser", *flags]
    try:
        return subprocess.call([sys.executable, *command], cwd=TOOLS / "demo", env=environment)
    except KeyboardInterrupt:
        return 0


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]).resolve(), sys.argv[2:]))
