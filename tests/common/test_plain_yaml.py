import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from c2f.common import plain_yaml

VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(st.characters(codec="ascii")),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.integers() | st.text("ab", max_size=3), inner),
    max_leaves=8,
)


@given(VALUES)
def test_what_pyyaml_writes_is_read_as_it_was(value):
    assert plain_yaml.load(yaml.safe_dump(value)) == value


@given(st.integers(0, 10**6), st.sampled_from(["", "+", "-"]), st.integers(1, 3))
def test_whole_numbers_are_decimal_and_one_with_a_zero_before_it_is_a_text(number, sign, zeros):
    assert plain_yaml.load(f"{sign}{number}") == int(f"{sign}{number}")
    text = f"{sign}{'0' * zeros}{number}"
    assert plain_yaml.load(text) == text


def test_digits_may_be_grouped():
    assert plain_yaml.load("[1_000, -20_000]") == [1000, -20_000]


@pytest.mark.parametrize("text", ["1:30", "0x10", "0b1", "0_1", "0o7"])
def test_other_ways_to_write_a_number_are_texts(text):
    assert plain_yaml.load(text) == text


@pytest.mark.parametrize("text", ["{a: 1, a: 2}", "a: 1\nb: 2\na: 1", "[{1: x, 1: y}]"])
def test_a_name_that_stands_twice_is_refused(text):
    with pytest.raises(yaml.YAMLError, match=r"(a|1)'? stands twice"):
        plain_yaml.load(text)
