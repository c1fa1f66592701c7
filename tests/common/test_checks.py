import pytest

from c2f.common.checks import choose, did_you_mean, positive_int


@pytest.mark.parametrize(
    ("value", "meant"),
    [("lenet", "; did you mean 'lenetfc'?"), ("LENETFC_TD", "; did you mean 'lenetfc_td'?"), ("zebra", ""), ("", "")],
)
def test_the_nearest_name_is_offered_if_one_is_near(value, meant):
    assert did_you_mean(value, ["lenetfc", "lenetfc_td", "nin"]) == meant
    assert did_you_mean(value, []) == ""


def test_a_known_name_is_returned():
    assert choose("nin", {"lenetfc": 1, "nin": 2}, "network") == "nin"
    assert choose("nin", iter(["lenetfc", "nin"]), "network") == "nin"


def test_an_unknown_name_is_refused_with_all_that_there_are():
    with pytest.raises(ValueError, match=r"^unknown network 'nim'; did you mean 'nin'\?\nThere are: lenetfc, nin$"):
        choose("nim", iter(["lenetfc", "nin"]), "network")
    for bad in (None, 3, ["nin"]):
        with pytest.raises(ValueError, match="unknown network"):
            choose(bad, ["lenetfc", "nin"], "network")


def test_whole_numbers():
    assert positive_int(1, "epochs") == 1
    assert positive_int(0, "workers", minimum=0) == 0
    for bad in (0, -3, 1.0, "1", True, None, float("nan")):
        with pytest.raises(ValueError, match=f"^epochs must be a whole number of at least 1, not {bad!r}$"):
            positive_int(bad, "epochs")
    with pytest.raises(ValueError, match="workers must be a whole number of at least 0, not -1"):
        positive_int(-1, "workers", minimum=0)
