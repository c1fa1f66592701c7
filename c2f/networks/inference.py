"""What a network answers, where no gradients are needed: by the quickest copy of it that a CPU has.

All that measures, attacks or explains by forward passes alone comes through here.

Axes: N pictures, C channels, H rows, W columns, K classes.
"""

import os
from concurrent.futures import ThreadPoolExecutor
from functools import lru_cache
from threading import Barrier
from typing import Any

import torch
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode
from torch.utils._pytree import tree_leaves

from c2f.common.memory import keep_freed_memory
from c2f.networks.bottom_up import BottomUp
from c2f.networks.densenet_models import FullDenseNet, HalfDenseNet
from c2f.networks.folding import folded, for_cpu
from c2f.networks.modes import eval_mode, has_hooks
from c2f.networks.top_down import TopDown

CLOSE = 1e-4
"""Where the two largest logits are nearer than this share of the largest, the quick copy's answer is not trusted."""

CACHED = 3 * 2**20
"""How many numbers a thread the largest features of a part of the pictures may have, for the caches to hold them."""

WORTH = 2**17
"""From how many numbers a thread on each thread is given pictures of its own."""

KNOWN = (BottomUp, TopDown, HalfDenseNet, FullDenseNet)
"""The classifiers whose quick copy is asked."""

CHECKED = 16
"""How many pictures of the first batch the quick copy and the network have to agree about."""


class Quick:
    """A copy of a network with folded batch norms, in inference mode; on a CPU in the layout that is fastest there.

    Its logits agree with the network's up to rounding. On a CPU pictures are asked about in parts whose features stay
    in the caches. Of a network of ``KNOWN`` torch's threads take a part each, in the place of all sharing each
    operation, at whose end they would wait for one another. (Others may keep something from module to module.)

    Args:
        network: left as it is.
        device: where the network is.
        compiled: run it through ``torch.compile``.
    """

    def __init__(self, network: nn.Module, device: torch.device, compiled: bool = False):
        keep_freed_memory()
        copy = (for_cpu if device.type == "cpu" else folded)(network).requires_grad_(False)
        self._copy, self._device = copy, device
        self._run = torch.compile(copy, dynamic=True) if compiled else copy
        self._apart = type(network) in KNOWN and not has_hooks(network) and not compiled
        self._largest: int | None = None

    def __call__(self, pictures: Tensor) -> Any:
        """Map pictures ``(N, C, H, W)`` to what the network answers; in parts, if that is a tensor."""
        with torch.no_grad():
            if self._device.type != "cpu" or len(pictures) < 2:
                return self._run(pictures)
            if self._largest is None:
                with _Largest() as largest:
                    self._copy(pictures[:1])
                self._largest = largest.size
            numbers, threads = len(pictures) * self._largest, torch.get_num_threads()
            parts = max(1, -(-numbers // (CACHED * threads)))
            if self._apart and threads > 1 and numbers >= WORTH * threads:
                shares = pictures.chunk(parts * threads)  # of equal sizes: a small one costs more a picture
                return torch.cat(list(_threads(threads).map(self._alone, shares)))
            answers = [self._run(part) for part in pictures.chunk(parts)]
            return torch.cat(answers) if parts > 1 else answers[0]

    def _alone(self, pictures: Tensor) -> Any:
        with torch.no_grad():  # which each thread has to say for itself
            return self._copy(pictures)


@lru_cache(maxsize=2)
def _threads(count: int) -> ThreadPoolExecutor:
    """Return ``count`` threads in which an operation of torch's has one thread; the caller has ``count`` of torch's."""
    begun = Barrier(count)

    def begin(_: int) -> None:
        torch.get_num_threads()  # at its first word to torch a thread takes the number that was set last, by whomever
        torch.set_num_threads(1)
        begun.wait()

    pool = ThreadPoolExecutor(count, "inference")
    list(pool.map(begin, range(count)))
    torch.set_num_threads(count)
    return pool


if hasattr(os, "register_at_fork"):  # not on Windows, which has no fork
    os.register_at_fork(after_in_child=_threads.cache_clear)  # a child has none of them


class _Largest(TorchFunctionMode):
    """Notes how many numbers the largest tensor has that a function of torch makes.

    (``TorchDispatchMode``, which sees what functions call in turn, brings ``torch._dynamo``: 150 MiB, 1.5 s.)
    """

    def __init__(self) -> None:
        super().__init__()
        self.size = 1

    def __torch_function__(self, operation: Any, types: Any, arguments: Any = (), options: Any = None) -> Any:
        made = operation(*arguments, **(options or {}))
        self.size = max([self.size, *(x.numel() for x in tree_leaves(made) if isinstance(x, Tensor))])
        return made


def agree(quick: Tensor, logits: Tensor) -> bool:
    """Return whether two logits ``(N, K)`` are so near that they differ in no answer that is not close."""
    return bool(((quick - logits).abs() <= CLOSE / 4 * logits.abs().amax()).all())


def close(logits: Tensor) -> Tensor:
    """Return bool ``(N,)``: where the two largest of ``(N, K)`` are so near that rounding may turn the answer."""
    largest = logits.topk(min(2, logits.shape[1]), dim=1).values
    return ~(largest[:, 0] - largest[:, -1] > CLOSE * logits.abs().amax(dim=1))


class Inference:
    """A classifier in inference mode and in float32, also under autocast, by its quick copy where that agrees.

    The answers are the network's own: where one is close, the network itself is asked. A network that is not of
    ``KNOWN``, or not on a CPU, is asked itself always; so is one of which the quick copy says something else about the
    first pictures, and one that somebody looks into by hooks.

    Args:
        network: maps ``(N, C, H, W)`` to logits ``(N, K)``; its weights are copied at the first call.
    """

    def __init__(self, network: nn.Module):
        self.network = network
        self._known = type(network) in KNOWN
        self._quick: Quick | None = None

    def __call__(self, pictures: Tensor) -> Any:
        """Map pictures ``(N, C, H, W)`` to logits ``(N, K)``, or to what a network that is not known answers."""
        with torch.autocast(pictures.device.type, enabled=False), eval_mode(self.network), torch.no_grad():
            if self._known and self._quick is None:
                self._quick = self._checked(pictures)
                self._known = self._quick is not None
            if self._quick is None:
                return self.network(pictures)
            logits = self._quick(pictures)
            unsure = close(logits)
            if unsure.any():
                logits[unsure] = self.network(pictures[unsure])
            return logits

    def _checked(self, pictures: Tensor) -> Quick | None:
        numbers = {x.dtype for x in (pictures, *self.network.parameters())}
        if has_hooks(self.network) or pictures.device.type != "cpu" or numbers != {torch.float32}:
            return None
        quick, some = Quick(self.network, pictures.device), pictures[:CHECKED]
        return quick if agree(quick(some), self.network(some)) else None
