"""Comparisons of several levels, against scipy and published examples."""

import math

import numpy as np
import pytest
from scipy import stats

from tests.study.folders import make_report, write_run
from textlstm.errors import UserError
from textlstm.study.comparisons import against_best, against_first, dunnett_quantile
from textlstm.study.mcnemar import compare_runs, mcnemar
from textlstm.study.runs import read_run
from textlstm.study.spread import spread

BLOOD = ([7.40, 8.50, 7.20, 8.24, 9.84, 8.32], [9.76, 8.80, 7.68, 9.36], [12.80, 9.68, 12.16, 9.20, 10.55])
"""Dunnett (1955), table 1: blood counts of a control and two drugs, unequal numbers."""


def groups(seed: int, counts: tuple[int, ...] = (5, 5, 5, 5)) -> list[np.ndarray]:
    rng = np.random.default_rng(seed)
    return [rng.normal(0.8 * k, 1, count) for k, count in enumerate(counts)]


@pytest.mark.parametrize("values", [groups(0), groups(1, (5, 3, 8)), list(map(np.array, BLOOD))])
def test_against_the_first_is_scipys_dunnett(values):
    expected = stats.dunnett(*values[1:], control=values[0], random_state=1)
    limits = expected.confidence_interval(0.95)
    first, *found = against_first(spread(values))
    assert first is None
    assert [row["p"] for row in found] == pytest.approx(expected.pvalue, abs=2e-3)
    assert [row["low"] for row in found] == pytest.approx(limits.low, abs=0.02)
    assert [row["high"] for row in found] == pytest.approx(limits.high, abs=0.02)


def test_dunnetts_published_example():
    """Dunnett (1955): the control's mean is 8.25, drug B's 10.88, beyond the 95% limits; drug A's is within."""
    _, a, b = against_first(spread(list(map(np.array, BLOOD))))
    assert (round(a["difference"], 2), round(b["difference"], 2)) == (0.65, 2.63)
    assert a["p"] > 0.05 > b["p"]


@pytest.mark.parametrize(
    ("levels", "df", "one_sided", "two_sided"), [(3, 20, 2.03, 2.38), (4, 20, 2.19, 2.54), (5, 20, 2.30, 2.65)]
)
def test_the_critical_values_are_those_of_the_tables(levels, df, one_sided, two_sided):
    """Hochberg and Tamhane (1987), tables 4 and 5, correlation 1/2, level 5%."""
    count = df // levels + 1
    found = spread([np.arange(count, dtype=float)] * levels)
    found = type(found)(**{**vars(found), "seed_df": float(df)})
    assert dunnett_quantile(found, 0, 0.95, two_sided=False) == pytest.approx(one_sided, abs=0.011)
    assert dunnett_quantile(found, 0, 0.95, two_sided=True) == pytest.approx(two_sided, abs=0.011)


def test_two_levels_give_the_t_test():
    one, other = groups(3, (5, 7))
    expected = stats.ttest_ind(other, one)
    limits = expected.confidence_interval(0.95)
    row = against_first(spread([one, other]))[1]
    assert (row["p"], row["low"], row["high"]) == pytest.approx((expected.pvalue, limits.low, limits.high))


def test_comparisons_with_the_best_follow_from_one_sided_dunnett():
    values = groups(4)
    means = np.array([level.mean() for level in values])
    error = math.sqrt(2 / 5 * np.mean([level.var(ddof=1) for level in values]))
    reach = 2.2285 * error  # one-sided Dunnett, three comparisons, 16 degrees of freedom
    for place, row in enumerate(against_best(spread(values))):
        best = max(np.delete(means, place))
        assert row["difference"] == pytest.approx(means[place] - best)
        assert row["high"] == pytest.approx(max(0, means[place] - best + reach), abs=5e-3)
        assert row["low"] == pytest.approx(min(0, means[place] - best - reach), abs=5e-3)
        assert (row["p"] < 0.05) == (row["high"] == 0 or row["low"] == 0)


def test_the_best_is_known_where_it_is_far_ahead():
    values = [np.array([0.0, 0.1, 0.2, 0.1, 0.0]) + shift for shift in (0, 3, 0.5)]
    rows = against_best(spread(values))
    assert [row["low"] == 0 for row in rows] == [False, True, False]
    assert [row["high"] == 0 for row in rows] == [True, False, True]
    assert all(row["p"] < 1e-3 for row in rows)


def test_pairing_of_seeds_changes_nothing_and_pairing_of_examples_does():
    rng = np.random.default_rng(5)
    ease = rng.normal(size=400)
    scores = [ease + 0.1 * rng.normal(size=(5, 400)) + shift for shift in (0, 0.02)]
    values = [table.mean(axis=1) for table in scores]
    found = spread(values, scores)
    shuffled = spread([values[0], values[1][::-1]], [scores[0], scores[1][::-1]])
    assert found.standard_errors() == pytest.approx(shuffled.standard_errors())
    unpaired = spread(values, [scores[0], scores[1][:, rng.permutation(400)]])
    assert found.standard_errors()[0, 1] < 0.2 * unpaired.standard_errors()[0, 1]


def test_the_variance_of_a_difference_is_that_over_seeds_and_examples():
    """In the model: 2 x seed / S + 2 x interaction / N + 2 x rest / SN."""
    rng, found, means = np.random.default_rng(6), [], []
    for _ in range(1500):
        ease = 5 * rng.normal(size=60)
        scores = [
            0.3 * rng.normal(size=(4, 1)) + ease + 1.5 * rng.normal(size=60) + rng.normal(size=(4, 60))
            for _ in range(3)
        ]
        each = spread([table.mean(axis=1) for table in scores], scores)
        found.append(each.standard_errors()[0, 1] ** 2)
        means.append(each.means[0] - each.means[1])
    expected = 2 * (0.09 / 4 + 2.25 / 60 + 1 / 240)
    assert np.mean(found) == pytest.approx(expected, rel=0.03)
    assert np.var(means) == pytest.approx(expected, rel=0.1)


def test_welchs_error_is_that_of_two_levels_alone():
    values = groups(7, (5, 8, 6))
    error, df = spread(values).own(0, 1)
    expected = stats.ttest_ind(values[0], values[1], equal_var=False)
    assert (values[0].mean() - values[1].mean()) / error == pytest.approx(expected.statistic)
    assert df == pytest.approx(expected.df)


def test_one_seed_each_has_differences_without_limits():
    rows = against_first(spread([np.array([0.8]), np.array([0.9])]))
    assert rows[1] == {"difference": pytest.approx(0.1), "low": None, "high": None, "p": None}
    assert against_best(spread([np.array([0.8])])) == [None]


def test_equal_scores_differ_in_nothing():
    rows = against_first(spread([np.full(5, 0.8)] * 3))
    assert [row["difference"] for row in rows[1:]] == [0, 0]
    assert all(row["low"] == row["high"] == 0 and row["p"] == 1 for row in rows[1:])


def test_scores_that_are_no_numbers_are_refused():
    with pytest.raises(ValueError, match="finite"):
        spread([np.array([0.8, math.nan]), np.array([0.9, 0.9])])


def test_mcnemar_is_exact():
    """Agresti, *Categorical Data Analysis*: with 1 and 9 discordant pairs p is 2 x 11 / 1024."""
    first, second = np.array([1] * 1 + [0] * 9 + [1] * 30), np.array([0] * 1 + [1] * 9 + [1] * 30)
    found = mcnemar(first, second)
    assert found["p"] == pytest.approx(2 * sum(math.comb(10, k) for k in (0, 1)) / 2**10)
    assert (found["only_first_right"], found["only_second_right"], found["examples"]) == (1, 9, 40)
    assert found["difference"] == pytest.approx(8 / 40)
    assert "nothing about depth" in found["note"]
    assert mcnemar(first, first)["p"] == 1


def test_two_runs_are_compared_by_their_predictions(tmp_path):
    rights = [np.array([1, 1, 0, 0, 1, 1]), np.array([1, 1, 1, 1, 1, 0])]
    first, second = (
        read_run(write_run(tmp_path / str(k), make_report(seed=k), right)) for k, right in enumerate(rights)
    )
    found = compare_runs(first, second)
    assert (found["only_first_right"], found["only_second_right"], found["p"]) == (1, 2, 1)
    assert found["accuracy"] == pytest.approx([4 / 6, 5 / 6])
    other = read_run(write_run(tmp_path / "other", make_report(), np.ones(7)))
    with pytest.raises(UserError, match="different texts"):
        compare_runs(first, other)
    with pytest.raises(UserError, match="no predictions"):
        compare_runs(first, read_run(write_run(tmp_path / "bare", make_report())))
