"""Options that several commands have, with what ``--help`` says of them."""

import dataclasses
import os
from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import wraps
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal, get_type_hints

import docstring_parser
from tyro.conf import OmitArgPrefixes, arg

from c2f.common.checks import positive_int
from c2f.common.cores import use_spare_cores

if TYPE_CHECKING:
    from c2f.runs.record import Run

Network = Annotated[
    str,
    arg(
        help="its name, e.g. lenetfc_td; see `c2f list networks`. Or FILE.py:FUNCTION, which builds a network of your "
        "own: the file is run, its code is trusted."
    ),
]
TrainedOn = Annotated[str, arg(help="the data set that it was trained on.")]
Device = Annotated[str | None, arg(help="as torch names it (cpu, cuda:1); without it a GPU where there is one.")]
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


def count(pictures: int | Literal["all"]) -> int | None:
    """Return how many ``Pictures`` are asked for; None means all."""
    return None if pictures == "all" else pictures


def changes_of(kind: type, leave_out: tuple[str, ...] = ()) -> type:
    """Return a dataclass of options that change the fields of the dataclass ``kind``; None, the default, leaves one.

    Help texts are those of the dataclass' docstring, so that what a field means is told once.
    """
    help_texts = {
        name.strip(): entry.description
        for entry in docstring_parser.parse(kind.__doc__ or "").params
        for name in entry.arg_name.split(",")
    }
    types = get_type_hints(kind)
    options: list[Any] = [
        (
            name,
            Annotated[types[name] | None, arg(help=(help_texts.get(name) or "").replace("``", ""))],
            dataclasses.field(default=None),
        )
        for name in (field.name for field in dataclasses.fields(kind))
        if name not in leave_out
    ]
    return dataclasses.make_dataclass(f"{kind.__name__}Changes", options, frozen=True)


@dataclasses.dataclass(frozen=True)
class Order:
    """What a command was given, checked and not begun.

    Attributes:
        given: what decides how long it takes, by name.
        carry_out: does it.
    """

    given: Mapping[str, Any]
    carry_out: Callable[[], None]


def carried_out(check: Callable[..., Order]) -> Callable[..., None]:
    """Return the command that carries out at once what ``check`` makes of its arguments."""

    @wraps(check)
    def command(*args: Any, **options: Any) -> None:
        check(*args, **options).carry_out()

    return command


def check_seeds(seeds: Iterable[int]) -> None:
    """Refuse a bad seed before the first good one is begun."""
    for seed in seeds:
        positive_int(seed, "seed", minimum=0)


def processes() -> int:
    """Return how many processes ``torchrun`` began; 1 without it."""
    return int(os.environ.get("WORLD_SIZE", 1))


@dataclasses.dataclass(frozen=True)
class Training:
    """How trainings are run.

    Attributes:
        seeds: one run each; without them 0, 1, ... as many as the recipe repeats.
        device: as torch names it (cpu, cuda:1); without it a GPU where there is one.
        again: do anew what the output folder already holds.
        output: folder for runs/, weights/ and checkpoints/.
        engine: how steps are carried out: in torch's own memory format (plain), channels_last, or compiled; auto takes
            what is quickest here (`c2f doctor --speed`).
        precision: of convolutions, float32 or bfloat16; auto is float32 but where bfloat16 was shown to do as well.
        tensorboard: folder for TensorBoard's logs, a folder a seed: scalars epoch by epoch and, when a training has
            ended, what the network sees in pictures, and histograms of its weights.
        at_once: seeds that are trained at once, each in a process of one thread; without it as many as torch has
            threads, on a GPU one.
        parallel: what the processes of torchrun do. With data they train each seed together, every batch and its
            gradient shared out; with seeds each trains its own, and one that fails ends no other; auto is data where
            --seeds names exactly one, else seeds.
        batch_norm: in training together, whether batch norms see the pictures of all processes (joined), as one process
            does, or each those of its own (apart), which saves what they tell each other.
    """

    seeds: tuple[int, ...] = ()
    device: str | None = None
    again: bool = False
    output: Path = Path("output")
    engine: Literal["auto", "plain", "channels_last", "compiled"] = "auto"
    precision: Literal["auto", "float32", "bfloat16"] = "auto"
    tensorboard: Path | None = None
    at_once: int | None = None
    parallel: Literal["auto", "data", "seeds"] = "auto"
    batch_norm: Literal["joined", "apart"] = "joined"

    def __post_init__(self) -> None:
        if self.at_once is not None:
            positive_int(self.at_once, "at-once")

    @property
    def together(self) -> bool:
        """Whether this is one of several processes that train each seed together."""
        return self.parallel == "data" or (self.parallel == "auto" and len(self.seeds) == 1 and processes() > 1)


@dataclasses.dataclass(frozen=True)
class Measurement:
    """Which trainings of a network are measured, and how.

    Attributes:
        seeds: of the trainings whose weights are taken.
        weights: the output folder of `c2f train`; without it the weights that come with the book.
        device: as torch names it (cpu, cuda:1); without it a GPU where there is one.
        again: do anew what the output folder already holds.
        output: folder for runs/, and beside it for results picture by picture.
    """

    seeds: tuple[int, ...] = (0,)
    weights: Path | None = None
    device: str | None = None
    again: bool = False
    output: Path = Path("output")

    def each(self, measure: Callable[..., "Run"]) -> Iterator[tuple[int, "Run"]]:
        """Call ``measure`` for each seed, with the options that all measurements have; give seed and run."""
        from c2f.training.device import find_device

        check_seeds(self.seeds)
        use_spare_cores()
        device = find_device(self.device)
        for seed in self.seeds:
            how = {"weights": self.weights, "device": device, "again": self.again}
            yield seed, measure(seed=seed, output=self.output, **how)


Measuring = OmitArgPrefixes[Measurement]
USUAL = Measurement()
