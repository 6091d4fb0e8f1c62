"""Downloads: what arrives is what the table says, and every failure is one sentence that leaves
nothing behind.
"""

import errno
import gc
import hashlib
import http.server
import io
import multiprocessing
import os
import re
import tempfile
import threading
import time
from importlib.util import find_spec
from pathlib import Path

import pooch
import pytest
from download_tools import CONTENT, HEADER, SHA256, files_in, use

from lecture_lib.datasets import downloads

MD5 = "md5:" + hashlib.md5(CONTENT).hexdigest()
PROCESSES = int(os.environ.get("LECTURE_PROCESSES", "8"))  # tried with 30


class Server(http.server.ThreadingHTTPServer):
    request_queue_size = 64
    daemon_threads = True


class Answers(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        kind = self.path.strip("/")
        if kind in ("404", "500"):
            return self.send_error(int(kind))
        if kind == "silent":
            time.sleep(1)
        self.send_response(200)
        if kind != "unannounced":
            self.send_header("Content-Length", str(len(CONTENT)))
        self.end_headers()
        self.wfile.write(
            {"wrong": CONTENT[::-1], "cut": CONTENT[:1000], "unannounced": CONTENT[:1000]}.get(
                kind, CONTENT
            )
        )

    def log_message(self, *_):
        pass


@pytest.fixture(scope="module")
def address():
    with Server(("127.0.0.1", 0), Answers) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
    # Connections that broke off are closed when they are collected, which warns: here, not in the
    # middle of a later test that allows no warning.
    gc.collect()


@pytest.fixture
def cache(tmp_path, monkeypatch, address):
    rows = [
        (kind, f"{address}/{kind}", SHA256, len(CONTENT))
        for kind in ("good", "wrong", "cut", "unannounced", "404", "500", "silent")
    ]
    rows += [
        ("either", f"{address}/good", f"{MD5}|sha256:{'0' * 64}", ""),
        ("folder/unhashed", f"{address}/good", "", len(CONTENT)),
    ]
    rows += [
        ("unhashed_cut", f"{address}/unannounced", "", len(CONTENT)),
        ("refused", "http://127.0.0.1:9/file", SHA256, ""),
    ]
    table = tmp_path / "table.tsv"
    table.write_text(HEADER + "".join("\t".join(map(str, row)) + "\tfree\n" for row in rows))
    for name in ("TABLE", "cache_folder"):
        monkeypatch.setattr(downloads, name, getattr(downloads, name))
    for name in ("LECTURE_DATA", "NO_PROXY"):
        monkeypatch.setenv(name, "")
    use(table, tmp_path / "cache")
    yield tmp_path / "cache"
    downloads._table.cache_clear()


@pytest.mark.parametrize("name", ["good", "either", "folder/unhashed"])
def test_a_file_arrives_once_and_is_then_served_without_a_network(cache, monkeypatch, name):
    assert not downloads.is_here(name)
    assert downloads.fetch(name) == cache / name
    assert (cache / name).read_bytes() == CONTENT and downloads.is_here(name)
    monkeypatch.setattr(pooch, "retrieve", None)
    assert downloads.fetch(name) == cache / name
    assert files_in(cache) == [Path(name).name]


@pytest.mark.parametrize(
    ("name", "error", "words"),
    [
        ("404", FileNotFoundError, "error 404"),
        ("500", FileNotFoundError, "error 500"),
        ("refused", FileNotFoundError, "no connection"),
        ("cut", FileNotFoundError, "broke off"),
        ("silent", FileNotFoundError, "said nothing for 0.2 seconds"),
        ("wrong", ValueError, "wrong checksum"),
        ("unannounced", ValueError, "wrong checksum"),
        ("unhashed_cut", ValueError, "not the right file"),
    ],
)
def test_a_failure_is_one_sentence_with_a_way_out_and_leaves_nothing(
    cache, monkeypatch, name, error, words
):
    monkeypatch.setattr(downloads, "TIMEOUT", 0.2 if name == "silent" else 10)
    with pytest.raises(error, match=words) as caught:
        downloads.fetch(name)
    sentence = str(caught.value)
    assert all(
        part in sentence
        for part in (name, downloads._table()[name]["url"], str(cache / name), "LECTURE_DATA")
    )
    assert "\n" not in sentence and sentence.endswith(".") and caught.value.__suppress_context__
    assert files_in(cache) == []


class FullDisk(io.RawIOBase):
    def write(self, _):
        raise OSError(errno.ENOSPC, "No space left on device")


def test_a_full_disk_is_said_and_leaves_nothing(cache, monkeypatch):
    monkeypatch.setattr(pooch.downloaders, "open", lambda *_: FullDisk(), raising=False)
    with pytest.raises(
        FileNotFoundError,
        match=rf"{re.escape(str(cache))} \(No space left.*XDG_CACHE_HOME.*LECTURE_DATA",
    ):
        downloads.fetch("good")
    assert files_in(cache) == []


def read_only(*_, **__):
    raise OSError(errno.EROFS, "Read-only file system")


@pytest.mark.parametrize("call", [(os, "makedirs"), (tempfile, "NamedTemporaryFile")])
def test_a_read_only_cache_is_said(cache, monkeypatch, call):
    monkeypatch.setattr(*call, read_only)
    with pytest.raises(
        FileNotFoundError,
        match=rf"{re.escape(str(cache))} \(Read-only.*XDG_CACHE_HOME.*LECTURE_DATA",
    ):
        downloads.fetch("good")


@pytest.mark.parametrize("name", ["good", "folder/unhashed"])
def test_a_damaged_file_in_the_cache_is_replaced(cache, name):
    (cache / name).parent.mkdir(parents=True)
    (cache / name).write_bytes(CONTENT[:-1])
    assert downloads.fetch(name).read_bytes() == CONTENT


@pytest.mark.parametrize("name", ["refused", "folder/unhashed"])
def test_the_folder_of_lecture_data_comes_first_and_needs_no_network(
    cache, tmp_path, monkeypatch, name
):
    monkeypatch.setenv("LECTURE_DATA", str(tmp_path / "own"))
    (tmp_path / "own" / name).parent.mkdir(parents=True)
    (tmp_path / "own" / name).write_bytes(CONTENT)
    assert downloads.is_here(name)
    assert downloads.fetch(name) == tmp_path / "own" / name
    assert not cache.exists()


def test_a_wrong_file_in_the_folder_of_lecture_data_is_named_and_kept(cache, tmp_path, monkeypatch):
    monkeypatch.setenv("LECTURE_DATA", str(tmp_path))
    (tmp_path / "good").write_bytes(b"mine")
    with pytest.raises(ValueError, match=re.escape(str(tmp_path / "good"))):
        downloads.fetch("good")
    assert (tmp_path / "good").read_bytes() == b"mine" and not cache.exists()


def test_a_large_file_is_hashed_once_and_again_only_when_it_changed(cache, monkeypatch):
    path, hashed = downloads.fetch("good"), []
    file_hash = pooch.file_hash
    monkeypatch.setattr(
        pooch,
        "file_hash",
        lambda *args, **options: hashed.append(args) or file_hash(*args, **options),
    )
    downloads.fetch("good"), downloads.fetch("good")
    assert len(hashed) == 1
    os.utime(path, (0, 0))
    downloads.fetch("good")
    assert len(hashed) == 2


def test_an_unknown_name_is_said(cache):
    assert not downloads.is_here("nothing")
    with pytest.raises(ValueError, match="'nothing' is not in the table"):
        downloads.fetch("nothing")


def fetch_together(table, cache, barrier, results):
    use(table, cache)
    barrier.wait(120)
    results.put(
        hashlib.md5(
            downloads.fetch("folder/unhashed").read_bytes() + downloads.fetch("good").read_bytes()
        ).hexdigest()
    )


def test_processes_that_fetch_the_same_file_at_once_all_get_it_whole(cache, count=PROCESSES):
    context = multiprocessing.get_context("spawn")
    barrier, results = context.Barrier(count), context.Queue()
    processes = [
        context.Process(target=fetch_together, args=(downloads.TABLE, cache, barrier, results))
        for _ in range(count)
    ]
    for process in processes:
        process.start()
    assert [results.get(timeout=180) for _ in processes] == count * [
        hashlib.md5(CONTENT + CONTENT).hexdigest()
    ]
    for process in processes:
        process.join()
    assert sorted(files_in(cache)) == ["good", "unhashed"]


def test_every_row_of_the_table_is_complete():
    for name, row in downloads._table().items():
        assert (
            row["url"].startswith("http")
            and row["license"]
            and not Path(name).is_absolute()
            and ".." not in name
        )
        assert all(
            re.fullmatch("sha256:[0-9a-f]{64}|md5:[0-9a-f]{32}", one)
            for one in row["hash"].split("|")
            if one
        )
        assert row["hash"] or row["bytes"]
    lines = downloads.TABLE.read_text().splitlines()
    assert (
        len(lines) - 1 == len(downloads.names()) and len(downloads.names("imagenet-samples/")) == 98
    )


def test_the_weights_of_keras_are_the_ones_keras_itself_would_download():
    folder = Path(find_spec("keras").origin).parent / "src" / "applications"
    source = "".join(path.read_text(encoding="utf-8") for path in folder.glob("*.py"))
    for name in downloads.names("keras/"):
        row = downloads._table()[name]
        assert row["hash"].removeprefix("md5:") in source
        assert (
            row["url"]
            .rsplit("/", 1)[0]
            .removeprefix("https://storage.googleapis.com/tensorflow/keras-applications/")
            in source
        )


@pytest.mark.skipif(
    not os.environ.get("LECTURE_DATA"), reason="LECTURE_DATA names no folder with the files"
)
def test_the_files_in_the_folder_of_lecture_data_have_the_checksums_of_the_table():
    here = [
        name for name in downloads.names() if (Path(os.environ["LECTURE_DATA"]) / name).is_file()
    ]
    assert [downloads.fetch(name).name for name in here] == [Path(name).name for name in here]
