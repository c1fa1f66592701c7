import hashlib
import os
import stat

import pytest

from c2f.common.files import atomic_path, check_writable, sha256, write_text


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


@pytest.mark.parametrize("error", [RuntimeError, KeyboardInterrupt, SystemExit])
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
