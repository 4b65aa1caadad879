"""In which settings runs differ, and which of them tell what the others are."""

import json
from collections.abc import Iterable, Sequence
from typing import Any

from textlstm.study.runs import Run, is_about_execution


def differing_settings(runs: Sequence[Run]) -> dict[str, list[Any]]:
    """Settings with several values among the runs that have them, ordered, by name.

    One that older code did not know is no difference by that alone. Where all runs have the same
    data, how these were named does not matter.
    """
    same_data = len({run.fingerprint for run in runs}) == 1 and runs[0].fingerprint is not None
    names = list(dict.fromkeys(name for run in runs for name in run.config))
    found = {}
    for name in names:
        if name == "seed" or is_about_execution(name) or (same_data and name.startswith("dataset.")):
            continue
        values = values_of(runs, name)
        if len(values) > 1:
            found[name] = sorted(values.values(), key=order)
    return found


def grouped(runs: Iterable[Run], *names: str) -> dict[tuple[str, ...], list[Run]]:
    """Runs that agree in all `names` together, in the order in which they come."""
    groups: dict[tuple[str, ...], list[Run]] = {}
    for run in runs:
        groups.setdefault(tuple(key(run.config.get(name)) for name in names), []).append(run)
    return groups


def determines(runs: Sequence[Run], name: str, others: Sequence[str]) -> bool:
    """Whether runs with the same value of `name` agree in all `others`."""
    return all(len(values_of(group, other)) <= 1 for group in grouped(runs, name).values() for other in others)


def values_of(runs: Sequence[Run], name: str) -> dict[str, Any]:
    """The values of a setting among the runs that have it, by `key`."""
    return {key(run.config[name]): run.config[name] for run in runs if name in run.config}


def key(value: Any) -> str:
    """Equal for equal values: 1 and 1.0 are one, true is not 1."""
    return json.dumps(float(value) if isinstance(value, int) and not isinstance(value, bool) else value, default=str)


def order(value: Any) -> tuple[int, Any]:
    """Numbers by size, before all else by name."""
    return (0, value) if isinstance(value, int | float) and not isinstance(value, bool) else (1, str(value))
