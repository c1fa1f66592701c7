#!/usr/bin/env bash
# A good guess, and what the documentation says: all_gather_single writes into a tensor that is the parts behind one
# another (6,) or on top of one another (2, 3). By gloo only the first is taken; the second is an error about a "tensor
# size at index 0". reduce_scatter_single likewise takes its parts behind one another alone. What was written for NCCL
# with stacked tensors does not run on a CPU until it is flattened.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
python3 -m venv venv
venv/bin/pip install --quiet --no-compile torch==2.15.0 numpy==2.4.6

cat > gather.py << 'EOF'
import sys

import torch
import torch.distributed as dist
import torch.multiprocessing as mp


def answer(operation, out, given):
    try:
        operation(out, given)
    except RuntimeError as error:
        return "error" if "size" in str(error) or "Shape" in str(error) else f"another error: {error}"
    return out.tolist()


def work(rank):
    dist.init_process_group("gloo", init_method="file://" + sys.argv[1] + "/meet", rank=rank, world_size=2)
    mine = torch.full((3,), float(rank))
    seen = {
        "all_gather_single (6,)": answer(dist.all_gather_single, torch.zeros(6), mine),
        "all_gather_single (2, 3)": answer(dist.all_gather_single, torch.zeros(2, 3), mine),
        "reduce_scatter_single (6,)": answer(dist.reduce_scatter_single, torch.zeros(3), torch.ones(6)),
        "reduce_scatter_single (2, 3)": answer(dist.reduce_scatter_single, torch.zeros(3), torch.ones(2, 3)),
    }
    if rank == 0:
        print("versions: torch", torch.__version__)
        print("guess: parts of three numbers may lie behind one another or in rows")
        for what, came in seen.items():
            print(f"seen:  {what}: {came}")
    assert seen["all_gather_single (6,)"] == [0.0, 0.0, 0.0, 1.0, 1.0, 1.0]
    assert seen["reduce_scatter_single (6,)"] == [2.0, 2.0, 2.0]
    assert seen["all_gather_single (2, 3)"] == seen["reduce_scatter_single (2, 3)"] == "error"
    dist.destroy_process_group()


if __name__ == "__main__":
    assert all("stack" in each.__doc__ for each in (dist.all_gather_single, dist.reduce_scatter_single))
    mp.spawn(work, nprocs=2)
EOF
venv/bin/python -W ignore gather.py "$folder" 2> log || { cat log; exit 1; }
