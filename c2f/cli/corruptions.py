"""``c2f corrupt``."""

from pathlib import Path

from tyro.conf import Positional

from c2f.cli.app import app
from c2f.cli.epochs import if_there
from c2f.cli.options import (
    Again,
    Device,
    Network,
    Pictures,
    RecordOutput,
    TestData,
    TrainedOn,
    TrainedSeeds,
    Weights,
    count,
)


@app.command(name="corrupt")
def corrupt(
    network: Positional[Network],
    data: Positional[TrainedOn],
    /,
    types: tuple[str, ...] = (),
    pictures: Pictures = 1000,
    seeds: TrainedSeeds = (0,),
    weights: Weights = None,
    test_data: TestData = None,
    stored_as: str | None = None,
    tree: Path | None = None,
    clean: Path | None = None,
    workers: int = 4,
    device: Device = None,
    again: Again = False,
    output: RecordOutput = Path("output"),
) -> None:
    """Classify corrupted pictures, 15 types in 5 severities, and record how many answers are right; it is resumable.

    Args:
        types: of corruption, e.g. fog snow; without them all fifteen, of which frost needs `c2f fetch frost`.
        stored_as: store the pictures as imagenet-c or tiny-imagenet-c was, as JPEG.
        tree: a folder TYPE/SEVERITY/CLASS of corrupted pictures, such as ImageNet-C, instead of corrupting here.
        clean: with a tree, the folder CLASS of the pictures as they were.
        workers: processes that read a tree.
    """
    from c2f.experiments.corruptions import run as corruption_runs
    from c2f.experiments.corruptions import tables as corruption_tables
    from c2f.training.device import find_device

    origin = corruption_runs.Origin(test_data, tree, clean, workers, stored_as)
    place = find_device(device)
    for seed in seeds:
        run = corruption_runs.corruption_run(
            network,
            data,
            seed,
            output=output,
            types=types,
            pictures=count(pictures),
            origin=origin,
            weights=weights,
            device=place,
            again=again,
        )
        told = f"mean accuracy {100 * run.values['mean']:.1f} %"
        if "clean" in run.values:
            told += f", {100 * run.values['clean']:.1f} % without corruption"
        told += f", {run.environment['seconds']:.0f} s{if_there(run, output)}"
        print(f"{network}, {data}, seed {seed}: {told}", flush=True)
    shown = [
        column
        for name, record in corruption_tables.recorded(output).items()
        for column in corruption_tables.columns(record, name.removesuffix("--corruptions").replace("--", " ", 1))
    ]
    alike = [column for column in shown if list(column.scores[0].correct) == list(shown[-1].scores[0].correct)]
    print("accuracy in percent, mean over severities and seeds:")
    print(corruption_tables.table(alike).round(1).to_string())
    print(f"records in {output / 'runs'}")
