"""``c2f export``."""

from pathlib import Path
from typing import Annotated, Literal

from tyro.conf import Positional, arg

from c2f.cli.app import app
from c2f.cli.options import Network


@app.command(name="export")
def export(
    network: Positional[Network],
    data: Positional[
        Annotated[str | None, arg(help="what it was trained on; may be left out if that is clear.")]
    ] = None,
    /,
    format: Literal["onnx"] = "onnx",
    seed: int = 0,
    weights: Path | None = None,
    output: Path = Path("output/export"),
) -> None:
    """Write a trained network for other programs, and compare what was written with PyTorch.

    The file takes batches of any size, float32 pictures (N, C, H, W) in [0, 1].

    Args:
        format: of the file.
        seed: of the training whose weights are taken.
        weights: the output folder of `c2f train`; without it the weights that come with the book.
        output: folder for the file.
    """
    from c2f import zoo
    from c2f.runs.folder import run_name
    from c2f.zoo.export import export as export_onnx

    if data is None:
        known = sorted({trained for name, trained, _ in zoo.available(weights) if name == network})
        if len(known) > 1:
            raise ValueError(f"say on which data {network} was trained: {' or '.join(known)}")
        data = known[0] if known else "DATA"  # which no network was trained on: the error says how to train
    model = zoo.load(network, data, seed, weights)
    done = export_onnx(model, output / f"{run_name(network, data)}--seed{seed}.{format}")
    print(
        f"{done.path}: {done.size / 1e3:.0f} kB, outputs {', '.join(done.outputs)}; on {done.pictures} random pictures "
        f"at most {done.difference:.1e} off PyTorch"
    )
