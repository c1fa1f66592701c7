"""The skeleton of every run: what a training and what a measurement do around their own work.

Is it there already, and of the same weights? Can the folder be written to? Work that can be killed and resumed, then
files, environment, record, and nothing left over. An experiment says what it will be (``Plan``) and hands over what it
does.
"""

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any, cast

from safetensors.torch import save_file
from torch import Tensor, nn

from c2f.common.checks import positive_int
from c2f.common.files import atomic_path, check_writable, remove_orphans, sha256
from c2f.common.share import WHOLE
from c2f.datasets.verified import files_of
from c2f.runs.environment import environment
from c2f.runs.execution import Execution, Sitting, TrainingExecution
from c2f.runs.folder import find_run, record_path, save_weights
from c2f.runs.parts import PartialResults
from c2f.runs.record import RecordError, Run, add_run, as_json, read_folder


@dataclass(frozen=True)
class Plan:
    """What a run will be, known before its work begins.

    Attributes:
        name: of the record, without the seed.
        kind: of the record: ``training``, ``attack``, ...
        seed: at least 0.
        parameters: what defines the experiment and is the same for every seed.
        output: the folder of ``runs/``, ``weights/``, ``checkpoints/``, ...
        weights: of a measurement, the file name and sha256 of the weights that are measured.
        how: it is carried out.
        facts: details that tell the data from others under the same name: class names, numbers of pictures. A training
            that is there must have the same; a measurement that has others is made anew.
    """

    name: str
    kind: str
    seed: int
    parameters: dict[str, Any]
    output: Path
    weights: dict[str, str] | None = None
    how: Execution = field(default_factory=lambda: Execution())
    facts: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        positive_int(self.seed, "seed", minimum=0)

    @property
    def device(self) -> str:
        """As torch names it."""
        return self.how.get("device", "cpu")

    @property
    def again(self) -> bool:
        """Whether what is there already is done anew."""
        return self.how.get("again", False)

    @property
    def checkpoint(self) -> Path:
        """The path of what is finished of the run, without an ending."""
        return self.output / "checkpoints" / f"{self.name}--seed{self.seed}"


@dataclass(frozen=True)
class Trained:
    """What a training gives: the network (None if its weights are not kept), values and details of its run, the seconds
    of its epochs, earlier sittings included, and tensors that belong to the network, by folder and name.
    """

    network: nn.Module | None
    values: dict[str, float]
    details: dict[str, Any]
    seconds: float
    tensors: Mapping[str, Mapping[str, Tensor]] = field(default_factory=dict)


@dataclass(frozen=True)
class Measured:
    """What a measurement gives: values and details of its run, and the files that it wrote, by folder."""

    values: dict[str, float]
    details: dict[str, Any]
    files: Mapping[str, Path] = field(default_factory=dict)


def recorded(plan: Plan) -> Run | None:
    """Return the run that the output folder already holds, or None: also where other weights were measured than those
    of today, or where the results picture by picture are missing or damaged.

    Raises:
        RecordError: the record there is damaged, of other parameters, or of a training on other pictures.
    """
    run = find_run(plan.output, plan.name, plan.seed, plan.parameters)
    if run is None or plan.again:
        return run
    if plan.weights is None:
        _check_facts(plan, run)
        return run
    facts = as_json(dict(plan.facts))
    if run.details["weights"] != plan.weights or any(run.details.get(name) != facts[name] for name in facts):
        return None
    kept = {folder: named for folder, named in run.files.items() if folder != "adversarial"}  # those may be deleted
    paths = {plan.output / folder / named["file"]: named["sha256"] for folder, named in kept.items()}
    return run if all(path.exists() and sha256(path) == wanted for path, wanted in paths.items()) else None


def _check_facts(plan: Plan, run: Run) -> None:
    here = {**as_json(dict(plan.facts)), **files_of(plan.parameters["data"])}
    there = {name: run.details.get(name) for name in here}  # older records do not know their files
    differing = [name for name in here if there[name] is not None and there[name] != here[name]]
    if differing:
        text = "; ".join(f"{name} {there[name]} there and {here[name]} now" for name in differing)
        raise RecordError(
            f"{record_path(plan.output, plan.name)} holds a run of seed {plan.seed} on other pictures of that name: "
            f"{text}; train it anew with --again, or choose another folder"
        )


def record_training(plan: Plan, train: Callable[[Sitting], Trained]) -> Run:
    """Return the run that is there, or train, write weights and record, and return the run.

    Where several processes train together, the first of them looks and writes.

    Args:
        plan: what is trained.
        train: called with what its loop is to be given.

    Raises:
        RecordError: the record there is damaged, or of other parameters.
        PermissionError: the output folder cannot be written to.
        OutOfTime: the deadline is near; run it again to go on.
    """
    checkpoint = plan.checkpoint.with_name(f"{plan.checkpoint.name}.pt")
    how = cast(TrainingExecution, plan.how)
    share = how.get("share", WHOLE)
    run, start = share.decide(lambda: _begin(plan, [checkpoint])), time.perf_counter()
    if run is not None and not plan.again:
        return run
    sitting: Sitting = {"checkpoint": checkpoint, "on_epoch": how.get("on_epoch"), "deadline": how.get("deadline")}
    made = train({**sitting, "replaces": _ended(run)})
    return share.decide(lambda: _written(plan, made, start, checkpoint))


def _written(plan: Plan, made: Trained, start: float, checkpoint: Path) -> Run:
    files = {}
    if made.network is not None:
        files["weights"] = save_weights(plan.output, plan.name, plan.seed, made.network, plan.parameters)
    for folder, tensors in made.tensors.items():
        path = plan.output / folder / f"{plan.name}--seed{plan.seed}.safetensors"
        with atomic_path(path) as temporary:
            save_file(dict(tensors), temporary)
        files[folder] = {"file": path.name, "sha256": sha256(path)}
    seconds = max(time.perf_counter() - start, made.seconds)
    shared = cast(TrainingExecution, plan.how).get("share", WHOLE).facts()
    details = {**made.details, **shared, **files_of(plan.parameters["data"])}
    run = _record(plan, made.values, details, environment(plan.device, seconds), files)
    checkpoint.unlink(missing_ok=True)
    return run


def record_measurement(plan: Plan, measure: Callable[[PartialResults], Measured]) -> Run:
    """Return the run that is there, or measure, write files and record, and return the run.

    Args:
        plan: what is measured, with the weights.
        measure: called with what is finished already, and is to ask it for each part.

    Raises:
        RecordError: the record there is damaged, or of other parameters.
        PermissionError: the output folder cannot be written to.
        OutOfTime: the deadline is near; run it again to go on.
    """
    run = _begin(plan, PartialResults.files(plan.checkpoint))
    if run is not None and not plan.again:
        return run
    identity = {"name": plan.name, "seed": plan.seed, "weights": plan.weights, "parameters": plan.parameters}
    identity |= {"replaces": _ended(run), "facts": as_json(dict(plan.facts))}
    parts = PartialResults(plan.checkpoint, identity, plan.how.get("deadline"))
    made = measure(parts)
    files = {folder: {"file": path.name, "sha256": sha256(path)} for folder, path in made.files.items()}
    about = environment(plan.device, parts.seconds)
    run = _record(plan, made.values, {**made.details, **plan.facts, "weights": plan.weights}, about, files)
    parts.remove()
    return run


def _begin(plan: Plan, unfinished: list[Path]) -> Run | None:
    """Return the run that is there, or None; make sure that the work can begin where it is not, or is wanted again.

    What killed runs left over is removed: temporary files, and unfinished work of a run that did get recorded.
    """
    run = recorded(plan)
    if run is not None and not plan.again:
        _remove_finished(run, unfinished)
        return run
    check_writable(plan.output)
    for folder in (plan.output, *(path for path in plan.output.iterdir() if path.is_dir())):
        remove_orphans(folder)
    return run


def _remove_finished(run: Run, unfinished: list[Path]) -> None:
    """Remove the work that became ``run``; what was begun later is to replace it."""
    ended = datetime.fromisoformat(run.environment["finished"]).timestamp()
    for path in unfinished:
        if path.exists() and path.stat().st_mtime <= ended + 1:
            path.unlink()


def remove_leftovers(output: Path) -> None:
    """Remove what calls that were killed just after they had written a record left of its work in ``output``."""
    for record in read_folder(output / "runs").values():
        for run in record.runs:
            work = output / "checkpoints" / f"{record.name}--seed{run.seed}"
            _remove_finished(run, [work.with_name(f"{work.name}.pt"), *PartialResults.files(work)])


def _ended(run: Run | None) -> str | None:
    """Return when the run that is to be replaced ended."""
    return None if run is None else run.environment["finished"]


def _record(
    plan: Plan, values: dict[str, float], details: dict[str, Any], about: dict[str, Any], files: dict[str, Any]
) -> Run:
    """Write the run into its record, and return it as it is read again (JSON has no NaN and no tuples)."""
    run = Run(plan.seed, values, as_json(details), about, files)
    add_run(plan.output / "runs", plan.name, plan.kind, plan.parameters, run)
    return run
