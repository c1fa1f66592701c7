"""What a data set is called: a name of the table, one on a canvas, or folders of the user's own."""

import os
import re
from dataclasses import dataclass
from pathlib import Path

from c2f.common.files import expand


@dataclass(frozen=True)
class DataName:
    """A data set's name, taken apart.

    ``text``: as records hold it, the same for every spelling of the same folder. ``folders``: none; or the one that
    holds ``train`` and ``test``; or those two.
    """

    text: str
    folders: tuple[Path, ...] = ()

    @classmethod
    def parse(cls, text: str) -> "DataName":
        """Take ``NAME``, ``folder:PATH`` or ``folder:TRAIN_PATH::TEST_PATH`` apart; whether it is there is not asked.

        Raises:
            ValueError: no path, or more than two.
        """
        if not text.startswith("folder:"):
            return cls(text)
        paths = text.removeprefix("folder:").split("::")
        if len(paths) > 2 or not all(paths):
            raise ValueError(f"{text!r} must be folder:PATH or folder:TRAIN_PATH::TEST_PATH")
        folders = tuple(_spelt(expand(path)) for path in paths)
        return cls(f"folder:{'::'.join(map(str, folders))}", folders)

    @property
    def in_file_names(self) -> str:
        """The name as a part of file names, of folders the last parts."""
        if not self.folders:
            return self.text
        # A space or an umlaut in a folder's name is a hyphen in it.
        last = [re.sub(r"[^a-z0-9_.-]", "-", folder.absolute().name.lower()) for folder in self.folders]
        return "-".join(["folder", *last])

    @property
    def on_canvas(self) -> bool:
        """Whether its pictures are placed on a canvas."""
        return self.text.startswith("canvas-")


def _spelt(path: Path) -> Path:
    """Return the path from the folder at work where it lies below, so that it may move along; else from the root."""
    whole, here = Path(os.path.abspath(path)), Path.cwd()
    return whole.relative_to(here) if whole.is_relative_to(here) else whole
