"""Means of the levels and the variances of which those of their differences are made.

Seed k at two depths draws other weights: it is no pair, and the variance of a level's mean over
seeds is pooled over the levels. A test example is the same at every level: what matters is how
differently the levels meet it, the interaction of examples and levels. So

    variance of a difference = seed part x (1/S_a + 1/S_b) + 2 x interaction / N,

with Satterthwaite's degrees of freedom. Without scores by example the second part is missing, and a
difference is about these very examples.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from textlstm.study.intervals import satterthwaite


@dataclass(frozen=True)
class Spread:
    """Means of K levels and the estimated variances of which those of their differences are made.

    seed_variance [K]: of a mean over one seed, at each level. example_variance: of each level's own
    part that comes from the examples, as a variance of its mean, pooled; pair_variance [K, K]: the same
    for each difference by itself. Both are 0 without scores by example.
    """

    means: np.ndarray
    seeds: np.ndarray
    seed_variance: np.ndarray
    example_variance: float
    example_df: float
    pair_variance: np.ndarray
    seed_df: float
    source: str

    @property
    def pooled(self) -> float:
        """Variance over seeds, pooled over levels."""
        weights = self.seeds - 1
        return float((weights * self.seed_variance).sum() / weights.sum()) if weights.sum() else math.nan

    def errors(self) -> np.ndarray:
        """Variance of each level's mean apart from what all share [K]."""
        return np.asarray(self.pooled / self.seeds + self.example_variance, np.float64)

    @property
    def df(self) -> float:
        """Satterthwaite's degrees of freedom of the pooled variance of a difference."""
        of_seeds = self.pooled * float((1 / self.seeds).mean())
        return satterthwaite((of_seeds, self.seed_df), (self.example_variance, self.example_df))

    def standard_errors(self) -> np.ndarray:
        """Of all differences, pooled [K, K]."""
        errors = self.errors()
        return np.asarray(np.sqrt(errors[:, None] + errors[None, :]), np.float64)

    def own(self, a: int, b: int) -> tuple[float, float]:
        """Standard error of the difference of two levels from these two alone, and its degrees of freedom (Welch 1947)."""
        terms = [(float(self.seed_variance[k] / self.seeds[k]), float(self.seeds[k] - 1)) for k in (a, b)]
        terms.append((float(self.pair_variance[a, b]), self.example_df))
        return math.sqrt(sum(value for value, _ in terms)), satterthwaite(*terms)


def spread(values: Sequence[np.ndarray], scores: Sequence[np.ndarray] | None = None) -> Spread:
    """From one value a seed at each level, and scores [S, N] of the same N examples where they are at hand."""
    values = [np.asarray(level, np.float64) for level in values]
    if not all(np.isfinite(level).all() and level.size for level in values):
        raise ValueError("Scores are finite numbers, at least one a level.")
    seeds = np.array([len(level) for level in values])
    levels = len(values)
    variance = np.array([level.var(ddof=1) if len(level) > 1 else 0.0 for level in values])
    pairs, shared, example_df = np.zeros((levels, levels)), 0.0, 1.0
    if scores is not None and scores[0].shape[1] > 1:
        tables = np.stack([level.mean(axis=0) for level in scores])
        # What seeds and examples do together is in the scatter over seeds already: counted once.
        both = np.array([_both(level) / len(level) for level in scores])
        if np.isnan(both).any():
            both = np.where(np.isnan(both), np.nanmean(both) if (~np.isnan(both)).any() else 0.0, both)
        examples = tables.shape[1]
        for a in range(levels):
            for b in range(levels):
                found = (tables[a] - tables[b]).var(ddof=1) - both[a] - both[b] if a != b else 0.0
                pairs[a, b] = max(0.0, found) / examples
        shared = float(pairs.sum() / max(levels * (levels - 1), 1) / 2)
        example_df = float(examples - 1)
    source = "seeds" if scores is None else "seeds and examples"
    means = np.array([level.mean() for level in values])
    return Spread(means, seeds, variance, shared, example_df, pairs, float((seeds - 1).sum()), source)


def _both(scores: np.ndarray) -> float:
    """Mean square of seeds and examples together; NaN with one seed."""
    seeds, examples = scores.shape
    if seeds < 2:
        return math.nan
    rest = scores - scores.mean(axis=1, keepdims=True) - scores.mean(axis=0) + scores.mean()
    return float((rest**2).sum() / ((seeds - 1) * (examples - 1)))
