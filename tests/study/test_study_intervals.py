"""Intervals of a mean over seeds and examples, against loops, closed forms and scikit-learn."""

import itertools
import math

import numpy as np
import pytest
from scipy import stats
from sklearn.metrics import f1_score

from textlstm.study.intervals import components, from_seeds, macro_f1_by_example, satterthwaite, two_way
from textlstm.study.predictions import Predictions


def table(seed: int, seeds: int, examples: int, *, of_seeds: float = 1.0, of_examples: float = 1.0) -> np.ndarray:
    rng = np.random.default_rng(seed)
    return (
        of_seeds * rng.normal(size=(seeds, 1))
        + of_examples * rng.normal(size=examples)
        + rng.normal(size=(seeds, examples))
    )


def by_loop(scores: list[list[float]]) -> tuple[float, float, float]:
    """Mean, variance of the mean and degrees of freedom, from sums of squares cell by cell."""
    rows, columns = len(scores), len(scores[0])
    mean = sum(map(sum, scores)) / (rows * columns)
    row = [sum(line) / columns for line in scores]
    column = [sum(line[j] for line in scores) / rows for j in range(columns)]
    squares = [0.0, 0.0, 0.0]
    for i, j in itertools.product(range(rows), range(columns)):
        squares[0] += (row[i] - mean) ** 2
        squares[1] += (column[j] - mean) ** 2
        squares[2] += (scores[i][j] - row[i] - column[j] + mean) ** 2
    freedom = [rows - 1, columns - 1, (rows - 1) * (columns - 1)]
    terms = [sign * s / f / (rows * columns) for sign, s, f in zip((1, 1, -1), squares, freedom, strict=True)]
    return mean, sum(terms), sum(terms) ** 2 / sum(t**2 / f for t, f in zip(terms, freedom, strict=True))


@pytest.mark.parametrize(("seeds", "examples"), [(2, 7), (5, 40), (10, 11)])
def test_the_crossed_interval_is_that_of_a_loop(seeds, examples):
    scores = table(seeds, seeds, examples)
    mean, variance, df = by_loop(scores.tolist())
    half = stats.t.ppf(0.975, df) * math.sqrt(variance)
    found = two_way(scores, shares=False)
    assert (found.mean, found.low, found.high) == pytest.approx((mean, mean - half, mean + half))
    assert found.df == pytest.approx(df)
    assert found.source == "seeds and examples"


def test_the_components_are_unbiased():
    """Variance of the mean in the model: 2^2/S + 3^2/N + 1/SN."""
    found = [components(table(k, 4, 9, of_seeds=2, of_examples=3)) for k in range(2000)]
    assert np.mean([parts.total for parts in found]) == pytest.approx(4 / 4 + 9 / 9 + 1 / 36, rel=0.03)


def test_many_equal_examples_leave_the_seeds_and_many_equal_seeds_the_examples():
    rng = np.random.default_rng(0)
    values = rng.normal(size=6)
    same = two_way(np.tile(values[:, None], (1, 50)), shares=False)
    seeds = from_seeds(values)
    assert (same.low, same.high, same.df) == pytest.approx((seeds.low, seeds.high, 5))
    same = two_way(np.tile(values, (50, 1)), shares=False)
    assert (same.low, same.high) == pytest.approx((seeds.low, seeds.high))


def test_seeds_alone_give_students_interval():
    """Student's sleep data (1908), the second drug: 2.33, 95% interval 0.90 to 3.76."""
    found = from_seeds([1.9, 0.8, 1.1, 0.1, -0.1, 4.4, 5.5, 1.6, 4.6, 3.4])
    assert (round(found.mean, 2), round(found.low, 2), round(found.high, 2), found.df) == (2.33, 0.9, 3.76, 9)


def test_satterthwaite_is_that_of_welchs_test():
    one, other = np.random.default_rng(1).normal(size=5), np.random.default_rng(2).normal(size=9) * 3
    expected = stats.ttest_ind(one, other, equal_var=False).df
    assert satterthwaite((one.var(ddof=1) / 5, 4), (other.var(ddof=1) / 9, 8)) == pytest.approx(expected)


def test_a_negative_component_is_taken_as_zero():
    scores = table(0, 4, 30, of_seeds=0.0)
    scores -= scores.mean(axis=1, keepdims=True)  # every seed has the same mean: less than chance
    parts = components(scores)
    assert parts.seeds == parts.both == 0
    assert parts.total == pytest.approx(scores.mean(axis=0).var(ddof=1) / 30)
    assert components(scores.T).total == pytest.approx(parts.total)


def test_one_seed_is_about_its_examples_alone():
    scores = np.array([[1.0] * 30 + [0.0] * 10])
    found = two_way(scores, shares=False)
    half = stats.t.ppf(0.975, 39) * scores.std(ddof=1) / math.sqrt(40)
    assert (found.low, found.high) == pytest.approx((0.75 - half, 0.75 + half))
    found, reach = two_way(scores), math.exp(half / (0.75 * 0.25))
    assert (found.low, found.high) == pytest.approx((3 / reach / (1 + 3 / reach), 3 * reach / (1 + 3 * reach)))
    assert found.source == "examples"
    alone = from_seeds([0.75])
    assert (alone.mean, alone.low, alone.high, alone.source) == (0.75, None, None, "one seed")


@pytest.mark.parametrize("value", [0.0, 1.0])
def test_where_all_are_right_the_limit_is_the_binomial_one(value):
    found = two_way(np.full((3, 100), value))
    exact = stats.binomtest(int(100 * value), 100).proportion_ci(0.95, "exact")
    assert (found.low, found.high) == pytest.approx((exact.low, exact.high))


def test_no_scatter_at_all_gives_an_interval_without_width():
    found = from_seeds([0.5, 0.5, 0.5])
    assert (found.low, found.high) == (0.5, 0.5)
    assert two_way(np.full((2, 5), 0.3)).high == pytest.approx(0.3)


def test_limits_of_shares_stay_within_0_and_1():
    found = two_way(np.array([[1, 1, 1, 0], [1, 1, 1, 1]], float))
    assert 0 < found.low < 0.5
    assert 0.875 < found.high < 1


@pytest.mark.parametrize("scores", [[[0.1, math.nan]], [[math.inf, 1.0]], [[]], [1.0, 2.0]])
def test_what_is_no_table_of_numbers_is_refused(scores):
    with pytest.raises(ValueError, match="finite"):
        two_way(np.array(scores, float))


def predictions(seed: int, count: int = 300, classes: int = 4, skill: float = 0.5) -> Predictions:
    rng = np.random.default_rng(seed)
    labels = rng.choice(classes, count, p=np.array([0.5, 0.3, 0.15, 0.05]))
    predicted = np.where(rng.random(count) < skill, labels, rng.integers(0, classes, count))
    return Predictions(np.arange(count), labels, predicted, np.full((count, classes), 1 / classes))


def test_values_by_example_have_macro_f1_as_their_mean():
    found = predictions(0)
    values = macro_f1_by_example(found, 4)
    assert values.mean() == pytest.approx(f1_score(found.labels, found.predicted, average="macro"))
    rare = Predictions(np.arange(3), np.array([0, 0, 1]), np.array([0, 1, 1]), np.full((3, 4), 0.25))
    assert macro_f1_by_example(rare, 4).mean() == pytest.approx(f1_score([0, 0, 1], [0, 1, 1], average="macro"))


def test_their_scatter_is_the_sampling_error_of_macro_f1():
    found = [macro_f1_by_example(predictions(seed), 4) for seed in range(1500)]
    errors, scores = [values.var(ddof=1) / 300 for values in found], [values.mean() for values in found]
    assert np.mean(errors) == pytest.approx(np.var(scores, ddof=1), rel=0.12)
