"""The same experiment many times over: with progress, kept on disk, here or on a cluster."""

import json
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

from tqdm.auto import tqdm

from lecture_lib.models.remarks import interrupts_passed_on

BEGINNING = '{"job": '  # of every line of a record


def sweep(
    function: Callable, jobs: Sequence[dict], *, path: str | Path | None = None, client: Any = None
) -> list[dict]:
    """Return the rows of function(**job) for every job, in the order of the jobs.

    What a file `path` holds already is not computed again.

    Args:
        function: keywords -> a list of rows, dicts of numbers and texts.
        jobs: dicts of such keywords, numbers and texts too.
        path: a file, one line a job, to which every result is added as soon as it is there, so that
            an interrupted sweep goes on where it was; None keeps nothing.
        client: a `distributed.Client` of Dask whose workers share the jobs; None computes them
            here, one after another.

    Returns:
        A list of all rows; on an interrupt those that are done.

    Raises:
        ValueError: for a file that is no record of a sweep or takes no more lines (what it holds
            stays).
        FileNotFoundError: when there is no such folder.
    """
    done = _recorded(path)
    waiting = [job for job in jobs if _key(job) not in done]
    if client:
        results = _on_cluster(client, function, waiting)
    else:
        results = ((job, _whole(function, job)) for job in waiting)
    try:
        for job, rows in tqdm(results, total=len(waiting), desc="sweep", disable=None):
            done[_key(job)] = rows
            if path is not None:
                _add(path, job, rows)
    except KeyboardInterrupt:
        pass  # what is done is returned
    return [row for job in jobs for row in done.get(_key(job), [])]


def _whole(function: Callable, job: dict) -> list[dict]:
    """The rows of a job; one that was cut short by an interrupt would count as done for good."""
    with interrupts_passed_on():
        return function(**job)


def _on_cluster(client: Any, function: Callable, jobs: Sequence[dict]) -> Iterator[tuple]:
    """(job, rows) of each job, as soon as a worker is through with it."""
    from distributed import as_completed  # an extra of the course: pip install "lecture_lib[scale]"

    futures = {client.submit(function, **job, pure=False): job for job in jobs}
    for future, rows in as_completed(futures, with_results=True):
        yield futures[future], rows


def _key(job: dict) -> str:
    return json.dumps(job, sort_keys=True)


def _recorded(path: str | Path | None) -> dict[str, list]:
    """The rows of each job that the file holds; none without a file.

    A last line that was cut off when the program ended counts as not done.
    """
    if path is None:
        return {}
    path = Path(path)
    if not path.parent.is_dir():
        raise FileNotFoundError(
            f"There is no folder {path.parent} to keep the record in; make it first, or "
            "give another path."
        )
    try:
        text = path.read_text(encoding="utf-8") if path.exists() else ""
        *lines, torn = text.split("\n")
        records = [json.loads(line) for line in lines]
        if not BEGINNING.startswith(torn[: len(BEGINNING)]):
            raise ValueError
        return {_key(record["job"]): record["rows"] for record in records}
    except (OSError, ValueError, KeyError, TypeError):
        raise ValueError(
            f"{path} is no record of a sweep; give another path, or take the file away."
        ) from None


def _add(path: str | Path, job: dict, rows: list) -> None:
    """Write one more line at the end of the record."""
    line = json.dumps({"job": job, "rows": rows}) + "\n"
    try:
        with open(path, "a+b") as file:
            end = file.seek(0, 2)
            file.seek(0)
            whole_lines = file.read(end).rfind(b"\n") + 1
            if whole_lines < end:
                file.truncate(whole_lines)  # only a line that was cut off is taken away
            file.write(line.encode())
    except OSError as error:
        advice = "what was recorded so far is kept; make room, then start again"
        raise ValueError(
            f"The results cannot be added to {path} ({error.strerror}); {advice}."
        ) from None
