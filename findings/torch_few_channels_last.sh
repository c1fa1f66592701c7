#!/usr/bin/env bash
# A good guess: a batch norm of 6 channels costs three eighths of one of 16, whatever the memory format. In training
# on a CPU, channels last, it costs about as much as the one of 16: vectors run along a pixel's channels, and where
# these do not fill one, each number is taken by itself. The same memory seen as a sixteenth of the pixels with 96
# channels is normed some three times as fast (the 16 sums of a channel are then to be added up). channels_last as
# advised for convolutions can therefore make a small network slower: measure, or leave layers of few channels in the
# ordinary format.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
python3 -m venv venv
venv/bin/pip install --quiet --no-compile torch==2.15.0 numpy==2.4.6

venv/bin/python -IW ignore - << 'EOF'
import time
from statistics import median

import torch
from torch.nn.functional import batch_norm

torch.set_num_threads(1)
print("versions: torch", torch.__version__, torch.backends.cpu.get_cpu_capability())


def pictures(channels, rows, columns):
    """A batch of 128, channels last."""
    made = torch.randn(128, channels, rows, columns).contiguous(memory_format=torch.channels_last)
    return made.requires_grad_()


def step(x):
    """Processor seconds of a batch norm in training, forwards and backwards."""
    behind, began = torch.ones_like(x), time.process_time()
    batch_norm(x, None, None, training=True).backward(behind)
    return time.process_time() - began


shapes = {"6 channels": (6, 28, 28), "16 channels": (16, 28, 28), "the same 6 as 96": (96, 49, 1)}
batches = {name: pictures(*shape) for name, shape in shapes.items()}
rounds = [{name: step(x) for name, x in batches.items()} for _ in range(12)][2:]
seconds = {name: median(one[name] for one in rounds) for name in shapes}
print("guess: 6 channels take three eighths of the time of 16")
print("seen: ", ", ".join(f"{name} {1000 * value:.1f} ms" for name, value in seconds.items()))
assert seconds["6 channels"] > 0.6 * seconds["16 channels"]
assert seconds["6 channels"] > 2 * seconds["the same 6 as 96"]
EOF
