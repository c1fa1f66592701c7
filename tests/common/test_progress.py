import logging
from types import SimpleNamespace

import IPython
import pytest

from c2f.common import progress as module
from c2f.common.progress import progress, somebody_watches


def test_elsewhere_there_is_one_line_in_the_log(monkeypatch, caplog, capsys):
    monkeypatch.setattr(module, "somebody_watches", lambda: False)
    with caplog.at_level(logging.INFO, "c2f"):
        assert list(progress(range(3), "adding", unit="epoch")) == [0, 1, 2]
    assert [r.message[:21] for r in caplog.records] == ["adding: 3 epochs in 0"]
    assert capsys.readouterr() == ("", "")


def test_where_somebody_watches_there_is_a_bar(monkeypatch, caplog, capsys):
    monkeypatch.setattr(module, "somebody_watches", lambda: True)
    assert list(progress(iter([1, 2]), "adding", total=2)) == [1, 2]
    assert "adding" in capsys.readouterr().err
    assert caplog.records == []


def test_a_consumer_that_stops_early_is_not_held(monkeypatch):
    monkeypatch.setattr(module, "somebody_watches", lambda: False)
    for item in progress(iter(int, 1), "for ever"):
        assert item == 0
        break


@pytest.mark.parametrize("answers", [True, False])
def test_a_notebook_is_watched_if_it_can_be_answered(monkeypatch, answers):
    shell = SimpleNamespace(kernel=SimpleNamespace(_allow_stdin=answers))
    monkeypatch.setattr(IPython, "get_ipython", lambda: shell)
    assert somebody_watches() is answers


@pytest.mark.parametrize("tty", [True, False])
def test_a_terminal_is_watched_and_a_pipe_is_not(monkeypatch, tty):
    monkeypatch.setattr(module.sys, "stderr", SimpleNamespace(isatty=lambda: tty))
    assert somebody_watches() is tty
