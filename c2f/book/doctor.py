"""What this machine can run, and what it lacks; works where torch is missing or broken, too."""

import ctypes
import importlib
import os
import platform
import re
import shutil
import sys
import warnings
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path

from c2f.book.chapters import BOOK, ROOT, chapters
from c2f.book.profiles import profile_values
from c2f.common.cores import THREADS, usable_cores
from c2f.common.shipped import restore
from c2f.common.versions import DISTRIBUTION

REQUIREMENTS = ("data", "cuda", "disk")
"""What a job can require, which is the paper profile's data sets, a GPU that torch computes on by CUDA, and room."""
_OLDEST_PYTHON = (3, 11)
_MEMORY_GIB = 3.0  # a quick chapter stays under 2
_DISK_GIB = 2.0
_GIB = 1 << 30


@dataclass(frozen=True)
class Finding:
    """One thing looked at.

    Attributes:
        what: the thing, in a word or two.
        detail: how it is.
        stops: ``all`` if nothing runs before this is mended, ``book`` if the book does not, ``paper`` if the
            paper profile does not, ``""`` if all is well or it does not matter much.
        remedy: what to do about it, where there is something.
        lacks: the one of ``REQUIREMENTS`` that is not met because of it, ``""`` if there is none.
    """

    what: str
    detail: str
    stops: str = ""
    remedy: str = ""
    lacks: str = ""


@dataclass(frozen=True)
class Diagnosis:
    """All that was looked at; ``gpu`` is the GPU's name or ``""``."""

    findings: tuple[Finding, ...]
    gpu: str

    def can(self, task: str) -> bool:
        """Return whether nothing stops ``task``: ``all`` (the package), ``book`` (quick) or ``paper``."""
        stopping = {"all": {"all"}, "book": {"all", "book"}, "paper": {"all", "book", "paper"}}[task]
        return not any(finding.stops in stopping for finding in self.findings)

    def unmet(self, required: Collection[str]) -> list[Finding]:
        """Return what is in the way of ``required``, names in ``REQUIREMENTS``, and of anything at all."""
        return [finding for finding in self.findings if finding.stops == "all" or finding.lacks in required]

    @property
    def verdict(self) -> str:
        """What this machine can run, in a sentence or two."""
        if not self.can("all"):
            return "This machine cannot run c2f yet: see the remedies above."
        if not self.can("book"):
            return "This machine can use the package c2f; the book wants the remedies above."
        quick = "This machine can run the book in the quick profile."
        where = f"on its GPU ({self.gpu})" if self.gpu else "on the CPU, which takes long: a GPU is advised"
        if not self.can("paper"):
            return f"{quick} The paper profile wants the remedies above."
        return f"{quick} It can run the paper profile {where}."


def examine() -> Diagnosis:
    """Look this machine over; nothing is changed, nothing downloaded."""
    torch_findings, gpu = _torch()
    findings = [
        _python(),
        *_packages(),
        *torch_findings,
        _cores(),
        _memory(),
        *_folders(),
        _offline(),
    ]
    if any(f.stops == "all" for f in findings):
        findings.append(Finding("data", "not looked at, as the package does not run yet"))
    else:
        findings += _data()
    return Diagnosis(tuple(findings), gpu)


def _python() -> Finding:
    version = f"{platform.python_version()} ({sys.executable})"
    if sys.version_info < _OLDEST_PYTHON:
        oldest = ".".join(map(str, _OLDEST_PYTHON))
        return Finding("Python", version, "all", f"make the environment with Python {oldest} or newer")
    return Finding("Python", version)


def _requirements() -> list[tuple[str, str]]:
    """Return (requirement, extra) of the package as installed, or of the checkout's pyproject.toml."""
    try:
        lines = metadata.requires(DISTRIBUTION) or []
    except metadata.PackageNotFoundError:
        lines = []
    found = []
    for line in lines:
        requirement, _, marker = line.partition(";")
        named = re.search(r"extra == '([^']+)'", marker.replace('"', "'"))
        extra = named[1] if named else ""
        found.append((requirement.strip(), extra))
    pyproject = ROOT / "pyproject.toml"
    if not found and pyproject.is_file():
        import tomllib

        project = tomllib.loads(pyproject.read_text(encoding="utf-8"))["project"]
        found = [(line, "") for line in project["dependencies"]]
        for extra, needed in project["optional-dependencies"].items():
            found += [(line, extra) for line in needed]
    return found


def _packages() -> Iterator[Finding]:
    try:
        from packaging.requirements import Requirement
    except ImportError:
        yield Finding("packages", "packaging is not installed", "all", "pip install -e '.[book]'")
        return
    good = 0
    wanted = ("", "book") if BOOK.is_dir() else ("",)
    for text, extra in _requirements():
        if extra not in wanted:  # for tests, or what one command needs, which says so
            continue
        requirement = Requirement(text)
        stops = "book" if extra == "book" else "all"
        remedy = f"pip install '{text}'" if extra != "book" else "pip install -e '.[book]'"
        try:
            version = metadata.version(requirement.name)
        except metadata.PackageNotFoundError:
            yield Finding(requirement.name, "not installed", stops, remedy)
            continue
        if requirement.specifier.contains(version, prereleases=True):
            good += 1
        else:
            yield Finding(requirement.name, f"{version}, wanted {requirement.specifier}", stops, remedy)
    whose = "the package and the book" if "book" in wanted else "the package"
    yield Finding("packages", f"{good} of {whose} are there in versions that fit")


def _torch() -> tuple[list[Finding], str]:
    """Import torch and torchvision, each of which may fail in its own way, and ask for a GPU."""
    findings: list[Finding] = []
    for name in ("torch", "torchvision"):
        try:
            version = importlib.import_module(name).__version__
        except Exception as error:  # a broken installation raises anything: OSError, RuntimeError, AttributeError
            reason = str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
            remedy = "pip install --force-reinstall torch torchvision, both from one source"
            return [*findings, Finding(name, f"does not import: {reason}", "all", remedy)], ""
        findings.append(Finding(name, version))
    finding, gpu = _gpu()
    return [*findings, finding], gpu


def _gpu() -> tuple[Finding, str]:
    """Return what is found about the GPU, and its name or ``""``."""
    import torch

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # torch warns of an old driver; it is told below
        there = torch.cuda.is_available()
    if there:
        name = torch.cuda.get_device_name()
        try:
            free, total = torch.cuda.mem_get_info()
            torch.ones(1, device="cuda").add_(1).item()
        except RuntimeError as error:  # torch may be built without code for this GPU
            reason = f"{name} does not compute: {str(error).splitlines()[0]}"
            return Finding("GPU", reason, remedy="install a torch that knows this GPU", lacks="cuda"), ""
        count = torch.cuda.device_count()
        more = f", {count} of them" if count > 1 else ""
        return Finding("GPU", f"{name}{more}, {free / _GIB:.1f} of {total / _GIB:.1f} GiB free"), name
    if torch.backends.mps.is_available():
        return Finding("GPU", "Apple's, through torch's mps", lacks="cuda"), "mps"
    reason, remedy = _why_no_cuda(torch.version.cuda, _driver_cuda())
    remedy += "; the quick profile needs no GPU, the paper profile wants one"
    return Finding("GPU", f"none that torch can use: {reason}", remedy=remedy, lacks="cuda"), ""


def _driver_cuda() -> str | None:
    """Return the newest CUDA that NVIDIA's driver on this machine takes, e.g. ``"12.4"``; None without a driver."""
    try:
        driver = ctypes.CDLL("nvcuda.dll" if sys.platform == "win32" else "libcuda.so.1")
    except OSError:
        return None
    version = ctypes.c_int()
    driver.cuDriverGetVersion(ctypes.byref(version))
    return f"{version.value // 1000}.{version.value % 1000 // 10}"


def _why_no_cuda(built_for: str | None, driver: str | None) -> tuple[str, str]:
    """Return why torch, built for one CUDA, finds no GPU with a driver for another, and the remedy."""
    if built_for is None:
        return "this torch is built without CUDA", "where there is an NVIDIA GPU, install a torch with CUDA"
    if driver is None:
        return "there is no NVIDIA driver", "where there is an NVIDIA GPU, install its driver"
    if [*map(int, driver.split("."))] < [*map(int, built_for.split("."))]:
        reason = f"the NVIDIA driver takes CUDA up to {driver}, and torch is built for CUDA {built_for}"
        return reason, f"update the driver, or install a torch built for CUDA {driver} or older"
    hidden = os.environ.get("CUDA_VISIBLE_DEVICES")
    shown = "" if hidden is None else f" (CUDA_VISIBLE_DEVICES={hidden})"
    return f"there is an NVIDIA driver for CUDA {driver} but no GPU to be seen{shown}", "see what nvidia-smi lists"


def _cores() -> Finding:
    limit = os.environ.get(THREADS)
    return Finding("cores", f"{len(usable_cores())}" + (f", {THREADS}={limit}" if limit else ""))


def free_memory() -> float | None:
    """Return the free memory in GiB, within a container's limit, or None where the system does not tell."""
    meminfo = Path("/proc/meminfo")
    if not meminfo.exists():
        return None
    free = int(meminfo.read_text().partition("MemAvailable:")[2].split()[0]) * 1024
    limit, used = Path("/sys/fs/cgroup/memory.max"), Path("/sys/fs/cgroup/memory.current")
    if limit.exists() and used.exists() and limit.read_text().strip().isdigit():
        free = min(free, int(limit.read_text()) - int(used.read_text()))
    return free / _GIB


def _memory() -> Finding:
    free = free_memory()
    if free is None:
        return Finding("memory", "this system does not tell how much is free")
    if free < _MEMORY_GIB:
        remedy = f"close other programs: a chapter takes up to 2 GiB, {_MEMORY_GIB:.0f} free are comfortable"
        return Finding("memory", f"{free:.1f} GiB free", "book", remedy)
    return Finding("memory", f"{free:.1f} GiB free")


def _nearest(folder: Path) -> Path:
    """Return ``folder``, or the nearest of its parents that exists."""
    return next(path for path in (folder, *folder.parents) if path.exists())


def _folders() -> Iterator[Finding]:
    if not BOOK.is_dir():
        remedy = "clone the project and install it with: pip install -e '.[book]'"
        yield Finding("book", f"its chapters are not in {BOOK}", "book", remedy, "data")
        return
    there = _nearest(BOOK / "_build")
    free = shutil.disk_usage(there).free / _GIB
    if not os.access(there, os.W_OK):
        yield Finding("output", f"cannot write into {there}", "book", "give yourself the right to write there", "disk")
    elif free < _DISK_GIB:
        yield Finding("output", f"{free:.1f} GiB free on the disk of {there}", "book", "make room there", "disk")
    else:
        yield Finding("output", f"{there} can be written to, {free:.0f} GiB free")


def _offline() -> Finding:
    value = os.environ.get("C2F_OFFLINE", "")
    if value in ("", "0"):
        return Finding("downloads", "allowed, and made only when asked for (c2f fetch)")
    return Finding("downloads", f"forbidden by C2F_OFFLINE={value}")


def _data() -> Iterator[Finding]:
    from c2f import datasets

    sample = next((row for row in datasets.INFO.values() if row.shipped), None)
    if sample is not None:
        try:
            datasets.check_sample(sample.where())  # it ships with the project, wherever the data root is
            yield Finding(sample.name, "whole (its checksums agree)")
        except Exception as error:  # damaged in whatever way, this is to be said and not to be raised
            yield Finding(sample.name, str(error), "book", restore(sample.folder), "data")
    try:
        root = datasets.data_root()
    except FileNotFoundError as error:  # a user without a home folder
        yield Finding("data root", str(error), "paper", "set C2F_DATA to a folder of yours", "data")
        return
    there = _nearest(root)
    free = shutil.disk_usage(there).free
    place = f"{root}" + (" (C2F_DATA)" if os.environ.get("C2F_DATA") else "")
    if not os.access(there, os.W_OK) or not there.is_dir():
        yield Finding("data root", f"{place} cannot be written to", "paper", "set C2F_DATA to a folder of yours")
    else:
        yield Finding("data root", f"{place}, {free / _GIB:.0f} GiB free")
    rows = datasets.table()
    present = [row.name for row in rows if row.present]
    yield Finding("data sets", f"{len(present)} of {len(rows)} are here: {', '.join(present) or 'none'}")
    wanted = _wanted({row.name for row in rows})
    missing = [row for row in rows if row.name in wanted and not row.present]
    if missing:
        size = sum(row.size for row in missing)
        names = " ".join(row.name for row in missing)
        room = "" if free > 3 * size else ", more than the disk takes"
        lacks = f"lacks {names} ({size / 1e6:.0f} MB to download{room})"
        yield Finding("paper profile", lacks, "paper", f"c2f fetch {names}", "data")


def _wanted(known: set[str]) -> set[str]:
    """Return the data sets that the parameters of the paper profile name."""
    wanted: set[str] = set()
    for chapter in chapters() if BOOK.is_dir() else ():
        try:
            values = profile_values(chapter, "paper").values()
        except ValueError:
            continue  # the tests say what is wrong with a profile
        for value in values:
            wanted |= known & set(map(str, value if isinstance(value, list) else [value]))
    return wanted
