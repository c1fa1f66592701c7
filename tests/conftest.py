import os

# The networks of the tests are tiny: a second thread gains little, and costs much beside anything else that runs, such
# as the other half of the tests. What a test starts (kernels, commands) inherits the setting.
os.environ["OMP_NUM_THREADS"] = "1"

import pytest
import torch

torch.set_num_threads(1)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Begin with the book, the longest test by far: the other process has all the others meanwhile."""
    items.sort(key=lambda item: item.path.name != "test_the_book.py")
