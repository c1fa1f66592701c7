"""The coarse-to-fine primitive: one picture at several scales.

Axes: N pictures, C channels, H rows, W columns. Pictures are float tensors ``(N, C, H, W)`` of any value range.

The default scaler is the one that the Top-Down Networks were trained with (Lelekas et al. 2020; TensorFlow's
``tf.image.resize(method="gaussian", antialias=True)``). Every level is made directly from the picture: level 4 is one
shrink by four, not two by two.
"""

import math
from collections.abc import Callable, Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from c2f.common.checks import choose, positive_int
from c2f.networks.modes import in_float32


def resize_matrix(size_in: int, size_out: int) -> Tensor:
    """Return the linear map of a one-dimensional antialiased Gaussian resize, ``(size_out, size_in)`` float32.

    Output pixel o is centred at ``(o + 0.5) * size_in / size_out`` in coordinates where input pixel s sits at
    ``s + 0.5``. Its weights are a Gaussian of sigma 0.5 and radius 1.5, in units of output pixels when shrinking.
    Taps outside the picture are dropped and the rest renormalised, so that every row sums to one and a constant
    picture stays as it is.
    """
    positive_int(size_in, "size_in")
    positive_int(size_out, "size_out")
    inverse_scale = size_in / size_out
    kernel_scale = max(inverse_scale, 1.0)
    centres = (torch.arange(size_out, dtype=torch.float64) + 0.5) * inverse_scale  # (size_out,)
    positions = torch.arange(size_in, dtype=torch.float64) + 0.5  # (size_in,)
    distance = (positions[None, :] - centres[:, None]).abs() / kernel_scale  # (size_out, size_in)
    weights = torch.exp(-(distance**2) / (2 * 0.5**2)) * (distance < 1.5)
    return (weights / weights.sum(dim=1, keepdim=True)).float()


def _check(x: Tensor, factor: int) -> None:
    positive_int(factor, "a factor")
    if x.ndim != 4 or not x.is_floating_point():
        raise ValueError(
            f"pictures must be float (N, C, H, W), not {x.dtype} {tuple(x.shape)}; from bytes: images.float() / 255"
        )
    if x.shape[2] % factor or x.shape[3] % factor:
        raise ValueError(
            f"pictures of {x.shape[2]}x{x.shape[3]} cannot be shrunk by {factor}, which does not divide them: crop or "
            "pad them first"
        )


def gaussian_resize(x: Tensor, factor: int) -> Tensor:
    """Shrink ``(N, C, H, W)`` by ``factor`` with the antialiased Gaussian resize (the authors' ``tf``)."""
    _check(x, factor)
    rows = resize_matrix(x.shape[-2], x.shape[-2] // factor).to(x)
    columns = resize_matrix(x.shape[-1], x.shape[-1] // factor).to(x)
    return rows @ x @ columns.T


def gaussian_kernel(sigma: float) -> Tensor:
    """Return a sampled two-dimensional Gaussian of radius ``ceil(3 sigma)``, normalised, ``(2r+1, 2r+1)``.

    Raises:
        ValueError: a sigma that is not a finite number above 0.
    """
    if not 0 < sigma < math.inf:
        raise ValueError(f"sigma must be a finite number of pixels above 0, not {sigma!r}")
    radius = math.ceil(3 * sigma)
    t = torch.arange(-radius, radius + 1, dtype=torch.float64)
    line = torch.exp(-(t**2) / (2 * sigma**2))
    kernel = line[:, None] * line[None, :]
    return (kernel / kernel.sum()).float()


def _convolve(x: Tensor, kernel: Tensor) -> Tensor:
    channels = x.shape[1]
    weight = kernel.to(x).expand(channels, 1, *kernel.shape)
    return F.conv2d(x, weight, groups=channels)


def blur_subsample(x: Tensor, factor: int) -> Tensor:
    """Blur with sigma ``factor / 2``, reflect padding, then keep every ``factor``-th pixel (``gaussian``).

    Pixels 0, factor, 2 factor ... are kept, so the result lies (factor - 1) / 2 pixels off the default's.
    """
    _check(x, factor)
    kernel = gaussian_kernel(factor / 2)
    radius = kernel.shape[0] // 2
    if radius >= min(x.shape[-2:]):
        raise ValueError(f"a picture of {x.shape[-2]}x{x.shape[-1]} is too small to blur for factor {factor}")
    return _convolve(F.pad(x, (radius,) * 4, mode="reflect"), kernel)[..., ::factor, ::factor]


def subsample(x: Tensor, factor: int) -> Tensor:
    """Keep every ``factor``-th pixel without any blur, aliasing and all (``noblur``)."""
    _check(x, factor)
    return x[..., ::factor, ::factor]


def max_pool(x: Tensor, factor: int) -> Tensor:
    """Take the maximum of every ``factor`` x ``factor`` block (``pool``)."""
    _check(x, factor)
    return F.max_pool2d(x, factor)


def blur_pool(x: Tensor, factor: int) -> Tensor:
    """Dense 2x2 maximum, blur of sigma 0.6, subsample; once for every power of two (``antialias``).

    Raises:
        ValueError: a factor that is no power of two, and what all scalers refuse.
    """
    _check(x, factor)
    if factor & (factor - 1):
        raise ValueError(f"blur_pool halves again and again: its factor must be a power of two, not {factor}")
    kernel = gaussian_kernel(0.6)
    radius = kernel.shape[0] // 2
    for _ in range(int(math.log2(factor))):
        dense = F.max_pool2d(F.pad(x, (0, 1, 0, 1), value=-math.inf), 2, stride=1)
        x = _convolve(F.pad(dense, (radius,) * 4), kernel)[..., ::2, ::2]
    return x


SCALERS: dict[str, Callable[[Tensor, int], Tensor]] = {
    "gaussian_resize": gaussian_resize,
    "blur_subsample": blur_subsample,
    "subsample": subsample,
    "max_pool": max_pool,
    "blur_pool": blur_pool,
}
"""Each maps float pictures ``(N, C, H, W)`` and a factor to ``(N, C, H/factor, W/factor)``, and raises ``ValueError``
for other pictures and for a factor that does not divide both sides."""


class Pyramid(nn.Module):
    """A picture at several scales, fine to coarse; no trained parts.

    Args:
        image_size: side of the square picture in pixels, divisible by every factor.
        factors: by how much each level is shrunk, e.g. ``(1, 2, 4)``: 1 or a power of two each.
        scaler: a name in ``SCALERS``.

    Calling it with one tensor ``(N, C, H, W)`` gives the levels ``(N, C, H/f, W/f)``, one for each factor. Calling it
    with a sequence of tensors, as many as levels and all of full size, takes level i from picture i: this is how a
    perturbed picture is fed to one scale only (the paper's ``_multi`` networks).

    Raises:
        ValueError: an unknown scaler, a size that a factor does not divide, a factor that is no power of two, an
            input of another shape or of bytes, or another number of pictures than levels.
    """

    def __init__(self, image_size: int, factors: Sequence[int] = (1, 2, 4), scaler: str = "gaussian_resize"):
        super().__init__()
        choose(scaler, SCALERS, "scaler")
        positive_int(image_size, "image_size")
        if not factors:
            raise ValueError("a pyramid needs at least one factor")
        for factor in factors:
            positive_int(factor, "a pyramid factor")
            if factor & (factor - 1):
                raise ValueError(f"a pyramid factor must be a power of two, not {factor}")
            if image_size % factor:
                raise ValueError(
                    f"image_size {image_size} is not divisible by {factor}: use a multiple of {max(factors)}"
                )
        self.image_size, self.factors, self.scaler = image_size, tuple(factors), scaler
        if scaler == "gaussian_resize":  # the map is fixed: keep it instead of making it at every call
            for factor in self.factors:
                matrix = resize_matrix(image_size, image_size // factor)
                self.register_buffer(f"resize_{factor}", matrix, persistent=False)

    def forward(self, pictures: Tensor | Sequence[Tensor]) -> tuple[Tensor, ...]:
        """Return the levels of one picture batch, or level i of picture batch i."""
        if isinstance(pictures, Tensor):
            pictures = [pictures] * len(self.factors)
        elif len(pictures) != len(self.factors):
            raise ValueError(
                f"{len(pictures)} pictures for the {len(self.factors)} scales {self.factors}: "
                "give one tensor, or one a scale"
            )
        return tuple(self.level(x, factor) for x, factor in zip(pictures, self.factors, strict=True))

    def level(self, x: Tensor, factor: int) -> Tensor:
        """Return ``(N, C, H, W)`` shrunk by ``factor``, which must be one of ``self.factors``."""
        if x.ndim != 4 or tuple(x.shape[-2:]) != (self.image_size, self.image_size):
            raise ValueError(
                f"expected pictures (N, C, {self.image_size}, {self.image_size}), not {tuple(x.shape)}; "
                "build the network or pyramid with the image_size of your pictures"
            )
        _check(x, factor)
        if factor == 1:
            return x
        if self.scaler == "gaussian_resize":
            matrix = self.get_buffer(f"resize_{factor}").to(x.dtype)
            with in_float32(x.device):  # mixed precision would round the picture to eight bits
                return matrix @ x @ matrix.T
        return SCALERS[self.scaler](x, factor)

    def extra_repr(self) -> str:
        """Show the configuration in ``repr``."""
        return f"image_size={self.image_size}, factors={self.factors}, scaler={self.scaler!r}"
