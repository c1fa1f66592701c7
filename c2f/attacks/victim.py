"""A trained network as a Foolbox model: what an attack asks.

Axes: N pictures, C channels, H rows, W columns, K classes.
"""

from typing import Any

import foolbox
import torch
from foolbox.models import Model
from torch import Tensor, nn

from c2f.networks.answers import checked_logits, finite
from c2f.networks.inference import Quick
from c2f.networks.modes import copied, in_float32
from c2f.networks.one_pixel import OnePixel


class Victim(foolbox.PyTorchModel):
    """A Foolbox model with bounds (0, 1) that answers in float32 under autocast too, without TF32 convolutions.

    In bfloat16 half of the "successes" of a search for the smallest contrast are none when checked in float32.
    The network is copied, so that neither its mode nor its device changes. ``fast`` is the same network with folded
    batch norms: searches ask it first, and this one wherever the answer is close. ``one_pixel`` asks about changes of
    one pixel of a picture, where the network is one that ``OnePixel`` knows.

    Raises:
        ValueError: a network with numbers other than float32; at a call, outputs that are no finite logits; at the
            first, probabilities.
    """

    def __init__(self, network: nn.Module, mean: Tensor | None, device: torch.device | str, compiled: bool):
        for name, value in (*network.named_parameters(), *network.named_buffers()):
            if value.is_floating_point() and value.dtype != torch.float32:
                raise ValueError(f"attacks search in float32, but {name} is {value.dtype}: give network.float()")
        network = copied(network).eval().requires_grad_(False)
        self.mean = None if mean is None else mean.to(device)  # (C, H, W)
        preprocessing = None if self.mean is None else {"mean": self.mean}
        super().__init__(network, bounds=(0, 1), device=torch.device(device), preprocessing=preprocessing)
        self._checked = False
        self._quick = Quick(network, self.device, compiled)
        self.one_pixel = OnePixel.of(network) if self.device.type == "cpu" else None
        network.register_forward_hook(self._check)

    def _check(self, network: nn.Module, arguments: tuple[Tensor], outputs: Any) -> None:
        if self._checked:
            finite(outputs)
        else:
            checked_logits(outputs, len(arguments[0]))
            self._checked = True

    def __call__(self, inputs: Any) -> Any:
        """Map pictures ``(N, C, H, W)`` in [0, 1] to logits ``(N, K)``."""
        with in_float32(self.device):
            return super().__call__(inputs)

    def fast(self, pictures: Tensor) -> Tensor:
        """Map pictures ``(N, C, H, W)`` to logits ``(N, K)`` that may differ in their last digits."""
        with in_float32(self.device):
            return self._quick(pictures if self.mean is None else pictures - self.mean)


def check_alone(model: Model, picture: Tensor, logits: Tensor) -> None:
    """Raise ``ValueError`` if a picture's answer depends on the picture beside it (a batch norm in training mode).

    Args:
        model: any Foolbox model of PyTorch.
        picture: ``(C, H, W)``.
        logits: what the model said of it in another batch, ``(K,)``, in the precision that is set now.
    """
    grey = torch.full_like(picture, sum(model.bounds) / 2)
    with torch.no_grad():
        again = finite(model(torch.stack([picture, grey])))[0]
    if (again - logits).abs().max() > 1e-4 * logits.abs().max():
        raise ValueError(
            "the model's answer to a picture depends on the pictures beside it or on chance, so that no success would "
            "last: put its batch norms and dropouts into inference mode (network.eval())"
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
        ValueError: numbers other than float32, or a mean that is no picture; at a call, outputs that are no finite
            logits ``(N, K)``.
    """
    if mean is not None and (mean.ndim != 3 or mean.dtype != torch.float32):
        raise ValueError(f"the mean picture must be float32 (C, H, W), not {mean.dtype} {tuple(mean.shape)}")
    if device is None:
        device = next((p.device for p in network.parameters()), torch.device("cpu"))
    return Victim(network, mean, device, compiled)
