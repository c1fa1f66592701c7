"""What TensorBoard shows of a training: scalars epoch by epoch, and the weights' histograms when it has ended.

TensorBoard is no dependency but an extra, ``logs``: only who asks for it needs it.
"""

from pathlib import Path
from typing import Any

from torch import nn

from c2f.common.checks import positive_int


def summary_writer() -> Any:
    """Return torch's class ``SummaryWriter``.

    Raises:
        ImportError: TensorBoard is not installed; the remedy.
    """
    try:
        from torch.utils.tensorboard import SummaryWriter
    except ImportError as error:
        raise ImportError(
            "TensorBoard is not installed: run `pip install tensorboard`, or leave --tensorboard out"
        ) from error
    return SummaryWriter


class Board:
    """The logs of one training, a folder a seed: ``FOLDER/NAME/seedS``.

    Args:
        folder: of all logs.
        name: of the record.

    Raises:
        ImportError: TensorBoard is not installed; said before any work.
    """

    def __init__(self, folder: Path, name: str):
        self.folder = folder / name
        self._writers: dict[int, Any] = {}
        self._open = summary_writer()

    def writer(self, seed: int) -> Any:
        """Return the writer of a seed, opened at its first epoch."""
        positive_int(seed, "seed", minimum=0)
        if seed not in self._writers:
            self._writers[seed] = self._open(str(self.folder / f"seed{seed}"))
        return self._writers[seed]

    def write_epoch(self, seed: int, history: Any) -> None:
        """Write the last epoch of a history of any kind: every number in it, those after each glimpse one by one."""
        writer, epoch = self.writer(seed), len(history)
        for name, entries in vars(history).items():
            if not isinstance(entries, list) or len(entries) != epoch:
                continue
            tag = name.replace("train_", "train/").replace("val_", "val/")
            several = isinstance(entries[-1], list)
            for place, value in enumerate(entries[-1] if several else [entries[-1]], start=1):
                writer.add_scalar(f"{tag}_{place}" if several else tag, value, epoch)
        writer.flush()

    def write_histograms(self, seed: int, network: nn.Module, epoch: int) -> None:
        """Write a histogram of each of the network's weights, as they are after ``epoch`` epochs."""
        for name, parameter in network.named_parameters():
            self.writer(seed).add_histogram(name.replace(".", "/"), parameter.detach().cpu(), epoch)
        self.writer(seed).flush()
