"""What a sweep is: a YAML file, checked strictly, and the jobs that it asks for.

::

    output: output/pair  # the folder of records, weights, executed notebooks, logs and tables
    threads: 1  # of each job; 1 unless given

    train:  # networks x data x seeds, each `c2f train NETWORK DATA --seeds SEED` with the options
      - networks: [lenetfc, lenetfc_td]
        data: [fashion-mnist]
        seeds: [0, 1, 2]
        options: {epochs: 5}

    attack:  # networks x data x seeds x attacks, each `c2f attack`; weights of this sweep go before those of the book
      - networks: [lenetfc, lenetfc_td]
        data: [fashion-mnist]
        seeds: [0, 1, 2]
        attacks: [contrast, shifts]  # all ten unless given; a network of glimpses has none to choose
        options: {pictures: 500}

    run:  # chapters x parameters, each `c2f run CHAPTER`: every combination of the values in the lists
      - chapters: [2]
        profile: quick
        parameters: {epochs: [1, 5], seeds: [[0, 1]]}

An entry may have a ``folder`` of its own in ``output``, as runs with other options must lie apart.
"""

import contextlib
import itertools
import json
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import yaml

from c2f import attacks, datasets, networks
from c2f.book import chapters, execute
from c2f.book.parameters import Mismatch, convert
from c2f.book.profiles import QUICK
from c2f.cli import attacks as attack_command
from c2f.cli import training as train_command
from c2f.cli.options import Order
from c2f.common import plain_yaml
from c2f.common.checks import choose, positive_int
from c2f.datasets import canvas
from c2f.datasets.data_name import DataName
from c2f.experiments.glimpses.pgd_run import pgd_name
from c2f.experiments.robustness.records import attack_name
from c2f.networks.densenet_fcn import FULL, HALF
from c2f.networks.own import build_own, is_own
from c2f.reference.costs import Known
from c2f.runs.folder import holds, how_to_make, record_path, run_name
from c2f.sweep import costs
from c2f.sweep.job import Job, Jobs
from c2f.sweep.options import SweepError, listed, order_of, words_of

COMMANDS = {"train": train_command.COMMANDS, "attack": attack_command.COMMANDS}
"""Kind of job -> kind of network -> what checks the arguments of its command."""
_KEYS = {
    "train": {"networks": "list[str]", "data": "list[str]", "seeds": "list[int]"},
    "attack": {"networks": "list[str]", "data": "list[str]", "seeds": "list[int]", "attacks": "list[str]"},
    "run": {"chapters": "list[str]", "profile": "str"},
}
"""Kind of job -> keys of an entry that are lists or texts, and their types."""
_OTHERS = {"train": "options", "attack": "options", "run": "parameters"}
_OPTIONAL = ("attacks", "profile")
Cost = Callable[[Known], float | None]


@dataclass(frozen=True)
class Planned:
    """A job, and what maps what is known to its core-minutes (None: unknown)."""

    job: Job
    cost: Cost


@dataclass(frozen=True)
class Sweep:
    """A sweep's jobs by name, in the order of its file, those that others need first."""

    output: Path
    threads: int
    planned: Mapping[str, Planned]

    @property
    def jobs(self) -> Jobs:
        """The jobs, as they are handed to Snakemake."""
        found = {name: planned.job for name, planned in self.planned.items()}
        return Jobs((self.output / "sweep").resolve(), Path.cwd(), self.threads, found)


def read(path: Path) -> Sweep:
    """Read a sweep's file and check all of it; nothing is begun.

    Raises:
        SweepError: what is wrong in the file, and where.
        FileNotFoundError: there is no such file, or a data set is not on this machine; the remedy.
    """
    try:
        content = plain_yaml.load(Path(path).read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise FileNotFoundError(f"there is no file {path}: write one as the page 'Re-run and sweep' has it") from error
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise SweepError(f"{path} is not YAML: {error}") from error
    if not isinstance(content, dict):
        raise SweepError(f"{path} must map 'output' to a folder, and {', '.join(_KEYS)} to lists of entries")
    with _where(str(path)):
        for key in content:
            choose(str(key), ["output", "threads", *_KEYS], "key")
        output = Path(_converted(content.get("output", "output"), "str", "output"))
        threads = positive_int(content.get("threads", 1), "threads", maximum=1024)
    found: dict[str, Planned] = {}
    for kind in _KEYS:
        entries = content.get(kind) or []
        if not isinstance(entries, list):
            raise SweepError(f"{path}: {kind} must be a list of entries, each with a '-' before it")
        for number, entry in enumerate(entries, 1):
            with _where(f"{path}, {kind}, entry {number}"):
                for planned in _entry(kind, entry, output, found):
                    if planned.job.name in found:
                        raise SweepError(f"{planned.job.name} is asked for twice: give the entry a 'folder' of its own")
                    found[planned.job.name] = planned
    if not found:
        raise SweepError(f"{path} asks for nothing: give it entries of {', '.join(_KEYS)}")
    return Sweep(output, threads, found)


@contextlib.contextmanager
def _where(place: str) -> Iterator[None]:
    """Begin the message of an error with the ``place`` in the file."""
    try:
        yield
    except FileNotFoundError as error:
        raise FileNotFoundError(f"{place}: {error}") from error
    except ValueError as error:
        raise SweepError(f"{place}: {error}") from error


def _converted(value: object, kind: str, name: str) -> Any:
    try:
        return convert(value, kind)
    except Mismatch as mismatch:
        raise SweepError(f"{name} {mismatch}") from mismatch


def _entry(kind: str, entry: object, output: Path, found: Mapping[str, Planned]) -> Iterator[Planned]:
    """Yield the jobs of an entry, checked; ``found`` are those before it."""
    if not isinstance(entry, dict):
        raise SweepError(f"must be a mapping with {', '.join(_KEYS[kind])}, not {entry!r}")
    for key in entry:
        choose(str(key), [*_KEYS[kind], _OTHERS[kind], "folder"], "key")
    if "chapters" in entry:  # 2 is as good as "2"
        entry = {**entry, "chapters": [str(c) if type(c) is int else c for c in listed(entry["chapters"])]}
    missing = [key for key in _KEYS[kind] if key not in entry and key not in _OPTIONAL]
    if missing:
        raise SweepError(f"{missing[0]!r} is missing: {', '.join(_KEYS[kind])}")
    given = {key: _converted(entry[key], _KEYS[kind][key], key) for key in _KEYS[kind] if key in entry}
    empty = [key for key, value in given.items() if not value]
    if empty:
        raise SweepError(f"{empty[0]!r} must not be empty")
    folder = _converted(entry.get("folder", ""), "str", "folder")
    if not re.fullmatch(r"[A-Za-z0-9_.-]*", folder) or folder in (".", ".."):
        raise SweepError(f"folder must be a name of letters, digits, '_', '.' and '-', not {folder!r}")
    others = entry.get(_OTHERS[kind]) or {}
    if not isinstance(others, dict):
        raise SweepError(f"{_OTHERS[kind]} must map names to values, not {others!r}")
    if kind == "run":
        yield from _chapters(given, others, output, folder)
    else:
        yield from _networks(kind, given, others, output / folder, folder, found)


def _networks(
    kind: str, given: dict[str, Any], options: dict[str, Any], output: Path, folder: str, found: Mapping[str, Planned]
) -> Iterator[Planned]:
    """Yield the jobs of an entry of trainings or attacks."""
    for network in given["networks"]:
        if kind == "attack" and is_own(network):
            build_own(network)
        else:
            choose(network, networks.names(), "network")
    tested = options.get("test_data") or options.get("test-data")
    for data in [_converted(tested, "str", "option 'test_data'")] if tested else given["data"]:
        _check_data(data)
    for seed in given["seeds"]:
        positive_int(seed, "seed", minimum=0)
    chosen = given.get("attacks") or attacks.names()
    for attack in chosen:
        choose(attack, attacks.names(), "attack")
    for network, data in itertools.product(given["networks"], given["data"]):
        kind_of = networks.kind_of(network)
        check = COMMANDS[kind].get(kind_of)
        if check is None:
            raise SweepError(f"{network}, a network of kind {kind_of}, is not attacked")
        by_name = kind_of != "glimpses"
        if not by_name and "attacks" in given:
            raise SweepError(f"{network} has no attacks to choose: leave 'attacks' out, in an entry of its own")
        what = _What(network, data, options, output, folder, order_of(check, network, data, options))
        for seed in given["seeds"]:
            if kind == "train":
                yield what.training(seed, found)
            else:
                yield from (what.attack(seed, one, found) for one in (chosen if by_name else [None]))


@dataclass(frozen=True)
class _What:
    """What is trained or attacked: an entry's network, data and options, its output folder, and the checked order."""

    network: str
    data: str
    options: dict[str, Any]
    output: Path
    folder: str
    order: Order

    def training(self, seed: int, found: Mapping[str, Planned]) -> Planned:
        """Return the training of a seed; the full model for maps comes after the half model, where ``found`` has it."""
        name = run_name(self.network, self.data)
        half = self._name("train", run_name(HALF, self.data), seed)
        needs = [half] if self.network == FULL and half in found else []
        record = record_path(self.output, name)
        job = Job(self._name("train", name, seed), self._command("train", seed), str(record), seed, needs)
        return Planned(job, partial(costs.training, self.network, self.data, self.order.given))

    def attack(self, seed: int, attack: str | None, found: Mapping[str, Planned]) -> Planned:
        """Return an attack on the network of a seed: of the option ``weights``, of this sweep (``found``), else the
        book's.

        Raises:
            SweepError: its weights are not there, and no job makes them.
        """
        whole = self.order.given["pictures"] is None
        name = pgd_name(self.network, self.data, whole)
        if attack is not None:
            name = attack_name(self.network, self.data, attack, self.order.given["protocol"], whole)
        trained = run_name(self.network, self.data)
        weights = self.options.get("weights")
        wanted = str(record_path(weights or self.output, trained)), seed
        needs = [other for other, planned in found.items() if (planned.job.result, planned.job.seed) == wanted]
        words = ["--attacks", attack] if attack is not None else []
        if needs and weights is None:
            words += ["--weights", str(self.output)]
        elif not needs and not is_own(self.network) and not holds(weights, trained, seed):
            make = how_to_make(None, f"train {self.network} {self.data} --seeds {seed}")
            raise SweepError(f"{trained} has no weights of seed {seed}: train it in this sweep, or {make} as 'weights'")
        record, command = record_path(self.output, name), [*self._command("attack", seed), *words]
        job = Job(self._name("attack", name, seed), command, str(record), seed, needs)
        cost = partial(costs.attack, self.network, self.data, attack, self.order.given)
        return Planned(job, cost)

    def _command(self, kind: str, seed: int) -> list[str]:
        words = words_of(COMMANDS[kind][networks.kind_of(self.network)], self.options)
        return [kind, self.network, self.data, *words, "--seeds", str(seed), "--output", str(self.output)]

    def _name(self, kind: str, name: str, seed: int) -> str:
        return f"{kind}/{self.folder}{'--' * bool(self.folder)}{name}--seed{seed}"


def _check_data(data: str) -> None:
    """Refuse a data set that is unknown or not on this machine."""
    if DataName.parse(data).on_canvas:
        data = choose(data, canvas.canvas_names(), "canvas data set").removeprefix("canvas-")
    datasets.check_there(data)


def _chapters(given: dict[str, Any], values: Mapping[Any, Any], output: Path, folder: str) -> Iterator[Planned]:
    """Yield the jobs of an entry of chapters: each combination of the values of its parameters."""
    profile = given.get("profile", QUICK)
    for name, several in values.items():
        if not isinstance(several, list) or not several:
            raise SweepError(f"parameter {name!r} must have a list of values, not {several!r}; write [{several}]")
    for chapter in map(chapters.find, given["chapters"]):
        known = chapters.parameters(chapter)
        for combination in itertools.product(*values.values()):
            chosen = dict(zip(values, combination, strict=True))
            told = "".join(f"--{name}-{_in_file_names(chosen[name])}" for name in values if len(values[name]) > 1)
            name = f"run/{folder}{'--' * bool(folder)}{chapter.name}{told}"
            where = output / folder / "chapters" / name.removeprefix("run/")
            if "output" in known and "output" not in chosen:
                chosen["output"] = str(where)  # runs with other parameters must lie apart
            settled = execute.settled(chapter, chosen, profile)
            notebook = where.with_name(f"{where.name}.ipynb")
            words = [word for key in chosen for word in ("-p", f"{key}={_as_text(settled[key])}")]
            command = ["run", chapter.name, "--profile", profile, *words, "--notebook", str(notebook)]
            inputs = [str(chapter.path)] + [profile] * Path(profile).is_file()
            job = Job(name, command, str(notebook), inputs=inputs)
            yield Planned(job, partial(costs.chapter, chapter, profile, settled))


def _in_file_names(value: Any) -> str:
    return re.sub(r"[^A-Za-z0-9_.]+", "-", str(value)).strip("-")


def _as_text(value: Any) -> str:
    """Return a parameter's value as ``c2f run -p`` takes it."""
    return value if isinstance(value, str) else json.dumps(value)
