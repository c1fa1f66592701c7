"""Checkpoints that ship because their runs take longer than a sitting."""

import io
import re

import pytest
import torch

from c2f import reference
from c2f.common.files import sealed
from c2f.runs.folder import SHIPPED

UNFINISHED = sorted((SHIPPED / "unfinished").glob("*.pt"))


def test_what_is_unfinished_is_told_and_small():
    told = re.findall(r"^- `(\S+)`", (SHIPPED / "README.md").read_text().partition("## unfinished/")[2], re.M)
    assert told == [path.stem for path in UNFINISHED]
    assert sum(path.stat().st_size for path in UNFINISHED) < 3e6


@pytest.mark.parametrize("path", UNFINISHED, ids=lambda path: path.stem)
def test_it_is_a_piece_that_is_not_done_and_has_epochs_left(path):
    (piece,) = reference.select([path.stem])
    assert not piece.done(SHIPPED), f"recorded: remove {path.name} and its line in data/README.md"
    state = torch.load(io.BytesIO(sealed(path)), map_location="cpu", weights_only=True)
    done, of = len(state["history"]["seconds"]), state["fingerprint"]["recipe"]["epochs"]
    assert 0 < done < of
