"""``c2f attack``."""

from pathlib import Path

from tyro.conf import Positional

from c2f.cli.app import app
from c2f.cli.epochs import if_there
from c2f.cli.options import Again, Device, Pictures, TestData, TrainedSeeds, Weights, count


@app.command(name="attack")
def attack(
    network: Positional[str],
    data: Positional[str],
    /,
    attacks: tuple[str, ...] = (),
    protocol: str = "minimal",
    pictures: Pictures = 1000,
    repetitions: int = 3,
    seeds: TrainedSeeds = (0,),
    batch_size: int | None = None,
    weights: Weights = None,
    test_data: TestData = None,
    device: Device = None,
    again: Again = False,
    output: Path = Path("output"),
) -> None:
    """Attack a trained network, verify and record what was found; an interrupted run goes on where it stopped.

    Args:
        network: its name, e.g. lenetfc_td.
        data: the data set that it was trained on.
        attacks: their names, e.g. contrast shifts; without them all ten of the paper.
        protocol: minimal (the smallest perturbation that a correct search finds) or paper (as the published runs
            searched).
        repetitions: searches with other random numbers, of which the best counts for each picture.
        batch_size: pictures searched at once, 250 or on a GPU 2000 unless given; changes no result.
        output: folder for runs/, attacks/ (results picture by picture) and adversarial/ (the perturbed pictures).
    """
    from c2f import attacks as table
    from c2f.experiments.robustness.records import attack_name, told
    from c2f.experiments.robustness.run import attack_run
    from c2f.training.device import find_device

    chosen = attacks or tuple(table.names())
    for name in chosen:
        table.build(name, protocol)  # all names are checked before the first attack
    place = find_device(device)
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
                repetitions=repetitions,
                batch_size=batch_size,
                weights=weights,
                test_data=test_data,
                device=place,
                again=again,
            )
            what = f"{attack_name(network, data, name, protocol, pictures == 'all')}--seed{seed}"
            print(told(what, run) + if_there(run, output), flush=True)
    print(f"records and results picture by picture in {output}")
