"""What an evaluation's record says, as tables and files.

Axes: N pictures, K classes.
"""

from dataclasses import dataclass
from pathlib import Path

import pandas as pd
import torch
from safetensors.torch import load_file

from c2f.common.files import atomic_path, write_text
from c2f.metrics.classification import normalise_by_true
from c2f.runs.record import Run


def summary(run: Run) -> pd.DataFrame:
    """Return a row for all pictures and, of several sources, one each: accuracy and top-5 in percent, loss in nats."""
    names = list(run.details["pictures"]) if len(run.details["pictures"]) > 1 else []
    rows = {"all pictures": ("", sum(run.details["pictures"].values()))}
    rows |= {name: (f"{name} ", run.details["pictures"][name]) for name in names}
    table = {}
    for label, (prefix, count) in rows.items():
        table[label] = {"pictures": count, "accuracy": 100 * run.values[f"{prefix}accuracy"]}
        if f"{prefix}top5" in run.values:
            table[label]["top-5"] = 100 * run.values[f"{prefix}top5"]
        table[label]["loss"] = run.values[f"{prefix}loss"]
    return pd.DataFrame.from_dict(table, orient="index").astype({"pictures": int})


def by_class(run: Run) -> pd.DataFrame:
    """Return precision, recall and F1 in percent and the number of pictures, a row a class; then the averages."""
    scores = run.details["by_class"]
    names = ("precision", "recall", "f1")
    table = pd.DataFrame({name: [100 * value for value in scores[name]] for name in names})
    table["pictures"] = scores["support"]
    table.index = pd.Index(run.details["classes"])
    for how in ("macro", "weighted"):
        table.loc[f"{how} mean"] = [*(100 * run.values[f"{how} {name}"] for name in names), sum(scores["support"])]
    return table.astype({"pictures": int})


def confusion(run: Run) -> pd.DataFrame:
    """Return how many pictures of each class (rows) are called what (columns)."""
    classes = run.details["classes"]
    return pd.DataFrame(run.details["confusion"], index=pd.Index(classes, name="true"), columns=classes)


def pictures(run: Run, output: Path) -> pd.DataFrame:
    """Return a row a picture: where it is from, its class, what it was called, how surely, and its loss."""
    arrays = load_file(output / "evaluation" / run.files["evaluation"]["file"])
    classes = run.details["classes"]
    sources = [name for name, count in run.details["pictures"].items() for _ in range(count)]
    return pd.DataFrame(
        {
            "source": sources,
            "picture": run.details["paths"] or range(len(sources)),
            "class": [classes[k] for k in arrays["labels"].tolist()],
            "predicted": [classes[k] for k in arrays["predicted"][-1].tolist()],
            "probability": arrays["probabilities"].numpy(),
            "loss": arrays["losses"].numpy(),
        }
    )


@dataclass(frozen=True)
class Written:
    """The files that ``write`` made; ``figure`` is None where none was asked for."""

    by_class: Path
    confusion: Path
    pictures: Path
    markdown: Path
    figure: Path | None


def write(run: Run, output: Path, figure: bool = False) -> Written:
    """Write the tables as CSV, the first two as Markdown too, and on request the confusion as a picture.

    Raises:
        OSError: the folder cannot be written to; the remedy.
    """
    stem = output / "evaluation" / Path(run.files["evaluation"]["file"]).stem
    csv = {what: stem.with_name(f"{stem.name}--{what}.csv") for what in ("classes", "confusion", "pictures")}
    drawn = stem.with_name(f"{stem.name}.png") if figure else None
    done = Written(csv["classes"], csv["confusion"], csv["pictures"], stem.with_name(f"{stem.name}.md"), drawn)
    write_text(done.by_class, by_class(run).to_csv(index_label="class"))
    write_text(done.confusion, confusion(run).to_csv())
    write_text(done.pictures, pictures(run, output).to_csv(index=False))
    write_text(done.markdown, "\n".join(map(markdown, (summary(run), by_class(run), confusion(run)))))
    if done.figure is not None:
        _draw(run, done.figure)
    return done


def markdown(table: pd.DataFrame) -> str:
    """Return the table in Markdown, numbers with two digits."""
    rows = [["", *map(str, table.columns)], ["---"] + ["---:"] * len(table.columns)]
    for name, values in table.iterrows():
        digits = (f"{v:.2f}" if table[c].dtype.kind == "f" else f"{v:.0f}" for c, v in values.items())
        rows.append([str(name), *digits])
    return "".join("| " + " | ".join(cell.replace("|", "\\|") for cell in row) + " |\n" for row in rows)


def _draw(run: Run, path: Path) -> None:
    from matplotlib.figure import Figure

    from c2f.plotting.plots import confusion as draw

    classes = run.details["classes"]
    side = 2 + 0.35 * len(classes)
    figure = Figure(figsize=(side + 1, side), layout="constrained")
    draw(figure.subplots(), normalise_by_true(torch.tensor(run.details["confusion"])), classes)
    with atomic_path(path) as temporary:
        figure.savefig(temporary, format="png", dpi=120)
