"""When a difference between levels may be called one: the tests behind a recommendation.

A claim "level d is better than every one before it" needs each single comparison to hold, which by
itself asks for no correction (Berger 1982, intersection-union). A comparison holds where it is beyond
chance twice over: with the variance pooled over levels, and, so that neither unequal variances nor a
diverged seed can make a claim, by Welch's t of the two levels alone. Since several levels could be
claimed, the pooled test's critical value is such that a claim is wrong as often as it may be in the
truths that make most wrong ones: all levels equal, and pairs of equal levels, each somewhat above the
pair before. (These are the worst of 1,331 truths of four levels, see benchmarks/study_simulation.py.)
"""

import math
from functools import lru_cache

import numpy as np
from scipy.optimize import brentq
from scipy.stats import t as student

from textlstm.study.spread import Spread

DRAWS = 200_000
STEPS = (0.0, 1.0, 1.5, 2.0, 3.0)
"""From pair to pair, in standard errors of a difference."""
FIRST_SHARE = 0.1
"""Of the level of error: what a comparison may take in the claim that the first is better than all others."""
OTHER_SHARE = 0.8
"""Of the level of error: what Welch's t may take in all other claims; with the above less than all of it."""


def confirmed(test: Spread, validation: np.ndarray, *, level: float = 0.05) -> int | None:
    """The last level that validation proposes and the test split confirms; None where there is none.

    Proposed is a level whose validation mean is not below that of any before it, the first level where it
    is not below any after it. `test` confirms it against each of these. Levels are ordered, higher is better.
    """
    differences = test.means[:, None] - test.means[None, :]
    deeper, first = critical_values(test, level)
    for place in reversed(range(len(test.means))):
        others = range(place) if place else range(1, len(test.means))
        needed, tail = (deeper, OTHER_SHARE * level) if place else (first, FIRST_SHARE * level)
        if all(
            validation[place] >= validation[other]
            and _exceeds(float(differences[place, other]), test, place, other, needed, tail)
            for other in others
        ):
            return place
    return None


def is_equivalent(test: Spread, validation: np.ndarray, *, margin: float, level: float = 0.05) -> bool:
    """Whether no deeper level is better than the first by the margin or more."""
    needed = critical_values(test, level)[0]
    return all(
        validation[place] - validation[0] < margin
        and _exceeds(margin - float(test.means[place] - test.means[0]), test, place, 0, needed, OTHER_SHARE * level)
        for place in range(1, len(test.means))
    )


def critical_values(test: Spread, level: float) -> tuple[float, float]:
    """How many pooled standard errors a difference must have: for a deeper level, and for the first."""
    errors = test.errors()
    ratio = errors / errors.mean() if errors.mean() > 0 else np.ones(len(errors))
    return _critical(tuple(np.round(ratio, 2).tolist()), _whole(test.df), level)


@lru_cache(maxsize=1024)
def _critical(ratio: tuple[float, ...], df: int, level: float) -> tuple[float, float]:
    """By simulation with error variances in `ratio`; the draws are the same every time."""
    first = float(student.ppf(1 - FIRST_SHARE * level, df))
    noise, error = _draws(len(ratio), df)
    scores = noise * np.sqrt(ratio)
    gaps = [(scores[:, 0] - scores[:, k]) / math.sqrt(ratio[0] + ratio[k]) for k in range(1, len(ratio))]
    left = level - float((np.minimum.reduce(gaps) / error > first).mean())
    steps = STEPS if len(ratio) > 3 else STEPS[:1]
    return max(_critical_of(scores, error, ratio, step, left) for step in steps), first


def _critical_of(scores: np.ndarray, error: np.ndarray, ratio: tuple[float, ...], step: float, level: float) -> float:
    """Where pairs of equal levels rise by `step`: the second of a pair is claimed wrongly; without steps all are."""
    means = step * math.sqrt(2) * (np.arange(len(ratio)) // 2)
    places = range(1, len(ratio))
    found = np.stack(
        [
            np.minimum.reduce(
                [(scores[:, d] + means[d] - scores[:, k] - means[k]) / math.sqrt(ratio[d] + ratio[k]) for k in range(d)]
            )
            / error
            for d in places
        ],
        axis=1,
    )
    wrong = np.array([step == 0 or d % 2 == 1 for d in places])

    def excess(value: float) -> float:
        claimed = found > value
        deepest = found.shape[1] - 1 - claimed[:, ::-1].argmax(axis=1)
        return float((claimed.any(axis=1) & wrong[deepest]).mean()) - level

    return float(brentq(excess, 0.5, 100.0, xtol=1e-3))


@lru_cache(maxsize=8)
def _draws(levels: int, df: int) -> tuple[np.ndarray, np.ndarray]:
    generator = np.random.default_rng(0)
    noise = generator.standard_normal((DRAWS, levels))
    return noise, np.sqrt(generator.chisquare(df, DRAWS) / df)


def upper_limit(test: Spread, place: int, level: float) -> float:
    """The largest difference to the first level that both tests leave possible."""
    needed, reach = critical_values(test, level)[0], _welch_reach(test, place, 0, OTHER_SHARE * level)
    return float(test.means[place] - test.means[0] + max(needed * test.standard_errors()[place, 0], reach))


def critical_value(levels: int, df: float, level: float) -> float:
    """Of the pooled test for a deeper one of `levels` with equally many seeds."""
    return _critical((1.0,) * levels, _whole(df), level)[0]


def _exceeds(difference: float, test: Spread, a: int, b: int, needed: float, tail: float) -> bool:
    """Whether a difference of two levels is above `needed` pooled standard errors and above Welch's `tail`."""
    return difference > needed * float(test.standard_errors()[a, b]) and difference > _welch_reach(test, a, b, tail)


def _welch_reach(test: Spread, a: int, b: int, tail: float) -> float:
    error, df = test.own(a, b)
    return float(student.isf(tail, min(df, 1e6))) * error


def _whole(df: float) -> int:
    """Rounded down on a grid that few values share, so that critical values are simulated once."""
    return max(1, int(df + 1e-9)) if df < 60 else min(int(df // 20) * 20, 1000) if df < 1e6 else 1000
