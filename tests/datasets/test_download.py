import errno
import gzip
import hashlib
import http.server
import io
import logging
import os
import shutil
import signal
import subprocess
import sys
import tarfile
import threading
import time
import zipfile
from dataclasses import replace

import pytest
import torch

from c2f import datasets
from c2f.datasets import download as module
from c2f.datasets import fetching
from c2f.datasets.download import DownloadError, download
from c2f.datasets.idx import write_idx
from c2f.datasets.registry import INFO
from c2f.datasets.row import Archive

CONTENT = bytes(range(256)) * 400  # 102,400 bytes
MD5 = hashlib.md5(CONTENT).hexdigest()


class Handler(http.server.BaseHTTPRequestHandler):
    """Serves ``server.files``; how badly is said by the server's other attributes."""

    protocol_version = "HTTP/1.1"

    def do_GET(self):
        server = self.server
        asked = self.headers.get("Range")
        server.requests.append((self.path, asked))
        if self.path in server.odd:
            self.close_connection = True
            return server.odd[self.path](self, asked)
        body = server.files.get(self.path)
        if body is None:
            return self.send_error(404)
        start = 0
        if asked and server.ranges:
            start = int(asked.removeprefix("bytes=").removesuffix("-"))
            if start >= len(body):
                return self.send_error(416)
            self.send_response(206)
            self.send_header("Content-Range", f"bytes {start}-{len(body) - 1}/{len(body)}")
        else:
            self.send_response(200)
        rest = body[start:]
        self.send_header("Content-Length", str(len(rest)))
        self.end_headers()
        if server.cuts:
            self.wfile.write(rest[: server.cuts.pop(0)])
            self.close_connection = True
        elif server.slow:
            for i in range(0, len(rest), 4096):
                self.wfile.write(rest[i : i + 4096])
                self.wfile.flush()
                time.sleep(server.slow)
        else:
            self.wfile.write(rest)

    def log_message(self, *arguments):
        pass


@pytest.fixture(autouse=True)
def environment():
    """Whoever runs the tests may have forbidden downloads, or have a proxy."""
    with pytest.MonkeyPatch.context() as patch:  # a test's own monkeypatch may be undone halfway
        patch.setenv("NO_PROXY", "127.0.0.1")
        patch.delenv("C2F_OFFLINE", raising=False)
        yield


@pytest.fixture
def server(monkeypatch):
    monkeypatch.setattr(module, "PAUSE", 0.0)
    httpd = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    httpd.files, httpd.requests, httpd.ranges, httpd.cuts, httpd.slow = {"/x": CONTENT}, [], True, [], 0.0
    httpd.odd = {}
    httpd.url = f"http://127.0.0.1:{httpd.server_port}"
    httpd.handle_error = lambda *a: None  # clients that are killed
    threading.Thread(target=httpd.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()
    yield httpd
    httpd.shutdown()
    httpd.server_close()


def get(server, path, *urls, md5=MD5, size=102_400):
    download([server.url + u for u in urls or ("/x",)], path, md5=md5, size=size)


def test_a_file_arrives_whole_with_one_summary_line(server, tmp_path, caplog, capsys):
    caplog.set_level(logging.INFO)
    get(server, tmp_path / "deep" / "x")
    assert (tmp_path / "deep" / "x").read_bytes() == CONTENT
    assert os.listdir(tmp_path / "deep") == ["x"]
    assert len([r for r in caplog.records if "downloaded x: 0.1 MB" in r.getMessage()]) == 1
    assert capsys.readouterr().err == ""  # no bar where nobody watches


def test_a_bar_is_shown_on_a_terminal(server, tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(module, "_someone_watches", lambda: True)
    get(server, tmp_path / "x")
    assert "100%" in capsys.readouterr().err


def test_a_cut_connection_is_taken_up_where_it_stopped(server, tmp_path):
    server.cuts = [50_000, 20_000]
    get(server, tmp_path / "x")
    assert (tmp_path / "x").read_bytes() == CONTENT
    assert [r for _, r in server.requests] == [None, "bytes=49152-", "bytes=65536-"]  # whole chunks are kept


def test_a_part_left_by_another_run_is_taken_up(server, tmp_path):
    (tmp_path / "x.part").write_bytes(CONTENT[:60_000])
    get(server, tmp_path / "x")
    assert (tmp_path / "x").read_bytes() == CONTENT
    assert server.requests == [("/x", "bytes=60000-")]


def test_a_whole_part_needs_no_server(server, tmp_path):
    (tmp_path / "x.part").write_bytes(CONTENT)
    get(server, tmp_path / "x")
    assert (tmp_path / "x").read_bytes() == CONTENT
    assert server.requests == []


def test_a_server_without_ranges_starts_again(server, tmp_path):
    server.ranges = False
    (tmp_path / "x.part").write_bytes(CONTENT[:60_000])
    get(server, tmp_path / "x")
    assert (tmp_path / "x").read_bytes() == CONTENT
    assert server.requests == [("/x", "bytes=60000-")]


@pytest.mark.parametrize("left", [b"old version" * 1000, CONTENT + b"too long"])
def test_a_part_of_another_version_is_dropped(server, tmp_path, left):
    (tmp_path / "x.part").write_bytes(left)
    get(server, tmp_path / "x")
    assert (tmp_path / "x").read_bytes() == CONTENT
    assert server.requests[-1] == ("/x", None)


def test_a_wrong_checksum_removes_what_came(server, tmp_path):
    with pytest.raises(DownloadError, match=f"md5 {MD5} instead of 0000"):
        get(server, tmp_path / "x", md5="0" * 32)
    assert os.listdir(tmp_path) == []


def test_mirrors_are_tried_in_turn(server, tmp_path):
    get(server, tmp_path / "x", "/gone", "/x")
    assert (tmp_path / "x").read_bytes() == CONTENT
    with pytest.raises(DownloadError, match=r"(?s)/gone: HTTP 404.*/away: HTTP 404.*online"):
        get(server, tmp_path / "y", "/gone", "/away")


def test_a_connection_cut_for_ever_gives_up_and_keeps_the_part(server, tmp_path):
    server.cuts = [5000] * 50
    with pytest.raises(DownloadError, match="cut again and again"):
        get(server, tmp_path / "x")
    assert (tmp_path / "x.part").read_bytes() == CONTENT[: 4096 * module.ATTEMPTS]


def raw(handler, head: str, body: bytes = b""):
    """Answer with these header lines and bytes, and close."""
    handler.wfile.write(f"HTTP/1.1 {head}\r\nConnection: close\r\n\r\n".encode() + body)


def test_a_server_that_cuts_and_then_gives_wrong_bytes_is_asked_twice_and_left_for_a_mirror(server, tmp_path):
    def answer(handler, asked):
        if asked:
            raw(
                handler,
                f"206 Partial Content\r\nContent-Range: {asked.replace('=', ' ')}102399/102400",
                CONTENT[40_960:],
            )
        else:
            raw(handler, "200 OK\r\nContent-Length: 102400", bytes(40_960))

    server.odd["/bad"] = answer
    get(server, tmp_path / "x", "/bad", "/x")
    assert (tmp_path / "x").read_bytes() == CONTENT
    rest = ("/bad", "bytes=40960-")
    assert server.requests == [("/bad", None), rest, ("/bad", None), rest, ("/x", None)]


def test_no_more_is_taken_than_the_file_has(server, tmp_path):
    sent = []

    def endless(handler, asked):
        raw(handler, "200 OK")
        for _ in range(10_000):
            handler.wfile.write(CONTENT)
            sent.append(len(CONTENT))

    server.odd = {
        "/endless": endless,
        "/large": lambda handler, asked: raw(handler, "200 OK\r\nContent-Length: 999999999", CONTENT),
    }
    with pytest.raises(
        DownloadError, match=r"(?s)more came than the 102,400 .*announces 999,999,999 bytes, the file has"
    ):
        get(server, tmp_path / "x", "/endless", "/large")
    assert sum(sent) < 10_000 * len(CONTENT)
    assert os.listdir(tmp_path) == []


@pytest.mark.parametrize("length", ["abc", "-5", "5, 5", "9" * 5000])
def test_odd_lengths_go_on_to_the_mirror(server, tmp_path, length):
    server.odd["/odd"] = lambda handler, asked: raw(handler, f"200 OK\r\nContent-Length: {length}", CONTENT)
    get(server, tmp_path / "x", "/odd", "/x")
    assert (tmp_path / "x").read_bytes() == CONTENT
    with pytest.raises(DownloadError, match=r"/odd: it announces '[^']{1,40}' bytes, which is no number"):
        get(server, tmp_path / "y", "/odd")


def test_a_small_file_begins_again_within_the_same_call(server, tmp_path):
    server.files["/small"] = CONTENT[:3000]
    server.cuts = [0, 2000]
    get(server, tmp_path / "x", "/small", md5=hashlib.md5(CONTENT[:3000]).hexdigest(), size=3000)
    assert (tmp_path / "x").read_bytes() == CONTENT[:3000]
    assert len(server.requests) == 3


def test_the_message_agrees_with_what_was_done(server, tmp_path):
    with pytest.raises(DownloadError, match="what came was removed") as raised:
        get(server, tmp_path / "x", md5="0" * 32)
    assert "kept" not in str(raised.value)
    server.cuts = [50_000] * module.ATTEMPTS
    server.ranges = False
    with pytest.raises(DownloadError, match="What has come so far is kept"):
        get(server, tmp_path / "x")
    assert (tmp_path / "x.part").stat().st_size == 49_152


def test_no_network_is_said_at_once(tmp_path):
    start = time.monotonic()
    with pytest.raises(DownloadError, match=r"no connection \(.*refused.*\)"):
        download(["http://127.0.0.1:9/x"], tmp_path / "x", md5=MD5, size=10)
    assert time.monotonic() - start < 2


@pytest.mark.parametrize("value", ["1", "true"])
def test_offline_forbids_downloads(server, tmp_path, monkeypatch, value):
    monkeypatch.setenv("C2F_OFFLINE", value)
    with pytest.raises(DownloadError, match=r"C2F_OFFLINE forbids.*put the file from"):
        get(server, tmp_path / "x")
    assert server.requests == []
    monkeypatch.setenv("C2F_OFFLINE", "0")
    get(server, tmp_path / "x")


def test_a_folder_that_cannot_be_made(server, tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(PermissionError, match=r"cannot write into .*file/sub.*C2F_DATA"):
        get(server, tmp_path / "file" / "sub" / "x")
    assert server.requests == []


def test_a_folder_that_cannot_be_written(server, tmp_path, monkeypatch):
    monkeypatch.setattr(os, "access", lambda *a: False)
    with pytest.raises(PermissionError, match="permission denied"):
        get(server, tmp_path / "x")


def test_a_disk_too_small_is_said_before_anything_is_asked(server, tmp_path, monkeypatch):
    monkeypatch.setattr(shutil, "disk_usage", lambda p: shutil._ntuple_diskusage(10**9, 10**9, 5 * 10**6))
    with pytest.raises(OSError, match=r"248.1 MB are needed, 5.0 MB are free.*C2F_DATA") as raised:
        get(server, tmp_path / "x", size=248_100_043)
    assert raised.value.errno == errno.ENOSPC
    assert server.requests == []


def test_a_disk_that_fills_up_keeps_the_part(server, tmp_path, monkeypatch):
    class Full(io.FileIO):
        def write(self, data):
            if self.tell() >= 40_960:
                raise OSError(errno.ENOSPC, "No space left on device")
            return super().write(data)

    with monkeypatch.context() as patch:
        patch.setattr(module, "open", lambda p, m: Full(p, m.replace("b", "")), raising=False)
        with pytest.raises(OSError, match=r"x.part stopped at 0.0 MB") as raised:
            get(server, tmp_path / "x")
    assert raised.value.errno == errno.ENOSPC
    get(server, tmp_path / "x")
    assert server.requests[-1] == ("/x", "bytes=40960-")


def test_a_killed_download_leaves_no_file_and_goes_on(server, tmp_path):
    server.slow = 0.2
    code = f"""
from pathlib import Path
from c2f.datasets import download as d
d.download(["{server.url}/x"], Path({str(tmp_path)!r}) / "x", md5={MD5!r}, size=102_400)
"""
    process = subprocess.Popen([sys.executable, "-c", code])
    part = tmp_path / "x.part"
    while not (part.exists() and part.stat().st_size > 10_000):
        time.sleep(0.02)
        assert process.poll() is None
    process.send_signal(signal.SIGKILL)
    process.wait()
    have = part.stat().st_size
    assert os.listdir(tmp_path) == ["x.part"]
    assert 10_000 < have < len(CONTENT)
    server.slow = 0.0
    get(server, tmp_path / "x")
    assert (tmp_path / "x").read_bytes() == CONTENT
    assert server.requests[-1] == ("/x", f"bytes={have}-")


# fetch: whole data sets


def idx_archives(server):
    """Put a tiny MNIST (12 + 5 pictures of 4x4) on the server; return its row."""
    archives, sums = [], {}
    for name, n in (("train", 12), ("t10k", 5)):
        for kind, array in (
            ("images-idx3", torch.arange(n * 16).reshape(n, 4, 4).to(torch.uint8)),
            ("labels-idx1", torch.arange(n).to(torch.uint8) % 10),
        ):
            plain = write_idx(array)
            packed = gzip.compress(plain)
            sums[f"{name}-{kind}-ubyte"] = hashlib.sha256(plain).hexdigest()
            server.files[f"/{name}-{kind}-ubyte.gz"] = packed
            url = f"{server.url}/{name}-{kind}-ubyte.gz"
            archives.append(Archive(url.rpartition("/")[2], (url,), hashlib.md5(packed).hexdigest(), len(packed)))
    return replace(INFO["mnist"], archives=tuple(archives), unpacked=10_000, train=12, test=5, sha256=sums)


@pytest.fixture
def mnist(server, monkeypatch):
    monkeypatch.setitem(INFO, "mnist", idx_archives(server))
    return server


def test_fetch_then_load(mnist, tmp_path, caplog):
    caplog.set_level(logging.INFO)
    with pytest.raises(FileNotFoundError, match="Run `c2f fetch mnist`, or set C2F_DATA"):
        datasets.load("mnist", root=tmp_path)
    folder = datasets.fetch("mnist", tmp_path)
    assert folder == tmp_path / "MNIST" / "raw"
    assert sorted(os.listdir(folder)) == sorted(INFO["mnist"].files)  # plain files, no archives, no parts
    assert "Licence: CC BY-SA 3.0" in caplog.text
    data = datasets.load("mnist", root=tmp_path)
    assert data.train.images.shape == (12, 1, 4, 4)
    assert data.train.images.flatten()[:192].tolist() == list(range(192))
    assert len(mnist.requests) == 4
    assert datasets.fetch("mnist", tmp_path) == folder  # there already
    assert len(mnist.requests) == 4


def test_fetch_asks_only_for_what_is_missing(mnist, tmp_path):
    folder = datasets.fetch("mnist", tmp_path)
    (folder / "t10k-labels-idx1-ubyte").unlink()
    datasets.fetch("mnist", tmp_path)
    assert [path for path, _ in mnist.requests[4:]] == ["/t10k-labels-idx1-ubyte.gz"]


def test_what_a_killed_fetch_left_is_taken_up_and_removed(mnist, tmp_path):
    folder = tmp_path / "MNIST" / "raw"
    folder.mkdir(parents=True)
    names = [archive.name for archive in INFO["mnist"].archives]
    (folder / f"{names[0]}.fetched").write_bytes(mnist.files["/" + names[0]])  # whole, not yet unpacked
    (folder / f"{names[1]}.fetched").write_bytes(b"another version")
    (folder / f".{names[2].removesuffix('.gz')}.abc.part").write_bytes(b"half unpacked")
    datasets.fetch("mnist", tmp_path)
    assert [path for path, _ in mnist.requests] == [f"/{name}" for name in names[1:]]
    assert sorted(os.listdir(folder)) == sorted(INFO["mnist"].files)
    (folder / f"{names[0]}.fetched").write_bytes(b"")  # killed between unpacking and removing
    (folder / names[1]).write_bytes(b"put there by hand")
    datasets.fetch("mnist", tmp_path)
    assert sorted(os.listdir(folder)) == sorted([*INFO["mnist"].files, names[1]])
    assert len(mnist.requests) == 3


def test_a_folder_in_the_place_of_a_file_is_said_before_the_download(mnist, tmp_path):
    (tmp_path / "MNIST" / "raw" / "train-labels-idx1-ubyte").mkdir(parents=True)
    with pytest.raises(FileExistsError, match=r"train-labels-idx1-ubyte is there but lacks .*Move it away"):
        datasets.fetch("mnist", tmp_path)
    assert mnist.requests == []


def test_two_at_once_download_once(mnist, tmp_path):
    mnist.slow = 0.05
    threads = [threading.Thread(target=datasets.fetch, args=("mnist", tmp_path)) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(mnist.requests) == 4
    assert len(datasets.load("mnist", root=tmp_path).test) == 5


def test_fetch_offline_says_what_to_put_where_and_takes_it(mnist, tmp_path, monkeypatch):
    monkeypatch.setenv("C2F_OFFLINE", "1")
    with pytest.raises(DownloadError, match=r"(?s)C2F_OFFLINE.*MNIST/raw yourself.*train-images-idx3-ubyte.gz"):
        datasets.fetch("mnist", tmp_path)
    assert mnist.requests == []
    folder = tmp_path / "MNIST" / "raw"
    folder.mkdir(parents=True)
    for archive in INFO["mnist"].archives:
        (folder / archive.name).write_bytes(mnist.files["/" + archive.name])
    datasets.fetch("mnist", tmp_path)
    assert len(datasets.load("mnist", root=tmp_path).train) == 12


def pack_zip(files):
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return packed.getvalue()


def pack_tar(files):
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w:gz") as archive:
        for name, content in files.items():
            member = tarfile.TarInfo(name)
            member.size = len(content)
            archive.addfile(member, io.BytesIO(content))
    return packed.getvalue()


TREE = {f"pets/{part}/{c}/1.png": b"picture" for part in ("train", "test") for c in ("cat", "dog")}


def pets(server, monkeypatch, content, name="pets.zip"):
    server.files["/" + name] = content
    row = replace(
        INFO["cifar10-jpeg"],
        name="pets",
        folder="pets",
        archives=(Archive(name, (f"{server.url}/{name}",), hashlib.md5(content).hexdigest(), len(content)),),
        by_hand="",
    )
    monkeypatch.setitem(INFO, "pets", row)


@pytest.mark.parametrize("pack", [pack_zip, pack_tar])
def test_an_archive_becomes_a_folder_in_one_step(server, monkeypatch, tmp_path, pack):
    pets(server, monkeypatch, pack(TREE))
    (tmp_path / ".pets.unpacking" / "pets" / "old").mkdir(parents=True)  # of a run that was killed
    folder = datasets.fetch("pets", tmp_path)
    assert folder == tmp_path / "pets"
    assert sorted(str(p.relative_to(tmp_path)) for p in folder.rglob("*.png")) == sorted(TREE)
    assert not (folder / "old").exists()
    assert sorted(p.name for p in tmp_path.iterdir() if p.suffix != ".lock") == ["pets"]


def test_a_run_stopped_while_unpacking_leaves_nothing_that_looks_whole(server, monkeypatch, tmp_path):
    pets(server, monkeypatch, pack_zip(TREE))

    def stopped(archive, target):
        archive.extract("pets/train/cat/1.png", target)
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(zipfile.ZipFile, "extractall", stopped)
        with pytest.raises(KeyboardInterrupt):
            datasets.fetch("pets", tmp_path)
    assert not (tmp_path / "pets").exists()
    asked = len(server.requests)
    datasets.fetch("pets", tmp_path)
    assert len(server.requests) == asked  # the archive was there


@pytest.mark.parametrize("pack", [pack_zip, pack_tar])
@pytest.mark.parametrize("name", ["../evil.txt", "pets/../../evil.txt", "ROOT/evil.txt"])
def test_archives_cannot_write_elsewhere(server, monkeypatch, tmp_path, pack, name):
    root = tmp_path / "root"
    name = name.replace("ROOT", str(tmp_path))
    pets(server, monkeypatch, pack({**TREE, name: b"evil"}))
    if pack is pack_tar and name.startswith("/"):
        datasets.fetch("pets", root)  # tarfile's own filter takes the leading slash off
    else:
        with pytest.raises(ValueError, match="would write outside of its folder"):
            datasets.fetch("pets", root)
        assert not (root / "pets").exists()
    assert not (tmp_path / "evil.txt").exists()


def test_an_archive_of_something_else(server, monkeypatch, tmp_path):
    pets(server, monkeypatch, pack_zip({"pets/train/cat/1.png": b""}))
    with pytest.raises(ValueError, match=r"pets.zip.fetched does not hold.*: test not in it"):
        datasets.fetch("pets", tmp_path)
    assert not (tmp_path / "pets").exists()


@pytest.mark.parametrize("pack", [pack_zip, pack_tar])
def test_damaged_archives(server, monkeypatch, tmp_path, pack):
    content = pack(TREE)
    pets(server, monkeypatch, content[: len(content) // 2])
    with pytest.raises(ValueError, match="is damaged"):
        datasets.fetch("pets", tmp_path)
    (tmp_path / "train.gz").write_bytes(gzip.compress(CONTENT)[:-20])
    with pytest.raises(ValueError, match=r"train.gz is damaged"):
        fetching.unpack_gz(tmp_path / "train.gz", tmp_path / "train")
    assert not (tmp_path / "train").exists()


def test_an_archive_put_there_by_hand_is_checked(server, monkeypatch, tmp_path):
    pets(server, monkeypatch, pack_zip(TREE))
    (tmp_path / "pets.zip").write_bytes(b"something else")
    with pytest.raises(ValueError, match=r"pets.zip is damaged or another version: md5"):
        datasets.fetch("pets", tmp_path)
    (tmp_path / "pets.zip").write_bytes(server.files["/pets.zip"])
    datasets.fetch("pets", tmp_path)
    assert sorted(p.name for p in tmp_path.iterdir() if p.suffix != ".lock") == ["pets", "pets.zip"]
    assert server.requests == []


def test_a_folder_that_is_not_whole_is_left_alone(server, monkeypatch, tmp_path):
    pets(server, monkeypatch, pack_zip(TREE))
    (tmp_path / "pets" / "train").mkdir(parents=True)
    with pytest.raises(FileExistsError, match=r"pets is there but lacks test\. Move it away"):
        datasets.fetch("pets", tmp_path)
    assert (tmp_path / "pets" / "train").is_dir()
    assert server.requests == []


def test_what_cannot_be_fetched(tmp_path):
    with pytest.raises(FileNotFoundError, match="no public home: put the pictures into"):
        datasets.fetch("cifar10-jpeg", tmp_path)
    with pytest.raises(ValueError, match="nothing to fetch"):
        datasets.fetch("folder:pets", tmp_path)
    with pytest.raises(ValueError, match="did you mean 'tiny-imagenet'"):
        datasets.fetch("tiny-imagnet", tmp_path)
    assert datasets.fetch("fashion-mnist-sample", tmp_path).name == "fashion-mnist-sample"


def test_a_bar_in_a_notebook_and_on_a_terminal_only(monkeypatch):
    class Shell:
        kernel = object()

    class IPython:
        @staticmethod
        def get_ipython():
            return Shell()

    monkeypatch.setattr(sys, "stderr", io.StringIO())
    monkeypatch.delitem(sys.modules, "IPython", raising=False)
    assert not module._someone_watches()
    monkeypatch.setitem(sys.modules, "IPython", IPython)
    assert module._someone_watches()
