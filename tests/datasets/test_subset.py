import pytest

from c2f.datasets.streaming import StreamedBatches
from c2f.datasets.subset import LISTS, link_subset, read_wnids

WNIDS = ["n01443537", "n02056570", "n02099601"]


@pytest.fixture
def tree(tmp_path):
    from PIL import Image

    for part in ("train", "val"):
        for wnid in WNIDS:
            (tmp_path / "imagenet" / part / wnid).mkdir(parents=True)
            Image.new("RGB", (8, 8), (1, 2, 3)).save(tmp_path / "imagenet" / part / wnid / "a.JPEG")
    return tmp_path / "imagenet"


def test_the_lists_that_come_with_the_book():
    animals = read_wnids("animals398")
    assert len(animals) == 398
    assert len(read_wnids("imagenet100")) == 100
    assert animals[0] == "n01440764"
    assert (LISTS / "animals398.txt").is_file()


def test_a_subset_is_made_of_links_that_the_readers_follow(tree, tmp_path):
    made = link_subset(tree, WNIDS[1:], tmp_path / "some")
    assert (made.classes, made.parts) == (2, ("train", "val"))
    assert all(path.is_symlink() for path in (tmp_path / "some").glob("*/*"))
    assert StreamedBatches(tmp_path / "some" / "train", 1).classes == tuple(WNIDS[1:])
    assert link_subset(tree, WNIDS[1:], tmp_path / "some") == made  # again: nothing to do
    with pytest.raises(ValueError, match=f"holds something else .*{WNIDS[2]}"):
        link_subset(tree, WNIDS[:2], tmp_path / "some")


def test_what_is_missing_is_named_before_anything_is_made(tree, tmp_path):
    out = tmp_path / "out"
    with pytest.raises(FileNotFoundError, match=r"train lacks 1 of 2 classes .it has 3 class folders.: n09999999"):
        link_subset(tree, [WNIDS[0], "n09999999"], out)
    (tree / "val" / WNIDS[1] / "a.JPEG").unlink()
    with pytest.raises(FileNotFoundError, match=f"val has no pictures of 1 of 3 classes: {WNIDS[1]}"):
        link_subset(tree, WNIDS, out)
    with pytest.raises(FileNotFoundError, match="must hold the folders train and test"):
        link_subset(tmp_path, WNIDS, out)
    with pytest.raises(ValueError, match="give a list of WordNet numbers"):
        link_subset(tree, "n01443537", out)
    assert not out.exists()


def test_bad_lists_say_what_is_wrong(tmp_path):
    with pytest.raises(FileNotFoundError, match="did you mean 'animals398'"):
        read_wnids("animal398")
    path = tmp_path / "list.txt"
    for text, said in (
        ("n01443537\ngoldfish\n", "line 2: 'goldfish' is no WordNet number"),
        ("\n", "holds no WordNet number"),
        ("n01443537\nn01443537\n", "n01443537 more than once"),
    ):
        path.write_text(text)
        with pytest.raises(ValueError, match=said):
            read_wnids(path)
