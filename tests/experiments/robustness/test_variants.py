import matplotlib.pyplot as plt
import numpy as np
import pytest

from c2f.experiments.robustness import variants
from c2f.experiments.robustness.plots import task_multiples
from c2f.experiments.robustness.tables import Task
from c2f.metrics.robustness import Results
from c2f.plotting.figures import alt_problem


def results(turned, level=1.0):
    """Forty pictures of class 0, of which so many are turned, at about ``level``."""
    l2 = np.where(np.arange(40) < turned, np.linspace(level, 1.1 * level, 40), np.inf).astype(np.float32)
    after = np.where(np.isfinite(l2), 1, -1)
    return Results(np.arange(40), np.zeros(40), np.zeros(40), after, l2, l2, l2, l2, entries=784)


def task(spatial, noise, twin=None):
    """Networks -> pictures that shifts turn, and the level of L2 that noise needs."""
    runs = {(network, "shifts"): [results(turned)] for network, turned in spatial.items()}
    runs |= {(network, "additive_gaussian"): [results(40, level)] for network, level in noise.items()}
    return Task("mnist", "lenetfc", "minimal", runs, dict.fromkeys(spatial, "50 epochs"))


@pytest.mark.parametrize(
    ("turned", "level", "says"),
    [
        (10, 1.0, "The claim holds"),
        (10, 2.0, "The claim holds in part"),  # harder to fool by noise as well
        (30, 1.0, "The claim does not hold"),
        (40, 0.5, "The claim does not hold"),
    ],
)
def test_the_claim_is_judged_by_spatial_attacks_beside_the_bottom_up_network(turned, level, says):
    both = task(
        {"lenetfc": 30, "lenetfc_td": 10, "lenetfc_td_uni": turned, "lenetfc_td_rev": turned},
        {"lenetfc": 1.0, "lenetfc_td": 1.0, "lenetfc_td_uni": level, "lenetfc_td_rev": level},
    )
    found = variants.compare_variants([both])
    assert len(found) == 8  # two variants, two twins, two attacks
    assert variants.verdict(found).startswith(f"**{says}** for LeNetFC.")


def test_counts_and_table_name_what_was_measured():
    both = task({"lenetfc": 30, "lenetfc_td_uni": 10}, {"lenetfc": 1.0, "lenetfc_td_uni": 0.5})
    found = variants.compare_variants([both])
    assert variants.counted(found, "bottom-up", "spatial") == {variants.MORE: 1, variants.ALIKE: 0, variants.LESS: 0}
    assert variants.counted(found, "bottom-up", "other") == {variants.MORE: 0, variants.ALIKE: 0, variants.LESS: 1}
    table = variants.variants_table(found)
    assert table.index[0] == ("LeNetFC on mnist, 40 pictures, 1 seed", "Shifts", "points lost in the end", "uniform")
    assert table["than bottom-up"].tolist() == ["harder to fool", "easier to fool"]
    assert table["less bottom-up"].iloc[0].startswith("-50.00 (-")


def test_a_comparison_that_is_not_recorded_is_said_to_be_so():
    runs = {("lenetfc_td_uni", "shifts"): [results(10)], ("lenetfc", "shifts"): [results(30)]}
    runs |= {("lenetfc_td_uni", "additive_gaussian"): [results(40)], ("lenetfc_td", "additive_gaussian"): [results(40)]}
    uneven = Task("mnist", "lenetfc", "minimal", runs, dict.fromkeys(("lenetfc", "lenetfc_td", "lenetfc_td_uni"), ""))
    table = variants.variants_table(variants.compare_variants([uneven]))
    assert table["than top-down"].tolist() == ["not recorded", "cannot be told"]
    assert table["than bottom-up"].tolist() == ["harder to fool", "not recorded"]


def test_without_variants_nothing_is_claimed():
    found = variants.compare_variants([task({"lenetfc": 30, "lenetfc_td": 10}, {"lenetfc": 1.0})])
    assert found == []
    with pytest.raises(ValueError, match="no spatial attack on a uniform or reversed network is recorded"):
        variants.verdict(found)


def test_the_multiples_show_every_network_and_where_its_median_is():
    networks = {"lenetfc": 30, "lenetfc_td": 40, "lenetfc_td_uni": 10}
    figure, alt, caption = task_multiples([task(networks, dict.fromkeys(networks, 1.0))] * 2)
    assert figure.get_size_inches()[0] == 7
    panels = [ax for ax in figure.get_axes() if ax.get_title()]
    assert [ax.get_title() for ax in panels] == ["Additive Gaussian noise", "Shifts"] * 2
    assert [len(ax.containers) for ax in panels[:2]] == [3, 2]  # the uniform network's median picture stands
    assert alt_problem(alt) is None
    assert caption.startswith("LeNetFC on mnist: the top-down network's median distance is the larger in 0 of 2; ")
    assert "Shifts bottom-up 1.05, top-down 1.05, uniform never" in alt
    plt.close(figure)
