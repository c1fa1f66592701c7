#!/usr/bin/env bash
# A good guess: FlopCounterMode counts a network's multiplications, the same in training and in evaluation, and twice
# as many backward. A TransformerEncoder in evaluation without gradients takes a fused path that the counter does not
# know: 0. With gradients, on the same input and with the same output, the count is right. And the backward pass of a
# depthwise convolution is counted as if its weight gradient were that of a full one: 9 times the forward pass at 8
# groups, in the place of 2. Count with gradients on, forward only, and check one layer by hand.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
python3 -m venv venv
venv/bin/pip install --quiet --no-compile torch==2.15.0 numpy==2.4.6

venv/bin/python -IW ignore - << 'EOF'
import torch
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

print(f"versions: torch {torch.__version__}")
torch.manual_seed(0)
encoder = nn.TransformerEncoder(nn.TransformerEncoderLayer(64, 4, 128, batch_first=True), 2).eval()
x = torch.randn(2, 16, 64)  # (N, tokens, width)


def count(call, *arguments):
    """Operations that the counter sees, and what the call returns."""
    with FlopCounterMode(display=False) as counter:
        result = call(*arguments)
    return counter.get_total_flops(), result


with_gradients, expected = count(encoder, x)
with torch.no_grad():
    without, result = count(encoder, x)
by_hand = 2 * (2 * 32 * 64 * (3 * 64 + 64 + 2 * 128) + 4 * 2 * 16 * 16 * 64)  # projections, then q k^T and its use
gap = (result - expected).abs().max()
print(f"guess: {by_hand} by hand, with gradients or without")
print(f"seen:  {with_gradients} with gradients, {without} without; outputs differ by {gap:.0e}")
assert with_gradients == by_hand
assert without == 0
assert gap < 1e-5

print("guess: backward costs twice the forward pass, at any number of groups")
for groups in (1, 8):
    picture = torch.randn(1, 8, 16, 16, requires_grad=True)
    convolution = nn.Conv2d(8, 8, 3, groups=groups, bias=False)
    forward, output = count(convolution, picture)
    backward, _ = count(output.sum().backward)
    print(f"seen:  {groups} groups: forward {forward}, backward {backward} = {backward / forward:.0f} times")
    assert forward == 2 * 8 * 8 // groups * 9 * 14 * 14
    assert backward == (1 + groups) * forward
EOF
