#!/usr/bin/env bash
# A good guess: whether the ReLU behind a layer works in place changes memory, not the network's output nor its
# Grad-CAM map. The output is the same. But pytorch-grad-cam and torchcam keep the activation of the named layer
# without a copy, the ReLU then overwrites it, and the map is made of other activations than those of the layer (here a
# batch norm before nn.ReLU(inplace=True), as in torchvision's ResNets and VGGs). Set inplace=False in all ReLUs before
# maps are made, or name the ReLU.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
python3 -m venv venv
venv/bin/pip install --quiet --no-compile torch==2.15.0 torchvision==0.29.2 numpy==2.4.6 grad-cam==1.5.7 torchcam==0.5.0

venv/bin/python -IW ignore - << 'EOF'
from importlib.metadata import version

import numpy as np
import torch
from pytorch_grad_cam import GradCAM
from pytorch_grad_cam.utils.model_targets import ClassifierOutputTarget
from torch import nn
from torchcam.methods import GradCAM as TorchCAM

print("versions:", *(f"{name} {version(name)}" for name in ("torch", "grad-cam", "torchcam")))
x = torch.randn(1, 3, 16, 16, generator=torch.manual_seed(1))


def network(inplace):
    """Convolution, batch norm, ReLU, mean, classes; the same weights every time."""
    torch.manual_seed(0)
    head = nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(8, 4))
    return nn.Sequential(nn.Conv2d(3, 8, 3, padding=1), nn.BatchNorm2d(8), nn.ReLU(inplace), head).eval()


def map_of_torchcam(net):
    """torchcam's map of the batch norm for class 0."""
    method = TorchCAM(net, net[1])
    return method(0, net(x))[0].detach().numpy()


outputs = [network(inplace)(x) for inplace in (False, True)]
grad_cam = [GradCAM(net, [net[1]])(x, [ClassifierOutputTarget(0)]) for net in map(network, (False, True))]
torchcam = [map_of_torchcam(net) for net in map(network, (False, True))]
print("guess: equal outputs and equal maps, with the ReLU in place or not")
print("seen:  outputs equal:", torch.equal(*outputs))
for name, maps in (("grad-cam", grad_cam), ("torchcam", torchcam)):
    print(f"seen:  {name}: maps of 0 to 1 differ by up to {np.abs(maps[0] - maps[1]).max():.2f}")
    assert np.abs(maps[0] - maps[1]).max() > 0.2
assert torch.equal(*outputs)
EOF
