"""``c2f split``."""

from pathlib import Path

from tyro.conf import Positional

from c2f.cli.app import app


@app.command(name="split")
def split(
    folder: Positional[Path],
    to: Positional[Path | None] = None,
    /,
    share: float = 0.2,
    seed: int = 0,
    copy: bool = False,
    exact: bool = False,
) -> None:
    """Part a folder of class folders into train and test, and say what lies in it; train on the result as folder:PATH.

    What is there twice stays on one side. Which side it is depends on the pictures and the seed alone.

    Args:
        folder: holds one folder for each class.
        to: the new folder; without it FOLDER-split.
        share: of each class that is for the test.
        seed: of the draw.
        copy: make copies, not links.
        exact: look for pictures that are the same bit for bit only, without ImageHash.
    """
    from c2f.datasets.splitting import split_folder
    from c2f.datasets.survey import report

    made = split_folder(folder, to, share, seed, copy, near=not exact)
    print("\n".join(report(made.survey)))
    trained, tested = sum(made.train.values()), sum(made.test.values())
    print(f"{trained} pictures to train on, {tested} to test on; train on folder:{made.folder}")
