"""``c2f curves``."""

from pathlib import Path

from tyro.conf import Positional

from c2f.cli.app import app
from c2f.common.words import how_many


@app.command(name="curves")
def curves(runs: Positional[tuple[str, ...]], /, to: Path = Path("curves.png"), output: Path | None = None) -> None:
    """Draw the training curves of runs to a file: loss and accuracy over epochs, mean and range over seeds.

    Args:
        runs: names of trainings (`c2f list runs --output OUTPUT`) or paths of their records, OUTPUT/runs/NAME.json.
        to: the file; its ending says its kind, png, svg or pdf.
        output: the folder of the trainings that are named; without it what comes with the book.
    """
    from matplotlib.figure import Figure

    from c2f.common.checks import choose
    from c2f.common.files import atomic_path, expand
    from c2f.plotting.trainings import training_curves
    from c2f.runs.folder import record_path
    from c2f.runs.record import RecordError, read

    ending = choose(to.suffix.lower().removeprefix("."), ("png", "svg", "pdf"), "ending of a figure's file")
    if not runs:
        raise ValueError("name at least one training: see `c2f list runs --output OUTPUT`")
    histories = {}
    for run in runs:
        record = read(expand(run) if run.endswith(".json") else record_path(output, run))
        if not all("history" in each.details for each in record.runs):
            raise RecordError(f"{record.name} is a record of kind {record.kind}, not of a training: it has no epochs")
        histories[record.name] = [each.details["history"] for each in record.runs]
    figure = Figure(figsize=(10, 4), layout="constrained")
    training_curves(figure, histories)
    with atomic_path(to) as temporary:
        figure.savefig(temporary, format=ending, dpi=120)
    print(f"{how_many(len(histories), 'training')} in {to}")
