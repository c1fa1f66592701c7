"""Size and cost of a network."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from c2f.networks.modes import copied


def multiply_adds(
    network: nn.Module,
    in_channels: int,
    image_size: int,
    call: Callable[[Any, Tensor], object] = lambda network, x: network(x),
) -> int:
    """Return the multiply-adds of convolutions, dense layers and matrix products for one picture ``(1, C, H, H)``.

    Nothing is computed: shapes alone are followed, so that it is quick for a network of any size.

    Args:
        network: left as it is.
        in_channels, image_size: C and H = W of a picture.
        call: what is counted, of the network and a picture; by default the forward pass.
    """
    from torch.utils.flop_counter import FlopCounterMode  # brings triton, 70 MiB, which nothing else of ours needs

    shadow = copied(network).to("meta").eval()
    with torch.no_grad(), FlopCounterMode(display=False) as counter:
        call(shadow, torch.empty(1, in_channels, image_size, image_size, device="meta"))
    return counter.get_total_flops() // 2


@dataclass(frozen=True)
class Summary:
    """Size and cost of a network for one picture.

    ``parameters``: trained numbers; ``buffers``: batch norm's running statistics (the paper's "non-trainable");
    ``multiply_adds``: of one forward pass; ``stages``: the output ``(C, H, W)`` of every stage, in the order in which
    they run.
    """

    parameters: int
    buffers: int
    multiply_adds: int
    stages: dict[str, tuple[int, ...]]


def summary(network: nn.Module, in_channels: int, image_size: int) -> Summary:
    """Return the ``Summary`` of a network that has stages; the network is left as it is."""
    stages: dict[str, tuple[int, ...]] = {}

    def watched(shadow: Any, x: Tensor) -> None:
        for path, stage in [*((name, name) for name in shadow.stage_names), ("head.0", "head")]:
            shadow.get_submodule(path).register_forward_hook(
                lambda module, inputs, output, stage=stage: stages.update({stage: tuple(output.shape[1:])})
            )
        shadow(x)

    cost = multiply_adds(network, in_channels, image_size, watched)
    running = [b for n, b in network.named_buffers() if n.endswith(("running_mean", "running_var"))]  # no batch counter
    return Summary(
        parameters=sum(p.numel() for p in network.parameters()),
        buffers=sum(b.numel() for b in running),
        multiply_adds=cost,
        stages=stages,
    )
