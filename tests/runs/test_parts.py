"""Work in parts: made once, several at a time, timed by the clock, ended by an error without losing what is done."""

import threading
import time

import pytest
import torch

from c2f.runs.parts import PartialResults


@pytest.fixture
def two_threads():
    before = torch.get_num_threads()
    torch.set_num_threads(2)
    yield
    torch.set_num_threads(before)


def waiting(name, seen=None):
    def make():
        time.sleep(0.2)
        if seen is not None:
            seen.append((threading.current_thread(), torch.get_num_threads()))
        return name.upper()

    return make


@pytest.mark.usefixtures("two_threads")
def test_several_parts_at_a_time_are_those_one_after_the_other(tmp_path):
    found, seconds = {}, {}
    for workers in (1, 2):
        seen = []
        parts = PartialResults(tmp_path / f"{workers}", {})
        found[workers] = parts.get_all({name: waiting(name, seen) for name in "abcd"}, workers)
        seconds[workers] = parts.seconds
        assert len({thread for thread, _ in seen}) == workers
        assert {threads for _, threads in seen} == {2 if workers == 1 else 1}
    assert found[1] == found[2] == {"a": "A", "b": "B", "c": "C", "d": "D"}
    assert list(found[2]) == list("abcd")
    # by the clock: what two do at the same time is counted once
    assert 0.8 <= seconds[1] < 1.2
    assert 0.4 <= seconds[2] < 0.75
    assert torch.get_num_threads() == 2
    numbers = []
    late = threading.Thread(target=lambda: numbers.append(torch.get_num_threads()))
    late.start()
    late.join()
    assert numbers == [2]


@pytest.mark.parametrize("workers", [1, 2])
def test_an_error_keeps_what_is_done(tmp_path, workers):
    def failing():
        time.sleep(0.1)
        raise KeyboardInterrupt

    made = []
    names = ["first", "second", "bad", *(f"later {i}" for i in range(20))]
    makes = {name: waiting(name, made) for name in names} | {"bad": failing}
    with pytest.raises(KeyboardInterrupt):
        PartialResults(tmp_path / "parts", {}).get_all(makes, workers)
    there = {path.name for path in PartialResults.files(tmp_path / "parts")}
    assert {"parts--first.part", "parts--second.part"} <= there
    assert len(there) == len(made) <= 2 + 2  # nothing is begun once it is known, and no part under way is lost
    makes["bad"] = waiting("bad")
    parts = PartialResults(tmp_path / "parts", {})
    assert list(parts.get_all(makes, workers)) == names
    assert len(made) == len(names) - 1  # each once
    assert parts.seconds > 0.2 * len(names) / workers


def test_tensors_come_back_as_they_were_and_a_damaged_file_is_made_anew(tmp_path):
    value = {"maps": torch.rand(2, 3), "facts": [1.5, {"found": torch.tensor([True, False])}], "nothing": None}
    made = []

    def make():
        made.append(1)
        return value

    for _ in range(2):
        found = PartialResults(tmp_path / "x", {}).get("a / b", make)
        assert found["maps"].equal(value["maps"])
        assert found["facts"][1]["found"].equal(value["facts"][1]["found"])
        assert (found["facts"][0], found["nothing"]) == (1.5, None)
    assert len(made) == 1
    (file,) = PartialResults.files(tmp_path / "x")
    file.write_bytes(file.read_bytes()[:40])
    parts = PartialResults(tmp_path / "x", {})
    parts.get("a / b", make)
    assert len(made) == 2
    parts.remove()
    assert list(tmp_path.iterdir()) == []
