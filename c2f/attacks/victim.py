"""A trained network as a Foolbox model: what an attack asks.

Axes: N pictures, C channels, H rows, W columns, K classes.
"""

from copy import deepcopy
from typing import Any

import eagerpy as ep
import foolbox
import torch
from torch import Tensor, nn

from c2f.networks.folding import folded, for_cpu
from c2f.networks.modes import in_float32


class Victim(foolbox.PyTorchModel):
    """A Foolbox model with bounds (0, 1) that answers in float32 under autocast too, without TF32 convolutions.

    In bfloat16 half of the "successes" of a search for the smallest contrast are none when checked in float32.
    The network is copied, so that neither its mode nor its device changes. ``fast`` is the same network with folded
    batch norms: searches ask it first, and this one wherever the answer is close.

    Raises:
        ValueError: a network with numbers other than float32; at the first call, a network whose outputs are
            probabilities or not finite.
    """

    def __init__(self, network: nn.Module, mean: Tensor | None, device: torch.device | str, compiled: bool):
        for name, value in (*network.named_parameters(), *network.named_buffers()):
            if value.is_floating_point() and value.dtype != torch.float32:
                raise ValueError(f"attacks search in float32, but {name} is {value.dtype}: give network.float()")
        network = deepcopy(network).eval().requires_grad_(False)
        self.mean = None if mean is None else mean.to(device)  # (C, H, W)
        preprocessing = None if self.mean is None else {"mean": self.mean}
        super().__init__(network, bounds=(0, 1), device=torch.device(device), preprocessing=preprocessing)
        self._checked = False
        quick = for_cpu(network) if self.device.type == "cpu" else folded(network)
        self._quick = torch.compile(quick, dynamic=True) if compiled else quick

    def __call__(self, inputs: Any) -> Any:
        """Map pictures ``(N, C, H, W)`` in [0, 1] to logits ``(N, K)``."""
        with in_float32(self.device):
            logits = super().__call__(inputs)
        if not self._checked:
            refuse_probabilities(ep.astensor(logits).raw.detach())
            self._checked = True
        return logits

    def fast(self, pictures: Tensor) -> Tensor:
        """Map pictures ``(N, C, H, W)`` to logits ``(N, K)`` that may differ in their last digits."""
        with in_float32(self.device), torch.no_grad():
            return self._quick(pictures if self.mean is None else pictures - self.mean)


def refuse_probabilities(outputs: Tensor) -> None:
    """Raise ``ValueError`` if the rows of ``outputs`` ``(N, K)`` are in [0, 1] and sum to 1, or one is not finite."""
    if not torch.isfinite(outputs).all():
        raise ValueError("the network's outputs hold NaN or infinity: attack a network that is trained and in order")
    if (outputs >= 0).all() and (outputs.sum(dim=1) - 1).abs().max() < 1e-4:
        raise ValueError(
            "the network's outputs are probabilities (each row is in [0, 1] and sums to 1), but attacks need logits: "
            "take the softmax off the network's end"
        )


def victim(
    network: nn.Module,
    mean: Tensor | None = None,
    device: torch.device | str | None = None,
    compiled: bool = False,
) -> Victim:
    """Return ``network`` as a Foolbox model for pictures in [0, 1]; it is copied, in inference mode.

    Args:
        network: maps ``(N, C, H, W)``, less the mean picture, to logits ``(N, K)``.
        mean: the mean picture ``(C, H, W)`` that was subtracted in training, or None where none was.
        device: where it runs; by default where the network is.
        compiled: search through ``torch.compile`` (needs a C++ compiler on a CPU; with LeNetFC a tenth faster there,
            after a slow start).

    Raises:
        ValueError: numbers other than float32, or a mean that is no picture; at the first call, probabilities instead
            of logits.
    """
    if mean is not None and (mean.ndim != 3 or mean.dtype != torch.float32):
        raise ValueError(f"the mean picture must be float32 (C, H, W), not {mean.dtype} {tuple(mean.shape)}")
    if device is None:
        device = next((p.device for p in network.parameters()), torch.device("cpu"))
    return Victim(network, mean, device, compiled)
