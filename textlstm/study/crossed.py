"""What may be crossed with the factor of a study: one second setting, or settings drawn at random.

In a *grid* every value of the factor meets every value of a second setting, and the same seeds are
run in each cell. In a study of *sensitivity* settings of the recipe are drawn at random, the same
for every depth, and each of these trials has a seed of its own or, where seeds are given, all of them.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from textlstm.study.differences import determines, grouped, order, values_of
from textlstm.study.runs import Run
from textlstm.study.search import SEARCHED

REGULARIZATION = "regularization"
RECIPE = tuple(SEARCHED.values())
"""Settings that are drawn at random, or tuned."""


@dataclass(frozen=True)
class Second:
    """The setting crossed with the factor, its values in order, and the settings that change along with it."""

    name: str
    values: tuple[Any, ...]
    along: tuple[str, ...]


def find_second(levels: Sequence[Sequence[Run]], crossed: Sequence[str]) -> Second | None:
    """The one setting that tells within every level what all of `crossed` are; None where there is none.

    levels: the runs of each value of the factor. Of several such settings `regularization` is meant, else
    the one with the fewest values: a width may follow from depth and a budget, then the budget is crossed.
    """
    runs = [run for level in levels for run in level]
    ruling = [
        name
        for name in crossed
        if all(determines(level, name, crossed) for level in levels) and _is_shared(levels, name)
    ]
    if not ruling:
        return None
    name = min(ruling, key=lambda one: (one != REGULARIZATION, len(values_of(runs, one))))
    values = sorted(values_of(runs, name).values(), key=order)
    return Second(name, tuple(values), tuple(other for other in crossed if other != name))


def drawn_settings(runs: Sequence[Run], differing: Sequence[str], depth: str) -> tuple[str, ...]:
    """The settings drawn at random for each trial; empty where these runs are no such study.

    Nothing but settings of the recipe varies within the depths, and either a seed belongs to one trial, or
    several settings vary together, each of which tells the others: no two draws have one value in common.
    """
    levels = list(grouped(runs, depth).values())
    inside = [name for name in differing if name != depth and any(len(values_of(level, name)) > 1 for level in levels)]
    if not inside or not set(inside) <= set(RECIPE):
        return ()
    seeds: dict[int, list[Run]] = {}
    for run in runs:
        seeds.setdefault(run.seed, []).append(run)
    own_seeds = all(len(grouped(same, *inside)) == 1 for same in seeds.values())
    together = len(inside) > 1 and all(determines(runs, name, inside) for name in inside)
    return tuple(name for name in RECIPE if name in inside) if own_seeds or together else ()


def _is_shared(levels: Sequence[Sequence[Run]], name: str) -> bool:
    """Whether some value stands at several levels: else nothing could be compared at it."""
    found = [value for level in levels for value in values_of(level, name)]
    return len(levels) < 2 or len(set(found)) < len(found)
