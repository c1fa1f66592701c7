#!/usr/bin/env bash
# A good guess: in a file of save_weights the group layers/conv2d holds the weights of the layer called conv2d. Keras 3
# numbers the groups anew, by class and in the order of the graph: here layers/conv2d holds the layer "stem", and the
# layer conv2d stands in conv2d_1. The real name is an attribute of the subgroup vars. Shapes agree, so that a reader
# that goes by the group's name gets exchanged weights and no error. Whoever reads such files without Keras (h5py,
# PyTorch) goes by the attribute.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
python3 -m venv venv
venv/bin/pip install --quiet --no-compile keras==3.15.1 h5py==3.16.0 jax==0.10.2 jaxlib==0.10.2 numpy==2.4.6

venv/bin/python -IW ignore - << 'EOF'
import os

os.environ["KERAS_BACKEND"] = "jax"
import h5py
import keras
import numpy as np

print(f"versions: keras {keras.__version__}, h5py {h5py.__version__}, numpy {np.__version__}")
options = {"filters": 4, "kernel_size": 3, "padding": "same"}
left, right = keras.layers.Conv2D(**options, name="conv2d"), keras.layers.Conv2D(**options, name="conv2d_1")
inputs = keras.Input((8, 8, 4))
x = keras.layers.Conv2D(**options, name="stem")(inputs)
model = keras.Model(inputs, keras.layers.Add()([left(x), right(x)]))
model.save_weights("model.weights.h5")
with h5py.File("model.weights.h5") as file:
    groups = {name: group["vars"] for name, group in file["layers"].items() if "0" in group.get("vars", {})}
    kernels = {name: variables["0"][:] for name, variables in groups.items()}
    attributes = {name: variables.attrs["name"] for name, variables in groups.items()}
holder = {
    name: next(layer.name for layer in model.layers if layer.weights and np.array_equal(layer.weights[0], kernel))
    for name, kernel in kernels.items()
}
print("guess: group conv2d holds layer conv2d, conv2d_1 holds conv2d_1")
print("seen:  group -> layer:", holder)
print("seen:  group -> attribute name of vars:", attributes)
assert holder == {"conv2d": "stem", "conv2d_1": "conv2d", "conv2d_2": "conv2d_1"}
assert attributes == holder
EOF
