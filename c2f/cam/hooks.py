"""Looking inside a network while it runs, and leaving it as it was."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn

from c2f.common.checks import did_you_mean


def find_layer(network: nn.Module, layer: str | nn.Module) -> tuple[str, nn.Module]:
    """Return the path and the module of ``layer``, which is either of the two.

    Raises:
        ValueError: the network has no such layer; the nearest one is named.
    """
    modules = dict(network.named_modules(remove_duplicate=False))
    if isinstance(layer, nn.Module):
        for path, module in modules.items():
            if module is layer:
                return path, module
        raise ValueError(f"the layer {type(layer).__name__} is no part of this {type(network).__name__}")
    if not isinstance(layer, str):
        raise ValueError(f"a layer is given by its path (a str) or as the module, not as {layer!r}")
    if layer == "" or layer not in modules:
        children = ", ".join(name for name, _ in network.named_children())
        raise ValueError(
            f"unknown layer {layer!r}{did_you_mean(layer, filter(None, modules))}\n"
            f"There are: {children}, and what is inside them (network.named_modules())"
        )
    return layer, modules[layer]


@contextmanager
def keep_outputs(network: nn.Module, layer: str | nn.Module) -> Iterator[list[Any]]:
    """Within the block, collect what ``layer`` gives, an entry a call; no hook is left behind.

    ``torch.autograd.grad`` of a score by an entry is the gradient at the layer's output. The rest of the network works
    on a copy, so that an in-place activation behind the layer changes neither the entry nor what its gradient means.
    """
    _, module = find_layer(network, layer)
    kept: list[Any] = []

    def hook(module: nn.Module, arguments: tuple, output: Any) -> Any:
        if not isinstance(output, Tensor) or not output.is_floating_point():
            kept.append(output)
            return None
        if torch.is_grad_enabled() and not output.requires_grad:  # a frozen network: the graph starts here
            output = output.detach().requires_grad_()
        kept.append(output)
        return output.clone()

    handle = module.register_forward_hook(hook)
    try:
        yield kept
    finally:
        handle.remove()
