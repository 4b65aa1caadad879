"""Where the best value tried is the smallest or the largest one, a value beyond may be better still."""

from collections.abc import Mapping, Sequence
from typing import Any

from textlstm.study.differences import key
from textlstm.study.factors import Factor, value_name
from textlstm.study.search import SEARCHED

LEARNING_RATE = SEARCHED["learning_rate"]
FEWEST_VALUES = 3
"""With two every value lies at an edge."""


def edge_of(value: Any, tried: Sequence[Any]) -> str | None:
    """`smallest` or `largest` of three numbers or more, else None."""
    if len(set(tried)) < FEWEST_VALUES or not all(isinstance(one, int | float) for one in (value, *tried)):
        return None
    return "smallest" if value <= min(tried) else "largest" if value >= max(tried) else None


def edges_of_grid(factor: Factor, grid: Mapping[str, Any]) -> list[str]:
    """A warning for each level whose best learning rate by mean validation score is an edge of the grid."""
    if grid["second"] != LEARNING_RATE:
        return []
    notes = []
    for row in grid["best"]:
        tried = [cell["second"] for cell in grid["cells"] if key(cell["value"]) == key(row["value"])]
        edge = edge_of(row["second"], tried)
        if edge:
            where = value_name(factor, row["value"])
            notes.append(_warning(where, edge, row["second"]))
    return notes


def edges_of_trials(factor: Factor, tuning: Mapping[str, Any]) -> list[str]:
    """One warning of all chosen settings that are the smallest or largest of the trials; random ones are so by chance too."""
    found = [
        f"at {value_name(factor, row['value'])} the {edge} {name} ({row['chosen'][name]:g})"
        for row in tuning["by_depth"]
        for name in row["at_edge"]
        if (edge := edge_of(row["chosen"][name], row["tried"][name]))
    ]
    return [f"Of what was tried, validation chose {', '.join(found)}: one beyond may be better still."] if found else []


def _warning(where: str, edge: str, value: Any) -> str:
    beyond = "a smaller one" if edge == "smallest" else "a larger one"
    return f"At {where} the best learning rate of this grid is its {edge} ({value:g}): {beyond} may be better still."
