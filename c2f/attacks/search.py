"""What the attacks share: ask the network, look for the first strength that fools it, hand back what Foolbox expects.

Axes: N pictures given, n pictures still to fool, w steps, C channels, H rows, W columns, K classes. Which pictures and
steps are at work is kept on the CPU, pictures on the model's device.
"""

from abc import abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import eagerpy as ep
import torch
from foolbox.attacks.base import MinimizationAttack, raise_if_kwargs
from foolbox.criteria import Criterion, Misclassification, TargetedMisclassification
from foolbox.distances import l2
from foolbox.models import Model
from torch import Tensor

from c2f.attacks.victim import Victim, check_alone
from c2f.common.streams import Streams
from c2f.networks.answers import finite
from c2f.networks.inference import CHECKED, agree, close
from c2f.networks.modes import in_float32

Candidates = Callable[[Tensor, Tensor], Tensor]
"""Maps rows ``(n,)`` and steps ``(n, w)`` to the perturbed pictures ``(n, w, C, H, W)``."""

PixelFools = Callable[[Tensor, Tensor], Tensor]
"""Maps flat places of pixels of a picture ``(m,)`` and the values ``(m,)`` of all their channels to bool ``(m,)``."""


class Judge:
    """Says which pictures fool the model: exactly what the model itself says, but quicker where that is possible.

    Args:
        model: any Foolbox model of PyTorch; the batch norms of a ``Victim`` are folded for the questions that are not
            close.
        criterion: ``Misclassification`` or ``TargetedMisclassification``.
        pictures: ``(N, C, H, W)``; ``fooled`` ``(N,)`` bool on the CPU says which are adversarial from the start.

    Raises:
        ValueError: logits of less than float32, of another shape than ``(N, K)`` or not finite, answers that depend on
            the pictures beside, or a label that is no class.
    """

    def __init__(self, model: Model, criterion: Criterion, pictures: Tensor):
        self.model, self.criterion = model, criterion
        goal = criterion.labels if isinstance(criterion, Misclassification) else criterion.target_classes  # type: ignore[attr-defined]
        self.classes: Tensor = goal.raw
        pixels = pictures.shape[2] * pictures.shape[3]
        self.batch = max(16, 2**18 // pixels) if pictures.device.type == "cpu" else max(64, 2**23 // pixels)
        logits = self._logits(pictures[:CHECKED])
        if logits.ndim != 2 or logits.dtype not in (torch.float32, torch.float64):
            raise ValueError(
                f"the model's outputs are {logits.dtype} {tuple(logits.shape)}; attacks need logits (N, K) in float32"
            )
        if not 0 <= int(self.classes.min()) <= int(self.classes.max()) < logits.shape[1]:
            raise ValueError(
                f"labels run from {int(self.classes.min())} to {int(self.classes.max())} "
                f"but the model has {logits.shape[1]} classes"
            )
        with in_float32(pictures.device):
            check_alone(model, pictures[0], logits[0])
        # A network may use a batch norm in ways that folding does not know of.
        self.fast = isinstance(model, Victim) and agree(model.fast(pictures[:CHECKED]), logits)
        self._one_pixel_agrees: bool | None = None  # not known yet
        self.fooled = self(pictures, torch.arange(len(pictures)))

    def _logits(self, pictures: Tensor) -> Tensor:
        with in_float32(pictures.device), torch.no_grad():
            return torch.cat([finite(self.model(part)) for part in pictures.split(self.batch)])

    def _fools(self, answers: Tensor, classes: Tensor) -> Tensor:
        return answers != classes if isinstance(self.criterion, Misclassification) else answers == classes

    def __call__(self, pictures: Tensor, rows: Tensor) -> Tensor:
        """Return bool ``(m,)`` on the CPU: which of ``pictures`` ``(m, C, H, W)``, made from ``rows``, fool."""
        parts = -(-len(pictures) // self.batch)  # of equal sizes: a small batch costs more a picture
        answers = [self._answer(part) for part in pictures.chunk(parts)]
        return self._fools(torch.cat(answers), self.classes[rows.to(self.classes.device)]).cpu()

    def final(self, pictures: Tensor) -> Tensor:
        """Return bool ``(N,)``: whether ``pictures`` ``(N, C, H, W)``, asked about all at once, fool the model."""
        with in_float32(pictures.device), torch.no_grad():
            return self._fools(finite(self.model(pictures)).argmax(dim=1), self.classes)

    def _answer(self, pictures: Tensor) -> Tensor:
        if not self.fast:
            return self._logits(pictures).argmax(dim=1)
        assert isinstance(self.model, Victim)
        return self._settled(self.model.fast(pictures), lambda unsure: pictures[unsure])

    def _settled(self, logits: Tensor, pictures: Callable[[Tensor], Tensor]) -> Tensor:
        """Return the classes of ``(m, K)``, and of ``pictures(where)`` the model's own where they are close."""
        answer, unsure = logits.argmax(dim=1), close(logits)
        if unsure.any():
            answer[unsure] = self._logits(pictures(unsure)).argmax(dim=1)
        return answer

    def of_one_pixel(self, picture: Tensor, row: int) -> PixelFools | None:
        """Return how to ask quickly which pixels of ``picture`` ``(C, H, W)``, of row ``row``, fool; or None."""
        model = self.model
        if not self.fast or not isinstance(model, Victim) or self._one_pixel_agrees is False:
            return None
        if (quick := model.one_pixel) is None:
            return None
        with torch.no_grad():
            quick.see(picture if model.mean is None else picture - model.mean)

        def logits(places: Tensor, values: Tensor) -> Tensor:
            rows, columns = places // picture.shape[2], places % picture.shape[2]
            with in_float32(picture.device), torch.no_grad():
                return quick(torch.stack([rows, columns], dim=1), values[:, None] - picture[:, rows, columns].T)

        def fools(places: Tensor, values: Tensor) -> Tensor:
            answers = self._settled(
                logits(places, values), lambda some: with_pixels(picture, places[some], values[some])
            )
            return self._fools(answers, self.classes[row])

        if self._one_pixel_agrees is None:
            places = torch.linspace(0, picture[0].numel() - 1, CHECKED).long()
            values = torch.linspace(*model.bounds, CHECKED)
            plain = self._logits(with_pixels(picture, places, values))
            self._one_pixel_agrees = agree(logits(places, values), plain)
        return fools if self._one_pixel_agrees else None


def with_pixels(pictures: Tensor, places: Tensor, values: Tensor) -> Tensor:
    """Return ``pictures`` ``(m, C, H, W)``, or one ``(C, H, W)`` m times, with all channels of a pixel set in each.

    Args:
        pictures: left as they are.
        places: of the pixels, flat, ``(m,)``.
        values: ``(m,)``.
    """
    made = pictures.expand(len(places), *pictures.shape[-3:]).clone()
    made.flatten(2)[torch.arange(len(places)), :, places] = values[:, None]
    return made


@dataclass(frozen=True)
class Search:
    """The pictures that an attack has to fool.

    Attributes:
        pictures: ``(n, C, H, W)``, none adversarial yet.
        bounds: smallest and largest value of a channel.
        streams: the random numbers of each.
        fools: maps candidates ``(m, C, H, W)`` and the rows ``(m,)`` that they were made from to bool ``(m,)``.
        window: how many candidates to ask about at once where there are so many.
        of_one_pixel: gives for a row how to ask about its single pixels quickly, or None.
    """

    pictures: Tensor
    bounds: tuple[float, float]
    streams: Streams
    fools: Callable[[Tensor, Tensor], Tensor]
    window: int
    of_one_pixel: Callable[[int], PixelFools | None] = lambda row: None

    def first(self, candidates: Candidates, begin: Tensor, end: Tensor) -> tuple[Tensor, Tensor]:
        """Find each picture's first step from ``begin`` to before ``end``, int64 ``(n,)``, whose candidate fools.

        Pictures that are done leave; those that are left fill the batch with several of their steps. Steps are asked
        for in order and, where all pictures have the same range, once each: random candidates may rely on it.

        Returns:
            The step, int64 ``(n,)``, -1 where there is none; and the pictures ``(n, C, H, W)``, unchanged there.
        """
        hit, found = torch.full_like(begin, -1), self.pictures.clone()
        position = begin.clone()
        rows = (begin < end).nonzero()[:, 0]
        while len(rows):
            left = int((end - position)[rows].max())
            width = max(1, min(self.window // len(rows), left))
            steps = torch.minimum(position[rows, None] + torch.arange(width), end[rows, None] - 1)  # (n, w)
            made = candidates(rows, steps).clamp_(*self.bounds)  # (n, w, C, H, W)
            fooled = self.fools(made.flatten(0, 1), rows.repeat_interleave(width)).view(len(rows), width)
            done, place = fooled.any(dim=1), fooled.int().argmax(dim=1)  # argmax: the first of equals
            hit[rows[done]] = steps[done, place[done]]
            found[rows[done]] = made[done, place[done]]
            position[rows] += width
            rows = rows[~done & (position[rows] < end[rows])]
        return hit, found

    def first_of(self, candidates: Candidates, steps: int) -> tuple[Tensor, Tensor]:
        """Do what ``first`` does for the steps from 0 to before ``steps``, the same for every picture."""
        start = torch.zeros(len(self.pictures), dtype=torch.int64)
        return self.first(candidates, start, start + steps)

    def first_coarse_to_fine(self, candidates: Candidates, steps: int, stride: int) -> Tensor:
        """Like ``first_of``, but look at every ``stride``-th step first and then at those before the first hit.

        For candidates that only depend on the step. An island of success narrower than ``stride`` steps can be missed;
        a later step is then returned.
        """
        start = torch.zeros(len(self.pictures), dtype=torch.int64)

        def coarse(rows: Tensor, places: Tensor) -> Tensor:
            return candidates(rows, ((places + 1) * stride - 1).clamp(max=steps - 1))

        hit, found = self.first(coarse, start, start - (-steps // stride))
        begin, end = hit * stride, ((hit + 1) * stride - 1).clamp(max=steps - 1)
        missed = hit < 0
        begin[missed], end[missed] = 0, 0
        earlier, better = self.first(candidates, begin, end)
        found[earlier >= 0] = better[earlier >= 0]
        return found


class PictureAttack(MinimizationAttack):
    """An attack on pictures by search: a Foolbox attack, of which a subclass writes ``find`` alone.

    ``attack(model, pictures, labels, epsilons=None)`` is Foolbox's own call; ``picture_ids``, whole numbers ``(N,)``,
    optional, name the pictures whose random numbers are meant (by default 0 to N - 1). The random numbers of a picture
    depend on (``seed``, the attack, its id) alone and not on the batch. A picture that is misclassified from the start
    comes back unchanged, with success; one for which nothing is found comes back unchanged, without.

    Raises:
        ValueError: at the call, pictures that are not float32 ``(N, C, H, W)`` within the model's bounds, other counts
            of labels or ids, labels that are no classes, a criterion other than (targeted) misclassification, a model
            that answers in less than float32, with NaN or infinity, or by what else is in the batch.
    """

    distance = l2
    name: str
    """The attack's name, which also keys its random numbers."""

    def __init__(self, seed: int = 0):
        if isinstance(seed, bool) or not isinstance(seed, int) or seed < 0:
            raise ValueError(f"an attack's seed must be a whole number of at least 0, not {seed!r}")
        self.seed = seed

    @abstractmethod
    def find(self, search: Search) -> Tensor:
        """Return the perturbed pictures ``(n, C, H, W)`` of ``search.pictures``, unchanged where none is found."""

    def __call__(self, model: Model, inputs: Any, criterion: Any, *, epsilons: Any, **kwargs: Any) -> Any:  # type: ignore[misc]
        """Attack: see Foolbox. (Its checks are bare assertions, so ours come before.)"""
        _pictures(model, inputs)
        return super().__call__(model, inputs, _criterion(criterion, len(inputs), inputs), epsilons=epsilons, **kwargs)

    def run(
        self,
        model: Model,
        inputs: Any,
        criterion: Any,
        *,
        early_stop: float | None = None,
        picture_ids: Sequence[int] | None = None,
        **kwargs: Any,
    ) -> Any:
        """Return the perturbed pictures ``(N, C, H, W)``; a success is a misclassification, within bounds."""
        raise_if_kwargs(kwargs)
        tensor, restore_type = ep.astensor_(inputs)
        pictures = _pictures(model, tensor)
        ids = list(range(len(pictures))) if picture_ids is None else [int(i) for i in picture_ids]
        if len(ids) != len(pictures) or min(ids) < 0:
            raise ValueError(
                f"{len(ids)} picture ids, the smallest {min(ids, default=None)}, for {len(pictures)} pictures"
            )
        judge = Judge(model, _criterion(criterion, len(pictures), pictures), pictures)
        todo = (~judge.fooled).nonzero()[:, 0]
        result = pictures.clone()
        if len(todo):
            streams = Streams(self.seed, self.name, [ids[i] for i in todo.tolist()])
            bounds = (float(model.bounds.lower), float(model.bounds.upper))
            search = Search(
                pictures[todo],
                bounds,
                streams,
                lambda made, rows: judge(made, todo[rows]),
                max(1, judge.batch // 4),
                lambda row: judge.of_one_pixel(pictures[todo[row]], int(todo[row])),
            )
            result[todo] = self.find(search)
            # The rounding of a batch's size may turn a tie; what Foolbox will say of this very batch decides.
            failed = ~judge.final(result)
            result[failed] = pictures[failed]
        return restore_type(ep.astensor(result))

    def repeat(self, times: int) -> Any:
        """Refuse: a repetition would draw the same numbers again."""
        raise ValueError(
            f"build the attack with the seeds 0 to {times - 1} and keep the smallest result of each picture"
        )


def _pictures(model: Model, inputs: Any) -> Tensor:
    pictures = ep.astensor(inputs).raw
    if not isinstance(pictures, Tensor) or pictures.ndim != 4 or pictures.dtype != torch.float32 or not len(pictures):
        what = f"{pictures.dtype} {tuple(pictures.shape)}" if isinstance(pictures, Tensor) else type(pictures).__name__
        raise ValueError(f"pictures must be a float32 tensor (N, C, H, W) with at least one picture, not {what}")
    if getattr(model, "data_format", None) == "channels_last" or (pictures.shape[1] > 4 and pictures.shape[3] <= 4):
        raise ValueError(
            f"pictures must be (N, C, H, W), but the channels of {tuple(pictures.shape)} seem to come last: give "
            "pictures.permute(0, 3, 1, 2), and a model that takes them so"
        )
    low, high = model.bounds
    if not ((pictures >= low) & (pictures <= high)).all():
        raise ValueError(
            f"pictures must be within the model's bounds [{low}, {high}], "
            f"but run from {pictures.min().item():.4g} to {pictures.max().item():.4g}"
        )
    mean = getattr(model, "mean", None)
    if mean is not None and mean.shape != pictures.shape[1:]:
        raise ValueError(f"the mean picture is {tuple(mean.shape)} but the pictures are {tuple(pictures.shape[1:])}")
    return pictures


def _criterion(criterion: Any, count: int, pictures: Any) -> Criterion:
    if isinstance(criterion, Misclassification):
        classes = criterion.labels.raw
    elif isinstance(criterion, TargetedMisclassification):
        classes = criterion.target_classes.raw
    elif isinstance(criterion, Criterion):
        raise ValueError(f"a criterion must be (targeted) misclassification, not {type(criterion).__name__}")
    else:
        classes = ep.astensor(criterion).raw if isinstance(criterion, ep.Tensor) else criterion
        if isinstance(classes, Tensor):
            criterion = Misclassification(classes)
    if not isinstance(classes, Tensor) or classes.dtype != torch.int64 or tuple(classes.shape) != (count,):
        what = f"{classes.dtype} {tuple(classes.shape)}" if isinstance(classes, Tensor) else type(classes).__name__
        raise ValueError(f"labels must be an int64 tensor ({count},), one a picture, not {what}")
    if classes.device.type != ep.astensor(pictures).raw.device.type:
        raise ValueError(f"labels are on {classes.device} but the pictures on {ep.astensor(pictures).raw.device}")
    return criterion
