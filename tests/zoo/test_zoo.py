import math

import pytest
import torch
from safetensors import safe_open
from safetensors.torch import load_file, save_file

from c2f import datasets, networks, zoo
from c2f.common.files import sha256
from c2f.runs import folder
from c2f.runs.environment import environment
from c2f.runs.folder import SHIPPED, find_run, folder_with, holds, how_to_make, records_of, run_name, save_weights
from c2f.runs.record import RecordError, Run, add_run, read, read_folder
from tests.runs.test_records import a_run

PARAMETERS = {
    "network": "lenetfc_td",
    "data": "mnist",
    "in_channels": 1,
    "num_classes": 4,
    "image_size": 8,
    "merge": "concat",
    "scaler": "max_pool",
    "recipe": {},
}
ABOUT = {"classes": ["a", "b", "c", "d"]}
NAME = "lenetfc_td--mnist"
REMEDY = r"make it with `c2f train lenetfc_td mnist --profile paper --seeds {} --output .*`$"


def trained(seed):
    network = networks.build("lenetfc_td", 1, 4, 8, merge="concat", scaler="max_pool", seed=seed)
    for _ in range(3):  # the running statistics are part of the weights
        network(torch.rand(8, 1, 8, 8))
    return network


@pytest.fixture
def output(tmp_path):
    for seed in (0, 2):
        weights = save_weights(tmp_path, NAME, seed, trained(seed), PARAMETERS)
        run = Run(seed, {"test_accuracy": 0.5}, ABOUT, environment("cpu", 1), {"weights": weights})
        add_run(tmp_path / "runs", NAME, "training", PARAMETERS, run)
    return tmp_path


@pytest.mark.parametrize("seed", [0, 2])
def test_a_network_comes_back_with_identical_logits(output, seed):
    torch.manual_seed(seed)
    network = trained(seed)
    weights = save_weights(output, NAME, seed, network, PARAMETERS)
    add_run(
        output / "runs",
        NAME,
        "training",
        PARAMETERS,
        Run(seed, {"x": 1}, ABOUT, environment("cpu", 1), {"weights": weights}),
    )
    loaded = zoo.load("lenetfc_td", "mnist", seed, output).network
    x = torch.rand(3, 1, 8, 8)
    with torch.no_grad():
        assert torch.equal(loaded(x), network.eval()(x))
    assert not loaded.training
    assert loaded.state_dict().keys() == network.state_dict().keys()


def test_the_file_says_what_it_holds_and_equal_weights_are_equal_files(output):
    path = output / "weights" / f"{NAME}--seed2.safetensors"
    with safe_open(path, "pt") as file:
        said = file.metadata()["c2f"]
    for word in ('"lenetfc_td"', '"mnist"', '"concat"', '"max_pool"', '"seed": 2'):
        assert word in said
    network = trained(0)
    entries = [save_weights(output, NAME, seed, network, PARAMETERS) for seed in (7, 7)]
    assert entries[0] == entries[1] == {"file": f"{NAME}--seed7.safetensors", "sha256": entries[0]["sha256"]}
    channels_last = network.to(memory_format=torch.channels_last)
    assert save_weights(output, NAME, 7, channels_last, PARAMETERS) == entries[0]


def test_a_network_that_is_not_top_down_has_neither_merge_nor_scaler_on_its_label(tmp_path):
    about = {"network": "densenet_half", "data": "mnist", "image_size": 8}
    save_weights(tmp_path, "x", 3, torch.nn.Linear(1, 1), about)
    with safe_open(tmp_path / "weights" / "x--seed3.safetensors", "pt") as file:
        said = file.metadata()["c2f"]
    label = '"merge": "none", "scaler": "none", "image_size": "8", "seed": 3'
    assert said == f'{{"network": "densenet_half", "data": "mnist", {label}}}'  # to the letter: it is in the checksum


def test_what_a_folder_holds(output, tmp_path, monkeypatch):
    assert find_run(output, NAME, 2, PARAMETERS).seed == 2
    assert find_run(output, NAME, 1, PARAMETERS) is None
    assert find_run(output / "empty", NAME, 2, {}) is None
    with pytest.raises(RecordError, match="image_size 8 there and 9 here; choose another folder"):
        find_run(output, NAME, 2, {**PARAMETERS, "image_size": 9})
    assert [holds(output, NAME, seed) for seed in (0, 1, 2)] == [True, False, True]
    monkeypatch.setattr(folder, "SHIPPED", output)
    other = tmp_path / "other"
    assert [folder_with(other, NAME, seed) for seed in (0, 1)] == [output, other]  # nobody has seed 1: make it here
    assert [record.name for record in records_of("training")] == [NAME]
    assert records_of("attack") == []


def test_a_remedy_of_two_commands_names_the_folder_in_both():
    assert how_to_make("there", "train a", "train b") == (
        "make it with `c2f train a --output there`, then `c2f train b --output there`"
    )


def test_what_there_is(output, tmp_path_factory):
    without = Run(5, {"test_accuracy": 0.5}, {}, environment("cpu", 1))
    add_run(output / "runs", NAME, "training", PARAMETERS, without)
    add_run(output / "runs", "other", "robustness", {}, a_run())
    assert zoo.available(output) == [("lenetfc_td", "mnist", 0), ("lenetfc_td", "mnist", 2)]
    assert zoo.available(tmp_path_factory.mktemp("empty")) == []
    assert zoo.record("lenetfc_td", "mnist", output).seeds == [0, 2, 5]


def refused(output, message, network="lenetfc_td", data="mnist", seed=0):
    with pytest.raises(RecordError, match=message):
        zoo.load(network, data, seed, output)


def test_changed_weights_are_refused(output):
    path = output / "weights" / f"{NAME}--seed0.safetensors"
    data = bytearray(path.read_bytes())
    data[-1] ^= 1
    path.write_bytes(data)
    refused(
        output,
        r"seed0\.safetensors is not the record's \(sha256 differs\): restore the file, or make it with .* --again",
    )
    path.write_bytes(data[:100])
    refused(output, "is not the record's")
    zoo.load("lenetfc_td", "mnist", 2, output)


def test_missing_weights_are_refused_with_what_to_run(output, tmp_path_factory):
    (output / "weights" / f"{NAME}--seed0.safetensors").unlink()
    refused(output, r"seed0\.safetensors is missing; " + REMEDY.format("0 --again"))
    refused(output, r"lenetfc_td--mnist has no weights of seed 1; seeds there: \[0, 2\]; " + REMEDY.format(1), seed=1)
    refused(
        output,
        r"there is no record .*lenetfc_td--cifar10\.json; make it with `c2f train lenetfc_td cifar10 ",
        data="cifar10",
    )
    refused(tmp_path_factory.mktemp("empty"), r"there is no record .*lenetfc_td--mnist\.json; " + REMEDY.format(0))
    without = Run(5, {"test_accuracy": 0.5}, {}, environment("cpu", 1))
    add_run(output / "runs", NAME, "training", PARAMETERS, without)
    refused(output, "lenetfc_td--mnist has no weights of seed 5", seed=5)


def test_without_a_folder_the_remedy_names_where_they_will_be(tmp_path, monkeypatch):
    monkeypatch.setattr(folder, "SHIPPED", tmp_path)
    refused(None, r"--profile paper --seeds 0 --output output` and give the folder 'output'$")
    assert zoo.available() == []


def test_weights_of_another_network_are_refused(output):
    path = output / "weights" / f"{NAME}--seed0.safetensors"
    save_file(networks.build("lenetfc", 1, 4, 8).state_dict(), path)
    other = Run(0, {"x": 1}, {}, environment("cpu", 1), {"weights": {"file": path.name, "sha256": sha256(path)}})
    add_run(output / "runs", NAME, "training", PARAMETERS, other)
    refused(output, r"seed0\.safetensors do not fit lenetfc_td: ")
    path.write_bytes(b"no weights at all")
    other = Run(0, {"x": 1}, {}, environment("cpu", 1), {"weights": {"file": path.name, "sha256": sha256(path)}})
    add_run(output / "runs", NAME, "training", PARAMETERS, other)
    refused(output, r"seed0\.safetensors do not fit lenetfc_td: ")


@pytest.mark.parametrize("change", [torch.Tensor.half, lambda x: x * math.nan, torch.Tensor.bool])
def test_weights_of_another_type_or_that_are_no_numbers_are_refused(output, change):
    path = output / "weights" / f"{NAME}--seed0.safetensors"
    save_file({name: change(value) for name, value in load_file(path).items()}, path)
    other = Run(0, {"x": 1}, {}, environment("cpu", 1), {"weights": {"file": path.name, "sha256": sha256(path)}})
    add_run(output / "runs", NAME, "training", PARAMETERS, other)
    refused(output, r"seed0\.safetensors do not fit lenetfc_td: .* is torch\..*, or holds NaN or infinity")


def test_an_unknown_network_and_a_damaged_record_are_refused(output):
    with pytest.raises(ValueError, match="unknown network 'lenetfc_dt'; did you mean 'lenetfc_td'"):
        zoo.load("lenetfc_dt", "mnist", output=output)
    with pytest.raises(ValueError, match=r"seed must be a whole number of at least 0, not 2\.0"):
        zoo.load("lenetfc_td", "mnist", 2.0, output=output)
    path = output / "runs" / f"{NAME}.json"
    path.write_text(path.read_text().replace('"seed": 2', '"seed": 1'))
    refused(output, "was changed after it was written")


@pytest.mark.parametrize(
    ("data", "name"),
    [
        ("mnist", "lenetfc--mnist"),
        ("folder:some/where/Pets", "lenetfc--folder-pets"),
        ("folder:some/where/pets/", "lenetfc--folder-pets"),
        ("folder:My Pictures (äöü)::test", "lenetfc--folder-my-pictures-------test"),
    ],
)
def test_names_of_runs_fit_a_record(tmp_path, data, name):
    assert run_name("lenetfc", data) == name
    add_run(tmp_path, name, "training", {}, a_run())
    assert read(tmp_path / f"{name}.json").name == name


def test_all_weights_that_ship_load():
    there = zoo.available()
    if not there:
        pytest.skip("no weights ship yet")
    for network, data, seed in there:
        run = next(run for run in zoo.record(network, data).runs if run.seed == seed)
        model = zoo.load(network, data, seed).network
        assert all(value.isfinite().all() for value in model.state_dict().values())
        trained = sum(p.numel() for p in model.parameters() if p.requires_grad)
        assert trained == zoo.record(network, data).parameters["trained_parameters"]
        assert "weights" in run.files
    records = read_folder(SHIPPED / "runs").values()
    files = {run.files["weights"]["file"] for record in records for run in record.runs if "weights" in run.files}
    assert {path.name for path in (SHIPPED / "weights").glob("*")} == files  # and no others


@pytest.mark.parametrize("network", ["lenetfc", "lenetfc_td"])
def test_shipped_weights_are_as_good_as_their_record_says(network):
    """On a thousand of the full test set's pictures: the record's accuracy within chance."""
    if (network, "fashion-mnist", 0) not in zoo.available():
        pytest.skip("no weights ship yet")
    test = datasets.load("fashion-mnist-sample").test.select(torch.arange(0, 2000, 2))
    recorded = zoo.record(network, "fashion-mnist").runs[0].values["test_accuracy"]
    with torch.inference_mode():
        logits = zoo.load(network, "fashion-mnist").network(test.images.float() / 255)
    accuracy = float((logits.argmax(dim=1) == test.labels).double().mean())
    assert accuracy == pytest.approx(recorded, abs=0.04)  # four deviations


def test_files_are_safetensors(output):
    assert load_file(output / "weights" / f"{NAME}--seed0.safetensors").keys() == trained(0).state_dict().keys()
