import io
import os
import re
import shutil
import tarfile
import time
from dataclasses import replace
from functools import partial
from types import SimpleNamespace

import pytest
import torch
from filelock import FileLock

from c2f import networks, reference, zoo
from c2f.experiments.glimpses.recipes import SETUPS
from c2f.experiments.robustness import records as attack_records
from c2f.reference import (
    Piece,
    Settings,
    carrying,
    find,
    pack,
    pieces,
    plan,
    planning,
    run,
    select,
    short,
    trainings,
    unpack,
)
from c2f.reference import attacks as attack_pieces
from c2f.reference import glimpses as glimpse_pieces
from c2f.runs.environment import code_version, environment
from c2f.runs.folder import SHIPPED, folder_with, save_weights
from c2f.runs.parts import OutOfTime
from c2f.runs.record import RecordError, Run, add_run, read
from c2f.training.checkpoints import History, remaining_epochs
from c2f.training.recipes import recipe


@pytest.fixture
def settings(tmp_path):
    return Settings(tmp_path, "cpu", None)


def record(output, name, seed=0, kind="toy", parameters=None, seconds=60, values=None, details=None):
    """Record a run of so many seconds of one thread."""
    about = {**environment("cpu", seconds), "threads": 1}
    run = Run(seed, values or {"value": 1}, details or {}, about)
    add_run(output / "runs", name, kind, parameters or {}, run)


def toy(runs_of, log, seed=0, work=None, **fields):
    """A piece that records a run."""

    def go(settings):
        log.append(runs_of)
        if work is not None:
            work(settings)
        record(settings.output, runs_of, seed)

    return Piece(runs_of, seed, (runs_of,), go, **fields)


def called(letters):
    return [f"{letter}--seed0" for letter in letters]


def test_missing_pieces_are_run_in_their_order(settings):
    log = []
    chosen = [toy(name, log) for name in "abc"]
    record(settings.output, "b")
    assert run(chosen, settings) == (called("ac"), [])
    assert log == ["a", "c"]
    assert run(chosen, settings) == ([], [])


@pytest.fixture
def clock(monkeypatch):
    """Hours, in seconds, that toys let pass."""
    clock = SimpleNamespace(now=0.0)
    clock.hour = lambda settings: setattr(clock, "now", clock.now + 3600)
    monkeypatch.setattr(planning.time, "monotonic", lambda: clock.now)
    return clock


def test_what_does_not_fit_the_budget_stays_missing(settings, clock):
    log = []
    chosen = [toy(name, log, work=clock.hour) for name in "abcd"]
    late = Settings(settings.output, "cpu", 1.5 * 3600)
    assert run(chosen, late) == (called("ab"), called("cd"))
    assert run(chosen, late) == ([], called("cd"))
    assert run(chosen, settings) == (called("cd"), [])
    assert log == list("abcd")


def hours(count):
    return lambda known: None if count is None else 60 * count


def test_a_budget_passes_over_what_would_not_end_for_what_does(settings, clock):
    log = []
    wanted = {"a": 1, "b": 3, "c": None, "d": 1, "e": 1}
    chosen = [toy(name, log, work=clock.hour, cost=hours(n), rank=1) for name, n in wanted.items()]
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        assert run(chosen, Settings(settings.output, "cpu", 2 * 3600), fitting=True)[0] == called("ad")
        torch.set_num_threads(3)  # three core-hours in the hour that is left
        clock.now = 0
        assert run(chosen, Settings(settings.output, "cpu", 3600), fitting=True)[0] == called("b")
    finally:
        torch.set_num_threads(threads)
    assert log == ["a", "d", "b"]


def test_what_was_begun_is_resumed_first_whatever_it_costs(settings, clock):
    log = []
    chosen = [toy(name, log, cost=hours(99), rank=1) for name in "abc"]
    (settings.output / "checkpoints").mkdir()
    (settings.output / "checkpoints" / "c--seed0.pt").write_bytes(b"")
    (settings.output / "checkpoints" / "b--seed01--x.part").write_bytes(b"")  # of another seed
    assert [entry.state for entry in plan(chosen, settings.output)] == ["missing", "missing", "begun"]
    assert run(chosen, Settings(settings.output, "cpu", 3600), fitting=True)[0] == called("c")
    assert run(chosen, settings)[0] == called("ab")
    assert log == ["c", "a", "b"]


def trained_for(epochs, path):
    """Train a toy of four epochs until so many are done."""
    history, parts = History(), {"network": torch.nn.Linear(1, 1)}
    ours = {"recipe": {"epochs": 4}, "identity": {"code": code_version()}, "seed": 0, "shapes": {}, "bits": {}}
    for _ in remaining_epochs(history, epochs, parts, ours=ours, device=torch.device("cpu"), checkpoint=path):
        history.append(**dict.fromkeys(vars(history), 1.0))


def test_of_a_training_that_was_begun_what_is_left_is_charged(settings, monkeypatch):
    chosen = [toy(name, [], cost=hours(8)) for name in ("a", "b", "c", "done")] + [toy("new", [], cost=hours(3))]
    trained_for(3, settings.output / "checkpoints" / "a--seed0.pt")
    trained_for(3, settings.output / "checkpoints" / "b--seed0.pt")
    (settings.output / "checkpoints" / "b--seed0.pt").write_bytes(b"damaged")
    (settings.output / "checkpoints" / "c--seed0--x.part").write_bytes(b"")  # a measurement
    trained_for(3, settings.output / "checkpoints" / "done--seed0.pt")
    record(settings.output, "done")
    found = {entry.piece.runs_of: entry.minutes for entry in plan(chosen, settings.output)}
    assert found == {"a": 120, "b": 480, "c": 480, "done": 480, "new": 180}
    assert [entry.piece.runs_of for entry in plan(chosen, settings.output)][:3] == ["done", "a", "new"]
    monkeypatch.setattr("c2f.training.checkpoints.code_version", lambda: "other")  # it would be trained anew
    assert plan(chosen, settings.output)[-1].minutes == 480
    assert {entry.minutes for entry in plan(chosen, settings.output)} == {480, 180}


def test_a_piece_of_several_records_is_begun_when_it_has_some(settings):
    piece = Piece("ab", 0, ("a", "b"), lambda settings: None)
    states = [piece.state(settings.output)]
    for name in "ab":
        record(settings.output, name)
        states.append(piece.state(settings.output))
    assert states == ["missing", "begun", "done"]


def test_the_order_is_of_value_then_further_seeds_then_the_rest_each_the_cheapest_first(settings):
    chosen = [
        toy("rest", [], cost=hours(0.5)),
        toy("dear", [], seed=1, cost=hours(9)),
        toy("unknown", [], seed=1, cost=hours(None)),
        toy("cheap", [], seed=1, cost=hours(1)),
        toy("second", [], rank=2, unlocks="a figure"),
        toy("first", [], rank=1, cost=hours(99)),
        *(toy(name, [], rank=3) for name in ("dear", "unknown", "cheap")),
    ]
    found = [(entry.piece.name, entry.rank) for entry in plan(chosen, settings.output)]
    assert found == [
        ("first--seed0", 1),
        ("second--seed0", 2),
        *((f"{name}--seed0", 3) for name in ("dear", "unknown", "cheap")),
        *((f"{name}--seed1", 9) for name in ("cheap", "dear", "unknown")),
        ("rest--seed0", 10),
    ]
    record(settings.output, "rest", seed=5)
    assert plan(chosen, settings.output)[-1].rank == 10  # that seed is no piece of the book
    record(settings.output, "rest")
    assert plan(chosen, settings.output)[-4].rank == 9


def test_a_piece_waits_for_what_it_needs(settings):
    log = []
    chosen = [toy("attack", log, rank=1, needs=("network--seed0",)), toy("network", log, rank=2)]
    assert run(chosen, settings) == (["network--seed0", "attack--seed0"], [])
    unmet = toy("attack", log, seed=1, needs=("lenetfc_td_uni--mnist--seed3",))
    assert run([unmet], settings) == ([], ["attack--seed1"])
    met = toy("attack", log, seed=1, needs=("lenetfc--mnist--seed0",))  # the book's own weights will do
    assert run([met], settings) == (["attack--seed1"], [])


def test_a_piece_that_another_call_is_at_is_left_to_it(settings):
    log, text = [], []
    piece = toy("a", log)
    told = replace(settings, tell=text.append)
    (settings.output / "checkpoints").mkdir()
    with FileLock(settings.output / "checkpoints" / ".a--seed0.lock"):
        assert run([piece], told) == ([], ["a--seed0"])
    assert (log, text) == ([], ["a--seed0: another call is at it"])
    assert run([piece], told) == (["a--seed0"], [])


def work_for_a_moment(settings, name):
    settings.tell(f"{name} begins with {torch.get_num_threads()} threads")
    with (settings.output / f"{name}.log").open("a") as file:
        file.write(f"{os.getpid()}\n")
    for _ in range(100):  # until the other one has begun, too
        if name == "fails" or len(list(settings.output.glob("*.log"))) > 1:
            break
        time.sleep(0.1)
    if name == "fails":
        raise FloatingPointError("the loss is nan")
    record(settings.output, name)


def elsewhere(name):
    """Finds a toy again in another process."""
    runs_of = name.removesuffix("--seed0")
    needs = ("one--seed0",) if runs_of == "after" else ()
    return Piece(runs_of, 0, (runs_of,), partial(work_for_a_moment, name=runs_of), needs=needs, rank=1)


def test_two_jobs_are_two_processes_of_one_thread_and_begin_nothing_twice(settings):
    text = []
    chosen = [elsewhere(f"{name}--seed0") for name in ("after", "one", "other")]
    found = run(chosen, replace(settings, tell=text.append), jobs=2, by_name=elsewhere)
    assert (sorted(found[0]), found[1]) == (["after--seed0", "one--seed0", "other--seed0"], [])
    assert sorted(text) == sorted(f"{name} begins with 1 threads" for name in ("one", "other", "after"))
    pids = {path.stem: path.read_text().split() for path in settings.output.glob("*.log")}
    assert [len(pids[name]) for name in ("after", "one", "other")] == [1, 1, 1]
    assert pids["one"] != pids["other"]
    assert str(os.getpid()) not in pids["one"] + pids["other"]


def test_a_job_that_fails_says_so_and_the_other_one_ends(settings):
    chosen = [elsewhere(f"{name}--seed0") for name in ("fails", "other", "never")]
    with pytest.raises(FloatingPointError, match="the loss is nan"):
        run(chosen, settings, jobs=2, by_name=elsewhere)
    assert elsewhere("other--seed0").done(settings.output)


def test_jobs_are_for_a_cpu(settings):
    with pytest.raises(ValueError, match="2 jobs are for a CPU; on cuda:1 one piece"):
        run([], replace(settings, device="cuda:1"), jobs=2)
    with pytest.raises(ValueError, match="jobs must be"):
        run([], settings, jobs=0)


def test_a_piece_that_runs_out_of_time_goes_on_next_time_and_others_may_fit(settings):
    def out_of_time(settings):
        raise OutOfTime

    log = []
    chosen = [toy("a", log), toy("b", log, work=out_of_time), toy("c", log)]
    assert run(chosen, settings) == (called("ac"), called("b"))
    assert log == ["a", "b", "c"]


def test_other_errors_are_not_swallowed(settings):
    def fail(settings):
        raise FloatingPointError("the loss is nan")

    with pytest.raises(FloatingPointError):
        run([toy("a", [], work=fail)], settings)


@pytest.fixture
def some(monkeypatch):
    every = [
        toy("lenetfc--mnist", []),
        toy("lenetfc_td--mnist", []),
        toy("lenetfc--mnist", [], seed=1),
        toy("nin--cifar10-jpeg", []),
    ]
    monkeypatch.setattr(reference, "pieces", lambda: every)
    return every


def names(chosen):
    return [piece.name for piece in chosen]


def test_pieces_are_named_whole_or_by_their_beginning_and_keep_their_order(some):
    assert select([]) == some
    assert names(select(["lenetfc_td--mnist--seed0"])) == ["lenetfc_td--mnist--seed0"]
    assert names(select(["lenetfc--mnist"])) == ["lenetfc--mnist--seed0", "lenetfc--mnist--seed1"]
    assert names(select(["nin", "lenetfc--"])) == names([some[0], some[2], some[3]])
    with pytest.raises(ValueError, match="unknown reference run 'lenetfc_dt--mnist'; did you mean 'lenetfc_td--mnist'"):
        select(["nin", "lenetfc_dt--mnist"])


def test_the_books_runs():
    every = names(pieces())
    assert len(set(every)) == len(every)
    for family, data in (
        ("lenetfc", "mnist"),
        ("nin_light", "mnist"),
        ("lenetfc", "fashion-mnist"),
        ("nin_light", "fashion-mnist"),
        ("nin", "cifar10-jpeg"),
        ("resnet32", "cifar10-jpeg"),
        ("resnet32", "cifar10-jpeg-aug"),
    ):
        for variant in ("", "_td", "_td_uni", "_td_rev"):
            assert {f"{family}{variant}--{data}--seed{seed}" for seed in range(4)} <= set(every)
            attacked = {
                f"attacks--{family}{variant}--{data}--{protocol}--all--seed{seed}"
                for protocol in ("minimal", "paper")
                for seed in range(4)
            }
            assert attacked <= set(every)
    for piece in pieces():
        assert set(piece.needs) <= set(every)
    assert find("lenetfc--mnist--seed2").name == "lenetfc--mnist--seed2"


RANKS = {
    "lenetfc--mnist--seed0": 0,
    "attacks--lenetfc_td--fashion-mnist--paper--seed0": 1,
    "lenetfc--mnist--localization--paper--seed0": 1,
    "attacks--lenetfc--fashion-mnist--minimal--seed3": 2,
    "lenetfc_td_rev--fashion-mnist--seed1": 3,
    "attacks--lenetfc_td_uni--fashion-mnist--minimal--seed1": 3,
    "lenetfc_td_uni--mnist--seed0": 3.5,
    "merges--concat--lenetfc_td--fashion-mnist--seed3": 4,
    "resnet18_td--tiny-imagenette--seed1": 5,
    "resnet18--tiny-imagenette--localization--raw--seed0": 5,
    "nin_light_td--fashion-mnist--seed1": 6,
    "attacks--nin_light--fashion-mnist--minimal--seed0": 6,
    "nin_light--mnist--seed0": 6.5,
    "short--resnet32_td_rev--cifar10-jpeg-aug--seed0": 7,
    "short--attacks--resnet32--cifar10-jpeg--minimal--seed0": 7,
    "equal_small_cnn--canvas-mnist--seed1": 8,
    "densenet_maps--scenes-fashion-mnist--seed3": 8.3,
    "precision--bfloat16--lenetfc--fashion-mnist--seed0": 8.6,
    "nin_light--fashion-mnist--seed2": 10,  # a further seed, once it has one
    "attacks--lenetfc--mnist--paper--all--seed0": 10,
}


def test_each_piece_has_its_value_and_says_what_it_unlocks():
    found = {piece.name: piece for piece in pieces()}
    assert {name: found[name].rank for name in RANKS} == RANKS
    assert all(bool(piece.unlocks) == (piece.rank < 9) for piece in found.values())


@pytest.mark.parametrize("part", [p for p in reference._PARTS if hasattr(p, "VALUES")], ids=lambda p: p.__name__)
def test_every_row_of_values_is_of_some_piece(part):
    for pattern in part.VALUES:
        assert any(re.fullmatch(pattern, piece.name) for piece in part.pieces()), pattern


def test_merges_lie_apart_and_train_by_the_same_recipe(tmp_path, monkeypatch):
    calls = []

    def train_run(network, data, recipe, seed, output, *, merge, **options):
        calls.append((network, data, recipe, seed, output, merge))
        keep(output, seed, network, {"merge": merge}, data)

    monkeypatch.setattr(trainings, "train_run", train_run)
    chosen = select([f"merges--{merge}--lenetfc_td--fashion-mnist--seed2" for merge in ("sum", "concat")])
    assert run(chosen, Settings(tmp_path, "cpu", None)) == (names(chosen), [])
    paper = recipe("lenetfc_td", "fashion-mnist")
    assert calls == [
        ("lenetfc_td", "fashion-mnist", paper, 2, tmp_path / "merges" / merge, merge) for merge in ("sum", "concat")
    ]
    assert all(piece.done(tmp_path) for piece in chosen)


def test_a_training_piece_trains_by_the_papers_recipe_and_is_done_when_its_seed_is_there(tmp_path, monkeypatch):
    calls = []

    def train_run(network, data, recipe, seed, output, **options):
        calls.append((network, data, recipe, seed, options["device"], options["deadline"]))
        options["on_epoch"](History(train_loss=[1.0], val_accuracy=[0.25], seconds=[2.0]))
        keep(output, seed, network)

    monkeypatch.setattr(trainings, "train_run", train_run)
    monkeypatch.setattr("c2f.reference.piece.when", lambda seconds: {29 * 2.0: "13:00"}[seconds])
    text = []
    wanted = Settings(tmp_path, "cuda:1", time.monotonic() + 100, text.append)
    piece, *rest = select(["lenetfc_td--mnist"])
    assert not piece.done(tmp_path)
    assert run([piece], wanted) == (["lenetfc_td--mnist--seed0"], [])
    paper = recipe("lenetfc_td", "mnist")
    assert paper.epochs == 30
    assert calls == [("lenetfc_td", "mnist", paper, 0, "cuda:1", wanted.deadline)]
    assert text == ["lenetfc_td--mnist--seed0: epoch 1 of 30, validation accuracy 0.2500, 2.0 s, ends about 13:00"]
    assert piece.done(tmp_path)
    assert not any(other.done(tmp_path) for other in rest)
    assert run([piece], wanted) == ([], [])


@pytest.fixture
def two_attacks(monkeypatch, few_of_the_sample):
    """Two quick attacks, on pictures of the sample under the name of the full set."""
    few_of_the_sample("fashion-mnist", train=100, test=50)
    monkeypatch.setattr(attack_pieces, "PICTURES", 20)
    monkeypatch.setattr(attack_pieces.attacks, "names", lambda: ["contrast", "shifts"])
    reference.pieces.cache_clear()
    yield
    reference.pieces.cache_clear()


def test_an_attack_piece_attacks_and_asks_which_scale_is_fragile(two_attacks, tmp_path):
    text = []
    settings = Settings(tmp_path, "cpu", None, text.append)
    piece = select(["attacks--lenetfc_td--fashion-mnist--minimal--seed0"])[0]
    assert not piece.done(tmp_path)
    assert run([piece], settings) == (["attacks--lenetfc_td--fashion-mnist--minimal--seed0"], [])
    name = "lenetfc_td--fashion-mnist--{}--minimal"
    assert [line.split(":")[0] for line in text] == [f"{name.format(a)}--seed0" for a in ("contrast", "shifts")]
    assert [line[line.index(" (") :] for line in text] == [" (attack 1 of 2)", " (attack 2 of 2)"]
    assert piece.done(tmp_path)
    records = [name.format(a) + end for a in ("contrast", "shifts") for end in (".json", "--scales.json")]
    assert sorted(path.name for path in (tmp_path / "runs").glob("*.json")) == sorted(records)
    assert read(tmp_path / "runs" / records[0]).parameters["pictures"] == 20
    assert run([piece], settings) == ([], [])

    # An ablation whose pictures stayed on another machine: they are made again, the other attack is left alone.
    (tmp_path / "runs" / records[3]).unlink()
    ablated = (tmp_path / "runs" / records[1]).read_bytes()
    before = read(tmp_path / "runs" / records[2]).runs[0]
    for path in (tmp_path / "adversarial").glob("*"):
        path.unlink()
    assert not piece.done(tmp_path)
    assert run([piece], settings) == ([piece.name], [])
    assert [line.split(":")[0] for line in text[2:]] == [f"{name.format('shifts')}--seed0"]
    assert read(tmp_path / "runs" / records[2]).runs[0].files["attacks"] == before.files["attacks"]
    assert (tmp_path / "runs" / records[1]).read_bytes() == ablated


def test_bottom_up_networks_have_no_scales_and_a_gpu_attacks_whole_test_sets(two_attacks, tmp_path):
    cpu = select(["attacks--lenetfc--fashion-mnist--paper--seed0"])
    whole = select(["attacks--lenetfc--fashion-mnist--paper--all--seed0"])
    run(cpu + whole, Settings(tmp_path, "cpu", None))
    assert all(piece.done(tmp_path) for piece in cpu + whole)
    pictures = {path.stem: read(path).parameters["pictures"] for path in (tmp_path / "runs").glob("*.json")}
    name = "lenetfc--fashion-mnist--{}--paper{}"
    assert pictures == {name.format(a, end): n for a in ("contrast", "shifts") for end, n in (("", 20), ("--all", 50))}


def test_attacks_stop_at_the_deadline(two_attacks, tmp_path, monkeypatch):
    piece = select(["attacks--lenetfc_td--fashion-mnist--minimal--seed0"])[0]
    late = Settings(tmp_path, "cpu", time.monotonic() - 1)
    with pytest.raises(OutOfTime):
        piece.run(late)
    assert not (tmp_path / "runs").exists()


def test_weights_of_the_folder_itself_come_before_those_of_the_book(tmp_path):
    assert folder_with(tmp_path, "lenetfc--mnist", 0) == SHIPPED
    keep(tmp_path, 0)
    assert folder_with(tmp_path, "lenetfc--mnist", 0) == tmp_path
    assert folder_with(tmp_path, "lenetfc--mnist", 1) == SHIPPED


# Carrying results from one machine to another


def test_results_of_attacks_travel_and_their_pictures_do_not(two_attacks, tmp_path):
    there, here, archive = tmp_path / "there", tmp_path / "here", tmp_path / "travels.tar"
    piece = select(["attacks--lenetfc_td--fashion-mnist--minimal--seed0"])[0]
    piece.run(Settings(there, "cpu", None))
    assert pack(there, archive) == 6  # two attacks, two ablations, and the results of the attacks
    assert unpack(archive, here) == 4
    assert piece.done(here)
    results = [attack_records.results("lenetfc_td", "fashion-mnist", "shifts", output=o).l2 for o in (there, here)]
    assert results[0].tolist() == results[1].tolist()
    assert not (here / "adversarial").exists()
    path = there / "attacks" / "lenetfc_td--fashion-mnist--shifts--minimal--seed0.safetensors"
    path.write_bytes(path.read_bytes()[:-1])
    pack(there, archive)
    refused(archive, here, ValueError, r"shifts--minimal--seed0\.safetensors is missing or is not the record's")


def keep(output, seed, network="lenetfc", parameters=None, data="mnist"):
    """Record a run of an untrained network, with its weights."""
    described = {"network": network, "data": data, "merge": "sum", "scaler": "max_pool", "image_size": 8}
    described |= parameters or {}
    name = f"{network}--{data}"
    weights = save_weights(output, name, seed, networks.build(network, 1, 10, 8, seed=seed), described)
    result = Run(seed, {"test_accuracy": seed / 10}, {}, environment("cpu", 1), {"weights": weights})
    add_run(output / "runs", name, "training", described, result)


@pytest.fixture
def here(tmp_path):
    keep(tmp_path / "here", 0)
    keep(tmp_path / "here", 1)
    return tmp_path / "here"


@pytest.fixture
def there(tmp_path):
    output = tmp_path / "there"
    keep(output, 2)
    keep(output, 0, "lenetfc_td")
    (output / "checkpoints").mkdir()
    torch.save({"epoch": 3}, output / "checkpoints" / "lenetfc--mnist--seed3.pt")
    return output


def listing(folder):
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def visible(folder):
    return {name: data for name, data in listing(folder).items() if "/." not in name}


def test_packed_runs_are_added_to_those_that_are_there(here, there, tmp_path):
    archive = tmp_path / "travels.tar"
    assert pack(there, archive) == 5  # two records, two weights, one checkpoint
    with tarfile.open(archive) as tar:
        assert all(not os.path.basename(name).startswith(".") for name in tar.getnames())
    assert unpack(archive, here) == 2
    record = read(here / "runs" / "lenetfc--mnist.json")
    assert record.seeds == [0, 1, 2]
    assert record.values("test_accuracy") == [0, 0.1, 0.2]
    assert read(here / "runs" / "lenetfc_td--mnist.json") == read(there / "runs" / "lenetfc_td--mnist.json")
    assert zoo.available(here) == [
        ("lenetfc", "mnist", 0),
        ("lenetfc", "mnist", 1),
        ("lenetfc", "mnist", 2),
        ("lenetfc_td", "mnist", 0),
    ]
    for name, data in visible(there).items():
        if not name.startswith("runs"):
            assert (here / name).read_bytes() == data
    once = visible(here)
    assert unpack(archive, here) == 2  # again: nothing more
    assert visible(here) == once
    assert ".unpacked" not in os.listdir(here)


def test_what_was_made_anew_since_it_was_packed_stays(here, there, tmp_path):
    pack(there, tmp_path / "travels.tar")
    path = there / "runs" / "lenetfc--mnist.json"
    old = read(path)
    later = replace(old.run(2), values={"test_accuracy": 0.75})
    later.environment["finished"] = "2100-01-01T00:00:00+00:00"
    add_run(there / "runs", old.name, old.kind, old.parameters, later)
    (weights,) = (there / "weights").glob("lenetfc--mnist--seed2*")
    weights.write_bytes(b"of the later run")
    before = visible(there)
    assert unpack(tmp_path / "travels.tar", there) == 1
    assert visible(there) == before


def test_into_an_empty_folder_all_of_it_comes(there, tmp_path):
    pack(there, tmp_path / "travels.tar")
    assert unpack(tmp_path / "travels.tar", tmp_path / "new") == 2
    assert visible(tmp_path / "new") == visible(there)


def test_runs_that_lie_apart_travel_to_the_same_folders(here, there, tmp_path):
    for folder in ("short", "merges/sum", "precision/bfloat16"):
        keep(there / folder, 4)
        (there / folder / "checkpoints").mkdir()
        (there / folder / "checkpoints" / "lenetfc--mnist--seed5.pt").write_bytes(folder.encode())
    keep(there / "chapter-11" / "mine", 0)  # no piece's
    keep(here / "short", 3)
    assert pack(there, tmp_path / "travels.tar") == 5 + 3 * 3
    assert unpack(tmp_path / "travels.tar", here) == 2 + 3
    assert read(here / "short" / "runs" / "lenetfc--mnist.json").seeds == [3, 4]
    assert read(here / "runs" / "lenetfc--mnist.json").seeds == [0, 1, 2]
    sent, came = visible(there), visible(here)
    for folder in ("short", "merges/sum", "precision/bfloat16"):
        for name in ("checkpoints/lenetfc--mnist--seed5.pt", "weights/lenetfc--mnist--seed4.safetensors"):
            assert came[f"{folder}/{name}"] == sent[f"{folder}/{name}"]
    assert not (here / "chapter-11").exists()

    weights = there / "merges" / "sum" / "weights" / "lenetfc--mnist--seed4.safetensors"
    weights.write_bytes(weights.read_bytes()[:-1])
    pack(there, tmp_path / "travels.tar")
    refused(tmp_path / "travels.tar", here, ValueError, "seed4.safetensors is missing or is not the record's")


def test_a_run_whose_weights_are_not_shipped_need_not_come_where_it_is_there_already(here, there, tmp_path):
    keep(there / "short", 4)
    keep(there / "short", 5)
    shutil.copytree(there / "short" / "runs", here / "short" / "runs")
    (there / "short" / "weights" / "lenetfc--mnist--seed4.safetensors").unlink()
    pack(there, tmp_path / "travels.tar")
    before = (here / "short" / "runs" / "lenetfc--mnist.json").stat().st_mtime_ns
    assert unpack(tmp_path / "travels.tar", here) == 2 + 1
    assert os.listdir(here / "short" / "weights") == ["lenetfc--mnist--seed5.safetensors"]
    assert (here / "short" / "runs" / "lenetfc--mnist.json").stat().st_mtime_ns == before  # what is equal stays
    refused(tmp_path / "travels.tar", tmp_path / "new", ValueError, "seed4.safetensors is missing")


def test_every_folder_that_a_piece_lies_in_is_carried():
    assert set(carrying.folders()) == {piece.folder for piece in pieces()}


def test_an_empty_folder_can_be_packed(tmp_path):
    assert pack(tmp_path / "nothing", tmp_path / "travels.tar") == 0
    assert unpack(tmp_path / "travels.tar", tmp_path / "new") == 0


def refused(archive, output, error, message):
    before = listing(output)
    with pytest.raises(error, match=message):
        unpack(archive, output)
    assert listing(output) == before


def test_weights_that_are_not_the_records_are_refused_and_nothing_is_written(here, there, tmp_path):
    archive = tmp_path / "travels.tar"
    weights = there / "weights" / "lenetfc--mnist--seed2.safetensors"
    data = weights.read_bytes()
    weights.write_bytes(data[:-1] + bytes([data[-1] ^ 1]))
    pack(there, archive)
    message = r"travels\.tar: lenetfc--mnist--seed2\.safetensors is missing or is not the record's"
    refused(archive, here, ValueError, message)
    weights.unlink()
    pack(there, archive)
    refused(archive, here, ValueError, message)


def test_an_edited_record_is_refused(here, there, tmp_path):
    record = there / "runs" / "lenetfc--mnist.json"
    record.write_text(record.read_text().replace('"test_accuracy": 0.2', '"test_accuracy": 0.9'))
    pack(there, tmp_path / "travels.tar")
    refused(tmp_path / "travels.tar", here, RecordError, "was changed after it was written")


def test_runs_of_other_parameters_are_refused_before_weights_are_written_over(here, tmp_path):
    keep(tmp_path / "there", 0, parameters={"merge": "concat"})
    pack(tmp_path / "there", tmp_path / "travels.tar")
    refused(tmp_path / "travels.tar", here, RecordError, "merge 'sum' there and 'concat' here; choose another folder")


def test_what_is_no_packed_folder_is_refused(here, there, tmp_path):
    archive = tmp_path / "travels.tar"
    with pytest.raises(FileNotFoundError):
        unpack(archive, here)
    archive.write_bytes(b"no archive")
    refused(
        archive, here, ValueError, r"travels\.tar is no packed folder or is damaged \(truncated header\): pack it again"
    )
    pack(there, archive)
    archive.write_bytes(archive.read_bytes()[:3000])
    refused(archive, here, ValueError, "is no packed folder or is damaged")


def test_an_archive_cannot_write_elsewhere(here, tmp_path):
    archive = tmp_path / "travels.tar"
    with tarfile.open(archive, "w") as tar:
        entry = tarfile.TarInfo("../../escaped")
        entry.size = 4
        tar.addfile(entry, io.BytesIO(b"evil"))
    refused(archive, here, ValueError, "is no packed folder or is damaged")
    assert not list(tmp_path.rglob("escaped"))


def test_leftovers_of_a_killed_call_do_not_come_along(here, there, tmp_path):
    pack(there, tmp_path / "travels.tar")
    keep(here / ".unpacked", 7)
    assert unpack(tmp_path / "travels.tar", here) == 2
    assert read(here / "runs" / "lenetfc--mnist.json").seeds == [0, 1, 2]


def test_a_short_run_lies_apart_and_says_what_is_short(tmp_path, monkeypatch):
    calls = []

    def train_run(network, data, recipe, seed, output, **options):
        calls.append((network, data, recipe, output))
        keep(output, seed, network, data=data)

    monkeypatch.setattr(trainings, "train_run", train_run)
    [full], [piece] = (select([f"{begin}nin_light--fashion-mnist--seed0"]) for begin in ("", "short--"))
    assert run([piece], Settings(tmp_path, "cpu", None)) == (["short--nin_light--fashion-mnist--seed0"], [])
    paper = recipe("nin_light", "fashion-mnist")
    assert calls == [("nin_light", "fashion-mnist", replace(paper, epochs=1, batch_size=64), tmp_path / "short")]
    assert piece.done(tmp_path)
    assert not full.done(tmp_path)


@pytest.mark.parametrize("kind", ["mgnet", "equal", "full"])
def test_a_short_run_of_glimpses_changes_its_recipe_and_nothing_else(tmp_path, monkeypatch, kind):
    calls = []

    def train(kind, data, seed, output, *, setup, streamed, **options):
        calls.append((kind, data, seed, output, setup, streamed))

    monkeypatch.setattr(glimpse_pieces, "glimpse_run", train)
    [piece] = select([f"short--{kind}_small_cnn--canvas-fashion-mnist--seed0"])
    piece.run(Settings(tmp_path, "cpu", None))
    [full] = select([f"{kind}_small_cnn--canvas-fashion-mnist--seed0"])
    full.run(Settings(tmp_path, "cpu", None))
    canvas = SETUPS["canvas"]
    shorter = replace(canvas.recipe, epochs=4, batch_size=64, optimiser="adam", lr=2e-3, weight_decay=0.0)
    assert calls == [
        (f"{kind}_small_cnn", "canvas-fashion-mnist", 0, tmp_path / "short", replace(canvas, recipe=shorter), False),
        (f"{kind}_small_cnn", "canvas-fashion-mnist", 0, tmp_path, canvas, False),
    ]


def test_a_full_run_takes_the_place_of_a_short_one(tmp_path):
    assert short.where("nin--mnist", tmp_path) is None
    keep(tmp_path / "short", 0, "nin")
    assert short.where("nin--mnist", tmp_path) == tmp_path / "short"
    keep(tmp_path, 0, "nin")
    assert short.where("nin--mnist", tmp_path) == tmp_path


def test_where_nothing_is_held_out_the_training_accuracy_is_told(tmp_path):
    text = []
    on_epoch = Settings(tmp_path, "cpu", None, text.append).epochs_of("a", 1)
    on_epoch(History(train_loss=[1.0], train_accuracy=[0.5], val_accuracy=[float("nan")], seconds=[2.0]))
    assert text == ["a: epoch 1 of 1, training accuracy 0.5000, 2.0 s"]
