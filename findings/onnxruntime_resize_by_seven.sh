#!/usr/bin/env bash
# A good guess: nearest neighbour from 28 to 4 pixels takes every seventh one, x[::7], in every runtime. ONNX's Resize
# divides by a scale kept in single precision: 1 / (4 / 28) is a little under 7, and rounding down gives pixels 6 and
# 13 in the place of 7 and 14. Factors 2 to 5 are right, 7 is not (28 to 4, 224 to 32), nor is 13. The settings are
# those that PyTorch 2.15's exporter writes for F.interpolate(size=4), which in PyTorch itself takes 0, 7, 14, 21. An
# export is compared with its origin at the real sizes; a slice x[:, :, ::7, ::7] exports exactly.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
python3 -m venv venv
venv/bin/pip install --quiet --no-compile onnx==1.23.2 onnxruntime==1.32.0 numpy==2.4.6

venv/bin/python -IW ignore - << 'EOF'
import numpy as np
import onnx
import onnxruntime
from onnx import TensorProto, helper

print(f"versions: onnx {onnx.__version__}, onnxruntime {onnxruntime.__version__}, numpy {np.__version__}")


def columns(size, small):
    """Which columns nearest neighbour picks on the way from size to small."""
    resize = helper.make_node(
        "Resize",
        ["x", "", "", "sizes"],
        ["y"],
        mode="nearest",
        coordinate_transformation_mode="asymmetric",
        nearest_mode="floor",
    )
    graph = helper.make_graph(
        [resize],
        "nearest",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, [1, 1, size, size])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, [1, 1, small, small])],
        [helper.make_tensor("sizes", TensorProto.INT64, [4], [1, 1, small, small])],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 20)], ir_version=10)
    onnx.checker.check_model(model)
    x = np.tile(np.arange(size, dtype=np.float32), (1, 1, size, 1))
    return onnxruntime.InferenceSession(model.SerializeToString()).run(None, {"x": x})[0][0, 0, 0].astype(int)


print("guess: 28 to 4 takes columns", np.arange(0, 28, 7))
print("seen: ", columns(28, 4))
for size, small in ((28, 14), (27, 9), (28, 7), (30, 6), (28, 4), (224, 32), (39, 3)):
    wrong = (columns(size, small) != np.arange(0, size, size // small)).sum()
    print(f"seen:  {size} to {small}: {wrong} of {small} columns are not those of the slice")
    assert (wrong > 0) == (size // small in (7, 13))
assert columns(28, 4).tolist() == [0, 6, 13, 21]
EOF
