"""The environment: its lists agree, its locks verify every file, its making is never half done."""

import re
import subprocess
import sys
from importlib.util import cache_from_source, find_spec
from pathlib import Path

import pytest
from course_files import ROOT
from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet
from packaging.version import Version

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

sys.path.insert(0, str(ROOT / "tools"))

import check
import install

CONDA_NAMES = {"matplotlib-base": "matplotlib", "lazy_loader": "lazy-loader"}
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
    assert [line for line in lines if not re.search(r">=.*,<|==", line)] == []


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
    course = locked(root / "requirements.lock", python)
    everything = locked(root / "requirements-test.lock", python)
    extras = project["optional-dependencies"]
    # What `make test` installs.
    tests = [*extras["demo"], *extras["scale"], *extras["slides"], *extras["test"]]
    assert beyond_bounds(project["dependencies"], course) == []
    assert beyond_bounds(project["dependencies"] + tests, everything) == []
    assert course.items() <= everything.items()


def beyond_bounds(lines, lock):
    """The requirements that a lock misses, or holds in a version that they do not allow."""
    return [
        str(line)
        for name, line in requirements(lines).items()
        if name not in lock or lock[name] not in line.specifier
    ]


@pytest.mark.parametrize(
    "name", ["requirements.lock", "requirements-test.lock", "requirements-uv.lock"]
)
def test_a_lock_verifies_every_file_and_names_no_address(root, name):
    text = (root / name).read_text(encoding="utf-8")
    pins = re.findall(
        r"^[a-z0-9].*==.*(?:\n    --hash=sha256:[0-9a-f]{64}.*)*", text, flags=re.MULTILINE
    )
    assert pins and all("--hash" in pin for pin in pins)
    assert not re.search(r"://|index-url|find-links|@ ", text)


# Making the environment: fakes stand in for venv, pip and uv, and write down what they were asked

FAKE_UV = """#!/bin/sh
echo "uv $*" >> "$CALLS"
case "$1" in --version) exit $UV_RUNS;; *) exit $UV_INSTALLS;; esac
"""
FAKE_VENV = """
import os, pathlib, shutil, sys
folder = pathlib.Path(sys.argv[-1])
shutil.rmtree(folder, ignore_errors=True)
(folder / "bin").mkdir(parents=True)
(folder / "bin" / "python").write_text(f'#!/bin/sh\\nexec {sys.executable} "$@"\\n')
(folder / "bin" / "python").chmod(0o755)
print("venv", file=open(os.environ["CALLS"], "a"))
"""
FAKE_PIP = """
import os, pathlib, shutil, sys
if sys.argv[1] != "config":
    print("pip", *sys.argv[1:], file=open(os.environ["CALLS"], "a"))
if "--target" in sys.argv:
    if os.environ["PIP_HAS_UV"] == "no":
        sys.exit(1)
    folder = pathlib.Path(sys.argv[sys.argv.index("--target") + 1], "bin")
    folder.mkdir(parents=True, exist_ok=True)
    shutil.copy(os.environ["FAKE_UV"], folder / "uv")
sys.exit(int(os.environ["PIP_INSTALLS"]))
"""
INSTALLS_COURSE = [["--requirement", "requirements.lock"], ["--no-deps", "--editable", "."]]

needs_shell = pytest.mark.skipif(sys.platform == "win32", reason="needs a shell")


class Clone:
    """A clone that holds tools/install.py alone, and a PATH and PYTHONPATH of fakes."""

    def __init__(self, folder):
        self.folder, self.log = folder, folder / "calls"
        for name, text in (("venv", FAKE_VENV), ("pip", FAKE_PIP)):
            write(folder / "fakes" / name / "__init__.py", "")
            write(folder / "fakes" / name / "__main__.py", text)
        write(folder / "uv", FAKE_UV, runs=True)
        write(folder / "tools" / "install.py", (ROOT / "tools" / "install.py").read_text())

    def run(self, part="course", *, uv_runs=0, uv_installs=0, pip_has_uv="yes", pip_installs=0):
        """Run tools/install.py with fakes that answer so."""
        self.log.write_text("")
        environment = {
            "PATH": f"{self.folder / 'on_path'}:/usr/bin:/bin",
            "PYTHONPATH": str(self.folder / "fakes"),
            "CALLS": str(self.log),
            "FAKE_UV": str(self.folder / "uv"),
            "UV_RUNS": str(uv_runs),
            "UV_INSTALLS": str(uv_installs),
            "PIP_HAS_UV": pip_has_uv,
            "PIP_INSTALLS": str(pip_installs),
        }
        command = [sys.executable, self.folder / "tools" / "install.py", ".venv", part]
        options = {"cwd": self.folder, "capture_output": True, "text": True}
        return subprocess.run(command, env=environment, **options)

    def calls(self):
        """What the last run called, one line each."""
        return [line for line in self.log.read_text().splitlines() if "--version" not in line]


def write(path, text, *, runs=False):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    if runs:
        path.chmod(0o755)


@pytest.fixture
def clone(tmp_path):
    return Clone(tmp_path)


def stamp(clone):
    path = clone.folder / ".venv" / "course"
    return path.read_text().strip() if path.is_file() else None


def installing(calls, installer):
    """What an installer was asked for, without its own options and without fetching uv."""
    wanted = [line.split() for line in calls if line.startswith(f"{installer} ")]
    return [
        line[line.index("--requirement" if "--requirement" in line else "--no-deps") :]
        for line in wanted
        if "--target" not in line
    ]


@needs_shell
def test_uv_of_this_computer_installs_the_lock_and_pip_nothing(clone):
    write(clone.folder / "on_path" / "uv", FAKE_UV, runs=True)
    assert clone.run().returncode == 0
    assert installing(clone.calls(), "uv") == INSTALLS_COURSE
    assert not any(line.startswith("pip") for line in clone.calls())
    assert stamp(clone) == str(clone.folder) and not (clone.folder / ".uv").exists()


@needs_shell
def test_where_uv_is_missing_pip_fetches_it_with_its_checksum_and_it_installs(clone):
    assert clone.run().returncode == 0
    fetched = [line for line in clone.calls() if line.startswith("pip")]
    assert len(fetched) == 1 and "--requirement requirements-uv.lock" in fetched[0]
    assert str(clone.folder / ".uv") in fetched[0]
    assert installing(clone.calls(), "uv") == INSTALLS_COURSE
    assert stamp(clone) == str(clone.folder)


def test_packages_are_installed_with_their_bytecode():
    # Compiling TensorFlow takes longer than importing it, and a notebook would wait for it.
    for package in "tensorflow", "keras", "sklearn":
        source = find_spec(package).origin
        assert Path(cache_from_source(source)).is_file(), f"{package} is compiled at each import"


WITHOUT_UV = [{"pip_has_uv": "no"}, {"uv_runs": 1}, {"uv_installs": 1}]


@needs_shell
@pytest.mark.parametrize("why", WITHOUT_UV, ids=str)
def test_where_uv_cannot_be_had_or_run_or_install_pip_installs_the_same(clone, why):
    assert clone.run(**why).returncode == 0
    assert installing(clone.calls(), "pip") == INSTALLS_COURSE
    assert stamp(clone) == str(clone.folder)


@needs_shell
def test_a_half_made_environment_is_made_anew_and_a_whole_one_is_kept(clone):
    failed = clone.run(uv_installs=1, pip_installs=1)
    assert failed.returncode != 0 and "the same command tries again" in failed.stderr
    assert stamp(clone) is None
    assert clone.run().returncode == 0
    assert clone.calls()[0] == "venv"
    # With new locks the environment stays, and what a student installed into it.
    assert clone.run().returncode == 0
    assert "venv" not in clone.calls()
    # A clone that was moved has another name than the one written down.
    (clone.folder / ".venv" / "course").write_text("elsewhere\n")
    assert clone.run().returncode == 0
    assert clone.calls()[0] == "venv"


@needs_shell
def test_an_environment_that_is_a_link_to_another_clone_is_not_emptied(tmp_path):
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    (elsewhere / "somebody's.txt").write_text("work", encoding="utf-8")
    link = tmp_path / ".venv"
    link.symlink_to(elsewhere)
    with pytest.raises(SystemExit, match="is a link to .*elsewhere; remove the link first"):
        install.make_environment(link)
    assert (elsewhere / "somebody's.txt").read_text(encoding="utf-8") == "work"


def test_what_the_tests_need_comes_on_top_and_goes_with_the_course(clone):
    assert clone.run().returncode == 0 and clone.run("tests").returncode == 0
    assert installing(clone.calls(), "uv") == [["--requirement", "requirements-test.lock"]]
    assert "venv" not in clone.calls() and (clone.folder / ".venv" / "tests").is_file()
    assert clone.run().returncode == 0
    assert not (clone.folder / ".venv" / "tests").exists()


@needs_shell
@pytest.mark.parametrize(
    "set_for_uv, wanted", [({}, "of pip"), ({"UV_DEFAULT_INDEX": "of uv"}, "of uv")]
)
def test_uv_asks_the_index_that_pip_is_set_to_unless_it_has_its_own(
    monkeypatch, set_for_uv, wanted
):
    monkeypatch.delenv("UV_DEFAULT_INDEX", raising=False)
    monkeypatch.setenv("PIP_INDEX_URL", "of pip")
    for name, value in set_for_uv.items():
        monkeypatch.setenv(name, value)
    assert install.uv_environment(Path(sys.executable))["UV_DEFAULT_INDEX"] == wanted


# `make test` goes on after a failure

REPORT = """<testsuites>
<testsuite tests="9" failures="{failures}" errors="0" skipped="2" />
</testsuites>"""


def test_the_last_line_of_a_good_run_counts_all_tests(tmp_path):
    report = tmp_path / "report.xml"
    report.write_text(REPORT.format(failures=0))
    counts = {"lint": check.count_tests(None, good=True)}
    counts["unit-tests"] = check.count_tests(report, good=True)
    assert check.last_line(counts) == ("== 8 passed, 0 failed, 2 skipped (all of lint, unit-tests)")


def test_the_last_line_of_a_bad_run_names_what_failed_and_where_to_go(tmp_path, root):
    report = tmp_path / "report.xml"
    report.write_text(REPORT.format(failures=3))
    counts = {"lint": check.count_tests(None, good=False)}
    counts["unit-tests"] = check.count_tests(report, good=False)
    counts["notebook-tests"] = check.count_tests(tmp_path / "none.xml", good=True)
    line = check.last_line(counts)
    assert line.startswith("== 5 passed, 4 failed, 2 skipped (failed: lint, unit-tests; ")
    heading = re.search(r'README.md, "(.*)"', line).group(1)
    assert f"## {heading}\n" in (root / "README.md").read_text(encoding="utf-8")


def test_a_part_that_ends_with_an_error_has_failed_whatever_its_report_says(tmp_path):
    report = tmp_path / "report.xml"
    report.write_text(REPORT.format(failures=0))
    assert check.count_tests(report, good=False) == check.Count(passed=7, failed=1, skipped=2)


@needs_shell
def test_all_parts_run_whatever_fails(tmp_path):
    make = tmp_path / "make"
    make.write_text('#!/bin/sh\necho "ran $2"\n[ "$2" != lint ]\n')
    make.chmod(0o755)
    command = [sys.executable, ROOT / "tools" / "check.py", tmp_path, make]
    done = subprocess.run(command, capture_output=True, text=True)
    *parts, last = done.stdout.splitlines()
    assert parts == ["ran lint", "ran unit-tests", "ran notebook-tests"]
    assert done.returncode == 1 and "2 passed, 1 failed" in last and "failed: lint;" in last
