import sys

import pytest
import torch

from c2f import __main__ as command_line
from c2f import datasets, experiments

# The networks of the tests are tiny: a second thread gains little, and costs much beside anything else that runs.
torch.set_num_threads(1)


@pytest.fixture(scope="session")
def whole_sample():
    """The sample of Fashion-MNIST that ships."""
    return datasets.load("fashion-mnist-sample")


@pytest.fixture
def few_of_the_sample(monkeypatch, whole_sample):
    """Put the sample's first pictures in the place of any data set that is trained on or attacked, and give them."""

    def put(name, train, test):
        parts = (part.select(torch.arange(n)) for part, n in ((whole_sample.train, train), (whole_sample.test, test)))
        few = datasets.DataSet(name, *parts)
        monkeypatch.setattr(experiments, "_load", lambda data, image_size: few)
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
