"""Intervals for the mean score of a kind of network: other seeds and other examples would give another.

Seeds and test examples are crossed: every network answers every example. The score of seed s at
example i is taken as mean + seed_s + example_i + both_si, all random (Searle, Casella, McCulloch,
*Variance Components*, 1992, ch. 4; for classifiers Roe and Metz 1997). With mean squares MS of S
seeds and N examples, the variance of the mean over both is (MS_seed + MS_example - MS_both) / SN,
its degrees of freedom those of Satterthwaite (1946). A bootstrap over the seeds has no such
degrees of freedom, which is why it is too narrow for few.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from scipy.special import expit, logit
from scipy.stats import t as student

from textlstm.study.predictions import Predictions

CONFIDENCE = 0.95


@dataclass(frozen=True)
class Interval:
    """A mean with its limits, None where they cannot be had; `source` says which chances are in it."""

    mean: float
    low: float | None
    high: float | None
    df: float | None
    source: str

    def as_dict(self) -> dict[str, Any]:
        """For `study.json`."""
        return {"mean": self.mean, "low": self.low, "high": self.high, "df": self.df, "from": self.source}


@dataclass(frozen=True)
class Components:
    """Estimated parts of the variance of the mean, each with its degrees of freedom."""

    seeds: float
    examples: float
    both: float
    df_seeds: int
    df_examples: int

    @property
    def total(self) -> float:
        """Variance of the mean: see the top of the file."""
        return self.seeds + self.examples - self.both

    @property
    def df(self) -> float:
        """Satterthwaite's degrees of freedom; infinite where nothing varies."""
        return satterthwaite(
            (self.seeds, self.df_seeds),
            (self.examples, self.df_examples),
            (-self.both, self.df_seeds * self.df_examples),
        )


def two_way(scores: np.ndarray, *, confidence: float = CONFIDENCE, shares: bool = True) -> Interval:
    """Interval of the mean of `scores` [S, N]: other seeds and other examples.

    With one seed it is about these weights and other examples alone. `shares` have a mean of 0 to 1:
    limits are found for its logit and stay within, and where all scores are 0 or all are 1 they are the
    exact binomial ones of N examples, since nothing varied there.
    """
    scores = _checked(scores)
    return limits(float(scores.mean()), components(scores), *scores.shape, confidence=confidence, shares=shares)


def limits(
    mean: float, parts: Components, seeds: int, examples: int, *, confidence: float = CONFIDENCE, shares: bool = True
) -> Interval:
    """The interval of `two_way` from the mean and the parts of its variance."""
    source = "seeds and examples" if seeds > 1 else "examples"
    if shares and not 0 < mean < 1:
        reach = 1 - ((1 - confidence) / 2) ** (1 / examples)
        return Interval(mean, max(0.0, mean - reach), min(1.0, mean + reach), None, source)
    if not shares:
        return _interval(mean, parts.total, parts.df, confidence, source, shares)
    # By the logit, where a share's error is more nearly normal: near 1 an interval reaches farther down than up.
    scale = mean * (1 - mean)
    found = _interval(float(logit(mean)), parts.total / scale**2, parts.df, confidence, source, False)
    return replace(found, mean=mean, low=float(expit(found.low)), high=float(expit(found.high)))


def from_seeds(
    values: Sequence[float] | np.ndarray, *, confidence: float = CONFIDENCE, shares: bool = False
) -> Interval:
    """Interval of the mean of one value a seed: other seeds, these examples. No limits with one seed."""
    values = _checked(np.asarray(values, float)[:, None])[:, 0]
    mean = float(values.mean())
    if len(values) == 1:
        return Interval(mean, None, None, None, "one seed")
    return _interval(mean, float(values.var(ddof=1)) / len(values), len(values) - 1, confidence, "seeds", shares)


def components(scores: np.ndarray) -> Components:
    """Parts of the variance of the mean of `scores` [S, N]."""
    seeds, examples = scores.shape
    rows, columns = scores.mean(axis=1), scores.mean(axis=0)
    rest = scores - rows[:, None] - columns + scores.mean()
    return from_mean_squares(
        examples * float(rows.var(ddof=1)) if seeds > 1 else 0.0,
        seeds * float(columns.var(ddof=1)) if examples > 1 else 0.0,
        float((rest**2).sum()) / max((seeds - 1) * (examples - 1), 1),
        seeds,
        examples,
    )


def from_mean_squares(of_seeds: float, of_examples: float, of_both: float, seeds: int, examples: int) -> Components:
    """Parts of the variance of the mean from the three mean squares of S seeds and N examples.

    A mean square of seeds below that of both says that their component is estimated as negative. It
    is then taken as zero, and what is left is the mean square of examples alone; likewise for examples.
    """
    size, df = seeds * examples, (max(seeds - 1, 0), max(examples - 1, 0))
    if seeds == 1 or examples == 1:
        return Components(of_seeds / size, of_examples / size, 0.0, *df)
    if of_seeds <= of_both:
        return Components(0.0, max(of_examples, of_both) / size, 0.0, *df)
    if of_examples <= of_both:
        return Components(of_seeds / size, 0.0, 0.0, *df)
    return Components(of_seeds / size, of_examples / size, of_both / size, *df)


def satterthwaite(*terms: tuple[float, float]) -> float:
    """Degrees of freedom of a sum of independent variance estimates (value, its degrees of freedom)."""
    total = sum(value for value, _ in terms)
    weight = sum(value**2 / df for value, df in terms if value and df)
    return float(total**2 / weight) if weight > 0 and total > 0 else math.inf


def macro_f1_by_example(predictions: Predictions, classes: int) -> np.ndarray:
    """Values [N] whose mean is macro-F1 and whose scatter is what each example adds to it.

    F1 is no mean over examples, so its sampling error is that of its linear part (the delta
    method): F1 of class c is 2 TP / D with D = labels plus answers c, and an example moves it by
    (2 tp - F1 d) N / D. These values are unbiased to the order of 1/N.
    """
    values, size = np.zeros(len(predictions.labels)), len(predictions.labels)
    several = predictions.labels.ndim == 2
    present = np.arange(classes)
    if not several:
        present = np.union1d(np.unique(predictions.labels), np.unique(predictions.predicted))
    for number in range(classes):
        if several:
            label, answer = predictions.labels[:, number] == 1, predictions.predicted[:, number] == 1
        else:
            label, answer = predictions.labels == number, predictions.predicted == number
        hits, drawn = (label & answer).astype(float), label.astype(float) + answer
        if drawn.sum():
            score = 2 * hits.sum() / drawn.sum()
            values += score + (2 * hits - score * drawn) * size / drawn.sum()
    # As scikit-learn: the mean is over classes that occur, in labels or answers; of sets of labels over all.
    return values / len(present)


def _interval(mean: float, variance: float, df: float, confidence: float, source: str, shares: bool) -> Interval:
    half = float(student.ppf((1 + confidence) / 2, df)) * math.sqrt(max(variance, 0.0)) if variance > 0 else 0.0
    low, high = mean - half, mean + half
    if shares:
        low, high = max(low, 0.0), min(high, 1.0)
    return Interval(mean, low, high, df if math.isfinite(df) else None, source)


def _checked(scores: np.ndarray) -> np.ndarray:
    scores = np.asarray(scores, np.float64)
    if scores.ndim != 2 or 0 in scores.shape or not np.isfinite(scores).all():
        raise ValueError(f"Scores are finite numbers [seeds, examples], at least one each; these are {scores.shape}.")
    return scores
