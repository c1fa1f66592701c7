"""What a sweep's file asks for, and what is refused before any job."""

import pytest
import yaml

from c2f.sweep import plan, run
from c2f.sweep.job import Jobs

TRAIN = {"networks": ["lenetfc", "lenetfc_td"], "data": ["fashion-mnist-sample"], "seeds": [0, 1]}
ATTACK = {**TRAIN, "attacks": ["contrast", "shifts"]}
RUN = {"chapters": [1, "04-which-scale-is-fragile"], "profile": "smallest", "parameters": {"seed": [0, 1]}}


@pytest.fixture
def read(tmp_path):
    def read(content):
        path = tmp_path / "sweep.yaml"
        path.write_text(content if isinstance(content, str) else yaml.safe_dump(content, sort_keys=False))
        return plan.read(path)

    return read


def test_every_combination_is_a_job_and_attacks_come_after_the_trainings_they_need(read, tmp_path):
    options = {"epochs": 1, "pixel_mean": True, "lr": "1e-3"}
    train, output = {**TRAIN, "options": options}, str(tmp_path / "out")
    found = read({"output": output, "threads": 2, "attack": [ATTACK], "train": [train], "run": [RUN]})
    jobs = found.jobs.jobs
    assert [name.partition("/")[0] for name in jobs] == 4 * ["train"] + 8 * ["attack"] + 4 * ["run"]
    trained = jobs["train/lenetfc_td--fashion-mnist-sample--seed1"]
    words = "train lenetfc_td fashion-mnist-sample --epochs 1 --pixel-mean True --lr 1e-3 --seeds 1 --output"
    assert trained.command == [*words.split(), output]
    attacked = jobs["attack/lenetfc_td--fashion-mnist-sample--shifts--minimal--seed1"]
    assert attacked.needs == [trained.name]
    assert attacked.command[-4:] == ["--attacks", "shifts", "--weights", output]
    chapter = jobs["run/04-which-scale-is-fragile--seed-1"]
    assert {"profile": chapter.command[3], "seed": chapter.command[5]} == {"profile": "smallest", "seed": "seed=1"}
    outputs = [word for job in jobs.values() for word in job.command if word.startswith("output=")]
    assert len(set(outputs)) == len(outputs) == 2  # chapter 1 writes nothing
    found.jobs.write(tmp_path / "plan.json")
    assert Jobs.read(tmp_path / "plan.json") == found.jobs


def test_attacks_take_the_books_weights_where_the_sweep_trains_none(read):
    attack = {**ATTACK, "data": ["fashion-mnist"], "attacks": ["contrast"]}
    job, *_ = read({"attack": [{**attack, "options": {"test_data": "fashion-mnist-sample"}}]}).jobs.jobs.values()
    assert (job.needs, "--weights" in job.command) == ([], False)


def test_a_densenet_is_attacked_by_the_same_names(read):
    half = {"networks": ["densenet_half"], "data": ["scenes-fashion-mnist"], "seeds": [0], "attacks": ["contrast"]}
    half["options"] = {"test_data": "scenes-fashion-mnist-sample"}
    (job,) = read({"attack": [half]}).jobs.jobs.values()
    assert job.name == "attack/densenet_half--scenes-fashion-mnist--contrast--minimal--seed0"


def test_attacks_that_lie_apart_take_the_weights_that_they_name(read):
    apart = {**ATTACK, "attacks": ["contrast"], "folder": "few", "options": {"pictures": 20, "weights": "out"}}
    *_, job = read({"output": "out", "train": [TRAIN], "attack": [apart]}).jobs.jobs.values()
    assert job.name == "attack/few--lenetfc_td--fashion-mnist-sample--contrast--minimal--seed1"
    assert job.needs == ["train/lenetfc_td--fashion-mnist-sample--seed1"]
    assert job.result.startswith("out/few/runs/")
    assert job.command[3:7] == ["--pictures", "20", "--weights", "out"]


def test_the_full_model_waits_for_the_half_model(read):
    both = {"networks": ["densenet_half", "densenet_full"], "data": ["fashion-mnist-sample"], "seeds": [3]}
    half, full = read({"train": [both]}).jobs.jobs.values()
    assert full.needs == [half.name]


def test_what_is_known_of_the_cost_and_what_is_not(read, tmp_path, monkeypatch):
    monkeypatch.setattr("c2f.reference.costs.measure_step", lambda trial, precision: 1.0)
    glimpses = {**TRAIN, "networks": ["mgnet_small_cnn"]}
    entries = run.plan(read({"output": str(tmp_path), "train": [TRAIN, glimpses], "run": [RUN]}))
    first, glimpse, chapter = entries[0], entries[4], entries[-1]
    assert first.minutes > 0
    assert (glimpse.minutes, chapter.minutes) == (None, None)


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("a: [", "is not YAML"),
        ("- train", "must map 'output' to a folder"),
        ("output: out", "asks for nothing"),
        ({"trian": [TRAIN]}, "unknown key 'trian'; did you mean 'train'?"),
        ({"threads": 0, "train": [TRAIN]}, "threads must be a whole number of at least 1, not 0"),
        ({"output": 3, "train": [TRAIN]}, "output must be str: a string, not the int 3"),
        ({"train": TRAIN}, "train must be a list of entries"),
        ({"train": [{**TRAIN, "network": "nin"}]}, "train, entry 1: unknown key 'network'; did you mean 'networks'?"),
        ({"train": [{**TRAIN, "networks": "lenetfc"}]}, "write [lenetfc] for a list of one"),
        ({"train": [{**TRAIN, "networks": []}]}, "'networks' must not be empty"),
        ({"train": [{"networks": ["nin"], "seeds": [0]}]}, "'data' is missing"),
        ({"train": [{**TRAIN, "networks": ["lenetfc_dt"]}]}, "did you mean 'lenetfc_td'?"),
        ({"train": [{**TRAIN, "data": ["fashion-mist"]}]}, "did you mean 'fashion-mnist'?"),
        ({"train": [{**TRAIN, "data": ["folder:nowhere"]}]}, "there is no folder nowhere"),
        ({"train": [{**TRAIN, "seeds": [0, -1]}]}, "seed must be a whole number of at least 0, not -1"),
        ({"train": [{**TRAIN, "seeds": [0, 1.5]}]}, "seeds must be list[int]: item 1: a whole number"),
        ({"train": [{**TRAIN, "seeds": [0, 0]}]}, "--seed0 is asked for twice"),
        ({"train": [TRAIN, {**TRAIN, "options": {"lr": 0.2}}]}, "give the entry a 'folder' of its own"),
        ({"train": [{**TRAIN, "folder": "../up"}]}, "folder must be a name of letters"),
        ({"train": [{**TRAIN, "options": {"epcohs": 1}}]}, "unknown option 'epcohs'; did you mean 'epochs'?"),
        ({"train": [{**TRAIN, "options": {"epochs": 1.5}}]}, "Error parsing --epochs: no type matching {None}|INT"),
        ({"train": [{**TRAIN, "options": {"lr": -1}}]}, "lr must be a number above 0, not -1.0"),
        ({"train": [{**TRAIN, "options": {"merge": "summ"}}]}, "unknown merge 'summ'; did you mean 'sum'?"),
        ({"train": [{**TRAIN, "options": {"seeds": 1}}]}, "option 'seeds' is the sweep's own"),
        ({"train": [{**TRAIN, "options": [1]}]}, "options must map names to values, not [1]"),
        ({"train": [{**TRAIN, "options": {"lr": {"a": 1}}}]}, "must be a value or a list of values"),
        ({"attack": [{**ATTACK, "attacks": ["contrast", "blurr"]}]}, "unknown attack 'blurr'"),
        ({"attack": [{**ATTACK, "seeds": [77]}]}, "has no weights of seed 77: train it in this sweep, or make it"),
        ({"attack": [{**ATTACK, "options": {"test_data": "fashion-mist"}}]}, "did you mean 'fashion-mnist'?"),
        ({"attack": [{**ATTACK, "options": {"restarts": 0}}]}, "restarts must be a whole number of at least 1"),
        ({"attack": [{**ATTACK, "networks": ["segmentation_td"]}]}, "of kind segmentation, is not attacked"),
        ({"attack": [{**ATTACK, "networks": ["mgnet_small_cnn"]}]}, "has no attacks to choose"),
        ({"run": [{**RUN, "chapters": [77]}]}, "unknown chapter '77'"),
        ({"run": [{**RUN, "profile": "papre"}]}, "unknown profile 'papre'"),
        ({"run": [{**RUN, "parameters": {"seeed": [1]}}]}, "unknown parameter 'seeed'; did you mean 'seed'?"),
        ({"run": [{**RUN, "parameters": {"seed": ["one"]}}]}, "parameter 'seed' must be int"),
        ({"run": [{**RUN, "parameters": {"seed": 1}}]}, "parameter 'seed' must have a list of values, not 1"),
    ],
)
def test_what_is_wrong_is_named_before_any_job(read, content, said):
    with pytest.raises((ValueError, FileNotFoundError)) as refused:
        read(content)
    assert said in str(refused.value)
    assert "sweep.yaml" in str(refused.value)


def test_a_file_that_is_not_there(tmp_path):
    with pytest.raises(FileNotFoundError, match="there is no file"):
        plan.read(tmp_path / "none.yaml")
