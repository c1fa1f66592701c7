"""Processes that tell what they do, to who follows and to nobody."""

import os
import subprocess
import sys
import time

import psutil
import pytest
import torch

from c2f.common.processes import Workers, tell


def work(name, lines=1, size=1):
    for number in range(lines):
        tell((name, number, size * "x"))
    if name == "fails":
        raise FloatingPointError("the loss is nan")
    return name, os.getpid(), torch.get_num_threads()


def test_what_is_told_comes_here_before_the_end_of_who_told_it():
    told, ended = [], []
    with Workers(2, lambda what: told.append(what[:2])) as workers:
        running = {workers.submit(work, name, 3): name for name in ("a", "b", "c")}
        while running:
            for future in workers.follow(running):
                name = running.pop(future)
                assert [line for line in told if line[0] == name] == [(name, number) for number in range(3)]
                ended.append(future.result())
    assert sorted(name for name, _, _ in ended) == ["a", "b", "c"]
    assert {threads for _, _, threads in ended} == {1}
    assert os.getpid() not in {process for _, process, _ in ended}


def work_after(path, *given):
    while not path.exists():
        time.sleep(0.01)
    return work(*given)


def fail_beside(path, told):
    """Follow one that fails, and leave while another one still has more to tell than a pipe holds."""
    with Workers(2, told.append) as workers:
        fails = workers.submit(work, "fails")
        workers.submit(work_after, path, "other", 50, 10_000)
        workers.follow([fails])
        path.touch()
        fails.result()


def test_a_failure_is_raised_by_who_asks_and_others_are_followed_to_their_end(tmp_path):
    told = []
    with pytest.raises(FloatingPointError, match="the loss is nan"):
        fail_beside(tmp_path / "go", told)
    assert [number for name, number, _ in told if name == "other"] == list(range(50))


ENDLESS = """
import os, sys
from c2f.common.processes import Workers, tell

def work():
    while True:
        tell(os.getpid())

if __name__ == "__main__":
    with Workers(1, lambda process: print(process, flush=True)) as workers:
        workers.follow([workers.submit(work)])
"""


def test_who_works_for_somebody_that_was_killed_ends(tmp_path):
    (tmp_path / "endless.py").write_text(ENDLESS)
    with subprocess.Popen([sys.executable, tmp_path / "endless.py"], stdout=subprocess.PIPE, text=True) as first:
        process = int(first.stdout.readline())
        first.kill()
    for _ in range(100):
        if not psutil.pid_exists(process):
            return
        time.sleep(0.1)
    pytest.fail("it works on")


def test_in_the_first_process_nobody_is_told():
    assert work("here")[0] == "here"
