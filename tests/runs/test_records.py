import copy
import hashlib
import json
import math
import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import jsonschema
import PIL
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from c2f.runs.environment import environment
from c2f.runs.folder import SHIPPED
from c2f.runs.record import (
    Record,
    RecordError,
    Run,
    Statistic,
    add_run,
    difference,
    read,
    read_folder,
    statistic,
)
from c2f.runs.schema import SCHEMAS, checker

PARAMETERS = {"network": "lenetfc", "data": "mnist", "recipe": {"lr": 0.1, "epochs": 50, "image_size": None}}


def a_run(seed=0, **values):
    return Run(
        seed=seed,
        values={"test_accuracy": 0.9, "test_loss": 0.25, **values},
        details={"history": {"val_loss": [0.5, 0.25]}, "classes": ["a", "b"]},
        environment=environment("cpu", 1.5),
        files={"weights": {"file": f"lenetfc--mnist--seed{seed}.safetensors", "sha256": "0" * 64}},
    )


def write(folder, *runs, name="lenetfc--mnist", parameters=PARAMETERS):
    for run in runs:
        add_run(folder, name, "training", parameters, run)
    return folder / f"{name}.json"


def test_what_is_written_is_read_again(tmp_path):
    run = a_run(3)
    path = write(tmp_path, run)
    assert path == tmp_path / "lenetfc--mnist.json"
    assert read(path) == Record("lenetfc--mnist", "training", PARAMETERS, [run])
    assert read_folder(tmp_path) == {"lenetfc--mnist": read(path)}
    assert read_folder(tmp_path / "absent") == {}
    assert path.read_text().endswith("}\n")


def test_files_stand_by_their_folder(tmp_path):
    named = {"file": "lenetfc--mnist--contrast--minimal--seed0.safetensors", "sha256": "1" * 64}
    path = write(tmp_path, replace(a_run(0), files={"attacks": named, "adversarial": named}), a_run(1))
    record = read(path)
    assert record.file(0, "attacks") == record.file(0, "adversarial") == named
    with pytest.raises(RecordError, match="has no weights of seed 0; seeds there: "):
        record.file(0)
    with pytest.raises(RecordError, match="has no no-such-folder of seed 1"):
        record.file(1, "no-such-folder")


def test_records_of_schema_1_are_read_and_written_anew(tmp_path):
    """Weights, arrays and pictures had a place each; the runs of an attack left their arrays in ``attacks``."""
    path = add_old(tmp_path)
    (run,) = read(path).runs
    assert {folder: file["file"] for folder, file in run.files.items()} == {
        "attacks": "results.safetensors",
        "adversarial": "pictures.safetensors",
    }
    assert run.details == {"verified": 3}
    assert not run.fresh
    add_run(tmp_path, "old", "attack", {"network": "lenetfc"}, a_run(1))
    assert json.loads(path.read_text())["schema"] == 2
    assert read(path).runs[0] == run


def add_old(folder):
    def file(name):
        return {"file": f"{name}.safetensors", "sha256": "2" * 64}

    run = {"seed": 0, "values": {"success_rate": 1.5}, "details": {"verified": 3, "adversarial": file("pictures")}}
    run |= {"weights": None, "arrays": file("results"), "environment": environment("cpu", 1.0)}
    content = {"schema": 1, "name": "old", "kind": "attack", "parameters": {"network": "lenetfc"}, "runs": [run]}
    content["summary"] = {"success_rate": {"n": 1, "mean": 1.5, "sd": None}}
    content["checksum"] = hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()
    (folder / "old.json").write_text(json.dumps(content))
    return folder / "old.json"


def test_runs_are_kept_in_the_order_of_their_seeds_and_replaced_by_seed(tmp_path):
    path = write(tmp_path, a_run(2), a_run(0), a_run(1), a_run(2, test_accuracy=0.5))
    record = read(path)
    assert record.seeds == [0, 1, 2]
    assert record.values("test_accuracy") == [0.9, 0.9, 0.5]


def test_n_mean_and_sd_by_hand(tmp_path):
    assert statistic([1.0, 2.0, 4.0]) == Statistic(3, pytest.approx(7 / 3), pytest.approx(math.sqrt(7 / 3)))
    assert statistic([0.5]) == Statistic(1, 0.5, None)  # of one value nothing is known
    assert statistic([1.0, math.inf]) == Statistic(2, math.inf, None)
    assert f"{statistic([0.5, 0.7]).percent:.1f}" == "60.0\N{NO-BREAK SPACE}±\N{NO-BREAK SPACE}14.1"
    assert f"{statistic([0.5]):.2f}" == "0.50"
    with pytest.raises(ValueError, match="no values to take a mean of: give those of at least one run"):
        statistic([])
    path = write(tmp_path, *(a_run(seed, test_accuracy=value) for seed, value in enumerate([0.25, 0.5, 1.0])))
    found = json.loads(path.read_text())["summary"]["test_accuracy"]
    assert found == {"n": 3, "mean": pytest.approx(7 / 12), "sd": pytest.approx(1.5275252316519468 / 4)}
    assert read(path).summary["test_loss"] == Statistic(3, 0.25, 0.0)


def test_only_what_all_runs_have_is_summarised(tmp_path):
    record = read(write(tmp_path, a_run(0, val_accuracy=0.8), a_run(1)))
    assert list(record.summary) == ["test_accuracy", "test_loss"]


@settings(max_examples=15)
@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
        lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
        max_leaves=8,
    ),
    st.floats(allow_nan=False, allow_infinity=False),
)
def test_every_value_comes_back_bit_for_bit(tmp_path_factory, detail, value):
    run = Run(0, {"x": value}, {"detail": detail}, environment_of_none())
    path = write(tmp_path_factory.mktemp("records"), run)
    assert read(path).runs == [run]


def environment_of_none():
    return dict.fromkeys(SCHEMAS[2]["properties"]["runs"]["items"]["properties"]["environment"]["required"])


def test_numbers_that_json_has_no_word_for_become_null(tmp_path):
    run = a_run()
    run.details["history"]["val_loss"] = [float("nan"), float("inf"), (1.0, float("-inf"))]
    text = write(tmp_path, run).read_text()
    assert "NaN" not in text
    assert "Infinity" not in text
    assert read(tmp_path / "lenetfc--mnist.json").runs[0].details["history"]["val_loss"] == [None, None, [1.0, None]]


@pytest.mark.parametrize("bad", [float("nan"), float("inf")])
def test_a_value_that_is_no_number_is_refused(tmp_path, bad):
    with pytest.raises(
        RecordError, match=r"not a valid record: \$\.runs\[0\]\.values\.test_accuracy must be number, not None"
    ):
        write(tmp_path, a_run(test_accuracy=bad))
    assert not (tmp_path / "lenetfc--mnist.json").exists()


def test_the_schema_is_a_schema_and_records_follow_it(tmp_path):
    jsonschema.Draft202012Validator.check_schema(SCHEMAS[2])
    jsonschema.validate(json.loads(write(tmp_path, a_run(0), a_run(1)).read_text()), SCHEMAS[2])


JSON = st.none() | st.booleans() | st.integers(-1, 3) | st.floats(-1, 2) | st.text("a.", max_size=3)
JSON |= st.just([]) | st.just({}) | st.just({"seed": 1}) | st.just({"file": "a.safetensors", "sha256": "0" * 64})


@settings(max_examples=300)
@given(st.integers(0, 10**6), JSON, st.booleans())
def test_what_is_refused_is_what_jsonschema_refuses(place, value, removed):
    record = Record("a--mnist", "training", {"data": "mnist"}, [replace(a_run(0), files={"weights": FILE}), a_run(1)])
    content = json.loads(record.to_json())
    places = list(_places(content))
    holder, key = places[place % len(places)]
    if removed:
        del holder[key]
    else:
        holder[key] = value
    valid = jsonschema.Draft202012Validator(SCHEMAS[2]).is_valid(content)
    assert (CHECK(content) is None) == valid


CHECK = checker(SCHEMAS[2])
FILE = {"file": "a.safetensors", "sha256": "1" * 64}


def _places(content):
    """Everything in ``content`` that can be replaced or removed, as its holder and its key there."""
    for key, value in content.items() if isinstance(content, dict) else enumerate(content):
        yield content, key
        if isinstance(value, dict | list):
            yield from _places(value)


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("name", "Has Spaces"),
        ("kind", ""),
        ("runs", []),
        ("runs.0.seed", -1),
        ("runs.0.seed", "0"),
        ("runs.0.values", {}),
        ("runs.0.environment", {}),
        ("runs.0.files.weights", {"file": "../../evil.safetensors", "sha256": "0" * 64}),
        ("runs.0.files.weights", {"file": "weights.pkl", "sha256": "0" * 64}),
        ("runs.0.files.weights", {"file": "weights.safetensors", "sha256": "0"}),
        ("runs.0.files.weights", {"file": "weights.safetensors"}),
        ("runs.0.files.attacks", None),
        ("runs.0.files.attacks", {"file": "arrays.safetensors"}),
        ("runs.0.files.attacks", {"file": "../arrays.safetensors", "sha256": "0" * 64}),
        ("runs.0.note", "by hand"),
        ("note", "by hand"),
        ("schema", 3),
        ("checksum", "no"),
        ("summary", None),
    ],
)
def test_what_is_not_valid_is_refused(tmp_path, field, value):
    path = write(tmp_path, a_run())
    content = json.loads(path.read_text())
    *way, last = field.split(".")
    place = content
    for step in way:
        place = place[int(step) if step.isdigit() else step]
    place[last] = value
    path.write_text(json.dumps(content))
    with pytest.raises(RecordError, match=r"not a valid record: \$.* must "):
        read(path)


def test_every_changed_digit_is_noticed(tmp_path):
    text = write(tmp_path, a_run(0, test_accuracy=0.9125), a_run(1, test_accuracy=0.9375)).read_text()
    path = tmp_path / "lenetfc--mnist.json"
    read(path)  # sound, which is remembered of the text, not of the place
    for before, after in (
        ('"test_accuracy": 0.9125', '"test_accuracy": 0.9126'),
        ('"mean": 0.925', '"mean": 0.926'),
        ('"epochs": 50', '"epochs": 51'),
        ('"seed": 1', '"seed": 2'),
        ('"sha256": "0000', '"sha256": "1000'),
        ('"name": "lenetfc--mnist"', '"name": "lenetfc--mnist2"'),
    ):
        assert text.count(before) >= 1, before
        path.write_text(text.replace(before, after, 1))
        with pytest.raises(
            RecordError, match=r"lenetfc--mnist\.json: was changed after it was written; records are never edited"
        ):
            read(path)
    path.write_text(json.dumps(json.loads(text)))  # another layout is not another content
    assert read(path).seeds == [0, 1]


def test_a_damaged_file_is_refused(tmp_path):
    path = write(tmp_path, a_run())
    whole = path.read_bytes()
    for broken in (whole[: len(whole) // 2], whole[:-3], b"", b"\xff\xfe", b"hello"):
        path.write_bytes(broken)
        with pytest.raises(RecordError, match=r"lenetfc--mnist\.json: damaged or truncated \(.*restore it or run the"):
            read(path)
    for other in (b"[]", b"3", b"{}"):
        path.write_bytes(other)
        with pytest.raises(RecordError, match="not a valid record"):
            read(path)
    with pytest.raises(RecordError, match=r"there is no record .*absent\.json"):
        read(tmp_path / "absent.json")


def test_a_damaged_record_is_not_written_over(tmp_path):
    path = write(tmp_path, a_run())
    path.write_text(path.read_text()[:100])
    with pytest.raises(RecordError, match="damaged or truncated"):
        write(tmp_path, a_run(1))
    assert len(path.read_text()) == 100


def test_runs_of_other_parameters_are_refused_and_the_difference_is_named(tmp_path):
    path = write(tmp_path, a_run())
    before = path.read_bytes()
    other = copy.deepcopy(PARAMETERS)
    other["recipe"]["lr"] = 0.2
    other["merge"] = "sum"
    with pytest.raises(
        RecordError,
        match=r"lenetfc--mnist\.json holds runs with other parameters: recipe\.lr 0\.1 there and 0\.2 here, "
        r"merge None there and 'sum' here; choose another folder",
    ):
        write(tmp_path, a_run(1), parameters=other)
    assert path.read_bytes() == before
    assert difference({"a": 1}, {"b": {"c": 2}}) == (
        "holds runs with other parameters: a 1 there and None here, b.c None there and 2 here"
    )


def test_a_record_without_runs_is_refused():
    with pytest.raises(RecordError, match=r"not a valid record: \$\.runs must contain at least 1 items, not \[\]"):
        Record("empty", "training", {}).to_json()


ADDER = """
import sys
from pathlib import Path
from c2f.runs.record import Run, add_run
from c2f.runs.schema import SCHEMAS, checker
environment = dict.fromkeys(SCHEMAS[2]["properties"]["runs"]["items"]["properties"]["environment"]["required"])
print("ready", flush=True)
sys.stdin.readline()
for i in range(12):
    add_run(Path(sys.argv[1]), "shared", "training", {}, Run(int(sys.argv[2]) + 2 * i, {"x": i}, {}, environment))
"""


def test_two_processes_that_write_at_once_lose_nothing(tmp_path):
    root = Path(__file__).parents[2]
    command = [sys.executable, "-c", ADDER, str(tmp_path)]
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "cwd": root, "text": True}
    both = [subprocess.Popen([*command, str(first)], **pipes) for first in (0, 1)]
    for process in both:
        assert process.stdout.readline() == "ready\n"
    for process in both:
        process.stdin.write("go\n")
        process.stdin.flush()
    for process in both:
        process.communicate()
        assert process.returncode == 0
    assert read(tmp_path / "shared.json").seeds == list(range(24))
    assert list(read_folder(tmp_path)) == ["shared"]  # the lock is no record


def test_the_environment_tells_where_and_with_what(tmp_path):
    found = environment("cpu", 12.34567)
    assert found["seconds"] == 12.346
    assert found["threads"] >= 1
    assert found["peak_memory_bytes"] > 50e6
    used = {"torch", "torchvision", "numpy", "scipy", "pillow", "scikit-image", "safetensors", "foolbox"}
    assert set(found["versions"]) - {"pyautoattack"} == {"c2f", "python", *used}
    assert found["versions"]["pillow"] == PIL.__version__
    assert found["commit"] is None or len(found["commit"].rstrip("+")) == 40
    assert found["finished"].endswith("+00:00")
    json.dumps(found)


def test_all_records_that_ship_are_whole(tmp_path):
    paths = [path for folder in (SHIPPED, SHIPPED / "short") for path in sorted((folder / "runs").glob("*.json"))]
    if not paths:
        pytest.skip("no reference runs ship yet")
    for path in paths:
        record = read(path)
        assert record.name == path.stem
        assert record.seeds == sorted(set(record.seeds))
        written = json.loads(path.read_text())["summary"]
        said = json.loads(record.to_json())["summary"]
        assert list(written.values()) == list(said.values())
        assert written.keys() == said.keys() or record.kind == "ablation"  # whose scales had other names
        again = tmp_path / path.name  # schema 1 as schema 2: what is said stays
        again.write_text(record.to_json())
        assert read(again) == record


def written_anew(path, tmp_path, **changes):
    """Return the record at ``path`` with other content, its checksum made anew, under the same file name elsewhere."""
    content = json.loads(path.read_text()) | changes
    body = {key: value for key, value in content.items() if key != "checksum"}
    content["checksum"] = hashlib.sha256(json.dumps(body, sort_keys=True).encode()).hexdigest()
    there = tmp_path / "elsewhere" / path.name
    there.parent.mkdir(exist_ok=True)
    there.write_text(json.dumps(content))
    return there


def test_a_record_that_contradicts_itself_is_refused(tmp_path):
    path = write(tmp_path, a_run(0), a_run(1))
    content = json.loads(path.read_text())
    shutil.copy(path, tmp_path / "lenetfc--fashion-mnist.json")
    with pytest.raises(RecordError, match=r"lenetfc--fashion-mnist.json: it is the record of lenetfc--mnist"):
        read(tmp_path / "lenetfc--fashion-mnist.json")
    other_data = written_anew(path, tmp_path, parameters=content["parameters"] | {"data": "fashion-mnist"})
    with pytest.raises(RecordError, match="its name does not say its data, fashion-mnist"):
        read(other_data)
    first, second = content["runs"]
    for runs, message in (
        ([first, second | {"seed": 0}], "its seeds are 0, 0"),
        ([first | {"seed": 0.0}], "its seeds are 0.0"),
        (
            [first | {"values": first["values"] | {"test_accuracy": 7.5}}],
            r"test_accuracy of seed 0 is 7.5, not in \[0, 1\]",
        ),
        ([first | {"values": first["values"] | {"test_loss": math.nan}}], "damaged or truncated .NaN is no number"),
    ):
        with pytest.raises(RecordError, match=message):
            read(written_anew(path, tmp_path, runs=runs))
    for text in ("[" * 100_000, f'{{"schema": {"9" * 5000}}}'):
        (tmp_path / "deep.json").write_text(text)
        with pytest.raises(RecordError, match=r"deep.json: damaged or truncated"):
            read(tmp_path / "deep.json")
