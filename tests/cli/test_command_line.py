import json
import os
import re
import subprocess
import sys

import pytest
import torch

from c2f import zoo
from c2f.experiments.robustness import records as attack_records
from c2f.runs.record import Run, read
from c2f.training import speed


@pytest.fixture
def few_pictures(few_of_the_sample):
    few_of_the_sample("fashion-mnist-sample", train=200, test=200)


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
    assert zoo.load("lenetfc", "fashion-mnist-sample", 3, tmp_path).network(torch.zeros(1, 1, 28, 28)).shape == (1, 10)


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


def test_attack_records_each_attack_and_says_in_a_line_what_it_did(c2f, few_pictures, tmp_path):
    arguments = ("attack", "lenetfc", "fashion-mnist", "--attacks", "contrast", "shifts", "--pictures", 20)
    arguments += ("--seeds", 0, 1, "--device", "cpu", "--output", tmp_path)
    status, out, _ = c2f(*arguments)
    assert status == 0
    first, *_, last = out.splitlines()
    values = read(tmp_path / "runs" / "lenetfc--fashion-mnist--contrast--minimal.json").runs[0].values
    assert first.startswith("lenetfc--fashion-mnist--contrast--minimal--seed0: accuracy ")
    assert f"{values['success_rate']:.1f} % turned, 50 points lost at L2 {values['l2_at_50']:.3f}; " in first
    assert out.count(" verified") == 4
    assert last == f"records, attacks/ (results picture by picture) and adversarial/ (the pictures) in {tmp_path}"
    record = tmp_path / "runs" / "lenetfc--fashion-mnist--shifts--minimal.json"
    assert read(record).seeds == [0, 1]
    stamp = record.read_bytes()
    lines = [f"{line} (already in {tmp_path}; --again does it anew)" for line in out.splitlines()[:-1]]
    assert c2f(*arguments)[1].splitlines() == [*lines, last]
    assert record.read_bytes() == stamp
    status, _, err = c2f(*arguments, "--restarts", 2)
    assert status == 2
    assert "repetitions 3 there and 2 here; choose another folder" in err
    status, out, _ = c2f("attack", "lenetfc", "fashion-mnist", "--attacks", "contrast", "--pictures", "all",
                         "--protocol", "paper", "--device", "cpu", "--output", tmp_path)  # fmt: skip
    assert read(tmp_path / "runs" / "lenetfc--fashion-mnist--contrast--paper--all.json").parameters["pictures"] == 200


def test_attack_says_so_where_there_was_nothing_to_attack_or_nothing_was_found():
    details = {"refuted": 2, "verified": 0}
    run = Run(0, {"clean_accuracy": 0.0, "points_lost": 0.0}, details, {})
    assert (
        attack_records.summary_line("a", run)
        == "a: no picture was classified correctly, so there was nothing to attack"
    )
    run = Run(0, {"clean_accuracy": 0.9, "points_lost": 0.0, "success_rate": 0.0}, details, {})
    assert attack_records.summary_line("a", run) == (
        "a: accuracy 90.0 %, of that 0.0 % turned, 50 points are never lost; 0 verified; 2 claims refuted"
    )


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
        (
            ("train", "lenetfc", "fashion-mnist-sample", "--seeds", -1),
            "seed must be a whole number of at least 0, not -1",
        ),
        (("train", "lenetfc", "fashion-mnist-sample", "--augmentation", "flop"), "unknown augmentation 'flop'"),
        (("attack", "lenetfc_dt", "mnist"), "did you mean 'lenetfc_td'?"),
        (("attack", "lenetfc", "mnist", "--attacks", "contrast", "blurr"), "unknown attack 'blurr'"),
        (("attack", "lenetfc", "mnist", "--protocol", "papre"), "did you mean 'paper'?"),
        (("attack", "lenetfc", "mnist", "--pictures", 0), "pictures must be a whole number of at least 1, not 0"),
        (("attack", "lenetfc", "mnist", "--pictures", "some"), "some"),
        (("attack", "lenetfc", "mnist", "--restarts", 0), "restarts must be a whole number of at least 1"),
        (("attack", "lenetfc", "mnist", "--seeds", 77), "lenetfc--mnist has no weights of seed 77"),
        (("attack", "lenetfc", "cifar10"), "make it with `c2f train lenetfc cifar10 "),
        (("attack", "lenetfc", "mnist", "--weights", "nowhere"), "there is no record nowhere/runs/lenetfc--mnist.json"),
        (("fetch",), "name the data sets to fetch, or give --list"),
        (("fetch", "mnits"), "did you mean 'mnist'?"),
        (("reference", "--only", "lenetfc_dt"), "unknown reference run 'lenetfc_dt'"),
        (("reference", "--budget", -1), "budget must be a number of seconds, 0 (to run nothing) or above, not -1.0"),
        (("reference", "--budget", "nan"), "budget must be a number of seconds, 0 (to run nothing) or above, not nan"),
        (("run", "77"), "77"),
        (("run", "1", "-p", "pitcure=3"), "did you mean 'picture'?"),
        (("run", "1", "-p", "picture=much"), "must be int"),
        (("verify", "1", "--notebook", "nowhere.ipynb"), "there is no notebook nowhere.ipynb"),
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


def test_lists(c2f, tmp_path, monkeypatch):
    monkeypatch.setattr("c2f.reference.costs.measure_step", lambda trial, precision: 1.0)  # as long as it takes
    monkeypatch.setattr("c2f.reference.costs.inference_time", lambda network, pictures: 1.0)
    status, out, _ = c2f("fetch", "--list")
    assert status == 0
    assert "fashion-mnist-sample" in out
    status, out, _ = c2f("reference", "--list", "--output", tmp_path)
    assert status == 0
    assert len(out.splitlines()) == len({line.split()[0] for line in out.splitlines()})
    assert "lenetfc_td--fashion-mnist--seed3" in out
    assert " done " not in out
    assert "missing" in out
    assert " core-min " in out
    assert " unknown " in out
    *pieces, together = out.splitlines()
    costs = [float(minutes) for minutes in re.findall(r"(\d+) core-min ", "\n".join(pieces))]
    unknown = len(pieces) - len(costs)
    said = re.fullmatch(r"together (\d+) core-min left, and (\d+) pieces of unknown cost", together)
    assert float(said[1]) == pytest.approx(sum(costs), abs=len(costs))  # each is rounded
    assert int(said[2]) == unknown
    status, out, _ = c2f("reference", "--budget", 0, "--output", tmp_path)
    assert status == 0
    assert re.fullmatch(r"finished 0, still missing \d+: (\S+, ){4}\S+ and \d+ more\n", out)


@pytest.mark.parametrize(
    ("command", "parts"),
    [
        (
            "train lenetfc mnist",
            (
                "passes over the training pictures",
                "learning rate at the start",
                "in torch's terms twice as much",
                "pictures a step",
            ),
        ),
        (
            "attack",
            (
                "without them all ten of the paper",
                "as the published runs searched",
                "as many of each class as there are, or all",
                "of which the best counts",
                "changes no result",
                "without it the weights that come with the book",
                "do anew what the output folder already holds",
            ),
        ),
    ],
)
def test_help_explains_every_option(command, parts):
    command = [sys.executable, "-m", "c2f", *command.split(), "--help"]
    text = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    words = " ".join(text.replace("│", " ").split())
    for part in parts:
        assert part in words, part


def test_importing_the_package_is_quick_and_silent():
    program = "import sys, json, c2f; print(json.dumps([m for m in ('torch', 'matplotlib') if m in sys.modules]))"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert json.loads(done.stdout) == []
    assert done.stderr == ""


def test_chapters_that_train_nothing_load_no_more_than_they_need():
    """A chapter's memory is mostly that of libraries: torchvision brings 160 MiB of torch's compiler, triton 70."""
    heavy = ("torchvision", "triton", "torch._dynamo", "sympy", "scipy.stats", "seaborn", "jsonschema")
    program = f"""import sys
from c2f import attacks, cam, corruptions, datasets, networks, zoo
from c2f.experiments.corruptions import run, tables
from c2f.experiments.glimpses import pgd
from c2f.experiments.robustness import plots, run, scales, tables
from c2f.metrics.statistics import seeds_interval
trained = zoo.load("lenetfc_td", "fashion-mnist")
pictures = datasets.load("fashion-mnist-sample").test.images[:2] / 255
model, labels = attacks.victim(trained.network, trained.mean), trained.network(pictures).argmax(dim=1)
seeds_interval(attacks.build("contrast")(model, pictures, labels, epsilons=None)[1].flatten().tolist())
print([name for name in {heavy} if name in sys.modules])"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"


def test_who_reads_no_further_gets_no_message():
    reader, writer = os.pipe()
    os.close(reader)
    done = subprocess.run(
        [sys.executable, "-m", "c2f", "list", "networks"], stdout=writer, stderr=subprocess.PIPE, text=True
    )
    os.close(writer)
    assert (done.returncode, done.stderr) == (1, "")


def test_the_public_parts_are_there_when_they_are_asked_for():
    program = "import c2f; c2f.networks.names(); assert 'zoo' in dir(c2f); c2f.zo"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert "module 'c2f' has no attribute 'zo'; there are attacks, cam" in done.stderr


def test_the_doctor_tells_what_steps_take_and_forgets_it(c2f):
    assert c2f("doctor", "--speed")[:2] == (0, f"nothing was measured yet (it would stand in {speed.speed_file()})\n")
    speed.remember("lenetfc, batch 128x1x28x28", {"plain float32": 0.02, "compiled float32": 0.01, "compiling": 9.0})
    status, text, _ = c2f("doctor", "--speed", "--forget")
    assert status == 0
    assert [line.split() for line in text.splitlines()] == [
        ["lenetfc,", "batch", "128x1x28x28"],
        ["compiled", "float32", "10.0", "ms", "a", "step"],
        ["plain", "float32", "20.0", "ms", "a", "step"],
        ["compiling", "9000.0", "ms"],
        ["forgotten"],
    ]
    assert speed.remembered() == {}
