"""``c2f attack``: the ten attacks of the Top-Down paper on a classifier, or projected gradient descent on glimpses."""

from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, Any

from tyro.conf import Positional

from c2f.cli.app import app
from c2f.cli.epochs import if_there
from c2f.cli.options import (
    USUAL,
    Measuring,
    Network,
    Order,
    Pictures,
    TestData,
    TrainedOn,
    carried_out,
    count,
)
from c2f.common.checks import positive_int

if TYPE_CHECKING:
    from c2f.runs.record import Run


def attack_classifier(
    network: Positional[Network],
    data: Positional[TrainedOn],
    /,
    attacks: tuple[str, ...] = (),
    protocol: str = "minimal",
    pictures: Pictures = 1000,
    restarts: int = 3,
    batch_size: int | None = None,
    test_data: TestData = None,
    measurement: Measuring = USUAL,
) -> Order:
    """Attack a trained network, verify and record what was found; an interrupted run goes on where it stopped.

    A network of glimpses is attacked by projected gradient descent: see `c2f attack mgnet_small_cnn DATA --help`.

    Args:
        attacks: their names (`c2f list attacks`), e.g. contrast shifts; without them all ten of the paper.
        protocol: minimal (the smallest perturbation that a correct search finds) or paper (as the published runs
            searched).
        restarts: searches with other random numbers, of which the best counts for each picture.
        batch_size: pictures searched at once, 250 or on a GPU 2000 unless given; changes no result.
    """
    from c2f import attacks as table
    from c2f.experiments.robustness.records import attack_name, summary_line
    from c2f.experiments.robustness.run import attack_run

    chosen = attacks or tuple(table.names())
    for name in chosen:
        table.build(name, protocol)  # all names are checked before the first attack
    positive_int(restarts, "restarts", maximum=1000)
    how: dict[str, Any] = {
        "pictures": count(pictures),
        "restarts": restarts,
        "batch_size": batch_size,
        "test_data": test_data,
    }

    def attack_all(seed: int, **options: Any) -> "Run":
        for name in chosen:
            run = attack_run(network, data, seed, name, protocol, **how, **options)
            what = f"{attack_name(network, data, name, protocol, pictures == 'all')}--seed{seed}"
            print(summary_line(what, run) + if_there(run, measurement.output), flush=True)
        return run

    def attack_each() -> None:
        list(measurement.each(attack_all))
        print(f"records, attacks/ (results picture by picture) and adversarial/ (the pictures) in {measurement.output}")

    return Order({"protocol": protocol, "attacks": chosen, "pictures": count(pictures)}, attack_each)


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
    test_data: TestData = None,
    measurement: Measuring = USUAL,
) -> Order:
    """Attack a network of glimpses by projected gradient descent, as published and as one should; it is resumable.

    Args:
        epsilons: largest changes of a value, in grey levels of 255, ascending.
        steps: of each start.
        restarts: random starts, of which any that succeeds counts: on cross entropy and margin in turn.
        checked: how many of them the gradients are checked on; 0 leaves the check out.
        auto: AutoAttack in that check: quick, standard or none.
    """
    from c2f.experiments.glimpses.pgd_run import pgd_run

    measure = partial(
        pgd_run,
        network,
        data,
        epsilons=[epsilon / 255 for epsilon in epsilons],
        steps=steps,
        restarts=restarts,
        pictures=count(pictures),
        checked=checked,
        auto=auto,
        test_data=test_data,
    )

    def attack_each() -> None:
        output = measurement.output
        for seed, run in measurement.each(measure):
            print(f"{network}, {data}, seed {seed}: {run.environment['seconds']:.0f} s{if_there(run, output)}")
            for name, accuracy in run.values.items():
                print(f"  {name:24s} {100 * accuracy:5.1f} %")
            for name in ("masking", "masking_rescaled"):
                if report := run.details[name]:
                    text = ", ".join(f"{test['name']} {test['count']}" for test in report["tests"])
                    print(
                        f"  {name}: plain attack fools {report['fooled']} of {report['pictures']}; {text}", flush=True
                    )
        print(f"records in {output / 'runs'}")

    return Order({"pictures": count(pictures)}, attack_each)


COMMANDS: dict[str, Callable[..., Order]] = {
    "classifier": attack_classifier,
    "densenet": attack_classifier,
    "glimpses": attack_glimpses,
}
"""Kind of network -> what checks the arguments of its ``c2f attack``."""
app.command(name="attack")(carried_out(attack_classifier))
