import pytest

from c2f.common.words import how_many, how_many_each, listed


@pytest.mark.parametrize(
    ("n", "noun", "said"),
    [(0, "epoch", "0 epochs"), (1, "epoch", "1 epoch"), (1000, "test picture", "1,000 test pictures")],
)
def test_a_count_with_its_noun(n, noun, said):
    assert how_many(n, noun) == said


def test_two_counts_of_the_same():
    assert how_many_each(1, 1, "seed") == "1 seed each"
    assert how_many_each(4, 4, "seed") == "4 seeds each"
    assert how_many_each(4, 1, "seed") == "4 and 1 seeds"


def test_words_in_a_row():
    assert [listed(words) for words in ([], ["a"], ["a", "b"], ["a", "b", "c"])] == ["", "a", "a and b", "a, b and c"]
