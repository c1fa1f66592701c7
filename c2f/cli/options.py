"""Options that several commands have, with what ``--help`` says of them."""

from pathlib import Path
from typing import Annotated, Literal

from tyro.conf import arg

Device = Annotated[str | None, arg(help="as torch names it (cpu, cuda:1); without it a GPU where there is one.")]
Again = Annotated[bool, arg(help="do anew what the output folder already holds.")]
NewSeeds = Annotated[
    tuple[int, ...],
    arg(
        help="one run each; without them 0, 1, ... as many as the recipe repeats. Under torchrun they are shared out: "
        "each process trains its own on its own GPU."
    ),
]
TrainedSeeds = Annotated[tuple[int, ...], arg(help="of the trainings whose weights are taken.")]
Weights = Annotated[
    Path | None,
    arg(help="the output folder of `c2f train` or `c2f glimpse`; without it the weights that come with the book."),
]
TestData = Annotated[
    str | None,
    arg(
        help="a data set of the same classes whose test pictures are taken, e.g. fashion-mnist-sample; without it "
        "those of data."
    ),
]
Pictures = Annotated[
    int | Literal["all"], arg(help="how many test pictures are taken, as many of each class as there are, or all.")
]
TrainingOutput = Annotated[Path, arg(help="folder for runs/, weights/ and checkpoints/.")]
RecordOutput = Annotated[Path, arg(help="folder for runs/.")]


def count(pictures: int | Literal["all"]) -> int | None:
    """Return how many ``Pictures`` are asked for; None means all."""
    return None if pictures == "all" else pictures
