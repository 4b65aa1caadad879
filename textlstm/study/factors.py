"""Which setting a study is about, read from what differs between its runs."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from textlstm.errors import UserError
from textlstm.study.runs import Run, is_about_execution

DEPTH = "model.layers"
SPLIT_SEED = "dataset.split_seed"


@dataclass(frozen=True)
class Level:
    """The runs with one value of the factor, by seed."""

    value: Any
    runs: tuple[Run, ...]


@dataclass(frozen=True)
class Factor:
    """What a study compares. `along` are settings that change with it, by name the value at each level."""

    name: str
    levels: tuple[Level, ...]
    along: dict[str, list[Any]]
    shared: dict[str, Any]
    split_seeds: tuple[Any, ...]


def find_factor(runs: Sequence[Run], *, name: str | None = None) -> Factor:
    """Group `runs` into levels of `name`, or of the one setting that they are about.

    That is `model.layers` where it differs, else the setting that determines all others that
    differ. A `UserError` asks for a name where several could be meant, and refuses two factors
    crossed, since levels would then mix the second; `dataset.split_seed` alone may be crossed.
    """
    differing = differing_settings(runs)
    split_seeds = tuple(differing.pop(SPLIT_SEED, ())) if name != SPLIT_SEED else ()
    name = name or _choose(runs, differing)
    if name not in differing and any(name not in run.config for run in runs):
        raise UserError(
            f"factor={name} is no setting of these runs.\n{_list(differing)} differ between them.\nName one of these."
        )
    groups: dict[str, list[Run]] = {}
    for run in runs:
        groups.setdefault(_key(run.config.get(name)), []).append(run)
    levels = tuple(
        sorted(
            (Level(group[0].config.get(name), tuple(sorted(group, key=_by_seed))) for group in groups.values()),
            key=lambda level: _order(level.value),
        )
    )
    others = [other for other in differing if other != name]
    crossed = [other for other in others if any(len(_values(level.runs, other)) > 1 for level in levels)]
    if crossed:
        raise UserError(
            f"{name} is not the only setting that varies: {_list(crossed)} differ within its levels.\nA study compares one setting; others may only change with it.\nGive a part of the runs, or name another factor=."
        )
    along = {other: [level.runs[0].config.get(other) for level in levels] for other in others}
    shared = {
        setting: value
        for setting, value in runs[0].config.items()
        if setting not in {name, *along}
        and setting != "seed"
        and not is_about_execution(setting)
        and (setting != SPLIT_SEED or not split_seeds)
    }
    return Factor(name, levels, along, shared, split_seeds)


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
        values = _values(runs, name)
        if len(values) > 1:
            found[name] = sorted(values.values(), key=_order)
    return found


def _choose(runs: Sequence[Run], differing: Mapping[str, Any]) -> str:
    """The setting the study is about; depth where nothing differs."""
    if DEPTH in differing or not differing:
        return DEPTH
    ruling = [name for name in differing if _determines(runs, name, list(differing))]
    if not ruling or (len(differing) > 1 and len(ruling) > 1):
        raise UserError(
            f"{_list(differing)} differ between the runs.\nA study is about one setting.\nName it: factor={next(iter(differing))}."
        )
    return ruling[0]


def _determines(runs: Sequence[Run], name: str, others: Sequence[str]) -> bool:
    """Whether runs with the same value of `name` agree in all `others`."""
    groups: dict[str, list[Run]] = {}
    for run in runs:
        groups.setdefault(_key(run.config.get(name)), []).append(run)
    return all(len(_values(group, other)) <= 1 for group in groups.values() for other in others)


def _values(runs: Sequence[Run], name: str) -> dict[str, Any]:
    return {_key(run.config[name]): run.config[name] for run in runs if name in run.config}


def _key(value: Any) -> str:
    """Equal for equal values: 1 and 1.0 are one, true is not 1."""
    return json.dumps(float(value) if isinstance(value, int) and not isinstance(value, bool) else value, default=str)


def _order(value: Any) -> tuple[int, Any]:
    """Numbers by size, before all else by name."""
    return (0, value) if isinstance(value, int | float) and not isinstance(value, bool) else (1, str(value))


def _by_seed(run: Run) -> tuple[Any, int, str]:
    return _order(run.config.get(SPLIT_SEED)), run.seed, str(run.folder)


def _list(names: Any) -> str:
    names = list(names)
    return ", ".join(names[:4]) + (f" and {len(names) - 4} more" if len(names) > 4 else "") if names else "No settings"
