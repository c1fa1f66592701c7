import hashlib
import os
import signal
import stat
import subprocess
import sys

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from safetensors.torch import save_file

from c2f.common.files import atomic_path, check_writable, make_link, remove_orphans, seal, sealed, sha256, write_text


def test_what_is_written_appears_whole_at_the_end(tmp_path):
    path = tmp_path / "deep" / "er" / "file.bin"
    with atomic_path(path) as temporary:
        temporary.write_bytes(b"new")
        assert temporary.parent == path.parent  # the same disk, so that replacing is one step
        assert not path.exists()
    assert path.read_bytes() == b"new"
    assert os.listdir(path.parent) == ["file.bin"]


@pytest.mark.skipif(os.name == "nt", reason="an open file cannot be replaced there")
def test_who_reads_meanwhile_reads_the_old_file_whole(tmp_path):
    path = tmp_path / "file.txt"
    path.write_text("old")
    with open(path) as reader:
        write_text(path, "new and longer")
        assert reader.read() == "old"
    assert path.read_text() == "new and longer"


@pytest.mark.parametrize("error", [ValueError, KeyboardInterrupt, SystemExit])
def test_a_failure_leaves_what_was_there(tmp_path, error):
    path = tmp_path / "file.txt"
    path.write_text("old")

    def half_way(path):
        with atomic_path(path) as temporary:
            temporary.write_text("half")
            raise error

    with pytest.raises(error):
        half_way(path)
    with pytest.raises(error):
        half_way(tmp_path / "another.txt")
    assert path.read_text() == "old"
    assert os.listdir(tmp_path) == ["file.txt"]


def test_others_may_read_what_the_user_lets_them(tmp_path):
    umask = os.umask(0o027)
    try:
        write_text(tmp_path / "file", "x")
    finally:
        os.umask(umask)
    assert stat.S_IMODE((tmp_path / "file").stat().st_mode) == 0o640
    assert os.umask(umask) == umask


def test_text_is_utf_8(tmp_path):
    write_text(tmp_path / "file", "Grüße, ∑\n")
    assert (tmp_path / "file").read_bytes() == "Grüße, ∑\n".encode()


def test_a_folder_that_is_a_file_is_refused_with_the_remedy(tmp_path):
    (tmp_path / "file").write_text("")
    for path in (tmp_path / "file" / "x.json", tmp_path / "file" / "deeper" / "x.json"):
        with pytest.raises(PermissionError, match=r"cannot write 'x\.json' into .*file.*Choose another folder or mend"):
            write_text(path, "")


def test_a_folder_is_tried_before_the_work(tmp_path):
    check_writable(tmp_path / "new")
    assert os.listdir(tmp_path / "new") == []
    (tmp_path / "file").write_text("")
    with pytest.raises(PermissionError, match="Choose another folder or mend this one"):
        check_writable(tmp_path / "file")


def test_a_checksum_is_that_of_the_bytes(tmp_path):
    (tmp_path / "abc").write_bytes(b"abc")
    assert sha256(tmp_path / "abc") == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
    large = bytes(range(256)) * 5000
    (tmp_path / "large").write_bytes(large)
    assert sha256(tmp_path / "large") == hashlib.sha256(large).hexdigest()


@pytest.fixture
def small_files_only():
    resource = pytest.importorskip("resource")
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (2000, before[1]))
    yield
    resource.setrlimit(resource.RLIMIT_FSIZE, before)


@pytest.mark.usefixtures("small_files_only")
@pytest.mark.parametrize(
    "write",
    [
        lambda path: path.write_bytes(b"x" * 5000),
        lambda path: save_file({"x": torch.zeros(5000)}, path),
        lambda path: torch.save({"x": torch.zeros(5000)}, path),
    ],
    ids=["bytes", "safetensors", "torch"],
)
def test_a_write_that_fails_says_what_to_do_and_loses_nothing(tmp_path, write):
    path = tmp_path / "file"
    path.write_text("old")

    def too_much():
        with atomic_path(path) as temporary:
            write(temporary)

    with pytest.raises(OSError, match=r"cannot write 'file' into .*: .* MiB are free there; make room .* choose"):
        too_much()
    assert path.read_text() == "old"
    assert os.listdir(tmp_path) == ["file"]


def test_what_a_killed_writer_left_is_removed_and_a_living_one_s_is_not(tmp_path):
    code = (
        "import os, signal, sys; from pathlib import Path; from c2f.common.files import atomic_path\n"
        "with atomic_path(Path(sys.argv[1])) as temporary:\n"
        "    temporary.write_text('half'); os.kill(os.getpid(), signal.SIGKILL)"
    )
    killed = subprocess.run([sys.executable, "-c", code, str(tmp_path / "a.pt")])
    assert killed.returncode == -signal.SIGKILL
    assert len(os.listdir(tmp_path)) == 1
    (tmp_path / ".mine.part").touch()
    with atomic_path(tmp_path / "b.pt") as temporary:
        remove_orphans(tmp_path)
        assert {path.name for path in tmp_path.iterdir()} == {temporary.name, ".mine.part"}


@given(content=st.binary(max_size=60), where=st.floats(0, 1, exclude_max=True), bit=st.integers(0, 7))
def test_every_flipped_bit_of_a_sealed_file_is_seen(tmp_path_factory, content, where, bit):
    path = tmp_path_factory.getbasetemp() / "sealed"
    path.write_bytes(content)
    seal(path)
    assert sealed(path) == content
    damaged = bytearray(path.read_bytes())
    damaged[int(where * len(damaged))] ^= 1 << bit
    for wrong in (bytes(damaged), path.read_bytes()[:-1], content):
        path.write_bytes(wrong)
        with pytest.raises(ValueError, match="sealed is damaged: its checksum does not fit"):
            sealed(path)


def test_text_has_the_same_bytes_on_every_system(tmp_path, monkeypatch):
    monkeypatch.setattr(os, "linesep", "\r\n")
    write_text(tmp_path / "file.txt", "a\nb\n")
    assert (tmp_path / "file.txt").read_bytes() == b"a\nb\n"


def test_who_may_not_make_links_is_told_what_to_do(tmp_path, monkeypatch):
    def refused(*arguments, **options):
        error = OSError(22, "A required privilege is not held by the client")
        error.winerror = 1314
        raise error

    make_link(tmp_path / "link", tmp_path)
    assert (tmp_path / "link").samefile(tmp_path)
    monkeypatch.setattr(os, "symlink", refused)
    with pytest.raises(PermissionError, match="developer mode"):
        make_link(tmp_path / "other", tmp_path)
