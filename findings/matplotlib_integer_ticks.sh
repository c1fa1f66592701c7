#!/usr/bin/env bash
# A good guess: on an axis of counts, MaxNLocator(integer=True) never puts a tick between two whole numbers. Where fewer
# than two whole numbers are in sight, as on the axis that Matplotlib itself gives one point, a curve of a single epoch,
# it drops the wish and draws eight ticks from 0.945 to 1.05, none of them at 1: it wants two ticks (min_n_ticks) before
# it wants whole ones. With min_n_ticks=1 the one tick is 1.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
python3 -m venv venv
venv/bin/pip install --quiet --no-compile matplotlib==3.11.2 numpy==2.4.6

venv/bin/python -IW ignore - << 'EOF'
import matplotlib

matplotlib.use("Agg")
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator


def ticks(epochs, **more):
    ax = Figure().subplots()
    ax.plot(range(1, epochs + 1), range(epochs), "o-")
    ax.xaxis.set_major_locator(MaxNLocator(integer=True, **more))
    low, high = ax.get_xlim()
    return [round(float(tick), 3) for tick in ax.get_xticks() if low <= tick <= high]


print("versions: matplotlib", matplotlib.__version__)
print("guess: ticks at whole numbers of epochs alone")
seen = {"three epochs": ticks(3), "one epoch": ticks(1), "one epoch, min_n_ticks=1": ticks(1, min_n_ticks=1)}
for what, found in seen.items():
    print(f"seen:  {what}: {found}")
assert seen["three epochs"] == [1, 2, 3]
assert len(seen["one epoch"]) == 8 and 1 not in seen["one epoch"]
assert seen["one epoch, min_n_ticks=1"] == [1]
EOF
