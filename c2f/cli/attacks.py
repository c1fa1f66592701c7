"""``c2f attack``: the ten attacks of the Top-Down paper on a classifier, or projected gradient descent on glimpses."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

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


def attack_classifier(
    network: Positional[Network],
    data: Positional[TrainedOn],
    /,
    attacks: tuple[str, ...] = (),
    protocol: str = "minimal",
    pictures: Pictures = 1000,
    restarts: int = 3,
    seeds: TrainedSeeds = (0,),
    batch_size: int | None = None,
    weights: Weights = None,
    test_data: TestData = None,
    device: Device = None,
    again: Again = False,
    output: Path = Path("output"),
) -> None:
    """Attack a trained network, verify and record what was found; an interrupted run goes on where it stopped.

    A network of glimpses is attacked by projected gradient descent: see `c2f attack mgnet_small_cnn DATA --help`.

    Args:
        attacks: their names (`c2f list attacks`), e.g. contrast shifts; without them all ten of the paper.
        protocol: minimal (the smallest perturbation that a correct search finds) or paper (as the published runs
            searched).
        restarts: searches with other random numbers, of which the best counts for each picture.
        batch_size: pictures searched at once, 250 or on a GPU 2000 unless given; changes no result.
        output: folder for runs/, attacks/ (results picture by picture) and adversarial/ (the perturbed pictures).
    """
    from c2f import attacks as table
    from c2f.experiments.robustness.records import attack_name, summary_line
    from c2f.experiments.robustness.run import attack_run
    from c2f.training.device import find_device

    chosen = attacks or tuple(table.names())
    for name in chosen:
        table.build(name, protocol)  # all names are checked before the first attack
    found = find_device(device)
    for seed in seeds:
        for name in chosen:
            run = attack_run(
                network,
                data,
                seed,
                name,
                protocol,
                output=output,
                pictures=count(pictures),
                restarts=restarts,
                batch_size=batch_size,
                weights=weights,
                test_data=test_data,
                device=found,
                again=again,
            )
            what = f"{attack_name(network, data, name, protocol, pictures == 'all')}--seed{seed}"
            print(summary_line(what, run) + if_there(run, output), flush=True)
    print(f"records and results picture by picture in {output}")


def attack_glimpses(
    network: Positional[Network],
    data: Positional[TrainedOn],
    /,
    epsilons: tuple[float, ...] = (1, 2, 4, 8),
    steps: int = 20,
    restarts: int = 2,
    pictures: Pictures = 1000,
    checked: int = 50,
    auto: str = "quick",
    seeds: TrainedSeeds = (0,),
    weights: Weights = None,
    test_data: TestData = None,
    device: Device = None,
    again: Again = False,
    output: RecordOutput = Path("output"),
) -> None:
    """Attack a network of glimpses by projected gradient descent, as published and as one should; it is resumable.

    Args:
        epsilons: largest changes of a value, in grey levels of 255, ascending.
        steps: of each start.
        restarts: random starts, of which any that succeeds counts: on cross entropy and margin in turn.
        checked: how many of them the gradients are checked on; 0 leaves the check out.
        auto: AutoAttack in that check: quick, standard or none.
    """
    from c2f.experiments.glimpses.pgd_run import pgd_run
    from c2f.training.device import find_device

    found = find_device(device)
    for seed in seeds:
        run = pgd_run(
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
            weights=weights,
            device=found,
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


COMMANDS: dict[str, Callable[..., Any]] = {"classifier": attack_classifier, "glimpses": attack_glimpses}
"""Kind of network -> its ``c2f attack``."""
app.command(name="attack")(attack_classifier)
