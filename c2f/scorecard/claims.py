"""The claims of the three papers: where each stands, what would show it, and by which rule.

The table is data. What a claim comes to is computed from the records (``c2f.scorecard.verdict``) and typed nowhere.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from c2f.reference.short import FOLDERS
from c2f.reference.waiting import waiting
from c2f.scorecard import glimpses, highres, top_down
from c2f.scorecard.top_down import Query
from c2f.scorecard.verdict import Above, Finding, Near, Rule, Verdict, judge

TOP_DOWN, HIGH_RES, MULTI_GLIMPSE = "lelekas2020topdown", "tagaris2019highres", "tan2021multiglimpse"
"""The papers, by their keys in the bibliography."""
PAPERS = {
    TOP_DOWN: "Top-Down Networks",
    HIGH_RES: "High-Resolution Class Activation Mapping",
    MULTI_GLIMPSE: "Multi-Glimpse Network",
}


@dataclass(frozen=True)
class Claim:
    """A checkable claim of a paper.

    Attributes:
        key: its name.
        paper: a name in ``PAPERS``.
        place: in the paper, or in its code.
        says: the claim.
        number: the paper's, as it is written; empty where it gives none.
        query: finds what the records say.
        rule: that a finding must meet, where it has none of its own.
        least: seeds that each network must have for a claim to count as reproduced.
        pieces: of the reference runs, that are missing where nothing is recorded, or that would complete it.
        again: the command that measures it anew, without the ``c2f`` before it.
        chapter: where it is measured and explained, its name without the number.
    """

    key: str
    paper: str
    place: str
    says: str
    number: str
    query: Query
    rule: Rule
    least: int = 2
    pieces: tuple[str, ...] = ()
    again: str = ""
    chapter: str = ""

    def findings(self, folders: Sequence[Path] = FOLDERS) -> list[Finding]:
        """Return what the records in ``folders`` say, those of full runs first."""
        return self.query(folders)

    def verdict(self, findings: Sequence[Finding]) -> Verdict:
        """Return what ``findings`` come to."""
        return judge(findings, self.rule, self.least)

    def missing(self, folders: Sequence[Path] = FOLDERS) -> str:
        """Return what is not recorded yet of it and what that costs; empty where nothing is missing."""
        return waiting(*self.pieces, output=folders[0]) if self.pieces else ""


def _pair(network: str, data: str) -> tuple[str, ...]:
    return f"{network}--{data}--seed0", f"{network}_td--{data}--seed0"


def _attacked(network: str, data: str) -> tuple[str, ...]:
    return tuple(f"attacks--{name}--{data}--minimal--seed0" for name in (network, f"{network}_td"))


_VARIED = tuple(
    f"{attacked}lenetfc_td_{kind}--fashion-mnist--{protocol}seed0"
    for attacked, protocol in (("", ""), ("attacks--", "minimal--"))
    for kind in ("uni", "rev")
)
_COLOUR = ("short--resnet32--cifar10-jpeg--seed0", "short--resnet32_td--cifar10-jpeg--seed0")
_PHOTOGRAPHS = _pair("resnet18", "tiny-imagenette")
_CANVAS_DIGITS = ("mgnet_small_cnn--canvas-mnist", "equal_small_cnn--canvas-mnist")

CLAIMS = (
    Claim(
        "sizes", TOP_DOWN, "code: networks", "The networks have the parameters of the authors' code.",
        "18 counts", top_down.sizes, Above(), again="list networks", chapter="bottom-up-against-top-down",
    ),
    Claim(
        "accuracy-mnist", TOP_DOWN, "section 4", "Turned top-down, a network is about as accurate on MNIST.",
        "", top_down.accuracy_of("mnist"), Near(0, 1), pieces=_pair("nin_light", "mnist"),
        again="train lenetfc_td mnist --profile paper", chapter="bottom-up-against-top-down",
    ),
    Claim(
        "accuracy-fashion-mnist", TOP_DOWN, "section 4", "... on Fashion-MNIST.",
        "", top_down.accuracy_of("fashion-mnist"), Near(0, 1), pieces=_pair("nin_light", "fashion-mnist"),
        again="train lenetfc_td fashion-mnist --profile paper", chapter="bottom-up-against-top-down",
    ),
    Claim(
        "accuracy-cifar10", TOP_DOWN, "section 4", "... on CIFAR-10.",
        "at least 88.3 and 83.4 % (ResNet32)", top_down.accuracy_of("cifar10", "cifar10-jpeg", short=True), Near(0, 1),
        pieces=_COLOUR, again="train resnet32_td cifar10 --profile paper", chapter="bottom-up-against-top-down",
    ),
    Claim(
        "accuracy-photographs", TOP_DOWN, "section 4", "On Imagenette the bottom-up ResNet18 is better.",
        "about 4 points",
        top_down.accuracy_of("imagenette", "tiny-imagenette", turned=False, short=True), Above(),
        pieces=_PHOTOGRAPHS, again="train resnet18_td imagenette --profile paper", chapter="does-it-look-at-the-object",
    ),
    Claim(
        "accuracies", TOP_DOWN, "plots of section 4", "Top-down networks reach the accuracies of the plots.",
        "99.5, 92.8 and 89.6 %", top_down.published_accuracy, Above(),
        pieces=("nin_light_td--mnist--seed0", "nin_light_td--fashion-mnist--seed0"),
        again="train nin_light_td fashion-mnist --profile paper", chapter="bottom-up-against-top-down",
    ),
    Claim(
        "noise", TOP_DOWN, "section 4.2, supplement", "A top-down network withstands noise better.",
        "", top_down.withstands(top_down.NOISE), Above(), pieces=_attacked("nin_light", "fashion-mnist"),
        again="attack lenetfc_td fashion-mnist --attacks additive_gaussian", chapter="under-attack",
    ),
    Claim(
        "blur", TOP_DOWN, "section 4.2, supplement", "A top-down network withstands blurring better.",
        "", top_down.withstands(("gaussian_blur",)), Above(), pieces=_attacked("nin_light", "fashion-mnist"),
        again="attack lenetfc_td fashion-mnist --attacks gaussian_blur", chapter="under-attack",
    ),
    Claim(
        "pairs", TOP_DOWN, "supplement, figures 1 to 3",
        "Of two networks under attack the one that the plots say is ahead.",
        "80 pairs", top_down.published_pairs, Above(), least=1, pieces=_attacked("nin_light", "mnist"),
        again="attack lenetfc_td mnist --protocol paper", chapter="under-attack",
    ),
    Claim(
        "variants-spatial", TOP_DOWN, "section 4.2", "Uniform and reversed networks withstand spatial attacks better.",
        "", top_down.varied(spatial=True), Above(), least=1, pieces=_VARIED,
        again="attack lenetfc_td_rev fashion-mnist --attacks spatial", chapter="under-attack",
    ),
    Claim(
        "variants-otherwise", TOP_DOWN, "section 4.2", "... and are otherwise like the bottom-up network.",
        "", top_down.varied(spatial=False), Near(0, 0.2), least=1, pieces=_VARIED,
        again="attack lenetfc_td_uni fashion-mnist", chapter="under-attack",
    ),
    Claim(
        "scales-fashion-mnist", TOP_DOWN, "section 4.3",
        "The fine and the middle scale are more vulnerable than the coarse one.",
        "78-90, 73-92, 83-92 % left", top_down.fragile("fashion-mnist", (0, 1)), Above(),
        again="reference --only attacks--lenetfc_td--fashion-mnist--paper", chapter="which-scale-is-fragile",
    ),
    Claim(
        "scales-mnist", TOP_DOWN, "section 4.3",
        "On MNIST the middle and the coarse scale are more vulnerable than the fine one.",
        "", top_down.fragile("mnist", (1, 2)), Above(),
        again="reference --only attacks--lenetfc_td--mnist--paper", chapter="which-scale-is-fragile",
    ),
    Claim(
        "maps-on-the-object", TOP_DOWN, "heat maps", "Grad-CAM maps of a top-down network lie on the object.",
        "", top_down.on_the_object, Above(), pieces=("lenetfc_td--scenes-fashion-mnist--localization",),
        again="locate lenetfc_td scenes-fashion-mnist", chapter="does-it-look-at-the-object",
    ),
    Claim(
        "merges", TOP_DOWN, "section 3", "Of three merges, the sum followed by a concatenation is best.",
        "", top_down.merged, Above(), pieces=("merges",),
        again="reference --only merges", chapter="bottom-up-against-top-down",
    ),
    Claim(
        "hr-sizes", HIGH_RES, "code: models", "The models have the parameters of the authors' code.",
        "1,069,630 and 1,683,902", highres.sizes, Above(), again="list networks",
        chapter="class-maps-at-full-resolution",
    ),
    Claim(
        "hr-scores", HIGH_RES, "main claim", "The classifier's answers are untouched by the decoder.",
        "", highres.same_scores, Above(), again="train densenet_full scenes-fashion-mnist",
        chapter="class-maps-at-full-resolution",
    ),
    Claim(
        "hr-map", HIGH_RES, "method",
        "The high-resolution map is a class activation map: it shows what the low-resolution one shows.",
        "", highres.follows_the_low_map, Above(0.7),
        again="reference --only densenet_decoders--scenes-fashion-mnist", chapter="class-maps-at-full-resolution",
    ),
    Claim(
        "hr-order", HIGH_RES, "method", "The classifier's weights belong to the decoded maps, in their order.",
        "", highres.order_counts, Above(), again="reference --only densenet_decoders--scenes-fashion-mnist",
        chapter="class-maps-at-full-resolution",
    ),
    Claim(
        "hr-object", HIGH_RES, "main claim",
        "The high-resolution map finds the object better than the low-resolution one.",
        "", highres.finds_the_object("high", "low"), Above(),
        again="reference --only densenet_maps--scenes-fashion-mnist", chapter="class-maps-at-full-resolution",
    ),
    Claim(
        "hr-refined", HIGH_RES, "refinement", "The refined map finds the object better than the low-resolution one.",
        "", highres.finds_the_object("refined", "low"), Above(),
        again="reference --only densenet_maps--scenes-fashion-mnist", chapter="class-maps-at-full-resolution",
    ),
    Claim(
        "hr-refined-decoder", HIGH_RES, "refinement",
        "It owes that to the decoder: it finds the object better than one refined with the edges of the grey picture.",
        "", highres.finds_the_object("refined", "refined_grey"), Above(),
        again="reference --only densenet_maps--scenes-fashion-mnist", chapter="class-maps-at-full-resolution",
    ),
    Claim(
        "mg-sizes", MULTI_GLIMPSE, "code: model", "The networks have the parameters of the authors' code.",
        "12,344,950 and 178,036", glimpses.sizes, Above(), again="list networks", chapter="looking-twice",
    ),
    Claim(
        "mg-cost", MULTI_GLIMPSE, "abstract, section 4", "Two glimpses take 36.9 % of a pass's multiply-adds.",
        "18.4, 36.9, 55.4, 74.0 %", glimpses.shares_of_a_pass, Above(), again="list networks", chapter="looking-twice",
    ),
    Claim(
        "mg-glimpses", MULTI_GLIMPSE, "section 4", "Each further glimpse raises the accuracy (scenes).",
        "", glimpses.further_glimpses(glimpses.SCENES), Above(), pieces=_CANVAS_DIGITS,
        again="train mgnet_small_cnn scenes-fashion-mnist", chapter="looking-twice",
    ),
    Claim(
        "mg-glimpses-canvas", MULTI_GLIMPSE, "section 4", "... (garments on an empty canvas).",
        "", glimpses.further_glimpses(glimpses.CANVAS), Above(), pieces=_CANVAS_DIGITS,
        again="train mgnet_small_cnn canvas-fashion-mnist", chapter="looking-twice",
    ),
    Claim(
        "mg-full", MULTI_GLIMPSE, "abstract", "A few glimpses are at least as accurate as a pass at full size.",
        "", glimpses.beside_one_pass("full", glimpses.SCENES, glimpses.CANVAS), Above(-1),
        again="train full_small_cnn scenes-fashion-mnist", chapter="looking-twice",
    ),
    Claim(
        "mg-equal", MULTI_GLIMPSE, "abstract", "A few glimpses are more accurate than a pass of equal cost.",
        "", glimpses.beside_one_pass("equal", glimpses.SCENES, glimpses.CANVAS), Above(),
        again="train equal_small_cnn scenes-fashion-mnist", chapter="looking-twice",
    ),
    Claim(
        "mg-places", MULTI_GLIMPSE, "abstract", "The network looks where the picture asks for it: its windows move.",
        "", glimpses.windows_move, Above(5), again="train mgnet_small_cnn scenes-fashion-mnist",
        chapter="looking-twice",
    ),
    Claim(
        "mg-weather", MULTI_GLIMPSE, "abstract, section 4", "It gains accuracy over the fifteen common corruptions.",
        "+4.76 points", glimpses.weather(less_clean=False), Above(),
        again="corrupt mgnet_small_cnn scenes-fashion-mnist",
        chapter="glimpses-under-attack-and-in-bad-weather",
    ),
    Claim(
        "mg-weather-beyond", MULTI_GLIMPSE, "abstract, section 4", "... by more than it gains on clean pictures.",
        "", glimpses.weather(less_clean=True), Above(), again="corrupt mgnet_small_cnn scenes-fashion-mnist",
        chapter="glimpses-under-attack-and-in-bad-weather",
    ),
    Claim(
        "mg-pgd", MULTI_GLIMPSE, "abstract", "It keeps more accuracy under the published attack by gradients.",
        "44.2 against 7.6 %", glimpses.under_pgd("published"), Above(),
        again="attack mgnet_small_cnn scenes-fashion-mnist",
        chapter="glimpses-under-attack-and-in-bad-weather",
    ),
    Claim(
        "mg-pgd-pixels", MULTI_GLIMPSE, "abstract", "... and under one that follows the right gradient (2/255).",
        "", glimpses.under_pgd("robust 2/255"), Above(), again="attack mgnet_small_cnn scenes-fashion-mnist",
        chapter="glimpses-under-attack-and-in-bad-weather",
    ),
)  # fmt: skip
"""In the order of the scorecard."""
