"""The papers' augmentations, as batched tensor code that draws anew for every picture.

An augmentation is called with float pictures ``(B, C, H, W)`` and a CPU generator. What it draws depends on
the generator alone, not on the pictures' device; its input and torch's global random state stay as they were.
Pictures come as loaders make them: in [0, 1], minus the mean image where there is one.

Axes: B pictures, C channels, H rows, W columns; h, w after a crop.
"""

from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Generator, Tensor

from c2f.common.checks import choose, positive_int
from c2f.datasets.batches import Augmentation

SHIFT = 0.1
"""The largest shift of the Top-Down paper, as a share of the picture's height and width."""
PCA_SD = 0.1
"""Standard deviation of the Top-Down paper's colour shift, in units of the eigenvalues."""
FILL = 128
"""Grey level of the area that AutoAugment's rotations and shifts uncover (the Multi-Glimpse paper's)."""


def translate(x: Tensor, rows: Tensor, columns: Tensor, mirror: Tensor | None = None) -> Tensor:
    """Move each picture by its own, continuous distance; bilinear, edges replicated.

    The same as ``scipy.ndimage.shift(order=1, mode="nearest")`` up to float32 rounding.

    Args:
        x: ``(B, C, H, W)``.
        rows: float ``(B,)``, how many pixels down.
        columns: float ``(B,)``, how many pixels to the right.
        mirror: bool ``(B,)``, which pictures to mirror left to right after the move; None for none. It costs
            nothing here; as a step of its own it takes another pass over the pictures.
    """
    b, _, height, width = x.shape
    # Where to read, in the units of grid_sample: the picture's edges are at -1 and 1, pixel centres between.
    down = torch.linspace(1 / height - 1, 1 - 1 / height, height, device=x.device)
    across = torch.linspace(1 / width - 1, 1 - 1 / width, width, device=x.device)
    read_row = down - (2 / height) * rows[:, None]  # (B, H)
    if mirror is not None:
        across = torch.where(mirror[:, None], -across, across)  # (B, W)
    read_column = across - (2 / width) * columns[:, None]  # (B, W)
    size = (b, height, width)
    grid = torch.stack([read_column[:, None, :].expand(size), read_row[:, :, None].expand(size)], dim=1)
    grid = grid.permute(0, 2, 3, 1)  # (B, H, W, 2), made in the order that grid_sample reads fastest
    return F.grid_sample(x, grid, mode="bilinear", padding_mode="border", align_corners=False)


def _draw_shift(x: Tensor, generator: Generator) -> tuple[Tensor, Tensor]:
    share = (2 * torch.rand(2, len(x), generator=generator) - 1) * SHIFT
    rows, columns = share.to(x.device)
    return rows * x.shape[2], columns * x.shape[3]


def _draw_mirror(x: Tensor, generator: Generator) -> Tensor:
    return (torch.rand(len(x), generator=generator) < 0.5).to(x.device)


def shift(x: Tensor, generator: Generator) -> Tensor:
    """Move every picture by U(-0.1, 0.1) H pixels down and U(-0.1, 0.1) W pixels to the right."""
    return translate(x, *_draw_shift(x, generator))


def flip(x: Tensor, generator: Generator) -> Tensor:
    """Mirror each picture left to right with probability 1/2."""
    return torch.where(_draw_mirror(x, generator)[:, None, None, None], x.flip(3), x)


def shift_flip(x: Tensor, generator: Generator) -> Tensor:
    """``shift``, then ``flip``, in one pass over the pictures: what the Top-Down paper does on CIFAR-10."""
    rows, columns = _draw_shift(x, generator)
    return translate(x, rows, columns, mirror=_draw_mirror(x, generator))


def crop(size: int) -> Augmentation:
    """Return the augmentation that cuts ``size`` x ``size`` out of each picture, at a place drawn uniformly.

    Raises:
        ValueError: ``size`` is no positive whole number; when called, pictures smaller than ``size``.
    """
    positive_int(size, "the size of a crop")

    def random_crop(x: Tensor, generator: Generator) -> Tensor:
        b, _, height, width = x.shape
        if min(height, width) < size:
            raise ValueError(
                f"cannot crop {size}x{size} out of pictures of {height}x{width}: "
                f"load them at {size} pixels or more (Imagenette's recipe crops 128 out of 156)"
            )
        row = torch.randint(height - size + 1, (b,), generator=generator).to(x.device)
        column = torch.randint(width - size + 1, (b,), generator=generator).to(x.device)
        windows = x.unfold(2, size, 1).unfold(3, size, 1)  # (B, C, H-h+1, W-w+1, h, w), a view
        return windows[torch.arange(b, device=x.device), :, row, column]  # (B, C, h, w)

    return random_crop


def colour_axes(x: Tensor) -> Tensor:
    """Return, for each picture, its principal colour axes in the picture's own units, ``(B, C, C)``.

    With the standardised pixels z = (p - m) / s (channel mean and population standard deviation) and the
    matrix ``z^T z / (H W - 1)``, column k is its k-th eigenvector times its k-th eigenvalue times s (element
    by element), largest eigenvalue first.

    In a channel without contrast (s below 1e-6: no more than its mean's rounding), z is 0: it stays as it is,
    and the others are treated as if it were not there. The authors' code gives NaN.
    """
    pixels = x.flatten(2)  # (B, C, HW)
    centred = pixels - pixels.mean(dim=2, keepdim=True)
    scatter = centred @ centred.transpose(1, 2)  # (B, C, C)
    s = (scatter.diagonal(dim1=1, dim2=2) / pixels.shape[2]).sqrt()  # (B, C)
    flat = s < 1e-6
    inverse = torch.where(flat, 0, 1 / s.masked_fill(flat, 1))
    correlation = scatter * inverse[:, :, None] * inverse[:, None, :] / max(pixels.shape[2] - 1, 1)
    values, vectors = torch.linalg.eigh(correlation)  # smallest first
    axes = vectors * values[:, None, :] * s.masked_fill(flat, 0)[:, :, None]
    return axes.flip(2)


def pca_colour_shift(x: Tensor, generator: Generator) -> Tensor:
    """Add to each picture one colour, drawn along its own principal colour axes.

    The colour is ``colour_axes(x) @ a`` with a ~ N(0, 0.1^2) for each axis, the same for all pixels; nothing
    is clipped. The axes are those of the pictures it is given, so it comes first in a chain, before a crop.
    """
    a = PCA_SD * torch.randn(x.shape[0], x.shape[1], 1, generator=generator).to(x)
    return x + (colour_axes(x) @ a)[..., None]  # (B, C, 1, 1) is added


def auto_augment(mean: Tensor | None = None) -> Augmentation:
    """Return AutoAugment with the policy learned on ImageNet (torchvision's), one draw for each picture.

    It is made for bytes, before any mean is subtracted. So pictures are brought back to grey levels 0 to 255
    (exactly, where they come from bytes), augmented, and divided and subtracted from as before.

    Args:
        mean: the mean image ``(C, H, W)`` that the loader subtracts; None where it subtracts none.

    Raises:
        ValueError: when called, pictures with other than 1 or 3 channels, a mean image of another shape, or
            pictures that are not in [0, 1] once ``mean`` is added.
    """
    from torchvision.transforms import AutoAugmentPolicy, v2

    policy = v2.AutoAugment(AutoAugmentPolicy.IMAGENET, fill=FILL)

    def augment(x: Tensor, generator: Generator) -> Tensor:
        if x.shape[1] not in (1, 3):
            raise ValueError(f"AutoAugment takes pictures of 1 or 3 channels, not {x.shape[1]}")
        if mean is not None and mean.shape != x.shape[1:]:
            raise ValueError(
                f"AutoAugment's mean image is {tuple(mean.shape)}, the pictures {tuple(x.shape[1:])}: "
                "give it the loader's mean image, and crop after it"
            )
        if not len(x):
            return x
        offset = 0 if mean is None else mean.to(x)
        grey = (x + offset) * 255
        low, high = grey.aminmax()
        if low < -0.5 or high > 255.5:
            raise ValueError(
                f"AutoAugment takes pictures in [0, 1], these run from {low / 255:.3g} to {high / 255:.3g}: "
                "give it the mean image that the loader subtracts, and put it first in a chain"
            )
        seed = int(torch.randint(2**62, (), generator=generator))
        with torch.random.fork_rng(devices=[]):  # torchvision draws from the CPU's global generator
            torch.default_generator.manual_seed(seed)  # torch.manual_seed would seed the GPU's as well
            done = torch.stack([policy(picture) for picture in grey.round().byte()])
        return done.to(x) / 255 - offset

    return augment


def compose(*augmentations: Augmentation) -> Augmentation:
    """Return the augmentation that applies ``augmentations`` in turn, all drawing from the one generator."""

    def chain(x: Tensor, generator: Generator) -> Tensor:
        for augmentation in augmentations:
            x = augmentation(x, generator)
        return x

    return chain


AUGMENTATIONS: dict[str, Callable[[int, Tensor | None], Augmentation | None]] = {
    "none": lambda size, mean: None,
    # Top-Down Networks: CIFAR-10, Imagenette
    "shift_flip": lambda size, mean: shift_flip,
    "pca_flip_crop": lambda size, mean: compose(pca_colour_shift, flip, crop(size)),
    # Multi-Glimpse Network, after its random crop and flip
    "autoaugment": lambda size, mean: auto_augment(mean),
}


def augmentation(name: str, image_size: int, mean: Tensor | None = None) -> Augmentation | None:
    """Return the augmentation that recipes call ``name``, or None for ``"none"``.

    Args:
        name: a key of ``AUGMENTATIONS``.
        image_size: side in pixels of what comes out, where the augmentation crops.
        mean: the mean image ``(C, H, W)`` that the loader subtracts, or None; only AutoAugment asks for it.

    Raises:
        ValueError: an unknown name, with the nearest known one, or an ``image_size`` that is no positive
            whole number.
    """
    choose(name, AUGMENTATIONS, "augmentation")
    positive_int(image_size, "image_size")
    return AUGMENTATIONS[name](image_size, mean)
