"""Random settings of the recipe: within their ranges, log-uniform, the same however many and whatever is fixed."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from pydantic import ValidationError
from scipy.stats import kstest, spearmanr

from textlstm.study.runs import Run
from textlstm.study.search import SEARCHED, SearchSettings, best_trial, draw_trials

NAMES = tuple(SEARCHED.values())


def test_values_are_log_uniform_within_their_ranges_and_independent():
    search = SearchSettings(learning_rate=[0.001, 0.1])
    drawn = draw_trials(search, 2000)
    columns = []
    for part, name in SEARCHED.items():
        low, high = getattr(search, part)
        values = np.array([trial[name] for trial in drawn])
        assert low * 0.99 < values.min() < low * 1.05
        assert high * 0.95 < values.max() < high * 1.01
        share = np.log(values / low) / np.log(high / low)
        assert kstest(share, "uniform").pvalue > 0.001
        columns.append(share)
    for first, second in ((0, 1), (0, 2), (1, 2)):
        assert abs(spearmanr(columns[first], columns[second]).statistic) < 0.1


def test_a_longer_search_begins_with_the_shorter_one_and_the_seed_decides():
    search = SearchSettings()
    assert draw_trials(search, 20)[:7] == draw_trials(search, 7)
    assert draw_trials(SearchSettings(seed=1), 7) != draw_trials(search, 7)


@pytest.mark.parametrize("fixed", NAMES)
def test_what_is_fixed_is_left_out_and_changes_no_other(fixed):
    whole, rest = draw_trials(SearchSettings(), 5), draw_trials(SearchSettings(), 5, fixed={fixed})
    assert rest == [{name: value for name, value in trial.items() if name != fixed} for trial in whole]


def test_values_have_three_digits():
    for trial in draw_trials(SearchSettings(), 50):
        assert all(float(f"{value:.3g}") == value for value in trial.values())


@pytest.mark.parametrize("value", [[0.1], [0.1, 0.01], [0.1, 0.1], [0.0, 1.0], [-1.0, 1.0], [0.1, 0.2, 0.3]])
def test_what_is_no_range_is_refused(value):
    with pytest.raises(ValidationError, match="is none"):
        SearchSettings(learning_rate=value)


def trial(accuracy: float, loss: float, name: str) -> Run:
    blank = Run(
        *(Path(name), 0, {}, "data", ("a", "b"), "", None, {}, None, [], {}, {}, None), {}, {}, None, None, "", None
    )
    return replace(blank, best={"validation": {"accuracy": accuracy, "macro_f1": 1 - accuracy, "loss": loss}})


def test_the_best_trial_is_that_of_the_metric_and_of_the_loss_where_equal():
    trials = [trial(0.8, 0.4, "a"), trial(0.9, 0.6, "b"), trial(0.9, 0.5, "c"), trial(0.7, 0.3, "d")]
    assert best_trial(trials, "accuracy").folder == Path("c")
    assert best_trial(trials, "macro_f1").folder == Path("d")
    assert best_trial(trials, "loss").folder == Path("d")
