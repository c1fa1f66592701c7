"""What one of several processes does of a work that all do together, and how they put it together again.

``WHOLE`` is the share of a process that works alone: everything, and nothing is exchanged.

Axes: N items of the whole work, n of this process.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeVar

import torch
from torch import Tensor, nn

T = TypeVar("T")


@dataclass(frozen=True)
class Share:
    """The share of the process ``rank``, from 0, of ``processes``; all of them call the methods in the same order.

    Attributes:
        rank: which of them this is; 0 writes and tells.
        processes: how many there are.
        backend: by which they talk, as torch names it; empty for one.
        joined: whether batch norms see the pictures of all of them.
    """

    rank: int = 0
    processes: int = 1
    backend: str = ""
    joined: bool = True

    @property
    def first(self) -> bool:
        """Whether this is the process that writes and tells."""
        return self.rank == 0

    def facts(self) -> dict[str, Any]:
        """Return how a work was shared out, as records name it; nothing where one process did it."""
        norms = "joined" if self.joined else "apart"
        return {} if self == WHOLE else {"processes": self.processes, "backend": self.backend, "batch_norm": norms}

    def of_each(self, batches: tuple[Tensor, ...]) -> list[Tensor]:
        """Return this process's contiguous part of each of ``batches``: their sizes differ by at most one."""
        cuts = [[len(batch) * rank // self.processes for rank in (self.rank, self.rank + 1)] for batch in batches]
        return [batch[low:high] for batch, (low, high) in zip(batches, cuts, strict=True)]

    def of_all(self, items: Tensor) -> Tensor:
        """Return every ``processes``-th of ``items`` ``(N,)``, from the ``rank``-th on: each is somebody's, once."""
        return items[self.rank :: self.processes]

    def gather(self, mine: Tensor, dim: int = 0) -> Tensor:
        """Return in order what was found of all items, where ``mine``, n along ``dim``, was of ``of_all``; on the CPU,
        but of one process as it is.
        """
        if self.processes == 1:
            return mine
        parts = self._collect(mine.detach().cpu())
        whole = torch.cat(parts, dim).movedim(dim, 0)
        for rank, part in enumerate(parts):
            whole[rank :: self.processes] = part.movedim(dim, 0)
        return whole.movedim(0, dim)

    def sum(self, mine: Tensor) -> Tensor:
        """Return the sum over processes, the same bits on all; on the CPU, but of one process as it is."""
        return mine if self.processes == 1 else torch.stack(self._collect(mine.detach().cpu())).sum(dim=0)

    def decide(self, choose: Callable[[], T]) -> T:
        """Return what ``choose`` gives the first process, which alone calls it."""
        if self.processes == 1:
            return choose()
        import torch.distributed as dist

        chosen = [choose() if self.first else None]
        dist.broadcast_object_list(chosen, src=0)
        return chosen[0]  # type: ignore[return-value]

    def level(self, network: nn.Module) -> None:
        """Give the ``network`` of each process the first one's running statistics, where norms are apart."""
        if self.processes > 1 and not self.joined:
            import torch.distributed as dist

            for buffer in network.buffers():
                dist.broadcast(buffer, src=0)

    def _collect(self, mine: Tensor) -> list[Tensor]:
        import torch.distributed as dist

        parts: list[Any] = [None] * self.processes
        dist.all_gather_object(parts, mine)
        return parts


WHOLE = Share()


def share_of(loader: Any) -> Share:
    """Return this process's share of what ``loader`` gives; the whole of a loader that knows of none."""
    found: Share = getattr(loader, "share", WHOLE)
    return found
