"""``c2f reference``."""

import time
from pathlib import Path

from c2f.cli.app import app
from c2f.cli.options import Device
from c2f.common.checks import shortened
from c2f.common.cores import be_nice, use_spare_cores
from c2f.common.shipped import INSTALLED


@app.command(name="reference")
def reference(
    *,
    budget: float | None = None,
    only: tuple[str, ...] = (),
    list: bool = False,
    output: Path | None = None,
    device: Device = None,
    pack: Path | None = None,
    unpack: Path | None = None,
    nice: bool = False,
    jobs: int = 1,
) -> None:
    """Run what is missing of the book's reference runs, in order of value; stop and go on at any time.

    What was begun comes first. On a CPU, a budget is filled by value and cost: what would not end in time is passed
    over for what does, unless --only names it. Costs are core-minutes, by what was recorded or measured here.

    On a borrowed machine without a network: run with --output DIR and --pack FILE there, bring FILE home, and merge
    it with --unpack FILE. Unfinished runs travel too, as checkpoints.

    Args:
        budget: seconds after which nothing new is begun; an epoch that would not end in time is not begun either. 0
            runs nothing, as to --pack what is there.
        only: names of pieces, or how several begin, e.g. lenetfc_td--mnist.
        list: show the pieces in order of value: done, begun or missing, core-minutes (one thread each; of a training
            that was begun those that are left), what each unlocks; in the end the sum of what is not done; and run
            nothing, but pack what there is if asked to.
        output: the folder of runs/, weights/, attacks/ and checkpoints/; without it the book's own,
            data of the clone.
        pack: write all of the output folder's results into this tar file at the end.
        unpack: first merge the results in this tar file into the output folder.
        nice: let other processes go first.
        jobs: how many pieces are run at once on a CPU, each in a process of one thread.
    """
    if budget is not None and not budget >= 0:
        raise ValueError(
            f"budget must be a number of seconds, 0 (to run nothing) or above, not {budget}; "
            "without --budget there is no limit"
        )
    if INSTALLED and output is None and not list:
        raise ValueError("the book's own runs lie in the installed package, which stays as it is: give --output FOLDER")
    from c2f import reference as runs
    from c2f.runs.folder import SHIPPED
    from c2f.training.device import find_device

    folder = output or SHIPPED
    deadline = None if budget is None else time.monotonic() + budget
    found = find_device(device)
    chosen = runs.select(only)
    if unpack is not None:
        print(f"{runs.unpack(unpack, folder)} runs merged into {folder}")
    if list:
        planned = runs.plan(chosen, folder)
        for entry in planned:
            cost = "unknown" if entry.minutes is None else f"{entry.minutes:.0f} core-min"
            print(f"{entry.piece.name:65s} {entry.state:7s} {cost:>14s}  {entry.rank:>4g}  {entry.unlocks}".rstrip())
        left = [entry.minutes for entry in planned if entry.state != "done"]
        told = [minutes for minutes in left if minutes is not None]
        print(f"together {sum(told):.0f} core-min left, and {len(left) - len(told)} pieces of unknown cost")
    elif unpack is None or budget is not None or only:
        if nice:
            be_nice()
        use_spare_cores()
        settings = runs.Settings(folder, found, deadline, lambda line: print(line, flush=True))
        fitting = budget is not None and not only and found == "cpu"
        finished, missing = runs.run(chosen, settings, jobs, fitting)
        print(f"finished {len(finished)}, still missing {len(missing)}{': ' if missing else ''}{shortened(missing)}")
    if pack is not None:
        print(f"{runs.pack(folder, pack)} files in {pack}")
