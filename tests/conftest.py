import os
import sys
from functools import cache

# The networks of the tests are tiny: a second thread gains little, and costs much beside anything else that runs, such
# as the other half of the tests. What a test starts (kernels, commands) inherits the setting.
os.environ["OMP_NUM_THREADS"] = "1"

import hypothesis
import pytest
import torch

from c2f import __main__ as command_line
from c2f import datasets
from c2f.runs import environment
from c2f.training import data as training_data

torch.set_num_threads(1)
hypothesis.settings.register_profile("tests", deadline=None)  # speed belongs to benchmarks, and other work may go on
hypothesis.settings.load_profile("tests")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Begin with the book, the longest test by far: the other process has all the others meanwhile."""
    items.sort(key=lambda item: item.path.name != "test_the_book.py")


@pytest.fixture(scope="session")
def whole_sample():
    """The sample of Fashion-MNIST that ships."""
    return datasets.load("fashion-mnist-sample")


@pytest.fixture(scope="session", autouse=True)
def git_is_asked_once():
    """A toy record names a commit as any other does; for thousands of them git would be asked twice each."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(environment, "commit", cache(environment.commit))
        yield


@pytest.fixture(autouse=True)
def no_speed_of_another_run(tmp_path_factory, monkeypatch):
    """What trainings measure is remembered, but not on the machine of who tests."""
    monkeypatch.setenv("C2F_CACHE", str(tmp_path_factory.mktemp("cache")))


@pytest.fixture(autouse=True)
def no_data_of_another_test():
    """Loaded data are kept; what one test puts in a data set's place is no other's."""
    training_data.load_data_set.cache_clear()


@pytest.fixture
def few_of_the_sample(monkeypatch, whole_sample):
    """Put the sample's first pictures in the place of any data set that is trained on or attacked, and give them."""

    def put(name, train, test):
        parts = (part.select(torch.arange(n)) for part, n in ((whole_sample.train, train), (whole_sample.test, test)))
        few = datasets.DataSet(name, *parts)
        monkeypatch.setattr(training_data, "load_data_set", lambda data, image_size: few)
        return few

    return put


@pytest.fixture
def c2f(monkeypatch, capsys):
    """Run the command line in this process; gives (exit status, standard output, standard error)."""

    def call(*arguments):
        monkeypatch.setattr(sys, "argv", ["c2f", *map(str, arguments)])
        try:
            command_line.main()
            status = 0
        except SystemExit as end:
            status = end.code if isinstance(end.code, int) else 1
        printed = capsys.readouterr()
        return status, printed.out, printed.err

    return call
