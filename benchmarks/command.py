"""``python -m benchmarks``: measure what the package costs, print it, and write it as a record."""

import argparse
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path

from benchmarks import (
    attacks,
    corruptions,
    glimpses,
    growth,
    inference,
    loading,
    machine,
    maps,
    parallel,
    pyramid,
    scenes,
    seeds,
    starting,
    training,
)
from benchmarks.suite import Case, line, measure
from c2f.common.checks import choose, positive_int
from c2f.common.cores import use_spare_cores
from c2f.common.files import check_writable
from c2f.runs.costs import Costs, Growth, Row, write
from c2f.runs.environment import environment

SUBJECTS: dict[str, Callable[[], list[Case]]] = {
    "machine": machine.cases,
    "starting": starting.cases,
    "memory": starting.memory_cases,
    "training": training.cases,
    "seeds": seeds.cases,
    "parallel": parallel.cases,
    "inference": inference.cases,
    "attacks": attacks.cases,
    "maps": maps.cases,
    "pyramid": pyramid.cases,
    "loading": loading.cases,
    "glimpses": glimpses.cases,
    "corruptions": corruptions.cases,
    "scenes": scenes.cases,
}
"""What is compared; beside it there is ``growth``."""
NAMES = (*SUBJECTS, "growth")


def parse(arguments: list[str] | None = None) -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks",
        description="Measure what the package costs against the plain way, in interleaved rounds; write a record.",
        formatter_class=argparse.ArgumentDefaultsHelpFormatter,
    )
    parser.add_argument("--only", nargs="+", default=NAMES, metavar="NAME", help="subjects, see --list")
    parser.add_argument("--rounds", type=int, default=4, help="rounds; where one is long, fewer")
    pictures = f"pictures that are attacked; from {attacks.MANY} on the bars count"
    parser.add_argument("--pictures", type=int, default=attacks.PICTURES, help=pictures)
    parser.add_argument("--compiled", action="store_true", help="train compiled too: a minute more a network, once")
    parser.add_argument("--list", action="store_true", help="say what there is, and measure nothing")
    parser.add_argument("--output", type=Path, default=Path("output/costs.json"), help="the record's file")
    args = parser.parse_args(arguments)
    try:
        positive_int(args.rounds, "--rounds")
        positive_int(args.pictures, "--pictures")
        for name in args.only:
            choose(name, NAMES, "subject")
        if args.output.suffix != ".json" or args.output.is_dir():
            raise ValueError(f"--output must be a file that ends in .json, not {str(args.output)!r}")
    except ValueError as error:
        parser.error(str(error))
    return args


def table(only: Sequence[str], pictures: int, compiled: bool) -> dict[str, list[Case]]:
    """Return the cases by subject."""
    given = {"training": lambda: training.cases(compiled), "attacks": lambda: attacks.cases(pictures)}
    makers = {**SUBJECTS, **given}
    return {subject: make() for subject, make in makers.items() if subject in only}


def main(arguments: list[str] | None = None) -> None:
    """List or measure."""
    args = parse(arguments)
    cases = table(args.only, args.pictures, args.compiled)
    curves = growth.CURVES if "growth" in args.only else []
    if args.list:
        for subject, some in cases.items():
            print("\n".join([subject, *(f"  {case.name:34} {case.says}" for case in some)]))
        print("\n".join(["growth", *(f"  {curve.name} by {curve.axis}" for curve in curves)]) if curves else "")
        return
    check_writable(args.output.parent)
    use_spare_cores()
    start = time.perf_counter()
    rows: list[Row] = []
    grown: list[Growth] = []
    path = args.output.with_suffix(".partial.json")
    try:
        for row in compared(cases, args.rounds):
            rows.append(row)
            print(line(row), flush=True)
        for curve in curves:
            grown.append(growth.measure(curve, args.rounds))
            law = grown[-1].fit
            spread = f"{law.slope:.3g} ({law.low:.3g} to {law.high:.3g})"
            print(f"  {curve.name} by {curve.axis}: {law.law} {spread}", flush=True)
        path = args.output
    finally:  # what was measured before an error or Ctrl-C is kept, but not in the place of a whole record
        seconds = time.perf_counter() - start
        write(Costs(args.rounds, environment("cpu", seconds), rows, grown), path)
        print(f"{seconds:.0f} s; {path}")


def compared(cases: Mapping[str, Sequence[Case]], rounds: int) -> Iterator[Row]:
    """Measure the cases of each subject, one after the other."""
    for subject, some in cases.items():
        print(subject, flush=True)
        found = []
        for case in some:
            found.append(measure(subject, case, rounds))
            yield found[-1]
        if subject == "attacks":
            yield attacks.together(found)
