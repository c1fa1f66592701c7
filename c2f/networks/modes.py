"""How a network stands while it is looked at: in inference mode, frozen, in full float32, as a copy."""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from copy import deepcopy
from typing import TypeVar

import torch
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm

Network = TypeVar("Network", bound=nn.Module)


def in_float32(device: torch.device) -> ExitStack:
    """Return a context without autocast on ``device`` and, on a GPU, without TF32 convolutions (torch's default)."""
    stack = ExitStack()
    if torch.amp.is_autocast_available(device.type):  # not on "meta"
        stack.enter_context(torch.autocast(device.type, enabled=False))
    if device.type == "cuda":
        cudnn = torch.backends.cudnn
        flags = {"enabled": cudnn.enabled, "benchmark": cudnn.benchmark, "deterministic": cudnn.deterministic}
        stack.enter_context(cudnn.flags(**flags, allow_tf32=False))
    return stack


@contextmanager
def eval_mode(network: nn.Module) -> Iterator[None]:
    """Within the block, every module in inference mode; then each in the mode that it had itself.

    (``network.train(was_training)`` would put a batch norm that was frozen on purpose into training mode.)
    """
    modes = [(module, module.training) for module in network.modules()]
    try:
        network.eval()
        yield
    finally:
        for module, training in modes:
            module.training = training


def train_mode(network: nn.Module) -> None:
    """Put a network into training mode; of one that is in it, leave what was frozen inside on purpose as it is."""
    if not network.training:
        network.train()


@contextmanager
def frozen(network: nn.Module) -> Iterator[None]:
    """Within the block, inference mode and no gradients by the parameters; then each module and parameter as before.

    Raises:
        ValueError: a batch norm without running statistics: even then an answer would depend on the pictures beside.
    """
    for name, module in network.named_modules():
        if isinstance(module, _BatchNorm) and module.running_mean is None:
            raise ValueError(
                f"the batch norm {name!r} keeps no running statistics, so that a picture's answer depends on the "
                "pictures beside it: build it with track_running_stats=True"
            )
    wanted = [(parameter, parameter.requires_grad) for parameter in network.parameters()]
    with eval_mode(network):
        try:
            network.requires_grad_(False)
            yield
        finally:
            for parameter, requires_grad in wanted:
                parameter.requires_grad_(requires_grad)


def copied(network: Network) -> Network:
    """Return a deep copy, also where a module keeps a tensor that was computed (which ``copy.deepcopy`` refuses).

    The older ``weight_norm`` and ``spectral_norm`` keep their weight so, and other networks an intermediate result.
    """
    tensors = [value for module in network.modules() for value in vars(module).values() if isinstance(value, Tensor)]
    return deepcopy(network, {id(value): value.detach().clone() for value in tensors if not value.is_leaf})


def has_hooks(network: nn.Module) -> bool:
    """Return whether somebody looks into a forward or backward pass, at any module."""
    return any(
        module._forward_hooks or module._forward_pre_hooks or module._backward_hooks or module._backward_pre_hooks
        for module in network.modules()
    )
