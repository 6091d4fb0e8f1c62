"""Write the locks anew: python tools/lock.py .venv [--upgrade]

With --upgrade every package is taken in its newest version within the bounds of pyproject.toml;
without it only what those bounds ask for changes. `make lock` calls it.
"""

import subprocess
import sys
from pathlib import Path

import install

# One lock for all systems and all Pythons from 3.10 on, each file with its checksum, no address.
COMPILE = "pip compile --quiet --universal --python-version 3.10 --generate-hashes --no-annotate"
OPTIONS = [*COMPILE.split(), "--no-emit-index-url", "--custom-compile-command", "make lock"]
EXTRAS = "--extra demo --extra scale --extra slides --extra test --constraints requirements.lock"
LOCKS = {
    "requirements-uv.lock": ["--group", "install"],
    "requirements.lock": ["pyproject.toml"],
    "requirements-test.lock": ["pyproject.toml", *EXTRAS.split()],
}


def main(environment: Path, options: list[str]) -> None:
    """Write the three locks, or end with the error of uv."""
    uv = install.find_uv(environment / "bin" / "python")
    if uv is None:
        sys.exit("The locks need uv, which runs here neither as it is nor from pip.")
    for lock, sources in LOCKS.items():
        command = [uv, *OPTIONS, *options, *sources, "--output-file", lock]
        if code := subprocess.run(command, cwd=install.ROOT).returncode:
            sys.exit(code)


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2:])
