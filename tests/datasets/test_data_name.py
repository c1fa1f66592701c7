import os

import pytest

from c2f.datasets.data_name import DataName
from c2f.runs.folder import run_name


@pytest.fixture
def here(tmp_path, monkeypatch):
    (tmp_path / "en").mkdir()
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_a_name_of_the_table_is_its_own():
    assert DataName.parse("mnist") == DataName("mnist")
    assert DataName.parse("canvas-mnist").on_canvas
    assert not DataName.parse("mnist").on_canvas


def test_the_same_folder_is_the_same_name_however_it_is_spelt(here):
    spelt = ["folder:en", "folder:./en", "folder:en/", f"folder:{here}/en", "folder:en/../en"]
    assert {DataName.parse(text).text for text in spelt} == {"folder:en"}
    assert DataName.parse(f"folder:{os.sep}elsewhere").text == "folder:/elsewhere"
    assert DataName.parse("folder:../other").text == f"folder:{here.parent / 'other'}"


def test_file_names_tell_both_folders(here):
    assert run_name("lenetfc", "folder:Über uns") == "lenetfc--folder--ber-uns"
    assert run_name("lenetfc", "folder:.") == f"lenetfc--folder-{here.name.lower()}"
    assert run_name("lenetfc", "folder:a/train::b/held-out") == "lenetfc--folder-train-held-out"


@pytest.mark.parametrize("text", ["folder:", "folder:a::b::c", "folder:a::"])
def test_a_name_without_paths_is_refused(text):
    with pytest.raises(ValueError, match="must be folder:PATH or folder:TRAIN_PATH::TEST_PATH"):
        DataName.parse(text)
