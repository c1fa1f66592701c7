"""``c2f import``."""

from dataclasses import dataclass
from pathlib import Path

from tyro.conf import OmitArgPrefixes, Positional

from c2f.cli.app import app


@dataclass(frozen=True)
class Looks:
    """How a network of glimpses looks.

    Attributes:
        glimpses: of a network of glimpses, how many.
        downsampling: how many times smaller than the picture a glimpse's side is.
        mean: of each channel, by which a network of glimpses standardises pictures in [0, 1].
        std: likewise.
    """

    glimpses: int = 4
    downsampling: float = 4.0
    mean: tuple[float, ...] = ()
    std: tuple[float, ...] = ()


USUAL = Looks()


@app.command(name="import")
def import_(
    file: Positional[Path],
    network: Positional[str],
    data: Positional[str],
    /,
    image_size: int | None = None,
    merge: str = "sum_concat",
    config: str = "paper",
    looks: OmitArgPrefixes[Looks] = USUAL,
    seed: int = 0,
    again: bool = False,
    output: Path = Path("output"),
) -> None:
    """Bring the authors' own weights into an output folder, as if they had been trained here.

    Keras's .h5 of the Top-Down networks and the DenseNet-FCN; PyTorch Lightning's .ckpt of the Multi-Glimpse Network,
    of which nothing but tensors is read.

    Args:
        file: with the weights.
        network: its name here; see `c2f list networks`.
        data: the data set that it was trained on.
        image_size: rows and columns of its pictures; without it the paper's.
        merge: how a top-down network joins scales.
        config: of a DenseNet-FCN: paper, small, slim or tiny.
        seed: under which it is recorded.
        again: replace what is there.
        output: folder for runs/ and weights/.
    """
    from c2f.networks.glimpse.network import GlimpseSettings
    from c2f.runs.folder import run_name
    from c2f.zoo.importing import Import, import_weights

    look = GlimpseSettings(glimpses=looks.glimpses, downsampling=looks.downsampling)
    how = Import(image_size, merge, config, look, looks.mean, looks.std)
    run = import_weights(file, network, data, output, how, seed, again)
    there = "" if run.fresh else " (already there; --again does it anew)"
    print(f"{network}: {run.values['parameters']:.0f} parameters, every shape as it should be{there}")
    print(f"-> {output / 'weights' / run.files['weights']['file']}; {run_name(network, data)} in {output / 'runs'}")
