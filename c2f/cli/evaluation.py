"""``c2f evaluate``."""

from functools import partial
from typing import Annotated

from tyro.conf import Positional, arg

from c2f.cli.app import app
from c2f.cli.epochs import if_there
from c2f.cli.options import USUAL, Measuring

Weighted = Annotated[
    str,
    arg(
        help="a network's name (`c2f list networks`), the path of weights that `c2f train` wrote "
        "(OUTPUT/weights/NAME--seed0.safetensors), or FILE.py:FUNCTION, which builds a network of your own: the file "
        "is run, its code is trusted."
    ),
]
TrainedOnElse = Annotated[str | None, arg(help="the data set of its training, where it is another one.")]


@app.command(name="evaluate")
def evaluate(
    network: Positional[Weighted],
    data: Positional[str],
    /,
    trained_on: TrainedOnElse = None,
    picture: bool = False,
    measurement: Measuring = USUAL,
) -> None:
    """Evaluate a trained network on any pictures: accuracy, loss, precision, recall, F1 and confusion; it is resumable.

    Args:
        data: a data set's name, folder:PATH (its test part), or a path: class folders, a tree TYPE/SEVERITY/CLASS,
            files of MNIST's format, or TYPE.npy beside labels.npy as CIFAR-10-C's. Classes are matched by name.
        picture: draw the confusion as a picture too.
    """
    from c2f.experiments.evaluation import tables
    from c2f.experiments.evaluation.run import evaluation_run

    output = measurement.output
    measure = partial(evaluation_run, network, data, trained_on=trained_on)
    for seed, run in measurement.each(measure):
        print(f"{network} on {data}, seed {seed}: accuracy and the like in percent{if_there(run, output)}")
        for table in (tables.summary(run), tables.by_class(run)):
            print(table.round(2).to_string())
        if len(run.details["classes"]) <= _SHOWN:
            print("how many pictures of a class (rows) are called what (columns):")
            print(tables.confusion(run).to_string())
        written = tables.write(run, output, picture)
        print("\n".join(f"-> {path}" for path in vars(written).values() if path is not None))
    print(f"records (JSON) in {output / 'runs'}")


_SHOWN = 12
"""Classes up to which the confusion is printed."""
