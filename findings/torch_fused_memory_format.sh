#!/usr/bin/env bash
# A good guess: memory format is a matter of speed; state_dict and load_state_dict carry values, whatever their layout.
# Fused SGD and AdamW on a CPU walk through weight, gradient and momentum each in its own order of memory. A checkpoint
# of a channels-last network, loaded into a contiguous one, leaves the weights in the network's layout and the momentum
# in its own: weights are moved by other weights' momentum, in silence. foreach and the plain loop are right. Lay the
# optimiser's state out as its weights after loading, or do not use fused on a CPU.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
python3 -m venv venv
venv/bin/pip install --quiet --no-compile torch==2.15.0 numpy==2.4.6

venv/bin/python -IW ignore - << 'EOF'
import copy

import torch
from torch import nn

print(f"versions: torch {torch.__version__}")
x, y = torch.randn(16, 3, 8, 8, generator=torch.manual_seed(1)), torch.arange(16) % 2


def network():
    """The same small network every time."""
    torch.manual_seed(0)
    return nn.Sequential(nn.Conv2d(3, 8, 3), nn.ReLU(), nn.Conv2d(8, 8, 3), nn.Flatten(), nn.Linear(128, 2))


def train(net, optimiser):
    """Three steps."""
    for _ in range(3):
        optimiser.zero_grad()
        nn.functional.cross_entropy(net(x), y).backward()
        optimiser.step()


def resumed(layout, kind, **options):
    """Weights after three steps in one layout, and three more, contiguous, from its state."""
    net = network().to(memory_format=layout)
    optimiser = kind(net.parameters(), **options)
    train(net, optimiser)
    states = copy.deepcopy((net.state_dict(), optimiser.state_dict()))
    net = network()
    optimiser = kind(net.parameters(), **options)
    net.load_state_dict(states[0])
    optimiser.load_state_dict(states[1])
    train(net, optimiser)
    return nn.utils.parameters_to_vector(net.parameters()).detach()


print("guess: weights do not depend on the layout before the checkpoint, but for rounding")
for kind, options in ((torch.optim.SGD, {"lr": 0.05, "momentum": 0.9}), (torch.optim.AdamW, {"lr": 0.05})):
    for way in ({"fused": True}, {"foreach": True}, {"fused": False, "foreach": False}):
        pair = [resumed(layout, kind, **options, **way) for layout in (torch.contiguous_format, torch.channels_last)]
        gap = (pair[0] - pair[1]).abs().max().item()
        print(f"seen:  {kind.__name__:5} {way}: weights differ by up to {gap:.1g}")
        assert gap > 0.01 if way.get("fused") else gap < 1e-5
EOF
