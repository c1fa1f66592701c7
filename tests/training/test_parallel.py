"""Two processes train as one does, end together, and go on together."""

import os
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path

import pair
import pytest
import torch
import torch.distributed as dist
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from c2f.common.share import WHOLE, Share
from c2f.datasets.batches import Batches, epoch_seed
from c2f.datasets.photographs import Photographs
from c2f.datasets.streaming import StreamedBatches
from c2f.experiments.highres.data import PartOfStream
from c2f.runs.record import read
from c2f.training.engine import settle
from c2f.training.loop import fit, trial
from c2f.training.parallel import each_for_itself, one_training, share_out, spread_of

RELATIVE = 1e-6
"""By how much weights and losses of two processes may differ from one's; Adadelta's, which divide, more."""


@pytest.fixture(scope="module")
def two(tmp_path_factory):
    """What the two processes of ``pair.work`` found, and their folder."""
    folder = tmp_path_factory.mktemp("pair")
    torch.multiprocessing.spawn(pair.work, (str(folder),), nprocs=2)
    return [torch.load(folder / f"{rank}.pt", weights_only=False) for rank in (0, 1)], folder


@pytest.fixture(scope="module")
def one():
    return pair.trained()


@pytest.mark.parametrize("kind", pair.KINDS)
def test_two_processes_train_as_one(kind, one, two):
    weights, history, also = one[kind]
    tolerance = 1e-4 if kind == "half model" else RELATIVE
    for found in two[0]:
        there, theirs, more = found["trained"][kind]
        largest = max(value.abs().max().item() for value in weights.values())
        for name, value in weights.items():
            torch.testing.assert_close(there[name], value, rtol=0, atol=tolerance * largest, msg=name)
        for name, values in history.items():
            torch.testing.assert_close(torch.tensor(theirs[name]), torch.tensor(values), rtol=RELATIVE, atol=RELATIVE)
        for a, b in zip(more, also, strict=True):
            torch.testing.assert_close(torch.as_tensor(a), torch.as_tensor(b), rtol=RELATIVE, atol=RELATIVE)


def test_both_have_the_same_weights_bit_for_bit(two):
    for kind in pair.KINDS:
        ours, theirs = (found["trained"][kind][0] for found in two[0])
        assert all(torch.equal(ours[name], theirs[name]) for name in ours)


@pytest.mark.parametrize("place", range(len(pair.FORMATS)), ids=["plain", "channels last"])
def test_a_joined_batch_norm_is_that_of_the_whole_batch(two, place):
    whole, parts = pair.norm(), [found["norm"][place] for found in two[0]]
    assert [len(part["out"]) for part in parts] == [2, 3]
    for name, value in whole.items():
        each = [part[name] for part in parts]
        if name in ("out", "x"):
            each = [torch.cat(each)]
        elif name in ("weight", "bias"):
            each = [sum(each)]
        for found in each:
            torch.testing.assert_close(found, value, rtol=1e-5, atol=1e-6 * value.abs().max().item())


def test_a_stopped_training_goes_on_to_the_same_bits_and_each_process_drops_other_units(two):
    for (at_once, in_two), _ in (found["resumed"] for found in two[0]):
        assert all(torch.equal(at_once[name], in_two[name]) for name in at_once)
    masks = [found["resumed"][1] for found in two[0]]
    assert all(not torch.equal(ours[0], theirs[0]) for ours, theirs in zip(*masks, strict=True) if len(ours))


def test_another_number_of_processes_is_refused(two):
    train, _ = pair.loaders(WHOLE)
    with pytest.raises(ValueError, match="processes 2 there, 1 now; go on with what was there"):
        fit(pair.small(0.5), train, pair.RECIPE, num_classes=3, seed=1, checkpoint=two[1] / "at-once.pt")


def test_norms_that_are_apart_end_with_the_first_ones_statistics(two, one):
    ours, theirs = (found["apart"] for found in two[0])
    assert all(torch.equal(ours[name], theirs[name]) for name in ours)


# Who gets which pictures


@pytest.fixture(scope="module")
def tree(tmp_path_factory):
    """Seven pictures in two class folders, to train and to test."""
    folder = tmp_path_factory.mktemp("tree")
    for number in range(7):
        for part in ("train", "test"):
            path = folder / part / "ab"[number % 2] / f"{number}.png"
            path.parent.mkdir(parents=True, exist_ok=True)
            Image.new("RGB", (12, 12), (30 * number, 10, 255 - 30 * number)).save(path)
    return folder


def kinds_of_loader(tree):
    return {
        "memory": lambda shuffle: Batches(pair.pictures(7, 3, 12, 0), 3, shuffle=shuffle, seed=2),
        "stream": lambda shuffle: StreamedBatches(tree / "train", 3, shuffle=shuffle, seed=2),
        "part": lambda shuffle: PartOfStream(tree / "train", 3, torch.arange(7).flip(0), shuffle=shuffle, seed=2),
        "photographs": lambda shuffle: Photographs(tree / "train", 3, size=8, train=shuffle, seed=2),
    }


@pytest.mark.parametrize("kind", ["memory", "stream", "part", "photographs"])
@pytest.mark.parametrize("processes", [2, 3])
def test_the_parts_are_the_whole(kind, processes, tree):
    make = kinds_of_loader(tree)[kind]
    shares = [Share(rank, processes, "gloo") for rank in range(processes)]

    def epoch(shuffle, share=WHOLE):
        loader = make(shuffle)
        loader.share = share
        return list(loader.epoch(4))

    parts = [epoch(True, share) for share in shares]
    for step, (x, y) in enumerate(epoch(True)):  # of the last batch, of one picture, all but one get nothing
        assert torch.equal(torch.cat([part[step][0] for part in parts]), x)
        assert torch.equal(torch.cat([part[step][1] for part in parts]), y)
        assert {len(part[step][1]) for part in parts} <= {len(y) // processes, -(-len(y) // processes)}
    every = torch.cat([x for x, _ in epoch(False)])
    for share in shares:
        assert torch.equal(torch.cat([x for x, _ in epoch(False, share)]), every[share.rank :: processes])


@given(st.integers(1, 40), st.integers(1, 9), st.integers(1, 5))
def test_each_place_is_somebodys_once(n, size, processes):
    shares = [Share(rank, processes, "gloo") for rank in range(processes)]
    batches = torch.arange(n).split(size)
    cut = [share.of_each(batches) for share in shares]
    assert torch.equal(torch.cat([torch.cat(parts) for parts in zip(*cut, strict=True)]), torch.arange(n))
    assert sorted(torch.cat([share.of_all(torch.arange(n)) for share in shares]).tolist()) == list(range(n))


def test_augmentations_draw_other_numbers_in_each_process():
    drawn = []
    for share in (WHOLE, Share(0, 2), Share(1, 2)):
        loader = Batches(
            pair.pictures(4, 1, 4, 0), 4, shuffle=True, augment=lambda x, g: x * 0 + torch.rand(1, generator=g)
        )
        loader.share = share
        drawn.append(next(loader.epoch(0))[0].flatten()[0])
    assert drawn[0] == drawn[1] != drawn[2]
    every = [epoch_seed(seed, epoch, rank) % 2**32 for seed in range(10) for epoch in range(200) for rank in range(64)]
    assert len(set(every)) == len(every)  # of which torch takes 32 bits


@pytest.mark.parametrize(
    ("share", "size", "said"),
    [
        (Share(0, 4, "gloo"), 3, "batches of 3 cannot be shared among 4 processes"),
        (Share(0, 9, "gloo"), 20, "7 pictures cannot be shared among 9 processes"),
        (Share(0, 2, "gloo", joined=False), 9, "the last batch of 46 pictures has 1, so that not each of 2"),
    ],
)
def test_too_few_pictures_are_refused(share, size, said):
    train, held = pair.loaders(WHOLE, size=size)
    with pytest.raises(ValueError, match=said):
        share_out({"share": share}, train, held)


def test_nothing_is_compiled_among_several():
    network, (train, _) = pair.small(), pair.loaders(WHOLE)
    with pytest.raises(ValueError, match="engine 'compiled' is for one process"):
        settle(trial(network, train, pair.RECIPE), {"engine": "compiled", "share": Share(0, 2, "gloo")})


def test_spread_of_one_process_is_torchs():
    x = torch.randn(5, 4)
    assert spread_of(WHOLE)(x) == x.std().item()


# The command


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def begin(tree, output, *options):
    """Begin ``c2f train`` in two processes, as torchrun does."""
    port, words = free_port(), ("train", "lenetfc", f"folder:{tree}", "--seeds", "0", "--output", str(output))
    words += ("--augmentation", "none", "--batch-size", "3", "--validation", "0.3", "--device", "cpu", *options)
    place = {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(port), "WORLD_SIZE": "2", "OMP_NUM_THREADS": "1"}
    return [
        subprocess.Popen(
            [sys.executable, "-m", "c2f", *words],
            env={**os.environ, **place, "RANK": str(rank), "LOCAL_RANK": str(rank)},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        for rank in (0, 1)
    ]


def test_a_killed_process_ends_the_other_with_one_message_and_the_same_command_goes_on(tree, tmp_path):
    first, second = begin(tree, tmp_path, "--epochs", "40")
    while not list((tmp_path / "checkpoints").glob("*.pt")) and first.poll() is None:
        time.sleep(0.01)
    second.kill()
    out, err = first.communicate(timeout=60)
    assert first.returncode == 2, err
    assert err.startswith("c2f: another process of this training is gone, without a word")
    assert err.count("\n") == 1
    done = max(int(line.split("epoch ")[1].split()[0]) for line in out.splitlines())
    first, second = begin(tree, tmp_path, "--epochs", "40")
    out, err = first.communicate(timeout=120)
    assert (first.returncode, second.wait(timeout=30)) == (0, 0), err
    assert int(out.split("epoch ")[1].split()[0]) >= done
    assert second.communicate() == ("", "")
    record = read(next((tmp_path / "runs").glob("*.json")))
    assert record.seeds == [0]
    facts = {key: record.runs[0].details[key] for key in ("processes", "backend", "batch_norm")}
    assert facts == {"processes": 2, "backend": "gloo", "batch_norm": "joined"}
    assert not list((tmp_path / "checkpoints").iterdir())


def test_one_failing_seed_ends_no_other(c2f, few_of_the_sample, tmp_path, monkeypatch):
    few_of_the_sample("fashion-mnist-sample", train=40, test=20)
    monkeypatch.setenv("RANK", "1")
    monkeypatch.setenv("WORLD_SIZE", "2")
    monkeypatch.setattr("c2f.training.loop.epoch_seed", lambda seed, *_: seed if seed != 1 else 1 / 0)
    status, _, err = c2f(
        "train", "lenetfc", "mnist", "--seeds", 0, 1, 2, 3, "--epochs", 1, "--device", "cpu", "--output", tmp_path
    )
    assert status == 2
    assert read(tmp_path / "runs" / "lenetfc--mnist.json").seeds == [3]
    assert err.splitlines() == [
        "c2f: lenetfc--mnist--seed1: division by zero",
        "c2f: of the seeds [1, 3] of process 1, [1] failed: see above",
    ]


def test_who_failed_waits_for_the_others(monkeypatch):
    place = {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(free_port()), "WORLD_SIZE": "2", "RANK": "1"}
    for name, value in (place | {"TORCHELASTIC_RUN_ID": "x", "TORCHELASTIC_USE_AGENT_STORE": "True"}).items():
        monkeypatch.setenv(name, value)
    store = dist.TCPStore("127.0.0.1", int(place["MASTER_PORT"]), is_master=True)
    monkeypatch.setattr("c2f.training.parallel._POLL", 0.01)
    ended = []

    def failing():
        try:
            with each_for_itself():
                raise ArithmeticError("mine")
        except ArithmeticError as error:
            ended.append(error)

    thread = threading.Thread(target=failing)
    thread.start()
    time.sleep(0.3)
    assert thread.is_alive()
    with each_for_itself() as share:
        assert share == WHOLE
    thread.join(timeout=30)
    assert [str(error) for error in ended] == ["mine"]
    del store


def test_training_together_needs_torchrun(c2f, tmp_path):
    status, _, err = c2f("train", "lenetfc", "mnist", "--seeds", 0, "--parallel", "data", "--device", "cpu",
                         "--output", tmp_path)  # fmt: skip
    assert status == 2
    assert "begin with `torchrun --nproc-per-node 2 -m c2f train`" in err
    assert not list(Path(tmp_path).iterdir())


def test_of_one_process_torchrun_is_as_without(monkeypatch):
    place = {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(free_port()), "WORLD_SIZE": "1", "RANK": "0"}
    for name, value in place.items():
        monkeypatch.setenv(name, value)
    with one_training("cpu") as share:
        assert share == WHOLE
