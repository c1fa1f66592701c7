"""``c2f explain``."""

from dataclasses import dataclass
from pathlib import Path

from tyro.conf import OmitArgPrefixes, Positional

from c2f.cli.app import app
from c2f.cli.evaluation import Weighted
from c2f.common.cores import use_spare_cores


@dataclass(frozen=True)
class Taken:
    """Which training of a network is taken, and how pictures are worked on.

    Attributes:
        trained_on: the data set of its training, where network is a name or builds one without classes.
        seed: of the training.
        weights: the output folder of `c2f train`; without it the weights that come with the book.
        device: as torch names it (cpu, cuda:1); without it a GPU where there is one.
        again: do anew what the output folder already holds.
        output: folder for explanations/.
    """

    trained_on: str | None = None
    seed: int = 0
    weights: Path | None = None
    device: str | None = None
    again: bool = False
    output: Path = Path("output")


USUAL = Taken()


@app.command(name="explain")
def explain(
    network: Positional[Weighted],
    pictures: Positional[tuple[str, ...]],
    /,
    method: str | None = None,
    layer: str | None = None,
    of: str | None = None,
    against: str | None = None,
    scale: str = "shared",
    threshold: float | None = None,
    taken: OmitArgPrefixes[Taken] = USUAL,
) -> None:
    """Draw what speaks for a class in pictures of your own: heat maps at each picture's size, raw maps, a contact
    sheet; of a network of glimpses the windows, what each saw and said. It is resumable.

    Args:
        pictures: files, or folders of them.
        method: grad-cam, hires-cam, cam, guided-grad-cam, high or refined; without it what the network is made for.
        layer: its path (layer4, stage_x2), or act_1, ... of the Top-Down paper's; without it the last one.
        of: the class that is mapped, by name; without it the predicted one.
        against: a class whose evidence is taken off.
        scale: of the colours: shared by all pictures, or own of each.
        threshold: draw the box round the largest part above this share of the map's range, e.g. 0.5.
    """
    from c2f.experiments.explanation.drawing import Settings
    from c2f.experiments.explanation.pictures import find_pictures
    from c2f.experiments.explanation.run import explain_files
    from c2f.training.device import find_device
    from c2f.zoo.models import find, trained_on_of

    settings = Settings(method, layer, of, against, scale, threshold)
    paths = find_pictures(pictures)
    use_spare_cores()
    model = find(network, taken.trained_on or trained_on_of(network, taken.weights), taken.seed, taken.weights)
    done = explain_files(model, paths, taken.output, settings, find_device(taken.device), taken.again)
    shown = done.pictures.drop(columns=["lowest", "highest"], errors="ignore").head(20)
    print(shown.to_string(index=False))
    if len(done.pictures) > len(shown):
        print(f"and {len(done.pictures) - len(shown)} more in pictures.csv")
    there = "" if done.fresh else " (already there; --again does it anew)"
    print(f"{len(done.pictures)} pictures, sheet.png, pictures.csv and raw maps in {done.folder}{there}")
