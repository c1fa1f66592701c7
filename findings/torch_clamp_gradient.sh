#!/usr/bin/env bash
# A good guess: the gradient of x.clamp(0, 1) at x = 0 and x = 1 is 1, and whether the bounds are numbers or tensors
# does not matter. It is 0 for bounds that are numbers and 0.5 for bounds that are tensors (torch.maximum shares a
# tie). Pictures are full of exact 0 and 1: an attack that starts at the picture and clamps inside of the graph gets no
# gradient there and never moves; rewriting the bounds as tensors changes the attack. Clamp outside of the graph: step,
# then clamp without gradients.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
python3 -m venv venv
venv/bin/pip install --quiet --no-compile torch==2.15.0 numpy==2.4.6

venv/bin/python -IW ignore - << 'EOF'
import torch

print(f"versions: torch {torch.__version__}")
levels = [-0.5, 0.0, 0.5, 1.0, 1.5]


def slope(function):
    """The derivative at each of the levels."""
    x = torch.tensor(levels, requires_grad=True)
    function(x).sum().backward()
    return x.grad.tolist()


numbers = slope(lambda x: x.clamp(0, 1))
tensors = slope(lambda x: x.clamp(torch.tensor(0.0), torch.tensor(1.0)))
print(f"guess: at {levels}: [0, 1, 1, 1, 0] for both")
print("seen:  bounds as numbers:", numbers)
print("seen:  bounds as tensors:", tensors)
assert numbers == [0, 0, 1, 0, 0]
assert tensors == [0, 0.5, 1, 0.5, 0]

picture = torch.zeros(1, 1, 8, 8)  # black ground, a white square
picture[..., 2:6, 2:6] = 1
noise = torch.zeros_like(picture, requires_grad=True)
((picture + noise).clamp(0, 1) - 0.5).square().sum().backward()  # by hand 1 on white, -1 on black
print("seen:  gradient by a perturbation of a black and white picture, largest:", noise.grad.abs().max().item())
assert noise.grad.abs().max() == 0
EOF
