"""Run lint, unit tests and notebooks, whatever fails, and say at the end what did.

    python tools/check.py .venv make

`make test` calls it; each part is a target of the Makefile of its own.
"""

import subprocess
import sys
from pathlib import Path
from typing import NamedTuple
from xml.etree import ElementTree

# Target of the Makefile -> its report in the environment's folder, None where it writes none.
PARTS = {"lint": None, "unit-tests": "unit-tests.xml", "notebook-tests": "notebooks.xml"}
ADVICE = 'what to do and where to report it: README.md, "When a test fails"'


class Count(NamedTuple):
    """How many checks passed, failed and were skipped.

    Attributes:
        passed, failed, skipped: numbers of tests; a part without a report counts as one.
    """

    passed: int
    failed: int
    skipped: int


def count_tests(report: Path | None, *, good: bool) -> Count:
    """Count the tests of a part from the XML report that pytest wrote.

    Args:
        report: the file, or None; it need not exist.
        good: whether the part ended without an error; one that did not has failed at least once.
    """
    if report is None or not report.is_file():
        return Count(int(good), int(not good), 0)
    passed, failed, skipped = 0, 0, 0
    for suite in ElementTree.parse(report).iter("testsuite"):
        wrong = int(suite.get("failures")) + int(suite.get("errors"))
        left_out = int(suite.get("skipped"))
        passed += int(suite.get("tests")) - wrong - left_out
        failed += wrong
        skipped += left_out
    return Count(passed, max(failed, int(not good)), skipped)


def last_line(counts: dict[str, Count]) -> str:
    """Say in one line how many checks passed, which parts failed, and where to go with that."""
    passed, failed, skipped = (sum(column) for column in zip(*counts.values(), strict=True))
    wrong = [part for part, count in counts.items() if count.failed]
    words = f"failed: {', '.join(wrong)}; {ADVICE}" if wrong else f"all of {', '.join(counts)}"
    return f"== {passed} passed, {failed} failed, {skipped} skipped ({words})"


def main(environment: Path, make: str) -> None:
    """Run all parts; exit with 1 if one of them failed."""
    counts = {}
    for part, name in PARTS.items():
        report = environment / name if name else None
        if report:
            report.unlink(missing_ok=True)
        code = subprocess.run([make, "--no-print-directory", part]).returncode
        counts[part] = count_tests(report, good=code == 0)
    print(last_line(counts), flush=True)
    sys.exit(any(count.failed for count in counts.values()))


if __name__ == "__main__":
    try:
        main(Path(sys.argv[1]), sys.argv[2])
    except KeyboardInterrupt:
        sys.exit("\nInterrupted.")
