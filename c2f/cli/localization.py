"""``c2f locate``."""

from pathlib import Path

from tyro.conf import Positional

from c2f.cli.app import app
from c2f.cli.epochs import if_there
from c2f.cli.options import Again, Device, Pictures, TestData, TrainedSeeds, Weights, count


@app.command(name="locate")
def locate(
    network: Positional[str],
    data: Positional[str],
    /,
    map: str = "raw",
    layers: tuple[str, ...] = (),
    pictures: Pictures = 500,
    threshold_pictures: int = 200,
    faithful: int = 100,
    seeds: TrainedSeeds = (0,),
    weights: Weights = None,
    test_data: TestData = None,
    device: Device = None,
    again: Again = False,
    output: Path = Path("output"),
) -> None:
    """Measure whether a trained network's Grad-CAM maps lie on the object, layer by layer, and record it.

    Args:
        network: its name, e.g. lenetfc_td.
        data: the data set that it was trained on; it must say where the objects are (scenes, Tiny-ImageNet), or be of
            grey pictures on black.
        map: raw (of the logit), clamped (its ReLU) or paper (of the probability, scaled as the Top-Down paper does).
        layers: e.g. act_1 act_4; without them all that the paper maps.
        threshold_pictures: how many other test pictures thresholds are chosen on.
        faithful: how many of the scored pictures insertion and deletion are measured on; 0 leaves them out.
        output: folder for runs/ and localization/ (scores picture by picture).
    """
    from c2f.experiments.localization.run import locate_run, summary_line
    from c2f.training.device import find_device

    place = find_device(device)
    for seed in seeds:
        run = locate_run(
            network,
            data,
            seed,
            map,
            output=output,
            layers=layers,
            threshold_pictures=threshold_pictures,
            pictures=count(pictures),
            faithful=faithful,
            weights=weights,
            test_data=test_data,
            device=place,
            again=again,
        )
        print(summary_line(network, data, map, run) + if_there(run, output), flush=True)
    print(f"records and scores picture by picture in {output}")
