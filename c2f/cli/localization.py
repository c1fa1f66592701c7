"""``c2f locate``."""

from functools import partial

from tyro.conf import Positional

from c2f.cli.app import app
from c2f.cli.epochs import if_there
from c2f.cli.options import USUAL, Measuring, Network, Pictures, TestData, count


@app.command(name="locate")
def locate(
    network: Positional[Network],
    data: Positional[str],
    /,
    map: str = "raw",
    layers: tuple[str, ...] = (),
    pictures: Pictures = 500,
    threshold_pictures: int = 200,
    faithful: int = 100,
    test_data: TestData = None,
    measurement: Measuring = USUAL,
) -> None:
    """Measure whether a trained network's Grad-CAM maps lie on the object, layer by layer, and record it.

    Args:
        data: the data set that it was trained on; it must say where the objects are (scenes, Tiny-ImageNet), or be of
            grey pictures on black.
        map: raw (of the logit), clamped (its ReLU) or paper (of the probability, scaled as the Top-Down paper does).
        layers: e.g. act_1 act_4; without them all that the paper maps.
        threshold_pictures: how many other test pictures thresholds are chosen on.
        faithful: how many of the scored pictures insertion and deletion are measured on; 0 leaves them out.
    """
    from c2f.experiments.localization.run import locate_run, summary_line

    measure = partial(
        locate_run,
        network,
        data,
        kind=map,
        layers=layers,
        threshold_pictures=threshold_pictures,
        pictures=count(pictures),
        faithful=faithful,
        test_data=test_data,
    )
    for _, run in measurement.each(measure):
        print(summary_line(network, data, map, run) + if_there(run, measurement.output), flush=True)
    print(f"records and scores picture by picture in {measurement.output}")
