"""The page of what ran: of chapters and records as jobs leave them, made here."""

import json
from datetime import UTC, datetime, timedelta

import pytest

from c2f.book.ran import page, ran
from c2f.common import versions
from c2f.runs.record import Run, add_run

NOW = datetime.now(UTC).replace(microsecond=0)


def environment(device, finished, seconds, **more):
    told = {"commit": None, "peak_memory_bytes": 1, "threads": 1, "versions": {"torch": "2.15.0+cu132"}}
    return {**told, "device": device, "finished": finished.isoformat(), "seconds": seconds, **more}


def chapter(path, gpu, driver, ended=True):
    made = {"date": NOW.isoformat(timespec="minutes"), "processor": "CPU|X", "versions": {"torch": "2.15.0"}}
    about = {"chapter": path.stem, "profile": "paper", "ended": ended, "seconds": 3725.4, "gpu": gpu}
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps({"cells": [], "metadata": {"c2f": {**about, "made": made | driver}}}))


@pytest.fixture
def jobs(tmp_path):
    chapter(tmp_path / "02-b" / "02-b.ipynb", "H200", {"driver": "570.86.15"})
    chapter(tmp_path / "01-a" / "01-a.ipynb", "", {}, ended=False)
    runs = tmp_path / "reference" / "runs"
    for seed, days in ((0, 30), (1, 1)):
        there = environment("H200", NOW - timedelta(days=days), 7200, driver="570.86.15")
        add_run(runs, "net", "training", {}, Run(seed, {"x": 1.0}, {}, there))
    add_run(
        tmp_path / "sweep" / "out" / "runs", "net", "training", {}, Run(0, {"x": 1.0}, {}, environment("CPU", NOW, 1))
    )
    (tmp_path / "sweep" / "draft.ipynb").write_text('{"cells": [], "metadata": {}}')
    return tmp_path


def test_what_ran_is_told_by_job_and_time(jobs):
    assert [(one.job, one.what, one.state, one.device, one.driver) for one in ran(jobs)] == [
        ("01-a", "01-a, paper", "stopped", "CPU|X", "-"),
        ("02-b", "02-b, paper", "done", "H200", "570.86.15"),
        ("reference", "net, seed 0", "done", "H200", "570.86.15"),
        ("reference", "net, seed 1", "done", "H200", "570.86.15"),
        ("sweep", "net, seed 0", "done", "CPU", "-"),
    ]
    assert [one.what for one in ran(jobs, days=7) if one.job == "reference"] == ["net, seed 1"]


def test_the_page_adds_up_and_shows_each(jobs, c2f):
    status, text, _ = c2f("ran", jobs, "--days", 7)
    assert status == 0
    assert "| H200 | 570.86.15 | 2.15.0+cu132 | 1 | 2.0 |" in text
    assert "| H200 | 570.86.15 | 2.15.0 | 1 | 1.0 |" in text
    assert f"| 02-b | 02-b, paper | done | {NOW:%Y-%m-%d %H:%M} | 1:02:05 | H200 | 570.86.15 | 2.15.0 |" in text
    assert "CPU\\|X" in text
    rows = [line for line in text.splitlines() if line.startswith("|")]
    assert len({line.replace("\\|", "").count("|") for line in rows[:5]}) == 1


def test_what_is_damaged_is_named_and_hides_nothing(jobs):
    (jobs / "reference" / "runs" / "net.json").write_text("{")
    (jobs / "02-b" / "02-b.ipynb").write_text("[]")
    found = {one.job: (one.what, one.state) for one in ran(jobs, days=7)}
    assert found["reference"] == ("net.json", "unreadable")
    assert found["02-b"] == ("02-b.ipynb", "unreadable")
    assert found["sweep"] == ("net, seed 0", "done")
    assert "| 02-b | 02-b.ipynb | unreadable | - | - | - | - | - |" in page(ran(jobs))


@pytest.mark.parametrize(
    ("arguments", "said"), [(("no",), "there is no folder"), ((".", "--days", 0), "above 0, not 0")]
)
def test_what_will_not_do_is_refused(c2f, arguments, said):
    status, _, told = c2f("ran", *arguments)
    assert (status, said in told) == (2, True)


def test_an_empty_folder_has_nothing(tmp_path):
    assert page(ran(tmp_path)) == "# What ran\n\nNothing.\n"


def test_the_driver_is_what_the_system_says(tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", str(tmp_path))
    assert versions.driver() is None
    (tmp_path / "nvidia-smi").write_text("#!/bin/sh\necho 570.86.15\necho 570.86.15\n")
    (tmp_path / "nvidia-smi").chmod(0o755)
    assert versions.driver() == "570.86.15"
