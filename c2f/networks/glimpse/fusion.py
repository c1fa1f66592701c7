"""Fusing what was seen so far: attention over tokens, one token a glimpse.

Axes: N pictures, T glimpses so far, D width of a token: features, scale, x, y.

Only the newest token's answer is used, so only its query is computed. The keys and values of earlier tokens do not
change and are kept. ``Fusion.plain`` computes all anew, as the authors' code does; its newest answer is the same.
"""

import math
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn


@dataclass(frozen=True)
class Memory:
    """What is kept of T tokens: ``keys`` and ``values``, both ``(N, T, D)``."""

    keys: Tensor
    values: Tensor

    def select(self, indices: Tensor) -> "Memory":
        """Return the memory of the pictures ``indices``, int64 or bool ``(N,)``."""
        return Memory(self.keys[indices], self.values[indices])


class Fusion(nn.Module):
    """Attention with one head, layer norm, ReLU; no residual, mask or code of position (Tan et al. 2021, section 3).

    Args:
        width: D of a token.
        dropout: of the attention weights, in [0, 1).
    """

    def __init__(self, width: int, dropout: float = 0.0):
        super().__init__()
        self.mha = nn.MultiheadAttention(width, num_heads=1, dropout=dropout)
        self.norm = nn.LayerNorm(width)

    def forward(self, token: Tensor, memory: Memory | None = None) -> tuple[Tensor, Tensor, Memory]:
        """Fuse the newest token ``(N, D)`` with ``memory`` of the T - 1 before it (None: it is the first).

        Returns:
            The fused vector ``(N, D)``, non-negative; the attention weights ``(N, T)``, which sum to one a picture (and
            are as they were before dropout); the memory of T tokens.
        """
        projected = F.linear(token, self.mha.in_proj_weight, self.mha.in_proj_bias)
        query, *key_and_value = projected.unsqueeze(1).chunk(3, dim=2)  # (N, 1, D) each
        keys, values = key_and_value
        if memory is not None:
            keys = torch.cat([memory.keys, keys], dim=1)  # (N, T, D)
            values = torch.cat([memory.values, values], dim=1)
        scores = query @ keys.transpose(1, 2) / math.sqrt(token.shape[1])
        weights = scores.softmax(dim=2)  # (N, 1, T)
        kept = F.dropout(weights, self.mha.dropout, self.training)
        fused = self.mha.out_proj((kept @ values).squeeze(1))
        return F.relu(self.norm(fused)), weights.squeeze(1), Memory(keys, values)

    def remember(self, tokens: Tensor) -> Memory:
        """Return the memory of tokens ``(T, N, D)``."""
        width = tokens.shape[2]
        weight, bias = self.mha.in_proj_weight[width:], self.mha.in_proj_bias[width:]
        keys, values = F.linear(tokens.transpose(0, 1), weight, bias).chunk(2, dim=2)
        return Memory(keys, values)

    def plain(self, tokens: Tensor) -> tuple[Tensor, Tensor]:
        """Fuse all of ``tokens`` ``(T, N, D)`` with a query of each, as published, and keep the newest answer.

        Returns:
            The fused vector ``(N, D)``, and the attention weights ``(N, T, T)``, one row a query.
        """
        attended, weights = self.mha(tokens, tokens, tokens)
        return F.relu(self.norm(attended)[-1]), weights
