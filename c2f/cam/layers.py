"""Which layers are mapped: those of the Top-Down paper (Lelekas et al. 2020, and the authors' code), and any network's
last.

Axes: N pictures, C channels, H rows, W columns, h rows and w columns of a layer.
"""

from contextlib import ExitStack

import torch
from torch import Tensor, nn

from c2f import networks
from c2f.networks.answers import checked_logits
from c2f.networks.modes import frozen


def paper_layers(name: str) -> dict[str, str]:
    """Return the layers that the Top-Down paper maps, ``act_1``, ``act_2``, ... in the order in which they run.

    The value is the layer's path in ``networks.build(name)``. In the LeNetFC and NIN families these are the ends of the
    stages and the class maps before the mean; in the residual ones the first ReLU that enters each stage, and the
    last. The authors name those of NIN-light, LeNetFC and ResNet18; for NIN, ResNet32 and the uniform and reversed
    networks the names are ours, by the same rule.

    Raises:
        ValueError: an unknown network.
    """
    family = networks.family_of(name)
    top_down = name != networks.family_name(name)
    first = 2 if family.stem_pool and not top_down else 1
    factors = [first * 2**level for level in range(len(family.stages[""]))]
    if top_down:
        factors.reverse()
    if family.style == "plain":
        paths = [f"stage_x{factor}" for factor in factors]
    else:
        later = "up_x{}.norm1" if top_down else "stage_x{}.0.norm1"
        paths = [f"stage_x{factors[0]}.0.norm1", *(later.format(factor) for factor in factors[1:])]
    return {f"act_{i}": path for i, path in enumerate([*paths, "head.0"], start=1)}


def last_features(network: nn.Module, pictures: Tensor) -> str:
    """Return the path of the last layer that the logits depend on and that gives ``(N, C, h, w)`` of several places.

    Of modules that end at the same time, it is the outermost: ``layer4`` of torchvision's ResNets.

    Raises:
        ValueError: there is none, or the network gives no logits ``(N, K)`` for ``pictures``.
    """
    given: list[tuple[str, Tensor]] = []
    with frozen(network), torch.inference_mode(False), torch.enable_grad(), ExitStack() as hooks:
        for path, module in network.named_modules():
            if path:
                hook = module.register_forward_hook(lambda _, inputs, output, path=path: given.append((path, output)))
                hooks.callback(hook.remove)
        x = pictures.detach().clone().requires_grad_()
        logits = checked_logits(network(x), len(x))
        maps = [(path, y) for path, y in given if isinstance(y, Tensor) and y.ndim == 4 and y[0, 0].numel() > 1]
        found = [(path, y) for path, y in maps if y.requires_grad]
        gradients = torch.autograd.grad(logits.sum(), [y for _, y in found], allow_unused=True) if found else ()
    used = [path for (path, _), gradient in zip(found, gradients, strict=True) if gradient is not None]
    if not used:
        raise ValueError(f"this {type(network).__name__} has no layer whose output is (N, C, h, w): name a layer")
    return used[-1]
