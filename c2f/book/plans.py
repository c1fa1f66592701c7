"""Networks as plans: the list of operations that a page's script carries out, and the numbers that they need.

What runs them is ``book/live/engine.js``, which knows the operations of ``OPERATIONS``. A plan is made by
``torch.export`` of the network with its batch norms folded, so that nothing about a network is written down twice.
"""

import base64
import gzip
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from c2f.networks.folding import folded

OPERATIONS = (
    *("conv2d", "max_pool2d", "upsample_nearest2d", "relu", "sigmoid", "softmax", "mean"),
    *("add", "sub", "mul", "div", "cat", "matmul", "linear", "transpose", "layer_norm"),
    *("unsqueeze", "squeeze", "slice", "chunk", "getitem", "rsub"),
)
"""What the page's engine knows, as PyTorch calls it."""
_NOTHING = ("dropout", "view_as", "_assert_tensor_metadata", "detach", "alias", "lift_fresh_copy")
"""Operations that do nothing in inference mode."""


class PlanError(ValueError):
    """A network with an operation that the page's engine does not know."""


def plan(network: nn.Module, *inputs: Tensor) -> tuple[dict[str, Any], dict[str, Tensor]]:
    """Return the plan of ``network`` in inference mode, and its weights by their names.

    Args:
        network: a function of tensors to a tensor or a tuple of them; it is left as it was.
        inputs: an example of each, float; the plan is of these shapes.

    Raises:
        PlanError: an operation that is not among ``OPERATIONS``.
    """
    program = torch.export.export(folded(network), inputs)
    renamed: dict[str, Any] = {}
    signature = program.graph_signature
    weights = {**program.state_dict, **program.constants}
    used: dict[str, Tensor] = {}
    steps: list[dict[str, Any]] = []
    outputs: list[str] = []

    def written(given: Any) -> Any:
        if isinstance(given, torch.fx.Node):
            return renamed.get(given.name, {"of": given.name})
        if isinstance(given, list | tuple):
            return [written(one) for one in given]
        if given is None or isinstance(given, bool | int | float):
            return given
        raise PlanError(f"a plan cannot hold {given!r}")

    named = {**signature.inputs_to_parameters, **signature.inputs_to_buffers}
    named |= signature.inputs_to_lifted_tensor_constants
    for node in program.graph.nodes:
        if node.op == "placeholder" and node.name in named and node.users:
            renamed[node.name] = {"of": named[node.name]}
            used[named[node.name]] = weights[named[node.name]].detach()
        elif node.op == "output":
            outputs = [written(one)["of"] for one in node.args[0]]
        elif node.op == "call_function":
            # "aten.conv2d.default", or Python's own getitem
            name = node.target.__name__.split(".")[0] if callable(node.target) else str(node.target)
            if name in _NOTHING:
                renamed[node.name] = written(node.args[0])
            elif name in OPERATIONS:
                steps.append({"op": name, "args": written(node.args), "out": node.name})
            else:
                raise PlanError(f"{name} is no operation of the page's engine, which knows {', '.join(OPERATIONS)}")
    return {"inputs": list(signature.user_inputs), "steps": steps, "outputs": outputs}, used


def packed(weights: Mapping[str, Tensor], short: bool = False) -> dict[str, Any]:
    """Return weights as the page reads them: numbers in base64, and for each name its first number and its shape.

    Args:
        weights: by their names, finite.
        short: whole numbers of 16 bits in the place of float32, half as many bytes. Each tensor has a step, its
            largest number over 32767, of which they are multiples; so they are off by half a step at the most.
    """
    places: dict[str, tuple[int, Sequence[int]]] = {}
    start = 0
    for name, weight in weights.items():
        places[name] = (start, list(weight.shape))
        start += weight.numel()
    flat = {name: weight.reshape(-1).double().numpy() for name, weight in weights.items()}
    if not short:
        return {"numbers": base64_of(np.concatenate([*flat.values()]), "<f4"), "places": places}
    steps = {name: float(np.abs(numbers).max()) / 32767 or 1.0 for name, numbers in flat.items()}
    whole = np.concatenate([numbers / steps[name] for name, numbers in flat.items()]).round()
    return {"numbers": base64_of(whole, "<i2"), "places": places, "steps": steps}


def base64_of(values: Any, kind: str) -> str:
    """Return an array's bytes in base64, in the layout that ``kind`` names: ``u1``, ``<i2``, ``<f4``."""
    return base64.b64encode(np.ascontiguousarray(np.asarray(values), dtype=kind).tobytes()).decode()


def squeezed(content: bytes) -> str:
    """Return bytes in base64 of their gzip form, the same every time."""
    return base64.b64encode(gzip.compress(content, 9, mtime=0)).decode()
