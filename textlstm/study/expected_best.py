"""What a number of random trials is expected to give, and what more of them gain.

The expected best validation score of n trials (Dodge et al. 2019, "Show Your Work"), from the N scores
v_(1) <= ... <= v_(N) that were seen: the sum over i of v_(i) ((i/N)^n - ((i-1)/N)^n). What several trials
gain over one is how much the choice of settings matters: where it is large, tuning is hard.
"""

import math

import numpy as np
from scipy.stats import norm
from scipy.stats import t as student

SEVERAL = 5
"""Trials whose expected best is compared with that of one."""
DRAWS = 10_000


def expected_best(scores: np.ndarray, trials: int) -> np.ndarray:
    """Expected best of `trials` draws with replacement from `scores` [..., N], over the last axis."""
    count = scores.shape[-1]
    steps = (np.arange(count + 1) / count) ** trials
    return np.asarray(np.sort(scores, axis=-1) @ np.diff(steps), np.float64)


def gain(scores: np.ndarray) -> np.ndarray:
    """Expected best of several trials minus that of one, from `scores` [..., N]."""
    return np.asarray(expected_best(scores, SEVERAL) - expected_best(scores, 1))


def compare_gains(first: np.ndarray, other: np.ndarray, *, confidence: float = 0.95) -> dict[str, float | None]:
    """How much more several trials gain at `other` than at `first`, of the same N trials [N] each.

    Limits are those of a bootstrap over trials, both depths of a trial together. Its percentiles are moved
    outward as Hesterberg (2015, section 5.3) does, since for few trials they are too narrow. None below three.
    """
    difference = float(gain(other) - gain(first))
    count = len(first)
    if count < 3:
        return {"difference": difference, "low": None, "high": None}
    places = np.random.default_rng(0).integers(count, size=(DRAWS, count))
    drawn = gain(other[places]) - gain(first[places])
    reach = math.sqrt(count / (count - 1)) * student.ppf((1 + confidence) / 2, count - 1)
    low, high = np.quantile(drawn, [norm.cdf(-reach), norm.cdf(reach)])
    return {"difference": difference, "low": float(low), "high": float(high)}
