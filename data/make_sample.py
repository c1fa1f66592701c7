"""Draw the shipped sample from the full Fashion-MNIST: 1,000 training and 200 test pictures of each class.

    python data/make_sample.py [TARGET]

The full set must be on this machine (``c2f fetch fashion-mnist``). Within each part, each class in label
order draws its pictures with ``torch.randperm`` from one generator of seed 0; the chosen ones keep the order
of the full set. The files are idx files packed with xz, and ``sample.json`` beside them is the record of
where they come from. The same command draws the same pictures; the packed bytes may differ where the xz
library is another one.
"""

import json
import lzma
import sys
from pathlib import Path

import torch
from torch import Tensor

from c2f import datasets
from c2f.common.files import atomic_path, sha256, write_text
from c2f.datasets.idx import write_idx

SEED = 0
PER_CLASS = {"train": 1_000, "t10k": 200}


def draw(labels: Tensor, per_class: int, seed: int) -> Tensor:
    """Return the places of ``per_class`` pictures of each class, int64, ascending."""
    generator = torch.Generator().manual_seed(seed)
    chosen = []
    for label in labels.unique():  # ascending
        places = (labels == label).nonzero()[:, 0]
        chosen.append(places[torch.randperm(len(places), generator=generator)[:per_class]])
    return torch.cat(chosen).sort().values


def main(target: Path) -> None:
    """Write the sample's four files and its record to the folder ``target``."""
    full = datasets.load("fashion-mnist")
    row = datasets.INFO["fashion-mnist"]
    files = {}
    for prefix, pictures in (("train", full.train), ("t10k", full.test)):
        part = pictures.select(draw(pictures.labels, PER_CLASS[prefix], SEED))
        arrays = {"images-idx3": part.images[:, 0], "labels-idx1": part.labels.to(torch.uint8)}
        for kind, array in arrays.items():
            path = target / f"{prefix}-{kind}-ubyte.xz"
            with atomic_path(path) as temporary:
                temporary.write_bytes(lzma.compress(write_idx(array), preset=9 | lzma.PRESET_EXTREME))
            files[path.name] = {"bytes": path.stat().st_size, "sha256": sha256(path)}
    record = {
        "title": "Fashion-MNIST, a sample",
        "source": row.home,
        "licence": "MIT, Copyright (c) 2017 Zalando SE, https://tech.zalando.com",
        "citation": row.citation,
        "drawn": {
            "by": "data/make_sample.py",
            "seed": SEED,
            "train_per_class": PER_CLASS["train"],
            "test_per_class": PER_CLASS["t10k"],
            "order": "as in the full set",
        },
        "files": files,
    }
    write_text(target / "sample.json", json.dumps(record, indent=2) + "\n")


if __name__ == "__main__":
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else Path(__file__).parent / "fashion-mnist-sample")
