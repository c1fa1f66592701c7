"""A module that the caller froze, with ``module.eval()`` before the training, stays frozen."""

import pytest
import torch

from c2f.training.loop import fit
from tests.training.test_training import RECIPE, loaders, tiny


@pytest.mark.xfail(strict=True, reason="each epoch puts the whole network into training mode")
def test_a_batch_norm_that_was_frozen_on_purpose_stays_frozen():
    network = tiny().train()
    norm = network[1].eval()
    norm.running_mean += 0.5
    before = norm.running_mean.clone()
    train, validation = loaders()
    fit(network, train, RECIPE, num_classes=3, validation=validation)
    assert not norm.training
    assert torch.equal(norm.running_mean, before)
    assert network.training
    assert network[3].training  # dropout, which nobody froze
