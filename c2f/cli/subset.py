"""``c2f link-classes``."""

from pathlib import Path

from tyro.conf import Positional

from c2f.cli.app import app


@app.command(name="link-classes")
def link_classes(wnids: Positional[str], tree: Positional[Path], folder: Positional[Path], /) -> None:
    """Make a tree of links to some classes of an ImageNet tree; nothing is copied.

    Args:
        wnids: a list that comes with the book (animals398, imagenet100) or a text file with a WordNet number a line.
        tree: holds train/ and val/ (or test/), each with a folder for each class.
        folder: where the links go; train on it as folder:PATH.
    """
    from c2f.datasets.subset import link_subset, read_wnids

    made = link_subset(tree, read_wnids(wnids), folder)
    print(f"{made.folder}: {made.classes} classes each in {' and '.join(made.parts)}; train on folder:{made.folder}")
