"""``c2f benchmark``."""

from pathlib import Path
from typing import Annotated

from tyro.conf import Positional, arg

from c2f.cli.app import app
from c2f.cli.options import USUAL, Measuring, Network, TrainedOn

QUICK_PICTURES = 100
"""Test pictures of a quick benchmark."""


@app.command(name="benchmark")
def benchmark(
    network: Positional[Network],
    data: Positional[TrainedOn],
    /,
    parts: tuple[str, ...] = (),
    pictures: int = 1000,
    quick: bool = False,
    export: Annotated[
        Path | None, arg(help="write an entry for a leaderboard to this file, for others to read.")
    ] = None,
    code: str = "",
    by: str = "",
    measurement: Measuring = USUAL,
) -> None:
    """Measure a network in every respect of the book: accuracy, cost, attacks, gradients, corruptions, maps; recorded.

    It is resumable, and takes what the book recorded of the same weights and pictures as it is.

    Args:
        parts: e.g. accuracy cost noise blur spatial gradients corruptions localization; without them all.
        pictures: how many test pictures are attacked and corrupted.
        quick: 100 pictures and a single search of each attack.
        code: of an entry, where the network's code is to be had: an address and a commit.
        by: of an entry, whose it is.
    """
    from c2f.benchmark.entries import check_handed_in
    from c2f.benchmark.entries import export as write_entry
    from c2f.benchmark.parts import Subject
    from c2f.benchmark.run import benchmark as measure
    from c2f.benchmark.run import benchmark_name
    from c2f.benchmark.tables import one_table
    from c2f.experiments.robustness.run import RESTARTS
    from c2f.runs.folder import find_record

    if export is not None:
        check_handed_in(export, code, by)  # before long work
    thorough = (QUICK_PICTURES, 1) if quick else (pictures, RESTARTS)

    def one(seed: int, output: Path, weights: Path | None, **how: object):  # type: ignore[no-untyped-def]
        subject = Subject(network, data, seed, output, *thorough, weights, how)  # type: ignore[arg-type]
        return measure(subject, parts)

    for seed, run in measurement.each(one):
        print(f"{network} on {data}, seed {seed}:")
        print(one_table(run).to_string())
    name = benchmark_name(network, data)
    print(f"record (JSON): {measurement.output / 'runs' / name}.json")
    if export is not None:
        write_entry(find_record(measurement.output, name), export, code, by)
        print(f"entry for a leaderboard: {export}")
