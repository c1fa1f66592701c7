"""The page *Scaling on paper*: how long a step of one training would take on many devices, computed from what a step
takes here and from what is assumed of devices and of the lines between them.

A step of B pictures on n devices, each with its share of them, takes ::

    max(B s / (f n), B / (r n)) + 2 (n - 1) / n * 4 P / w + (2 (n - 1) + 2 m ceil(log2 n)) * l    seconds

s: seconds a picture, measured on this machine; f: how many times as fast a device is, assumed; r: pictures a second
that a process reads or makes, measured; P: parameters, of 4 bytes; w, l: bytes a second and seconds a message, assumed.
The gradient goes round a ring, in which each device sends 2 (n - 1) / n of it; the m small sums (two a batch norm, and
one) go along a tree. Nothing overlaps, which is an upper bound of what exchanging costs, and a step of few pictures is
taken to cost no more a picture than one of many, which is a lower bound of what computing does.
"""

import math
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache

from torch.nn.modules.batchnorm import _BatchNorm

from c2f import networks
from c2f.runs.costs import Costs

DEVICES = (1, 2, 4, 8, 16, 32, 64)
MEASURED = "channels_last float32"
"""The engine whose steps are taken."""
BYTES = 4
"""Of a parameter, and of its gradient."""


@dataclass(frozen=True)
class Cluster:
    """What is assumed of devices, and of what lies between them; nothing here is measured.

    Attributes:
        name: how the page begins to tell of it.
        faster: how many times as fast as this machine a device takes a step.
        bytes_per_second: that a device sends while it receives.
        latency: seconds that a message takes however short it is.
    """

    name: str
    faster: float
    bytes_per_second: float
    latency: float

    def __str__(self) -> str:
        speed = "as fast" if self.faster == 1 else f"{self.faster:g} times as fast"
        return (
            f"{self.name}: a device is taken to be {speed} as this machine, a line to carry "
            f"{self.bytes_per_second / 1e9:g} GB a second, a message to take {1e6 * self.latency:g} microseconds"
        )


CLUSTERS = (
    Cluster("Hosts like this one, 1 Gbit/s", 1, 0.125e9, 50e-6),
    Cluster("Hosts like this one, 10 Gbit/s", 1, 1.25e9, 50e-6),
    Cluster("Hosts with a GPU each, 25 Gbit/s", 100, 3.125e9, 20e-6),
    Cluster("GPUs in one machine", 100, 100e9, 10e-6),
)


@dataclass(frozen=True)
class Load:
    """A training whose steps were measured here.

    ``network``: its name. ``batch``: B, pictures a step. ``side``: H = W in pixels. ``seconds``: of a picture in a
    step. ``parameters``: P. ``sums``: m, how often all devices add up a few numbers in a step.
    """

    network: str
    batch: int
    side: int
    seconds: float
    parameters: int
    sums: int


@dataclass(frozen=True)
class Step:
    """Seconds of a step's parts: ``compute``, ``pictures`` (reading them), ``gradient``, ``messages``."""

    compute: float
    pictures: float
    gradient: float
    messages: float

    @property
    def seconds(self) -> float:
        """How long the step takes; pictures are read while others are computed."""
        return max(self.compute, self.pictures) + self.gradient + self.messages

    @property
    def limit(self) -> str:
        """The part that takes longest."""
        return max(vars(self), key=lambda part: getattr(self, part))


def step(load: Load, cluster: Cluster, devices: int, rate: float) -> Step:
    """Return what a step takes on so many devices.

    Args:
        load: the training.
        cluster: what is assumed.
        devices: n, at most the pictures of a batch.
        rate: r, pictures a second that each process reads.
    """
    share, others = load.batch / devices, devices - 1
    return Step(
        compute=share * load.seconds / cluster.faster,
        pictures=share / rate,
        gradient=2 * others / devices * BYTES * load.parameters / cluster.bytes_per_second,
        messages=(2 * others + 2 * load.sums * math.ceil(math.log2(devices))) * cluster.latency,
    )


@lru_cache
def _size(network: str, side: int) -> tuple[int, int]:
    """Return the parameters of a classifier and its batch norms."""
    built = networks.build(network, 1 if side == 28 else 3, 10, side, seed=0)
    norms = sum(isinstance(module, _BatchNorm) for module in built.modules())
    return sum(parameter.numel() for parameter in built.parameters()), norms


def loads(costs: Costs) -> Iterator[Load]:
    """Yield each classifier whose steps the record of costs holds."""
    for row in costs.of("training"):
        network, shape = row.name.split(", ")
        batch, side = (int(word) for word in shape.split("x")[0].split(" of "))
        if network in networks.names("classifier") and MEASURED in row.sides:
            parameters, norms = _size(network, side)
            yield Load(network, batch, side, 1 / row.median(MEASURED), parameters, 2 * norms + 1)


def rates(costs: Costs, side: int) -> dict[str, float]:
    """Return pictures a second of a process, from memory and from files, by the loader measured at the nearest size;
    larger pictures take longer by their pixels.
    """
    name, measured = ("loader, 28x28x1", 28) if side == 28 else ("loader, 32x32x3", 32)
    row = next(row for row in costs.of("loading") if row.name == name)
    return {where: row.median(one) * (measured / side) ** 2 for where, one in (("memory", "c2f"), ("files", "plain"))}


def speed_table(costs: Costs) -> str:
    """Return tables in Markdown, one a cluster: how many times as fast many devices are as one, and the first letter of
    what takes longest where that is not computing.
    """
    parts = []
    for cluster in CLUSTERS:
        rows = [["network", "pictures a step", "one device (ms)", *(f"on\u00a0{n}" for n in DEVICES[1:])]]
        for load in loads(costs):
            rate = rates(costs, load.side)["memory"]
            alone = step(load, cluster, 1, rate).seconds
            steps = [step(load, cluster, n, rate) if n <= load.batch else None for n in DEVICES[1:]]
            cells = ["-" if one is None else _times(alone / one.seconds, one.limit) for one in steps]
            rows.append([networks.title(load.network), str(load.batch), f"{1e3 * alone:.3g}", *cells])
        parts.append(f"{cluster}.\n\n{_markdown(rows, 1)}")
    return "\n\n".join(parts)


def _times(value: float, limit: str) -> str:
    return f"{value:.2g}" if limit == "compute" else f"{value:.2g}\u00a0{limit[0]}"


def size_table(costs: Costs) -> str:
    """Return a table in Markdown of what a step exchanges."""
    sent_by = ("sent by each of 2 devices (MB)", "by each of 64 (MB)")
    rows = [["network", "parameters", "gradient (MB)", "small sums a step", *sent_by]]
    for load in loads(costs):
        megabytes = BYTES * load.parameters / 1e6
        sent = [f"{2 * (n - 1) / n * megabytes:.3g}" for n in (2, 64)]
        rows.append([networks.title(load.network), f"{load.parameters:,}", f"{megabytes:.3g}", str(load.sums), *sent])
    return _markdown(rows, 1)


def input_table(costs: Costs) -> str:
    """Return a table in Markdown of how many pictures a second a device takes, and a process gives."""
    quick = max(cluster.faster for cluster in CLUSTERS)
    rows = [["network", "this machine takes", f"one {quick:g} times as fast", "made from memory", "from files"]]
    for load in loads(costs):
        found = rates(costs, load.side)
        numbers = (1 / load.seconds, quick / load.seconds, found["memory"], found["files"])
        rows.append([networks.title(load.network), *(f"{value:,.0f}" for value in numbers)])
    return _markdown(rows, 1)


def _markdown(rows: list[list[str]], words: int) -> str:
    head, *body = ["| " + " | ".join(cells) + " |" for cells in rows]
    return "\n".join([head, "|" + "---|" * words + "---:|" * (len(rows[0]) - words), *body])
