"""Writing a training's history for TensorBoard, which is no dependency: only who asks for it needs it."""

from pathlib import Path
from typing import Any

from c2f.experiments.glimpses.training import GlimpseHistory


def open_writer(folder: Path) -> Any:
    """Return a ``SummaryWriter`` of torch that writes into ``folder``.

    Raises:
        ImportError: TensorBoard is not installed; the remedy.
    """
    try:
        from torch.utils.tensorboard import SummaryWriter
    except ImportError as error:
        raise ImportError(
            "TensorBoard is not installed: run `pip install tensorboard`, or leave --tensorboard out"
        ) from error
    return SummaryWriter(str(folder))


def write_epoch(writer: Any, history: GlimpseHistory) -> None:
    """Write the last epoch of ``history``: losses, accuracies, that after each glimpse, and the learning rate."""
    epoch = len(history)
    for name in ("train_loss", "val_loss", "train_accuracy", "val_accuracy", "learning_rate"):
        writer.add_scalar(name.replace("train_", "train/").replace("val_", "val/"), getattr(history, name)[-1], epoch)
    for glimpse, accuracy in enumerate(history.val_by_glimpse[-1], start=1):
        writer.add_scalar(f"val/accuracy_{glimpse}", accuracy, epoch)
    writer.flush()
