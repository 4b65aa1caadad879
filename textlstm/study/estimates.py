"""The scores of a level's runs as means with intervals, over seeds and, where predictions are, examples.

Where `dataset.split_seed` varies too, texts differ from split to split and the splits are what is
repeated: a level's values are then its means over the runs of each split, and limits are about
other splits with other seeds.
"""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from textlstm.errors import UserError
from textlstm.study.factors import SPLIT_SEED, Factor
from textlstm.study.intervals import Interval, from_seeds, macro_f1_by_example, two_way
from textlstm.study.runs import METRICS, SPLITS, Run
from textlstm.study.spread import Spread, spread

TOLERANCE = 1e-4
"""Between the accuracy of a report and that of its predictions."""


def example_scores(runs: Sequence[Run], metric: str) -> np.ndarray:
    """Scores [S, N] of the test examples; their mean over examples is the seed's score."""
    rows = []
    for run in runs:
        assert run.predictions is not None
        found = run.predictions
        if metric == "macro_f1":
            rows.append(macro_f1_by_example(found, len(run.labels)))
        else:
            rows.append(found.right if metric == "accuracy" else found.losses)
    return np.stack(rows)


def why_not_crossed(factor: Factor) -> str | None:
    """Why intervals come from seeds alone; None where all runs have predictions for the same examples."""
    runs = [run for level in factor.levels for run in level.runs]
    if len(factor.split_seeds) > 1:
        return f"Intervals are over the {len(factor.split_seeds)} splits, each the mean of its runs: they hold for other splits of these data."
    missing = sum(run.predictions is None for run in runs)
    if missing:
        return f"{missing} of {len(runs)} runs have no predictions: intervals come from seeds alone."
    first = runs[0].predictions
    for run in runs:
        found = run.predictions
        assert first is not None
        assert found is not None
        if not (np.array_equal(found.index, first.index) and np.array_equal(found.labels, first.labels)):
            return "Runs were tested on different examples: intervals come from seeds alone."
        if abs(found.right.mean() - run.best["test"]["accuracy"]) > TOLERANCE:
            return f"The predictions of {run.folder.name} do not give the accuracy of its report: intervals come from seeds alone."
    return None


def score_table(
    runs: Sequence[Run], factor: Factor, point: str, *, crossed: bool, confidence: float
) -> dict[str, Any] | None:
    """By split and metric mean, limits and the values by seed, at `point` (best or last)."""
    if any(getattr(run, point) is None for run in runs):
        return None
    table: dict[str, Any] = {}
    for split in SPLITS:
        table[split] = {}
        for metric in METRICS:
            values = [getattr(run, point).get(split, {}).get(metric) for run in runs]
            if all(value is not None for value in values):
                found = _estimate(runs, values, factor, split, metric, crossed and point == "best", confidence)
                table[split][metric] = found.as_dict() | {"by_seed": values}
        if not table[split]:
            del table[split]
    return table


def gap_table(runs: Sequence[Run], factor: Factor, point: str, *, confidence: float) -> dict[str, Any] | None:
    """Generalization gap with limits over seeds: train minus validation, for the loss the other way round."""
    if any(getattr(run, point) is None or not {"train", "validation"} <= set(getattr(run, point)) for run in runs):
        return None
    table = {}
    for metric in METRICS:
        sign = -1 if metric == "loss" else 1
        scores = [getattr(run, point) for run in runs]
        if all(metric in score[split] for score in scores for split in ("train", "validation")):
            values = [sign * (score["train"][metric] - score["validation"][metric]) for score in scores]
            table[metric] = from_seeds(units(runs, values, factor), confidence=confidence).as_dict() | {
                "by_seed": values
            }
    return table


def compare(factor: Factor, metric: str, *, crossed: bool) -> Spread:
    """Means and variances of the levels' test scores, for tests of their differences."""
    values = [[run.best["test"][metric] for run in level.runs] for level in factor.levels]
    repeated = [units(level.runs, row, factor) for level, row in zip(factor.levels, values, strict=True)]
    if len(factor.split_seeds) > 1:
        return _between_splits(factor, repeated)
    return spread(repeated, [example_scores(level.runs, metric) for level in factor.levels] if crossed else None)


def units(runs: Sequence[Run], values: Sequence[float], factor: Factor) -> np.ndarray:
    """One value for each repetition: a seed, or the mean of a split's runs."""
    if len(factor.split_seeds) < 2:
        return np.asarray(values, float)
    groups: dict[Any, list[float]] = {split: [] for split in factor.split_seeds}
    for run, value in zip(runs, values, strict=True):
        groups[run.config.get(SPLIT_SEED)].append(value)
    return np.array([np.mean(group) for group in groups.values() if group])


def _between_splits(factor: Factor, values: list[np.ndarray]) -> Spread:
    """A split is met by every level, so what it does to all of them cancels: a randomized block design."""
    splits = {tuple(dict.fromkeys(run.config.get(SPLIT_SEED) for run in level.runs)) for level in factor.levels}
    if len(splits) > 1:
        raise UserError(
            f"Not every value of {factor.name} was run on the same splits.\nWith several values of {SPLIT_SEED} each level needs all of them.\nRun what is missing, or give a part of the runs."
        )
    table = np.stack(values)
    levels, repeats = table.shape
    if levels == 1:
        return spread(values)
    centred = table - table.mean(axis=0) + table.mean()
    found = spread(list(centred))
    freedom = (levels - 1) * (repeats - 1)
    return replace(found, seed_variance=found.seed_variance * levels / (levels - 1), seed_df=float(freedom))


def _estimate(
    runs: Sequence[Run],
    values: Sequence[float],
    factor: Factor,
    split: str,
    metric: str,
    crossed: bool,
    confidence: float,
) -> Interval:
    shares = metric != "loss"
    if crossed and split == "test":
        return two_way(example_scores(runs, metric), confidence=confidence, shares=shares)
    return from_seeds(units(runs, values, factor), confidence=confidence, shares=shares)
