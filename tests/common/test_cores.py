import os
import subprocess
import sys

import pytest
import torch

from c2f.common import cores


@pytest.fixture
def machine(monkeypatch):
    """Pretend a machine of so many cores, of which others keep some busy; no number of threads is asked for."""
    monkeypatch.setenv(cores.THREADS, "1")  # put back at the end, whatever the test makes of it
    monkeypatch.delenv(cores.THREADS)

    def put(count, busy):
        monkeypatch.setattr(cores, "usable_cores", lambda: list(range(count)))
        monkeypatch.setattr(cores, "busy_cores", lambda: busy)

    before = torch.get_num_threads()
    yield put
    torch.set_num_threads(before)


@pytest.mark.parametrize(
    ("count", "busy", "spare"), [(2, 0.0, 2), (2, 0.4, 2), (2, 1.0, 1), (2, 2.0, 1), (1, 1.0, 1), (8, 2.7, 5)]
)
def test_the_cores_that_others_leave(machine, capsys, count, busy, spare):
    machine(count, busy)
    assert cores.spare_cores() == spare
    said = capsys.readouterr().err
    assert said == "" if spare == count else f"keep {round(busy)} of {count} cores busy: this takes {spare}" in said


def test_torch_takes_those(machine):
    torch.set_num_threads(4)
    machine(4, 2.1)
    cores.use_spare_cores()
    assert (torch.get_num_threads(), os.environ[cores.THREADS]) == (2, "2")


@pytest.mark.parametrize("asked", ["3", None])
def test_torch_is_left_alone(machine, monkeypatch, asked):
    """Where the user has decided, and where no other process is at work."""
    torch.set_num_threads(3)
    if asked:
        monkeypatch.setenv(cores.THREADS, asked)
    machine(4, 3.0 if asked else 0.2)
    cores.use_spare_cores()
    assert (torch.get_num_threads(), os.environ.get(cores.THREADS)) == (3, asked)


def test_torch_that_is_loaded_later_takes_those_too():
    program = """import os, sys
from c2f.common import cores
cores.usable_cores, cores.busy_cores = (lambda: list(range(64))), (lambda: 63.0)
cores.use_spare_cores()
assert "torch" not in sys.modules
import torch
print(torch.get_num_threads())"""
    environment = {name: value for name, value in os.environ.items() if name != cores.THREADS}
    done = subprocess.run([sys.executable, "-c", program], env=environment, capture_output=True, text=True, check=True)
    assert done.stdout == "1\n"
    assert done.stderr.startswith("Other processes keep 63 of 64 cores busy: this takes 1")


def test_a_busy_process_is_seen():
    """One core to look at, and a process that keeps it busy."""
    core = cores.usable_cores()[0]
    program = f"""import os
if hasattr(os, "sched_setaffinity"):
    os.sched_setaffinity(0, [{core}])
print(flush=True)
while True:
    pass"""
    busy = subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE)
    try:
        busy.stdout.readline()
        assert cores.busy_cores() > 0.9
    finally:
        busy.kill()
        busy.wait()


def test_a_nice_process_and_its_group():
    program = """import os, pathlib
from c2f.common.cores import be_nice
os.setsid()
be_nice(), be_nice()
group = pathlib.Path("/proc/self/autogroup")
print(os.nice(0), group.read_text().split()[-1] if group.exists() else 10)"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout == "10 10\n"
