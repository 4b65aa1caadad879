"""The recommended depth: one of three answers, each wrong in at most one study of twenty.

- *depth* d: d is better than every shallower depth. Validation proposes it, its mean being below none
  of theirs, and the test split confirms it (`claims.py`). Of several the deepest; that a deeper one is
  better still was not shown. For the first depth the claim is that it is better than all deeper ones.
- *equivalent*: no deeper one is better than the first by the margin or more, on validation by its mean
  and on test by its upper limit; it may be worse. So the first is recommended.
- *undecided*: neither, or fewer than five seeds at some depth.

Wrong is "depth d" where a shallower one is as good or better (d the first: a deeper one), and
"equivalent" where a deeper one is better by the margin or more. Test scores confirm and propose nothing.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass

import numpy as np

from textlstm.study.claims import confirmed, is_equivalent, upper_limit
from textlstm.study.planning import least_difference, more_seeds
from textlstm.study.spread import Spread

FEWEST_SEEDS = 5


@dataclass(frozen=True)
class Recommendation:
    """The answer; `place` is that of the level, None where undecided. Differences are shares."""

    answer: str
    place: int | None
    reason: str
    margin: float
    level: float
    seeds: int
    more_seeds: int | None
    least_difference: float | None

    def as_dict(self) -> dict[str, object]:
        """All but the place."""
        return {name: value for name, value in asdict(self).items() if name != "place"}


def recommend(
    test: Spread,
    validation: np.ndarray,
    *,
    name: Callable[[int], str],
    margin: float = 0.005,
    level: float = 0.05,
    order: tuple[str, str] = ("shallower", "deeper"),
) -> Recommendation:
    """Judge K levels, shallowest first, by `test`; `validation` [K] are mean validation scores.

    `name` gives the words for a level by its place, `order` those for levels before and after another.
    Higher scores are better.
    """
    seeds = int(test.seeds.min())
    least = least_difference(test, level)
    if len(test.means) < 2:
        return Recommendation(
            "undecided", None, f"Only {name(0)} was run: nothing to compare it with.", margin, level, seeds, None, None
        )

    def answer(word: str, place: int | None, reason: str, more: int | None = None) -> Recommendation:
        return Recommendation(word, place, reason, margin, level, seeds, more, least)

    if seeds < FEWEST_SEEDS:
        reason = f"No claim is made from fewer than {FEWEST_SEEDS} seeds at any level: here {seeds}." + _least_words(
            least
        )
        return answer("undecided", None, reason, FEWEST_SEEDS - seeds)
    chosen = confirmed(test, validation, level=level)
    # A difference that is shown to be below the margin is not worth the depth.
    if chosen != 0 and is_equivalent(test, validation, margin=margin, level=level):
        return answer("equivalent", 0, _equivalent_words(test, name, margin, level))
    if chosen is not None:
        return answer("depth", chosen, _depth_words(test, chosen, name, order))
    more, words = more_seeds(test, margin, level)
    return answer("undecided", None, _undecided_words(test, validation, name, margin, order) + words, more)


def one_standard_error(values: Sequence[np.ndarray]) -> int:
    """The first level whose mean is within one standard error of the best's (Breiman et al. 1984), by place."""
    means = np.array([level.mean() for level in values])
    best = values[int(means.argmax())]
    error = best.std(ddof=1) / math.sqrt(len(best)) if len(best) > 1 else 0.0
    return int(np.flatnonzero(means >= means.max() - error)[0])


def _points(share: float) -> str:
    return f"{100 * share:.1f} points"


def _least_words(least: float | None) -> str:
    return f" The least difference that this study could see is {_points(least)}." if least is not None else ""


def _depth_words(test: Spread, place: int, name: Callable[[int], str], order: tuple[str, str]) -> str:
    others = list(range(place)) or list(range(1, len(test.means)))
    differences = test.means[place] - test.means[others]
    least = others[int(differences.argmin())]
    which = name(others[0]) if len(others) == 1 else f"every {order[0] if place else order[1]} one"
    nearest = "" if len(others) == 1 else f" than {name(least)}, the nearest"
    words = f"{name(place)} is better than {which}: on the test split by {_points(differences.min())}{nearest}, and validation agrees."
    if 0 < place < len(test.means) - 1:
        words += f" That a {order[1]} one is better still was not shown."
    return _sentence(words)


def _equivalent_words(test: Spread, name: Callable[[int], str], margin: float, level: float) -> str:
    differences = test.means[1:] - test.means[0]
    high = max(upper_limit(test, k, level) for k in range(1, len(test.means)))
    return (
        f"None is better than {name(0)} by the margin of {_points(margin)}: the largest difference is "
        f"{100 * differences.max() + 0.0:+.1f} points, the highest limit {100 * high:+.1f}. So the smaller."
    )


def _undecided_words(
    test: Spread, validation: np.ndarray, name: Callable[[int], str], margin: float, order: tuple[str, str]
) -> str:
    best = int(test.means.argmax())
    if best == 0:
        seen = (
            f"{name(0)} has the best test mean, but a {order[1]} one may be better by the margin of {_points(margin)}"
        )
    else:
        second = int(test.means[:best].argmax())
        seen = f"{name(best)} has the best test mean, {_points(test.means[best] - test.means[second])} above the best {order[0]} one ({name(second)})"
        seen += (
            ", but validation does not rank it so"
            if validation[best] < validation[:best].max()
            else ", which may be chance"
        )
    return _sentence(f"{seen}.")


def _sentence(words: str) -> str:
    """With a capital, unless it begins with the name of a setting."""
    return words if "=" in words.split()[0] else words[0].upper() + words[1:]
