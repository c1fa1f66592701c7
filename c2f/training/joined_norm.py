"""Batch norm over the pictures of all processes that train one network together.

torch's ``nn.SyncBatchNorm`` does not train on a CPU. Here every process adds up, of its part of the batch, how many
numbers a channel has, their sum and the sum of their squares, and takes mean and variance of what all have together.
The gradient needs two more sums, and is that of one batch norm over the whole batch.

Axes: B pictures of this process, C channels, ... any number of axes behind them.
"""

from collections.abc import Callable
from typing import Any

import torch
import torch.distributed as dist
import torch.nn.functional as F
from torch import Tensor
from torch.overrides import TorchFunctionMode


def _by_channel(values: Tensor, like: Tensor) -> Tensor:
    """Return ``(C,)`` as ``(1, C, 1, ...)``, in the number format of ``like`` ``(B, C, ...)``."""
    return values.to(like.dtype).view(1, -1, *[1] * (like.ndim - 2))


def _of_all(mine: Tensor) -> Tensor:
    """Return the sum of what all processes have.

    It is added up here, in their order: for few numbers, gloo's sum takes four times as long as gathering them.
    """
    parts = [torch.empty_like(mine) for _ in range(dist.get_world_size())]
    dist.all_gather(parts, mine)
    return torch.stack(parts).sum(0)


class _Normalise(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: Any, x: Tensor, weight: Tensor | None, bias: Tensor | None, eps: float
    ) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        channels = x.shape[1]
        sums = torch.zeros(2 * channels + 1, dtype=torch.float64, device=x.device)
        if x.numel():
            mean, var = (one.double() for one in torch.batch_norm_update_stats(x, None, None, 0.0))
            mine = x.numel() // channels
            sums = torch.cat([mine * mean, mine * (var + mean**2), sums.new_tensor([mine])])
        sums = _of_all(sums)
        count = sums[-1]
        mean, squares = sums[:-1].view(2, channels) / count
        mean, var = mean.float(), (squares - mean**2).clamp(min=0).float()
        ctx.save_for_backward(x, weight, mean, var, count)
        ctx.eps = eps
        ctx.mark_non_differentiable(mean, var, count)
        return F.batch_norm(x, mean, var, weight, bias, eps=eps), mean, var, count

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, Tensor | None, Tensor | None, None]:
        x, weight, mean, var, count = ctx.saved_tensors
        if x.numel():  # a weight, if only of ones, so that there is a sum by it
            factor = torch.ones_like(mean) if weight is None else weight
            _, by_weight, by_bias = torch.ops.aten.native_batch_norm_backward(
                gradients[0], x, factor, mean, var, None, None, False, ctx.eps, [False, True, True]
            )
        else:
            by_weight, by_bias = torch.zeros_like(mean), torch.zeros_like(mean)
        by_mean, by_spread = (_of_all(torch.stack([by_bias, by_weight]).double()) / count).float()
        scale = (var + ctx.eps).rsqrt()
        factor = scale if weight is None else scale * weight
        slope = -factor * scale * by_spread
        shift = -factor * by_mean - slope * mean
        # The sum of all three in two passes over the pictures.
        gradient = torch.addcmul(_by_channel(shift, x), x, _by_channel(slope, x))
        gradient.addcmul_(gradients[0], _by_channel(factor, x))
        wanted = ctx.needs_input_grad
        return gradient, by_weight if wanted[1] else None, by_bias if wanted[2] else None, None


def joined_batch_norm(
    x: Tensor,
    running_mean: Tensor | None,
    running_var: Tensor | None,
    weight: Tensor | None = None,
    bias: Tensor | None = None,
    training: bool = False,
    momentum: float = 0.1,
    eps: float = 1e-5,
) -> Tensor:
    """Do what ``torch.nn.functional.batch_norm`` does, in training with the batches of all processes as one.

    All processes call it, each with its ``x`` ``(B, C, ...)``, where B may be 0.
    """
    if not training:
        return F.batch_norm(x, running_mean, running_var, weight, bias, False, momentum, eps)
    out, mean, var, count = _Normalise.apply(x, weight, bias, eps)
    if running_mean is not None and running_var is not None:
        with torch.no_grad():
            running_mean.lerp_(mean, momentum)
            running_var.lerp_((var * (count / (count - 1).clamp(min=1))).float(), momentum)
    return out


class JoinedNorms(TorchFunctionMode):
    """In a ``with`` block, every batch norm in training mode is a ``joined_batch_norm``."""

    def __torch_function__(
        self, operation: Callable[..., Any], types: Any, arguments: Any = (), options: Any = None
    ) -> Any:
        """Carry an operation of torch's out, or its joined twin."""
        joined = joined_batch_norm if operation is F.batch_norm else operation
        return joined(*arguments, **(options or {}))
