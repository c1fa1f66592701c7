"""One training on several devices or hosts (``torchrun``), as one process would do it; or its seeds shared out.

All processes hold the whole network. Of the epoch's order, the same for all, each gets a contiguous part of every
batch, and torch's ``DistributedDataParallel`` averages the gradients: a step sees as many pictures as one of a single
process. What is drawn in a step (dropout, augmentation) each process draws for itself. The first one decides, writes
and tells.

Axes: B pictures of this process's part of a batch.
"""

import math
import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext, suppress
from typing import Any

import torch
import torch.distributed as dist
from torch import Tensor, nn
from torch.nn.parallel import DistributedDataParallel

from c2f.common.share import WHOLE, Share
from c2f.networks.glimpse.gradients import rescale_gradient
from c2f.runs.execution import TrainingExecution
from c2f.training.batch_norm import BatchNorms
from c2f.training.engine import Step

FAILED, ENDED = "c2f/failed", "c2f/ended"
"""What processes tell each other through torchrun, that one has said what went wrong; how many are through."""
_POLL = 0.5


class _Loss(nn.Module):
    """A step as a module, whose answer is the loss alone; ``rest`` is what else came of it."""

    def __init__(self, network: nn.Module, step: Step, joined: bool):
        super().__init__()
        self.network, self.step, self.joined = network, step, joined
        self.rest: Any = None

    def forward(self, x: Tensor, y: Tensor) -> Tensor:
        with BatchNorms(joined=True) if self.joined else nullcontext():
            loss, self.rest = self.step(x, y)
        return loss

    def take_rest(self) -> Any:
        rest, self.rest = self.rest, None
        return rest


def together(network: nn.Module, step: Step, share: Share) -> Step:
    """Return ``step`` as all processes take it, each with its part of the batch, whose ``backward`` gives each the
    gradient of the whole batch; the loss itself is the part's mean, 0 of an empty one.

    Args:
        network: what is trained.
        step: of one process: its loss is a mean over pictures.
        share: of the batches' loader.
    """
    if share.processes == 1:
        return step
    loss_of = _Loss(network, step, share.joined)
    # What has no part in the loss, such as where a baseline of the glimpses would look next, keeps no gradient.
    parallel = DistributedDataParallel(loss_of, gradient_as_bucket_view=True, static_graph=True)

    def shared(x: Tensor, y: Tensor) -> tuple[Tensor, Any]:
        loss = parallel(x, y)
        whole = torch.tensor(len(x), device=x.device)
        dist.all_reduce(whole)
        # Gradients are averaged over processes, whose parts may differ in size: each counts by its pictures.
        weight = share.processes * len(x) / whole
        return rescale_gradient(loss if len(x) else loss.nan_to_num(), weight), loss_of.take_rest()

    return shared


def spread_of(share: Share) -> Callable[[Tensor], float]:
    """Return what gives the standard deviation of all numbers of a tensor of which each process has a part."""

    def spread(x: Tensor) -> float:
        if share.processes == 1:
            return x.float().std().item()
        numbers = x.double()
        sums = torch.stack([numbers.new_tensor(x.numel()), numbers.sum(), (numbers**2).sum()])
        dist.all_reduce(sums)
        count, total, squares = sums.tolist()
        return math.sqrt(max(squares - total**2 / count, 0) / max(count - 1, 1))

    return spread


def share_out(how: TrainingExecution, train: Any, *others: Any) -> None:
    """Have this process's share of what loaders give: ``train``, and those that are only looked at (or None).

    Raises:
        ValueError: so few pictures that a process would have none.
    """
    share = how.get("share", WHOLE)
    if share.processes == 1:
        return
    n, size, smallest = train.num_pictures, train.batch_size, share.processes
    if size < smallest:
        raise ValueError(f"batches of {size} cannot be shared among {smallest} processes: take fewer, or --batch-size")
    if not share.joined and 0 < n % size < smallest:
        raise ValueError(
            f"the last batch of {n} pictures has {n % size}, so that not each of {smallest} processes has one to "
            "norm by: take --batch-norm joined, or another --batch-size"
        )
    for loader in (train, *others):
        if loader is None:
            continue
        if loader.num_pictures < smallest:
            raise ValueError(f"{loader.num_pictures} pictures cannot be shared among {smallest} processes: take fewer")
        loader.share = share


@contextmanager
def one_training(device: str, joined: bool = True) -> Iterator[Share]:
    """In a ``with`` block, all processes of ``torchrun`` train one network; give this one's share.

    The first error ends all. Who has it says so, and the others end in silence; where a process was killed, one of
    those that miss it says that.

    Args:
        device: on which this process trains. GPUs of their own talk by NCCL, all else by gloo.
        joined: whether batch norms see the pictures of all.

    Raises:
        ValueError: this is not one of several processes.
    """
    if "RANK" not in os.environ:
        raise ValueError(
            "--parallel data is for several processes: begin with `torchrun --nproc-per-node 2 -m c2f train`, not "
            "with `c2f train`"
        )
    store, rank, processes = next(iter(dist.rendezvous("env://")))
    backend = "nccl" if device == f"cuda:{os.environ.get('LOCAL_RANK')}" else "gloo"
    if backend == "nccl":
        torch.cuda.set_device(device)
    dist.init_process_group(backend, store=store, rank=rank, world_size=processes)
    try:
        yield Share(rank, processes, backend, joined) if processes > 1 else WHOLE
    except (Exception, KeyboardInterrupt) as error:
        if not _speaks(store, rank):
            raise SystemExit(2) from error
        if _missed(error):
            raise RuntimeError(
                "another process of this training is gone, without a word: the system may have ended it (memory?). "
                "The same command goes on from the last epoch that was finished"
            ) from error
        raise
    finally:
        with suppress(RuntimeError):
            dist.destroy_process_group()


def _speaks(store: dist.Store, rank: int) -> bool:
    """Return whether this process is the first that has something to say; also where nobody can be asked."""
    try:
        return store.compare_set(FAILED, "", str(rank)) == str(rank).encode()
    except RuntimeError:
        return True


def _missed(error: BaseException) -> bool:
    """Return whether ``error`` is what happens in a process because another one is gone."""
    return isinstance(error, dist.DistError) or (isinstance(error, RuntimeError) and "gloo/transport" in str(error))


@contextmanager
def each_for_itself() -> Iterator[Share]:
    """In a ``with`` block, the processes of ``torchrun`` have work of their own, if it is that which began them.

    torchrun ends all when one fails, so that one waits, if it does, until the others are through.
    """
    try:
        yield WHOLE
    except Exception:
        _wait_for_all(failed=True)
        raise
    _wait_for_all(failed=False)


def _wait_for_all(failed: bool) -> None:
    if "TORCHELASTIC_RUN_ID" not in os.environ:
        return
    with suppress(RuntimeError):  # the launcher is gone, and with it the others
        store, _, processes = next(iter(dist.rendezvous("env://")))
        ended = store.add(ENDED, 1)
        while failed and ended < processes:
            time.sleep(_POLL)
            ended = store.add(ENDED, 0)
