"""``c2f corrupt``."""

from functools import partial
from pathlib import Path

from tyro.conf import Positional

from c2f.cli.app import app
from c2f.cli.epochs import if_there
from c2f.cli.options import USUAL, Measuring, Network, Pictures, TestData, TrainedOn, count


@app.command(name="corrupt")
def corrupt(
    network: Positional[Network],
    data: Positional[TrainedOn],
    /,
    types: tuple[str, ...] = (),
    pictures: Pictures = 1000,
    test_data: TestData = None,
    stored_as: str | None = None,
    tree: Path | None = None,
    clean: Path | None = None,
    workers: int = 4,
    measurement: Measuring = USUAL,
) -> None:
    """Classify corrupted pictures, 15 types in 5 severities, and record how many answers are right; it is resumable.

    Args:
        types: of corruption, e.g. fog snow; without them all fifteen, of which frost needs `c2f fetch frost`.
        stored_as: store the pictures as imagenet-c or tiny-imagenet-c was, as JPEG.
        tree: a folder TYPE/SEVERITY/CLASS of corrupted pictures, such as ImageNet-C, or TYPE.npy and labels.npy, as
            CIFAR-10-C comes, instead of corrupting here.
        clean: with a tree, the folder CLASS of the pictures as they were.
        workers: processes that read a tree.
    """
    from c2f.experiments.corruptions import run as corruption_runs
    from c2f.experiments.corruptions import tables as corruption_tables
    from c2f.runs.folder import find_record, run_name

    measure = partial(
        corruption_runs.corruption_run,
        network,
        data,
        types=types,
        pictures=count(pictures),
        origin=corruption_runs.Origin(test_data, tree, clean, workers, stored_as),
    )
    output = measurement.output
    for seed, run in measurement.each(measure):
        text = f"mean accuracy {100 * run.values['mean']:.1f} %"
        if "clean" in run.values:
            text += f", {100 * run.values['clean']:.1f} % without corruption"
        text += f", {run.environment['seconds']:.0f} s{if_there(run, output)}"
        print(f"{network}, {data}, seed {seed}: {text}", flush=True)
    name = corruption_runs.corruption_name(run_name(network, data), pictures == "all" and tree is None, tree)
    record = find_record(output, name, f"corrupt {network} {data}")
    print("accuracy in percent, mean over severities and seeds:")
    print(corruption_tables.table(corruption_tables.columns(record, f"{network} {data}")).round(1).to_string())
    print(f"records in {output / 'runs'}")
