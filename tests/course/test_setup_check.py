"""The check of the set-up says "ok" where all is well, and what to do where it is not."""

from importlib.metadata import PackageNotFoundError

import pytest

from lecture_lib.course import setup_check
from lecture_lib.models import zoo


def line_with(text):
    return next(line for line in setup_check.check_setup() if text in line)


def test_every_line_begins_with_ok_or_look():
    assert {line.split()[0] for line in setup_check.check_setup()} <= {"ok", "look"}


@pytest.mark.parametrize("name", zoo.BUNDLED)
def test_a_bundled_network_is_found(name):
    assert (
        line_with(f"network {name}").startswith("ok")
        == (zoo.DATA / "weights" / f"{name}.npz").is_file()
    )


def test_a_missing_network_says_what_to_do(monkeypatch, tmp_path):
    monkeypatch.setattr(zoo, "DATA", tmp_path)
    assert (
        line_with("network tinynet_robust")
        == "look  network tinynet_robust: its file in data/ is missing; clone the course again"
    )


def test_a_missing_package_says_what_to_do(monkeypatch):
    def version(name):
        raise PackageNotFoundError(name)

    monkeypatch.setattr(setup_check, "version", version)
    assert (
        line_with("ipywidgets")
        == "look  ipywidgets is missing: make the environment again, as the README says"
    )


def test_little_memory_is_told(monkeypatch):
    monkeypatch.setattr(setup_check, "NEEDED_MEMORY", 1e9)
    assert line_with("memory").startswith("look")
