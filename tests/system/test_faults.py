"""Faults with real processes: thirty at once, killed, behind a proxy, on a full disk."""

import errno
import hashlib
import http.server
import json
import multiprocessing
import os
import signal
import ssl
import subprocess
import threading
import time
from pathlib import Path

import numpy as np
import psutil
import pytest
from download_tools import CONTENT, HEADER, SHA256, files_in, use
from servers import still_running
from waiting import wait_until

from lecture_lib.course import sweeps
from lecture_lib.datasets import decoding, downloads, images, saving

PROCESSES = multiprocessing.get_context(
    "forkserver" if "forkserver" in multiprocessing.get_all_start_methods() else "spawn"
)
PROCESSES.set_forkserver_preload(
    ["lecture_lib.datasets.images", "lecture_lib.course.sweeps", "pytest", "psutil"]
)  # what children need, imported once
PIECES = 16
PIECE = len(CONTENT) // PIECES


class Server(http.server.ThreadingHTTPServer):
    """Sends CONTENT piece by piece, whatever is asked for.

    Each piece waits for `allowed`; `sent` counts bytes, `asked` and `answered` requests.
    """

    request_queue_size = 64
    daemon_threads = True

    def __init__(self, *, pieces=10**9):
        super().__init__(("127.0.0.1", 0), Pieces)
        self.allowed = threading.Semaphore(pieces)
        self.sent, self.asked, self.answered = 0, 0, 0
        self.lock = threading.Lock()
        threading.Thread(target=self.serve_forever, daemon=True).start()

    def count(self, *, asked=0, answered=0, sent=0):
        with self.lock:
            self.asked += asked
            self.answered += answered
            self.sent += sent

    def __exit__(self, *_):
        self.shutdown()
        self.server_close()


class Pieces(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.server.count(asked=1)
        try:
            self.send_pieces()
        finally:
            self.server.count(answered=1)

    def send_pieces(self):
        self.send_response(200)
        self.send_header("Content-Length", str(len(CONTENT)))
        self.end_headers()
        for start in range(0, len(CONTENT), PIECE):
            self.server.allowed.acquire()
            try:
                self.wfile.write(CONTENT[start : start + PIECE])
            except OSError:  # the process that asked was killed
                return
            self.server.count(sent=len(CONTENT[start : start + PIECE]))

    def log_message(self, *_):
        pass


@pytest.fixture(autouse=True)
def as_it_was(monkeypatch):
    for name in ("TABLE", "cache_folder"):
        monkeypatch.setattr(downloads, name, getattr(downloads, name))
    for name in (
        "LECTURE_DATA",
        "NO_PROXY",
        "HTTP_PROXY",
        "HTTPS_PROXY",
        "REQUESTS_CA_BUNDLE",
        "no_proxy",
        "http_proxy",
        "https_proxy",
    ):
        monkeypatch.setenv(name, "")  # so that all are as they were afterward
        monkeypatch.delenv(name)
    yield
    downloads._table.cache_clear()


def table_of(folder, address, *names):
    (folder / "table.tsv").write_text(
        HEADER
        + "".join(f"{name}\t{address}/{name}\t{SHA256}\t{len(CONTENT)}\tfree\n" for name in names)
    )
    return folder / "table.tsv"


# Downloads


def fetch_with_the_others(table, cache, barrier, results):
    use(table, cache)
    barrier.wait(120)
    results.put(hashlib.sha256(downloads.fetch("folder/file").read_bytes()).hexdigest())


def test_thirty_processes_fetch_one_file_into_one_cache(tmp_path, count=30):
    """At most one download for each, the same file for all, nothing else in the cache."""
    with Server() as server:
        table = table_of(tmp_path, f"http://127.0.0.1:{server.server_port}", "folder/file")
        barrier = PROCESSES.Barrier(count)
        results = PROCESSES.Queue()
        arguments = (table, tmp_path / "cache", barrier, results)
        processes = [
            PROCESSES.Process(target=fetch_with_the_others, args=arguments) for _ in range(count)
        ]
        for process in processes:
            process.start()
        assert [f"sha256:{results.get(timeout=120)}" for _ in processes] == [SHA256] * count
        assert len(CONTENT) <= server.sent <= count * len(CONTENT)
    assert files_in(tmp_path / "cache") == ["file"]


def fetch_one(table, cache):
    use(table, cache)
    downloads.fetch("file")


def end_at(moment, server, number, *arguments):
    """Start a download, and end it with a signal once `moment` pieces were sent."""
    sent, asked = server.sent, server.asked
    process = PROCESSES.Process(target=fetch_one, args=arguments)
    process.start()
    if moment:
        server.allowed.release(moment)
    wait_until(lambda: server.asked > asked and server.sent == sent + moment * PIECE)
    os.kill(process.pid, number)
    process.join(90)
    server.allowed.release(PIECES - moment)
    wait_until(lambda: server.answered == server.asked, "the thread that answered it ends")
    while server.allowed.acquire(blocking=False):
        pass


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGINT], ids=["kill", "interrupt"])
def test_a_download_that_was_ended_at_any_moment_is_made_again(tmp_path, number):
    cache = tmp_path / "cache"
    with Server(pieces=0) as server:
        table = table_of(tmp_path, f"http://127.0.0.1:{server.server_port}", "file", "other")
        for moment in range(0, PIECES, 3):
            end_at(moment, server, number, table, cache)
            assert not (cache / "file").exists()
        server.allowed.release(10**6)
        use(table, cache)
        assert downloads.fetch("file").read_bytes() == CONTENT
        left = [path for path in cache.iterdir() if path.name != "file"]
        assert number == signal.SIGKILL or left == []
        for path in left[1:]:
            os.utime(path, (0, 0))
        downloads.fetch("other")
        fresh = [path.name for path in left[:1]]  # another process may still be writing it
        assert sorted(files_in(cache)) == sorted(["file", "other", *fresh])


def test_a_proxy_is_used_and_one_that_does_not_answer_is_named(tmp_path, monkeypatch):
    use(table_of(tmp_path, "http://elsewhere.invalid", "file"), tmp_path / "cache")
    monkeypatch.setenv("NO_PROXY", "")
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")
    with pytest.raises(
        FileNotFoundError,
        match="as the proxy that the environment variables HTTP_PROXY and HTTPS_PROXY name",
    ):
        downloads.fetch("file")
    with Server() as server:
        monkeypatch.setenv("HTTP_PROXY", f"http://127.0.0.1:{server.server_port}")
        assert downloads.fetch("file").read_bytes() == CONTENT


@pytest.fixture
def certificate(tmp_path):
    """The (certificate, key) of this computer, signed by nobody else."""
    key = tmp_path / "key.pem"
    certificate = tmp_path / "certificate.pem"
    command = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-subj", "/CN=x"]
    command += ["-addext", "subjectAltName=IP:127.0.0.1", "-keyout", key, "-out", certificate]
    try:
        subprocess.run(command, check=True, capture_output=True)
    except (OSError, subprocess.CalledProcessError):
        pytest.skip("needs openssl to make a certificate")
    return certificate, key


def test_a_certificate_that_is_not_trusted_is_named_and_the_sentence_helps(
    tmp_path, monkeypatch, certificate
):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(*certificate)
    words = r"certificate is not trusted here \(let REQUESTS_CA_BUNDLE name"
    with Server() as server:
        server.socket = context.wrap_socket(server.socket, server_side=True)
        table = table_of(tmp_path, f"https://127.0.0.1:{server.server_port}", "file")
        use(table, tmp_path / "cache")
        with pytest.raises(FileNotFoundError, match=words):
            downloads.fetch("file")
        assert files_in(tmp_path / "cache") == []
        monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(certificate[0]))
        assert downloads.fetch("file").read_bytes() == CONTENT


# Disks


def on_a_small_disk(table, folder, results):
    """What each part of the course says when a file may hold 100 kB.

    That is the limit of a process: the test needs no disk of its own.
    """
    import resource

    use(table, folder / "cache")
    resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000))
    noise = np.random.default_rng(0).random((300, 300, 3), np.float32)
    rows = [{"text": "x" * 30_000}]
    asked = {
        "fetch": lambda: downloads.fetch("file"),
        "save": lambda: saving.save_image(noise, folder / "noise.png"),
        "sweep": lambda: sweeps.sweep(
            lambda number: rows,
            [{"number": number} for number in range(9)],
            path=folder / "sweep.jsonl",
        ),
    }
    for name, ask in asked.items():
        try:
            results.put((name, "no error", repr(ask())[:80]))
        except Exception as error:
            results.put((name, type(error).__name__, str(error)))


def test_a_disk_that_runs_full_is_one_sentence_and_what_was_there_stays(tmp_path):
    pytest.importorskip("resource", reason="needs limits of a process, which Windows has not")
    said = answers_on_a_small_disk(tmp_path)
    kind, sentence = said["fetch"]
    assert kind == "FileNotFoundError"
    assert "cannot be saved in" in sentence and "make room" in sentence
    kind, sentence = said["save"]
    assert kind == "ValueError" and "cannot be saved in the folder" in sentence
    kind, sentence = said["sweep"]
    assert kind == "ValueError"
    assert "what was recorded so far is kept; make room" in sentence
    assert files_in(tmp_path / "cache") == []
    assert [*tmp_path.glob("*.png"), *tmp_path.glob(".*")] == []
    assert jobs_recorded_and_left(tmp_path / "sweep.jsonl", count=9) == (
        [0, 1, 2],
        [3, 4, 5, 6, 7, 8],
    )


def answers_on_a_small_disk(folder):
    """{what was asked: (kind of the error, its sentence)}."""
    results = PROCESSES.Queue()
    with Server() as server:
        table = table_of(folder, f"http://127.0.0.1:{server.server_port}", "file")
        process = PROCESSES.Process(target=on_a_small_disk, args=(table, folder, results))
        process.start()
        answers = [results.get(timeout=90) for _ in range(3)]
        process.join(90)
    return {name: (kind, sentence) for name, kind, sentence in answers}


def jobs_recorded_and_left(path, *, count):
    """The numbers of jobs in the record of a sweep, and those that a new sweep computes."""
    *lines, _ = path.read_text().split("\n")
    recorded = [json.loads(line)["job"]["number"] for line in lines]
    left = []
    jobs = [{"number": number} for number in range(count)]
    sweeps.sweep(lambda number: left.append(number) or [], jobs, path=path)
    return recorded, left


def test_a_disk_that_is_read_only_is_one_sentence(tmp_path, monkeypatch):
    """There, taking away a file that does not exist fails too, with another error."""

    def read_only(*_, **__):
        raise OSError(errno.EROFS, os.strerror(errno.EROFS))

    for name in ("write_bytes", "unlink"):
        monkeypatch.setattr(Path, name, read_only)
    with pytest.raises(
        ValueError,
        match="cannot be saved in the folder .*Read-only file system.*choose another folder",
    ):
        saving.save_image(np.full((8, 8, 3), 0.5, np.float32), tmp_path / "picture.png")


# Sweeps


def one_job(number, *, folder, pause):
    with open(folder / "calls", "a") as file:
        file.write(f"{number}\n")
    time.sleep(pause)
    return [{"number": number, "square": number**2, "text": "x" * 3000}]


def sweep_on(folder, count, pause):
    jobs = [{"number": number} for number in range(count)]
    rows = sweeps.sweep(
        lambda number: one_job(number, folder=folder, pause=pause),
        jobs,
        path=folder / "sweep.jsonl",
    )
    assert [row["square"] for row in rows] == [number**2 for number in range(count)]


def kill_after(calls, random, *arguments):
    """Start a sweep, kill it a moment after so many calls, and say whether it was still running."""
    process = PROCESSES.Process(target=sweep_on, args=arguments)
    process.start()
    made = arguments[0] / "calls"
    wait_until(lambda: len(made.read_text().split()) >= calls or not process.is_alive())
    time.sleep(random.uniform(0, 0.02))
    was_running = process.is_alive()
    process.kill()
    process.join(90)
    return was_running


def test_a_sweep_that_is_killed_again_and_again_ends_with_every_row_once(tmp_path, count=40):
    (tmp_path / "calls").touch()
    random = np.random.default_rng(0)
    kills = [kill_after(7 * part, random, tmp_path, count, 0.01) for part in range(1, 6)]
    sweep_on(tmp_path, count, 0)
    calls = (tmp_path / "calls").read_text().split()
    assert all(kills) and set(calls) == set(map(str, range(count)))
    assert len(calls) <= count + len(kills)


def test_two_sweeps_at_once_lose_no_line_of_their_record(tmp_path, count=150):
    processes = [PROCESSES.Process(target=sweep_on, args=(tmp_path, count, 0)) for _ in range(2)]
    for process in processes:
        process.start()
    for process in processes:
        process.join(90)
    assert [process.exitcode for process in processes] == [0, 0]
    before = (tmp_path / "calls").read_text()
    sweep_on(tmp_path, count, 0)
    assert (tmp_path / "calls").read_text() == before  # nothing had to be computed again


@pytest.mark.parametrize(
    "name, words, error",
    [
        ("photo.jpg", "photo.jpg is no record of a sweep", ValueError),
        ("", "is no record of a sweep", ValueError),
        ("none/sweep.jsonl", "There is no folder .*none to keep the record in", FileNotFoundError),
    ],
)
def test_a_place_that_cannot_keep_a_record_is_said_before_anything_is_computed(
    tmp_path, name, words, error
):
    (tmp_path / "photo.jpg").write_bytes(b"\xff\xd8\xff\xe0\x00\x10JFIF")
    with pytest.raises(error, match=words):
        sweeps.sweep(lambda: pytest.fail("it was computed"), [{}], path=tmp_path / name)
    assert (tmp_path / "photo.jpg").read_bytes() == b"\xff\xd8\xff\xe0\x00\x10JFIF"


# Kernels


def save_five(folder, gray, barrier):
    barrier.wait(90)
    for _ in range(5):
        saving.save_image(np.full((8, 8, 3), gray / 255, np.float32), folder / "picture.png")


def test_kernels_that_save_at_once_write_over_nothing(tmp_path, count=6):
    barrier = PROCESSES.Barrier(count)
    processes = [
        PROCESSES.Process(target=save_five, args=(tmp_path, gray, barrier)) for gray in range(count)
    ]
    for process in processes:
        process.start()
    for process in processes:
        process.join(90)
    grays = [int(np.rint(255 * images.load_image(path)[0, 0, 0])) for path in tmp_path.iterdir()]
    assert sorted(grays) == sorted(5 * list(range(count)))


ASCENT = """
import time
from typing import NamedTuple
import numpy as np
from lecture_lib.panels import run_live_panel
class Reached(NamedTuple):
    images: np.ndarray
    values: np.ndarray
    frames: list
def ascend(watch):
    for step in range(100_000):
        time.sleep(0.01)
        reached = Reached(np.full((64, 64, 3), 0.5, np.float32), np.zeros(step + 1), [])
        if watch(step, 100_000, reached):
            break
    return reached
panel = run_live_panel(ascend, alt="gray", first=np.full((64, 64, 3), 0.5, np.float32))
panel.buttons["Start"].click()
while panel.progress.value < 2:
    time.sleep(0.01)
assert panel.buttons["Start"].disabled
"""


@pytest.fixture
def kernel(root, monkeypatch):
    """A running kernel: its manager and its client."""
    monkeypatch.setenv("PYTHONPATH", str(root))
    from jupyter_client.manager import start_new_kernel

    manager, client = start_new_kernel(kernel_name="python3")
    yield manager, client
    client.stop_channels()
    manager.shutdown_kernel(now=True)


def test_a_kernel_that_is_restarted_in_the_middle_of_a_run_leaves_nothing_running(kernel):
    manager, client = kernel
    for _ in range(2):
        reply = client.execute_interactive(ASCENT, timeout=90, output_hook=lambda _: None)
        assert reply["content"]["status"] == "ok"
        process = psutil.Process(manager.provisioner.process.pid)
        old = [process, *process.children(recursive=True)]
        manager.restart_kernel(now=True)
        client.wait_for_ready(timeout=90)
        assert still_running(old, seconds=90) == []


# Names


@pytest.mark.parametrize(
    "name",
    [
        "../../x",
        "~nobody_of_that_name/x.png",
        "nothing\0.png",
        "x" * 5000,
        "/dev/zero",
        "CON",
        "..",
        "file:///x",
    ],
)
def test_a_strange_name_is_no_picture_and_no_download(name):
    with pytest.raises((FileNotFoundError, ValueError)) as caught:
        images.load_image(name)
    assert (
        str(caught.value).endswith(".") and "\n" not in str(caught.value) and isinstance(name, str)
    )
    with pytest.raises(ValueError, match="is not in the table of downloads"):
        downloads.fetch(name)
    assert not downloads.is_here(name)


def test_a_home_that_does_not_exist_is_said(monkeypatch):
    gray = np.full((4, 4, 3), 0.5, np.float32)
    for ask in (
        lambda: saving.save_image(gray, "~nobody_of_that_name/x.png"),
        lambda: images.load_folder("~nobody_of_that_name"),
    ):
        with pytest.raises(FileNotFoundError, match="There is no folder ~nobody_of_that_name"):
            ask()
    monkeypatch.setenv("LECTURE_DATA", "~nobody_of_that_name")
    assert downloads.own_folder().name == "~nobody_of_that_name" and "cat" in decoding.photo_names()
