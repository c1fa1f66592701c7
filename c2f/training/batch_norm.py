"""Batch norm in training as torch leaves it to be wished: over all processes of a training, and quick for few channels.

torch's ``nn.SyncBatchNorm`` does not train on a CPU. Here every process adds up, of its part of the batch, how many
numbers a channel has, their sum and the sum of their squares, and takes mean and variance of what all have together.
The gradient needs two more sums, and is that of one batch norm over the whole batch.

Channels last, torch's CPU kernels take a pixel's channels together: where these are fewer than a vector register holds,
six take about as long as sixteen. Here several pixels are normed as one of as many times the channels, whose sums are
added up in the end.

Axes: B pictures of this process, C channels, ... any number of axes behind them; k pixels that are one.
"""

import math
from collections.abc import Callable
from typing import Any

import torch
import torch.distributed as dist
import torch.nn.functional as F
from torch import Tensor, nn
from torch.autograd.function import once_differentiable
from torch.overrides import TorchFunctionMode

REGISTER = 8
"""From how many channels on torch's own batch norm is quick, channels last."""
WIDEST = 128
"""How many channels several pixels have together at most."""


def sum_of_all(mine: Tensor) -> Tensor:
    """Return the sum of what all processes have, each a tensor of this shape.

    It is added up here, in their order: for few numbers, gloo's sum takes four times as long as gathering them.
    """
    parts = [torch.empty_like(mine) for _ in range(dist.get_world_size())]
    dist.all_gather(parts, mine)
    return torch.stack(parts).sum(0)


def _by_channel(values: Tensor, like: Tensor) -> Tensor:
    """Return ``(C,)`` as ``(1, k C, 1, ...)``, in the number format of ``like`` ``(B, k C, ...)``."""
    repeated = values.repeat(like.shape[1] // len(values))
    return repeated.to(like.dtype).view(1, -1, *[1] * (like.ndim - 2))


def _together(x: Tensor) -> int:
    """Return how many pixels of ``x`` ``(B, C, ...)`` are normed as one: k, a divisor of H W."""
    few = x.ndim == 4 and x.shape[1] < REGISTER and x.device.type == "cpu" and x.dtype == torch.float32
    if not few or x.is_contiguous() or not x.is_contiguous(memory_format=torch.channels_last):
        return 1
    pixels = math.prod(x.shape[2:])
    return max(k for k in range(1, WIDEST // x.shape[1] + 1) if pixels % k == 0 and (k == 1 or k < pixels))


def _folded(x: Tensor, k: int) -> Tensor:
    """Return ``(B, C, H, W)`` as ``(B, k C, H W / k, 1)``, which is a view where channels are last; as it is for 1."""
    return x if k == 1 else x.permute(0, 2, 3, 1).reshape(len(x), -1, 1, k * x.shape[1]).permute(0, 3, 1, 2)


def _unfolded(x: Tensor, shape: torch.Size) -> Tensor:
    """Undo ``_folded``."""
    if x.shape == shape:
        return x
    batch, channels, height, width = shape
    return x.permute(0, 2, 3, 1).reshape(batch, height, width, channels).permute(0, 3, 1, 2)


class _Normalise(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: Any, x: Tensor, weight: Tensor | None, bias: Tensor | None, eps: float, k: int, joined: bool
    ) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        ctx.shape, ctx.eps, ctx.k, ctx.joined = x.shape, eps, k, joined
        channels, x = x.shape[1], _folded(x, k)
        sums = torch.zeros(2 * channels + 1, dtype=torch.float64, device=x.device)
        if x.numel():
            found = torch.batch_norm_update_stats(x, None, None, 0.0)
            mean, var = (one.double().view(k, channels) for one in found)
            mine = x.numel() // (k * channels)
            totals = [mine * mean.sum(0), mine * (var + mean**2).sum(0), sums.new_tensor([k * mine])]
            sums = torch.cat(totals)
        if joined:
            sums = sum_of_all(sums)
        count = sums[-1]
        mean, squares = sums[:-1].view(2, channels) / count
        mean, var = mean.float(), (squares - mean**2).clamp(min=0).float()
        ctx.save_for_backward(x, weight, mean, var, count)
        ctx.mark_non_differentiable(mean, var, count)
        scale, shift = (None if one is None else one.repeat(k) for one in (weight, bias))
        out = F.batch_norm(x, mean.repeat(k), var.repeat(k), scale, shift, eps=eps)
        return _unfolded(out, ctx.shape), mean, var, count

    @staticmethod
    @once_differentiable  # mean and variance count as constants of it
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, Tensor | None, Tensor | None, None, None, None]:
        x, weight, mean, var, count = ctx.saved_tensors
        behind, channels = _folded(gradients[0], ctx.k), len(mean)
        if x.numel():  # a weight, if only of ones, so that there is a sum by it
            factor = torch.ones_like(mean) if weight is None else weight
            _, *found = torch.ops.aten.native_batch_norm_backward(
                behind, x, *(one.repeat(ctx.k) for one in (factor, mean, var)), None, None, False, ctx.eps,
                [False, True, True],
            )  # fmt: skip
            by_weight, by_bias = (one.view(ctx.k, channels).sum(0) for one in found)
        else:
            by_weight, by_bias = torch.zeros_like(mean), torch.zeros_like(mean)
        sums = torch.stack([by_bias, by_weight]).double()
        by_mean, by_spread = ((sum_of_all(sums) if ctx.joined else sums) / count).float()
        scale = (var + ctx.eps).rsqrt()
        factor = scale if weight is None else scale * weight
        slope = -factor * scale * by_spread
        shift = -factor * by_mean - slope * mean
        # The sum of all three in two passes over the pictures.
        gradient = torch.addcmul(_by_channel(shift, x), x, _by_channel(slope, x))
        gradient.addcmul_(behind, _by_channel(factor, x))
        wanted, gradient = ctx.needs_input_grad, _unfolded(gradient, ctx.shape)
        return gradient, by_weight if wanted[1] else None, by_bias if wanted[2] else None, None, None, None


def batch_norm(
    x: Tensor,
    running_mean: Tensor | None,
    running_var: Tensor | None,
    weight: Tensor | None = None,
    bias: Tensor | None = None,
    training: bool = False,
    momentum: float = 0.1,
    eps: float = 1e-5,
    joined: bool = False,
) -> Tensor:
    """Do what ``torch.nn.functional.batch_norm`` does.

    Args:
        x: ``(B, C, ...)``; B may be 0 where ``joined``.
        running_mean, running_var: ``(C,)`` or None; updated in training.
        weight, bias: ``(C,)`` or None.
        training, momentum, eps: as torch has them.
        joined: in training, take the batches of all processes as one; all of them call it.

    Raises:
        ValueError: in training, one number a channel (not where ``joined``).
    """
    k = _together(x) if training else 1
    if not training or (k == 1 and not joined):
        return F.batch_norm(x, running_mean, running_var, weight, bias, training, momentum, eps)
    out, mean, var, count = _Normalise.apply(x, weight, bias, eps, k, joined)
    if running_mean is not None and running_var is not None:
        with torch.no_grad():
            running_mean.lerp_(mean, momentum)
            running_var.lerp_((var * (count / (count - 1).clamp(min=1))).float(), momentum)
    return out


class BatchNorms(TorchFunctionMode):
    """In a ``with`` block, every batch norm of torch's is ``batch_norm``, ``joined`` or not."""

    def __init__(self, joined: bool = False):
        super().__init__()
        self.joined = joined

    def __torch_function__(
        self, operation: Callable[..., Any], types: Any, arguments: Any = (), options: Any = None
    ) -> Any:
        """Carry an operation of torch's out, or its twin."""
        options = options or {}
        if operation is F.batch_norm:
            return batch_norm(*arguments, **{**options, "joined": self.joined})
        return operation(*arguments, **options)


def has_few_channels(network: nn.Module) -> bool:
    """Return whether a batch norm in ``network`` has so few channels that ``batch_norm`` is quicker."""
    norms = (module for module in network.modules() if isinstance(module, nn.BatchNorm2d))
    return any(norm.num_features < REGISTER for norm in norms)
