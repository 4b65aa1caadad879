"""Differences between the levels of a study, all of them at once.

Against the first level: Dunnett (1955). Against the best of the others: Hsu's multiple comparisons
with the best, constrained (1984). Both with the variances of `spread.py`.
"""

import math
from functools import lru_cache
from typing import Any

import numpy as np
from scipy.optimize import brentq
from scipy.stats import multivariate_t
from scipy.stats import t as student

from textlstm.study.spread import Spread

POINTS = 20_000
"""Of the integral of a multivariate t: errors below 1e-3 of a p-value."""


def against_first(found: Spread, *, confidence: float = 0.95) -> list[dict[str, Any] | None]:
    """Each later level minus the first, with simultaneous two-sided limits and p-values (Dunnett)."""
    rows = range(1, len(found.means))
    return [None, *_against(found, 0, list(rows), confidence)]


def against_best(found: Spread, *, confidence: float = 0.95) -> list[dict[str, Any] | None]:
    """Each level minus the best of the others (Hsu 1984).

    A high of 0 says that the level is not the best, a low of 0 that it is. `p` is the smallest level of
    error at which one of the two can be said.
    """
    if len(found.means) < 2:
        return [None]
    rows: list[dict[str, Any] | None] = []
    for level in range(len(found.means)):
        others = [k for k in range(len(found.means)) if k != level]
        differences = found.means[level] - found.means[others]
        row: dict[str, Any] = {"difference": float(differences.min()), "low": None, "high": None, "p": None}
        if found.seed_df > 0:
            errors = found.standard_errors()[level, others]
            reach = dunnett_quantile(found, level, confidence, two_sided=False) * errors
            # Constrained: all one can say about the best of the others is on which side of 0 it lies.
            row["high"] = max(0.0, float((differences + reach).min()))
            row["low"] = min(0.0, float((differences - reach).min()))
            row["p"] = _p_value(
                found, level, _ratio(abs(differences.min()), errors[int(differences.argmin())]), two_sided=False
            )
        rows.append(row)
    return rows


def dunnett_quantile(found: Spread, control: int, confidence: float, *, two_sided: bool) -> float:
    """The factor of the standard error that holds for all comparisons with `control` at once."""
    return _quantile(_loads(found, control), round(min(found.df, 1e6), 2), confidence, two_sided)


def _against(found: Spread, control: int, others: list[int], confidence: float) -> list[dict[str, Any]]:
    errors = found.standard_errors()[control]
    known = found.seed_df > 0
    factor = dunnett_quantile(found, control, confidence, two_sided=True) if known and others else math.nan
    rows = []
    for other in others:
        difference = float(found.means[other] - found.means[control])
        rows.append(
            {
                "difference": difference,
                "low": difference - factor * float(errors[other]) if known else None,
                "high": difference + factor * float(errors[other]) if known else None,
                "p": _p_value(found, control, _ratio(abs(difference), errors[other]), two_sided=True)
                if known
                else None,
            }
        )
    return rows


def _p_value(found: Spread, control: int, statistic: float, *, two_sided: bool) -> float:
    """Chance, all levels being equal, that a comparison with `control` exceeds `statistic`."""
    return _exceeds(_loads(found, control), min(found.df, 1e6), statistic, two_sided)


def _loads(found: Spread, control: int) -> tuple[float, ...]:
    """Square roots of what each difference owes to the control: their products are the correlations."""
    errors = found.errors()
    others = np.delete(errors, control)
    share = errors[control] / (errors[control] + others) if errors.max() > 0 else np.full(len(others), 0.5)
    return tuple(np.round(np.sqrt(share), 6).tolist())


@lru_cache(maxsize=256)
def _quantile(loads: tuple[float, ...], df: float, confidence: float, two_sided: bool) -> float:
    tail = (1 - confidence) / (2 if two_sided else 1)
    low, high = student.ppf(1 - tail, df), student.ppf(1 - tail / len(loads), df)
    if len(loads) == 1:
        return float(low)

    def left(factor: float) -> float:
        return 1 - confidence - _exceeds(loads, df, factor, two_sided)

    return float(brentq(left, low - 0.05, high + 0.05, xtol=1e-4))


def _exceeds(loads: tuple[float, ...], df: float, statistic: float, two_sided: bool) -> float:
    if math.isinf(statistic):
        return 0.0
    if len(loads) == 1:
        return float(min(1.0, student.sf(statistic, df) * (2 if two_sided else 1)))
    shape = np.outer(loads, loads)
    np.fill_diagonal(shape, 1.0)
    limits = np.full(len(loads), float(statistic))
    within = multivariate_t.cdf(
        limits, shape=shape, df=df, lower_limit=-limits if two_sided else None, maxpts=POINTS, random_state=0
    )
    return float(np.clip(1 - within, 0.0, 1.0))


def _ratio(difference: float, error: float) -> float:
    """A difference in standard errors; 0 / 0 is 0."""
    return float(difference / error) if error > 0 else math.inf if difference > 0 else 0.0
