"""Accuracy under corruption: counted by hand, interrupted, from disk, and compared with a baseline."""

import threading

import pytest
import torch
from PIL import Image

from c2f import corruptions
from c2f.datasets.pictures import Pictures
from c2f.experiments.corruptions.evaluation import OnTheFly, Scores, Tree, corruption_errors, evaluate, mce
from c2f.runs.parts import OutOfTime, PartialResults

KINDS = ("fog", "contrast")


def bright_or_dark(count=12, side=32):
    """Dark pictures of class 0, bright ones of class 1, with a little noise."""
    labels = torch.arange(count) % 2
    noise = torch.randint(0, 60, (count, 3, side, side), generator=torch.Generator().manual_seed(0))
    return Pictures((noise + 150 * labels[:, None, None, None]).to(torch.uint8), labels, ("dark", "bright"))


def threshold(level):
    """Answers as a network of two glimpses would: the first says bright, the second compares the mean with a level."""

    def answers(x):
        mean = x.mean(dim=(1, 2, 3))
        first, second = torch.stack([0 * mean, 0 * mean + 1], dim=1), torch.stack([level - mean, mean - level], dim=1)
        return torch.stack([first, second])

    return answers


def test_counts(tmp_path):
    pictures = bright_or_dark()
    scores = evaluate(threshold(0.4), OnTheFly(pictures, KINDS), PartialResults(tmp_path / "parts", {}))
    assert list(scores.correct) == ["fog", "contrast"]
    assert scores.pictures == 12
    assert scores.clean == [6, 12]
    assert scores.answers == 2
    for kind in KINDS:
        for severity in corruptions.SEVERITIES:
            x = corruptions.corrupt(pictures.images, kind, severity).float() / 255
            right = int(((x.mean(dim=(1, 2, 3)) > 0.4) == pictures.labels.bool()).sum())
            assert scores.correct[kind][severity - 1] == [6, right]
    assert scores.accuracy("contrast", 0) == [0.5] * 5
    assert scores.mean() == pytest.approx(sum(sum(scores.accuracy(kind)) for kind in KINDS) / 10)


def test_an_interrupted_evaluation_goes_on(tmp_path):
    source, path, calls = OnTheFly(bright_or_dark(), KINDS), tmp_path / "parts", []

    def failing(x):
        calls.append(len(x))
        if len(calls) == 5:
            raise KeyboardInterrupt
        return threshold(0.4)(x)

    with pytest.raises(KeyboardInterrupt):
        evaluate(failing, source, PartialResults(path, {"of": "this"}))
    assert len(PartialResults(path, {"of": "this"})) == 4
    scores = evaluate(failing, source, PartialResults(path, {"of": "this"}))
    assert len(calls) == 5 + 7
    assert scores == evaluate(threshold(0.4), source, PartialResults(tmp_path / "other", {}))
    assert len(PartialResults(path, {"of": "something else"})) == 0
    for file in PartialResults.files(path):
        file.write_bytes(file.read_bytes()[:50])
    assert len(PartialResults(path, {"of": "this"})) == 0
    with pytest.raises(OutOfTime, match="parts stopped before clean; run it again to go on"):
        evaluate(threshold(0.4), source, PartialResults(path, {}, deadline=0.0))


def test_two_threads_count_what_one_counts(tmp_path):
    source, seen = OnTheFly(bright_or_dark(), ("fog", "shot_noise", "elastic_transform", "jpeg_compression")), set()

    def watched(x):
        seen.add(threading.current_thread())
        return threshold(0.4)(x)

    one = evaluate(watched, source, PartialResults(tmp_path / "one", {}))
    assert seen == {threading.main_thread()}
    torch.set_num_threads(2)
    try:
        assert evaluate(watched, source, PartialResults(tmp_path / "two", {})) == one
    finally:
        torch.set_num_threads(1)
    assert len(seen) == 3


def write_tree(root, pictures):
    """Write pictures as ImageNet-C lies on disk, class by class."""
    made = {(kind, s): corruptions.corrupt(pictures.images, kind, s) for kind in KINDS for s in corruptions.SEVERITIES}
    made["clean", 0] = pictures.images
    for (kind, severity), images in made.items():
        folder = root / kind / str(severity) if severity else root / kind
        for i, image in enumerate(images):
            place = folder / pictures.classes[pictures.labels[i]] / f"{i:03d}.png"
            place.parent.mkdir(parents=True, exist_ok=True)
            Image.fromarray(image.permute(1, 2, 0).numpy()).save(place)


def test_a_tree_gives_what_corrupting_on_the_fly_gives(tmp_path):
    pictures = bright_or_dark(6)
    write_tree(tmp_path / "tree", pictures)
    fly = evaluate(threshold(0.4), OnTheFly(pictures, KINDS), PartialResults(tmp_path / "a.json", {}))
    tree = Tree(tmp_path / "tree", tmp_path / "tree" / "clean", KINDS, classes=["dark", "bright"])
    assert evaluate(threshold(0.4), tree, PartialResults(tmp_path / "b.json", {})) == fly
    without = evaluate(threshold(0.4), Tree(tmp_path / "tree", None, KINDS), PartialResults(tmp_path / "c.json", {}))
    assert without.clean is None
    # in alphabetical order bright comes first: every answer that compares is turned round
    assert without.correct["contrast"][0] == [3, 6 - fly.correct["contrast"][0][1]]
    next((tmp_path / "tree" / "fog" / "2" / "dark").iterdir()).unlink()
    with pytest.raises(ValueError, match=r"different numbers of pictures: \[5, 6\]"):
        evaluate(threshold(0.4), tree, PartialResults(tmp_path / "d.json", {}))


def test_a_tree_that_lacks_something_is_refused(tmp_path):
    write_tree(tmp_path, bright_or_dark(2))
    with pytest.raises(
        FileNotFoundError, match=r"has no folder gaussian_noise; there are: clean, contrast, fog\. Put it"
    ):
        Tree(tmp_path)
    (tmp_path / "contrast" / "3").rename(tmp_path / "contrast" / "three")
    with pytest.raises(FileNotFoundError, match="has no folder 3: each type has severities 1 to 5"):
        Tree(tmp_path, kinds=KINDS)
    (tmp_path / "contrast").rename(tmp_path / "contrasts")
    with pytest.raises(FileNotFoundError, match="did you mean 'contrasts'"):
        Tree(tmp_path, kinds=KINDS)
    with pytest.raises(FileNotFoundError, match="there is no folder"):
        Tree(tmp_path / "nothing")
    with pytest.raises(ValueError, match="did you mean 'contrast'"):
        OnTheFly(bright_or_dark(), ["contrasst"])


def test_mce_by_hand():
    network = Scores({"fog": [[9], [8], [7], [6], [5]], "snow": [[10], [10], [10], [10], [9]]}, 10, [10])
    baseline = Scores({"fog": [[8], [6], [4], [2], [0]], "snow": [[9], [9], [9], [9], [9]]}, 10, [10])
    assert corruption_errors(network, baseline) == pytest.approx({"fog": 1.5 / 3, "snow": 0.1 / 0.5})
    assert mce(network, baseline) == pytest.approx(0.35)
    assert mce(baseline, baseline) == 1
    with pytest.raises(ValueError, match="only one of network and baseline has snow"):
        mce(network, Scores({"fog": baseline.correct["fog"]}, 10, None))
    perfect = Scores({kind: [[10]] * 5 for kind in network.correct}, 10, None)
    with pytest.raises(ValueError, match="makes no error under fog"):
        mce(network, perfect)
