import json
import subprocess
import sys

import pytest
import torch

from c2f import __main__ as command_line
from c2f import datasets, experiments, zoo
from c2f.datasets.pictures import DataSet
from c2f.records import read


@pytest.fixture
def c2f(monkeypatch, capsys):
    """Run the command line in this process; gives (exit status, standard output, standard error)."""

    def call(*arguments):
        monkeypatch.setattr(sys, "argv", ["c2f", *map(str, arguments)])
        try:
            command_line.main()
            status = 0
        except SystemExit as end:
            status = end.code if isinstance(end.code, int) else 1
        printed = capsys.readouterr()
        return status, printed.out, printed.err

    return call


@pytest.fixture
def few_pictures(monkeypatch):
    sample = datasets.load("fashion-mnist-sample")
    few = torch.arange(200)
    small = DataSet(sample.name, sample.train.select(few), sample.test.select(few))
    monkeypatch.setattr(experiments, "_load", lambda data, image_size: small)


def test_train_writes_a_record_and_weights_that_the_zoo_loads(c2f, few_pictures, tmp_path):
    status, out, _ = c2f(
        "train",
        "lenetfc",
        "fashion-mnist-sample",
        "--seeds",
        1,
        3,
        "--epochs",
        2,
        "--device",
        "cpu",
        "--output",
        tmp_path,
    )
    assert status == 0
    assert out.count("test accuracy") == 2
    assert "lenetfc--fashion-mnist-sample--seed3: epoch 2 of 2" in out
    record = read(tmp_path / "runs" / "lenetfc--fashion-mnist-sample.json")
    assert record.seeds == [1, 3]
    assert record.parameters["recipe"]["epochs"] == 2
    assert zoo.load("lenetfc", "fashion-mnist-sample", 3, tmp_path)(torch.zeros(1, 1, 28, 28)).shape == (1, 10)


def test_finished_seeds_are_left_out_until_asked_for(c2f, few_pictures, tmp_path):
    arguments = ("train", "lenetfc", "mnist", "--epochs", 1, "--device", "cpu", "--output", tmp_path, "--seeds", 0)
    c2f(*arguments)
    first = read(tmp_path / "runs" / "lenetfc--mnist.json")
    status, out, _ = c2f(*arguments, 1)
    assert status == 0
    assert "lenetfc--mnist--seed0: already in" in out
    assert "lenetfc--mnist--seed0: epoch" not in out
    assert read(tmp_path / "runs" / "lenetfc--mnist.json").runs[0] == first.runs[0]
    _, out, _ = c2f(*arguments, "--again")
    assert "lenetfc--mnist--seed0: epoch 1 of 1" in out
    status, _, err = c2f(*arguments, "--lr", 0.05)
    assert status == 2
    assert "recipe.lr 0.1 there and 0.05 here" in err


def test_torchrun_shares_the_seeds_out(c2f, few_pictures, tmp_path, monkeypatch):
    monkeypatch.setenv("RANK", "1")
    monkeypatch.setenv("WORLD_SIZE", "2")
    c2f("train", "lenetfc", "mnist", "--seeds", 0, 1, 2, "--epochs", 1, "--device", "cpu", "--output", tmp_path)
    assert read(tmp_path / "runs" / "lenetfc--mnist.json").seeds == [1]


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("train", "lenetfc_tdd", "mnist"), "did you mean 'lenetfc_td'?"),
        (("train", "lenetfc", "fashion-mist"), "did you mean 'fashion-mnist'?"),
        (("train", "lenetfc", "mnist", "--profile", "quik"), "did you mean 'quick'?"),
        (("train", "lenetfc", "mnist", "--recipe", "mnits"), "did you mean 'mnist'?"),
        (("train", "lenetfc", "mnist", "--epochs", 0), "epochs must be a whole number of at least 1, not 0"),
        (("train", "lenetfc", "mnist", "--lr", -0.1), "lr must be a number above 0, not -0.1"),
        (("train", "lenetfc", "mnist", "--device", "cuda:77"), "device 'cuda:77' cannot be used here"),
        (("train", "lenetfc", "fashion-mnist-sample", "--scaler", "gauss"), "unknown scaler 'gauss'"),
        (("train", "lenetfc", "fashion-mnist-sample", "--seeds", -1), "a seed is at least 0, not -1"),
        (("train", "lenetfc", "fashion-mnist-sample", "--augmentation", "flop"), "unknown augmentation 'flop'"),
        (("fetch",), "name the data sets to fetch, or give --list"),
        (("fetch", "mnits"), "did you mean 'mnist'?"),
        (("reference", "--only", "lenetfc_dt"), "unknown reference run 'lenetfc_dt'"),
        (("run", "77"), "77"),
        (("run", "1", "-p", "pitcure=3"), "did you mean 'picture'?"),
        (("run", "1", "-p", "picture=much"), "must be int"),
        (("book", "--profile", "papre"), "papre"),
    ],
)
def test_bad_arguments_are_named_before_any_work(c2f, arguments, said, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    status, _, err = c2f(*arguments)
    assert status == 2
    assert said in err
    assert "Traceback" not in err
    assert not list(tmp_path.rglob("*.json"))


def test_an_output_that_cannot_be_written(c2f, few_pictures, tmp_path):
    (tmp_path / "file").write_text("not a folder")
    status, _, err = c2f("train", "lenetfc", "mnist", "--epochs", 1, "--device", "cpu", "--output", tmp_path / "file")
    assert status == 2
    assert "Choose another folder" in err


def test_lists(c2f, tmp_path):
    status, out, _ = c2f("fetch", "--list")
    assert status == 0
    assert "fashion-mnist-sample" in out
    status, out, _ = c2f("reference", "--list", "--output", tmp_path)
    assert status == 0
    assert len(out.splitlines()) == len({line.split()[0] for line in out.splitlines()})
    assert "lenetfc_td--fashion-mnist--seed3" in out
    assert " done " not in out


def test_help_explains_every_option_of_train():
    command = [sys.executable, "-m", "c2f", "train", "--help"]
    text = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    words = " ".join(text.replace("│", " ").split())
    for part in (
        "passes over the training pictures",
        "learning rate at the start",
        "half of torch's",
        "pictures a step",
    ):
        assert part in words, part


def test_importing_the_package_is_quick_and_silent():
    program = "import sys, json, c2f; print(json.dumps([m for m in ('torch', 'matplotlib') if m in sys.modules]))"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert json.loads(done.stdout) == []
    assert done.stderr == ""
