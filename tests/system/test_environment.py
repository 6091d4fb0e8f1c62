"""environment.yml (conda, Binder, Windows), pyproject.toml and the two locks name the same packages within the same bounds."""

import re
import sys

import pytest
from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet
from packaging.version import Version

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

CONDA_NAMES = {"matplotlib-base": "matplotlib"}
PYTHONS = ["3.10.13", "3.11.7", "3.12.1", "3.13.0"]


@pytest.fixture(scope="module")
def project(root):
    return tomllib.loads((root / "pyproject.toml").read_text(encoding="utf-8"))["project"]


def requirements(lines):
    return {requirement.name.lower(): requirement for requirement in map(Requirement, lines)}


def conda_lines(root):
    """The items of environment.yml as (what is required, why)."""
    text = (root / "environment.yml").read_text(encoding="utf-8").split("dependencies:")[1]
    items = re.findall(r"^ +- ([^#\n]+?) *(?:# *(.*))?$", text, flags=re.MULTILINE)
    return [item for item in items if item[0] != "pip:"]


def test_conda_names_the_same_packages_and_bounds(root, project):
    conda = requirements(line for line, _ in conda_lines(root) if not line.startswith("--"))
    conda = {
        CONDA_NAMES.get(name, name): requirement.specifier for name, requirement in conda.items()
    }
    assert conda.pop("python") == SpecifierSet(project["requires-python"])
    assert conda.pop("pip") == SpecifierSet()
    assert conda == {
        name: requirement.specifier
        for name, requirement in requirements(project["dependencies"]).items()
    }


def test_conda_gives_a_reason_for_every_line(root):
    assert [line for line, reason in conda_lines(root) if len(reason) < 10] == []


def test_every_bound_has_two_ends(project):
    lines = project["dependencies"] + [
        line for extra in project["optional-dependencies"].values() for line in extra
    ]
    assert [line for line in lines if not re.search(r">=.*,<", line)] == []


def locked(path, python):
    """name -> version of what a lock installs on one Python version."""
    lines = re.findall(
        r"^([a-z0-9][^\\\n]*?) *\\?$", path.read_text(encoding="utf-8"), flags=re.MULTILINE
    )
    environment = {"python_full_version": python, "python_version": python.rpartition(".")[0]}
    chosen = [
        line
        for line in map(Requirement, lines)
        if line.marker is None or line.marker.evaluate(environment)
    ]
    assert len({line.name for line in chosen}) == len(chosen), (
        "two versions of one package for one Python"
    )
    return {line.name: Version(str(line.specifier).removeprefix("==")) for line in chosen}


@pytest.mark.parametrize("python", PYTHONS)
def test_the_locks_keep_the_bounds_and_agree(root, project, python):
    course, everything = (
        locked(root / "requirements.lock", python),
        locked(root / "requirements-test.lock", python),
    )
    extras = [
        line
        for name in ("demo", "scale", "test")
        for line in project["optional-dependencies"][name]
    ]  # what `make test` installs
    for lines, lock in [
        (project["dependencies"], course),
        (project["dependencies"] + extras, everything),
    ]:
        assert [
            str(line)
            for name, line in requirements(lines).items()
            if name not in lock or lock[name] not in line.specifier
        ] == []
    assert course.items() <= everything.items()


@pytest.mark.parametrize("name", ["requirements.lock", "requirements-test.lock"])
def test_a_lock_verifies_every_file_and_names_no_address(root, name):
    text = (root / name).read_text(encoding="utf-8")
    pins = re.findall(
        r"^[a-z0-9].*==.*(?:\n    --hash=sha256:[0-9a-f]{64}.*)*", text, flags=re.MULTILINE
    )
    assert pins and all("--hash" in pin for pin in pins)
    assert not re.search(r"://|index-url|find-links|@ ", text)
