"""Attacks that set a few pixels to an end of the range: one pixel, or salt and pepper.

Axes: n pictures, m candidates a picture, w steps, C channels, H rows, W columns.
"""

import torch
from torch import Tensor

from c2f.attacks.search import PictureAttack, Search, with_pixels

PIXELS = 1000
STEPS = 1000
BLOCKS = (1, 2, 4, 5, 8, 10, 20)
"""Of so many steps of salt and pepper the noise is drawn at once."""
AT_ONCE = 2048
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
    """Return each picture ``(n, C, H, W)`` with the nearest salt and pepper that fools, unchanged where none does.

    Only a step that fools changes those after it, and few do: several steps of a picture are asked about at once, and
    those behind one that fools are asked about anew.
    """
    x, (low, high) = search.pictures, search.bounds
    n, _, height, width = x.shape
    block = max(steps for steps in BLOCKS if steps * n * height * width <= 2**24 or steps == 1)
    draws = torch.empty(n, block, 1, height, width)  # of the block of steps that each picture is in
    result, nearest, shares = x.clone(), torch.full((n,), torch.inf), Shares(n)
    while len(rows := (shares.step < STEPS).nonzero()[:, 0]):
        fresh = rows[shares.step[rows] % block == 0]
        draws[fresh] = search.streams.uniform(fresh, block, (1, height, width))
        places = shares.step[rows, None] % block + torch.arange(max(1, min(3 * search.window // len(rows), block)))
        p = shares.ahead(rows, places.shape[1])  # (m, w)
        u = draws[rows[:, None], places.clamp(max=block - 1)].to(x.device)
        half = p.to(x.device)[:, :, None, None, None] / 2
        made = torch.where(u < half, low, torch.where(u >= 1 - half, high, x[rows, None]))  # (m, w, C, H, W)
        norms = (made - x[rows, None]).flatten(0, 1).flatten(1).norm(dim=1).view_as(p).cpu()
        ask = (norms < nearest[rows, None]) & (norms > 0) & (places < block)
        better = torch.zeros_like(ask)
        if ask.any():
            better[ask] = search.fools(made[ask.to(x.device)], rows[ask.nonzero()[:, 0]])
        hit, first = better.any(dim=1), better.int().argmax(dim=1)  # argmax: the first of equals
        result[rows[hit]], nearest[rows[hit]] = made[hit, first[hit]], norms[hit, first[hit]]
        steps = torch.where(hit, first + 1, (places < block).sum(dim=1))
        shares.go_on(rows, steps, p[torch.arange(len(rows)), steps - 1], hit)
    return result


class Shares:
    """The share p of the pixels that each of ``n`` pictures is asked about next; after a success it goes on from p/2.

    Attributes:
        step: how many were asked about, int64 ``(n,)``.
    """

    def __init__(self, n: int):
        self.step = torch.zeros(n, dtype=torch.int64)
        self.least, self.most = torch.zeros(n), torch.ones(n)
        self.stride = self.most / STEPS
        self.p = self.stride.clone()

    def ahead(self, rows: Tensor, w: int) -> Tensor:
        """Return the next ``w`` shares of ``rows`` ``(m,)``, as they are while none fools: ``(m, w)``."""
        shares = [self.p[rows]]
        for _ in range(w - 1):
            shares.append(self._next(rows, shares[-1]))
        return torch.stack(shares, dim=1)

    def go_on(self, rows: Tensor, steps: Tensor, p: Tensor, fooled: Tensor) -> None:
        """Note that ``rows`` took ``steps`` steps, the last with the share ``p``, and whether that one fooled."""
        self.step[rows] += steps
        best, share = rows[fooled], p[fooled]
        self.least[best] = share / 2
        # A bit more than p: a larger share mostly, but not always, gives a larger norm.
        self.most[best] = (share * 1.2).clamp(max=1)
        self.stride[best] = (self.most[best] - self.least[best]) / (STEPS + 1 - self.step[best])
        self.p[rows] = self._next(rows, torch.where(fooled, self.most[rows], p))

    def _next(self, rows: Tensor, p: Tensor) -> Tensor:
        most = self.most[rows]
        return torch.minimum(torch.where(p == most, self.least[rows], p) + self.stride[rows], most)
