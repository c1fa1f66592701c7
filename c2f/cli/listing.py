"""``c2f list`` and ``c2f ran``."""

from pathlib import Path
from typing import Annotated, Literal

from tyro.conf import Positional, arg

from c2f.cli.app import app

What = Literal["networks", "attacks", "corruptions", "weights", "data", "runs"]


@app.command(name="list")
def list_names(
    what: Positional[Annotated[What, arg(help="what is listed.")]],
    /,
    output: Annotated[
        Path | None, arg(help="the folder whose weights or runs are listed; without it what comes with the book.")
    ] = None,
) -> None:
    """List names that other commands take: a line each, the name first."""
    for line in _LISTS[what](output):
        print(line)


@app.command(name="ran")
def ran(
    folder: Positional[Annotated[Path, arg(help="holds the output folders of jobs, side by side.")]],
    /,
    *,
    days: float | None = None,
) -> None:
    """Tell in Markdown what ran where, how long, on which device and driver: executed chapters and recorded runs.

    Args:
        days: of the last so many days only.
    """
    from c2f.book import ran as week

    print(week.page(week.ran(folder, days)), end="")


def _networks(output: Path | None) -> list[str]:
    from c2f import networks

    return [f"{name:34s} {networks.kind_of(name):13s} {networks.title(name)}" for name in networks.names()]


def _attacks(output: Path | None) -> list[str]:
    from c2f.attacks import ATTACKS

    return [f"{name:20s} {row.title}" for name, row in ATTACKS.items()]


def _corruptions(output: Path | None) -> list[str]:
    from c2f.corruptions.table import CORRUPTIONS

    return [f"{name:20s} {row.group}" for name, row in CORRUPTIONS.items()]


def _weights(output: Path | None) -> list[str]:
    from c2f import zoo

    return [f"{name:24s} {data:28s} seed {seed}" for name, data, seed in zoo.available(output)]


def _data(output: Path | None) -> list[str]:
    from c2f import datasets
    from c2f.datasets import canvas

    rows = [(row.name, "there" if row.present else "-", row.licence) for row in datasets.table()]
    rows += [(name, "-", "made of the data set that it names") for name in canvas.canvas_names()]
    return [f"{name:28s} {there:6s} {licence}" for name, there, licence in rows]


def _runs(output: Path | None) -> list[str]:
    from c2f.runs.folder import folder_of
    from c2f.runs.record import read_folder

    records = read_folder(folder_of(output) / "runs").values()
    return [f"{record.name:64s} {record.kind:13s} seeds {', '.join(map(str, record.seeds))}" for record in records]


_LISTS = {
    "networks": _networks,
    "attacks": _attacks,
    "corruptions": _corruptions,
    "weights": _weights,
    "data": _data,
    "runs": _runs,
}
