"""Sweeps that are carried out: jobs and whole calls are killed, and what is done is not done again."""

import importlib.util
import os
import signal
import subprocess
import sys
import threading
import time
from collections import Counter

import pandas as pd
import psutil
import pytest
import yaml

from c2f.common.files import write_text
from c2f.runs.record import read_folder
from c2f.sweep import run
from c2f.sweep.job import GPUS, Job, Jobs, _take_gpu
from c2f.sweep.plan import read
from tests.toys import write_colours

pytestmark = pytest.mark.skipif(os.name == "nt", reason="jobs are begun by bash")
TINY = {"image_size": 16, "epochs": 1, "batch_size": 8, "device": "cpu", "engine": "plain"}
KILLED = "train/lenetfc--folder-colours--seed2"


@pytest.fixture
def colours(tmp_path, monkeypatch):
    """Go to a folder with a small data set, ``folder:colours``."""
    for part in ("train", "test"):
        write_colours(tmp_path / "colours" / part)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join(sys.path))
    return "folder:colours"


def call(file, *more, **how):
    return subprocess.Popen([sys.executable, "-m", "c2f", "sweep", str(file), *more], text=True, **how)


def finished(file):
    done = call(file, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    text, _ = done.communicate()
    return done.returncode, text


def wait_for(found, seconds=600):
    end = time.monotonic() + seconds
    while not (value := found()) and time.monotonic() < end:
        time.sleep(0.05)
    assert value, "it did not come"
    return value


def processes_of(job):
    return [p for p in psutil.process_iter(["cmdline"]) if job in (p.info["cmdline"] or [])]


def kill_when_it_runs(log, job):
    wait_for(log.exists)
    for process in processes_of(job):
        process.kill()


def test_of_twelve_jobs_one_is_killed_the_others_finish_and_only_it_is_done_again(colours, tmp_path):
    pair = {"networks": ["lenetfc", "lenetfc_td"], "data": [colours], "seeds": [0, 1]}
    one = {**pair, "networks": ["lenetfc"]}
    attacked = {"options": {"pictures": 6, "restarts": 1, "device": "cpu"}}
    sweep = {
        "output": "out",
        "train": [{**pair, "options": TINY}, {**one, "seeds": [2], "options": TINY}],
        "attack": [{**pair, "attacks": ["contrast"], **attacked}, {**one, "attacks": ["shifts"], **attacked}],
        "run": [{"chapters": [1], "profile": "smallest"}],
    }
    file = tmp_path / "sweep.yaml"
    file.write_text(yaml.safe_dump(sweep, sort_keys=False))
    jobs = read(file).jobs
    assert len(jobs.jobs) == 12
    threading.Thread(target=kill_when_it_runs, args=(jobs.log(KILLED), KILLED), daemon=True).start()

    status, text = finished(file)
    assert status == 1, text
    assert f"{KILLED} failed" in text
    assert str(jobs.log(KILLED)) in text
    assert "11 of 12 jobs are done" in text
    assert jobs.missing == [KILLED]
    assert f"- `{KILLED}`" in (jobs.folder / "table.md").read_text()
    receipts = {name: jobs.receipt(name).read_bytes() for name in jobs.jobs if name != KILLED}

    status, text = finished(file)
    assert status == 0, text
    assert "12 jobs, 1 to do" in text
    assert jobs.missing == []
    assert {name: jobs.receipt(name).read_bytes() for name in receipts} == receipts
    begun = {name: jobs.log(name).read_text().count(" c2f ") for name in jobs.jobs}
    assert begun == {name: 2 if name == KILLED else 1 for name in jobs.jobs}
    assert read_folder(tmp_path / "out" / "runs")["lenetfc--folder-colours"].seeds == [0, 1, 2]

    table = pd.read_csv(jobs.folder / "table.csv")
    assert list(table.job) == list(jobs.jobs)
    assert table.done.all()
    assert table.threads.eq(1).all()
    assert Counter(table.columns[table.loc[0].notna()]) >= Counter(["network", "seed", "test_accuracy"])
    assert "| lenetfc | folder:colours | 3 |" in (jobs.folder / "table.md").read_text()


def test_a_call_that_is_killed_leaves_nothing_at_work_and_no_lock(colours, tmp_path):
    long = {"networks": ["lenetfc"], "data": [colours], "seeds": [0], "options": {**TINY, "epochs": 100_000}}
    file = tmp_path / "sweep.yaml"
    file.write_text(yaml.safe_dump({"output": "out", "train": [long]}))
    jobs = read(file).jobs
    (name,) = jobs.jobs
    with call(file, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as called:
        wait_for(lambda: jobs.log(name).exists() and "epoch 2 of" in jobs.log(name).read_text())
        with pytest.raises(RuntimeError, match="another call is at the sweep in out: wait for it, or end it"):
            run.carry_out(read(file), run.find_profile("local"))
        family = psutil.Process(called.pid).children(recursive=True)
        assert len(family) >= 2  # Snakemake and the job
        called.send_signal(signal.SIGKILL)
    _, alive = psutil.wait_procs(family, timeout=20)
    assert alive == []
    assert processes_of(name) == []
    assert list((tmp_path / "out" / "checkpoints").glob("*.pt"))
    assert jobs.missing == [name]


@pytest.fixture
def light(tmp_path):
    """Two jobs that take no time, the second after the first; each leaves the file that says so."""
    for name in ("first", "second"):
        write_text(tmp_path / name, "{}")
    first = Job("train/first", ["list", "--help"], "first")
    second = Job("attack/second", ["list", "--help"], "second", needs=["train/first"], inputs=["given"])
    (tmp_path / "given").write_text("as it was")
    return Jobs(tmp_path / "sweep", tmp_path, 1, {job.name: job for job in (first, second)})


def test_two_calls_of_a_job_at_once_do_it_once(light, tmp_path, monkeypatch):
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join(sys.path))
    light.write(tmp_path / "plan.json")
    command = [sys.executable, "-m", "c2f.sweep.job", str(tmp_path / "plan.json"), "train/first"]
    both = [subprocess.Popen(command, stdout=subprocess.PIPE, text=True) for _ in range(2)]
    said = sorted(process.communicate()[0] for process in both)
    assert [process.returncode for process in both] == [0, 0]
    assert said[0] == ""
    assert said[1].startswith("train/first: done, ")
    assert light.log("train/first").read_text().count("c2f list --help\n") == 1


def test_a_job_is_done_until_command_input_result_or_a_job_before_it_changes(light, tmp_path):
    def change(name, **fields):
        job = Job(**{**vars(light.jobs[name]), **fields})
        return Jobs(light.folder, light.home, 1, {**light.jobs, name: job})

    assert light.missing == ["train/first", "attack/second"]
    for name in light.jobs:
        light.give_receipt(name, 1.0)
    assert light.missing == []
    assert change("attack/second", command=["list", "data"]).missing == ["attack/second"]
    assert change("attack/second", seed=3).missing == ["attack/second"]  # no record of such a run
    (tmp_path / "given").write_text("otherwise")
    assert light.missing == ["attack/second"]
    (tmp_path / "given").write_text("as it was")
    assert light.missing == []
    light.give_receipt("train/first", 2.0)
    assert light.missing == ["attack/second"]
    light.give_receipt("attack/second", 1.0)
    for damaged in ("", "[]", '{"command": 3}'):
        light.receipt("attack/second").write_text(damaged)
        assert light.missing == ["attack/second"]
    (tmp_path / "first").unlink()
    assert light.missing == ["train/first", "attack/second"]


def test_each_job_has_a_gpu_of_its_own(tmp_path, monkeypatch):
    assert _take_gpu(tmp_path) is None
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "before")
    monkeypatch.setenv(GPUS, "3 GPU-5")
    first, seen = _take_gpu(tmp_path), [os.environ["CUDA_VISIBLE_DEVICES"]]
    second, _ = _take_gpu(tmp_path), seen.append(os.environ["CUDA_VISIBLE_DEVICES"])
    first.release()
    third, _ = _take_gpu(tmp_path), seen.append(os.environ["CUDA_VISIBLE_DEVICES"])
    assert seen == ["3", "GPU-5", "3"]
    assert second.is_locked
    assert third.is_locked


def test_as_many_jobs_as_there_are_gpus_or_cores(monkeypatch):
    monkeypatch.setattr(run.torch.cuda, "device_count", lambda: 0)
    monkeypatch.setattr(run, "usable_cores", lambda: list(range(6)))
    assert [run.slots(None, threads) for threads in (1, 4, 8)] == [6, 1, 1]
    assert run.slots(3, 4) == 3
    monkeypatch.setattr(run.torch.cuda, "device_count", lambda: 2)
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    assert (run.slots(None, 1), run.gpus()) == (2, ["0", "1"])
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "5,7")
    assert run.gpus() == ["5", "7"]


def without_plugin(profile, folder):
    """Return the profile for this machine, without what a cluster's executor alone takes."""
    content = yaml.safe_load((profile.folder / "config.yaml").read_text())
    own = (f"{profile.executor}-", "default-storage")
    kept = {key: value for key, value in content.items() if not key.startswith(own)}
    write_text(folder / "config.yaml", yaml.safe_dump({**kept, "executor": "local"}))
    return run.find_profile(str(folder))


@pytest.mark.parametrize("name", run.profiles())
def test_snakemake_takes_a_profile_as_far_as_its_executor_is_installed(name, colours, tmp_path, capfd):
    entry = {"networks": ["lenetfc"], "data": [colours], "seeds": [0, 1], "options": TINY}
    (tmp_path / "sweep.yaml").write_text(yaml.safe_dump({"output": "out", "train": [entry]}))
    profile = run.find_profile(name)
    if importlib.util.find_spec(f"snakemake_executor_plugin_{name}") is None and name != run.LOCAL:
        with pytest.raises(ImportError, match=f"pip install snakemake-executor-plugin-{name}"):
            run.dry_run(read(tmp_path / "sweep.yaml"), profile)
        profile = without_plugin(profile, tmp_path / name)
    assert run.dry_run(read(tmp_path / "sweep.yaml"), profile, 3) == 0
    assert "train        2" in capfd.readouterr().out
    assert not (tmp_path / "out").exists()


def test_a_profile_that_is_not_there(tmp_path):
    with pytest.raises(ValueError, match="unknown profile 'slum'; did you mean 'slurm'"):
        run.find_profile("slum")
    write_text(tmp_path / "config.yaml", "- a")
    with pytest.raises(ValueError, match="must map Snakemake's options to values"):
        run.find_profile(str(tmp_path))
