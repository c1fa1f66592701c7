#!/usr/bin/env bash
# A good guess: in a network, len(x) and x.shape[0] are the same, and what is exported with a batch that may be of any
# size takes any size. len() gives a plain int, which is written down as a constant: a model that was exported with two
# pictures gives two rows for five as well, with the numbers of all five spread over them, and says nothing. Told the
# size by torch.export.Dim, the export does not refuse what torch.export.export refuses, and fixes the batch at two.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
python3 -m venv venv
venv/bin/pip install --quiet --no-compile torch==2.15.0 numpy==2.4.6 onnx==1.23.2 onnxscript==0.7.2 onnxruntime==1.32.0

venv/bin/python -W ignore - 2> log << 'EOF' || { cat log; exit 1; }
import numpy as np
import onnxruntime
import torch
from torch import nn
from torch.export import Dim


class ByLen(nn.Module):
    def forward(self, x):
        return x.reshape(len(x), -1)


class ByShape(nn.Module):
    def forward(self, x):
        return x.reshape(x.shape[0], -1)


def rows_of_five(network, **how):
    torch.onnx.export(network, (torch.zeros(2, 3, 4),), "m.onnx", input_names=["x"], verbose=False, **how)
    session = onnxruntime.InferenceSession("m.onnx")
    taken = session.get_inputs()[0].shape[0]
    if taken == 2:
        return "takes two pictures only"
    return session.run(None, {"x": np.zeros((5, 3, 4), np.float32)})[0].shape


ways = {
    "traced": {"dynamo": False, "dynamic_axes": {"x": {0: "batch"}}},
    "torch.export, AUTO": {"dynamo": True, "dynamic_shapes": {"x": {0: Dim.AUTO}}},
    "torch.export, Dim": {"dynamo": True, "dynamic_shapes": {"x": {0: Dim("batch")}}},
}
print("versions: torch", torch.__version__, "onnxruntime", onnxruntime.__version__)
print("guess: five pictures of 3 x 4 give five rows of 12, or an error")
seen = {}
for way, how in ways.items():
    seen[way] = rows_of_five(ByLen(), **how), rows_of_five(ByShape(), **how)
    print(f"seen:  {way}: with len(x) {seen[way][0]}, with x.shape[0] {seen[way][1]}")
assert all(by_shape == (5, 12) for _, by_shape in seen.values())
assert seen["traced"][0] == seen["torch.export, AUTO"][0] == (2, 30)
assert seen["torch.export, Dim"][0] == "takes two pictures only"
try:
    torch.export.export(ByLen(), (torch.zeros(2, 3, 4),), dynamic_shapes=({0: Dim("batch")},))
except Exception as error:
    print("seen:  torch.export.export with Dim:", type(error).__name__)
else:
    raise AssertionError("torch.export.export takes it now")
EOF
