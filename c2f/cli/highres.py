"""``c2f measure-maps``."""

from functools import partial

from tyro.conf import Positional

from c2f.cli.app import app
from c2f.cli.epochs import if_there
from c2f.cli.options import USUAL, Measuring


@app.command(name="measure-maps")
def measure_maps(
    data: Positional[str],
    /,
    threshold_pictures: int = 100,
    pictures: int = 500,
    measurement: Measuring = USUAL,
) -> None:
    """Measure what the class maps of a trained densenet_full show, and how well they find the object; record it.

    Args:
        data: the data set that it was trained on, one that knows where its objects are.
        threshold_pictures: how many test pictures thresholds are chosen on.
        pictures: how many others are scored.
    """
    from c2f.experiments.highres.maps_run import maps_name, maps_run

    measure = partial(maps_run, data, threshold_pictures=threshold_pictures, pictures=pictures)
    for seed, run in measurement.each(measure):
        v = run.values
        print(
            f"{maps_name(data)}--seed{seed}: the high-resolution CAM correlates {v['to_low']:.2f} with the "
            f"low-resolution one ({100 * v['orders_as_good']:.0f} % of other orders do as well); pointing game "
            f"{v['pointing high']:.3f}, of the low-resolution one {v['pointing low']:.3f}; record in "
            f"{measurement.output}{if_there(run, measurement.output)}",
            flush=True,
        )
