"""The page of scaling: its formula by hand, and its tables from the record of costs."""

import re
import shutil
from pathlib import Path

import pytest

from c2f.reference import pages, scaling
from c2f.runs.costs import read

ROOT = Path(__file__).parents[2]
LOAD = scaling.Load("nin_light", batch=64, side=28, seconds=1e-3, parameters=1_000_000, sums=5)
LINE = scaling.Cluster("a line", faster=2, bytes_per_second=1e8, latency=1e-4)


def test_a_step_by_hand():
    found = scaling.step(LOAD, LINE, 4, rate=1e3)
    assert found.compute == pytest.approx(16 * 1e-3 / 2)
    assert found.pictures == pytest.approx(16 / 1e3)
    assert found.gradient == pytest.approx(6 / 4 * 4e6 / 1e8)  # each sends 1.5 times 4 MB
    assert found.messages == pytest.approx((6 + 2 * 5 * 2) * 1e-4)
    assert found.seconds == pytest.approx(0.016 + 0.06 + 0.0026)
    assert found.limit == "gradient"
    alone = scaling.step(LOAD, LINE, 1, rate=1e6)
    assert (alone.seconds, alone.limit) == (pytest.approx(0.032), "compute")


def test_the_page_is_filled_from_the_record(tmp_path):
    for name in ("scaling.md", "costs.json"):
        shutil.copy(ROOT / "book" / name, tmp_path)
    pages.fill(tmp_path)
    text = (tmp_path / "scaling.md").read_text()
    assert "<!--" not in text
    every = list(scaling.loads(read(tmp_path / "costs.json")))
    assert {load.network for load in every} >= {"lenetfc", "nin_light_td", "resnet18"}
    light = next(load for load in every if load.network == "nin_light")
    assert f"| NIN-light bottom-up | {light.parameters:,} |" in text
    assert light.sums == 19  # nine batch norms
    rows = [line for line in text.splitlines() if line.startswith("| NIN bottom-up | 32 |")]
    assert len(rows) == len(scaling.CLUSTERS)
    assert all(row.endswith("| - |") for row in rows)  # 32 pictures are nothing for 64 devices
    tables = re.findall(r"(?:^\|.*\n?)+", text, re.MULTILINE)
    assert all(len({row.count("|") for row in table.splitlines()}) == 1 for table in tables)
