"""How the steps of a training are carried out: memory format, precision, compilation; measured, chosen, remembered.

An engine changes in which order sums are taken and with how many bits products, and thereby last digits, but not what
is trained. Weights, batch norm's statistics, losses and the optimiser are float32 in all of them.

Axes: B pictures of one batch, C channels, H rows, W columns.
"""

import logging
import os
import re
import shutil
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, nullcontext
from copy import deepcopy
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from c2f.common.checks import choose
from c2f.common.memory import keep_freed_memory
from c2f.common.share import WHOLE, Share
from c2f.networks.modes import train_mode
from c2f.networks.repeated import unrepeated
from c2f.training.batch_norm import BatchNorms, has_few_channels
from c2f.training.checkpoints import begun_with
from c2f.training.speed import remember, remembered

logger = logging.getLogger(__name__)

ENGINES = ("plain", "channels_last", "compiled")
"""Tensors in torch's default memory format; channels last; and so through ``torch.compile``."""
PRECISIONS = {"float32": None, "bfloat16": torch.bfloat16, "float16": torch.float16}
"""Of convolutions and dense layers, by autocast; float16 is for GPUs, where gradients are scaled against underflow."""
SAME_IN_BFLOAT16: tuple[str, ...] = ()
"""Networks that reach the same accuracy in bfloat16 as in float32, over seeds; ``auto`` considers it for them."""
SHORT, LONG = 60, 300
"""Seconds of a training below which nothing but the first engine is tried, and below which none is compiled."""
TURNS, SPENT = (2, 10), 0.01
"""How many steps of each engine are timed after a first one, at least and at most, and the share of the training's time
after which no further turn is begun."""


def full_precision(x: Tensor) -> Tensor:
    """Return what came out of mixed precision in float32, and else ``x``."""
    return x.float() if x.dtype in (torch.bfloat16, torch.float16) else x


@dataclass(frozen=True)
class Engine:
    """How steps are carried out.

    Attributes:
        name: one of ``ENGINES``.
        precision: one of ``PRECISIONS``.
        threads: of torch on a CPU; 0 on a GPU.
    """

    name: str = "plain"
    precision: str = "float32"
    threads: int = 0

    def __str__(self) -> str:
        return f"{self.name} {self.precision}"

    def facts(self) -> dict[str, Any]:
        """Return it as records and checkpoints name it."""
        return {"engine": self.name, "precision": self.precision, "threads": self.threads}

    @contextmanager
    def at_work(self, network: nn.Module) -> Iterator[None]:
        """Within the block, the network in this engine's memory format, and torch with its threads; then as before."""
        keep_freed_memory()
        threads = torch.get_num_threads()
        if self.threads:
            torch.set_num_threads(self.threads)
        if self.name != "plain":
            network.to(memory_format=torch.channels_last)
        few = self.name == "channels_last" and has_few_channels(network)
        on_cpu = all(parameter.device.type == "cpu" for parameter in network.parameters())
        quicker = self.name != "plain" and self.precision == "float32" and on_cpu
        try:
            with BatchNorms() if few else nullcontext(), unrepeated(network) if quicker else nullcontext():
                yield
        finally:
            torch.set_num_threads(threads)
            if self.name != "plain":
                network.to(memory_format=torch.contiguous_format)

    def pictures(self, x: Tensor) -> Tensor:
        """Return pictures ``(B, C, H, W)`` in this engine's memory format."""
        return x if self.name == "plain" else x.contiguous(memory_format=torch.channels_last)

    def autocast(self, device: torch.device) -> torch.autocast:
        """Return the context of forward passes and losses."""
        half = PRECISIONS[self.precision]
        return torch.autocast(device.type, dtype=half, enabled=half is not None)

    def forward(self, network: nn.Module, batch_size: int) -> Callable[[Tensor], Tensor]:
        """Return what maps pictures ``(B, C, H, W)`` to the network's answer in float32.

        A batch of another size, the last of an epoch, is not compiled for: that takes longer than it saves.
        """
        compiled = torch.compile(network, dynamic=False) if self.name == "compiled" else network

        def answer(x: Tensor) -> Tensor:
            with self.autocast(x.device):
                logits: Tensor = (compiled if len(x) == batch_size else network)(self.pictures(x))
            return full_precision(logits)

        return answer


Step = Callable[[Tensor, Tensor], tuple[Tensor, Any]]
"""Maps pictures ``(B, C, H, W)`` and labels to the loss, a scalar, and what else comes of it."""


@dataclass(frozen=True)
class Trial:
    """A training whose engine is to be chosen.

    Attributes:
        network: what is trained; it is tried on copies.
        begin: maps a network and an engine to what maps a batch to the loss, a scalar, and whatever else of it.
        batch: gives a batch, as training does.
        steps: how many there are in all.
        engines: names that can carry this training out; the first is taken where nothing is measured.
        name: of the network, where it has one in ``c2f.networks.names``.
    """

    network: nn.Module
    begin: Callable[[Any, Engine], Step]
    batch: Callable[[], tuple[Tensor, Tensor]]
    steps: int
    engines: Sequence[str] = ENGINES
    name: str = ""

    @property
    def device(self) -> torch.device:
        """Where the network is."""
        return next(self.network.parameters()).device


def plain(device: torch.device) -> Engine:
    """Return the engine that torch is by itself."""
    return Engine(threads=torch.get_num_threads() if device.type == "cpu" else 0)


def settle(trial: Trial, wanted: Mapping[str, Any], checkpoint: Path | None = None) -> Engine:
    """Return the engine that a training is carried out with.

    A training that was begun goes on with the engine and the threads it was begun with, whatever else the machine does
    now: another number would end in other bits. Otherwise, of the engines that are allowed, it
    is the one that ends first by what steps were measured to take here; that is measured where it is not remembered and
    the training is long enough to repay it. Of several processes that train together the first chooses, and none is
    compiled: what they tell each other within a step is not.

    Args:
        trial: the training.
        wanted: ``engine``, ``precision`` and ``share`` of ``c2f.runs.execution.TrainingExecution``.
        checkpoint: where the training may have been begun.

    Raises:
        ValueError: an unknown engine or precision, one that cannot carry this training out, or a compiled one without a
            compiler or among several processes.
    """
    share: Share = wanted.get("share") or WHOLE
    name, precision = wanted.get("engine") or "auto", wanted.get("precision") or "auto"
    choose(name, ("auto", *trial.engines), "engine")
    choose(precision, ("auto", *PRECISIONS), "precision")
    if name == "compiled" and not can_compile(trial.device):
        raise ValueError("engine 'compiled' needs a C++ compiler, and none is here: install g++, or take 'auto'")
    if name == "compiled" and share.processes > 1:
        raise ValueError("engine 'compiled' is for one process, and several train together: take 'auto'")
    return share.decide(lambda: _settled(trial, name, precision, checkpoint, share))


def _settled(trial: Trial, name: str, precision: str, checkpoint: Path | None, share: Share) -> Engine:
    threads = plain(trial.device).threads
    begun = _begun(checkpoint, trial)
    every = [engine for engine in trial.engines if engine != "compiled" or share.processes == 1]
    names = every if name == "auto" else [name]
    precisions = ["float32" if precision == "auto" else precision]
    if precision == "auto" and trial.name in SAME_IN_BFLOAT16 and _has_bfloat16(trial.device):
        precisions.append("bfloat16")
    allowed = [Engine(one, bits, threads) for one in names for bits in precisions]
    if begun is not None and any((begun.name, begun.precision) == (one.name, one.precision) for one in allowed):
        return begun
    return allowed[0] if len(allowed) == 1 else _quickest(trial, allowed)


def can_compile(device: torch.device) -> bool:
    """Return whether ``torch.compile`` has what it needs: on a CPU a C++ compiler."""
    return device.type != "cpu" or any(shutil.which(name) for name in (os.environ.get("CXX", "g++"), "clang++", "cl"))


def _has_bfloat16(device: torch.device) -> bool:
    if device.type == "cuda":
        return torch.cuda.is_bf16_supported(including_emulation=False)
    return bool(torch.cpu.get_capabilities().get("avx512_bf16", False))


def _begun(checkpoint: Path | None, trial: Trial) -> Engine | None:
    bits = None if checkpoint is None else begun_with(checkpoint)
    known = bits is not None and set(bits) >= {"engine", "precision", "threads"}
    if bits is None or not known or bits["engine"] not in trial.engines or bits["precision"] not in PRECISIONS:
        return None
    return Engine(bits["engine"], bits["precision"], bits["threads"])


def _quickest(trial: Trial, allowed: list[Engine]) -> Engine:
    """Return the engine of ``allowed`` with which all steps take least; the first where that is no long time."""
    batch = trial.batch()
    what = _what(trial, batch[0])
    known = dict(remembered().get(what, {}))
    before = dict(known)

    def total(engine: Engine) -> float:
        once = known.get("compiling", 0.0) if engine.name == "compiled" else 0.0
        return trial.steps * known.get(str(engine), float("inf")) + once

    def measure(engines: list[Engine]) -> None:
        if any(str(engine) not in known for engine in engines):
            found = _measured(trial, engines, batch)
            known.update({name: value for name, value in found.items() if value < float("inf") or name not in known})

    first = allowed[0]
    measure([first])
    if total(first) > SHORT:
        measure([engine for engine in allowed if engine.name != "compiled"])
        best = min(map(total, allowed))
        if best > LONG and can_compile(trial.device):
            measure(allowed)
    if known != before:
        remember(what, known)
    chosen = min(allowed, key=total) if total(first) > SHORT else first
    if known != before and chosen != first and str(first) in known:
        gain = known[str(first)] / known[str(chosen)]
        logger.info("%s: %s steps are %.2f times as fast as %s ones", what, chosen, gain, first)
    return chosen


def _what(trial: Trial, pictures: Tensor) -> str:
    """Return what a measurement is of, in words."""
    shape = "x".join(map(str, pictures.shape))
    count = sum(parameter.numel() for parameter in trial.network.parameters())
    device = trial.device
    where = torch.cuda.get_device_name(device) if device.type == "cuda" else f"{torch.get_num_threads()} threads"
    name = trial.name or type(trial.network).__name__
    return f"{name}, {count} parameters, batch {shape}, {where}, torch {torch.__version__}"


def core_seconds(trial: Trial, precision: str = "float32") -> float | None:
    """Return the core-seconds of a step on this CPU with the quickest engine of ``precision`` that is remembered, by
    any number of threads; None where none is.
    """
    before, _, after = _what(trial, trial.batch()[0]).partition(f"{torch.get_num_threads()} threads")
    pattern = re.compile(rf"{re.escape(before)}(\d+) threads{re.escape(after)}")
    known = [(int(found[1]), seconds) for what, seconds in remembered().items() if (found := pattern.fullmatch(what))]
    costs = [n * value for n, seconds in known for engine, value in seconds.items() if engine.endswith(precision)]
    return min((cost for cost in costs if cost < float("inf")), default=None)


def measure_step(trial: Trial, precision: str = "float32") -> float:
    """Return the seconds of a step with the plain engine and one thread, measured now and remembered."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        engine, batch = Engine("plain", precision, threads=1), trial.batch()
        found = _measured(trial, [engine], batch)
        remember(_what(trial, batch[0]), found)
    finally:
        torch.set_num_threads(threads)
    return found[str(engine)]


def _measured(trial: Trial, engines: Sequence[Engine], batch: tuple[Tensor, Tensor]) -> dict[str, float]:
    """Return the seconds of a step by each engine, and what compiling took.

    Of several steps the quickest counts, as other work only ever makes one slower; and the engines take turns, so that
    a slow while falls on all of them. Those that cannot be carried out here take for ever; those for which there was
    no room have no entry.
    """
    steps = {str(engine): _timed_step(trial, engine, batch) for engine in engines}
    seconds: dict[str, float] = {}

    def turn() -> dict[str, float]:
        taken = {}
        for name in list(steps):
            try:
                taken[name] = steps[name]()
            except RuntimeError as error:  # a compiler that fails, a GPU without room
                why = next(iter(str(error).splitlines()), type(error).__name__)
                logger.warning("%s cannot be carried out here: %s", name, why)
                del steps[name]
                seconds.pop(name, None)
                if not isinstance(error, torch.OutOfMemoryError):  # there may be room another time
                    seconds[name] = float("inf")
        return taken

    devices = [trial.device] if trial.device.type == "cuda" else []
    with torch.random.fork_rng(devices=devices):
        first = turn()
        least, most = TURNS
        started = time.perf_counter()
        for count in range(most):
            whole = trial.steps * min((seconds[name] for name in steps if name in seconds), default=0.0)
            if count >= least and time.perf_counter() - started > SPENT * whole:
                break
            for name, value in turn().items():
                seconds[name] = min(value, seconds.get(name, value))
    for name in steps:
        if name.startswith("compiled"):
            seconds["compiling"] = first[name] - seconds[name]
    return seconds


def _timed_step(trial: Trial, engine: Engine, batch: tuple[Tensor, Tensor]) -> Callable[[], float]:
    """Return what carries out a step on a copy of the network, and returns its seconds."""
    network = deepcopy(trial.network)
    train_mode(network)
    loss = trial.begin(network, engine)

    def now() -> float:
        if trial.device.type == "cuda":
            torch.cuda.synchronize(trial.device)
        return time.perf_counter()

    def step() -> float:
        with engine.at_work(network):
            start = now()
            network.zero_grad(set_to_none=True)
            loss(*batch)[0].backward()
            seconds = now() - start
        network.zero_grad(set_to_none=True)  # the other engines need the room
        return seconds

    return step
