"""What a study could have seen, and how many more seeds would settle it."""

import math

from scipy.stats import norm
from scipy.stats import t as student

from textlstm.study.claims import critical_value
from textlstm.study.spread import Spread

POWER = 0.8
"""Chance with which a difference is to be seen."""
MOST_SEEDS = 1000


def least_difference(test: Spread, level: float = 0.05) -> float | None:
    """The true difference of two levels that this study would confirm with a chance of 80%."""
    if test.seed_df <= 0 or len(test.means) < 2:
        return None
    return _factor(test.df, test, level) * float(test.standard_errors()[1:, 0].max())


def more_seeds(test: Spread, margin: float, level: float = 0.05) -> tuple[int | None, str]:
    """How many more seeds a level would show a difference like the largest seen (or the margin), in words too."""
    wanted = max(margin, float(test.means[1:].max() - test.means[0]))
    now, examples = int(test.seeds.min()), 2 * test.example_variance
    floor = (norm.ppf(1 - level) + norm.ppf(POWER)) * math.sqrt(examples)
    aim = f"a difference of {100 * wanted:.1f} points"
    if floor >= wanted:
        return None, (
            f" More seeds cannot help: with these test examples alone {aim} is within chance, down to {100 * floor:.1f} points."
        )
    for count in range(now, now + MOST_SEEDS + 1):
        df = max(len(test.means) * (count - 1), 1)
        if _factor(df, test, level) * math.sqrt(2 * test.pooled / count + examples) <= wanted:
            more = max(count - now, 1)
            return more, f" About {more} more seed{'s' * (more > 1)} a level would show {aim} (chance 80%)."
    return None, f" More than {MOST_SEEDS} seeds a level would be needed to show {aim}."


def _factor(df: float, test: Spread, level: float) -> float:
    """Standard errors by which a true difference is confirmed with a chance of `POWER`.

    With other degrees of freedom than the study's the critical value is as unlikely as here.
    """
    here, df = min(test.df, 1e6), min(df, 1e6)
    tail = student.sf(critical_value(len(test.means), here, level), here)
    return float(student.isf(tail, df) + student.ppf(POWER, df))
