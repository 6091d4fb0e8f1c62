"""Make the environment of the course: with uv in half a minute, or with pip where uv cannot run.

    python tools/install.py .venv course    what the notebooks need
    python tools/install.py .venv tests     what the tests need as well

Which one installs: the uv of this computer; where there is none, a uv that pip puts into the folder
.uv; where neither answers, or where it cannot install, pip itself. All of them install the same
locked files and compare the same checksums.

The file .venv/course (or .venv/tests) is written last and names the folder of the clone. Without
it, or in a clone that was moved, the environment counts as broken and is made anew.
"""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
LOCKS = {"course": "requirements.lock", "tests": "requirements-test.lock"}
WORDS = {
    "course": "Installing the course: about 3 GB on disk and a minute, the first time only.",
    "tests": "Installing what the tests need.",
}
UV_FOLDER = ROOT / ".uv"
UV_NAMES = {"index-url": "UV_DEFAULT_INDEX", "cert": "SSL_CERT_FILE"}  # pip's name -> uv's


def main(environment: Path, part: str) -> None:
    """Install one part into the environment, which is made where there is none."""
    python = environment / "bin" / "python"
    if part == "course" and not is_whole(environment):
        make_environment(environment)
    # From here until the end the environment is half-made.
    for stamp in LOCKS if part == "course" else [part]:
        (environment / stamp).unlink(missing_ok=True)
    print(WORDS[part], flush=True)
    install(python, ["--requirement", LOCKS[part]])
    if part == "course":
        install(python, ["--no-deps", "--editable", "."])
    (environment / part).write_text(f"{ROOT}\n", encoding="utf-8")


def is_whole(environment: Path) -> bool:
    """Say whether the course was installed to its end here, and the environment's Python runs."""
    stamp = environment / "course"
    named = stamp.read_text(encoding="utf-8").strip() if stamp.is_file() else ""
    return named == str(ROOT) and answers([environment / "bin" / "python", "-c", ""])


def make_environment(environment: Path) -> None:
    """Make an empty environment that holds pip."""
    if environment.is_symlink():  # what it leads to belongs to another clone
        sys.exit(f"{environment} is a link to {environment.resolve()}; remove the link first.")
    if subprocess.run([sys.executable, "-m", "venv", "--clear", environment]).returncode:
        sys.exit(
            "Python's venv module is missing. "
            "On Debian and Ubuntu: sudo apt-get install python3-venv"
        )


def install(python: Path, what: list[str]) -> None:
    """Install with uv, or else with pip."""
    quiet = [] if sys.stderr.isatty() else ["--quiet"]
    uv = find_uv(python)
    if uv:
        # Compiled here once, as pip does it, not by the first notebook that imports TensorFlow; nor
        # by every one, where Python may not write beside its packages.
        options = [*quiet, "--compile-bytecode", "--python", python]
        command = [uv, "pip", "install", *options, *what]
        if not subprocess.run(command, cwd=ROOT, env=uv_environment(python)).returncode:
            return
        print("uv could not install it; pip tries now, which takes some minutes.", flush=True)
    command = [python, "-m", "pip", "install", "--quiet", *what]
    if subprocess.run(command, cwd=ROOT).returncode:
        sys.exit("The installation failed, see above; the same command tries again.")


def find_uv(python: Path) -> Path | str | None:
    """Return a uv that runs: this computer's, or one that pip fetches; None where neither does."""
    own = UV_FOLDER / "bin" / "uv"
    for uv in (shutil.which("uv"), own):
        if uv and answers([uv, "--version"]):
            return uv
    lock = ["--requirement", "requirements-uv.lock"]
    command = [python, "-m", "pip", "install", "--quiet", "--upgrade", "--target", UV_FOLDER, *lock]
    subprocess.run(command, cwd=ROOT, stderr=subprocess.DEVNULL)
    return own if answers([own, "--version"]) else None


def answers(command: list) -> bool:
    """Say whether a command runs here and ends without an error."""
    try:
        return subprocess.run(command, capture_output=True).returncode == 0
    except OSError:
        return False


def uv_environment(python: Path) -> dict:
    """The environment variables for uv: with the index and the certificates that pip is set to."""
    command = [python, "-m", "pip", "config", "list"]
    listed = subprocess.run(command, capture_output=True, text=True).stdout
    settings = re.findall(r"^\S+\.([a-z-]+)='(.*)'$", listed, flags=re.MULTILINE)
    told = {UV_NAMES[name]: value for name, value in reversed(settings) if name in UV_NAMES}
    # Variables that the user has set for uv itself come last, so that they win.
    return {"UV_PYTHON_DOWNLOADS": "never", **told, **os.environ}


if __name__ == "__main__":
    try:
        main(Path(sys.argv[1]).absolute(), sys.argv[2])
    except KeyboardInterrupt:
        sys.exit("\nInterrupted. The same command begins anew.")
