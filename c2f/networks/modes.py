"""How a network stands while it is looked at: frozen in inference mode, in full float32."""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

import torch
from torch import nn


def in_float32(device: torch.device) -> ExitStack:
    """Return a context without autocast on ``device`` and, on a GPU, without TF32 convolutions (torch's default)."""
    stack = ExitStack()
    stack.enter_context(torch.autocast(device.type, enabled=False))
    if device.type == "cuda":
        cudnn = torch.backends.cudnn
        flags = {"enabled": cudnn.enabled, "benchmark": cudnn.benchmark, "deterministic": cudnn.deterministic}
        stack.enter_context(cudnn.flags(**flags, allow_tf32=False))
    return stack


@contextmanager
def frozen(network: nn.Module) -> Iterator[None]:
    """Within the block, inference mode and no gradients by the parameters; then each module and parameter as before."""
    modes = [(module, module.training) for module in network.modules()]
    wanted = [(parameter, parameter.requires_grad) for parameter in network.parameters()]
    try:
        network.eval().requires_grad_(False)
        yield
    finally:
        for module, training in modes:
            module.training = training
        for parameter, requires_grad in wanted:
            parameter.requires_grad_(requires_grad)
