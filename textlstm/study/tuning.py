"""What tuning each depth by itself chose and cost, from its trials and the runs that use what they chose.

Trials' scores are validation scores of the settings tried. They choose; they are in no score and no
interval of the study, whose runs have other seeds.
"""

from collections.abc import Sequence
from typing import Any

from textlstm.study.differences import key, order, values_of
from textlstm.study.edges import edge_of
from textlstm.study.factors import Factor, Level
from textlstm.study.judging import JudgingSettings
from textlstm.study.runs import Run
from textlstm.study.sensitivity import drawn_names

UNTUNED: dict[str, Any] = {"mode": "none", "trials": 0, "by_depth": [], "seconds": 0.0}


def trials_by_level(trials: Sequence[Run], factor: Factor) -> Factor:
    """The trials at the levels of `factor`; those of other levels are left out."""
    levels = tuple(
        Level(level.value, tuple(run for run in trials if key(run.config.get(factor.name)) == key(level.value)))
        for level in factor.levels
    )
    return Factor(factor.name, tuple(level for level in levels if level.runs), {}, {}, ())


def tuning_section(trials: Sequence[Run], factor: Factor, judging: JudgingSettings) -> dict[str, Any]:
    """The `tuning` of `study.json`; by depth what was chosen, how good it was, and what it took."""
    tried = trials_by_level(trials, factor)
    names = drawn_names(tried)
    runs = {key(level.value): level.runs for level in factor.levels}
    rows = [_describe(level, runs[key(level.value)][0], names, judging.metric) for level in tried.levels]
    if not rows:
        return UNTUNED
    return {
        "mode": "per_depth",
        "trials": max(row["trials"] for row in rows),
        "by_depth": rows,
        "seconds": sum(row["seconds"] for row in rows),
    }


def _describe(level: Level, run: Run, names: Sequence[str], metric: str) -> dict[str, Any]:
    """run: one that was trained with the settings that the trials chose."""
    chosen = {name: run.config.get(name) for name in names}
    same = [trial for trial in level.runs if all(key(trial.config.get(name)) == key(chosen[name]) for name in names)]
    tried = {name: sorted(values_of(level.runs, name).values(), key=order) for name in names}
    return {
        "value": level.value,
        "trials": len(level.runs),
        "chosen": chosen,
        "validation": max((trial.best["validation"][metric] for trial in same), default=None),
        "seconds": float(sum(trial.training.get("seconds") or 0.0 for trial in level.runs)),
        "tried": tried,
        "at_edge": [name for name in names if edge_of(chosen[name], tried[name])],
    }
