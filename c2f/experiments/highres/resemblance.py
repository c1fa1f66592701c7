"""What a high-resolution class map resembles: the low-resolution one, the picture, or another class's map.

Nothing ties decoded map k to the classifier's map k, yet the high-resolution CAM sums the decoded maps with the
classifier's weights (Tagaris et al. 2019). Correlations say what comes out. They are Pearson's, over the pixels of one
picture; where one of two maps is constant there is none, and the value is NaN.

Axes: N pictures, C channels, M feature maps, H rows, W columns, K classes, P orders of the feature maps.
"""

from dataclasses import dataclass

import torch
from torch import Tensor

from c2f.common.checks import positive_int

_FLAT = 1e-12
"""A variance of less than this share of the mean square is rounding: the map is constant."""


def correlation(one: Tensor, other: Tensor) -> Tensor:
    """Return how alike two maps of each picture are, float64 ``(N,)`` in [-1, 1]: ``(N, H, W)`` twice.

    Raises:
        ValueError: shapes that differ, or values that are not finite.
    """
    a, b = _centred(one, "maps"), _centred(other, "maps")
    if a.shape != b.shape:
        raise ValueError(f"the maps {tuple(one.shape)} and {tuple(other.shape)} differ in size: enlarge one of them")
    return (a * b).sum(dim=1) / (_norm(a) * _norm(b))


def colour_share(maps: Tensor, pictures: Tensor) -> Tensor:
    """Return how much of each map a mixture of the picture's own channels explains, float64 ``(N,)`` in [0, 1].

    It is R squared, the share of the map's variance over pixels that the best linear mixture of the channels and a
    constant has: 1 for a tinted copy of the picture.

    Args:
        maps: ``(N, H, W)``.
        pictures: ``(N, C, H, W)``.

    Raises:
        ValueError: sizes that differ, or values that are not finite.
    """
    if pictures.ndim != 4 or (len(pictures), *pictures.shape[2:]) != tuple(maps.shape):
        raise ValueError(f"pictures {tuple(pictures.shape)} do not fit maps {tuple(maps.shape)}")
    y = _centred(maps, "maps")
    shares = []
    for channels, one in zip(pictures.detach().cpu().double().flatten(2), y, strict=True):
        x = (channels - channels.mean(dim=1, keepdim=True)).T  # (H*W, C)
        if not x.isfinite().all():
            raise ValueError("the pictures hold NaN or infinity")
        # The pseudo-inverse takes constant and equal channels too: they explain nothing more.
        fitted = x @ (torch.linalg.pinv(x) @ one)
        shares.append((fitted**2).sum() / _norm(one[None])[0] ** 2)
    return torch.stack(shares)


def _centred(maps: Tensor, what: str) -> Tensor:
    """Return ``(N, H, W)`` as float64 ``(N, H*W)`` without its mean, exact zeros where it is constant."""
    if maps.ndim != 3 or not maps.numel():
        raise ValueError(f"{what} must be (N, H, W), N at least 1, not {tuple(maps.shape)}")
    values = maps.detach().cpu().double().flatten(1)
    bad = (~values.isfinite()).any(dim=1).nonzero()[:, 0].tolist()
    if bad:
        raise ValueError(f"values that are not finite in {len(bad)} of {len(maps)} {what}, first in number {bad[0]}")
    centred = values - values.mean(dim=1, keepdim=True)
    flat = (centred**2).mean(dim=1) <= _FLAT * (values**2).mean(dim=1)
    return torch.where(flat[:, None], 0.0, centred)


def _norm(centred: Tensor) -> Tensor:
    """Return the lengths ``(N,)``, NaN of a constant map."""
    length = centred.square().sum(dim=1).sqrt()
    return torch.where(length > 0, length, torch.nan)


@dataclass(frozen=True)
class Moments:
    """Covariances over the pixels of each picture, from which the correlations of any weighted sum follow.

    Attributes:
        among: float64 ``(N, M, M)``, of the feature maps with each other.
        with_target: float64 ``(N, M)``, with a map that sums are compared with.
        target: float64 ``(N,)``, the variance of that map.
    """

    among: Tensor
    with_target: Tensor
    target: Tensor

    def correlations(self, weights: Tensor) -> Tensor:
        """Return how alike the sums with ``weights`` ``(..., N, M)`` and the target are, ``(..., N)``."""
        w = weights.detach().cpu().double()
        together = (w * self.with_target).sum(dim=-1)
        variance = torch.einsum("...nm,nml,...nl->...n", w, self.among, w)
        return together / torch.where(variance * self.target > 0, variance * self.target, torch.nan).sqrt()

    def between_classes(self, class_weights: Tensor) -> Tensor:
        """Return how alike the maps of any two classes are, ``(N, K, K)``, from the class weights ``(K, M)``."""
        w = class_weights.detach().cpu().double()
        covariance = w @ self.among @ w.T  # (N, K, K)
        spread = covariance.diagonal(dim1=1, dim2=2)
        spread = torch.where(spread > 0, spread, torch.nan).sqrt()
        return covariance / (spread[:, :, None] * spread[:, None, :])


def moments(features: Tensor, target: Tensor) -> Moments:
    """Return the ``Moments`` of features ``(N, M, H, W)`` and of a target ``(N, H, W)``.

    Raises:
        ValueError: sizes that differ, or values that are not finite.
    """
    if features.ndim != 4 or (len(features), *features.shape[2:]) != tuple(target.shape):
        raise ValueError(f"features {tuple(features.shape)} and target {tuple(target.shape)} do not fit")
    x = _centred(features.flatten(0, 1), "features").unflatten(0, features.shape[:2])  # (N, M, H*W)
    y = _centred(target, "maps")
    pixels = y.shape[1]
    return Moments(x @ x.mT / pixels, (x @ y[:, :, None])[..., 0] / pixels, (y**2).mean(dim=1))


def other_orders(weights: Tensor, count: int, seed: int = 0) -> Tensor:
    """Return the weights ``(..., M)`` in ``count`` random orders of the M maps, ``(P, ..., M)``.

    As the decoded maps could have come out in any order, each is as good a high-resolution CAM as the real one.

    Raises:
        ValueError: ``count`` is no positive whole number.
    """
    generator = torch.Generator().manual_seed(seed)
    orders = [torch.randperm(weights.shape[-1], generator=generator) for _ in range(positive_int(count, "count"))]
    return torch.stack([weights[..., order.to(weights.device)] for order in orders])


def reordered(features: Tensor, weights: Tensor, count: int, seed: int = 0) -> Tensor:
    """Return how alike a map and the one that ``count`` other orders of the features give are, float64 ``(P, N)``.

    Args:
        features: ``(N, M, H, W)``.
        weights: ``(N, M)``, of the features in the map.
        count, seed: as for ``other_orders``.
    """
    found = moments(features, torch.einsum("nm,nmhw->nhw", weights, features))
    return found.correlations(other_orders(weights, count, seed))


def mean_between(correlations: Tensor) -> Tensor:
    """Return the mean over all pairs of different classes, ``(N, K, K)`` to ``(N,)``."""
    k = correlations.shape[1]
    different = ~torch.eye(k, dtype=torch.bool)
    return correlations[:, different].nanmean(dim=1)
