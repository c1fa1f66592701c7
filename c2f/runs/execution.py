"""How runs are carried out: the keyword arguments that all have."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, TypedDict

from c2f.common.share import Share


class Sitting(TypedDict, total=False):
    """One sitting of a training, which may take several; nothing of it changes a result.

    ``checkpoint``: a file written after each epoch, and resumed from where it exists. ``on_epoch``: called with the
    history after each epoch (and once when resuming), to print or plot. ``deadline``: in ``time.monotonic()``; an epoch
    that would end after it, judging by the last one, is not begun. ``replaces``: when the recorded run ended that this
    one is to replace, or None; a checkpoint from before it is no beginning.
    """

    checkpoint: Path | None
    on_epoch: Callable[[Any], None] | None
    deadline: float | None
    replaces: str | None


class Execution(TypedDict, total=False):
    """How a run is carried out, the same for all.

    ``device``: as torch names it, the CPU unless given. ``deadline``: in ``time.monotonic()``; an epoch or part that
    would not end before it is not begun. ``again``: do anew what the output folder already holds.
    """

    device: str
    deadline: float | None
    again: bool


class TrainingExecution(Execution, total=False):
    """``Execution``, ``on_epoch`` as in ``Sitting``, and how steps are carried out (``c2f.training.engine``).

    ``engine``: a name there, or ``auto``, which measures. ``precision``: likewise; ``auto`` is float32 but for networks
    that were shown to reach the same accuracy in bfloat16. ``share``: of this process, where several train together
    (``c2f.training.parallel``), all with the same arguments.
    """

    on_epoch: Callable[[Any], None] | None
    engine: str
    precision: str
    share: Share


class MeasurementExecution(Execution, total=False):
    """``Execution``, and which weights are measured on which pictures.

    ``weights``: the folder with the training's record and weights; None takes those that come with the book.
    ``test_data``: a data set of the same classes whose test pictures are taken; None takes those of the training's.
    ``pictures``: how many of them, drawn by ``c2f.datasets.selection.stratified_subset``; None takes all.
    """

    weights: Path | None
    test_data: str | None
    pictures: int | None


def check_options(options: Mapping[str, Any], known: type) -> None:
    """Raise ``TypeError`` for an option that the class ``known``, one of the above, does not have."""
    for name in options:
        if name not in known.__annotations__:
            raise TypeError(f"there is no option {name!r}: give any of {', '.join(known.__annotations__)}")
