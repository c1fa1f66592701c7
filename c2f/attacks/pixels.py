"""Attacks that set a few pixels to an end of the range: one pixel, or salt and pepper.

Axes: n pictures, m candidates a picture, w steps, C channels, H rows, W columns.
"""

import torch
from torch import Tensor

from c2f.attacks.search import PictureAttack, Search, with_pixels

PIXELS = 1000
STEPS = 1000
AT_ONCE = 256
"""How many pixels of a picture to ask about at once, where that is quick."""


class SinglePixel(PictureAttack):
    """Set all channels of one pixel to the smallest value or to the largest.

    ``smallest``: of all pixels and both values that fool, the one with the smallest L2: they are asked about in order
    of their L2. Otherwise up to 1,000 pixels in random order, each 0 and then 1, and the first that fools, as published
    (Top-Down Networks, Lelekas et al. 2020; description 8.3).
    """

    name = "single_pixel"

    def __init__(self, seed: int = 0, smallest: bool = True):
        super().__init__(seed)
        self.smallest = smallest

    def find(self, search: Search) -> Tensor:
        """Return each picture with the pixel that is chosen."""
        x = search.pictures
        n, _, height, width = x.shape
        values = torch.tensor(search.bounds).to(x)
        # Candidate 2 p + v sets pixel p to value v.
        distances = (x.flatten(2)[..., None] - values).norm(dim=1).flatten(1).cpu()  # (n, 2 H W)
        if self.smallest:
            order = distances.argsort(dim=1, stable=True)
        else:
            random = search.streams.uniform(torch.arange(n), 1, (height * width,))[:, 0]
            pixels = random.argsort(dim=1, stable=True)[:, :PIXELS]
            order = torch.stack([2 * pixels, 2 * pixels + 1], dim=2).flatten(1)
        nothing = distances.gather(1, order) == 0  # a pixel that has the value already: no need to ask
        order = order.gather(1, nothing.int().argsort(dim=1, stable=True))
        count = (~nothing).sum(dim=1)

        def candidates(rows: Tensor, steps: Tensor) -> Tensor:
            chosen = order[rows[:, None], steps].flatten().to(x.device)  # (n w,)
            repeated = x[rows].repeat_interleave(steps.shape[1], dim=0)
            return with_pixels(repeated, chosen // 2, values[chosen % 2]).view(*steps.shape, *x.shape[1:])

        found = x.clone()
        for row in range(n):  # picture by picture: what is worked out of a picture serves all its pixels
            fools = search.of_one_pixel(row)
            if fools is None:
                return search.first(candidates, torch.zeros_like(count), count)[1]
            for chosen in order[row, : count[row]].split(AT_ONCE):
                hits = fools(chosen // 2, values[chosen % 2]).nonzero()
                if len(hits):
                    first = chosen[hits[0]]
                    found[row] = with_pixels(x[row], first // 2, values[first % 2])[0]
                    break
        return found


class SaltAndPepper(PictureAttack):
    """Set a random share p of the pixels to the largest or smallest value; of what fools keep the smallest L2.

    Foolbox 3's ``SaltAndPepperNoiseAttack`` with its 1,000 steps: p grows from 1/1000; after a success it goes on from
    p/2 up to 1.2 p. Pictures that are no nearer than the best so far are not asked about.
    """

    name = "salt_and_pepper"

    def find(self, search: Search) -> Tensor:
        """Return each picture with the nearest noise that fools."""
        return nearest_salt_and_pepper(search)


def nearest_salt_and_pepper(search: Search) -> Tensor:
    """Return each picture ``(n, C, H, W)`` with the nearest salt and pepper that fools, unchanged where none does."""
    x, (low, high) = search.pictures, search.bounds
    n, _, height, width = x.shape
    everyone = torch.arange(n)
    ahead = max(1, min(16, 2**24 // (n * height * width)))  # steps to draw at once
    result, nearest = x.clone(), torch.full((n,), torch.inf).to(x)
    least, most = torch.zeros(n).to(x), torch.ones(n).to(x)
    stride = most / STEPS
    p = stride
    for step in range(STEPS):
        if step % ahead == 0:
            draws = search.streams.uniform(everyone, min(ahead, STEPS - step), (1, height, width)).to(x.device)
        u, half = draws[:, step % ahead], p[:, None, None, None] / 2
        made = torch.where(u < half, low, torch.where(u >= 1 - half, high, x))
        norms = (made - x).flatten(1).norm(dim=1)
        ask = ((norms < nearest) & (norms > 0)).nonzero()[:, 0]
        better = torch.zeros(n, dtype=torch.bool, device=x.device)
        if len(ask):
            better[ask] = search.fools(made[ask], ask.cpu()).to(x.device)
        result[better], nearest[better] = made[better], norms[better]
        least = torch.where(better, p / 2, least)
        # A bit more than p: a larger share mostly, but not always, gives a larger norm.
        most = torch.where(better, (p * 1.2).clamp(max=1), most)
        stride = torch.where(better, (most - least) / (STEPS - step), stride)
        p = torch.minimum(torch.where(better | (p == most), least, p) + stride, most)
    return result
