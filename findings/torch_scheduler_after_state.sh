#!/usr/bin/env bash
# A good guess: on resuming, the order does not matter: load the optimiser's state, build the scheduler, load the
# scheduler's state. Building a LinearLR or ConstantLR multiplies the rate that it finds, here that of the checkpoint,
# by its factor once more, and loading the scheduler's state does not give the optimiser its rate back: both multiply
# step by step from there, so that the rate stays ten times too small to the end. CosineAnnealingLR and StepLR come out
# right, LambdaLR is wrong for one step. Build the scheduler first, then load both states.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
python3 -m venv venv
venv/bin/pip install --quiet --no-compile torch==2.15.0 numpy==2.4.6

venv/bin/python -IW ignore - << 'EOF'
import copy

import torch
from torch.optim import SGD, lr_scheduler

print(f"versions: torch {torch.__version__}")
kinds = {
    "LinearLR": lambda optimiser: lr_scheduler.LinearLR(optimiser, 0.1, total_iters=5),
    "ConstantLR": lambda optimiser: lr_scheduler.ConstantLR(optimiser, 0.1, total_iters=5),
    "LambdaLR": lambda optimiser: lr_scheduler.LambdaLR(optimiser, lambda epoch: 1 / (1 + epoch)),
    "StepLR": lambda optimiser: lr_scheduler.StepLR(optimiser, 3),
    "CosineAnnealingLR": lambda optimiser: lr_scheduler.CosineAnnealingLR(optimiser, 8),
}


def rates(optimiser, scheduler, steps):
    """The rate that each of the next steps is made with."""
    used = []
    for _ in range(steps):
        used.append(round(optimiser.param_groups[0]["lr"], 4))
        optimiser.step()
        scheduler.step()
    return used


print("guess: a run resumed after 3 steps goes on with the rates of the unbroken run")
wrong = {}
for name, build in kinds.items():
    optimiser = SGD([torch.nn.Parameter(torch.zeros(1))], lr=1.0)
    scheduler = build(optimiser)
    rates(optimiser, scheduler, 3)
    states = copy.deepcopy((optimiser.state_dict(), scheduler.state_dict()))
    unbroken = rates(optimiser, scheduler, 4)
    resumed = {}
    for first in ("scheduler", "optimiser"):
        optimiser = SGD([torch.nn.Parameter(torch.zeros(1))], lr=1.0)
        scheduler = build(optimiser) if first == "scheduler" else None
        optimiser.load_state_dict(states[0])
        scheduler = scheduler or build(optimiser)
        scheduler.load_state_dict(states[1])
        resumed[first] = rates(optimiser, scheduler, 4)
    print(f"seen:  {name:17} unbroken {unbroken}, built after loading {resumed['optimiser']}")
    assert resumed["scheduler"] == unbroken
    wrong[name] = sum(a != b for a, b in zip(resumed["optimiser"], unbroken))
assert wrong == {"LinearLR": 4, "ConstantLR": 4, "LambdaLR": 1, "StepLR": 0, "CosineAnnealingLR": 0}
EOF
