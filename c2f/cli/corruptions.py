"""``c2f corrupt`` and ``c2f pgd``."""

from pathlib import Path

from tyro.conf import Positional

from c2f.cli.app import app
from c2f.cli.epochs import if_there
from c2f.cli.options import Again, Device, Pictures, RecordOutput, TestData, TrainedSeeds, Weights, count


@app.command(name="corrupt")
def corrupt(
    network: Positional[str],
    data: Positional[str],
    /,
    types: tuple[str, ...] = (),
    pictures: Pictures = 1000,
    seeds: TrainedSeeds = (0,),
    backbone: str = "small_cnn",
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
        network: mgnet, full or equal (see `c2f glimpse`), or a network of the book such as lenetfc_td.
        data: the data set that it was trained on.
        types: of corruption, e.g. fog snow; without them all fifteen, of which frost needs `c2f fetch frost`.
        backbone: of mgnet, full and equal.
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
            kinds=types,
            pictures=count(pictures),
            origin=origin,
            backbone=backbone,
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


@app.command(name="pgd")
def pgd(
    network: Positional[str],
    data: Positional[str],
    /,
    epsilons: tuple[float, ...] = (1, 2, 4, 8),
    steps: int = 20,
    restarts: int = 2,
    pictures: Pictures = 1000,
    checked: int = 50,
    auto: str = "quick",
    seeds: TrainedSeeds = (0,),
    backbone: str = "small_cnn",
    weights: Weights = None,
    test_data: TestData = None,
    device: Device = None,
    again: Again = False,
    output: RecordOutput = Path("output"),
) -> None:
    """Attack a network of glimpses by projected gradient descent, as published and as one should; it is resumable.

    Args:
        network: mgnet, full or equal (see `c2f glimpse`).
        data: the data set that it was trained on.
        epsilons: largest changes of a value, in grey levels of 255, ascending.
        steps: of each start.
        restarts: random starts, of which any that succeeds counts: on cross entropy and margin in turn.
        checked: how many of them the gradients are checked on; 0 leaves the check out.
        auto: AutoAttack in that check: quick, standard or none.
        backbone: its name.
    """
    from c2f.experiments.glimpses import pgd_run as attack_runs
    from c2f.training.device import find_device

    place = find_device(device)
    for seed in seeds:
        run = attack_runs.pgd_run(
            network,
            data,
            seed,
            output=output,
            epsilons=[epsilon / 255 for epsilon in epsilons],
            steps=steps,
            restarts=restarts,
            pictures=count(pictures),
            checked=checked,
            auto=auto,
            test_data=test_data,
            backbone=backbone,
            weights=weights,
            device=place,
            again=again,
        )
        print(f"{network}, {data}, seed {seed}: {run.environment['seconds']:.0f} s{if_there(run, output)}")
        for name, accuracy in run.values.items():
            print(f"  {name:24s} {100 * accuracy:5.1f} %")
        for name in ("masking", "masking_rescaled"):
            if report := run.details[name]:
                told = ", ".join(f"{test['name']} {test['count']}" for test in report["tests"])
                print(f"  {name}: plain attack fools {report['fooled']} of {report['pictures']}; {told}", flush=True)
    print(f"records in {output / 'runs'}")
